"""Expressions as text: how they read, and that parse reads them back."""

import time

import numpy as np
import pytest
import sympy as sp
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from reference import evaluate

import symdl as sd
from symdl.expr.language.grammar import PRECEDENCE, to_postfix
from symdl.expr.language.parse import parse, parse_with
from symdl.expr.notation.text import BINDING, text

n, p, h, m = sd.dims("n p h m")
i, j, k = sd.indices("i j k")
SHAPES = {
    "X": "n,p", "Z": "n,p", "W": "p,h", "V": "h,m", "b": "h", "c": "m", "T": "n,m", "A": "n,n", "B": "n,n", "D": "n,n",
    "w": "p", "q": "p", "u": "n", "v": "n", "y": "n", "s": "", "t": "",
}  # fmt: skip
SAME = """
sum((sigmoid(X @ w) - y)**2)/2
X.T @ (X @ w - y)
X.T @ diag(v) @ X
X.T @ ((sigmoid(X @ w) - y) * sigmoid(X @ w) * (1 - sigmoid(X @ w)))
sigmoid(X @ W + b) @ V + c
v @ A @ v
u @ A @ B @ v
A @ B @ D @ v
v @ inv(A) @ u
(A + B).T @ v
(A @ B).T
sigmoid(A).T
A.T + B
A*B.T
trace(A)
trace(A @ B)
logdet(A)
det(A)*inv(A).T
outer(u, v)
diag(v)
diag(A)
diag(A) @ v
eye(n)
eye(n)[0]
ones(n)
2*ones(n)
zeros(n, p)
v[0]
X[0]
X[:, 1]
X[0, 1]
(X @ W)[0]
v[:, None]
v[None, :]
A[:, None, :] + B
sum(v)
sum(X)
sum(X, axis=0)
sum(X**2)
sum(X*Z, axis=1)
sum(u*v*y)
sum(u/v)
X*w
X*v[:, None]
A/sum(A, axis=1, keepdims=True)
softmax(v)
softmax(X, axis=1)
softmax(X @ W + b, axis=1)
logsumexp(X, axis=0)
max(X, axis=1)
norm(v)
v/norm(v)
1 - s
s - t
-s
-s - t
-s*t
-A @ v
2*A @ v
2*(s + t)
(u @ v)/n
v * (A @ v)
(A @ v)/v
(s - t) * s * (1 - s)
count*price*tax
2*s*t/3
s/(2*n)
s/10 + 1/7
1/s
1/s**2
1/(s*t)
1/sqrt(s)
sqrt(s)
s**(1/3)
s**t
2**s
(s + t)**2
s**2 + 2*s + 1
3 - s**2
exp(-s)
pi*s
exp(1)*s
sqrt(2)*s
n*sum(v)
(n + 1)*sum(v)
x1*x2 + x3
abs(v)
1/(1 + exp(-s))
1 + sin(v)
relu(X @ w)
exp(s)/sum(exp(v))
""".strip().splitlines()

OTHERWISE = [
    ("mean(X)", "sum(X)/(n*p)"),
    ("v @ v", "sum(v**2)"),
    ("sum(v*u)", "u @ v"),
    ("sum(A*B.T)", "trace(A @ B)"),
    ("trace(A @ B.T)", "sum(A*B)"),
    ("A.T @ B.T", "(B @ A).T"),
    ("inv(A.T)", "inv(A).T"),
    ("diag(v) @ X", "X*v[:, None]"),
    ("least_squares(X @ w, y)", "sum((X @ w - y)**2)/2"),
    ("dot(v, u) + kron(s, t)", "s*t + u @ v"),
    ("-1*s + 1", "1 - s"),
    ("-t + s", "s - t"),
    ("0.5*s", "s/2"),
    ("s**-0.5", "1/sqrt(s)"),
    ("b + X @ W", "X @ W + b"),
    ("w@q", "q @ w"),
    ("price*count*tax", "count*price*tax"),
]


def shapes_in(source):
    return {name: SHAPES[name] for name in {d.value for d in to_postfix(source) if d.what == "name"} if name in SHAPES}


@pytest.mark.parametrize("source", SAME)
def test_reads_as_written(source):
    expr = parse(source, **shapes_in(source))
    assert str(expr) == source
    assert parse(str(expr), **{name: SHAPES[name] for name in expr.inputs if name in SHAPES}) == expr


@pytest.mark.parametrize(("source", "shown"), OTHERWISE)
def test_reads_as(source, shown):
    assert str(parse(source, **shapes_in(source))) == shown


def test_the_binding_is_the_grammars():
    order = sorted(PRECEDENCE, key=lambda o: PRECEDENCE[o])
    kinds = {"+": "sum", "-": "sum", "*": "product", "/": "product", "@": "product", "sign": "sign", "**": "power"}
    assert [BINDING[kinds[o]] for o in order] == sorted(BINDING[kinds[o]] for o in order)
    with pytest.raises(TypeError):
        BINDING["sum"] = 9  # type: ignore[index]


# --- what the differentiator writes -------------------------------------------------------------------------------

A, x, X, w, y = sd.tensor("A", n, n), sd.tensor("x", n), sd.tensor("X", n, p), sd.tensor("w", p), sd.tensor("y", n)
GRADIENTS = [
    (sd.sum((sd.sigmoid(X @ w) - y) ** 2) / 2, w, "X.T @ ((sigmoid(X @ w) - y) * sigmoid(X @ w) * (1 - sigmoid(X @ w)))"),
    (sd.sum((X @ w - y) ** 2), w, "2*X.T @ (X @ w - y)"),
    (x @ A @ x, x, "(A + A.T) @ x"),
    (x @ A @ x, A, "outer(x, x)"),
    (sd.logdet(A), A, "inv(A).T"),
    (sd.det(A), A, "det(A)*inv(A).T"),
    (sd.trace(A @ A), A, "2*A.T"),
    (sd.logsumexp(x), x, "softmax(x)"),
    (sd.norm(x), x, "x/norm(x)"),
]


@pytest.mark.parametrize(("loss", "by", "shown"), GRADIENTS, ids=[s for *_, s in GRADIENTS])
def test_gradients(loss, by, shown):
    assert str(sd.grad(loss, by)) == shown


def test_second_derivatives():
    assert str(sd.hessian(sd.sum((X @ w - y) ** 2), w)) == "2*X.T @ X"
    assert str(sd.hessian(sd.logsumexp(x), x)) == "diag(softmax(x)) - outer(softmax(x), softmax(x))"
    assert str(sd.hessian(sd.sum(sd.softplus(X @ w)), w)) == "X.T @ diag(sigmoid(X @ w) * (1 - sigmoid(X @ w))) @ X"
    assert str(sd.jacobian(sd.sigmoid(x), x)) == "diag(sigmoid(x) * (1 - sigmoid(x)))"


def test_names_of_intermediate_results():
    W, t = sd.tensor("W", p, h), sd.tensor("t", n, h)
    a = sd.let("a", sd.sigmoid(X @ W))
    gradient = sd.grad(sd.sum((a - t) ** 2) / 2, W)
    assert text(gradient, {a.node: "a"}) == "X.T @ ((a - t) * a * (1 - a))"
    assert str(gradient) == "X.T @ ((sigmoid(X @ W) - t) * sigmoid(X @ W) * (1 - sigmoid(X @ W)))"


def test_open_letters_are_written_in_index_notation():
    W, b = sd.tensor("W", h, p), sd.tensor("b", h)
    z = sd.sum(W[j, i] * X[k, i], i) + b[j]
    # The written sum is Python: with the tensors at hand, it builds the same expression.
    assert str(z) == "sum(W[j, i]*X[k, i], i) + b[j]"
    assert str(sd.sigmoid(z)) == "sigmoid(sum(W[j, i]*X[k, i], i) + b[j])"
    assert str(x[i] ** 2) == "x[i]**2"
    assert str(sd.delta(i, j, n) * x[i]) in ("delta(i, j)*x[j]", "delta(j, i)*x[i]")


# --- size -----------------------------------------------------------------------------------------------------------


def test_shared_parts_are_written_once():
    e = sd.tensor("s")
    for _ in range(200):
        e = e * sd.sin(e) + e
    start = time.process_time()
    shown = str(e)
    assert time.process_time() - start < 2
    assert len(shown) < 60_000
    assert " with\n  v1 = " in shown
    # Put together again, the parts are the expression.
    head, *lines = shown.replace(" with\n", "\n").split("\n")
    known = {}
    for line in lines:
        name, _, body = line.strip().partition(" = ")
        known[name] = parse_with(body, known)
    assert parse_with(head, known) == e


def test_a_long_chain_is_written():
    e = sd.tensor("s")
    for _ in range(3000):
        e = sd.sin(e)
    shown = str(e)
    assert shown.count("sin(") == 3000
    assert max(map(len, shown.split("\n"))) < 2000


# --- round trips ------------------------------------------------------------------------------------------------------

_TENSORS = {"s": sd.tensor("s"), "t": sd.tensor("t"), "u": sd.tensor("u", n), "v": sd.tensor("v", n), "A": sd.tensor("A", n, n), "B": sd.tensor("B", n, n)}


def _step(draw, scalars, vectors, matrices):
    kind = draw(st.integers(0, 15))
    s, t = draw(st.sampled_from(scalars)), draw(st.sampled_from(scalars))
    a, b = draw(st.sampled_from(vectors)), draw(st.sampled_from(vectors))
    M, N = draw(st.sampled_from(matrices)), draw(st.sampled_from(matrices))
    made = [
        (scalars, lambda: s * t - s), (scalars, lambda: a @ b), (scalars, lambda: sd.trace(M @ N)), (scalars, lambda: sd.sum(M * N) / 3),
        (vectors, lambda: M @ a), (vectors, lambda: a * b - s), (vectors, lambda: sd.sigmoid(a) - b), (vectors, lambda: M.T @ (a * b)),
        (vectors, lambda: sd.sum(M, axis=draw(st.integers(0, 1)))), (vectors, lambda: sd.softmax(a) * 2), (vectors, lambda: sd.diag(M)),
        (matrices, lambda: M @ N), (matrices, lambda: M.T - N * s), (matrices, lambda: sd.outer(a, b) + M), (matrices, lambda: sd.diag(a) @ M * b),
        (matrices, lambda: sd.tanh(M) * a[:, None] - sd.eye("n")),
    ][kind]  # fmt: skip
    made[0].append(made[1]())


@st.composite
def expressions(draw):
    scalars, vectors, matrices = ([_TENSORS[name] for name in names] for names in ("st", "uv", "AB"))
    for _ in range(draw(st.integers(1, 6))):
        _step(draw, scalars, vectors, matrices)
    return draw(st.sampled_from([scalars[-1], vectors[-1], matrices[-1], matrices[-1].T, vectors[-1][1], matrices[-1][:, 2]]))


@settings(deadline=None, max_examples=120)
@given(expressions(), st.integers(0, 2**32 - 1))
def test_round_trip(expr, seed):
    shown = str(expr)
    assume(" with\n" not in shown)
    tensors = {name: tensor for name, tensor in _TENSORS.items() if name in expr.inputs}
    read = parse_with(shown, tensors)
    assert read.shape == expr.shape
    if read != expr:
        rng = np.random.default_rng(seed)
        values = {name: rng.uniform(-1, 1, (4,) * tensor.ndim) for name, tensor in _TENSORS.items()}
        found, expected = np.broadcast_arrays(evaluate(read, values, {n: 4}), evaluate(expr, values, {n: 4}))
        np.testing.assert_allclose(found, expected, rtol=1e-9, atol=1e-9 * (1 + np.abs(expected).max()))


@pytest.mark.parametrize(
    "value", [sp.pi, sp.sqrt(2) / 3, sp.exp(2), sp.E, 1 / sp.pi, -sp.sqrt(2), 1 + sp.sqrt(2), sp.atan(2), sp.Rational(-2, 3), sp.log(3) * sp.pi]
)
def test_numbers_are_read_back(value):
    e = sd.tensor("s") * value + value
    assert parse(str(e)) == e


def test_an_error_about_a_large_expression_is_one_line():
    e = sd.sum(X, axis=1)
    for _ in range(60):
        e = e * e + 1
    with pytest.raises(sd.ShapeError) as error:
        e + w
    assert "\n" not in str(error.value)


def test_a_name_for_a_transpose_is_written_the_right_way_round():
    """The adjoint of W.T is named with its axes the other way round than its body's."""
    X, W = sd.tensor("X", *sd.dims("n p")), sd.tensor("W", *sd.dims("p k"))
    gradient = sd.grad(sd.sum((X - X @ W @ W.T) ** 2), W)
    assert sd.prove(sd.parse(str(gradient), X=X, W=W), gradient).verdict == "PROVED"
