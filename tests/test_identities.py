"""Derivative identities of the books: symdl's answers equal theirs, as numbers at random shapes and by proof, and are as short.

Two tables: tests/data/identities.json, and the Matrix Cookbook's chapter 2 in tests/matrix_cookbook.py.
"""

from __future__ import annotations

import identities
import matrix_cookbook
import numpy as np
import pytest
from identities import Numbers, Symbols, answer, draw, expected, read, tensors, value_of
from operations import operations

import symdl as sd

CASES = {f"dev-{c.id}": c for c in identities.cases()} | {f"book-{c.id}": c for c in matrix_cookbook.cases()}
EVERY = pytest.mark.parametrize("case", CASES.values(), ids=CASES)

#: Longer than the book's, with vectors and with columns, by how many operations: why.
LONGER = {
    "MX-7h": (1, 3),  # sigma(-z) is free in the file, 1 - sigma(z) an operation; the Hessian of a column has four axes, of which two are put in
    "MC-48": (3, 3),  # the trace is factored
    "MC-77": (0, 1),  # outer products are added and not their sum multiplied, which costs less to compute
    "MC-92": (0, 3),
    "MC-98": (0, 1),  # the Hessian of a column has four axes
    "EW-p4": (0, 2),
}


@EVERY
@pytest.mark.parametrize("flat", [True, False], ids=["vectors", "columns"])
def test_holds_as_numbers_and_is_as_short(case, flat):
    algebra = Symbols(flat)
    names = tensors(case, algebra)
    ours = answer(case, names, algebra)
    for seed, sizes in enumerate(case.dims):
        values = draw(case, sizes, seed)
        book = np.asarray(read(case.expected, Numbers(), {**values, **sizes}))
        got = value_of(ours, values, sizes)
        np.testing.assert_allclose(got.reshape(book.shape), book, rtol=1e-8, atol=1e-9 * max(1, np.abs(book).max()))
    over = operations(str(ours)) - operations(case.expected)
    assert over <= LONGER.get(case.id, (0, 0))[not flat], f"{ours}   for   {case.expected}"


@EVERY
@pytest.mark.parametrize("flat", [True, False], ids=["vectors", "columns"])
def test_what_is_printed_is_read_back(case, flat):
    algebra = Symbols(flat)
    names = tensors(case, algebra)
    ours = answer(case, names, algebra)
    known = {name: identities.plain(v) for name, v in names.items() if isinstance(identities.plain(v), sd.Expr)}
    back = sd.parse(str(ours), **known)
    values = draw(case, case.dims[0], 1)
    first, second = value_of(ours, values, case.dims[0]), value_of(back, values, case.dims[0])
    np.testing.assert_allclose(*np.broadcast_arrays(first, second), rtol=1e-9, atol=1e-9)


@EVERY
def test_is_proved(case):
    algebra = Symbols(flat=True)
    names = tensors(case, algebra)
    assert sd.prove(answer(case, names, algebra), expected(case, names, algebra)).proved


@EVERY
def test_shapes(case):
    algebra = Symbols(flat=False)
    names = tensors(case, algebra)
    ours, by = answer(case, names, algebra), identities.plain(names[case.wrt])
    f = identities.plain(read(case.f, algebra, names))
    f_shape = f.shape if isinstance(f, sd.Expr) else ()
    wanted = {"jac": f_shape + by.shape, "hess": by.shape * 2, "diff": f_shape, "dscalar": f_shape, "dscalar2": f_shape}
    assert ours.shape == wanted.get(case.kind, by.shape)


def test_a_wrong_answer_is_seen():
    case = CASES["book-MC-81"]
    algebra = Symbols(flat=True)
    names = tensors(case, algebra)
    B, x = names["B"].expr, names["x"].expr
    assert sd.prove(answer(case, names, algebra), 2 * B @ x).verdict == "REFUTED"


# --- identities in components ---------------------------------------------------------------------------------------

n, m, p = sd.dims("n m p")
X, A, B = sd.tensor("X", n, n), sd.tensor("A", n, p), sd.tensor("B", n, n)
i, j, k, s = sd.indices("i j k s")


def at(expr, *letters):
    return expr[letters]


COMPONENTS = {
    "60": (sd.jacobian(sd.inv(X), X)[k, s, i, j], -sd.inv(X)[k, i] * sd.inv(X)[j, s]),
    "73": (sd.jacobian(X, X)[k, s, i, j], sd.delta(k, i, n) * sd.delta(s, j, n)),
    "74": (sd.jacobian(X @ A, X)[i, j, k, s], sd.delta(i, k, n) * A[s, j]),
    "75": (sd.jacobian(X.T @ A, X)[i, j, k, s], sd.delta(i, s, n) * A[k, j]),
    "79": (sd.jacobian(X.T @ B @ X, X)[k, s, i, j], sd.delta(s, j, n) * (X.T @ B)[k, i] + sd.delta(k, j, n) * (B @ X)[i, s]),
    "47": (sd.sum(sd.grad(sd.det(X), X)[i, k] * X[j, k], k), sd.delta(i, j, n) * sd.det(X)),
    "90": (sd.jacobian(X @ X, X)[k, s, i, j], sd.delta(k, i, n) * X[j, s] + X[k, i] * sd.delta(s, j, n)),
}


@pytest.mark.parametrize("ours, book", COMPONENTS.values(), ids=COMPONENTS)
def test_components(ours, book):
    assert sd.prove(ours, book).proved
