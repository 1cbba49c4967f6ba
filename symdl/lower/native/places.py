"""Where a value stands: a base in memory, an offset, and a stride for every axis. Views are other strides."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from symdl.lower.program import Instruction

#: Doubles in a page of memory.
PAGE = 512


@dataclass(frozen=True)
class Place:
    """Numbers in memory.

    Attributes
    ----------
    base : str
        A pointer in C.
    offset : int
        In doubles, from the base.
    shape, strides : tuple of int
        Strides in doubles; 0 along an axis on which the value is repeated.
    """

    base: str
    offset: int
    shape: tuple[int, ...]
    strides: tuple[int, ...]

    def pointer(self) -> str:
        return f"{self.base} + {self.offset}" if self.offset else self.base

    def stretched(self, shape: Sequence[int]) -> Place:
        """Broadcast to a shape as NumPy does."""
        missing = len(shape) - len(self.shape)
        strides = (0,) * missing + tuple(s if n == m else 0 for s, n, m in zip(self.strides, self.shape, shape[missing:], strict=True))
        return replace(self, shape=tuple(shape), strides=strides)

    def contiguous(self) -> bool:
        return all(n == 1 or s == t for n, s, t in zip(self.shape, self.strides, dense(self.shape, range(len(self.shape))), strict=True))


def dense(shape: Sequence[int], order: Sequence[int], pad: bool = False) -> tuple[int, ...]:
    """Strides when the axes are stored in this order (the last innermost); padded, every row begins at a multiple of eight, and rows are not so many
    pages apart that they fall on the same lines of the cache."""
    strides = [0] * len(shape)
    step = 1
    for count, axis in enumerate(reversed(list(order))):
        strides[axis] = step
        step *= shape[axis]
        if pad and count == 0 and len(shape) > 1:
            step = -(-step // 8) * 8
            if step % PAGE == 0:
                step += 8
    return tuple(strides)


def extent(shape: Sequence[int], strides: Sequence[int]) -> int:
    """Doubles from the first to the last."""
    return 1 + sum((n - 1) * s for n, s in zip(shape, strides, strict=True)) if all(shape) else 0


def seen(step: Instruction, place: Place) -> Place | None:
    """The place of a view; None when it needs a copy."""
    if step.op == "view":
        strides = tuple(place.strides[p] if p >= 0 else 0 for p in step.attr)
        return replace(place, shape=step.shape, strides=strides)
    if step.op == "spread":
        return place.stretched(step.shape)
    if step.op == "select":
        offset, found = place.offset, dict[int, int]()
        for entry, stride in zip(step.attr, place.strides, strict=True):
            if entry < 0:
                offset += ~entry * stride
            else:
                found[entry] = found.get(entry, 0) + stride
        return Place(place.base, offset, step.shape, tuple(found.values()))
    if step.op == "window":
        return Place(place.base, place.offset + step.attr.offset(place.strides), step.shape, step.attr.strides(place.strides))
    if step.op == "stretch":
        start, _ = step.attr
        return Place(place.base, place.offset + start, step.shape, dense(step.shape, range(len(step.shape))))
    return reshaped(place, step.shape)


def reshaped(place: Place, shape: tuple[int, ...]) -> Place | None:
    """The same numbers, row by row, in another shape; None when strides cannot say it."""
    if math.prod(shape) != math.prod(place.shape):
        return None
    old = [(n, s) for n, s in zip(place.shape, place.strides, strict=True) if n != 1]
    strides: list[int] = []
    at = 0
    new = list(shape)
    k = 0
    while k < len(new):
        if new[k] == 1:
            strides.append(0)
            k += 1
            continue
        first, have, want, upto = at, old[at][0], new[k], k + 1
        at += 1
        while have != want:
            if have < want:
                have *= old[at][0]
                at += 1
            else:
                want *= new[upto]
                upto += 1
        for p in range(first, at - 1):
            if old[p][1] != old[p + 1][0] * old[p + 1][1]:
                return None
        stride = old[at - 1][1]
        group: list[int] = []
        for n in reversed(new[k:upto]):
            group.append(stride if n != 1 else 0)
            stride *= n
        strides += reversed(group)
        k = upto
    return replace(place, shape=shape, strides=tuple(strides))
