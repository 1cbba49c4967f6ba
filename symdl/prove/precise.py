"""The value of a formula on float inputs, and what rounding can do to it; with as many bits as it takes where that is much."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np

from symdl.expr.tensor import Expr
from symdl.graph import node as kinds
from symdl.graph.walk import topological
from symdl.prove.evaluate import Evaluator
from symdl.prove.functions import Functions
from symdl.prove.intervals import Blurred, Intervals
from symdl.prove.numeric import bind_sizes, evaluate
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
#: For an evaluation with more bits.
SECONDS = 5.0


def spread_of(base: Any, runs: Sequence[Any]) -> Any:
    """How far disturbed runs lie from the plain one, entry by entry."""
    found = np.zeros_like(base)
    with np.errstate(all="ignore"):
        for run in runs:
            found = np.maximum(found, np.abs(run - base))
    return found


def formula_value(formula: Expr, beside: Sequence[Expr], values: Mapping[str, Any], seeds: Sequence[int] = NOISE) -> tuple[Any, Any]:
    """The value of a formula, and what rounding can do to it.

    Parameters
    ----------
    formula : Expr
    beside : sequence of Expr
        What else tells the sizes.
    values : mapping
        Name -> array.
    seeds : sequence of int
        Of the disturbed runs.

    Returns
    -------
    value : array or float
        NaN where the formula has no value.
    noise : array or float
        Infinite where neither floats nor more bits could tell.
    """
    got = _floats(formula, beside, values, None)
    noise = spread_of(got, [_floats(formula, beside, values, seed) for seed in seeds])
    # Written so that a NaN asks for more bits.
    if np.all(np.isfinite(got)) and np.all(MARGIN * noise <= TOLERANCE * np.abs(got)):
        return got, noise
    try:
        precise = _precise(formula, beside, values, SECONDS)
    except (OutOfTime, TooLarge, Unreadable):  # not the formula's fault
        return got, np.where(np.isfinite(got) & np.isfinite(noise), noise, np.inf)
    except Stop:
        precise = None
    if precise is not None:
        return precise, np.zeros_like(precise)
    return got, np.where(np.isfinite(got) & ~np.isfinite(noise), np.inf, np.nan_to_num(noise))


def _floats(formula: Expr, beside: Sequence[Expr], values: Mapping[str, Any], seed: int | None) -> Any:
    try:
        return evaluate(formula, values, Tape(seed), beside)
    except (np.linalg.LinAlgError, OverflowError):  # a singular matrix, a number larger than floats
        return np.nan


def evaluate_precisely(expr: Expr, values: Mapping[str, Any], beside: Sequence[Expr] = (), seconds: float = SECONDS) -> Any:
    """The value with as many bits as it takes, rounded to float64; None where that is not possible (a kink, too large)."""
    try:
        return _precise(expr, beside, values, seconds)
    except Stop:
        return None


def _precise(expr: Expr, beside: Sequence[Expr], values: Mapping[str, Any], seconds: float) -> Any:
    clock = Clock(seconds)
    for bits in BITS:
        try:
            found = _enclosures(expr, beside, values, Intervals(bits), clock)
        except Blurred:
            continue
        with np.errstate(all="ignore"):  # numbers larger than floats become infinite
            low, high = (np.vectorize(lambda x, end=end: float(mpmath.mpf(getattr(x, end))), otypes=[float])(found) for end in ("a", "b"))
            if np.all(high - low <= 1e-15 * np.abs(low) + UNDERFLOW):
                return low
    return None


def _enclosures(expr: Expr, beside: Sequence[Expr], values: Mapping[str, Any], ring: Intervals, clock: Clock) -> Any:
    nodes = topological([expr.node])
    inputs = {n.attr.name: Value(ring.array(_fractions(values[n.attr.name]))) for n in nodes if n.op == kinds.INPUT}
    sizes = bind_sizes(topological([expr.node, *(e.node for e in beside)]), values)
    walk = Evaluator(Functions(ring), inputs, sizes, clock)
    letters = sorted(expr.open, key=str)
    found = walk.expr(expr, letters)
    shape = [walk.size(expr.open[s]) for s in letters] + [walk.size(s) for s in expr.shape]
    return np.broadcast_to(found.val[..., 0], shape)


def _fractions(value: Any) -> Any:
    array = np.asarray(value, dtype=float)
    out = np.empty(array.shape, dtype=object)
    for at in np.ndindex(*array.shape):
        out[at] = Fraction(float(array[at]))
    return out
