"""Why a proof attempt ends without an answer. None of these leaves the room: each becomes UNKNOWN with a reason."""

from __future__ import annotations

import time


class Stop(Exception):
    """An attempt cannot go on; the text says why."""


class OutOfTime(Stop):
    """The time budget is spent."""


class TooLarge(Stop):
    """The arrays would not fit."""


class Undefined(Stop):
    """A side is undefined (division by zero, logarithm of a negative constant) at every point tried."""


class Unreadable(Stop):
    """A function or number that this prover has no exact reading of."""


class Clock:
    """A time budget. ``look`` is called wherever work is done."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._end = time.monotonic() + seconds

    def left(self) -> float:
        return self._end - time.monotonic()

    def look(self) -> None:
        if self.left() < 0:
            raise OutOfTime(f"the time budget of {self.seconds:g} s is spent")
