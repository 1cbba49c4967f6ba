"""The computational graph: numbers forward and backward, and the drawing of them."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st

import symdl as sd
from symdl.computational_graph import Graph, graph_svg
from symdl.graph import build
from symdl.graph.build import Term
from symdl.graph.node import InputInfo
from symdl.render.graph_drawing import picture, show_value
from symdl.render.layered import columns_of, layout
from symdl.render.picture import CONSTANT, INPUT, OPERATION, OUTPUT

SVG = "{http://www.w3.org/2000/svg}"
RECEIPT = {"price": 100, "count": 2, "tax": 1.1}
FRUIT = {"a": 100, "n1": 2, "b": 150, "n2": 3, "tax": 1.1}


def receipt() -> sd.Expr:
    price, count, tax = (sd.tensor(n) for n in ("price", "count", "tax"))
    return sd.let("total", sd.let("subtotal", price * count) * tax)


def fruit() -> sd.Expr:
    a, n1, b, n2, tax = (sd.tensor(n) for n in FRUIT)
    return (a * n1 + b * n2) * tax


def texts(svg: str) -> list[str]:
    """All texts of a drawing; it must be well-formed."""
    return [e.text or "" for e in ElementTree.fromstring(svg).iter(f"{SVG}text")]


def chain(length: int) -> sd.Expr:
    x, w = sd.tensor("x"), sd.tensor("w")
    made = x
    for _ in range(length):
        made = sd.tanh(made * w)
    return made


# --- structure ----------------------------------------------------------------------------------------------


def test_nodes_and_edges_are_the_named_things() -> None:
    graph = Graph.of(receipt())
    assert graph.nodes == ("price", "count", "tax", "subtotal", "total")
    assert set(graph.edges) == {("price", "subtotal"), ("count", "subtotal"), ("subtotal", "total"), ("tax", "total")}
    assert graph.output == "total"


def test_inputs_stand_in_the_order_of_their_last_declaration() -> None:
    kept = [sd.tensor(n) for n in ("tax", "count", "price")]  # made before, and alive
    assert Graph.of(receipt()).inputs == ("price", "count", "tax")
    assert Graph.of(sd.sum(kept[0]) + sd.parse("beta*alpha")).inputs == ("tax", "beta", "alpha")


def test_an_unnamed_expression_is_called_output_and_the_name_stays_free() -> None:
    x = sd.tensor("x")
    assert Graph.of(x * 2).output == "output"
    taken = Graph.of(sd.tensor("output") * x)
    assert taken.output == "output_1"
    assert "output" in taken.inputs


def test_nameless_operations_lie_on_the_edges() -> None:
    x, y = sd.tensor("x"), sd.tensor("y")
    a = sd.let("a", sd.exp(x) * sd.sin(y) + 1)
    graph = Graph.of(sd.let("b", sd.log(a) + x))
    assert set(graph.edges) == {("x", "a"), ("y", "a"), ("a", "b"), ("x", "b")}


def test_str_names_inputs_shapes_and_definitions() -> None:
    X, w = sd.tensor("X", "n", "p"), sd.tensor("w", "p")
    shown = str(Graph.of(sd.let("z", X @ w)))
    assert "X(n, p)" in shown
    assert "w(p,)" in shown
    assert "z[" in shown or "z =" in shown


def test_plain_sympy_is_accepted() -> None:
    x, y = sp.symbols("x y")
    assert set(Graph.of(x * y + sp.sin(x)).inputs) == {"x", "y"}


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Graph.of(sd.tensor("x", "n")[sd.indices("i")]), "index i is open"),
        (lambda: Graph.of(sd.let("a", sd.tensor("x") * 2) + sd.let("a", sd.tensor("x") * 3)), "name a stands for two"),
        (lambda: Graph.of("x*y"), "sd.parse"),
    ],
)
def test_what_is_no_graph_is_refused_in_one_line(make, words) -> None:
    with pytest.raises(sd.SymdlError, match=words) as error:
        make()
    assert "\n" not in str(error.value)


# --- numbers ------------------------------------------------------------------------------------------------


def test_receipt_forward_and_backward() -> None:
    graph = Graph.of(receipt())
    assert graph.forward(**RECEIPT) == pytest.approx({"subtotal": 200.0, "total": 220.0})
    assert graph.backward("total", **RECEIPT) == pytest.approx({"price": 2.2, "count": 110.0, "tax": 200.0, "subtotal": 1.1, "total": 1.0})
    assert all(type(v) is float for v in graph.backward("total", **RECEIPT).values())


def test_backward_from_an_intermediate_result() -> None:
    back = Graph.of(receipt()).backward("subtotal", **RECEIPT)
    assert back == pytest.approx({"price": 2.0, "count": 100.0, "tax": 0.0, "subtotal": 1.0})


def test_apples_and_oranges() -> None:
    graph = Graph.of(fruit())
    assert graph.forward(**FRUIT) == pytest.approx({"output": 715.0})
    assert graph.backward("output", **FRUIT) == pytest.approx({"a": 2.2, "n1": 110.0, "b": 3.3, "n2": 165.0, "tax": 650.0, "output": 1.0})


def test_a_value_used_twice_gets_both_derivatives() -> None:
    x = sd.tensor("x")
    a = sd.let("a", x * x)
    graph = Graph.of(sd.let("y", a * x + a))
    x0 = 1.7
    assert graph.backward("y", x=x0) == pytest.approx({"x": 3 * x0**2 + 2 * x0, "a": x0 + 1, "y": 1.0})


def test_tensors_give_arrays_of_their_shape() -> None:
    X, w = sd.tensor("X", "n", "p"), sd.tensor("w", "p")
    graph = Graph.of(sd.let("s", sd.sum(sd.let("z", X @ w) ** 2)))
    rng = np.random.default_rng(3)
    X0, w0 = rng.normal(size=(4, 3)), rng.normal(size=3)
    forward, back = graph.forward(X=X0, w=w0), graph.backward("s", X=X0, w=w0)
    np.testing.assert_allclose(forward["z"], X0 @ w0)
    np.testing.assert_allclose(back["w"], 2 * X0.T @ (X0 @ w0))
    np.testing.assert_allclose(back["z"], 2 * X0 @ w0)
    assert back["X"].shape == (4, 3)


def test_a_derivative_that_is_the_same_everywhere_still_has_its_shape() -> None:
    x = sd.tensor("x", "n")
    back = Graph.of(sd.let("s", sd.sum(x))).backward("s", x=[1.0, 2.0, 3.0])
    np.testing.assert_allclose(back["x"], np.ones(3))


@settings(deadline=None, max_examples=25)
@given(st.lists(st.floats(-2, 2), min_size=4, max_size=4))
def test_backward_agrees_with_differences(values: list[float]) -> None:
    names = ("p", "q", "r", "s")
    p, q, r, s = (sd.tensor(n) for n in names)
    u = sd.let("u", sd.sin(p * q) + r)
    graph = Graph.of(sd.let("y", sd.sigmoid(u) * s + u**2))
    at = dict(zip(names, values, strict=True))
    back = graph.backward("y", **at)
    for name in names:
        h = 1e-6
        up, down = (graph.forward(**{**at, name: at[name] + d})["y"] for d in (h, -h))
        assert back[name] == pytest.approx((up - down) / (2 * h), abs=1e-6)


def test_a_long_chain() -> None:
    graph = Graph.of(chain(3000))
    value, slope = 0.5, 1.0
    for _ in range(3000):
        value = float(np.tanh(value))
        slope *= 1 - value**2
    assert graph.forward(x=0.5, w=1.0)["output"] == pytest.approx(value, rel=1e-12)
    assert graph.backward("output", x=0.5, w=1.0)["x"] == pytest.approx(slope, rel=1e-9)


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda g: g.forward(price=1, count=2), "no value for tax"),
        (lambda g: g.forward(), "no value for price, count, tax"),
        (lambda g: g.forward(**RECEIPT, discount=1), "'discount' is not an input"),
        (lambda g: g.forward(**RECEIPT, subtotal=1), "'subtotal' is a result"),
        (lambda g: g.forward(price=float("nan"), count=1, tax=1), "price .* not finite"),
        (lambda g: g.forward(price=float("inf"), count=1, tax=1), "price .* not finite"),
        (lambda g: g.forward(price="100", count=1, tax=1), "price .* text"),
        (lambda g: g.forward(price=[1, 2], count=1, tax=1), "price has the shape"),
        (lambda g: g.forward(price=1j, count=1, tax=1), "price .* not a number"),
        (lambda g: g.forward(price=None, count=1, tax=1), "price"),
        (lambda g: g.backward("totl", **RECEIPT), "'totl' is not a result"),
        (lambda g: g.backward("price", **RECEIPT), "'price' is not a result"),
        (lambda g: g.backward("total", price=1), "no value for count, tax"),
    ],
)
def test_bad_values_are_refused_in_one_line(call, words) -> None:
    with pytest.raises(sd.SymdlError, match=words) as error:
        call(Graph.of(receipt()))
    assert "\n" not in str(error.value)


def test_backward_needs_a_scalar() -> None:
    x = sd.tensor("x", 3)
    with pytest.raises(sd.ShapeError, match="scalar"):
        Graph.of(sd.let("y", x * 2)).backward("y", x=[1, 2, 3])


def test_a_value_outside_the_domain_is_no_silent_nan() -> None:
    with pytest.raises(sd.SymdlError):
        Graph.of(sd.log(sd.tensor("x"))).forward(x=-1.0)


# --- the drawing --------------------------------------------------------------------------------------------


def arrows(expr: sd.Expr, values: dict) -> dict[tuple[str, str], tuple[str, str, bool]]:
    """(from, to) -> (above, below, shared), vertices named by caption or text."""
    graph = Graph.of(expr)
    made = picture(graph._expr.node, graph._numbers(values))

    def name(k: int) -> str:
        v = made.vertices[k]
        return v.text if v.kind != OPERATION else v.caption or v.text

    return {(name(a.source), name(a.target)): (a.above, a.below, a.shared) for a in made.arrows}


def test_receipt_values_stand_at_the_right_arrows() -> None:
    found = arrows(receipt(), RECEIPT)
    assert found["price", "subtotal"] == ("100", "2.2", False)
    assert found["count", "subtotal"] == ("2", "110", False)
    assert found["tax", "×"] == ("1.1", "200", False)
    assert found["subtotal", "×"] == ("200", "1.1", True)  # the derivative that price and count share
    assert found["×", "total"] == ("220", "1", False)


def test_apples_and_oranges_share_one_derivative() -> None:
    graph = Graph.of(fruit())
    made = picture(graph._expr.node, graph._numbers(FRUIT))
    plus = next(k for k, v in enumerate(made.vertices) if v.text == "+")
    assert made.vertices[plus].shared
    (out,) = [a for a in made.arrows if a.source == plus]
    assert (out.above, out.below, out.shared) == ("650", "1.1", True)
    assert any(line.startswith("1.1 = ") and "a × n1" in line and "b × n2" in line for line in made.legend)
    below = {made.vertices[a.source].text: a.below for a in made.arrows if made.vertices[a.source].kind == INPUT}
    assert below == {"a": "2.2", "n1": "110", "b": "3.3", "n2": "165", "tax": "650"}


def test_above_is_above_and_below_is_below(tmp_path: Path) -> None:
    target = Graph.of(receipt()).draw(tmp_path / "apple.svg", values=RECEIPT)
    assert target == tmp_path / "apple.svg"
    root = ElementTree.fromstring(target.read_text(encoding="utf-8"))
    height = {e.text: float(e.get("y", "nan")) for e in root.iter(f"{SVG}text") if e.get("class") in ("f", "b", "s")}
    for forward, backward in (("100", "2.2"), ("220", "1"), ("200", "1.1")):
        if forward != "200":  # 200 stands at two arrows, as a value and as a derivative
            assert height[forward] < height[backward]
    shown = texts(target.read_text(encoding="utf-8"))
    for text in ("price", "count", "tax", "subtotal", "total", "100", "2", "1.1", "200", "220", "2.2", "110"):
        assert text in shown


def test_an_input_used_twice_shows_the_sum_of_its_derivatives() -> None:
    x = sd.tensor("x")
    assert "Σ 7" in texts(graph_svg(x**2 + x, {"x": 3}))


def test_drawing_without_values_shows_operations_and_shapes() -> None:
    X, W, b = sd.tensor("X", "n", "p"), sd.tensor("W", "p", "h"), sd.tensor("b", "h")
    shown = texts(graph_svg(sd.sum(sd.sigmoid(X @ W + b))))
    assert {"X", "W", "b", "(n, p)", "(p, h)", "σ", "+", "output"} <= set(shown)


def test_tensors_show_the_shape_for_the_value() -> None:
    X, w = sd.tensor("X", "n", "p"), sd.tensor("w", "p")
    shown = texts(graph_svg(sd.sum((X @ w) ** 2), {"X": np.ones((4, 3)), "w": np.ones(3)}))
    assert "(4, 3)" in shown
    assert "(3,)" in shown


def test_signs_coefficients_and_constants() -> None:
    y, t = sd.tensor("y"), sd.tensor("t")
    graph = Graph.of((y - t) ** 2 / 2 + 3 * y + 7)
    made = picture(graph._expr.node, graph._numbers({"y": 2, "t": 5}))
    constants = {v.text for v in made.vertices if v.kind == CONSTANT}
    assert constants == {"1/2", "3", "7"}
    assert sum(a.sign != "" for a in made.arrows) == 1
    assert [v.text for v in made.vertices if v.kind == OUTPUT] == ["output"]


def test_two_names_for_one_result_are_both_drawn() -> None:
    x = sd.tensor("x")
    e = sd.exp(x)
    shown = texts(graph_svg(sd.let("a", e) * sd.let("b", e), {"x": 0.0}))
    assert "a" in shown
    assert "b" in shown


def test_degenerate_graphs_are_drawn() -> None:
    x = sd.tensor("x")
    for expr, values in ((x, {"x": 1}), (sd.let("c", 3), {}), (x * 0 + 1, {})):
        assert texts(graph_svg(expr, values))


def test_user_names_are_escaped() -> None:
    evil = '<script>alert("x")</script>&'
    node = build.input_node(InputInfo(evil, sp.Symbol("evil"), frozenset()), ())
    svg = graph_svg(sd.Expr(Term(node, ())) * sd.tensor("y"))
    assert "<script" not in svg
    root = ElementTree.fromstring(svg)
    assert any((e.text or "").startswith("<script>") for e in root.iter(f"{SVG}text"))


def test_a_chain_of_300_is_broken_into_rows() -> None:
    svg = graph_svg(chain(300), {"x": 0.5, "w": 1.1})
    root = ElementTree.fromstring(svg)
    width, height = float(root.get("width", 0)), float(root.get("height", 0))
    assert width < 2500
    assert height > width
    assert texts(svg).count("tanh") == 300
    assert texts(svg).count("w") > 10  # the input stands in every row


def test_too_large_a_drawing_is_refused() -> None:
    with pytest.raises(sd.UnsupportedError, match="too many to draw"):
        graph_svg(chain(2000))


@pytest.mark.parametrize("name", ["apple.png", "apple", "apple.pdf"])
def test_other_endings_are_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(sd.UnsupportedError, match=r"\.svg"):
        Graph.of(receipt()).draw(tmp_path / name)
    assert not list(tmp_path.iterdir())


def test_drawings_do_not_depend_on_the_day() -> None:
    assert graph_svg(fruit(), FRUIT) == graph_svg(fruit(), FRUIT)


@pytest.mark.parametrize(
    ("value", "shown"),
    [(2.2000000000000002, "2.2"), (715.0000000000001, "715"), (-0.5, "−0.5"), (1e-12, "1e-12"), (1.5e20, "1.5e20"), (np.ones((2, 3)), "(2, 3)"), (0, "0")],
)
def test_values_as_a_person_writes_them(value, shown) -> None:
    assert show_value(value) == shown


# --- the layout ---------------------------------------------------------------------------------------------

dags = st.integers(2, 24).flatmap(
    lambda n: st.tuples(st.just(n), st.lists(st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)).filter(lambda e: e[0] < e[1]), max_size=40))
)


@settings(deadline=None, max_examples=60)
@given(dags)
def test_layout_never_lets_boxes_overlap(graph) -> None:
    count, edges = graph
    sizes = [(40.0 + 7 * (k % 3), 34.0) for k in range(count)]
    placed = layout(sizes, edges, [20.0] * len(edges))
    boxes = [(x - w / 2, y - h / 2, x + w / 2, y + h / 2) for (x, y), (w, h) in zip(placed.centres, sizes, strict=True)]
    for i, a in enumerate(boxes):
        for b in boxes[i + 1 :]:
            assert a[2] <= b[0] or b[2] <= a[0] or a[3] <= b[1] + 1e-6 or b[3] <= a[1] + 1e-6
    assert all(0 <= x <= placed.width and -1e-6 <= y <= placed.height + 1e-6 for x, y in placed.centres)
    for (source, target), path in zip(edges, placed.paths, strict=True):
        assert path[0][0] == pytest.approx(boxes[source][2])
        assert path[-1][0] == pytest.approx(boxes[target][0])


@given(dags)
@settings(deadline=None, max_examples=40)
def test_arrows_lead_to_the_right(graph) -> None:
    count, edges = graph
    columns = columns_of(count, edges)
    assert all(columns[a] < columns[b] for a, b in edges)


def test_no_two_labels_of_a_small_graph_overlap() -> None:
    svg = graph_svg(fruit(), FRUIT)
    labels = [(float(x), float(y)) for x, y in re.findall(r'<text class="[fbs]" x="([\d.-]+)" y="([\d.-]+)">', svg.rsplit("</g>", 1)[0])]
    assert len(labels) > 15
    assert len({(round(x), round(y)) for x, y in labels}) == len(labels)
