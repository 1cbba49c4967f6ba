"""Sums and maxima over short axes, for NumPy: slice by slice. ``ufunc.reduce`` begins anew for every few numbers, which costs ten times the work itself."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

#: The longest axis that is gone through slice by slice; the longest run of numbers behind it (longer ones ``reduce`` does well); and how many results there
#: must be for every slice.
_SHORT, _RUN, _MANY = 16, 32, 32

#: So many numbers may be multiplied before they are summed, instead of an einsum without a place for products.
_ROOM = 1 << 20


def pays(shape: Sequence[int], axes: Sequence[int]) -> bool:
    """Whether an array of this shape is better reduced over these axes slice by slice."""
    over = math.prod(shape[a] for a in axes)
    run = math.prod(shape[max(axes) + 1 :])
    return max(shape[a] for a in axes) <= _SHORT and run <= _RUN and math.prod(shape) >= _MANY * over * over


def pays_for(subscripts: str, shape: Sequence[int]) -> tuple[int, ...] | None:
    """The axes over which an elementwise product of two arrays is summed that had better be made first; None for other einsums."""
    args, result = subscripts.split("->")
    left, right = args.split(",")
    gone = tuple(k for k, letter in enumerate(left) if letter not in result)
    if left != right or len(set(left)) < len(left) or result != "".join(x for x in left if x in result):
        return None
    return gone if gone and math.prod(shape) <= _ROOM and pays(shape, gone) else None


def by_slices(operation: Callable[..., Any], values: np.ndarray, axes: Sequence[int], out: np.ndarray) -> None:
    """The values reduced over the axes, into ``out``; the last axis first, so that what follows is smaller and lies closer together."""
    order = sorted(axes, reverse=True)
    for axis in order:
        first, *others = np.moveaxis(values, axis, 0)
        target = out if axis == order[-1] else np.empty(first.shape, out.dtype)
        if others:
            operation(first, others.pop(0), out=target)
        else:
            target[...] = first
        for other in others:
            operation(target, other, out=target)
        values = target


__all__ = ["by_slices", "pays", "pays_for"]
