"""Numbers that textbooks print, and the arithmetic that a shared gradient needs."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sympy as sp
from hypothesis import given, settings
from hypothesis import strategies as st
from scripts import script

import symdl as sd
from symdl.data import wakui
from symdl.graph.count import operations

# --- Wakui -----------------------------------------------------------------------------------------------------


def test_wakui_data_are_the_books() -> None:
    book = wakui()
    assert book.x.shape == (64, 12) and book.t.shape == (64, 2)
    assert set(np.unique(book.x)) == {0.0, 1.0} and book.t.sum(0).tolist() == [32.0, 32.0]
    assert {k: v.shape for k, v in book.params.items()} == {"W2": (3, 12), "b2": (3,), "W3": (2, 3), "b3": (2,)}
    assert sum(v.size for v in book.params.values()) == 47


def test_wakui_initial_cost() -> None:
    book = wakui()
    value, gradient = sd.value_and_grad(script("textbooks").wakui_model()[1], list(book.params))(x=book.x, t=book.t, **book.params)
    assert value == pytest.approx(20.242050417683537, rel=1e-14)
    assert {k: np.shape(g) for k, g in gradient.items()} == {k: v.shape for k, v in book.params.items()}


def test_wakui_fifty_epochs_with_train() -> None:
    book = wakui()
    output, cost = script("textbooks").wakui_model()
    result = sd.train(cost, params=book.params, data={"x": book.x, "t": book.t}, lr=book.eta, epochs=book.epochs)
    final = sd.evaluate(cost, x=book.x, t=book.t, **result.params)
    assert float(final) == pytest.approx(script("textbooks").wakui_by_hand(), rel=1e-10)
    assert float(final) == pytest.approx(0.21235083858344533, rel=1e-10)
    answers = np.asarray(sd.evaluate(output, x=book.x, **result.params)).argmax(1)
    assert np.array_equal(answers, book.t.argmax(1))


# --- operation counts ---------------------------------------------------------------------------------------------


def test_shared_gradient_stays_near_cse() -> None:
    counts = script("textbooks").count_operations()
    if sp.__version__.startswith("1.14"):
        assert (counts.diff, counts.cse) == (28_289, 252)
    assert counts.diff > 100 * counts.cse
    assert counts.graph <= counts.cse and counts.indexed <= counts.cse


def test_count_of_the_network_by_hand() -> None:
    """Forward 84 + 20, cost 6, error terms 6 + 18, weights 6 + 36; the residual is the cost's own."""
    _, cost = script("textbooks").wakui_model()
    one = {"n": 1, "p": 12, "h": 3, "m": 2}
    assert operations([cost.node], one) == 110
    derived = sd.derive(cost, ["W2", "b2", "W3", "b3"])
    delta3, delta2 = 2 * (1 + 2), 3 * (2 + 1 + 1 + 2)
    assert operations([cost.node, *[g.node for g in derived.gradients.values()]], one) == 110 + delta3 + delta2 + 6 + 36


def test_count_grows_linearly_with_the_samples() -> None:
    _, cost = script("textbooks").wakui_model()
    derived = sd.derive(cost, ["W2", "b2", "W3", "b3"])
    roots = [cost.node, *[g.node for g in derived.gradients.values()]]
    n1, n2, n3 = (operations(roots, {"n": n, "p": 12, "h": 3, "m": 2}) for n in (1, 2, 3))
    assert n3 - n2 == n2 - n1 > 0


@settings(deadline=None, max_examples=15)
@given(n=st.integers(1, 4), p=st.integers(2, 4))
def test_count_agrees_with_sympy_on_what_is_not_shared(n: int, p: int) -> None:
    """Written out element by element, sympy.count_ops finds as many operations."""
    X, w, y = sd.tensor("X", n, p), sd.tensor("w", p), sd.tensor("y", n)
    written = sum(sp.count_ops(element) for element in _elements(X @ w + y, n))
    assert operations([(X @ w + y).node]) == written
    square = sd.sum((X @ w + y) ** 2)
    assert operations([square.node]) == sp.count_ops(square.sympy.doit())


def _elements(vector: Any, n: int) -> list[sp.Expr]:
    return [vector[k].sympy.doit() for k in range(n)]


def test_count_sums_one_index_at_a_time() -> None:
    n, m = sd.dims("n m")
    A, x, y = sd.tensor("A", n, m), sd.tensor("x", n), sd.tensor("y", m)
    i, j = sd.indices("i j")
    bilinear = sd.sum(A[i, j] * x[i] * y[j], i, j)
    assert operations([bilinear.node], {"n": 5, "m": 5}) == 5 * (5 + 4) + 5 + 4  # A y, then x . (A y), or the other way round
    apart = sd.sum(x[i] * y[j], i, j)
    assert operations([apart.node], {n: 5, m: 7}) == 4 + 6 + 1


def test_count_of_matrix_functions_and_reductions() -> None:
    A = sd.tensor("A", 2, 2)
    assert operations([sd.det(A).node]) == 4  # one division, one product and difference, one product
    z = sd.tensor("z", 6)
    assert operations([sd.max(z).node]) == 5
    assert operations([sd.logsumexp(z).node]) == 12


def test_count_needs_every_size() -> None:
    n = sd.dims("n")
    with pytest.raises(sd.NameError_, match="size n has no number"):
        operations([sd.sum(sd.tensor("x", n)).node])


def test_count_of_a_long_chain() -> None:
    z = sd.tensor("z")
    for _ in range(5000):
        z = sd.sin(z)
    assert operations([z.node]) == 5000


# --- Mazur ---------------------------------------------------------------------------------------------------------


def test_mazur() -> None:
    book = script("textbooks")
    value, gradient = sd.value_and_grad(book.mazur_error(), ["W1", "W2"])(**book.MAZUR)
    assert value == pytest.approx(0.298371109, abs=5e-10)
    assert gradient["W2"][0, 0] == pytest.approx(0.082167041, abs=5e-10)
    after = sd.evaluate(book.mazur_error(), **{**book.MAZUR, **{k: book.MAZUR[k] - 0.5 * g for k, g in gradient.items()}})
    assert float(after) == pytest.approx(0.291027774, abs=5e-10)


# --- Nielsen -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("w", "b", "first", "last"), [(0.6, 0.9, 0.817, 0.094), (2.0, 2.0, 0.982, 0.203)])
def test_nielsen_with_train(w: float, b: float, first: float, last: float) -> None:
    ws, bs, x, t = (sd.tensor(n) for n in "wbxt")
    output = sd.sigmoid(ws * x + bs)
    assert float(sd.evaluate(output, x=1.0, w=w, b=b)) == pytest.approx(first, abs=6e-4)
    result = sd.train((t - output) ** 2 / 2, params={"w": w, "b": b}, data={"x": 1.0, "t": 0.0}, lr=0.15, epochs=300)
    assert float(sd.evaluate(output, x=1.0, **result.params)) == pytest.approx(last, abs=6e-4)


# --- micrograd -------------------------------------------------------------------------------------------------------


def test_micrograd_exactly() -> None:
    a, b = sp.symbols("a b")
    g = script("textbooks").micrograd_expression(a, b)
    derived, at = sd.derive(g, [a, b]), {a: -4, b: 2}
    assert g.subs(at) == sp.Rational(2421, 98)
    assert derived[a].subs(at) == sp.Rational(47620, 343)
    assert derived[b].subs(at) == sp.Rational(221433, 343)


def test_micrograd_with_tensors_in_floats() -> None:
    a, b = sd.tensor("a"), sd.tensor("b")
    value, gradient = sd.value_and_grad(script("textbooks").micrograd_expression(a, b), [a, b])(a=-4.0, b=2.0)
    assert value == pytest.approx(2421 / 98, rel=1e-14)
    assert gradient["a"] == pytest.approx(47620 / 343, rel=1e-14) and gradient["b"] == pytest.approx(221433 / 343, rel=1e-14)


def test_micrograd_as_its_readme_types_it() -> None:
    """Floats in the expression (2.0, 10.0) are read as the decimals that were typed."""
    a, b = sd.tensor("a"), sd.tensor("b")
    c, d = a + b, a * b + b**3
    c += c + 1
    c += 1 + c + (-a)
    d += d * 2 + sd.relu(b + a)
    d += 3 * d + sd.relu(b - a)
    f = (c - d) ** 2
    g = f / 2.0
    g += 10.0 / f
    at = {sp.Symbol("a"): -4, sp.Symbol("b"): 2}
    assert g.sympy.subs(at) == sp.Rational(2421, 98)
    assert sd.grad(g, b).sympy.subs(at) == sp.Rational(221433, 343)


# --- Saito -------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("rate", "end"), [(0.1, (-6.1111e-10, 8.1481e-10)), (1e-10, (-2.99999994, 3.99999992))])
def test_saito(rate: float, end: tuple[float, float]) -> None:
    x = sd.tensor("x", 2)
    path = script("gradient_descent").descend(sd.sum(x**2), np.array([-3.0, 4.0]), rate, 100)
    assert path.shape == (101, 2)
    assert path[-1] == pytest.approx(end, rel=1e-4)
