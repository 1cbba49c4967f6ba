"""From here to the last epoch: stretches of steps, and between them what somebody who waits expects: a bar, checkpoints, Ctrl-C."""

from __future__ import annotations

import os
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from symdl.errors import DataError, missing_extra
from symdl.train.batches import Batches
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
            if now - kept > KEEP:
                self.watch.keep()
                kept = now
            if now - saved > SAVE:
                self._save()
                saved = now
            if self.course.epoch > epoch and self.callback is not None and self.callback(self.course.epoch, self.course.history[-1], self.values()) is True:
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
        if self.save is None or not self.course.between_steps:
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


def _room() -> dict[str, int]:
    """How much room a bar has where the terminal says that it has none, as pseudo-terminals do; nothing where it knows better."""
    try:
        return {} if os.get_terminal_size(sys.stderr.fileno()).columns else {"ncols": 100, "nrows": 24}
    except (OSError, ValueError, AttributeError):
        return {}


class Bar:
    """A progress bar of steps, or nothing."""

    def __init__(self, progress: bool | None, batches: Batches, course: Course, epochs: int) -> None:
        self._bar: Any = None
        self._per_epoch = batches.per_epoch
        if progress is False or (progress is None and not sys.stderr.isatty()):
            return
        try:
            from tqdm import tqdm
        except ImportError:
            if progress is None:
                return
            raise missing_extra("tqdm", "progress", "a progress bar") from None
        self._bar = tqdm(total=epochs * self._per_epoch, initial=self._at(course), desc="training", unit="step", **_room())

    def _at(self, course: Course) -> int:
        return course.epoch * self._per_epoch + course.step

    def show(self, course: Course) -> None:
        """Move it to where the course stands."""
        if self._bar is None:
            return
        if course.history:
            self._bar.set_postfix(epoch=course.epoch, loss=f"{course.history[-1]:.6g}", refresh=False)
        self._bar.update(self._at(course) - self._bar.n)

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._bar is not None:
            self._bar.close()
