"""The course of a training: which step comes next, where it stands, back to where it stood.

A course is the same steps in the same order however it is cut into stretches, so that what is resumed, or walked again to find
where it went wrong, is what happened, bit for bit.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping
from typing import Any

import numpy as np

from symdl.errors import DataError
from symdl.train.batches import Batches
from symdl.train.checkpoint import State
from symdl.train.engines import Engine, Vector
from symdl.train.methods import Method


class Course:
    """Steps through epochs.

    Attributes
    ----------
    epoch, step : int
        Epochs that are done; steps of the present one that are done.
    taken : int
        Steps taken in all since this course began.
    seconds : float
        What these steps took.
    first : float
        The loss before the first step that this course took.
    history : list of float
        The mean loss of each epoch that is done.
    highest : float
        No loss of this course was higher.
    """

    #: False while an engine is at work: what an exception leaves then is no state to keep.
    between_steps = True

    def __init__(self, engine: Engine, batches: Batches, update: Method, vector: Vector, rng: np.random.Generator) -> None:
        self._engine, self._batches, self._update, self._vector, self._rng = engine, batches, update, vector, rng
        self.epoch = self.step = self.taken = 0
        self.history: list[float] = []
        self.seconds = 0.0
        self.first = 0.0
        self.highest = -math.inf
        self._total = 0.0
        self._order: np.ndarray | None = None
        self._rng_before: Mapping[str, Any] = rng.bit_generator.state

    def advance(self, most: int, epochs: int) -> bool:
        """Take at least one step and at most so many, none of a later epoch than the present one; where every step sees all samples, none
        beyond so many epochs. False when the loss of the next step is not finite: it has not been taken."""
        count = min(most, self.left(epochs))
        order = self.order()
        self.between_steps = False
        begun = time.perf_counter()
        losses = np.asarray(self._engine.run(order, self.step, count))
        self.seconds += time.perf_counter() - begun
        self.between_steps = True
        self.highest = max(self.highest, float(losses.max(initial=-math.inf)))
        if not self.taken and len(losses):
            self.first = float(losses[0])
        self.taken += len(losses)
        if self._batches.whole:
            self.history += losses.tolist()
            self.epoch += len(losses)
        elif len(losses):
            self.step += len(losses)
            # From left to right, so that it does not depend on the stretches.
            self._total = float(np.cumsum([self._total, *losses])[-1])
            if self.step == self._steps():
                self._next_epoch()
        return len(losses) == count

    def left(self, epochs: int) -> int:
        """Steps that one call can take."""
        return epochs - self.epoch if self._batches.whole else self._steps() - self.step

    def order(self) -> np.ndarray | None:
        """The samples of the present epoch, in order; None where every step sees all."""
        if self._order is None and not self._batches.whole:
            self._rng_before = self._rng.bit_generator.state
            self._order = self._batches.order(self.epoch)
        return self._order

    def _steps(self) -> int:
        order = self.order()
        return 1 if order is None else -(-len(order) // self._batches.size)

    def _next_epoch(self) -> None:
        self.history.append(self._total / self._steps())
        self.epoch, self.step, self._total, self._order = self.epoch + 1, 0, 0.0, None
        self._rng_before = self._rng.bit_generator.state

    def state(self) -> State:
        """A copy of where it stands."""
        memory = {name: array.copy() for name, array in self._update.memory.items()}
        return State(self.epoch, self.step, self._total, self._vector.x.copy(), memory, list(self.history), dict(self._rng_before))

    def finite(self) -> bool:
        """Whether the parameters are finite, and what the method remembers of the steps."""
        return _finite(self._vector.x) and self.overflown() is None

    def overflown(self) -> str | None:
        """What the method remembers that is not finite; None when all is."""
        return next((f"{name} of {self._update.name}" for name, array in self._update.memory.items() if not _finite(array)), None)

    def back(self, state: State) -> None:
        """Stand where this state says."""
        self.epoch, self.step, self._total, self.history = state.epoch, state.step, state.total, list(state.history)
        self._vector.x[:] = state.flat
        for name, array in self._update.memory.items():
            array[:] = state.memory[name]
        self._order, self._rng.bit_generator.state = None, state.rng
        self._rng_before = state.rng
        if state.step:
            self.order()
            if self._batches.whole or state.step >= self._steps():
                raise DataError(f"train: the state stands behind step {state.step} of an epoch that has {self._steps()}: the samples come in another order")


def _finite(array: np.ndarray) -> bool:
    """A sum of squares is finite when all are, unless they are huge: then look at each."""
    return math.isfinite(array.dot(array)) or bool(np.isfinite(array).all())
