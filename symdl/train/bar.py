"""The progress bar: where the training stands, its rate, the time left. It never ends a training: what cannot be shown is not."""

from __future__ import annotations

import os
import sys
from types import TracebackType
from typing import Any

from symdl.errors import missing_extra
from symdl.train.batches import Batches
from symdl.train.course import Course

#: Columns below which there is no room for a title, for a bar beside the numbers, and for more than how far and how long.
WIDE, NARROW, TINY = 100, 64, 36

#: From so many steps on they are counted in thousands and millions: a line of 80 columns has room for the loss then.
MANY = 10_000

#: The errors of a terminal that is gone, a disk that is full behind a redirection, a closed stream.
_GONE = (OSError, ValueError)


class Bar:
    """A progress bar of steps on the standard error, or nothing.

    Parameters
    ----------
    progress : bool or None
        None: in a terminal, where tqdm is installed.
    batches : Batches
    course : Course
    epochs : int

    Raises
    ------
    MissingExtraError
        When a bar is asked for, and tqdm is not installed.
    """

    def __init__(self, progress: bool | None, batches: Batches, course: Course, epochs: int) -> None:
        self._bar: Any = None
        self._per_epoch = batches.per_epoch
        if progress is False or (progress is None and not _in_terminal()):
            return
        try:
            from tqdm import tqdm
        except ImportError:
            if progress is None:
                return
            raise missing_extra("tqdm", "progress", "a progress bar") from None
        if sys.stderr is None:  # of a program without a console
            return
        total = epochs * self._per_epoch
        try:
            self._bar = tqdm(total=total, initial=self._at(course), unit="step", unit_scale=total >= MANY, **{"desc": "training"} | _room())
        except _GONE:
            return

    def _at(self, course: Course) -> int:
        return course.epoch * self._per_epoch + course.step

    def show(self, course: Course) -> None:
        """Move it to where the course stands."""
        if self._bar is None:
            return
        try:
            if course.history:
                self._bar.set_postfix(epoch=course.epoch, loss=f"{course.history[-1]:.4g}", refresh=False)
            self._bar.update(self._at(course) - self._bar.n)
        except _GONE:
            self._drop()

    def _drop(self) -> None:
        self._bar.disable = True  # else it would try to write once more when it is collected
        self._bar = None

    def __enter__(self) -> Bar:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self._bar is not None:
            try:
                self._bar.close()
            except _GONE:
                self._drop()


def _in_terminal() -> bool:
    try:
        return sys.stderr is not None and sys.stderr.isatty()
    except _GONE:
        return False


def _room() -> dict[str, Any]:
    """How much room there is, and what of the bar has a place in it. Pseudo-terminals may say that they have no columns: then 100."""
    try:
        columns = os.get_terminal_size(sys.stderr.fileno()).columns
    except (*_GONE, AttributeError):
        return {}
    if not columns:
        return {"ncols": 100, "nrows": 24}
    if columns >= NARROW:
        return {} if columns >= WIDE else {"desc": None}
    return {"bar_format": "{percentage:3.0f}% {remaining}" if columns < TINY else "{percentage:3.0f}% {rate_fmt}, {remaining} left"}
