"""SymPy's matrices both ways: what they mean as numbers, round trips, answers in the words of the question."""

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from reference import evaluate, numeric_gradient
from sympy.matrices.expressions import (
    DiagMatrix,
    DiagonalMatrix,
    DiagonalOf,
    DotProduct,
    FunctionMatrix,
    HadamardPower,
    HadamardProduct,
    KroneckerProduct,
    OneMatrix,
    ZeroMatrix,
)

import symdl as sd
from symdl.expr.tensor import as_expr

n, p = sd.dims("n p")
i, j, k = sp.symbols("i j k", integer=True)
a, b = sp.symbols("a b")
X, Y = sp.MatrixSymbol("X", n, p), sp.MatrixSymbol("Y", n, p)
A, B = sp.MatrixSymbol("A", p, p), sp.MatrixSymbol("B", p, p)
w, y = sp.MatrixSymbol("w", p, 1), sp.MatrixSymbol("y", n, 1)
SIZES = {n: 3, p: 2}
t = sp.Symbol("t")


def values(seed=0):
    r = np.random.default_rng(seed)
    shapes = {"X": (3, 2), "Y": (3, 2), "A": (2, 2), "B": (2, 2), "w": (2, 1), "y": (3, 1)}
    found = {name: r.uniform(0.3, 1.4, shape) for name, shape in shapes.items()}
    found["A"] += 2 * np.eye(2)
    return found | {"a": 0.7, "b": -0.4}


def by_sympy(question, given_values):
    """The value that SymPy itself gives at numbers: explicit matrices put in, then doit."""
    numbers = {s: sp.Integer(SIZES[s]) for s in SIZES}
    concrete = question.subs(numbers)
    concrete = concrete.doit() if concrete.has(sp.Sum, sp.Product) else concrete
    explicit = {m: sp.ImmutableMatrix(given_values[m.name]) for m in concrete.atoms(sp.MatrixSymbol)}
    done = concrete.subs(explicit).subs({a: given_values["a"], b: given_values["b"]}).doit()
    done = done.as_explicit() if isinstance(done, sp.MatrixExpr) and not isinstance(done, sp.MatrixBase) else done
    return np.array(done.tolist(), float) if isinstance(done, sp.MatrixBase) else float(done.doit())


READ = [
    X * w - y,
    (X * w - y).T * (X * w - y),
    sp.Trace(X.T * Y),
    a * X + b * Y,
    sp.Trace(A) * B,
    A**3,
    A**-2,
    A**0,
    A.inv() * B,
    sp.Determinant(A * B),
    sp.log(sp.Determinant(A)),
    HadamardProduct(X, Y),
    HadamardPower(X, 2),
    HadamardPower(X, a),
    HadamardPower(X, Y),
    X.applyfunc(sp.exp),
    (X * w).applyfunc(sp.Lambda(t, a * t / (1 + sp.exp(-t)) + t**2)),
    X.applyfunc(sp.Lambda(t, sp.Integer(3))),
    sp.Identity(p) + A,
    ZeroMatrix(n, p) + X,
    OneMatrix(p, n) * X,
    DiagMatrix(w) * A,
    DiagMatrix(w.T) * A,
    DotProduct(w, A * w),
    DotProduct(w.T, A * w),
    KroneckerProduct(X, A),
    sp.BlockMatrix([[A, w], [w.T, sp.Identity(1)]]),
    X[1, 0] * X[0, 1] + w[1, 0],
    (A * B)[0, 1],
    X[:, 1],
    X[1, :],
    X[0:2, :],
    sp.Sum(X[i, j] ** 2 * w[j, 0], (i, 0, n - 1), (j, 0, p - 1)),
    sp.Sum(X[i, 0], (i, 1, n - 1)),
    sp.Sum(X[i + 1, 0] * X[i, 1], (i, 0, n - 2)),
    sp.Sum(i**2 * X[i, 0], (i, 0, n - 1)),
    sp.Sum(a, (i, 0, n - 1)) + sp.Sum(w[i, 0], (i, 0, p - 1)),
    sp.Sum(sp.KroneckerDelta(i, j + 1) * A[i, j], (i, 0, p - 1), (j, 0, p - 1)),
    sp.Product(X[i, 0] + a, (i, 0, 2)),
    sp.Sum(sp.Piecewise((X[i, 0] ** 2, X[i, 0] > X[i, 1]), (X[i, 1], (X[i, 0] < 1) & (X[i, 1] > sp.Rational(1, 2))), (a, True)), (i, 0, n - 1)),
    sp.Max(X[0, 0], X[0, 1], a) * sp.Min(X[1, 0], a) + sp.Heaviside(b) + sp.Abs(b) + sp.sign(b),
    sp.Matrix([[a, b], [2, a * b]]) * sp.MatrixSymbol("B", 2, 2),
    sp.Matrix(2, 2, [1, 2, 3, 4]) + sp.Matrix([[a, 0], [0, b]]),
    FunctionMatrix(n, p, sp.Lambda((i, j), i + 2 * j)) + X,
    sp.sqrt(sp.Trace(X.T * X)),
    sp.exp(w.T * w),
    (w.T * A * w) ** 2,
]


@pytest.mark.parametrize("question", READ, ids=lambda q: str(q)[:60])
def test_a_matrix_expression_means_what_sympy_means(question):
    at = values()
    expr = as_expr(question)
    expected = by_sympy(question, at)
    got = evaluate(expr, at, SIZES)
    assert np.allclose(got, np.reshape(expected, got.shape), rtol=1e-12, atol=1e-12)


def test_a_triangular_sum():
    """(SymPy does not carry out a sum whose range depends on another index.)"""
    at = values()["X"]
    got = evaluate(as_expr(sp.Sum(X[i, 0] * X[j, 1], (j, 0, i), (i, 0, n - 1))), {"X": at}, SIZES)
    assert got == pytest.approx(sum(at[r, 0] * at[c, 1] for r in range(3) for c in range(r + 1)))


def test_diagonals():
    """(SymPy's own evaluation of DiagonalOf fails at numbers.)"""
    at = values()
    assert np.allclose(evaluate(as_expr(DiagonalMatrix(A)), at, SIZES), np.diag(np.diag(at["A"])))
    assert np.allclose(evaluate(as_expr(DiagonalOf(A)), at, SIZES), np.diag(at["A"])[:, None])


@pytest.mark.parametrize(
    ("question", "wrt", "answer"),
    [
        (sp.Trace((X * w - y).T * (X * w - y)), w, 2 * X.T * (X * w - y)),
        ((X * w - y).T * (X * w - y), w, 2 * X.T * (X * w - y)),
        (w.T * A * w, w, (A + A.T) * w),
        (sp.log(sp.Determinant(A)), A, A.T.inv()),
        (sp.Trace(A * X.T * Y), X, Y * A),
        (sp.Trace(A) + 1, A, sp.Identity(p)),
        (a * sp.Trace(A.T * A), a, sp.Trace(A.T * A)),
    ],
)
def test_answers_in_the_words_of_the_question(question, wrt, answer):
    got = sd.grad(question, wrt)
    assert not isinstance(got, sd.Expr)
    assert got.shape == answer.shape if isinstance(answer, sp.MatrixExpr) else got == answer
    assert sd.prove(got, answer).verdict == "PROVED"
    assert sd.check(question, wrt, answer).verdict == "PROVED"
    assert len(str(got)) <= len(str(answer)) + 4


def test_shapes_of_answers():
    s = (X * w).applyfunc(sd.sigmoid)
    loss = sp.Trace((s - y).T * (s - y)) / 2
    assert sd.grad(loss, w).shape == (p, 1)
    assert sd.hessian(loss, w).shape == (p, p)
    assert sd.jacobian(s, w).shape == (n, p)
    assert sd.jacobian(a * X, a) == X
    assert sd.hvp(loss, w, sp.MatrixSymbol("v", p, 1)).shape == (p, 1)
    assert sd.jvp(s, w, "v").shape == (n, 1)
    assert sd.vjp(s, w, "u").shape == (p, 1)
    assert set(sd.grad(loss, [w, y])) == {"w", "y"}
    assert sd.grad(loss, w[0, 0]).is_Matrix is False
    four = sd.jacobian(A * X.T, A)  # more than two axes: the element, on elements of the user's matrices
    assert four.has(sp.KroneckerDelta) and four.atoms(sp.MatrixSymbol) == {X}


def test_numbers_from_matrix_questions():
    at = values()
    loss = (X * w - y).T * (X * w - y)
    assert sd.evaluate(X * w - y, **{q: at[q] for q in "Xwy"}).shape == (3, 1)
    got = sd.lambdify([X, w, y], [loss, sd.grad(loss, w)])(at["X"], at["w"], at["y"])
    assert np.allclose(got[1], 2 * at["X"].T @ (at["X"] @ at["w"] - at["y"]))
    _, slopes = sd.value_and_grad(loss, w)(**{q: at[q] for q in "Xwy"})
    assert slopes["w"].shape == (2, 1)
    fitted = sd.train(loss, params={"w": np.zeros((2, 1))}, data={"X": at["X"], "y": at["y"]}, lr=0.1, epochs=400)
    assert np.allclose(fitted.params["w"], np.linalg.lstsq(at["X"], at["y"], rcond=None)[0], atol=1e-2)
    graph = sd.Graph.of(sp.Trace(X.T * X))
    assert graph.inputs == ("X",)
    page = sd.derive(loss, w)
    assert page.verify().ok
    assert "X @ w - y" in str(page)
    assert page.latex()


def test_symdls_functions_of_a_sympy_matrix_are_elementwise():
    """sigma(Xw) is a column, as X w is; SymPy's own functions of a matrix are matrix functions."""
    s = sd.sigmoid(X * w)
    assert isinstance(s, sp.MatrixExpr) and s.shape == (n, 1)
    assert as_expr(s) == as_expr((X * w).applyfunc(sd.sigmoid))
    assert sd.exp(X).shape == X.shape and as_expr(sd.exp(X)) == sd.exp(as_expr(X))
    assert sd.sigmoid(sp.Matrix([[0, 0]])) == sp.Matrix([[sp.Rational(1, 2), sp.Rational(1, 2)]])
    assert sd.grad(sp.Trace(OneMatrix(1, n) * sd.softplus(X * w)), w) == X.T * sd.sigmoid(X * w)


def test_one_name_is_one_tensor_in_both_worlds():
    ours = sd.tensor("X", n, p)
    assert as_expr(X) == ours
    assert sd.prove(sd.grad(sp.Trace(X.T * X), X), 2 * ours).verdict == "PROVED"
    assert isinstance(sd.trace(ours.T @ ours).sympy_matrix, sp.Expr)


def test_explicit_matrices_of_symbols():
    x, z = sp.symbols("x z")
    f = x**2 * z + sp.sin(z)
    v = sp.Matrix([x, z])
    assert sd.grad(f, v) == sp.Matrix([2 * x * z, x**2 + sp.cos(z)])
    assert sd.hessian(f, v) == sp.hessian(f, (x, z))
    g = sp.Matrix([f, x * z, sp.exp(x)])
    assert sd.jacobian(g, v) == g.jacobian(v)


@pytest.mark.parametrize(
    ("question", "says"),
    [
        (sp.exp(A), "applyfunc"),
        (A ** sp.Symbol("q"), "whole numbers"),
        (sp.Permanent(A), "Permanent"),
        (sp.tensorproduct(A, B), "array expressions"),
        (sp.Sum(X[i, 0], (i, 1, n)), "0"),
        (sp.Sum(w[i, 0] * X[i, 0], (i, 0, n - 1)), "runs over"),
        (sp.Product(X[i, 0], (i, 0, n - 1)), "exp"),
        (X.applyfunc(sp.Function("f")), "no rule for f"),
        (sp.Sum(X[i, 0], (i, 0, n + 2)), "leaves the axis"),
    ],
)
def test_what_is_not_read_is_said(question, says):
    with pytest.raises(sd.SymdlError, match=says):
        sd.jacobian(question, X)


# --- round trips ----------------------------------------------------------------------------------------------


@st.composite
def matrices(draw, rows, columns, depth=3):
    """A random SymPy matrix expression of a shape, all of whose values at the test's points are defined."""
    if depth == 0:
        return draw(st.sampled_from([m for m in (X, Y, A, B, w, y, X.T, Y.T, A.T, w.T, y.T, OneMatrix(rows, columns)) if m.shape == (rows, columns)]))
    kind = draw(st.sampled_from(["add", "mul", "hadamard", "function", "scale", "leaf", "diag", "transpose", "power"]))
    if kind == "add":
        return draw(matrices(rows, columns, depth - 1)) + draw(matrices(rows, columns, depth - 1))
    if kind == "mul":
        inner = draw(st.sampled_from([n, p]))
        return draw(matrices(rows, inner, depth - 1)) * draw(matrices(inner, columns, depth - 1))
    if kind == "hadamard":
        return HadamardProduct(draw(matrices(rows, columns, depth - 1)), draw(matrices(rows, columns, depth - 1)))
    if kind == "function":
        return draw(matrices(rows, columns, depth - 1)).applyfunc(draw(st.sampled_from([sp.tanh, sp.sin, sd.sigmoid])))
    if kind == "scale":
        return draw(st.sampled_from([2, a, sp.Rational(-1, 3), sp.Trace(A)])) * draw(matrices(rows, columns, depth - 1))
    if kind == "diag" and rows == p:
        return DiagMatrix(w) * draw(matrices(rows, columns, depth - 1))
    if kind == "transpose":
        return draw(matrices(columns, rows, depth - 1)).T
    if kind == "power":
        return HadamardPower(draw(matrices(rows, columns, depth - 1)), 2)
    return draw(matrices(rows, columns, 0))


@given(st.data())
@settings(max_examples=60, deadline=None, derandomize=True)
def test_round_trips(data):
    shape = data.draw(st.sampled_from([(n, p), (p, p), (p, 1), (n, 1), (1, 1)]))
    question = data.draw(matrices(*shape)) if shape != (1, 1) else sp.Trace(data.draw(matrices(p, p)))
    first = as_expr(question)
    back = first.sympy_matrix
    again = as_expr(back)
    at = values(7)
    assert again.shape == first.shape
    expected = evaluate(first, at, SIZES)
    assert np.allclose(evaluate(again, at, SIZES), expected, rtol=1e-9, atol=1e-9 * np.abs(expected).max())
    assert again == first or sd.prove(again, first).verdict == "PROVED"


@given(st.data())
@settings(max_examples=40, deadline=None, derandomize=True)
def test_gradients_of_random_matrix_expressions_in_matrix_words(data):
    loss = sp.Trace(data.draw(matrices(p, p, 3))) + data.draw(st.integers(0, 3))
    wrt = data.draw(st.sampled_from([X, A, w]))
    expr = as_expr(loss)
    if wrt.name not in expr.inputs:
        return
    got = sd.grad(loss, wrt)
    assert isinstance(got, sp.MatrixExpr) and got.shape == wrt.shape
    at = values(3)
    expected = numeric_gradient(expr, wrt.name, at, SIZES)
    assert np.allclose(evaluate(as_expr(got), at, SIZES), expected, rtol=2e-6, atol=2e-6 * max(1, np.abs(expected).max()))


def test_symdls_own_expressions_in_matrix_words():
    W, v, u = sd.tensor("W", n, p), sd.tensor("v", p), sd.tensor("u", n)
    at = {"W": values()["X"], "v": np.array([0.3, -0.8]), "u": np.array([0.1, 0.5, -1.0])}
    for e in [
        W @ v,
        sd.sum(W @ v),
        W + v,
        W * v / sd.sum(v),
        W * u[:, None],
        u[:, None] + v,
        sd.softmax(W),
        sd.softmax(W, axis=0),
        sd.softmax(v),
        sd.logsumexp(W, axis=1),
        W.mean(axis=0),
        W.sum(axis=1, keepdims=True) * W,
        sd.norm(W),
        sd.trace(sd.inv(W.T @ W)),
        sd.diag(v) @ W.T,
        sd.diag(W.T @ W),
        sd.outer(u, v) / 2,
        u @ W @ v,
        W[1],
        W[:, 0],
        v[1] * W,
        sd.logdet(W.T @ W + sd.eye(p)),
        W**v,
        sd.sqrt(sd.exp(W)),
    ]:
        back = as_expr(e.sympy_matrix)
        columns = {q: x.reshape(-1, 1) if q in "vu" else x for q, x in at.items()}
        expected = evaluate(e, at, SIZES)
        assert np.allclose(evaluate(back, columns, SIZES), expected.reshape(-1, 1) if expected.ndim == 1 else expected), e
    with pytest.raises(sd.UnsupportedError, match="two axes"):
        _ = sd.tensor("T", n, n, n).sympy_matrix


def test_sizes_as_sympy_users_write_them():
    """Symbols without assumptions are sizes where they stand as such, and come back as they were."""
    N, P = sp.symbols("N P")
    Z, v = sp.MatrixSymbol("Z", N, P), sp.MatrixSymbol("v", P, 1)
    got = sd.grad(sp.Trace(v.T * Z.T * Z * v) + sp.Trace(sp.Identity(N)) * sp.Trace(Z.T * Z) / N, v)
    assert got == 2 * Z.T * Z * v
    assert sd.jacobian(v, v) == sp.Identity(P)
    assert sd.hvp(v.T * Z.T * Z * v, v, "q") == 2 * Z.T * Z * sp.MatrixSymbol("q", P, 1)
    assert sd.prove(Z * v, sd.tensor("Z", "N", "P") @ sd.tensor("v", "P", 1)).verdict == "PROVED"
    assert np.allclose(sd.lambdify([Z, v], Z * v / N)(np.ones((4, 2)), np.ones((2, 1))), 0.5)


def test_sympys_own_matrix_derivatives_are_not_relied_on():
    verdict = sd.prove(sp.Derivative(sp.Trace(A) + 1, A), sp.Identity(p))
    assert verdict.verdict == "UNKNOWN"
    assert "sd.grad" in str(verdict)


def test_the_softmax_of_a_column_runs_down_the_column():
    at = values()
    assert np.allclose(evaluate(sd.softmax(y), at, SIZES), np.exp(at["y"]) / np.exp(at["y"]).sum())
    assert np.allclose(evaluate(sd.softmax(X), at, SIZES).sum(axis=1), 1)
