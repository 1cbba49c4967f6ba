"""From here to the last epoch: stretches of steps, and between them what somebody who waits expects: checkpoints, Ctrl-C, the bar moved on."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from symdl.errors import DataError
from symdl.train.bar import Bar
from symdl.train.checkpoint import State
from symdl.train.course import Course
from symdl.train.divergence import Watch, may_have_risen, risen
from symdl.train.stopping import Stopping

#: Seconds: a stretch of steps without a look at the world; between states kept to go back to; between checkpoints.
STRETCH, KEEP, SAVE = 0.05, 0.25, 1.0


@dataclass
class Run:
    """A training that goes on until its last epoch.

    Parameters
    ----------
    course : Course
    watch : Watch
    epochs : int
    save : callable or None
        Takes a state and writes it.
    callback : callable or None
        callback(epoch, loss, params) after every epoch; True stops.
    values : callable
        Gives copies of the parameters by name.
    """

    course: Course
    watch: Watch
    epochs: int
    save: Callable[[State], None] | None
    callback: Callable[[int, float, dict[str, Any]], Any] | None
    values: Callable[[], dict[str, Any]]
    _warned: bool = False

    def to_the_end(self, bar: Bar) -> None:
        """Take the steps. What stops them early, an exception or a signal, leaves a checkpoint."""
        if self.save is not None:
            self.save(self.course.state())
        with Stopping(kill=self.save is not None) as stopping:
            try:
                self._stretches(bar, stopping)
            finally:
                self._save()
            if stopping.asked:
                stopping.obey()

    def _stretches(self, bar: Bar, stopping: Stopping) -> None:
        count, kept, saved = 1, time.perf_counter(), time.perf_counter()
        while self.course.epoch < self.epochs and not stopping.asked:
            epoch, taken, begun = self.course.epoch, self.course.taken, time.perf_counter()
            good = self.course.advance(self._most(count), self.epochs)
            if not good:
                raise self.watch.not_finite(self.epochs)
            self._check_growth(epoch)
            now = time.perf_counter()
            count = _next_count(self.course.taken - taken, now - begun)
            bar.show(self.course)
            if now - kept > KEEP and self.course.finite():
                self.watch.keep()
                kept = now
            if now - saved > SAVE:
                self._save()
                saved = now
            ended = self.course.epoch > epoch
            # A gradient that is not finite tells by the loss of the next step; here nobody waits for that.
            if ended and (self.callback is not None or self.course.epoch == self.epochs) and not self.course.finite():
                raise self.watch.not_finite_parameters(self.epochs)
            if ended and self.callback is not None and self.callback(self.course.epoch, self.course.history[-1], self.values()) is True:
                return

    def _most(self, count: int) -> int:
        """With a callback no stretch goes beyond an epoch, and where every step sees all, a step is one."""
        return 1 if self.callback is not None and self.course.order() is None else count

    def _check_growth(self, seen: int) -> None:
        found = risen(self.course.history, seen) if may_have_risen(self.course) else None
        if found is not None:
            raise self.watch.grown(found)

    def _save(self) -> None:
        """Save where it stands. A disk that is full by now takes nothing away: the training goes on, and it is tried again."""
        if self.save is None or not self.course.between_steps or not self.course.finite():
            return
        try:
            self.save(self.course.state())
        except DataError as error:
            if not self._warned:
                warnings.warn(f"{error}; the training goes on, and it is tried again", RuntimeWarning, stacklevel=2)
            self._warned = True


def _next_count(taken: int, seconds: float) -> int:
    """Steps for the next stretch: twice as many as the last one took (the end of an epoch may have cut it short), until one takes long enough."""
    return max(1, min(2 * taken, int(taken * STRETCH / max(seconds, 1e-9))))
