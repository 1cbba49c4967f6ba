"""Kronecker products: values, algebra, derivatives, printing."""

from __future__ import annotations

import numpy as np
import pytest

import symdl as sd

n, m, p, q = sd.dims("n m p q")
A, B, X, Y = sd.tensor("A", m, n), sd.tensor("B", p, q), sd.tensor("X", n, n), sd.tensor("Y", n, n)
C, D = sd.tensor("C", m, m), sd.tensor("D", m, m)
x, y = sd.tensor("x", n), sd.tensor("y", m)
t = sd.tensor("t")
rng = np.random.default_rng(0)
VALUES = {"A": (3, 4), "B": (2, 5), "X": (4, 4), "Y": (4, 4), "C": (3, 3), "D": (3, 3), "x": (4,), "y": (3,)}
VALUES = {name: rng.normal(size=shape) for name, shape in VALUES.items()} | {"t": 0.3}


def value(expr):
    return sd.evaluate(expr, **{k: v for k, v in VALUES.items() if k in expr.inputs})


@pytest.mark.parametrize("pair", [(A, B), (X, C), (x, y), (x, B), (B, y), (C, x)])
def test_values_are_numpys(pair):
    a, b = pair
    found = value(sd.kron(a, b))
    expected = np.kron(VALUES[a.name], VALUES[b.name])
    assert found.shape == expected.shape
    np.testing.assert_allclose(found, expected)


def test_with_a_scalar_it_is_the_product():
    assert sd.kron(t, B) == t * B


GRADIENTS = [
    (sd.trace(sd.kron(X, C)), X, "trace(C)*eye(n)"),
    (sd.trace(sd.kron(C, X)), X, "trace(C)*eye(n)"),
    (sd.norm(sd.kron(A, B)) ** 2, A, "2*sum(B**2)*A"),
    (sd.sum(sd.kron(A, B)), A, "ones(m, n)*sum(B)"),
    (sd.logdet(sd.kron(X, C)), X, "m*inv(X).T"),
    (sd.logdet(sd.kron(C, X)), X, "m*inv(X).T"),
    (sd.det(sd.kron(X, C)), X, "m*det(kron(X, C))*inv(X).T"),
    (sd.trace(sd.inv(sd.kron(X, C))), X, "-trace(inv(C)) * (inv(X) @ inv(X)).T"),
    (sd.trace(sd.kron(X, C) @ sd.kron(Y, D)), X, "trace(C @ D)*Y.T"),
    (sd.trace(sd.kron(sd.eye(m), X)), X, "m*eye(n)"),
]


@pytest.mark.parametrize("f, by, expected", GRADIENTS, ids=[str(k) for k in range(len(GRADIENTS))])
def test_gradients_are_short_and_right(f, by, expected):
    d = sd.derive(f, by)
    assert str(d[by]) == expected
    assert d.verify().ok


def test_differentials_and_scalars_inside():
    assert str(sd.differential(sd.kron(X, B), X)) == "kron(dX, B)"
    assert sd.differential(sd.kron(X, Y), [X, Y]) == sd.kron(sd.tensor("dX", n, n), Y) + sd.kron(X, sd.tensor("dY", n, n))
    assert str(sd.jacobian(sd.kron(A + t * A, B), t)) == "kron(A, B)"


def test_mixed_products():
    assert str(sd.kron(X, C) @ sd.kron(Y, D)) == "kron(X @ Y, C @ D)"
    assert sd.prove(sd.kron(X, C).T, sd.kron(X.T, C.T)).proved
    V = sd.tensor("V", q, n)
    assert sd.prove(sd.kron(A, B) @ sd.vec(V), sd.vec(B @ V @ A.T)).proved
    assert sd.prove(sd.trace(sd.kron(X, C)), sd.trace(X) * sd.trace(C)).proved
    assert sd.prove(sd.kron(X, C), sd.kron(C, X)).verdict == "REFUTED"


def test_a_factor_on_the_long_axis_is_no_kronecker_product():
    long = sd.tensor("l", m * p)
    f = long * (sd.kron(A, B) @ sd.kron(x, sd.tensor("z", q)))
    found = sd.evaluate(sd.grad(sd.sum(f**2), A), l=np.arange(6.0), z=np.arange(5.0), **{k: VALUES[k] for k in "ABx"})
    step = np.zeros((3, 4))
    step[1, 2] = 1e-6

    def at(a):
        return np.sum((np.arange(6.0) * (np.kron(a, VALUES["B"]) @ np.kron(VALUES["x"], np.arange(5.0)))) ** 2)

    assert found[1, 2] == pytest.approx((at(VALUES["A"] + step) - at(VALUES["A"] - step)) / 2e-6, rel=1e-5)


def test_latex():
    assert r"\otimes" in sd.derive(sd.det(sd.kron(X, C)), X).latex()
