"""Derivatives over the independent entries of symmetric and diagonal matrices (Matrix Cookbook, section 2.8)."""

from __future__ import annotations

import numpy as np
import pytest

import symdl as sd

n = sd.dims("n")
A, B = sd.tensor("A", n, n), sd.tensor("B", n, n)
a = sd.tensor("a", n)
S = sd.tensor("S", n, n, facts="symmetric")
P = sd.tensor("P", n, n, facts=("symmetric", "posdef"))
D = sd.tensor("D", n, n, facts="diagonal")


def masked(x):
    return sd.diag(sd.diag(x))


BOOK = {
    # 138: G + G.T - G o I
    "138 trace": (sd.trace(A @ S), S, A + A.T - masked(A)),
    "140 quadratic": (a @ S @ a, S, 2 * sd.outer(a, a) - masked(sd.outer(a, a))),
    "141 det": (sd.det(P), P, sd.det(P) * (2 * sd.inv(P) - masked(sd.inv(P)))),
    "141 logdet": (sd.logdet(P), P, 2 * sd.inv(P) - masked(sd.inv(P))),
    "142 diagonal": (sd.trace(A @ D), D, masked(A)),
    "square": (sd.trace(S @ S), S, 4 * S - 2 * masked(S)),
    "inverse": (sd.trace(A @ sd.inv(P)), P, -(sd.inv(P) @ (A + A.T) @ sd.inv(P)) + masked(sd.inv(P) @ A @ sd.inv(P))),
}


@pytest.mark.parametrize("f, x, book", BOOK.values(), ids=BOOK)
def test_the_books_identities(f, x, book):
    found = sd.grad(f, x)
    assert sd.prove(found, book).proved
    assert sd.check(f, x, found).proved
    assert sd.derive(f, x).verify().ok


def test_the_step_is_told_and_every_equation_is_true():
    d = sd.derive(sd.logdet(P), P)
    assert "independent entries of a symmetric matrix" in [s.rule.name for s in d.steps]
    text = str(d)
    assert "G[i, j] = inv(P)[j, i]" in text and "dC/dP = 2*inv(P) - inv(P)*eye(n)" in text
    assert r"G" in d.latex()


def test_the_full_derivative_on_request_and_structure_on_request():
    assert sd.grad(sd.trace(A @ S), S, structure="full") == A.T
    assert sd.prove(sd.grad(sd.trace(A @ B), B, structure="symmetric"), A + A.T - masked(A)).proved
    assert sd.grad(sd.trace(A @ B), B, structure="diagonal") == masked(A)
    both = sd.grad(sd.trace(A @ B), [A, B], structure={"A": "diagonal"})
    assert both["A"] == masked(B) and both["B"] == A.T
    assert sd.derive(sd.trace(A @ A @ B), A, structure="symmetric").verify().ok


def test_wrong_claims_are_refuted():
    assert sd.check(sd.trace(A @ S), S, A.T).verdict == "REFUTED"
    assert sd.check(sd.trace(A @ S), S, A.T, structure="full").proved
    assert sd.check(sd.trace(A @ D), D, A.T).verdict == "REFUTED"


def test_positive_definite_alone_leaves_the_full_derivative():
    Q = sd.tensor("Q", n, n, facts="posdef")
    assert sd.prove(sd.grad(sd.logdet(Q), Q), sd.inv(Q)).proved


def test_against_finite_differences_along_the_independent_entries():
    rng = np.random.default_rng(3)
    values = {"A": rng.normal(size=(3, 3)), "a": rng.normal(size=3)}
    s = rng.normal(size=(3, 3))
    s = s @ s.T + np.eye(3)
    f = sd.logdet(P) * (a @ P @ a) + sd.trace(sd.inv(P) @ A)
    found = sd.evaluate(sd.grad(f, P), P=s, **values)
    for i in range(3):
        for j in range(3):
            e = np.zeros((3, 3))
            e[i, j] = e[j, i] = 1e-5
            slope = (sd.evaluate(f, P=s + e, **values) - sd.evaluate(f, P=s - e, **values)) / 2e-5
            assert abs(found[i, j] - slope) < 1e-6 * (1 + abs(slope))


def test_jacobian_hessian_and_hvp_follow():
    rng = np.random.default_rng(4)
    s, v = (m + m.T for m in rng.normal(size=(2, 3, 3)))
    f = sd.trace(S @ S @ S)
    hessian = sd.evaluate(sd.hessian(f, S), S=s)
    along = sd.evaluate(sd.hvp(f, S, "V"), S=s, V=v)
    upper = np.triu(np.ones((3, 3)))
    np.testing.assert_allclose(along, np.einsum("ijkl,kl->ij", hessian, v * upper), rtol=1e-12)
    slope = sd.jacobian(S @ a, S)
    assert slope.shape == (n, n, n)
    assert sd.check(S @ a, S, slope).proved


def test_an_element_is_its_independent_entry():
    assert sd.evaluate(sd.grad(sd.trace(A @ S), S[0, 1]), A=[[1.0, 2.0], [3.0, 4.0]]) == 5.0
    assert sd.evaluate(sd.grad(sd.trace(A @ S), S[1, 1]), A=[[1.0, 2.0], [3.0, 4.0]]) == 4.0


def test_bad_structures_are_named():
    with pytest.raises(sd.SymdlError, match="structure='triangular'"):
        sd.grad(sd.trace(A @ B), B, structure="triangular")
    with pytest.raises(sd.ShapeError, match="not a square matrix"):
        sd.grad(a @ a, a, structure="symmetric")
