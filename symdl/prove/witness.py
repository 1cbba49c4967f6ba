"""Refutation: a point at which two sides certainly differ, by interval arithmetic. And, the other way round, a look at some points before PROVED."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np

from symdl.prove.draw import draw
from symdl.prove.functions import Functions
from symdl.prove.intervals import BadPoint, Blurred, Intervals
from symdl.prove.landmarks import landmarks
from symdl.prove.problem import NoValue
from symdl.prove.stop import Clock
from symdl.prove.zerotest import concrete

#: (size of the inputs, all positive): where a difference is looked for.
PLACES: tuple[tuple[int | Fraction, bool], ...] = (
    (1, False),
    (1, True),
    (4, False),
    (Fraction(1, 8), True),
    (4, True),
    (1, False),
    (20, False),
    (1, True),
    (Fraction(1, 64), False),
    (60, True),
    (20, False),
    (500, False),
    (500, False),
    (1, False),
    (2, False),
    (3, False),
    (Fraction(1, 2**12), False),
)
#: After these, places at which every number is ordinary, next to 0 or next to 1: a clamped probability differs there only.
MIXED = 16
#: And these at which numbers are near those that stand in the formulas, after one place at each of those.
MARKED = 8
#: At so many points one after the other a claim must be without a value.
IN_A_ROW = 4
PRECISIONS = (96, 320, 1400)


@dataclass(frozen=True)
class Found:
    """A point at which the sides differ: the inputs, where in the tensors, and both values."""

    values: dict[str, Any]
    entry: tuple[int, ...]
    sides: tuple[Any, Any]


def refute(problem: Any, sizes: Mapping[Any, int], clock: Clock, entry: tuple[int, ...] | None = None) -> Found | None:
    """Search for a witness. ``entry`` is the element to look at first."""
    found: list[Found] = []
    for here in _points(problem, sizes, clock, entry):
        if isinstance(here, Found):
            found.append(here)
            # Where some sign is exactly zero, a kink may stand at the point; it does not stand at three random ones.
            if not here.values.pop("", False) or len(found) == 3:
                return found[0]
    return None


def no_value(problem: Any, sizes: Mapping[Any, int], clock: Clock) -> Found | None:
    """A point at which a claim divides by zero and the derivative has a value, if it is so at all of the first ordinary points where the derivative has one.

    A quotient may be 0/0 where two inputs happen to be equal, which says nothing of it as a formula; at so many random points in a row it is no accident.
    """
    found: list[Found] = []
    for seed, (spread, positive) in enumerate(PLACES):
        clock.look()
        ring = Intervals(PRECISIONS[0], seed, Fraction(spread), positive)
        algebra = Functions(ring)
        try:
            inputs = {v.name: draw(algebra, v, concrete(v.shape, sizes)) for v in problem.variables.values()}
            problem.sides(algebra, inputs, sizes, clock)
            return None
        except NoValue as nothing:
            if ring.boundary:
                continue
            entry = (0,) * len(problem.shape)
            shown = np.broadcast_to(nothing.derivative, (*(concrete(problem.shape, sizes)), 1))[(*entry, 0)]
            found.append(Found(_shown(inputs, ring), entry, (_middle(shown), "no value")))
        except (BadPoint, Blurred):
            continue
        if len(found) == IN_A_ROW:
            return found[0]
    return None


def agrees_somewhere(problem: Any, sizes: Mapping[Any, int], clock: Clock, entry: tuple[int, ...] | None = None) -> bool | Found:
    """True when both sides are defined and not distinguishable at some point; a witness when they differ; False when undefined at all points."""
    for here in _points(problem, sizes, clock, entry, PRECISIONS[:1], lenient=True):
        if here is True:
            return True
        if isinstance(here, Found) and not here.values.pop("", False):
            return here
    return False


def _points(
    problem: Any, sizes: Mapping[Any, int], clock: Clock, entry: tuple[int, ...] | None, precisions: tuple[int, ...] = PRECISIONS, lenient: bool = False
) -> Iterator[bool | Found]:
    """At each place: a witness, or True (both sides defined, no difference seen)."""
    marks = landmarks(problem.nodes)
    places = PLACES + ((1, True),) * MIXED + ((1, False),) * (len(marks) + MARKED if marks else 0)
    for seed, (spread, positive) in enumerate(places):
        for bits in precisions:
            clock.look()
            at = seed - len(PLACES) - MIXED
            marked = [] if at < 0 else marks[at : at + 1] or marks
            ring = Intervals(bits, seed, Fraction(spread), positive, mixed=seed >= len(PLACES), lenient=lenient, marks=marked)
            algebra = Functions(ring)
            try:
                inputs = {v.name: draw(algebra, v, concrete(v.shape, sizes)) for v in problem.variables.values()}
                left, right = problem.sides(algebra, inputs, sizes, clock, entry)
            except BadPoint:
                break
            except Blurred:
                continue
            gap = _gap(left, right, entry)
            if gap is not None:
                yield Found(_shown(inputs, ring), gap, _two(left[(*gap, 0)], right[(*gap, 0)]))
                break
            if bits == precisions[-1]:
                yield True
            elif seed > 1 and bits > 96:  # many bits at the first two places only
                yield True
                break


def _gap(left: Any, right: Any, entry: tuple[int, ...] | None) -> tuple[int, ...] | None:
    """An element whose two enclosures do not meet."""
    places = [entry] if entry is not None else np.ndindex(*left.shape[:-1])
    for at in places:
        a, b = left[(*at, 0)], right[(*at, 0)]
        if a.b < b.a or b.b < a.a:
            return tuple(at)
    return None


def _shown(inputs: Mapping[str, Any], ring: Intervals) -> dict[str, Any]:
    values: dict[str, Any] = {name: np.vectorize(_number, otypes=[object])(v.val[..., 0]).tolist() for name, v in inputs.items()}
    if ring.boundary:
        values[""] = True
    return values


def _number(x: Any) -> float | Fraction:
    """An input, as a float unless that would be another point (1 - 2**-150)."""
    middle = _middle(x)
    if x.a != x.b or mpmath.mpf(middle) == x.a:
        return middle
    _, mantissa, exponent, _ = x._mpi_[0]
    return Fraction(int(mantissa)) * Fraction(2) ** exponent * (-1 if x._mpi_[0][0] else 1)


def _middle(x: Any) -> float:
    return float(mpmath.mpf(x.mid))


def _two(a: Any, b: Any) -> tuple[Any, Any]:
    """Both values: as floats where these differ, else with as many digits as show the difference."""
    low, high = _middle(a), _middle(b)
    if low != high:
        return low, high
    with mpmath.workprec(2000):
        x, y = (mpmath.make_mpf(v.mid._mpi_[0]) for v in (a, b))
        relative = abs(x - y) / max(abs(x), abs(y))
        digits = 3 - int(mpmath.floor(mpmath.log10(relative)))
        return mpmath.nstr(x, digits), mpmath.nstr(y, digits)
