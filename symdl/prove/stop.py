"""Why a proof attempt ends without an answer. None of these leaves the room: each becomes UNKNOWN with a reason."""

from __future__ import annotations

import reprlib
import time

from symdl.errors import DataError


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


#: A budget may take so many times as long on a machine that is busy with other things.
PATIENCE = 3
#: Seconds between two looks at the thread's time.
EVERY = 0.005


class Clock:
    """A time budget. ``look`` is called wherever work is done.

    Seconds of work of this thread, so that a verdict does not depend on what else the machine does; three times as many on the wall at most.
    """

    def __init__(self, seconds: float) -> None:
        if isinstance(seconds, bool) or not isinstance(seconds, (int, float)) or not seconds < 1e300:
            raise DataError(f"a time budget is a number of seconds, and {type(seconds).__name__} {reprlib.repr(seconds):.40} is given")
        self.seconds = seconds
        self._end = time.thread_time() + seconds
        self._latest = time.monotonic() + PATIENCE * seconds
        self._next = 0.0

    def left(self) -> float:
        """Seconds."""
        return min(self._end - time.thread_time(), self._latest - time.monotonic())

    def part(self, share: float) -> Clock:
        """A budget of its own, of so much of what is left."""
        return Clock(max(0.0, share * self.left()))

    def look(self) -> None:
        now = time.monotonic()
        if now < self._next:  # asking for the thread's time is a call of the system: not more often than it takes
            return
        self._next = now + EVERY
        if self.left() < 0:
            raise OutOfTime(f"the time budget of {self.seconds:g} s is spent")
