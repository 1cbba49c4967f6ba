"""A training that diverges: noticed, the step and the quantity named, the last good parameters kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from symdl.errors import DivergenceError
from symdl.train.checkpoint import State
from symdl.train.course import Course
from symdl.train.engines import Vector

#: A loss that rose in each of so many epochs in a row, to more than so many times what it was at first and before they began, is not coming back.
RISES, GROWN = 10, 1e3

#: (order, step) -> the loss and the gradients by name, at the present parameters.
Look = Callable[[np.ndarray | None, int], tuple[float, Mapping[str, Any]]]

#: (order, step) -> the part of the formula that is not finite there, and its value; None when that is not known.
Name = Callable[[np.ndarray | None, int], str | None]


def may_have_risen(course: Course) -> bool:
    """Whether a look at the single losses is worth it: some loss was high enough for what ``risen`` looks for."""
    return bool(course.history) and course.highest > GROWN * abs(course.history[0])


def risen(history: Sequence[float], seen: int) -> int | None:
    """The first epoch, from number ``seen`` on, by which the loss has been rising beyond doubt; None when there is none."""
    if len(history) <= RISES or seen >= len(history):
        return None
    start = max(0, seen - RISES)
    values = np.asarray(history[start:])
    run = 0
    for k, rises in enumerate(np.diff(values) > 0, start=1):
        run = run + 1 if rises else 0
        if run >= RISES and values[k] > GROWN * max(abs(history[0]), abs(values[k - run])) and start + k >= seen:
            return start + k
    return None


class Watch:
    """Keeps states to go back to, the last two and the one of the lowest loss, and tells what went wrong."""

    def __init__(self, course: Course, vector: Vector, look: Look, lr: float, name: Name = lambda order, step: None) -> None:
        self._course, self._vector, self._look, self._lr, self._name = course, vector, look, lr, name
        self._kept = [(course.taken, course.state())]
        self._lowest = self._kept[0][1]

    def keep(self) -> None:
        """Remember the present state."""
        state = self._course.state()
        self._kept = [self._kept[-1], (self._course.taken, state)]
        if not self._lowest.history or (state.history and state.history[-1] <= self._lowest.history[-1]):
            self._lowest = state

    def not_finite(self, epochs: int) -> DivergenceError:
        """The loss of the next step is not finite: the error, with the course back at the last step whose loss was."""
        failed = self._course.taken
        epoch, step = self._course.epoch, self._course.step
        started = self._kept[0][0]
        where = f"in epoch {epoch + 1}" + ("" if self._course.order() is None else f", step {step + 1} of it")
        before = [kept for kept in self._kept if kept[0] < failed]
        if not before:
            self._course.back(self._kept[-1][1])
            what = self._blame() if failed == started else "the loss"
            return self._error(f"the loss is not finite {where}, at the first parameters ({what})", None, "begin with other parameters, or scale the data")
        self._walk(*before[-1], failed - 1, epochs)
        return self._told(f"the loss is not finite {where}", epochs)

    def not_finite_parameters(self, epochs: int) -> DivergenceError:
        """A step led to parameters that are not finite, and no loss has told so: the error, with the course back before that step."""
        taken, state = self._kept[-1]
        self._walk(taken, state, taken + 1, epochs)
        while self._course.finite():
            self._course.advance(1, epochs)
        epoch, step, bad = self._course.epoch, self._course.step, self._course.taken
        self._walk(taken, state, bad - 1, epochs)
        return self._told(f"a parameter is not finite after {f'step {step} of epoch {epoch + 1}' if step else f'epoch {epoch}'}", epochs)

    def _walk(self, taken: int, state: State, until: int, epochs: int) -> None:
        """Take the steps from this state again, until so many are taken."""
        self._course.back(state)
        self._course.taken = taken
        while self._course.taken < until:
            self._course.advance(until - self._course.taken, epochs)

    def _told(self, what: str, epochs: int) -> DivergenceError:
        """The next step is the one that goes wrong: the error that tells by which quantity, with the course back where it was good."""
        loss, gradients = self._look(self._course.order(), self._course.step)
        good, last = self._course.state(), loss
        blamed = _first_bad({f"the gradient by {name}": value for name, value in self._vector.slopes(gradients).items()})
        if blamed is not None and not (good.epoch or good.step):
            return self._error(f"at the first parameters the loss is {loss:.6g}, but {blamed}", loss, "it has no derivative there; begin with other parameters")
        if blamed is None:
            self._course.advance(1, epochs)
            blamed = self._blame()
        if abs(loss) > GROWN * abs(self._course.first):
            good, loss = self._lowest, self._loss_of(self._lowest)
        self._course.back(good)
        return self._error(f"{what}: {blamed}", loss, _unbounded(self._course.first, last))

    def _loss_of(self, state: State) -> float:
        return state.history[-1] if state.history else self._course.first

    def _blame(self) -> str:
        """What is not finite where the loss is not."""
        values = self._vector.values()
        overflown = self._course.overflown()
        if _first_bad(values) is None and overflown is not None:
            return f"all gradients are finite, but so large that {overflown} overflows"
        bad = _first_bad(values)
        if bad is None:
            part = self._name(self._course.order(), self._course.step) or "the loss overflows or leaves its domain"
            bad = f"all parameters are finite, the largest of them is {_largest(values)}, and there {part}"
        return bad

    def grown(self, epoch: int) -> DivergenceError:
        """The loss has been rising: the error, with the course back where it was lowest, as far as is known."""
        first, last = self._course.history[0], self._course.history[epoch]
        self._course.back(self._lowest)
        what = f"the loss rose in each of the last {RISES} epochs, from {first:.4g} at first to {last:.4g} in epoch {epoch + 1}"
        return self._error(what, self._loss_of(self._lowest))

    def _error(self, what: str, loss: float | None, mend: str = "") -> DivergenceError:
        kept = "" if loss is None else f"; the last good parameters, of loss {loss:.6g}, are kept"
        state = self._course.state()
        return DivergenceError(
            f"train: {what}: {mend or f'training diverged; use a learning rate below {self._lr:g}, or scale the data'}{kept}",
            self._vector.values(),
            state.history,
            (state.epoch, state.step),
        )


def _unbounded(first: float, last: float) -> str:
    """What to do about a loss that fell and fell: no learning rate helps."""
    if last < -GROWN * max(1.0, abs(first)):
        return f"training diverged, for the loss falls without bound, to {last:.4g}; add a term that holds it from below"
    return ""


def _first_bad(values: Mapping[str, Any]) -> str | None:
    for name, value in values.items():
        array = np.asarray(value)
        if not np.isfinite(array).all():
            at = np.argwhere(~np.isfinite(array))[0]
            place = f"[{', '.join(str(int(k)) for k in at)}]" if array.ndim else ""
            return f"{name}{place} is {float(array[tuple(at)])}"
    return None


def _largest(values: Mapping[str, Any]) -> str:
    name, value = max(values.items(), key=lambda item: float(np.max(np.abs(item[1]), initial=0.0)))
    array = np.asarray(value)
    at = np.unravel_index(int(np.argmax(np.abs(array))), array.shape)
    place = f"[{', '.join(str(int(k)) for k in at)}]" if array.ndim else ""
    return f"{name}{place} = {float(array[at]):.4g}"
