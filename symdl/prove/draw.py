"""Random inputs for a modular ring, obeying the facts declared of them."""

from __future__ import annotations

from typing import Any

import numpy as np

from symdl.prove.bound import VARIABLE
from symdl.prove.evaluated import reshape
from symdl.prove.functions import Functions
from symdl.prove.problem import Variable
from symdl.prove.value import Value

#: Placements of ones that are gone through one by one; with more, a one-hot tensor is drawn like any other.
MAX_PLACEMENTS = 64


def draw(algebra: Functions, variable: Variable, shape: tuple[int, ...]) -> Value:
    """A random tensor; with a random direction of derivative during a discovery."""
    facts = variable.facts
    if variable.fixed is not None:
        return Value(_numbers(algebra, np.asarray(variable.fixed)))
    if "onehot" in facts and placements(shape) <= MAX_PLACEMENTS:
        return _one_hot(algebra, shape)
    if "simplex" in facts and shape:
        return _simplex(algebra, shape)
    if "posdef" in facts and "diagonal" not in facts:
        root = _free(algebra, shape)
        return _matmul(algebra, root, _transpose(root))
    if "orthogonal" in facts and shape[0] <= 6:
        return _orthogonal(algebra, shape[0])
    if "diagonal" in facts:
        mask = Value(algebra.ring.integers(np.eye(shape[0], dtype=int)))
        return algebra.times(_free(algebra, shape, not facts.isdisjoint({"positive", "posdef"})), mask)
    if "symmetric" in facts:
        free = _free(algebra, shape, "positive" in facts)
        whole = algebra.add([1, 1], [free, _transpose(free)])
        return Value(whole.val, whole.dot, whole.bound, whole.slope, "positive" in facts)
    if "unit" in facts:
        return _between(algebra, shape)
    return _free(algebra, shape, "positive" in facts)


def _numbers(algebra: Functions, array: Any) -> Any:
    """Whole numbers, or fractions among them, with an axis of points."""
    if array.dtype != object:
        return algebra.ring.integers(array)
    out = algebra.ring.zeros(array.shape)
    for at in np.ndindex(*array.shape):
        out[at] = algebra.ring.number(array[at])
    return out


def placements(shape: tuple[int, ...]) -> int:
    """How many one-hot tensors there are: a one in every row."""
    rows = int(np.prod(shape[:-1]))
    return shape[-1] ** min(rows, 64) if shape else 1


def _free(algebra: Functions, shape: tuple[int, ...], positive: bool = False) -> Value:
    ring = algebra.ring
    val = ring.draw_square(shape) if positive else ring.draw(shape)
    dot = ring.draw((*shape, 1)) if ring.discovering else None
    return Value(val, dot, VARIABLE, VARIABLE, positive)


def _one_hot(algebra: Functions, shape: tuple[int, ...]) -> Value:
    """The k-th point has the k-th placement."""
    ring, rows, width = algebra.ring, int(np.prod(shape[:-1])), shape[-1]
    val = ring.zeros((rows, width))
    for point in range(ring.count):
        for row in range(rows):
            val[row, (point + ring.first) // width**row % width, point] = ring.number(1)[point]
    return Value(val.reshape((*shape, ring.count)))


def _transpose(a: Value) -> Value:
    dot = None if a.dot is None else np.swapaxes(a.dot, 0, 1)
    return Value(np.swapaxes(a.val, 0, 1), dot, a.bound, a.slope, a.positive)


def _matmul(algebra: Functions, a: Value, b: Value) -> Value:
    left = reshape(a, (*a.shape, 1))
    right = reshape(b, (1, *b.shape))
    return algebra.total(algebra.times(left, right), (1,))


def _simplex(algebra: Functions, shape: tuple[int, ...]) -> Value:
    """Positive entries that sum to 1 along the last axis: the squares of unit vectors, so that they have roots."""
    directions = _directions(algebra, shape)
    square = algebra.times(directions, directions)
    return Value(square.val, square.dot, square.bound, square.slope, positive=True)


def _between(algebra: Functions, shape: tuple[int, ...]) -> Value:
    """Entries in (0, 1): the first of two that sum to 1, so that x and 1 - x have roots where these are rare."""
    if algebra.ring.any_root:
        return Value(algebra.ring.draw_unit(shape), positive=True)
    pair = _simplex(algebra, (*shape, 2))
    dot = None if pair.dot is None else pair.dot[..., 0, :, :]
    return Value(pair.val[..., 0, :], dot, pair.bound, pair.slope, positive=True)


def _directions(algebra: Functions, shape: tuple[int, ...]) -> Value:
    """Vectors of length 1 along the last axis, by stereographic projection."""
    if shape[-1] == 1:
        return Value(algebra.ring.integers(np.ones(shape, dtype=int)))
    free = _free(algebra, (*shape[:-1], shape[-1] - 1))
    square = algebra.total(algebra.times(free, free), (len(shape) - 1,))
    square = reshape(square, (*square.shape, 1))
    below = algebra.inverse(algebra.add([1, 1], [algebra.number(1), square]))
    first = algebra.times(algebra.add([1, -1], [algebra.number(1), square]), below)
    rest = algebra.times(algebra.times(algebra.number(2), free), below)
    val = np.concatenate([first.val, rest.val], axis=-2)
    dot = None if rest.dot is None else np.concatenate([first.dot, rest.dot], axis=-3)
    return Value(val, dot, first.bound + rest.bound, first.slope + rest.slope)


def _orthogonal(algebra: Functions, n: int) -> Value:
    """A product of reflections; at every other point one more, so that both signs of the determinant occur."""
    ring = algebra.ring
    out = Value(ring.integers(np.eye(n, dtype=int)))
    for k in range(n + 1):
        v = _free(algebra, (n,))
        if k == n:
            v = algebra.times(v, Value((np.arange(ring.count) % 2).astype(ring.dtype)))
        length = algebra.total(algebra.times(v, v), (0,))
        if k == n:  # no reflection where v is 0
            length = algebra.add([1, 1], [length, Value(((np.arange(ring.count) + 1) % 2).astype(ring.dtype))])
        outer = algebra.times(reshape(v, (n, 1)), reshape(v, (1, n)))
        scaled = algebra.times(algebra.times(algebra.number(-2), outer), algebra.inverse(length))
        mirror = algebra.add([1, 1], [Value(ring.integers(np.eye(n, dtype=int))), scaled])
        out = _matmul(algebra, out, mirror)
    return out
