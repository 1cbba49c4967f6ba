"""Index equations the other way round: an index of the result whose parts are summed is put together at the end, from its digits or by adding up."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from symdl.lower.contract import Factor, Liking
from symdl.lower.emit import Emitter
from symdl.lower.index_views import bordered, windowed
from symdl.lower.program import Operand
from symdl.lower.windows import Window, grid, unit

#: What is to be added up is to be this much smaller than what would be looked at through windows, which is mostly no copy.
SMALLER = 1.5


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
    steps = tuple(tuple(whole_of[k][1] if whole_of.get(k, (k, 1))[0] == a else 0 for a in axes) if k in whole_of else unit(k, axes) for k in core.axes)
    shape = tuple(high[k] - low[k] if k in added else sizes[k] for k in axes)
    value: Operand = out.emit("fold", (core.value,), Window(starts, steps), shape)
    wanted = tuple(sizes[k] for k in axes)
    if shape != wanted:
        which = Window(tuple(-low.get(k, 0) for k in axes), tuple(unit(k, axes) for k in axes))
        value = out.emit("window", (value,), which, wanted)
    return Factor(value, axes)


__all__ = ["Parts", "in_parts", "is_smaller", "liking", "parts_of", "pays", "put_together"]
