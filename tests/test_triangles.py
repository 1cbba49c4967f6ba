"""Triangular packings: sizes d*(d + 1)/2, positions that are polynomials of positions, solved when the program is planned."""

from __future__ import annotations

import numpy as np
import pytest
import sympy as sp

import symdl as sd
from symdl.expr.dims import is_whole
from symdl.lower.compiled import Compiled


def packed(d):
    """The strict lower triangle of a matrix, from a vector that has it column by column."""
    i, j = sd.position(d)[:, None], sd.position(d)
    return sd.tensor("v", d * (d - 1) / 2)[j * (d - 1) - j * (j - 1) / 2 + i - j - 1] * sd.positive(i - j)


def expected(v, d):
    out = np.zeros((d, d))
    out.T[np.triu_indices(d, 1)] = v
    return out


def test_sizes_that_are_whole():
    d, n = sd.dims("d n")
    assert all(is_whole(e) for e in (d * (d + 1) / 2, d * (d + 1) * (d + 2) / 6, d * n * (d + n) / 2))
    assert not any(is_whole(e) for e in (d / 2, d * (d + 1) / 3, d * n / 2))
    with pytest.raises(sd.ShapeError, match="not a size"):
        sd.tensor("v", d / 2)


@pytest.mark.parametrize("d", [2, 3, 7])
def test_triangle_and_its_adjoint(d):
    n = sd.dims("d")
    rng = np.random.default_rng(d)
    v, w = rng.normal(size=d * (d - 1) // 2), rng.normal(size=(d, d))
    full = packed(n)
    np.testing.assert_array_equal(sd.evaluate(full, v=v), expected(v, d))
    slope = sd.grad(sd.sum(full * sd.tensor("w", n, n)), "v")
    np.testing.assert_allclose(sd.evaluate(slope, w=w), w.T[np.triu_indices(d, 1)], rtol=1e-15)


def test_no_table_of_zeros_and_ones_is_made():
    compiled = Compiled([packed(sd.dims("d"))])
    program = compiled.program({"v": (40 * 39 // 2,)})
    assert not [i for i in program.code if np.prod(i.shape) > 40 * 40]


def test_a_sum_of_sizes_without_a_rule_is_a_number():
    d, j = sd.dims("d"), sp.Symbol("j", integer=True)
    x = sd.tensor("x", d)
    value = sd.sum(x) * sp.Sum(sp.loggamma(d + 1 - j), (j, 1, d))
    assert abs(sd.evaluate(value, x=[1.0, 1.0, 1.0, 1.0]) - 4 * (np.log(6) + np.log(2))) < 1e-12
    assert sd.evaluate(sd.grad(value, x), d=4) == pytest.approx(np.full(4, np.log(12)))


def test_adjoint_takes_what_it_adds():
    """Two equations of one index, and a mask: every element of the packing has one row and one column."""
    n, d = sd.dims("d"), 30
    whole = sd.tensor("v", n * (n + 1) / 2)
    i, j = sd.position(n)[:, None], sd.position(n)
    full = whole[n:][j * (n - 1) - j * (j - 1) / 2 + i - j - 1] * sd.positive(i - j) + whole[:n][:, None] * sd.equal(i, j)
    slope = sd.grad(sd.sum(full**2 * sd.tensor("w", n, n)), whole)
    rng = np.random.default_rng(0)
    v, w = rng.normal(size=d * (d + 1) // 2), rng.normal(size=(d, d))
    lower = w.T[np.triu_indices(d, 1)]
    np.testing.assert_allclose(sd.evaluate(slope, v=v, w=w), 2 * v * np.concatenate([np.diag(w), lower]), rtol=1e-14)
    made = Compiled([slope]).program({"v": v.shape, "w": w.shape})
    assert max(int(np.prod(i.shape)) for i in made.code) <= d * d
