"""Index equations that are affine, as views: a summed index that is solved for is read through a window; one of the result whose parts are summed is put
together at the end, from its digits or by adding up.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from symdl.lower.contract import Factor, Liking
from symdl.lower.emit import Emitter
from symdl.lower.program import Operand, Ref
from symdl.lower.windows import Window, affine, grid

#: So many numbers may be written with zeros around them whatever the result has; an intermediate result to be added up is to be this much smaller than
#: one that is looked at through windows, which is mostly no copy.
LITTLE, SMALLER = 1024, 1.5


class Parts(NamedTuple):
    """Summed indices that make one of the result: it is first + Sum of step * index."""

    indices: tuple[int, ...]
    steps: tuple[int, ...]
    first: int

    def count(self, sizes: Mapping[int, int]) -> int:
        return math.prod(sizes[k] for k in self.indices)

    def are_digits(self, size: int, sizes: Mapping[int, int]) -> bool:
        """Whether they make all numbers from the first on once each, in their order, and none that is not of so many."""
        step = 1
        for k, own in zip(reversed(self.indices), reversed(self.steps), strict=True):
            if sizes[k] > 1 and own != step:
                return False
            step *= sizes[k]
        return self.first >= 0 and self.first + step <= size

    def ends(self, sizes: Mapping[int, int]) -> tuple[int, int]:
        """The least and the largest number that they make."""
        ways = [step * (sizes[k] - 1) for k, step in zip(self.indices, self.steps, strict=True)]
        return self.first + sum(w for w in ways if w < 0), self.first + sum(w for w in ways if w > 0)


def parts_of(coefs: Mapping[int, int], offset: int, summed: Mapping[int, Any]) -> tuple[int, Parts] | None:
    """The index of the result that the summed ones of an equation make; None when that is another, or none."""
    own = sorted((k for k in coefs if k in summed), key=lambda k: -abs(coefs[k]))
    others = [k for k in coefs if k not in summed]
    if not own or len(others) != 1 or abs(coefs[others[0]]) != 1 or (len(own) == 1 and len(summed) < 2):
        return None
    sign = -coefs[others[0]]
    return others[0], Parts(tuple(own), tuple(sign * coefs[k] for k in own), sign * offset)


def pays(whole: int, parts: Parts, factors: Sequence[Factor], smaller: bool, sizes: Mapping[int, int]) -> bool:
    """Whether to keep the parts and to add up at the end, instead of looking at factors through windows."""
    if parts.are_digits(sizes[whole], sizes) or len(parts.indices) == 1:  # one that lies within is put there when all else is added up, and is small
        return parts.are_digits(sizes[whole], sizes)
    if sizes[_longest(parts, sizes)] > sizes[whole]:  # most of what is made would be added to few
        return False
    there = [k for k in parts.indices if any(k in f.axes for f in factors)]
    return smaller or any(set(there) <= set(f.axes) for f in factors)


def is_smaller(wholes: Mapping[int, Parts], factors: Sequence[Factor], result: Sequence[int], sizes: Mapping[int, int]) -> bool:
    """Whether the result with all parts is smaller than the largest factor would be with windows along all axes: the gradient of a convolution by its
    input, where there are more channels behind it than before it.
    """
    parts = {k for p in wholes.values() for k in p.indices}
    longest = {_longest(p, sizes) for p in wholes.values()}
    kept = math.prod(sizes[k] for k in {*result, *parts} - wholes.keys())
    seen = max((math.prod(sizes[k] for k in {*f.axes, *wholes, *parts} - longest) for f in factors if longest & set(f.axes)), default=0)
    return kept * SMALLER <= seen


def _longest(parts: Parts, sizes: Mapping[int, int]) -> int:
    return max(parts.indices, key=lambda k: sizes[k])


def in_parts(out: Emitter, factors: Sequence[Factor], whole: int, parts: Parts, sizes: Mapping[int, int]) -> list[Factor] | None:
    """The factors, those that have the index read at its parts."""
    at = grid(parts.first, parts.steps, [sizes[k] for k in parts.indices])
    done: list[Factor] = []
    for factor in factors:
        seen = windowed(out, factor, {whole: at}, parts.indices, sizes) if whole in factor.axes else factor
        if seen is None:
            return None
        done.append(seen)
    return done


def liking(order: Sequence[int], wholes: Mapping[int, Parts], sizes: Mapping[int, int]) -> Liking:
    """In which order of axes the parts are put together best."""
    digits = [parts.indices for whole, parts in wholes.items() if parts.are_digits(sizes[whole], sizes)]
    added = {k for parts in wholes.values() for k in parts.indices if parts.indices not in digits}
    return Liking(order, digits, frozenset(added))


def put_together(out: Emitter, core: Factor, wholes: Mapping[int, Parts], sizes: Mapping[int, int]) -> Factor:
    """The value with one axis for each index that its parts stood for; zeros where they make none."""
    added: dict[int, Parts] = {}
    for whole, parts in wholes.items():
        digits = parts.are_digits(sizes[whole], sizes)
        if digits and parts.count(sizes) == sizes[whole] and not set(parts.indices) & set(core.axes):
            continue
        core = _side_by_side(out, core, parts.indices, sizes)
        if digits:
            core = _from_digits(out, core, whole, parts, sizes)
        else:
            added[whole] = parts
    return _folded(out, core, added, sizes) if added else core


def _side_by_side(out: Emitter, core: Factor, parts: tuple[int, ...], sizes: Mapping[int, int]) -> Factor:
    place = min((core.axes.index(k) for k in parts if k in core.axes), default=len(core.axes))
    before = [k for k in core.axes[:place] if k not in parts]
    axes = (*before, *parts, *(k for k in core.axes[place:] if k not in parts))
    return Factor(out.spread(core, axes, tuple(sizes[k] for k in axes)), axes)


def _from_digits(out: Emitter, core: Factor, whole: int, parts: Parts, sizes: Mapping[int, int]) -> Factor:
    place = core.axes.index(parts.indices[0])
    axes = (*core.axes[:place], whole, *core.axes[place + len(parts.indices) :])
    count = parts.count(sizes)
    value = out.reshape(core.value, tuple(count if k == whole else sizes[k] for k in axes))
    around = tuple((parts.first, sizes[whole] - parts.first - count, 0) if k == whole else (0, 0, 0) for k in axes)
    return Factor(bordered(out, value, around), axes)


def _folded(out: Emitter, core: Factor, added: Mapping[int, Parts], sizes: Mapping[int, int]) -> Factor:
    """All parts added up at once, in a place large enough for all that they make; what is beyond the ends is left out."""
    whole_of = {p: (whole, step) for whole, parts in added.items() for p, step in zip(parts.indices, parts.steps, strict=True)}
    axes = tuple(dict.fromkeys(whole_of[k][0] if k in whole_of else k for k in core.axes))
    low = {k: min(0, parts.ends(sizes)[0]) for k, parts in added.items()}
    high = {k: max(sizes[k], parts.ends(sizes)[1] + 1) for k, parts in added.items()}
    starts = tuple(added[k].first - low[k] if k in added else 0 for k in axes)
    steps = tuple(tuple(whole_of[k][1] if whole_of.get(k, (k, 1))[0] == a else 0 for a in axes) if k in whole_of else _one(k, axes) for k in core.axes)
    shape = tuple(high[k] - low[k] if k in added else sizes[k] for k in axes)
    value: Operand = out.emit("fold", (core.value,), Window(starts, steps), shape)
    wanted = tuple(sizes[k] for k in axes)
    if shape != wanted:
        which = Window(tuple(-low.get(k, 0) for k in axes), tuple(_one(k, axes) for k in axes))
        value = out.emit("window", (value,), which, wanted)
    return Factor(value, axes)


def _one(k: int, axes: Sequence[int]) -> tuple[int, ...]:
    return tuple(int(a == k) for a in axes)


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
    result = tuple(dict.fromkeys(j for m in maps for j in sorted(m, key=lambda j, m=m: -abs(m[j]))))  # type: ignore[misc]
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
        return seen(out, step.args[0], which.within(Window((0,) * rank, tuple(_one(p, range(rank)) for p in step.attr))), shape)
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
    return order if which.steps == tuple(_one(a, range(len(below))) for a in order) else None


__all__ = ["Parts", "bordered", "in_parts", "is_smaller", "liking", "parts_of", "pays", "put_together", "seen", "windowed"]
