"""Loop invariants of a descent, by algebra: what depends on data alone is computed once, samples are rotated into a few rows, features into a few directions.

Three rewrites of the loss and its gradients, each from a graph to a graph: ``rotation.py`` (least squares and its kin: N samples become as many rows as
there are columns of data), ``spans.py`` (more features than samples: parameters are kept in the directions that the samples span) and ``invariants.py``.
They are taken when by count of operations the steps save more than the preparation costs, and only
where the rewritten loss and gradients agree with the given ones at the first parameters.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from symdl.errors import DataError, SymdlError
from symdl.expr.tensor import Expr
from symdl.graph.walk import more_than
from symdl.lower.compiled import Compiled
from symdl.lower.directions import Fewer, in_fewer
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
    loop : object
        What a step is made of, as text: the instructions, and of a compiled loop the steps that they became.
    measured : str
        What the steps took.
    """

    taken: bool
    why: str
    before: int = 0
    after: int = 0
    once: int = 0
    steps: int = 0
    loop: Any = ""
    measured: str = ""

    def __str__(self) -> str:
        return "\n\n".join(filter(None, [self._hoisting(), str(self.loop), self.measured]))

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
    exprs: Sequence[Expr],
    start: Mapping[str, Any],
    arrays: Mapping[str, Any],
    steps: int,
    mode: str | bool = "auto",
    rows: Mapping[str, int] | None = None,
    turns: bool = True,
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
    rows : mapping, optional
        Data of which a step sees some rows only -> how many. None: every step sees all samples.
    turns : bool
        Whether the path of descent turns with its coordinates (it does not where each is treated by itself), and only its end is asked for.

    Returns
    -------
    The plan; and what to run instead, or None.
    """
    if not (isinstance(mode, bool) or mode == "auto"):
        raise DataError(f'train: hoist is {mode!r:.40}; it must be "auto", True or False')
    if mode is False:
        return Plan(False, "switched off"), None
    if rows is not None and not turns:
        return Plan(False, "every step sees other samples"), None
    if more_than((e.node for e in exprs), _LARGEST):
        return Plan(False, "the graph is too large to look through"), None
    loop = _Loop(exprs, dict(start), dict(arrays), steps, mode, rows)
    if mode == "auto" and loop.before * steps < LOOKING:
        return Plan(False, "the steps cost less than looking for invariants", loop.before, loop.before, LOOKING, steps), None
    first, fewer = loop.in_fewer() if turns else (None, None)
    if rows is not None:
        return (first or Plan(False, "every step sees other samples")), _without_more(fewer)
    if fewer is None:
        second, hoisted = loop.hoisted()
        return (first if first is not None and hoisted is None else second), hoisted
    assert first is not None
    second, hoisted = _Loop(fewer.exprs, fewer.start, fewer.arrays, steps, mode).hoisted()
    if hoisted is None:
        return first, _without_more(fewer)
    hoisted.fewer = fewer
    return Plan(True, f"{first.why}; {second.why}", first.before, second.after, first.once + second.once, steps), hoisted


def _without_more(fewer: Fewer | None) -> Hoisted | None:
    return None if fewer is None else Hoisted(fewer.exprs, fewer.arrays, fewer)


class _Loop:
    """Expressions of a loop with their first values and data, and what can be made of them."""

    def __init__(
        self, exprs: Sequence[Expr], start: dict[str, Any], arrays: dict[str, Any], steps: int, mode: str | bool, rows: Mapping[str, int] | None = None
    ) -> None:
        self._exprs, self._start, self._arrays, self._steps, self._mode, self._rows = exprs, start, arrays, steps, mode, dict(rows or {})
        self._given = Compiled(exprs)
        self.before = self._operations(self._given, arrays | start)

    def _operations(self, compiled: Compiled, values: Mapping[str, Any]) -> int:
        """Of a step."""
        return operations(compiled.program({name: (self._rows.get(name, n[0]), *n[1:]) if (n := np.shape(v)) else () for name, v in values.items()}))

    def _plan(self, why: str, after: int, once: int) -> Plan:
        pays = self._mode is True or once + self._steps * after <= 0.9 * self._steps * self.before
        return Plan(pays, why, self.before, after, once, self._steps)

    def in_fewer(self) -> tuple[Plan | None, Fewer | None]:
        """Parameters in the few directions that data span: the plan, if there are any; and what to run if it pays."""
        found = in_fewer(self._exprs, self._start, self._arrays, self._rows)
        if found is None:
            return None, None
        other = Compiled(found.exprs)
        plan = self._plan("; ".join(found.said), self._operations(other, found.arrays | found.start), found.once + LOOKING)
        if not plan.taken:
            return plan, None
        if not self._agree(other, found.arrays, found):
            return self._lossy(plan), None
        return plan, found

    def hoisted(self) -> tuple[Plan, Hoisted | None]:
        """What depends on data alone computed once, samples rotated into a few rows."""
        best = Search(self._exprs, self._start, self._arrays, self._steps).best()
        if best is None:
            return Plan(False, "nothing depends on data alone, and the loss is no sum of squares and products of what is linear in the data"), None
        plan = self._plan(best.why, best.after, best.once + LOOKING)
        if not plan.taken:
            return plan, None
        hoisted = best.hoisted()
        if not self._agree(Compiled(hoisted.exprs), hoisted.arrays):
            return self._lossy(plan), None
        return plan, hoisted

    def _lossy(self, plan: Plan) -> Plan:
        return replace(plan, taken=False, why=f"{plan.why}: would lose digits on these data")

    def _agree(self, other: Compiled, arrays: Mapping[str, Any], fewer: Fewer | None = None) -> bool:
        """Whether loss and gradients are the same at the first parameters, and at others."""
        rng = np.random.default_rng(0)
        points = [self._start, {name: np.asarray(v) + rng.standard_normal(np.shape(v)) * max(1e-3, _largest(v)) for name, v in self._start.items()}]
        for point in points[:1] if _huge(self._arrays) else points:
            turned = {name: v if fewer is None else fewer.into(name, v) for name, v in point.items()}
            try:
                one = self._given({name: (point | self._arrays)[name] for name in self._given.names})
                two = other({name: (turned | dict(arrays))[name] for name in other.names})
            except SymdlError:
                continue  # not finite there: the loop says so itself
            if fewer is not None:
                two = [two[0], *(fewer.back_gradient(name, g) for name, g in zip(self._start, two[1:], strict=True))]
            if not _same(one, two):
                return False
        return True


def _same(one: Sequence[Any], two: Sequence[Any]) -> bool:
    """Each relative to its largest element; or, gradients near 0, all relative to the largest of all."""
    apart = [float(np.max(np.abs(np.asarray(a) - b))) for a, b in zip(one, two, strict=True)]
    sizes = [_largest(a) for a in one]
    return all(d <= _AGREE * max(s, 1e-300) for d, s in zip(apart, sizes, strict=True)) or all(d <= _AGREE * max(sizes) for d in apart)


def _largest(value: Any) -> float:
    return float(np.max(np.abs(value)))


def _huge(arrays: Mapping[str, Any]) -> bool:
    return sum(np.size(a) for a in arrays.values()) > 10**8
