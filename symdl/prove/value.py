"""Values with derivatives (dual numbers), over any ring: residues at random points, or intervals.

Derivatives come from the arithmetic itself, forward mode, function by function from its definition; nothing here knows a table of derivatives.
Arrays have the points on their last axis; ``dot`` has the directions on the axis before it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from symdl.prove import bound as bounds
from symdl.prove.bound import ONE, Bound
from symdl.prove.stop import TooLarge

#: Largest number of entries of an intermediate array.
MAX_ENTRIES = 30_000_000


@dataclass
class Value:
    """A tensor at all points.

    Attributes
    ----------
    val : array (*shape, K)
    dot : array (*shape, R, K) or None
        Derivatives in R directions; None for zero.
    bound, slope : Bound
        Sizes of the entries and of their derivatives.
    positive : bool
        Known to be above zero wherever it is defined, isolated points aside.
    """

    val: Any
    dot: Any = None
    bound: Bound = ONE
    slope: Bound = ONE
    positive: bool = False

    @property
    def shape(self) -> tuple[int, ...]:
        return self.val.shape[:-1]


class Algebra:
    """Sums, products and powers of values over a ring."""

    def __init__(self, ring: Any) -> None:
        self.ring = ring

    def number(self, value: Fraction | int) -> Value:
        return Value(self.ring.number(value), None, bounds.of_number(value), ONE, value > 0)

    def add(self, coefs: Sequence[Value | int], terms: Sequence[Value]) -> Value:
        """Linear combination; shapes broadcast."""
        val: Any = 0
        dot: Any = None
        bound, slope = Bound(0, 0), Bound(0, 0)
        positive = True
        for first, (c, t) in enumerate(zip(coefs, terms, strict=True)):
            factor = self._factor(c)
            val = self.ring.norm(val + factor * t.val)
            size = bounds.of_number(c) if isinstance(c, int) else c.bound
            bound = size * t.bound if not first else bound + size * t.bound
            if t.dot is not None:
                more = factor * t.dot
                dot = self.ring.norm(more if dot is None else dot + more)
            slope = slope + size * t.slope
            positive = positive and t.positive and (c > 0 if isinstance(c, int) else c.positive)
        if dot is not None:
            dot = np.broadcast_to(dot, (*val.shape[:-1], *dot.shape[-2:]))
        return Value(val, dot, bound, slope, positive)

    def _factor(self, c: Value | int) -> Any:
        return c if isinstance(c, int) else c.val

    def times(self, a: Value, b: Value) -> Value:
        """Product, entry by entry."""
        check_size(a, b)
        norm = self.ring.norm
        val = norm(a.val * b.val)
        dot = None
        if a.dot is not None:
            dot = norm(a.dot * b.val[..., None, :])
        if b.dot is not None:
            other = norm(b.dot * a.val[..., None, :])
            dot = other if dot is None else norm(dot + other)
        slope = a.slope * b.bound + a.bound * b.slope
        return Value(val, dot, a.bound * b.bound, slope, a.positive and b.positive)

    def inverse(self, a: Value) -> Value:
        val = self.ring.inverse(a.val)
        return self.chain(a, val, self.ring.norm(-self.ring.norm(val * val)), a.bound.inverse(), a.bound.power(-2), a.positive)

    def power(self, a: Value, exponent: int) -> Value:
        if exponent == 0:
            return self.number(1)
        if exponent == -1:
            return self.inverse(a)
        val = self.ring.power(a.val, exponent)
        lowered = self.ring.norm(self.ring.power(a.val, exponent - 1) * self.ring.number(exponent)) if a.dot is not None else None
        slope = a.bound.power(exponent - 1) * bounds.of_number(exponent)
        return self.chain(a, val, lowered, a.bound.power(exponent), slope, a.positive or exponent % 2 == 0)

    def chain(self, inner: Value, val: Any, outer: Any, bound: Bound, outer_bound: Bound, positive: bool = False) -> Value:
        """A function of ``inner`` with the value and the outer derivative given."""
        dot = None if inner.dot is None else self.ring.norm(outer[..., None, :] * inner.dot)
        return Value(val, dot, bound, outer_bound * inner.slope, positive)

    def total(self, a: Value, axes: tuple[int, ...]) -> Value:
        """Sum over axes."""
        if not axes:
            return a
        count = int(np.prod([a.shape[k] for k in axes]))
        val = self.ring.norm(a.val.sum(axis=axes))
        dot = None if a.dot is None else self.ring.norm(a.dot.sum(axis=axes))
        return Value(val, dot, a.bound.total(count), a.slope.total(count), a.positive)


def check_size(a: Value, b: Value) -> None:
    directions = max(v.dot.shape[-2] if v.dot is not None else 1 for v in (a, b))
    rank = max(a.val.ndim, b.val.ndim)
    shapes = [(1,) * (rank - v.val.ndim) + v.val.shape for v in (a, b)]
    entries = directions
    for m, n in zip(*shapes, strict=True):
        entries *= max(m, n)
    if entries > MAX_ENTRIES:
        raise TooLarge(f"an intermediate array would have {entries} entries")


def spread(value: Value, entries: Sequence[int], rank: int) -> Value:
    """A value on all indices of its user: fixed positions (``~c``) taken, diagonals read, the rest of size 1."""
    val = _spread(value.val, entries, rank)
    dot = None if value.dot is None else _spread(value.dot, entries, rank)
    return Value(val, dot, value.bound, value.slope, value.positive)


def _spread(array: Any, entries: Sequence[int], rank: int) -> Any:
    tail = array.ndim - len(entries)
    for axis in reversed(range(len(entries))):
        if entries[axis] < 0:
            array = np.take(array, ~entries[axis], axis=axis)
    labels = [e for e in entries if e >= 0]
    for label in sorted({e for e in labels if labels.count(e) > 1}):
        first, *others = [k for k, e in enumerate(labels) if e == label]
        for other in reversed(others):
            array = np.moveaxis(np.diagonal(array, axis1=first, axis2=other), -1, first)
            labels.pop(other)
    order = sorted(range(len(labels)), key=lambda k: labels[k])
    array = array.transpose(*order, *range(len(labels), array.ndim))
    shape = [1] * rank
    for k, axis in enumerate(order):
        shape[labels[axis]] = array.shape[k]
    return array.reshape((*shape, *array.shape[array.ndim - tail :]))
