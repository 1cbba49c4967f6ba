"""Elements at positions that are affine in those of the result: a slice, a stride, a flip, the windows of a convolution, the digits of an index.

Read, they are a view and no copy (``window``); added up, they are the other way round (``fold``: PyTorch's fold, col2im); beyond the ends and between elements
there may be zeros (``pad``).
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.lib.stride_tricks import as_strided

_LETTERS = "ijklmnopqrstuvwxyzabcdefgh"


@dataclass(frozen=True)
class Window:
    """Where the elements of one array stand in another.

    Attributes
    ----------
    starts : tuple of int
        Position of the first element, on every axis of the other array.
    steps : tuple of tuple of int
        For every axis of the one array: how far a step along it goes on every axis of the other.
    """

    starts: tuple[int, ...]
    steps: tuple[tuple[int, ...], ...]

    def __str__(self) -> str:
        """Position on every axis of the other array, by letters for the axes of the one."""
        return f"({', '.join(self._position(k) for k in range(len(self.starts)))})"

    def _position(self, axis: int) -> str:
        terms = [f"{'' if s[axis] == 1 else f'{s[axis]}*'}{_LETTERS[r % 26]}" for r, s in enumerate(self.steps) if s[axis]]
        if self.starts[axis] or not terms:
            terms.append(str(self.starts[axis]))
        return " + ".join(terms).replace("-1*", "-").replace("+ -", "- ")

    def offset(self, strides: Sequence[int]) -> int:
        """Of the first element, in an array with these strides."""
        return sum(a * s for a, s in zip(self.starts, strides, strict=True))

    def strides(self, strides: Sequence[int]) -> tuple[int, ...]:
        """Of the view, in an array with these strides."""
        return tuple(sum(a * s for a, s in zip(step, strides, strict=True)) for step in self.steps)

    def kept(self, axis: int) -> int | None:
        """The axis of the one array that is this axis of the other and nothing else; None when positions on it are made otherwise."""
        own = self.along(axis)
        if len(own) != 1 or self.starts[axis] or self.steps[own[0]] != tuple(int(k == axis) for k in range(len(self.starts))):
            return None
        return own[0]

    def along(self, axis: int) -> list[int]:
        """The axes of the one array that go along this axis of the other."""
        return [r for r, s in enumerate(self.steps) if s[axis]]

    def within(self, outer: Window) -> Window:
        """The same elements, where the other array is itself seen through a window."""
        places = range(len(outer.starts))
        starts = tuple(outer.starts[k] + sum(a * outer.steps[m][k] for m, a in enumerate(self.starts)) for k in places)
        steps = tuple(tuple(sum(a * outer.steps[m][k] for m, a in enumerate(step)) for k in places) for step in self.steps)
        return Window(starts, steps)

    def repeated(self, shape: Sequence[int]) -> list[int]:
        """The axes of the one array, of this shape, without which no position is met twice: of each that share an axis of the other all but the longest."""
        shared = [self.along(axis) for axis in range(len(self.starts))]
        return sorted(r for own in shared for r in own if own and r != max(own, key=lambda k: (shape[k], -k)))


def window(array: np.ndarray, which: Window, shape: tuple[int, ...]) -> np.ndarray:
    """The view, in NumPy."""
    if array.flags.c_contiguous:  # a fifth of what as_strided takes
        return np.ndarray(shape, array.dtype, array, which.offset(array.strides), which.strides(array.strides))
    first = array[tuple(slice(k, None) for k in which.starts)]
    return as_strided(first, shape, which.strides(array.strides), writeable=False)


def inside_of(padded: np.ndarray, around: Sequence[tuple[int, int, int]]) -> np.ndarray:
    """The elements among the zeros of a ``pad``."""
    return padded[tuple(slice(before, n - after, gap + 1) for n, (before, after, gap) in zip(padded.shape, around, strict=True))]


class Fold:
    """Adds the elements of an array of this shape where they stand in another, which begins as zeros."""

    def __init__(self, which: Window, shape: tuple[int, ...]) -> None:
        self._parts = list(_parts(which, shape))

    def __call__(self, values: np.ndarray, out: np.ndarray) -> None:
        out.fill(0.0)
        for one, other, order in self._parts:
            target = out[other].transpose(order)
            np.add(target, values[one], out=target)


def _parts(which: Window, shape: tuple[int, ...]) -> Iterator[tuple[tuple[int | slice, ...], tuple[slice, ...], list[int]]]:
    """Positions in the one array, those in the other, and the order of the axes there; in each part nothing is met twice."""
    again = which.repeated(shape)
    rest = [r for r in range(len(shape)) if r not in again]
    axis_of = {r: next(a for a, s in enumerate(which.steps[r]) if s) for r in rest}
    for place in itertools.product(*(range(shape[r]) for r in again)):
        at = dict(zip(again, place, strict=True))
        starts = [s + sum(k * which.steps[r][a] for r, k in at.items()) for a, s in enumerate(which.starts)]
        other = [slice(s, s + 1) for s in starts]
        for r in rest:
            a = axis_of[r]
            step = which.steps[r][a]
            stop = starts[a] + step * (shape[r] - 1) + (1 if step > 0 else -1)
            other[a] = slice(starts[a], None if stop < 0 else stop, step)
        yield tuple(at.get(r, slice(None)) for r in range(len(shape))), tuple(other), [axis_of[r] for r in rest]


def affine(values: np.ndarray) -> tuple[int, tuple[int, ...]] | None:
    """The start and the step along every axis that give these whole numbers; None when none do."""
    start = int(values[(0,) * values.ndim])
    steps = tuple(int(values[tuple(int(k == axis) for k in range(values.ndim))]) - start if n > 1 else 0 for axis, n in enumerate(values.shape))
    return (start, steps) if np.array_equal(np.broadcast_to(grid(start, steps, values.shape), values.shape), values) else None


def unit(k: int, axes: Sequence[int]) -> tuple[int, ...]:
    """A step along one of the axes."""
    return tuple(int(a == k) for a in axes)


def grid(start: int, steps: Sequence[int], shape: Sequence[int]) -> np.ndarray:
    """start + Sum of step * position."""
    total: np.ndarray = np.full((1,) * len(shape), start)
    for axis, (n, step) in enumerate(zip(shape, steps, strict=True)):
        total = total + step * np.arange(n).reshape([-1 if k == axis else 1 for k in range(len(shape))])
    return total


__all__ = ["Fold", "Window", "affine", "grid", "inside_of", "unit", "window"]
