"""sd.differential, matrix functions (norms, powers, triangles, variances), derivatives by a scalar inside a matrix function."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import symdl as sd

n, m, p, k = sd.dims("n m p k")
A, X, Y = sd.tensor("A", m, n), sd.tensor("X", n, n), sd.tensor("Y", n, n)
Z, x, y, t = sd.tensor("Z", n, m), sd.tensor("x", n), sd.tensor("y", m), sd.tensor("t")
rng = np.random.default_rng(5)
VALUES = {"A": (3, 4), "X": (4, 4), "Y": (4, 4), "Z": (4, 3), "x": (4,), "y": (3,)}
VALUES = {name: rng.normal(size=shape) for name, shape in VALUES.items()} | {"t": 0.2}


def value(expr, **more):
    given = VALUES | more
    return sd.evaluate(expr, **{name: v for name, v in given.items() if name in expr.inputs or name in ("n", "m", "k")})


DIFFERENTIALS = [
    (sd.trace(A @ Z), Z, "trace(A @ dZ)"),
    (sd.det(X), X, "det(X)*trace(inv(X) @ dX)"),
    (sd.logdet(X), X, "trace(inv(X) @ dX)"),
    (sd.inv(X), X, "-inv(X) @ dX @ inv(X)"),
    (X.T, X, "dX.T"),
    (X @ X, X, "X @ dX + dX @ X"),
    (X * X, X, "2*X*dX"),
    (Z.T @ X @ Z, Z, "Z.T @ X @ dZ + dZ.T @ X @ Z"),
    (sd.exp(X), X, "dX*exp(X)"),
    (sd.outer(x, x), x, "outer(x, dx) + outer(dx, x)"),
    (sd.diag(x), x, "diag(dx)"),
    (sd.norm(x), x, "(dx @ x)/norm(x)"),
    (sd.softmax(x), x, "softmax(x) * (dx - dx @ softmax(x))"),
    (sd.logsumexp(x), x, "dx @ softmax(x)"),
]


@pytest.mark.parametrize("f, by, expected", DIFFERENTIALS, ids=[e for *_, e in DIFFERENTIALS])
def test_differentials_read_as_a_person_writes_them(f, by, expected):
    found = sd.differential(f, by)
    assert str(found) == expected
    direction = rng.normal(size=np.shape(VALUES[by.name]))
    step = 1e-6 * direction
    name = by.name
    slope = (value(f, **{name: VALUES[name] + step}) - value(f, **{name: VALUES[name] - step})) / 2e-6
    np.testing.assert_allclose(value(found, **{"d" + name: direction}), slope, rtol=1e-6, atol=1e-7)


def test_total_differentials_and_given_directions():
    assert str(sd.differential(X @ Y, [X, Y])) == "X @ dY + dX @ Y"
    assert sd.differential(X @ Y, X, Y) == Y @ Y
    assert str(sd.differential(sd.trace(X), X, "H")) == "trace(H)"
    assert sd.differential(sd.trace(A @ Z), "Z") == sd.trace(A @ sd.tensor("dZ", n, m))
    assert sd.prove(sd.differential(sd.softmax(x), x, sd.tensor("v", n)), sd.jvp(sd.softmax(x), x, "v")).proved


def test_a_symmetric_matrix_has_a_symmetric_differential():
    S = sd.tensor("S", n, n, facts="symmetric")
    assert sd.prove(sd.differential(S @ X.T, S), sd.differential(S, S).T @ X.T).proved
    assert "symmetric" in sd.differential(S, S).node.attr.facts


def test_plain_sympy_is_answered_in_sympy():
    M = sp.MatrixSymbol("M", sp.Symbol("q"), sp.Symbol("q"))
    dM = sp.MatrixSymbol("dM", sp.Symbol("q"), sp.Symbol("q"))
    assert sd.differential(M.I, M) == -(M.I * dM * M.I)
    assert sd.differential(sp.Trace(M * M), M) == 2 * sp.Trace(M * dM)


def test_wrong_questions():
    with pytest.raises(sd.SymdlError, match="dX is a tensor of the expression already"):
        sd.differential(X + sd.tensor("dX", n, n), X)
    with pytest.raises(sd.ShapeError, match="must have the shape"):
        sd.differential(X @ Y, X, A)
    with pytest.raises(sd.SymdlError, match="jvp"):
        sd.differential(sd.matrix_power(X, k), X)


def test_by_a_scalar_inside_a_matrix_function():
    B = X + t * Y
    assert str(sd.grad(sd.logdet(B), t)) == "trace(Y @ inv(t*Y + X))"
    assert str(sd.jacobian(sd.inv(B), t)) == "-inv(t*Y + X) @ Y @ inv(t*Y + X)"
    twice = sd.jacobian(sd.jacobian(sd.inv(B), t), t)
    assert sd.prove(twice, 2 * sd.inv(B) @ Y @ sd.inv(B) @ Y @ sd.inv(B)).proved
    assert str(sd.jacobian(sd.grad(sd.trace(sd.inv(B)), t), t)).startswith("2*trace(")
    with pytest.raises(sd.ShapeError, match=r"sd\.jacobian"):
        sd.grad(sd.inv(B), t)


# --- matrix functions -----------------------------------------------------------------------------------------------

FUNCTIONS = {
    "power": (sd.matrix_power(X, 3), lambda v: np.linalg.matrix_power(v["X"], 3)),
    "negative power": (sd.matrix_power(X, -2), lambda v: np.linalg.matrix_power(v["X"], -2)),
    "power 0": (sd.matrix_power(X, 0) + X, lambda v: np.eye(4) + v["X"]),
    "high power": (sd.matrix_power(X, 21), lambda v: np.linalg.matrix_power(v["X"], 21)),
    "norm 1": (sd.norm(x, 1), lambda v: np.linalg.norm(v["x"], 1)),
    "norm 2": (sd.norm(x, 2), lambda v: np.linalg.norm(v["x"])),
    "norm 3": (sd.norm(x, 3), lambda v: np.linalg.norm(v["x"], 3)),
    "norm 2.5": (sd.norm(x, 2.5), lambda v: np.linalg.norm(v["x"], 2.5)),
    "norm inf": (sd.norm(x, np.inf), lambda v: np.linalg.norm(v["x"], np.inf)),
    "norm -inf": (sd.norm(x, "-inf"), lambda v: np.linalg.norm(v["x"], -np.inf)),
    "Frobenius": (sd.norm(A, "fro"), lambda v: np.linalg.norm(v["A"])),
    "matrix 1": (sd.norm(A, 1), lambda v: np.linalg.norm(v["A"], 1)),
    "matrix inf": (sd.norm(A, sp.oo), lambda v: np.linalg.norm(v["A"], np.inf)),
    "norms of rows": (sd.norm(A, axis=1, keepdims=True), lambda v: np.linalg.norm(v["A"], axis=1, keepdims=True)),
    "norms 1 of columns": (sd.norm(A, 1, axis=0), lambda v: np.linalg.norm(v["A"], 1, axis=0)),
    "var": (sd.var(A, axis=0, ddof=1), lambda v: np.var(v["A"], axis=0, ddof=1)),
    "var of all": (sd.var(A), lambda v: np.var(v["A"])),
    "std": (sd.std(A, axis=1, keepdims=True), lambda v: np.std(v["A"], axis=1, keepdims=True)),
    "min": (sd.min(A, axis=1), lambda v: v["A"].min(axis=1)),
    "tril": (sd.tril(A, 1), lambda v: np.tril(v["A"], 1)),
    "triu": (sd.triu(A, -1), lambda v: np.triu(v["A"], -1)),
    "cumsum": (sd.cumsum(A, 1), lambda v: np.cumsum(v["A"], 1)),
    "cumsum of columns": (sd.cumsum(A), lambda v: np.cumsum(v["A"], 0)),
    "vec": (sd.vec(A), lambda v: v["A"].flatten("F")),
    "hadamard": (sd.hadamard(X, Y), lambda v: v["X"] * v["Y"]),
}


@pytest.mark.parametrize("ours, theirs", FUNCTIONS.values(), ids=FUNCTIONS)
def test_values_are_numpys(ours, theirs):
    found, expected = value(ours), theirs(VALUES)
    assert np.shape(found) == np.shape(expected)
    np.testing.assert_allclose(found, expected, rtol=1e-11)


@pytest.mark.parametrize("ours", [f for f, _ in FUNCTIONS.values()], ids=FUNCTIONS)
def test_gradients_hold(ours):
    loss = sd.sum(ours**2) if ours.shape else ours
    by = next(v for v in (A, X, x) if v.name in ours.inputs)
    found, name = value(sd.grad(loss, by)), by.name
    for at in [(0,) * np.ndim(VALUES[name]), (-1,) * np.ndim(VALUES[name])]:
        step = np.zeros_like(VALUES[name])
        step[at] = 1e-6
        high, low = (value(loss, **{name: VALUES[name] + s}) for s in (step, -step))
        assert found[at] == pytest.approx((high - low) / 2e-6, rel=1e-4, abs=1e-6)


def test_symbolic_powers():
    P = sd.matrix_power(X, k)
    np.testing.assert_allclose(value(P, k=5), np.linalg.matrix_power(VALUES["X"], 5))
    np.testing.assert_allclose(value(sd.grad(sd.trace(P), X), k=5), 5 * np.linalg.matrix_power(VALUES["X"], 4).T)


def test_norms_print_short_slopes():
    assert str(sd.grad(sd.norm(x, 4), x)) == "x**3/sum(x**4)**(3/4)"
    assert str(sd.grad(sd.norm(x, 1), x)) == "sign(x)"
    assert str(sd.grad(sd.norm(x) ** 2, x)) == "2*x"


def test_what_has_no_sense_is_said():
    with pytest.raises(sd.UnsupportedError, match="singular values"):
        sd.norm(A, 2)
    with pytest.raises(sd.DomainError, match="at least 1"):
        sd.norm(x, 0.5)
    with pytest.raises(sd.ShapeError, match="square"):
        sd.matrix_power(A, 2)
    with pytest.raises(sd.UnsupportedError, match="whole number"):
        sd.matrix_power(X, 0.5)
    with pytest.raises(sd.ShapeError):
        sd.hadamard(A, X)
    with pytest.raises(sd.SymdlError, match="order"):
        sd.norm(A, 3)


def test_the_text_language_knows_them():
    text = "norm(x, 1) + norm(A, ord=fro) + sum(matrix_power(X, 2)) + var(x, ddof=1) + std(x) + min(x) + sum(tril(X, -1)) + sum(cumsum(A, axis=1))"
    read = sd.parse(text, x="n", A="m,n", X="n,n")
    assert read.inputs == ("x", "A", "X")  # as declared
    assert sd.parse("kron(A, X)", A="m,n", X="n,n") == sd.kron(A, X)
    assert sd.parse(str(sd.matrix_power(X, 4)), X="n,n") == sd.matrix_power(X, 4)
