"""Index equations that are affine, as views: a summed index that is solved for is read through a window, and beyond the ends there is a border of zeros."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from symdl.lower.contract import Factor
from symdl.lower.emit import Emitter
from symdl.lower.program import Operand, Ref
from symdl.lower.windows import Window, affine, unit

#: So many numbers may be written with zeros around them whatever the result has.
LITTLE = 1024


def windowed(
    out: Emitter, factor: Factor, at: Mapping[int, np.ndarray], axes: Sequence[int], sizes: Mapping[int, int], apart: Mapping[int, int] | None = None
) -> Factor | None:
    """The factor with some of its indices put in as functions of others: a view.

    Parameters
    ----------
    out : Emitter
    factor : Factor
    at : mapping
        Index -> its values over ``axes``; beyond the ends of the factor's axis it reads zeros.
    axes : sequence of int
        Indices that the values depend on.
    sizes : mapping
    apart : mapping, optional
        Index -> how far apart its elements are to stand, with zeros between them, before they are read.

    Returns
    -------
    Factor or None
        None when the positions are not affine, or with zeros it would be more numbers than the result has.
    """
    maps: list[dict[int, int]] = []
    starts: list[int] = []
    for k in factor.axes:
        found = affine(at[k]) if k in at and at[k].size else (0, ()) if k not in at else None
        if found is None:
            return None
        starts.append(found[0])
        maps.append({j: step for j, step in zip(axes, found[1], strict=True) if step} if k in at else {k: 1})
    # Of equal steps the longer axis first: pixels before those of a window.
    result = tuple(dict.fromkeys(j for m in maps for j in sorted(m, key=lambda j, m=m: (-abs(m[j]), -sizes[j]))))  # type: ignore[misc]
    shape, old = tuple(sizes[j] for j in result), out.shape(factor.value)
    if not all(shape) or not all(old):
        return None
    gaps = [(apart or {}).get(k, 1) - 1 for k in factor.axes]
    around = tuple((*_beyond(start, m, n + (n - 1) * gap, sizes), gap) for start, m, n, gap in zip(starts, maps, old, gaps, strict=True))
    written = math.prod(_wide(n, ends) for n, ends in zip(old, around, strict=True))
    if any(map(any, around)) and written > max(math.prod(shape), LITTLE):
        return None
    value = bordered(out, factor.value, around)
    starts = [start + before for start, (before, _, _) in zip(starts, around, strict=True)]
    return Factor(seen(out, value, Window(tuple(starts), tuple(tuple(m.get(j, 0) for m in maps) for j in result)), shape), result)


def _beyond(start: int, steps: Mapping[int, int], size: int, sizes: Mapping[int, int]) -> tuple[int, int]:
    """How many zeros are read before the first and behind the last."""
    ways = [step * (sizes[j] - 1) for j, step in steps.items()]
    return max(0, -start - sum(w for w in ways if w < 0)), max(0, start + sum(w for w in ways if w > 0) - size + 1)


def _wide(size: int, around: tuple[int, int, int]) -> int:
    """The size of an axis with zeros before, behind and between."""
    before, after, gap = around
    return before + size + (size - 1) * gap + after


def bordered(out: Emitter, value: Operand, around: tuple[tuple[int, int, int], ...]) -> Operand:
    """The value with zeros: below a window where that is the same, for there are fewer numbers; and together with those that it has on other axes."""
    if not any(map(any, around)):
        return value
    assert isinstance(value, Ref)
    step = out.code[value]
    if step.op == "window":
        below = {r: a for a in range(len(step.attr.starts)) if (r := step.attr.kept(a)) is not None and out.shape(step.args[0])[a] == step.shape[r]}
        if all(r in below for r, ends in enumerate(around) if any(ends)):
            own = {below[r]: ends for r, ends in enumerate(around) if any(ends)}
            inner = bordered(out, step.args[0], tuple(own.get(a, (0, 0, 0)) for a in range(len(step.attr.starts))))
            return out.emit("window", (inner,), step.attr, tuple(_wide(n, ends) for n, ends in zip(step.shape, around, strict=True)))
    if step.op == "pad" and not any(any(a) and any(b) for a, b in zip(step.attr, around, strict=True)):
        together = tuple(a if any(a) else b for a, b in zip(step.attr, around, strict=True))
        return bordered(out, step.args[0], together)
    return out.emit("pad", (value,), around, tuple(_wide(n, ends) for n, ends in zip(out.shape(value), around, strict=True)))


def seen(out: Emitter, value: Operand, which: Window, shape: tuple[int, ...]) -> Operand:
    """The value through a window; windows and orders of axes that lie below are taken together, and what changes nothing is no instruction."""
    assert isinstance(value, Ref)
    step = out.code[value]
    if step.op == "window":
        return seen(out, step.args[0], which.within(step.attr), shape)
    if step.op == "view" and out.shape(step.args[0]):
        rank = len(out.shape(step.args[0]))
        return seen(out, step.args[0], which.within(Window((0,) * rank, tuple(unit(p, range(rank)) for p in step.attr))), shape)
    if not which.steps:
        return out.emit("select", (value,), tuple(~start for start in which.starts), ())
    order = _order(which, step.shape, shape)
    if order is None:
        return out.emit("window", (value,), which, shape)
    return value if order == tuple(range(len(order))) else out.emit("view", (value,), order, shape)


def _order(which: Window, below: tuple[int, ...], shape: tuple[int, ...]) -> tuple[int, ...] | None:
    """The order of axes, if the view is of all elements and is no more than that."""
    order = tuple(next((a for a, s in enumerate(steps) if s), -1) for steps in which.steps)
    if any(which.starts) or sorted(order) != list(range(len(below))) or tuple(below[a] for a in order) != shape:
        return None
    return order if which.steps == tuple(unit(a, range(len(below))) for a in order) else None


__all__ = ["bordered", "seen", "windowed"]
