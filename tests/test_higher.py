"""Derivatives of any order: against torch.func in float64, and against each other."""

import itertools

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import evaluate

import symdl as sd

torch = pytest.importorskip("torch")
jacobian = torch.func.jacrev  # (PyTorch's forward mode warns of its own deprecations)

n, p = sd.dims("n p")
i, j = sd.indices("i j")
SIZES = {n: 3, p: 2}
COUNT = itertools.count()
TENSORS = {"A": (n, p), "B": (n, p), "S": (p, p), "v": (p,), "u": (n,), "a": ()}
X, w, y, z = sd.tensor("X", n, p), sd.tensor("w", p), sd.tensor("y", n), sd.tensor("z")


def size(shape):
    return tuple(SIZES[d] for d in shape)


def points(seed=0):
    r = np.random.default_rng(seed)
    return {name: r.uniform(0.2, 1.1, size(shape)) + (1.5 * np.eye(2) if name == "S" else 0) for name, shape in TENSORS.items()}


def inputs():
    return {name: sd.tensor(name, *shape) for name, shape in TENSORS.items()}


UNARY = {"tanh": torch.tanh, "sigmoid": torch.sigmoid, "sin": torch.sin, "exp": torch.exp, "softplus": torch.nn.functional.softplus}


@st.composite
def pairs(draw, shape, depth):
    """An expression of symdl and the same in PyTorch, as a function of a dict of tensors."""
    leaves = [name for name, own in TENSORS.items() if own == shape]
    if depth == 0 or (leaves and draw(st.integers(0, 5)) == 0):
        if not leaves:
            return sd.ones(*shape) if shape else sd.tensor("a"), lambda at: torch.ones(size(shape), dtype=torch.float64) if shape else at["a"]
        name = draw(st.sampled_from(leaves))
        return inputs()[name], lambda at: at[name]
    kinds = ["sum", "product", "function", "quotient", "let"]
    kinds += {0: ["total", "inner", "logdet", "element", "norm"], 1: ["matvec", "rows", "softmax"], 2: ["matmul", "transpose", "outer", "inverse"]}[len(shape)]
    kind = draw(st.sampled_from(kinds))
    take = lambda s: draw(pairs(s, depth - 1))  # noqa: E731
    if kind in ("sum", "product", "quotient"):
        (a, f), (b, g) = take(shape), take(shape)
        if kind == "sum":
            return a - 2 * b, lambda at: f(at) - 2 * g(at)
        if kind == "product":
            return a * b, lambda at: f(at) * g(at)
        return a / (1 + b**2), lambda at: f(at) / (1 + g(at) ** 2)
    if kind == "function":
        name = draw(st.sampled_from(sorted(UNARY)))
        a, f = take(shape)
        return getattr(sd, name)(a / 2), lambda at: UNARY[name](f(at) / 2)
    if kind == "let":
        a, f = take(shape)
        return sd.let(f"r{next(COUNT)}", a), f
    if kind == "total":
        a, f = take((n, p))
        return sd.mean(a), lambda at: f(at).mean()
    if kind == "inner":
        (a, f), (b, g) = take((p,)), take((p,))
        return a @ b, lambda at: f(at) @ g(at)
    if kind == "logdet":
        a, f = take((p, p))
        return sd.logdet(a.T @ a + sd.eye(p)), lambda at: torch.logdet(f(at).T @ f(at) + torch.eye(2, dtype=torch.float64))
    if kind == "element":
        a, f = take((n, p))
        return a[2, 1], lambda at: f(at)[2, 1]
    if kind == "norm":
        a, f = take((n,))
        return sd.norm(1 + a**2), lambda at: torch.linalg.norm(1 + f(at) ** 2)
    if kind == "matvec":
        inner = draw(st.sampled_from([s for s in ((n, p), (p, p), (p, n)) if s[0] == shape[0]]))
        (a, f), (b, g) = take(inner), take((inner[1],))
        return a @ b, lambda at: f(at) @ g(at)
    if kind == "rows":
        a, f = take((shape[0], p))
        return sd.logsumexp(a, axis=1), lambda at: torch.logsumexp(f(at), 1)
    if kind == "softmax":
        a, f = take(shape)
        return sd.softmax(a), lambda at: torch.softmax(f(at), -1)
    if kind == "matmul":
        inner = draw(st.sampled_from([n, p]))
        (a, f), (b, g) = take((shape[0], inner)), take((inner, shape[1]))
        return a @ b, lambda at: f(at) @ g(at)
    if kind == "transpose":
        a, f = take(shape[::-1])
        return a.T, lambda at: f(at).T
    if kind == "outer":
        (a, f), (b, g) = take(shape[:1]), take(shape[1:])
        return sd.outer(a, b), lambda at: torch.outer(f(at), g(at))
    if shape[0] == shape[1] == p:
        a, f = take((p, p))
        return sd.inv(a.T @ a + sd.eye(p)), lambda at: torch.linalg.inv(f(at).T @ f(at) + torch.eye(2, dtype=torch.float64))
    return draw(pairs(shape, 0))


def close(got, expected):
    expected = np.asarray(expected)
    scale = max(1.0, float(np.abs(expected).max())) if expected.size else 1.0
    return got.shape == expected.shape and np.abs(got - expected).max() <= 1e-10 * scale


def torch_at(at):
    return {name: torch.tensor(value, dtype=torch.float64) for name, value in at.items()}


def of(function, at, *names):
    """The PyTorch function of the named tensors alone."""
    return lambda *values: function({**at, **dict(zip(names, values, strict=True))})


def chosen(data, expr):
    """A tensor of the expression."""
    return data.draw(st.sampled_from(expr.inputs)) if expr.inputs else None


@given(st.data())
@settings(max_examples=60, deadline=None, derandomize=True)
def test_jacobians_are_torchs(data):
    expr, function = data.draw(pairs(data.draw(st.sampled_from([(n, p), (p, p), (n,), (p,), ()])), 3))
    name = chosen(data, expr)
    if name is None:
        return
    at = points(data.draw(st.integers(0, 5)))
    there = torch_at(at)
    got = evaluate(sd.jacobian(expr, name), at, SIZES)
    assert close(got, jacobian(of(function, there, name))(there[name]))


@given(st.data())
@settings(max_examples=45, deadline=None, derandomize=True)
def test_hessians_are_torchs_and_mixed_partials_commute(data):
    expr, function = data.draw(pairs((), 3))
    names = sorted({q for q in (chosen(data, expr), chosen(data, expr)) if q})
    if not names:
        return
    at = points(data.draw(st.integers(0, 5)))
    there = torch_at(at)
    blocks = sd.hessian(expr, names)
    every = tuple(range(len(names)))
    theirs = jacobian(jacobian(of(function, there, *names), every), every)(*[there[q] for q in names])
    for r, first in enumerate(names):
        for c, second in enumerate(names):
            got = evaluate(blocks[first, second], at, SIZES)
            assert close(got, theirs[r][c])
            rank = len(TENSORS[first])
            swapped = np.moveaxis(evaluate(blocks[second, first], at, SIZES), range(len(TENSORS[second]), got.ndim), range(rank))
            assert close(got, swapped)


@given(st.data())
@settings(max_examples=25, deadline=None, derandomize=True)
def test_products_with_vectors_are_torchs(data):
    expr, function = data.draw(pairs((), 3))
    name = chosen(data, expr)
    if name is None:
        return
    at = points(1)
    there = torch_at(at)
    r = np.random.default_rng(9)
    along = r.normal(size=at[name].shape)
    value, shape = of(function, there, name), TENSORS[name]
    got = evaluate(sd.hvp(expr, name, "along"), {**at, "along": along}, SIZES)
    rank = len(shape)
    assert got.shape == size(shape) and close(got, np.tensordot(jacobian(jacobian(value))(there[name]), along, rank))
    tensor, theirs_of = data.draw(pairs((n, p), 2))
    if name not in tensor.inputs:
        return
    theirs = np.asarray(jacobian(of(theirs_of, there, name))(there[name]))
    assert close(evaluate(sd.jvp(tensor, name, "along"), {**at, "along": along}, SIZES), np.tensordot(theirs, along, rank))
    back = r.normal(size=(3, 2))
    assert close(evaluate(sd.vjp(tensor, name, "back"), {**at, "back": back}, SIZES), np.tensordot(back, theirs, 2))


@given(st.data())
@settings(max_examples=12, deadline=None, derandomize=True)
def test_third_derivatives_and_gradients_of_gradients(data):
    expr, function = data.draw(pairs((), 2))
    name = chosen(data, expr)
    if name is None:
        return
    at = points(2)
    there = torch_at(at)
    value = of(function, there, name)
    third = sd.jacobian(sd.hessian(expr, name), inputs()[name])
    assert close(evaluate(third, at, SIZES), jacobian(jacobian(jacobian(value)))(there[name]))
    slope = sd.grad(expr, name)
    length = sd.sum(slope**2) if slope.shape else slope**2
    if name in length.inputs:
        got = evaluate(sd.grad(length, name), at, SIZES)
        assert close(got, torch.func.grad(lambda q: (torch.func.grad(value)(q) ** 2).sum())(there[name]))


# --- with symbolic sizes ----------------------------------------------------------------------------------------


def test_matrices_by_matrices_have_four_axes():
    A, B = sd.tensor("A", n, p), sd.tensor("B", p, n)
    found = sd.jacobian(A @ B, A)
    assert found.shape == (n, n, n, p)
    assert sd.jacobian(A, A).shape == (n, p, n, p)
    assert set(sd.jacobian(A @ B, [A, "B"])) == {"A", "B"}


def test_mixed_partials_commute_for_every_size():
    loss = sd.sum((sd.tanh(X @ w) - y) ** 2)
    one, other = sd.jacobian(sd.grad(loss, w), y), sd.jacobian(sd.grad(loss, y), w)
    assert one.shape == (p, n)
    assert one == other.T or sd.prove(one, other.T).verdict == "PROVED"
    blocks = sd.hessian(loss, [w, y])
    assert blocks[w, y] == blocks["w"]["y"] == one
    assert blocks["w", "w"] == sd.hessian(loss, w)
    with pytest.raises(KeyError):
        blocks["q"]


def test_named_adjoints_are_differentiated_through():
    """A gradient whose error terms are definitions is a function like any other."""
    hidden = sd.sigmoid(X @ sd.tensor("V", p, 4))
    loss = sd.sum((sd.tanh(hidden @ sd.tensor("q", 4)) - y) ** 2)
    d = sd.derive(loss, ["V", "q"])
    second = sd.jacobian(d["V"], "q")
    r = np.random.default_rng(0)
    at = {"X": r.normal(size=(3, 2)), "V": r.normal(size=(2, 4)), "q": r.normal(size=4), "y": r.normal(size=3)}
    there = torch_at(at)

    def value(V, q):
        return ((torch.tanh(torch.sigmoid(there["X"] @ V) @ q) - there["y"]) ** 2).sum()

    theirs = jacobian(torch.func.grad(value, 0), 1)(there["V"], there["q"])
    assert close(evaluate(second, at, SIZES), theirs)
    assert sd.prove(sd.jacobian(sd.grad(loss, "V"), "V"), sd.hessian(loss, "V")).verdict == "PROVED"


def test_the_hessian_of_least_squares_and_of_a_polynomial():
    loss = sd.sum((X @ w - y) ** 2) / 2
    assert sd.hessian(loss, w) == X.T @ X
    assert sd.jacobian(sd.hessian(loss, w), w) == sd.zeros(p, p, p)
    assert sd.hessian(z**4, z) == 12 * z**2
    assert sd.jacobian(sd.hessian(z**4, z), z) == 24 * z
    assert sd.hvp(loss, w, "v") == X.T @ (X @ sd.tensor("v", p))
    assert sd.prove(sd.hvp(loss, [w, y], ["v", "c"])["y"], sd.tensor("c", n) - X @ sd.tensor("v", p)).verdict == "PROVED"


def test_elements_and_views():
    loss = sd.sum(sd.exp(X @ w))
    assert sd.jacobian(X @ w, X[0, 1]).shape == (n,)
    assert sd.jacobian(X @ w, X.T).shape == (n, p, n)
    assert sd.prove(sd.hessian(loss, w[0]), sd.hessian(loss, w)[0, 0]).verdict == "PROVED"
    at = {"X": points()["A"], "w": points()["v"]}
    whole = evaluate(sd.jacobian(X @ w, X), at, SIZES)
    assert np.allclose(evaluate(sd.jacobian(X @ w, X.T), at, SIZES), whole.transpose(0, 2, 1))


def test_plain_symbols():
    a, b = sp.symbols("a b")
    f = sp.exp(a * b) + a**3
    h = sd.hessian(f, [a, b])
    assert sp.simplify(h[a, b] - sp.diff(f, a, b)) == 0 and sp.simplify(h["a"]["a"] - sp.diff(f, a, 2)) == 0
    assert sp.simplify(sd.jacobian(sd.hessian(f, a), a) - sp.diff(f, a, 3)) == 0
    assert sp.simplify(sd.jvp(f, [a, b], [sp.Symbol("da"), sp.Symbol("db")]) - (f.diff(a) * sp.Symbol("da") + f.diff(b) * sp.Symbol("db"))) == 0


@pytest.mark.parametrize(
    ("ask", "says"),
    [
        (lambda: sd.grad(X @ w, w), r"X @ w of shape \(n,\) is not a scalar: .*sd\.jacobian"),
        (lambda: sd.hessian(X @ w, w), "not a scalar"),
        (lambda: sd.hvp(X @ w, w, "v"), "not a scalar"),
        (lambda: sd.grad(X[i, j] ** 2, X), "not a scalar"),
        (lambda: sd.hvp(sd.sum(X @ w), w, y), "must have the shape of w"),
        (lambda: sd.hvp(sd.sum(X @ w), w, "X"), "already"),
        (lambda: sd.hvp(sd.sum(X @ w), [w, X], ["v"]), "one direction for every tensor"),
        (lambda: sd.hessian(sd.sum(X @ w), []), "name at least one"),
        (lambda: sd.jacobian(X @ w, "q"), "q does not occur"),
        (lambda: sd.jacobian(X @ w, X @ w), "sd.let"),
        (lambda: sd.grad(sp.floor(sp.Symbol("s")), sp.Symbol("s")), "no rule for floor.*sd.extend"),
    ],
)
def test_wrong_use_is_said(ask, says):
    with pytest.raises(sd.SymdlError, match=says) as error:
        ask()
    assert "\n" not in str(error.value)


def test_deep_networks():
    layer = X
    for k in range(16):
        layer = sd.tanh(layer @ sd.tensor(f"W{k}", p, p))
    loss = sd.sum(layer**2)
    assert sd.hvp(loss, "W3", "V").shape == (p, p)
    assert sd.jvp(layer, "W3", "V").shape == (n, p)
    assert sd.grad(sd.sum(sd.grad(loss, "W3") ** 2), "W5").shape == (p, p)
