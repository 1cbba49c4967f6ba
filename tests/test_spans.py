"""More features than samples: parameters kept in the directions that data span. The same path from fewer operations, or nothing."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import symdl as sd
from symdl.graph import build
from symdl.graph.build import Term
from symdl.graph.graft import graft
from symdl.graph.walk import inputs
from symdl.lower import spans

n, p, q, h, k = sd.dims("n p q h k")
X, Z, Y, y = sd.tensor("X", n, p), sd.tensor("Z", n, q), sd.tensor("Y", n, k), sd.tensor("y", n)
w, W, V, b, c = sd.tensor("w", p), sd.tensor("W", p, h), sd.tensor("V", p, h), sd.tensor("b", h), sd.tensor("c", k)
U, A, T, B = sd.tensor("U", h, k), sd.tensor("A", h, p), sd.tensor("T", p, q), sd.tensor("B", p, p)
X3, S = sd.tensor("X3", n, 40), sd.tensor("S", 3, n, p)
W3 = sd.tensor("W3", 40, h)
SIZES = {n: 6, p: 40, q: 33, h: 3, k: 2}

#: Name -> loss, its parameters, and those that are kept in fewer directions.
SPANNED: dict[str, tuple[Any, list[str], str]] = {
    "logistic regression": (sd.sum(sd.softplus(X @ w) - y * (X @ w)) / n, ["w"], "w"),
    "a network": (sd.sum((sd.tanh(X @ W + b) @ U + c - Y) ** 2) / n, ["W", "b", "U", "c"], "W"),
    "a network of fixed size": (sd.sum((sd.tanh(X3 @ W3 + b) @ U + c - Y) ** 2) / n, ["W3", "b", "U", "c"], "W3"),
    "PyTorch's layout": (sd.sum((sd.tanh(X @ A.T + b) @ U + c - Y) ** 2) / n, ["A", "b", "U", "c"], "A"),
    "two layers on the same data": (sd.sum(((sd.sigmoid(X @ V) * (X @ W)) @ U - Y) ** 2) / n, ["W", "V", "U"], "W V"),
    "data made of data": (sd.sum((sd.tanh((X / 3 - sd.mean(X, axis=0)) @ W) @ U - Y) ** 2) / n, ["W", "U"], "W"),
    "data on both sides": (sd.sum(sd.softplus(sd.sum((X @ T) * Z, axis=1)) - y) / n, ["T"], "T"),
    "data meet data": (sd.sum((sd.tanh(X @ W) @ U - Y) ** 2) / n + sd.sum(X @ X.T) + sd.sum(X @ w), ["W", "U", "w"], "W w"),
    "two tensors of data": (sd.sum((X @ w - y) ** 2) / n + sd.sum(sd.softplus(S @ w)) / n, ["w"], "w"),
    "a sum of parameters": (sd.sum((sd.tanh(X @ (W + 2 * V)) @ U - Y) ** 2) / n, ["W", "V", "U"], "W V"),
    "two layers of one size": (sd.sum((X @ B @ w - y) ** 2) / n, ["B", "w"], "B"),
    "a name": (sd.sum((sd.tanh(sd.let("z", X @ W)) @ U - Y) ** 2) / n + sd.mean(sd.let("z", X @ W) ** 2), ["W", "U"], "W"),
}

#: Losses that depend on what lies outside the span, or whose parameters leave it.
NOT_SPANNED: dict[str, tuple[Any, list[str]]] = {
    "ridge": (sd.sum((X @ w - y) ** 2) / n + sd.sum(w**2), ["w"]),
    "lasso": (sd.sum((X @ w - y) ** 2) / n + sd.sum(sd.abs(w)), ["w"]),
    "a sum over features": (sd.sum((X @ w - y) ** 2) / n + sd.sum(w), ["w"]),
    "features of their own weight": (sd.sum((X @ (w * sd.tensor("u", p)) - y) ** 2) / n, ["w", "u"]),
    "a function of features": (sd.sum((X @ sd.tanh(w) - y) ** 2) / n, ["w"]),
    "tied layers": (sd.sum((sd.tanh(X @ W) @ W.T - X) ** 2) / n, ["W"]),
    "parameters meet": (sd.sum((X @ W) ** 2) / n + sd.sum((W.T @ V) ** 2), ["W", "V"]),
    "one feature alone": (sd.sum((X @ w - y) ** 2) / n + w[0] ** 2, ["w"]),
}


def shapes_of(loss: Any) -> dict[str, tuple[int, ...]]:
    return {str(t.name): tuple(SIZES.get(s, s) for s in t.shape) for t in inputs([loss.node])}


def numbers(loss: Any, seed: int = 0) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    return {name: rng.standard_normal(shape) for name, shape in shapes_of(loss).items()}


def trained(loss: Any, names: list[str], **options: Any) -> Any:
    given = numbers(loss)
    params = {m: 0.1 * given[m] for m in names}
    data = {m: v for m, v in given.items() if m not in names}
    return sd.train(loss, params, data, **{"lr": 1e-2, "epochs": 60, "backend": "numpy"} | options)


def same(one: Any, two: Any, tolerance: float = 1e-10) -> bool:
    near = all(np.allclose(one.params[m], two.params[m], rtol=0, atol=tolerance * np.max(np.abs(two.params[m]))) for m in two.params)
    return near and np.allclose(one.history, two.history, rtol=tolerance, atol=0)


@pytest.mark.parametrize("name", SPANNED)
@pytest.mark.parametrize("method", ["gd", "momentum"])
def test_the_same_path_in_fewer_directions(name: str, method: str) -> None:
    loss, names, kept = SPANNED[name]
    fewer = trained(loss, names, hoist=True, method=method, lr=2e-3)
    assert "directions that they span" in str(fewer.plan) and fewer.plan.taken
    assert all(f"{m} of shape" in str(fewer.plan) for m in kept.split())
    assert same(fewer, trained(loss, names, hoist=False, method=method, lr=2e-3))
    assert {m: np.shape(v) for m, v in fewer.params.items()} == {m: shapes_of(loss)[m] for m in names}


@pytest.mark.parametrize("name", NOT_SPANNED)
def test_what_leaves_the_span_is_left_alone(name: str) -> None:
    loss, names = NOT_SPANNED[name]
    result = trained(loss, names, hoist=True, lr=1e-3)
    assert "directions" not in str(result.plan)
    assert same(result, trained(loss, names, hoist=False, lr=1e-3))


def test_batches_are_cut_from_the_new_data() -> None:
    for name in ("a network", "two layers on the same data", "PyTorch's layout"):
        loss, names, _ = SPANNED[name]
        fewer, plain = (trained(loss, names, hoist=h, batch=4, seed=3) for h in (True, False))
        assert "directions" in str(fewer.plan)
        assert same(fewer, plain)


def test_data_made_of_a_batch_are_not_the_same_at_every_step() -> None:
    loss, names, _ = SPANNED["data made of data"]
    fewer, plain = (trained(loss, names, hoist=h, batch=4, seed=3) for h in (True, False))
    assert "directions" not in str(fewer.plan)
    assert same(fewer, plain)


@pytest.mark.parametrize("options", [{"method": "adam"}, {"callback": lambda *_: None}], ids=["adam", "callback"])
def test_where_the_path_itself_is_wanted(options: dict[str, Any]) -> None:
    loss, names, _ = SPANNED["a network"]
    fewer, plain = (trained(loss, names, hoist=h, **options) for h in (True, False))
    assert "directions" not in str(fewer.plan)
    assert same(fewer, plain, 0)


def test_not_with_a_checkpoint(tmp_path: Any) -> None:
    loss, names, _ = SPANNED["a network"]
    result = trained(loss, names, hoist=True, checkpoint=tmp_path / "run.npz")
    assert "directions" not in str(result.plan)


def test_bounded_parameters_are_left_alone() -> None:
    bounded = sd.tensor("v", p, facts="positive")
    assert not list(spans_of(sd.sum((X @ bounded - y) ** 2), [bounded]))


def spans_of(loss: Any, wrt: list[Any]) -> list[spans.Span]:
    gradients = sd.derive(loss, wrt).gradients
    return list(spans.Graph([loss.term, *(g.term for g in gradients.values())], [t.node for t in wrt]).spans())


def test_symmetric_parameters_are_left_alone() -> None:
    tied = sd.tensor("M", p, p, facts="symmetric")
    assert not list(spans_of(sd.sum((X @ tied - 1) ** 2), [tied]))


def test_single_precision() -> None:
    loss, names, _ = SPANNED["a network"]
    fewer, plain = (trained(loss, names, hoist=h, dtype="float32") for h in (True, False))
    assert "directions" in str(fewer.plan) and fewer.params["W"].dtype == np.float32
    assert same(fewer, plain, 2e-5)


def test_native_loops_take_them_too() -> None:
    loss, names, _ = SPANNED["a network"]
    fewer, plain = (trained(loss, names, hoist=h, backend="native") for h in (True, False))
    assert "directions" in str(fewer.plan) and same(fewer, plain)


def test_by_count_only() -> None:
    loss, names, _ = SPANNED["a network"]
    assert "cost less than looking" in str(trained(loss, names).plan)
    SIZES[n], old = 36, SIZES[n]  # 36 rows of 40 features: hardly fewer
    try:
        assert not trained(loss, names, epochs=20_000, hoist="auto", lr=1e-4).plan.taken
    finally:
        SIZES[n] = old


def test_more_samples_than_features_are_no_case() -> None:
    loss, names, _ = SPANNED["logistic regression"]
    SIZES[n], old = 50, SIZES[n]
    try:
        assert "directions" not in str(trained(loss, names, hoist=True).plan)
    finally:
        SIZES[n] = old


def test_one_sample() -> None:
    loss, names, _ = SPANNED["a network"]
    SIZES[n], old = 1, SIZES[n]
    try:
        fewer, plain = (trained(loss, names, hoist=h) for h in (True, False))
    finally:
        SIZES[n] = old
    assert "2 directions" in str(fewer.plan) and same(fewer, plain)


def test_samples_that_repeat_and_zeros() -> None:
    loss, names, _ = SPANNED["a network"]
    given = numbers(loss)
    given["X"][1:] = given["X"][0]
    given["X"][:, ::2] = 0.0
    params = {m: 0.1 * given.pop(m) for m in names}
    fewer, plain = (sd.train(loss, params, given, lr=1e-2, epochs=50, backend="numpy", hoist=h) for h in (True, False))
    assert "directions" in str(fewer.plan) and same(fewer, plain)


def test_divergence_speaks_of_the_parameter_as_it_was_given() -> None:
    loss = sd.sum((X @ W) ** 4)
    with pytest.raises(sd.DivergenceError) as told:
        trained(loss, ["W"], hoist=True, lr=1e3)
    assert told.value.params["W"].shape == (40, 3) and np.isfinite(told.value.params["W"]).all()


def test_a_wrong_span_is_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    """Were parameters let meet each other, the loss would miss what lies outside the span: the comparison at the first parameters sees it."""
    monkeypatch.setattr(spans.Graph, "_inside", lambda self, node, axis, found: found.get(node, {}).get(axis, True) or True)
    monkeypatch.setattr(spans.Graph, "_check", lambda self, found, span: None)
    result = trained(sd.sum((X @ W) ** 2) / n + sd.sum(W @ W.T), ["W"], hoist=True, lr=1e-3)
    assert not result.plan.taken


def on_its_span(name: str, orthogonal: bool) -> list[tuple[Any, Any]]:
    """Loss and gradients by parameters of the span, as given and in fewer directions, for data that are L Q'."""
    loss, names, _ = SPANNED[name]
    nodes = {str(t.name): t for t in inputs([loss.node])}
    gradients = sd.derive(loss, names).gradients
    roots = [loss.term, *(gradients[m].term for m in names)]
    graph = spans.Graph(roots, [nodes[m] for m in names])
    span = next(graph.spans())
    (wide,) = {leaf.shape[axis] for leaf, axis in spans.leaves_of(span)}
    r = sd.dims("r")
    basis = sd.tensor("Q", wide, wide, facts="orthogonal") if orthogonal else sd.tensor("Q", wide, r)
    r = basis.shape[1]
    few = {leaf: sd.tensor(f"few_{j}", *(r if a == axis else s for a, s in enumerate(leaf.shape))) for j, (leaf, axis) in enumerate(spans.leaves_of(span))}
    narrow = graph.narrowed(span, {leaf: e.node for leaf, e in few.items()}, r)
    given = graft(roots, {leaf: turned(few[leaf], basis, axis, 1) for leaf, axis in span.data.items()})
    narrow = graft(narrow, {few[leaf].node: turned(whole(leaf), basis, axis, 0) for leaf, axis in span.params.items()})
    pairs = [(type(loss)(given[0]), type(loss)(narrow[0]))]
    for m, one, two in zip(names, given[1:], narrow[1:], strict=True):
        shape = nodes[m].shape
        if nodes[m] in span.params:
            axis = span.params[nodes[m]]
            held = build.let("slope", two, tuple(range(len(shape))), [r if a == axis else s for a, s in enumerate(shape)])
            two = turned(whole(held.node), basis, axis, 1)
        pairs.append((type(loss)(one, shape), type(loss)(two, shape)))
    return pairs


def whole(node: Any) -> Any:
    return type(w)(Term(node, tuple(range(node.rank))), node.shape)


def turned(expr: Any, basis: Any, axis: int, along: int) -> Term:
    """An axis of an expression times the basis, whose axis ``along`` is summed over: Q'x (0), Q x (1)."""
    node = expr.node
    entries = tuple("old" if a == axis else a for a in range(node.rank))
    return build.mul(1, [Term(node, entries), Term(basis.node, ("old", axis) if along == 0 else (axis, "old"))], (), {"old": node.shape[axis]})


@pytest.mark.parametrize("name", [m for m in SPANNED if m not in ("data made of data",)])
def test_every_rewrite_is_proved_for_every_size(name: str) -> None:
    for given, narrow in on_its_span(name, name == "data meet data"):
        verdict = sd.prove(given, narrow)
        assert verdict.verdict == "PROVED", str(verdict)


def test_directions_that_are_not_orthonormal_are_refuted() -> None:
    given, narrow = on_its_span("data meet data", False)[0]
    assert sd.prove(given, narrow).verdict == "REFUTED"
