"""Gradients against numeric derivatives that know nothing of the differentiator.

By default the tape, and PyTorch where it is installed; on request JAX, the complex step, and central differences with 300 digits too (``ORACLES``).

An entry agrees when it differs by at most 1e-12 of its own size, beyond what rounding alone can do to it. The latter is measured, not
guessed: the same computation is repeated with its last bits disturbed (``Tape(noise=...)``), and how far the results then differ is
the condition of that entry at that point. At well-conditioned points that is 1e-15 of the entry and gives no room to an error of 1e-9. Where the
formula itself is ill-conditioned in floats (a(1 - a) at z = 40), it is evaluated with more bits. Frameworks take sigma' from the output, as a(1 - a);
the disturbance of PyTorch's computation is measured with the same form.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from symdl.errors import SymdlError
from symdl.expr.dims import show_shape
from symdl.expr.structured import structure_of
from symdl.expr.tensor import Expr
from symdl.graph.walk import topological
from symdl.prove.lanes import Question, Told, together
from symdl.prove.precise import MARGIN, NOISE, TOLERANCE, UNDERFLOW, Formulas
from symdl.prove.problem import dims_of
from symdl.prove.samples import Sample, samples
from symdl.prove.sources import DEFAULT, ORACLES, Source, chosen, installed
from symdl.prove.stop import Clock
from symdl.prove.structured import restricted, spread_restricted
from symdl.steps.verdict import Check

POINTS = 24
#: With fewer, the line says so.
ENOUGH = 20
#: Where NOISE does not explain a difference: near 1 a rounding is all or nothing, and three may all miss it.
MORE_NOISE = tuple(range(4, 20))
#: A saturated function has the slope exactly 0 in PyTorch (1 - tanh(z)**2 = 0 from z = 19): its zeros say no more than this.
FLUSHED = 1e-14
#: A formula that rounding can change by more than this part of its value is evaluated with more bits, though its floats agree: they may agree by chance.
HOPELESS = 1e-9
#: For all points of one oracle.
SECONDS = 60.0


def compare(
    loss: Expr,
    gradients: Mapping[str, Expr],
    wrt: Mapping[str, Expr],
    points: int = POINTS,
    oracles: Sequence[str] | str = DEFAULT,
    structure: Any = None,
    clock: Clock | None = None,
) -> list[Check]:
    """One line a gradient and oracle, at ``points`` inputs; fewer, and the line says so, where the time does not allow more.

    ``structure``: as for ``sd.grad``; by matrices declared symmetric or diagonal the gradients are over the independent entries.

    A gradient fails that is wrong at one point, has no value where loss and derivative have one, has not the shape loss.shape + wrt.shape, or
    could be judged at no point.
    """
    names = chosen(oracles)
    comparison = Comparison(loss, gradients, wrt, points, structure)
    checks: list[Check] = []
    for asked, source in enumerate(ORACLES[name] for name in names):
        if source.needs is not None and not installed(source.needs):
            checks.append(Check(f"gradient by {', '.join(gradients)}", source.how, "skipped", note="not installed"))
        else:
            checks += comparison.against(source, None if clock is None else clock.part(1 / (len(names) - asked)))
    return checks


def sample(loss: Expr, gradients: Mapping[str, Expr], wrt: Mapping[str, Expr], points: int = POINTS) -> list[Sample]:
    """Inputs at which loss and gradients are finite."""
    return _sampled(loss, gradients, wrt, points)[0]


def _sampled(loss: Expr, gradients: Mapping[str, Expr], wrt: Mapping[str, Expr], points: int) -> tuple[list[Sample], bool]:
    """The inputs, and whether the loss was larger than floats wherever it was looked at (a tower of exponentials), which is no fault of a gradient."""
    exprs = [loss, *gradients.values(), *wrt.values()]
    nodes = topological([e.node for e in exprs])
    whole = list(wrt.values())
    huge: list[bool] = []

    def defined(points: Sequence[Mapping[Any, Any]]) -> list[bool]:
        good = [False] * len(points)
        for places in together(points, exprs):
            for k, value in zip(places, Question(loss, whole, [points[k] for k in places]).values(), strict=True):
                good[k] = all(np.all(np.isfinite(v)) for v in value)
                huge.append(bool(np.any(np.isinf(value[0]))))
        return good

    return samples(nodes, dims_of(exprs), points, all_defined=defined), all(huge)


@dataclass
class _Tally:
    """What the points said of one gradient."""

    judged: int = 0
    zeros: int = 0
    tiny: int = 0
    worst: float = 0.0
    where: str = ""
    reason: str = ""
    late: bool = False

    def count(self, error: float, kind: str) -> None:
        """A NaN is the worst there is, and stays."""
        self.judged += 1
        if not np.isnan(self.worst) and not error <= self.worst:
            self.worst, self.where = error, kind


class Comparison:
    """Gradients at inputs, and what the oracles say of them."""

    def __init__(self, loss: Expr, gradients: Mapping[str, Expr], wrt: Mapping[str, Expr], points: int, structure: Any) -> None:
        self.loss, self.gradients, self.wrt, self.points = loss, gradients, wrt, points
        self.at, self.huge = _sampled(loss, gradients, wrt, points)
        self.kinds = {str(e.node.name): structure_of(e.node, structure) for e in wrt.values()}
        exprs = [loss, *wrt.values(), *gradients.values()]
        groups = [places for places in together([s.values for s in self.at], exprs, 1 + len(NOISE))]
        whole = [wrt[name] for name in gradients]
        self.groups = [(places, Question(loss, whole, [self.at[k].values for k in places])) for places in groups]
        self.formulas = Formulas(gradients, [loss, *wrt.values()], [s.values for s in self.at], groups)

    def against(self, source: Source, clock: Clock | None = None) -> list[Check]:
        tallies = {name: _Tally() for name in self.gradients}
        own = Clock(SECONDS)
        for places, question in self.groups if source.at_once else self._alone():
            if _late(own, clock, tallies):
                break
            for k, answer in zip(places, source.find(question, NOISE), strict=True):
                if _late(own, clock, tallies):
                    break
                if isinstance(answer, SymdlError):  # a kink, or what the oracle cannot do
                    for tally in tallies.values():
                        tally.reason = tally.reason or str(answer)
                elif isinstance(answer, Told):  # else a disturbed matrix is singular: nothing can be said here
                    for name, tally in tallies.items():
                        self._judge(source, name, k, answer, tally)
        found = []
        for name, gradient in self.gradients.items():
            misfit = _misfit(self.loss, self.wrt[name], gradient)
            if not self.at and self.huge and not misfit:
                found.append(Check(f"gradient by {name}", source.how, "skipped", note="the loss is larger than floats at every input tried"))
            else:
                found.append(_line(name, source.how, tallies[name], self.points, misfit))
        return found

    def _alone(self) -> Iterator[tuple[list[int], Question]]:
        """Point by point, with what the tape says of all at once."""
        for places, question in self.groups:
            for k, at in enumerate(places):
                yield [at], question.only(k)

    def _judge(self, source: Source, name: str, k: int, answer: Told, tally: _Tally) -> None:
        right, room = self._entries(name, answer)
        if not (np.all(np.isfinite(right)) and np.all(np.isfinite(room))):
            return  # the point tells nothing of this gradient
        got, noise = self.formulas.floats(name, k)
        error = self._error(source, got, np.zeros_like(noise), right, room)
        if not error <= TOLERANCE or not np.all(np.isfinite(noise)) or np.any(MARGIN * noise > HOPELESS * np.abs(got)):
            got, noise = self.formulas.value(name, k)
            error = self._error(source, got, noise, right, room)
        if not np.all(np.isfinite(noise)):
            return  # nor does one at which the formula cannot be evaluated well
        largest = max(np.max(np.abs(got), initial=0.0), np.max(np.abs(right), initial=0.0))
        tally.zeros += int(largest == 0)
        if 0 < largest < UNDERFLOW:
            tally.tiny += 1  # nothing here has digits that could be compared
            return
        if not error <= TOLERANCE:
            error = self._second_look(source, name, k)
        tally.count(error, self.at[k].kind)

    def _entries(self, name: str, told: Told) -> tuple[Any, Any]:
        """The oracle's answer over the independent entries of structured matrices."""
        key = str(self.wrt[name].node.name)
        kind, axis = self.kinds.get(key), self.loss.ndim
        return restricted(told.gradients[key], kind, axis), spread_restricted(told.room[key], kind, axis)

    def _error(self, source: Source, got: Any, noise: Any, right: Any, room: Any) -> float:
        if source.flushes:
            room = np.where((right == 0) & (np.abs(got) <= FLUSHED), FLUSHED, room)
        return difference(got, noise, right, room)

    def _second_look(self, source: Source, name: str, k: int) -> float:
        """The difference with more bits for the formula and more disturbances for the oracle, before it is called wrong."""
        question = Question(self.loss, [self.wrt[name]], [self.at[k].values])
        (answer,) = source.find(question, MORE_NOISE)
        if not isinstance(answer, Told):
            return float("nan")
        right, room = self._entries(name, answer)
        got, noise = self.formulas.value(name, k, MORE_NOISE)
        return self._error(source, got, noise, right, room)


def _late(own: Clock, clock: Clock | None, tallies: Mapping[str, _Tally]) -> bool:
    """Whether there is no time left; then the tallies say so."""
    if min(own.left(), (clock or own).left()) >= 0:
        return False
    for tally in tallies.values():
        tally.late = True
    return True


def _misfit(loss: Expr, wrt: Expr, gradient: Expr) -> str:
    """Shapes are compared by themselves: as arrays, one number would broadcast to any tensor."""
    wanted = loss.shape + wrt.shape
    if gradient.shape == wanted and not gradient.open.keys() - loss.open.keys() - wrt.open.keys():
        return ""
    letters = f" and the open letters {', '.join(sorted(map(str, gradient.open)))}" if gradient.open else ""
    return f"has the shape {show_shape(gradient.shape)}{letters}, not {show_shape(wanted)}"


def _line(name: str, how: str, tally: _Tally, points: int, misfit: str) -> Check:
    what = f"gradient by {name}"
    if misfit:
        return Check(what, how, "FAILED", tally.judged, float("nan"), misfit)
    if not tally.judged and tally.reason:
        return Check(what, how, "skipped", note=tally.reason)
    if tally.judged == tally.zeros and tally.tiny:
        return Check(what, how, "skipped", note=f"nowhere larger than {UNDERFLOW:g}: floats cannot tell")
    if not tally.judged and tally.late:
        return Check(what, how, "skipped", note="no time was left")
    if not tally.judged:
        return Check(what, how, "FAILED", note="no input was found at which loss and gradients are finite")
    if not tally.worst <= TOLERANCE:
        says = "has no finite value" if np.isnan(tally.worst) else "differs"
        return Check(what, how, "FAILED", tally.judged, tally.worst, f"{says} at {tally.where} inputs")
    why = "for which there was time" if tally.late else "were found at which all is finite"
    few = f"no more than {tally.judged} inputs {why}" if tally.judged < min(points, ENOUGH) else ""
    return Check(what, how, "ok", tally.judged, tally.worst, few)


def difference(got: Any, noise: Any, expected: Any, spread: Any) -> float:
    """The largest difference of any entry, relative to the entry, beyond what rounding can do; NaN when a value is not finite."""
    if not np.all(np.isfinite(got)):
        return float("nan")
    room = MARGIN * (spread + noise) + UNDERFLOW
    gap, size = np.abs(got - expected), np.maximum(np.abs(expected), np.abs(got)) + UNDERFLOW
    well = room <= TOLERANCE * size
    # Well-conditioned entries report their plain relative difference, the others what rounding does not explain.
    return float(np.max(np.where(well, gap, np.maximum(gap - room, 0.0)) / size, initial=0.0))
