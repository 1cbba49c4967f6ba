"""The value of a formula on float inputs, and what rounding can do to it; with as many bits as it takes where that is much."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np

from symdl.errors import UnsupportedError
from symdl.expr.tensor import Expr
from symdl.graph import node as kinds
from symdl.graph.walk import topological
from symdl.prove.arrays import Carrier
from symdl.prove.ball_field import OnBalls
from symdl.prove.evaluate import Evaluator
from symdl.prove.functions import Functions
from symdl.prove.intervals import Blurred, Intervals
from symdl.prove.lanes import base_and_spread, each_apart, lane_walker
from symdl.prove.numeric import Walker, bind_sizes
from symdl.prove.stop import Clock, OutOfTime, Stop, TooLarge, Unreadable
from symdl.prove.tape import Tape
from symdl.prove.value import Value

TOLERANCE = 1e-12
#: Repetitions with disturbed last bits.
NOISE = (1, 2, 3)
#: Margin over the disturbance seen; three repetitions see most of it, not all.
MARGIN = 32.0
#: Below this float64 runs out of digits: products of tiny numbers are 0 or have lost accuracy.
UNDERFLOW = 1e-290
#: Bits for formulas that floats cannot evaluate well.
BITS = (200, 1400, 2600)
#: Bits for balls: the first are enough for most, the second down to the smallest numbers that floats can hold.
BALLS = (256, 1400)
#: For an evaluation with more bits.
SECONDS = 5.0


class Formulas:
    """Values of formulas at points: in floats, all formulas and points of one size at once; with more bits where somebody asks for it.

    Parameters
    ----------
    formulas : mapping
        Name -> formula.
    beside : sequence of Expr
        What else tells the sizes.
    points : sequence of mappings
        Name -> array.
    groups : sequence of lists
        The positions of points that are carried together.
    """

    def __init__(self, formulas: Mapping[str, Expr], beside: Sequence[Expr], points: Sequence[Mapping[Any, Any]], groups: Sequence[Sequence[int]]) -> None:
        self.formulas, self.beside, self.points = dict(formulas), list(beside), points
        self._group = {k: places for places in groups for k in places}
        self._floats: dict[int, dict[str, tuple[Any, Any]]] = {}
        self._enclosed: dict[int, Enclosures] = {}

    def floats(self, name: str, k: int) -> tuple[Any, Any]:
        """The value at a point, and what rounding can do to it; NaN where it has none."""
        if k not in self._floats:
            places = self._group[k]
            self._floats |= zip(places, self._carried(list(self.formulas), places, NOISE), strict=True)
        return self._floats[k][name]

    def value(self, name: str, k: int, seeds: Sequence[int] = NOISE) -> tuple[Any, Any]:
        """The same; where rounding can do much, by enclosures, which leave no noise. Infinite noise: neither floats nor more bits could tell."""
        got, noise = self.floats(name, k) if seeds == NOISE else self._carried([name], [k], seeds)[0][name]
        # Written so that a NaN asks for more bits.
        if np.all(np.isfinite(got)) and np.all(MARGIN * noise <= TOLERANCE * np.abs(got)):
            return got, noise
        if k not in self._enclosed:
            self._enclosed[k] = Enclosures(self.points[k], [*self.formulas.values(), *self.beside])
        try:
            precise = self._enclosed[k].value(self.formulas[name], Clock(SECONDS))
        except (OutOfTime, TooLarge, Unreadable):  # not the formula's fault
            return got, np.where(np.isfinite(got) & np.isfinite(noise), noise, np.inf)
        except Stop:
            precise = None
        if precise is not None:
            return precise, np.zeros_like(precise)
        return got, np.where(np.isfinite(got) & ~np.isfinite(noise), np.inf, np.nan_to_num(noise))

    def _carried(self, names: list[str], places: Sequence[int], seeds: Sequence[int]) -> list[dict[str, tuple[Any, Any]]]:
        told = each_apart(lambda points: self._at_once(names, points, seeds), [self.points[k] for k in places])
        return [self._one_by_one(names, self.points[k], seeds) if isinstance(t, Exception) else t for k, t in zip(places, told, strict=True)]

    def _at_once(self, names: list[str], points: Sequence[Mapping[Any, Any]], seeds: Sequence[int]) -> list[dict[str, tuple[Any, Any]]]:
        walk = lane_walker([*(self.formulas[name] for name in names), *self.beside], points, seeds)
        lanes = len(points) * (1 + len(seeds))
        found: list[dict[str, tuple[Any, Any]]] = [{} for _ in points]
        with np.errstate(all="ignore"):
            for name in names:
                value = walk.expr(self.formulas[name]).value
                base, noise = base_and_spread(np.broadcast_to(value, (lanes, *value.shape[1:])), len(points), 1 + len(seeds))
                for k in range(len(points)):
                    found[k][name] = base[k], noise[k]
        return found

    def _one_by_one(self, names: list[str], point: Mapping[Any, Any], seeds: Sequence[int]) -> dict[str, tuple[Any, Any]]:
        """Where one cannot be evaluated (a singular matrix, a number larger than floats), the others may."""
        if len(names) == 1:
            return {names[0]: (np.asarray(np.nan), np.asarray(np.nan))}
        found: dict[str, tuple[Any, Any]] = {}
        for name in names:
            (told,) = each_apart(lambda points, name=name: self._at_once([name], points, seeds), [point])  # type: ignore[misc]
            found |= self._one_by_one([name], point, seeds) if isinstance(told, Exception) else told
        return found


def evaluate_precisely(expr: Expr, values: Mapping[str, Any], beside: Sequence[Expr] = (), seconds: float = SECONDS) -> Any:
    """The value with as many bits as it takes, rounded to float64; None where that is not possible (a kink, too large)."""
    try:
        return Enclosures(values, [expr, *beside]).value(expr, Clock(seconds))
    except Stop:
        return None


class Enclosures:
    """Values of expressions at one point, enclosed; what expressions share is computed once. By balls (``balls.py``), which are fast; where numbers are too
    large for these, by intervals.

    Parameters
    ----------
    values : mapping
        Name -> array.
    beside : sequence of Expr
        What will be asked for, and what else tells the sizes.
    """

    def __init__(self, values: Mapping[Any, Any], beside: Sequence[Expr]) -> None:
        nodes = topological([e.node for e in beside])
        self._values, self._sizes = values, bind_sizes(nodes, values)
        self._inputs = [n.attr.name for n in nodes if n.op == kinds.INPUT]
        self._balls: dict[int, Carrier] = {}
        self._walks: dict[int, Evaluator] = {}

    def value(self, expr: Expr, clock: Clock) -> Any:
        """Rounded to float64; None where no number of bits was enough.

        Raises
        ------
        Stop
        """
        for bits in BALLS:
            try:
                low, high = self._by_balls(expr, bits, clock)
            except OutOfTime:
                raise
            except (Stop, UnsupportedError, OverflowError):
                continue
            if np.all(np.isfinite(low)) and _narrow(low, high):
                return low
        for bits in BITS:
            try:
                found = self._enclosed(expr, bits, clock)
            except Blurred:
                continue
            with np.errstate(all="ignore"):  # numbers larger than floats become infinite
                low, high = (np.vectorize(lambda x, end=end: float(mpmath.mpf(getattr(x, end))), otypes=[float])(found) for end in ("a", "b"))
            if _narrow(low, high):
                return low
        return None

    def _by_balls(self, expr: Expr, bits: int, clock: Clock) -> tuple[Any, Any]:
        if bits not in self._balls:
            self._balls[bits] = Carrier(OnBalls(bits), self._values, Walker(Tape(), {}, self._sizes))
        walk = self._balls[bits]
        walk.look = clock.look
        with np.errstate(all="ignore"):
            found = walk.value(expr)
            middle, error = found.floats()[0], found.radius()[0]
            return middle - error, middle + error

    def _enclosed(self, expr: Expr, bits: int, clock: Clock) -> Any:
        if bits not in self._walks:
            ring = Intervals(bits)
            inputs = {name: Value(ring.array(_fractions(self._values[name]))) for name in self._inputs}
            self._walks[bits] = Evaluator(Functions(ring), inputs, self._sizes, clock)
        walk = self._walks[bits]
        walk.clock = clock
        letters = sorted(expr.open, key=str)
        found = walk.expr(expr, letters)
        shape = [walk.size(expr.open[s]) for s in letters] + [walk.size(s) for s in expr.shape]
        return np.broadcast_to(found.val[..., 0], shape)


def _narrow(low: Any, high: Any) -> bool:
    with np.errstate(all="ignore"):
        return bool(np.all(high - low <= 1e-15 * np.abs(low) + UNDERFLOW))


def _fractions(value: Any) -> Any:
    array = np.asarray(value, dtype=float)
    out = np.empty(array.shape, dtype=object)
    for at in np.ndindex(*array.shape):
        out[at] = Fraction(float(array[at]))
    return out
