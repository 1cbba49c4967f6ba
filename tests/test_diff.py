"""The differentiator: textbook forms, every kind of node, any order, and a planted wrong rule that must show."""

import time

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import evaluate, numeric_gradient

import symdl as sd
from symdl.diff import local

n, p, h, m = sd.dims("n p h m")
i, j, k = sd.indices("i j k")
X, W1, b1 = sd.tensor("X", n, p), sd.tensor("W1", p, h), sd.tensor("b1", h)
W2, b2, T = sd.tensor("W2", h, m), sd.tensor("b2", m), sd.tensor("T", n, m)
A, x, w, s = sd.tensor("A", n, n), sd.tensor("x", n), sd.tensor("w", p), sd.tensor("s")
y = sd.tensor("y", n)
SIZES = {n: 3, p: 2, h: 4, m: 2}


def data(seed=0):
    r = np.random.default_rng(seed)
    shapes = {"X": (3, 2), "W1": (2, 4), "b1": (4,), "W2": (4, 2), "b2": (2,), "T": (3, 2), "A": (3, 3), "x": (3,), "w": (2,), "s": (), "y": (3,)}
    values = {name: r.normal(size=shape) for name, shape in shapes.items()}
    values["A"] = values["A"] @ values["A"].T + 2 * np.eye(3) + 0.1 * r.normal(size=(3, 3))
    return values


NETWORK = sd.sum((sd.sigmoid(sd.sigmoid(X @ W1 + b1) @ W2 + b2) - T) ** 2) / 2


def test_two_layers_with_symbolic_sizes_in_well_under_a_second():
    start = time.process_time()
    d = sd.derive(NETWORK, [W1, b1, W2, b2])
    assert time.process_time() - start < 1.0
    assert [line.of for line in d.lines] == ["dC/da2", "dC/dz2", "dC/db2", "dC/da1", "dC/dz1", "dC/db1", "dC/dW1", "dC/dW2"]
    assert {"z1", "a1", "z2", "a2", "delta1", "delta2"} <= set(d.names.values())
    assert d[W1].shape == W1.shape
    assert d["b2"].shape == (m,)


def test_error_terms_are_shared_nodes():
    d = sd.derive(NETWORK, [W1, b1, W2, b2])
    from symdl.graph.walk import topological

    delta2 = [node for node, name in d.names.items() if name == "delta2"]
    assert len(delta2) == 1
    for name in ("W1", "b1", "W2", "b2"):
        assert delta2[0] in topological([d[name].node])


@pytest.mark.parametrize(
    ("loss", "wrt", "expected"),
    [
        (sd.sum((X @ w - y) ** 2) / 2, w, X.T @ (X @ w - y)),
        (w @ w, w, 2 * w),
        (x @ A @ x, x, (A + A.T) @ x),
        (x @ A @ x, A, sd.outer(x, x)),
        (sd.trace(A), A, sd.eye(n)),
        (sd.trace(A @ A), A, 2 * A.T),
        (sd.logdet(A), A, sd.inv(A).T),
        (sd.sum(sd.softplus(x)), x, sd.sigmoid(x)),
        (sd.logsumexp(x), x, sd.softmax(x)),
        (sd.sum(sd.log(1 + sd.exp(x))), x, sd.sigmoid(x)),
        (sd.sum(1 / (1 + sd.exp(-x))), x, sd.sigmoid(x) * (1 - sd.sigmoid(x))),
        (x[0] * x[1], x, sd.eye(n)[0] * x[1] + sd.eye(n)[1] * x[0]),
        (sd.sum(x) / n, x, sd.ones(n) / n),
        (s**3, s, 3 * s**2),
        (-sd.sum(y * sd.log(sd.sigmoid(X @ w)) + (1 - y) * sd.log(1 - sd.sigmoid(X @ w))), w, X.T @ (sd.sigmoid(X @ w) - y)),
        (-sd.sum(y * sd.log(sd.softmax(x))), x, sd.softmax(x) * sd.sum(y) - y),
        (sd.sum(x * sd.log(x)), x, sd.log(x) + 1),
        (sd.sum(x) * 0 + s, x, sd.zeros(n)),
    ],
)
def test_textbook_forms(loss, wrt, expected):
    assert sd.grad(loss, wrt) == expected


ZOO = {
    "network": (NETWORK, ["W1", "b1", "W2", "b2", "X", "T"]),
    "softmax cross-entropy": (-sd.sum(T * sd.log(sd.softmax(sd.sigmoid(X @ W1) @ W2))), ["W1", "W2", "X", "T"]),
    "layer norm": (sd.sum(((X - sd.mean(X, axis=1, keepdims=True)) / sd.sqrt(sd.mean(X**2, axis=1, keepdims=True) + 1)) ** 3), ["X"]),
    "inverse": (sd.sum(sd.inv(A) @ x), ["A", "x"]),
    "determinant": (sd.det(A) * sd.logdet(A @ A.T), ["A"]),
    "max": (sd.sum(sd.max(X, axis=1) ** 2), ["X"]),
    "diagonal": (sd.sum(sd.diag(A) ** 3) + sd.trace(A @ sd.diag(x)), ["A", "x"]),
    "powers": (sd.sum((x**2 + 1) ** s) + sd.sum(2 ** (x * s)), ["x", "s"]),
    "functions": (sd.sum(sd.tanh(x) * sd.gelu(x) + sd.silu(x) * sd.erf(x) + sd.arctan(x) + sd.cosh(x) * sd.sin(x)), ["x"]),
    "norm": (sd.norm(X @ w - y), ["X", "w", "y"]),
    "elements": (x[0] * x[2] ** 2 + X[1, 0] * sd.sum(X[:, 1]), ["x", "X"]),
    "same argument twice": (sd.sum(x[:, None] * x[None, :] * A), ["x", "A"]),
    "relu and abs": (sd.sum(sd.relu(X @ w)) + sd.sum(abs(y - x)), ["X", "w", "x"]),
    "let": (sd.sum(sd.let("q", X @ w) ** 2 * sd.let("q", X @ w)), ["X", "w"]),
}


@pytest.mark.parametrize("case", ZOO)
def test_against_differences(case):
    loss, names = ZOO[case]
    values = data(2)
    for name in names:
        got = evaluate(sd.grad(loss, name), values, SIZES)
        assert np.allclose(got, numeric_gradient(loss, name, values, SIZES), rtol=2e-6, atol=2e-6), name


@pytest.mark.parametrize("case", ZOO)
def test_steps_are_equal_before_and_after(case):
    """Every step without a formal partial is an identity that the plain evaluator confirms."""
    from symdl.graph.walk import topological

    loss, names = ZOO[case]
    values = data(4)
    seen = 0
    for step in sd.derive(loss, names).steps:
        if any(node.op == "partial" for node in topological([step.before.node])):
            continue
        seen += 1
        before, after = evaluate(step.before, values, SIZES), evaluate(step.after, values, SIZES)
        assert np.allclose(before, after, rtol=1e-9, atol=1e-11), str(step)
    assert seen or case == "scalar"


@pytest.mark.parametrize("case", ["network", "inverse", "functions", "softmax cross-entropy"])
def test_second_derivatives(case):
    loss, names = ZOO[case]
    name = names[0]
    values = data(5)
    tensor = sd.tensor(name, *{"W1": (p, h), "A": (n, n), "x": (n,)}[name])
    gradient, hessian = sd.grad(loss, name), sd.hessian(loss, tensor)
    got = evaluate(hessian, values, SIZES)
    base = values[name]
    for at in np.ndindex(*base.shape):
        moved = [{**values, name: base + sign * 1e-6 * _unit(base.shape, at)} for sign in (1, -1)]
        column = (evaluate(gradient, moved[0], SIZES) - evaluate(gradient, moved[1], SIZES)) / 2e-6
        assert np.allclose(got[(..., *at)], column, rtol=1e-5, atol=1e-6)
    v = np.random.default_rng(0).normal(size=base.shape)
    product = evaluate(sd.hvp(loss, tensor, "v"), {**values, "v": v}, SIZES)
    assert np.allclose(product, np.tensordot(got, v, axes=base.ndim), rtol=1e-8, atol=1e-10)


def _unit(shape, at):
    e = np.zeros(shape)
    e[at] = 1
    return e


def test_by_an_element_a_transpose_and_a_named_result():
    loss = sd.sum(X**2)
    assert sd.grad(loss, X[i, j]) == 2 * X[i, j]
    assert sd.grad(loss, X.T) == 2 * X.T
    q = sd.let("q", X @ w)
    assert sd.grad(sd.sum(q**2), q) == 2 * q
    assert sd.grad(sd.sum(q**2), "q") == 2 * q


def test_steps_of_the_same_question_are_the_same_whatever_was_made_before():
    def labels():
        return [step.of for step in sd.derive(sd.sum((X @ w - y) ** 2) / 2, w).steps]

    first = labels()
    sd.sum(sd.exp(X @ w * 3))
    assert labels() == first
    assert "du1/dw" in first


def test_names_steps_and_keys():
    d = sd.derive(1 / (1 + sp.exp(-sp.Symbol("z"))), sp.Symbol("z"))
    rules = [step.rule.name for step in d.steps]
    assert "quotient rule" in rules
    assert "chain rule" in rules
    assert rules[-1] == "written with the sigmoid"
    z = sp.Symbol("z")
    assert d[z] == d["z"] == sd.sigmoid(z) * (1 - sd.sigmoid(z))


@pytest.mark.parametrize(
    ("wrong", "kind", "says"),
    [
        (lambda: sd.grad(NETWORK, "W9"), sd.NameError_, "W9"),
        (lambda: sd.grad(X, X), sd.ShapeError, "not a scalar"),
        (lambda: sd.derive(NETWORK, []), sd.NameError_, "nothing"),
        (lambda: sd.grad(NETWORK, X @ W1), sd.UnsupportedError, "sd.let"),
        (lambda: sd.derive(NETWORK, [W1])["b1"], sd.NameError_, "b1"),
        (lambda: sd.hvp(NETWORK, W1, b1), sd.ShapeError, "b1"),
        (lambda: sd.grad(sd.let("X", X @ w) @ sd.let("X", X @ w), "w"), sd.NameError_, "two different"),
    ],
)
def test_bad_questions(wrong, kind, says):
    with pytest.raises(kind, match=says):
        wrong()


def test_a_planted_wrong_rule_shows(monkeypatch):
    right = local.RULES["mul"]

    def wrong(u, position):
        piece = right(u, position)
        piece.coef = piece.coef * 2
        return piece

    monkeypatch.setitem(local.RULES, "mul", wrong)
    values = data(2)
    loss = sd.sum((X @ w) ** 2)
    got = evaluate(sd.grad(loss, w), values, SIZES)
    assert not np.allclose(got, numeric_gradient(loss, "w", values, SIZES), rtol=1e-3)


def test_ten_thousand_nodes_deep():
    value = s
    for _ in range(10_000):
        value = sd.sin(value)
    assert sd.grad(value, s).inputs == ("s",)


LEAVES = [X, W1.T[0], sd.sum(X, axis=0), sd.tensor("w", p), s, sd.ones(n, p), X[0]]
UNARY = [sd.sigmoid, sd.tanh, sd.softplus, lambda e: e**2, lambda e: -e, lambda e: sd.exp(e / 8), lambda e: e / 3 + 1]


@st.composite
def graphs(draw):
    """A random expression that broadcasts to (n, p), with named results and reductions in between."""
    pool = list(LEAVES)
    for count in range(draw(st.integers(2, 7))):
        kind = draw(st.sampled_from(["unary", "add", "mul", "mean", "let", "softmax", "gram"]))
        a = pool[draw(st.integers(0, len(pool) - 1))]
        c = pool[draw(st.integers(0, len(pool) - 1))]
        if kind == "unary":
            pool.append(draw(st.sampled_from(UNARY))(a))
        elif kind == "add":
            pool.append(a - c * 2)
        elif kind == "mul":
            pool.append(a * c)
        elif kind == "mean":
            pool.append(sd.mean(a + X, axis=0))
        elif kind == "let":
            pool.append(sd.let(f"v{count}", a + c))
        elif kind == "softmax":
            pool.append(sd.softmax(a + X))
        else:
            pool.append((a + X) @ ((c + X).T @ X) / 9)
    return pool[-1]


@settings(max_examples=60, deadline=None)
@given(graphs(), st.integers(0, 10**6))
def test_random_graphs_against_differences(expr, seed):
    loss = sd.sum(sd.sin(expr + X))
    values = data(seed)
    for name in ("X", "s", "W1"):
        if name not in loss.inputs:
            continue
        with np.errstate(all="ignore"):
            expected = numeric_gradient(loss, name, values, SIZES)
            got = evaluate(sd.grad(loss, name), values, SIZES)
        if np.all(np.isfinite(expected)) and np.max(np.abs(expected)) < 1e3:
            assert np.allclose(got, expected, rtol=2e-4, atol=2e-4)
