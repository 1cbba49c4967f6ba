"""Gradients of scalars as rows of a flat table: the values are those of the nodes, and no node is made before somebody looks."""

from __future__ import annotations

import gc
import itertools
import math
import random
import time
import tracemalloc

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

import symdl as sd
from symdl.diff import few, partials, recipes, taped
from symdl.errors import NameError_, SymdlError
from symdl.expr.later import Later
from symdl.expr.tensor import elementwise
from symdl.functions import TABLE
from symdl.graph import node as kinds
from symdl.graph import tape as rows
from symdl.lower import levels, numpy_backend, one_by_one, tabled
from symdl.lower.compiled import Compiled
from symdl.lower.machine import evaluation

FUNCTIONS = sorted(name for name, entry in TABLE.items() if entry.nargs <= 2)
#: Where all of them are defined.
POINTS = [{"x0": 0.31, "x1": 0.83, "x2": 0.57, "x3": 0.44}, {"x0": 0.92, "x1": 0.12, "x2": 0.66, "x3": 0.25}]


def table_values(tape, given):
    """All rows, one after the other."""
    numbers = [float(number) for number in tape.numbers]
    functions = [evaluation(name) for name in tape.functions]
    found = []
    table = tape.rows
    for k, (code, attr) in enumerate(zip(table.code.tolist(), table.attr.tolist(), strict=True)):
        operands = slice(table.start[k], table.start[k + 1])
        assert all(a < k for a in table.args[operands])
        args = [found[a] for a in table.args[operands].tolist()]
        weights = [numbers[w] for w in table.weights[operands].tolist()]
        made = {
            rows.INPUT: lambda attr=attr: given[tape.inputs[attr].name],
            rows.CONST: lambda attr=attr: numbers[attr],
            rows.LINEAR: lambda attr=attr, args=args, weights=weights: numbers[attr] + sum(w * a for w, a in zip(weights, args, strict=True)),
            rows.PRODUCT: lambda attr=attr, args=args: numbers[attr] * math.prod(args),
            rows.POWER: lambda attr=attr, args=args: np.float64(args[0]) ** numbers[attr],
            rows.CALL: lambda attr=attr, args=args: functions[attr](*map(np.float64, args)),
            rows.NAMED: lambda args=args: args[0],
        }[code]()
        found.append(float(made))
    return found


def by_table(loss, names, given):
    """The gradient's values, row by row; None where the table is not used."""
    tensors = [sd.tensor(name).node for name in names]
    answers, lengths = [], []
    for way in (taped._gradient_of_few, taped._gradient_of_many):
        found = way(rows.under(loss.node), tensors)
        if found is None:
            answers.append(None)
            continue
        with np.errstate(all="ignore"):
            values = table_values(found.tape, given)
        answers.append([values[row] if row >= 0 else 0.0 for row in found.by.tolist()])
        lengths.append(int((found.tape.rows.code != rows.CONST).sum()))
    one, other = answers
    assert (one is None) == (other is None)
    if one is not None:
        # Row by row and by operations on arrays: the same rows but for numbers, in another order.
        assert lengths[0] == lengths[1]
        assert np.allclose(one, other, rtol=1e-12, atol=1e-14 * max(1.0, *map(abs, other)), equal_nan=True)
    return one


STEPS = st.lists(
    st.tuples(st.sampled_from(["+", "-", "*", "/", "**", "sqrt", "let", "number", *FUNCTIONS]), st.integers(0, 99), st.integers(0, 99)),
    min_size=1,
    max_size=14,
)


def calculation(steps, most=6):
    """A random scalar calculation; what is not defined is left out."""
    found = [sd.tensor(f"x{k}") for k in range(4)]
    for count, (what, k, m) in enumerate(steps):
        a, b = found[-1 - k % min(most, len(found))], found[m % len(found)]
        try:
            if what in TABLE:
                made = elementwise(what, *[a, b][: TABLE[what].nargs])
            elif what == "let":
                made = sd.let(f"r{count}", a)
            elif what == "number":
                made = a * (k - 40) / (m + 1) + m
            else:
                made = {"+": a + b, "-": a - 2 * b, "*": a * b, "/": a / (1 + b * b), "**": a ** (m % 5 - 1), "sqrt": sd.sqrt(1 + a * a)}[what]
        except SymdlError:
            continue
        found.append(made)
    total = found[-1]
    for one in found[4:-1]:
        total = total + one
    return total


@settings(max_examples=80, deadline=None)
@given(STEPS)
def test_rows_and_nodes_have_the_same_values(steps):
    loss = calculation(steps)
    names = [name for name in ("x0", "x1", "x2", "x3") if name in loss.inputs]
    assume(names)
    derived = sd.derive(loss, names)
    for point in POINTS:
        found = by_table(loss, names, point)
        if found is None:  # a function whose derivative is 0 everywhere
            return
        given_values = {k: v for k, v in point.items() if k in names}
        try:
            expected = [sd.evaluate(derived[name], **{k: v for k, v in given_values.items() if k in derived[name].inputs}) for name in names]
        except SymdlError:
            continue
        scale = max(1.0, max(map(abs, expected)))
        assert np.allclose(found, expected, rtol=1e-11, atol=1e-13 * scale)


@pytest.mark.parametrize("name", sorted(name for name, entry in TABLE.items()))
def test_every_function_of_the_table_by_rows(name):
    args = [sd.tensor(f"x{k}") for k in range(TABLE[name].nargs)]
    loss = elementwise(name, *[2 * a for a in args]) * args[0]
    names = [a.name for a in args]
    found = by_table(loss, names, POINTS[0])
    if found is None:
        assert any(recipes.recipe(name, k) is None for k in range(TABLE[name].nargs))
        return
    derived = sd.derive(loss, names)
    try:
        expected = [sd.evaluate(derived[n], **{k: POINTS[0][k] for k in derived[n].inputs}) for n in names]
    except SymdlError:
        return  # outside its domain
    assert np.allclose(found, expected, rtol=1e-13, atol=1e-14)


def test_a_wrong_local_partial_shows(monkeypatch):
    loss = calculation([("sin", 0, 0), ("*", 0, 1)])
    names = [name for name in ("x0", "x1", "x2", "x3") if name in loss.inputs]
    right = by_table(loss, names, POINTS[0])
    for way in (partials, few):
        monkeypatch.setattr(way, "recipe", lambda name, position: recipes.recipe("cos", position))
    wrong = by_table(loss, names, POINTS[0])
    assert not np.allclose(right, wrong, rtol=1e-3)


def large(n, seed=5, functions=("sin", "exp", "sigmoid", "tanh", "softplus")):
    draw = random.Random(seed)
    nodes = [sd.tensor(f"x{k}") for k in range(8)]
    for _ in range(n):
        what = draw.choice(["+", "*", "/", *functions])
        a, b = (nodes[-1 - draw.randrange(min(40, len(nodes)))] for _ in range(2))
        made = {"+": lambda: (a + b) / 2, "*": lambda: a * b, "/": lambda: a / (1 + b * b)}  # noqa: B023
        nodes.append(made[what]() if what in made else elementwise(what, -a * a if what == "exp" else a))
    total = nodes[-1]
    for node in nodes[-40:-1]:
        total = total + node
    return total, [x for x in nodes[:8] if x.name in total.inputs]


def test_no_node_is_made_before_somebody_looks():
    loss, wrt = large(3000)
    before = len(kinds._table)
    d = sd.derive(loss, wrt)
    assert len(kinds._table) == before
    assert all(type(d.gradients[x.name]) is Later for x in wrt)
    run = sd.value_and_grad(loss, wrt)
    run(**{x.name: 0.4 for x in wrt})
    assert len(kinds._table) == before
    assert d[wrt[0]].node.op != kinds.CONST
    assert len(kinds._table) > before


def test_a_program_from_rows_is_the_program_from_nodes(monkeypatch):
    loss, wrt = large(3000)
    values = {x.name: 0.15 + 0.1 * k for k, x in enumerate(wrt)}
    value, found = sd.value_and_grad(loss, wrt)(**values)
    monkeypatch.setattr(tabled, "results", lambda exprs: None)
    other, expected = sd.value_and_grad(loss, wrt)(**values)
    assert value == pytest.approx(other, rel=1e-13)
    assert list(found) == list(expected)
    scale = max(abs(v) for v in expected.values())
    for name, one in expected.items():
        assert found[name] == pytest.approx(one, rel=1e-11, abs=1e-13 * scale)


def test_digits_of_a_saturated_sigmoid_stay(monkeypatch):
    """1 - sigmoid(40) is 0 in floats; the slope is not."""
    monkeypatch.setattr(tabled, "SMALL", 0)
    x, y = sd.tensor("x"), sd.tensor("y")
    found = sd.lambdify([x, y], list(sd.grad(sd.sigmoid(x) * y + sd.tanh(x), [x, y]).values()))(40.0, 3.0)
    assert found[0] == pytest.approx(3 * math.exp(-40) + 4 * math.exp(-80), rel=1e-13)
    assert sd.lambdify([x], sd.grad(sd.tanh(x), x))(30.0) == pytest.approx(4 * math.exp(-60), rel=1e-13)
    assert sd.lambdify([x], sd.grad(sd.exp(-x * x), x))(3.0) == pytest.approx(-6 * math.exp(-9), rel=1e-15)


@pytest.mark.parametrize(
    "make",
    [
        lambda z, y: sd.log(sd.sigmoid(z)),
        lambda z, y: 1 - sd.sigmoid(z),
        lambda z, y: sd.sigmoid(z) - y,
        lambda z, y: sd.exp(z) / (1 + sd.exp(z)),
        lambda z, y: sd.exp(z) * sd.sigmoid(-z),
        lambda z, y: sd.exp(z) - sd.exp(-z),
        lambda z, y: 1 - sd.let("s", sd.tanh(z)),
        lambda z, y: (1 + sd.cos(z)) ** 2 - 2 * sd.cos(z),
    ],
)
def test_what_would_be_rewritten_goes_by_nodes(monkeypatch, make):
    """The rewrites that keep digits speak of nodes."""
    monkeypatch.setattr(tabled, "SMALL", 0)
    x, y = sd.tensor("x"), sd.tensor("y")
    gradient = sd.grad(make(x * y, y), [x, y])
    assert tabled.results(list(gradient.values())) is None
    assert tabled.results(list(sd.grad(sd.sin(x * y) * sd.sigmoid(x) * y, [x, y]).values())) is not None


def test_targets_that_are_named_or_absent():
    x, y, absent = sd.tensor("x"), sd.tensor("y"), sd.tensor("absent")
    a = sd.let("a", sd.sin(x) * y)
    loss = a**2 + sd.exp(x)
    g = sd.grad(loss, [a, x, absent, y])
    values = {"x": 0.3, "y": 0.7}
    assert sd.evaluate(g["a"], **values) == pytest.approx(1.4 * math.sin(0.3), rel=1e-15) and g["absent"] == 0
    slope = 2 * math.sin(0.3) * 0.7
    assert sd.evaluate(g["x"], **values) == pytest.approx(slope * 0.7 * math.cos(0.3) + math.exp(0.3), rel=1e-14)
    found = taped.gradient(loss.node, [a.node, loss.node, absent.node])
    assert found.by[2] == -1 and table_values(found.tape, values)[found.by[1]] == 1.0
    assert table_values(found.tape, values)[found.by[0]] == pytest.approx(slope, rel=1e-14)


def test_only_what_leads_to_a_target_is_differentiated():
    """A deep calculation beside the way, of other inputs and of numbers."""
    x, other = sd.tensor("x"), sd.tensor("other")
    beside = other
    for _ in range(2000):
        beside = sd.sin(beside)
    found = taped.gradient((sd.exp(x) * beside).node, [x.node])
    assert len(found.tape.rows) < 2000 + 12
    assert table_values(found.tape, {"x": 0.0, "other": 0.0})[found.by[0]] == 0.0


def test_two_of_one_name_are_told():
    x = sd.tensor("x")
    with pytest.raises(NameError_, match="stands for two"):
        sd.derive(sd.let("a", sd.sin(x)) * sd.let("a", sd.cos(x)), [x])


def test_steps_without_a_slope_and_numbers():
    x = sd.tensor("x")
    assert sd.grad(sd.step(x), x) == 0
    assert sd.grad(x, x) == 1
    assert sd.evaluate(sd.grad(sd.sin(sd.tensor("c") * 0 + 1) * x, x)) == pytest.approx(math.sin(1))


def test_gradients_by_name_are_a_mapping():
    x, y = sd.tensor("x"), sd.tensor("y")
    d = sd.derive(sd.sin(x) * y, [x, y])
    assert list(d) == ["x", "y"] and len(d.gradients) == 2 and "x" in d.gradients and "z" not in d.gradients
    assert {name: str(g) for name, g in d.items()} == {"x": "y*cos(x)", "y": "sin(x)"}
    assert dict(d.gradients)["y"] == sd.sin(x)
    with pytest.raises(NameError_):
        d["z"]


# --- cost -----------------------------------------------------------------------------------------------------------


def test_twenty_thousand_nodes_are_derived_in_a_moment():
    """Some 0.05 seconds of work; without the table it was 1."""
    loss, wrt = large(20_000, functions=("sin", "exp", "sigmoid"))
    gc.collect()
    started = time.process_time()
    d = sd.derive(loss, wrt)
    assert time.process_time() - started < 1
    assert len(d.gradients) == len(wrt)


def test_bytes_for_each_row():
    loss, wrt = large(10_000)
    sd.derive(loss, wrt)
    gc.collect()
    tracemalloc.start()
    d = sd.derive(loss, wrt)
    held, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    count = len(taped.gradient(loss.node, [x.node for x in wrt]).tape.rows)
    assert held < 80 * count and peak < 400 * count
    assert len(d) == len(wrt)


def test_functions_of_thousands_of_arguments():
    xs = [sd.tensor(f"x{k}") for k in range(4000)]
    total = xs[0] * xs[1]
    for a, b in itertools.pairwise(xs[1:]):
        total = total + sd.sin(a) * b
    run = sd.lambdify(xs, list(sd.grad(total, xs).values()))
    values = np.linspace(0.1, 0.9, 4000)
    started = time.process_time()
    found = run(*values)
    assert time.process_time() - started < 10
    expected = np.zeros(4000)
    expected[0], expected[1] = values[1], values[0]
    expected[1:-1] += np.cos(values[1:-1]) * values[2:]
    expected[2:] += np.sin(values[1:-1])
    assert np.allclose(found, expected, rtol=1e-12)


def layered(width, layers=3):
    """A network written out in scalars: wide and not deep."""
    units = [sd.tensor(f"u{k}") for k in range(width)]
    weights = []
    for layer in range(layers):
        made = []
        for k in range(width):
            ws = [sd.tensor(f"w{layer}_{k}_{m}") for m in range(width)]
            weights += ws
            total = ws[0] * units[0]
            for w, u in zip(ws[1:], units[1:], strict=True):
                total = total + w * u
            made.append((sd.tanh(total) + 2) ** -1 if layer % 2 else sd.sigmoid(total) / 3)
        units = made
    loss = units[0] ** 3
    for unit in units[1:]:
        loss = loss + unit**3
    return loss, weights


def test_wide_programs_are_computed_level_by_level(monkeypatch):
    loss, wrt = layered(28)
    values = {name: 0.5 * math.sin(k) for k, name in enumerate(loss.inputs)}
    derived = sd.derive(loss, wrt)
    compiled = Compiled([loss, *derived.gradients.values()])
    program = compiled.program(dict.fromkeys(compiled.names, ()))
    fast = levels.without_lines(program)
    assert type(fast) is levels.Levels
    monkeypatch.setattr(numpy_backend, "without_lines", lambda program: None)
    lines = numpy_backend.compile_program(program)
    given_values = [values[name] for name in compiled.names]
    found, expected = fast(*given_values), lines(*given_values)
    assert np.allclose(found, expected, rtol=1e-13, atol=0)
    step = 1e-6
    name = wrt[5].name
    one, two = (fast(*[v + sign * step if n == name else v for n, v in zip(compiled.names, given_values, strict=True)])[0] for sign in (1, -1))
    assert found[6] == pytest.approx((one - two) / (2 * step), rel=1e-3)  # its digits are those of a difference


def test_deep_programs_are_computed_row_by_row_and_short_ones_stay_lines(monkeypatch):
    loss, wrt = large(3000)
    compiled = Compiled([loss, *sd.derive(loss, wrt).gradients.values()])
    program = compiled.program(dict.fromkeys(compiled.names, ()))
    long = levels.without_lines(program)
    assert type(long) is one_by_one.OneByOne
    monkeypatch.setattr(numpy_backend, "without_lines", lambda program: None)
    lines = numpy_backend.compile_program(program)
    values = [0.3 * math.cos(k) for k in range(len(compiled.names))]
    assert np.allclose(long(*values), lines(*values), rtol=1e-13, atol=0)
    monkeypatch.setattr(levels, "LONG", 10**9)
    assert levels.without_lines(program) is None


@pytest.mark.parametrize("make", [lambda: large(2500), lambda: layered(30)])
def test_columns_give_what_the_program_from_rows_gives(make):
    loss, wrt = make()
    derived = sd.derive(loss, wrt)
    wanted = tabled.results([loss, *derived.gradients.values()])
    assert wanted is not None
    lines = numpy_backend.compile_program(tabled.program(wanted, "float64"))
    values = [0.4 * math.sin(3 * k + 1) for k in range(len(wanted.inputs))]
    with np.errstate(all="ignore"):
        assert np.allclose(wanted.function()(*values), lines(*values), rtol=1e-12, atol=1e-300)
