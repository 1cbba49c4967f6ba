"""Sums of products whose factors share an index that no other factor has: summed there, and nothing larger than the factors is made."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import symdl as sd
from symdl.lower.compiled import Compiled

SIZES = {0: 3, 1: 4, 2: 2, 3: 5}
n, k = sd.dims("n k")
Z, T = sd.tensor("Z", n, k), sd.tensor("T", n, k)
i, j, m = sd.indices("i j m")
RNG = np.random.default_rng(0)
ZS, TS = RNG.normal(size=(6, 40)), RNG.normal(size=(6, 40))


def _largest(expr) -> int:
    program = Compiled([expr], "numpy").program({"Z": ZS.shape, "T": TS.shape})
    return max(math.prod(step.shape) for step in program.code)


@pytest.mark.parametrize("backend", ["numpy", "native"])
def test_a_sum_inside_is_no_outer_product(backend):
    """Sum over j of Z_ij T_ij Z_im costs n k, and not n k^2."""
    expr = sd.let("q", sd.sum(Z[i, j] * T[i, j] * Z[i, m], j), i, m)
    assert _largest(expr) == ZS.size
    assert sd.lambdify([Z, T], expr, backend=backend)(ZS, TS) == pytest.approx((ZS * TS).sum(1, keepdims=True) * ZS, rel=1e-12)


@pytest.mark.parametrize("loss", [sd.sum(sd.softmax(Z) * T), sd.sum((sd.softmax(Z) - T) ** 2), sd.sum(sd.softmax(Z) ** 3 * T)])
def test_a_softmax_behind_any_loss_makes_no_square_of_the_classes(loss):
    gradient = sd.grad(loss, Z)
    assert _largest(gradient) == ZS.size
    found = sd.lambdify([Z, T], gradient)(ZS, TS)
    value = sd.lambdify([Z, T], loss)
    direction = RNG.normal(size=ZS.shape)
    slope = (value(ZS + 1e-5 * direction, TS) - value(ZS - 1e-5 * direction, TS)) / 2e-5
    assert np.sum(found * direction) == pytest.approx(slope, rel=1e-6)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.lists(st.lists(st.sampled_from(sorted(SIZES)), min_size=1, max_size=3, unique=True), min_size=1, max_size=6), st.sets(st.sampled_from(sorted(SIZES))))
def test_any_product_is_what_einsum_says(axes, summed):
    present = {letter for entry in axes for letter in entry}
    summed &= present
    args = [RNG.normal(size=[SIZES[letter] for letter in entry]) for entry in axes]
    tensors = [sd.tensor(f"a{number}", *(SIZES[letter] for letter in entry)) for number, entry in enumerate(axes)]
    letters = sd.indices("p q r s")
    product = math.prod(
        (t[tuple(letters[letter] for letter in entry)] for t, entry in zip(tensors[1:], axes[1:], strict=True)),
        start=tensors[0][tuple(letters[x] for x in axes[0])],
    )
    total = sd.sum(product, *(letters[letter] for letter in sorted(summed))) if summed else product
    rest = sorted(present - summed)
    expr = sd.let("q", total, *(letters[letter] for letter in rest)) if rest else total
    wanted = np.einsum(*(part for pair in zip(args, axes, strict=True) for part in pair), rest)
    assert np.asarray(sd.lambdify(tensors, expr)(*args)) == pytest.approx(wanted, rel=1e-11, abs=1e-11)
