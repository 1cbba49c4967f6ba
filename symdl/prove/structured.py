"""Numeric derivatives over the independent entries of symmetric and diagonal matrices."""

from __future__ import annotations

from typing import Any

import numpy as np

from symdl.expr.structured import DIAGONAL, SYMMETRIC
from symdl.prove.functions import Functions
from symdl.prove.value import Value


def restricted(full: Any, kind: str | None, axis: int) -> Any:
    """The derivative by all entries of a square matrix, on the axes ``axis`` and ``axis + 1``, as that over the independent entries."""
    if kind is None:
        return full
    size = full.shape[axis]
    eye = np.eye(size, dtype=bool).reshape((size, size) + (1,) * (full.ndim - axis - 2))
    zero = full - full
    diagonal = np.where(eye, full, zero)
    return diagonal if kind == DIAGONAL else full + np.swapaxes(full, axis, axis + 1) - diagonal


def spread_restricted(spread: Any, kind: str | None, axis: int) -> Any:
    """What rounding can do to the entries of ``restricted``, from what it can do to those of the full derivative."""
    found = restricted(spread, kind, axis)
    return found if kind != SYMMETRIC else spread + np.swapaxes(spread, axis, axis + 1)


def moved_with(at: tuple[int, ...], kind: str | None) -> list[tuple[int, ...]]:
    """The entries of a tensor that move with an entry of the derivative."""
    return [at] if kind != SYMMETRIC or at[0] == at[1] else [at, (at[1], at[0])]


def restricted_in(algebra: Functions, full: Any, kind: str | None) -> Any:
    """The same in a ring, points on the last axis and the matrix on the two before it."""
    if kind is None:
        return full
    mask = Value(algebra.ring.integers(np.eye(full.shape[-3], dtype=int)))
    diagonal = algebra.times(Value(full), mask)
    if kind == DIAGONAL:
        return diagonal.val
    return algebra.add([1, 1, -1], [Value(full), Value(np.swapaxes(full, -3, -2)), diagonal]).val
