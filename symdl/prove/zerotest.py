"""The exact zero test: both sides at random points modulo random primes (Schwartz 1980, Zippel 1979).

Two sides that agree at all points are equal as rational functions of the inputs and generators, but for a probability that is bounded and
below 1e-30; two that differ at one point differ as such functions, which alone refutes nothing (generators may be dependent in a way not noticed).
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from symdl.graph import node as kinds
from symdl.prove.draw import MAX_PLACEMENTS, draw, placements
from symdl.prove.field import primes
from symdl.prove.functions import Functions
from symdl.prove.stop import Clock, Stop, Undefined
from symdl.prove.tower import Crowded, Memory, Restart, Tower, Wrong

#: Bits of certainty: the probability of a wrong PROVED is below 2**-CERTAINTY < 1e-30, over all cases together.
CERTAINTY = 110
#: Functions up to this size are tested modulo 31-bit primes, in machine integers.
SMALL = 2**16
#: Primes of the kind used between 2**30 and 2**31: about 5e7 primes, one in 300 of them.
SMALL_PRIMES = 150_000
MAX_BITS = 4000
MAX_POINTS = 40_000
MAX_SUGGESTING = 420


@dataclass(frozen=True)
class Outcome:
    """``equal`` as functions of the generators or not; ``entry``: an element that differs."""

    equal: bool
    entry: tuple[int, ...] | None = None
    cases: int = 1
    points: int = 0
    bits: int = 31


def decide(problem: Any, sizes: Mapping[Any, int], clock: Clock) -> Outcome:
    """Decide a problem at concrete sizes, in all cases of signs.

    Raises
    ------
    Stop
        When it cannot be decided; the text says why.
    """
    decisions: list[int] | None = []
    cases = points = bits = 0
    while decisions is not None:
        cases += 1
        outcome, decisions = _one_case(problem, sizes, clock, decisions)
        points, bits = max(points, outcome.points), max(bits, outcome.bits)
        if not outcome.equal:
            return Outcome(False, outcome.entry, cases, points, bits)
        decisions = _next(decisions)
    return Outcome(True, None, cases, points, bits)


def _next(decisions: list[int]) -> list[int] | None:
    """The next list of signs, depth first."""
    while decisions and decisions[-1] == -1:
        decisions.pop()
    if not decisions:
        return None
    decisions[-1] = -1
    return decisions


def _one_case(problem: Any, sizes: Mapping[Any, int], clock: Clock, decisions: list[int]) -> tuple[Outcome, list[int]]:
    for suggest in (True, False):
        memory = Memory({}, [], list(decisions), suggest)
        try:
            _discover(problem, sizes, clock, memory)
            return _replay(problem, sizes, clock, memory), memory.decisions
        except Wrong:
            continue
    raise Stop("suggested relations between functions did not hold")


def _discover(problem: Any, sizes: Mapping[Any, int], clock: Clock, memory: Memory) -> None:
    """Find the relations between generators. Runs again whenever it has learned something that changes the run."""
    most = min(_generators(problem, sizes), MAX_SUGGESTING) + 24
    try:
        _discover_with(problem, sizes, clock, memory, min(most, 56), most > 56)
    except Crowded:
        _discover_with(problem, sizes, clock, memory, most, False)


def _discover_with(problem: Any, sizes: Mapping[Any, int], clock: Clock, memory: Memory, count: int, impatient: bool) -> None:
    for seed in range(6):
        modulus = primes(seed + 1, 31, 1)[-1]
        drawn = count << min(2 * seed, 8)
        keep = np.arange(drawn)
        while len(keep) >= count:
            clock.look()
            kept = keep if seed else keep[:count]
            tower = Tower([modulus] * len(kept), seed, memory, True, clock, kept, drawn, impatient)
            try:
                _sides(problem, tower, sizes, clock)
                return
            except Restart:
                keep = kept[tower.ok]
            except Undefined:
                break
    raise Undefined("a side is undefined, or a root does not exist, at all points tried")


def _replay(problem: Any, sizes: Mapping[Any, int], clock: Clock, memory: Memory) -> Outcome:
    """Compare the sides, with the relations noted, until the probability of error is small enough."""
    bits, count = 31, 8 * _placements(problem, sizes)
    for seed in range(12):
        clock.look()
        pool = primes(min(count, 64), bits, 2)
        tower = Tower([pool[k % len(pool)] for k in range(count)], 100 + seed, memory, False, clock)
        left, right = _sides(problem, tower, sizes, clock)
        valid = int(tower.ok.sum())
        if valid:
            same = tower.is_zero(tower.norm(left - right))
            if not same.all():
                return Outcome(False, tuple(int(k) for k in np.argwhere(~same)[0]), 1, valid, bits)
        if tower.worst > SMALL and bits == 31:
            bits = 32 * math.ceil((math.log2(tower.worst) + 64) / 32)
            if bits > MAX_BITS:
                raise Stop(f"the functions are of degree 2^{math.log2(tower.worst):.0f}, too high for the test")
            continue
        needed = _needed(tower, sizes, problem, bits, left.size)
        if valid >= needed:
            return Outcome(True, None, 1, valid, bits)
        count = math.ceil(needed * max(1.3 * count / max(valid, 1), 1.0)) + 4 if valid else 4 * count
        if count > MAX_POINTS:
            raise Stop("too many roots: there are not enough points at which all exist")
    raise Stop("not enough points at which both sides are defined")


def _needed(tower: Tower, sizes: Mapping[Any, int], problem: Any, bits: int, entries: int) -> int:
    """How many points make a wrong answer improbable enough.

    A point misses a difference when it is a root of a polynomial of degree <= worst (at most worst/p), or when the prime divides all
    coefficients (at most worst/bits primes do). Where even roots were taken, the two sides may agree for one choice of signs and differ for another:
    then each choice must have been met.
    """
    available = SMALL_PRIMES if bits == 31 else 2.0 ** (bits - 20)
    miss = tower.worst * 2.0 ** (2 - bits) + tower.worst / bits / available
    needed = math.ceil((CERTAINTY + math.log2(max(entries, 1) + len(tower.atoms))) / -math.log2(min(miss, 0.7)))
    if tower.memory.roots:
        needed = max(needed, 80 * 2 ** min(tower.memory.roots, 20))
    return needed * _placements(problem, sizes)


def _placements(problem: Any, sizes: Mapping[Any, int]) -> int:
    """One-hot inputs are gone through placement by placement."""
    counts = [placements(concrete(v.shape, sizes)) for v in problem.variables.values() if "onehot" in v.facts]
    return math.prod([c for c in counts if c <= MAX_PLACEMENTS])


def concrete(shape: Any, sizes: Mapping[Any, int]) -> tuple[int, ...]:
    return tuple(s if isinstance(s, int) else int(s.xreplace(sizes)) for s in shape)


def _sides(problem: Any, tower: Tower, sizes: Mapping[Any, int], clock: Clock) -> tuple[Any, Any]:
    algebra = Functions(tower)
    inputs = {v.name: draw(algebra, v, concrete(v.shape, sizes)) for v in problem.variables.values()}
    return problem.sides(algebra, inputs, sizes, clock)


def _generators(problem: Any, sizes: Mapping[Any, int]) -> int:
    """At most so many exponents, logarithms and angles occur."""
    total = 0
    for node in problem.nodes:
        if node.op in (kinds.FN, kinds.REDUCE):
            total += math.prod(concrete(node.sizes(), sizes)) + math.prod(concrete(node.shape, sizes))
    return total


__all__ = ["Outcome", "decide"]
