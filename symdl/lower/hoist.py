"""Loop invariants of a descent, by algebra: what depends on data alone is computed once, and samples are rotated into a few rows.

Two rewrites of the loss and its gradients, each from a graph to a graph: ``rotation.py`` (least squares and its kin: N samples become as many rows as
there are columns of data) and ``invariants.py``. They are taken when by count of operations the steps save more than the preparation costs, and only
where the rewritten loss and gradients agree with the given ones at the first parameters.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from symdl.errors import DataError, SymdlError
from symdl.expr.tensor import Expr
from symdl.graph.walk import more_than
from symdl.lower.compiled import Compiled
from symdl.lower.hoist_ways import Hoisted, Search
from symdl.lower.native.show import operations

#: To look for invariants, and to plan the programs, costs about so many operations' time.
LOOKING = 100_000_000

#: Larger graphs are left alone.
_LARGEST = 20_000

#: How far the rewritten loss and gradients may be off, relative to their largest element.
_AGREE = 1e-11


@dataclass
class Plan:
    """What was taken out of the loop, and the count that decided it; ``str`` shows it.

    Attributes
    ----------
    taken : bool
    why : str
        What is computed once, or why nothing is.
    before, after : int
        Operations of a step, as given and as rewritten.
    once : int
        Operations before the first step.
    steps : int
    loop : str
        The plan of the compiled loop, where there is one: its instructions, and the steps that they became.
    """

    taken: bool
    why: str
    before: int = 0
    after: int = 0
    once: int = 0
    steps: int = 0
    loop: str = ""

    def __str__(self) -> str:
        return "\n\n".join(filter(None, [self._hoisting(), self.loop]))

    def _hoisting(self) -> str:
        if not self.before:
            return f"hoisting: {'taken' if self.taken else 'not taken'}: {self.why}"
        plain, other = self.steps * self.before, self.once + self.steps * self.after
        return "\n".join(
            [
                f"hoisting: {'taken' if self.taken else 'not taken'}: {self.why}",
                f"  as given:  {self.before:,} operations a step x {self.steps:,} steps = {plain:,}",
                f"  hoisted:   {self.after:,} operations a step x {self.steps:,} steps + {self.once:,} once = {other:,}",
            ]
        )

    __repr__ = __str__


def planned(
    exprs: Sequence[Expr], start: Mapping[str, Any], arrays: Mapping[str, Any], steps: int, mode: str | bool = "auto", whole: bool = True
) -> tuple[Plan, Hoisted | None]:
    """What a loop over these expressions can do without.

    Parameters
    ----------
    exprs : sequence of Expr
        The loss and its gradients.
    start : mapping
        Name -> the first value of every parameter.
    arrays : mapping
        Name -> data, the same at every step.
    steps : int
    mode : {"auto", True, False}
        True: whatever the count says. False: never.
    whole : bool
        Whether every step sees all samples.

    Returns
    -------
    The plan; and what to run instead, or None.
    """
    if not (isinstance(mode, bool) or mode == "auto"):
        raise DataError(f'train: hoist is {mode!r:.40}; it must be "auto", True or False')
    if not whole:
        return Plan(False, "every step sees other samples"), None
    if mode is False:
        return Plan(False, "switched off"), None
    if more_than((e.node for e in exprs), _LARGEST):
        return Plan(False, "the graph is too large to look through"), None
    given = Compiled(exprs)
    shapes = {name: np.shape(v) for name, v in (dict(arrays) | dict(start)).items()}
    before = operations(given.program(shapes))
    if mode == "auto" and before * steps < LOOKING:
        return Plan(False, "the steps cost less than looking for invariants", before, before, LOOKING, steps), None
    search = Search(exprs, start, arrays, steps)
    best = search.best()
    if best is None:
        return Plan(False, "nothing depends on data alone, and the loss is no sum of squares and products of what is linear in the data"), None
    once = best.once + LOOKING
    plan = Plan(True, best.why, before, best.after, once, steps)
    if mode == "auto" and once + steps * best.after > 0.9 * steps * before:
        plan.taken = False
        return plan, None
    hoisted = best.hoisted()
    if not _agree(given, Compiled(hoisted.exprs), start, arrays, hoisted.arrays):
        return Plan(False, f"{best.why}: would lose digits on these data", before, best.after, once, steps), None
    return plan, hoisted


def _agree(given: Compiled, other: Compiled, start: Mapping[str, Any], arrays: Mapping[str, Any], few: Mapping[str, Any]) -> bool:
    """Whether loss and gradients are the same at the first parameters, and at others."""
    rng = np.random.default_rng(0)
    points = [dict(start), {name: np.asarray(v) + rng.standard_normal(np.shape(v)) * max(1e-3, float(np.max(np.abs(v)))) for name, v in start.items()}]
    for point in points[:1] if _huge(arrays) else points:
        try:
            one = given({name: (point | dict(arrays))[name] for name in given.names})
            two = other({name: (point | dict(few))[name] for name in other.names})
        except SymdlError:
            continue  # not finite there: the loop says so itself
        for a, b in zip(one, two, strict=True):
            if not np.max(np.abs(np.asarray(a) - b)) <= _AGREE * max(float(np.max(np.abs(a))), 1e-300):
                return _near(one, two)
    return True


def _near(one: Sequence[Any], two: Sequence[Any]) -> bool:
    """Gradients near 0 are judged by the largest of all results."""
    scale = max(float(np.max(np.abs(a))) for a in one)
    return all(float(np.max(np.abs(np.asarray(a) - b))) <= _AGREE * scale for a, b in zip(one, two, strict=True))


def _huge(arrays: Mapping[str, Any]) -> bool:
    return sum(np.size(a) for a in arrays.values()) > 10**8
