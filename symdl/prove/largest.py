"""The largest of some values, by cases of sign. What ties shares the derivative equally: elements that tie at a point only are left out, being
a boundary between cases; those that are equal all around it (two relus that are both off, an element written twice) are not."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from symdl.prove.bound import of_number
from symdl.prove.value import Algebra, Value


def largest(parts: Sequence[Value], algebra: Algebra) -> tuple[Value, list[Value]]:
    """The largest of the parts, entry by entry, and by how much it is above each: pairwise, so that only what must be known is asked."""
    ring = algebra.ring
    top, count = parts[0], np.ones(parts[0].shape, dtype=np.int64)
    for part in parts[1:]:
        sign = ring.sign(algebra.add([1, -1], [top, part]))
        count = np.where(sign > 0, count, np.where(sign < 0, 1, count + 1))
        top = _larger(sign, top, part, ring)
    gaps = [algebra.add([1, -1], [top, part]) for part in parts]
    if top.dot is None or not (count > 1).any():
        return top, gaps
    share = ring.zeros(top.shape)
    for at in np.ndindex(*top.shape):
        share[at] = ring.number(Fraction(1, int(count[at])))
    slope = top.slope.total(len(parts)) * of_number(Fraction(1, len(parts)))
    return Value(top.val, ring.norm(top.dot * share[..., None, :]), top.bound, slope, top.positive), gaps


def _larger(sign: Any, a: Value, b: Value, ring: Any) -> Value:
    """The larger of two; the derivatives of those that tie are added up."""
    above, level = sign[..., None] > 0, sign[..., None] == 0
    dot = None
    if a.dot is not None or b.dot is not None:
        like = a.dot if a.dot is not None else b.dot
        nothing = np.broadcast_to(ring.integers(np.array(0)), like.shape)
        first, second = (nothing if v.dot is None else v.dot for v in (a, b))
        dot = np.where(above[..., None], first, second)
        if level.any():
            dot = np.where(level[..., None], ring.norm(first + second), dot)
    bound, slope = (max(pair, key=lambda q: q.size) for pair in ((a.bound, b.bound), (a.slope, b.slope)))
    return Value(np.where(above, a.val, b.val), dot, bound, slope, a.positive and b.positive)
