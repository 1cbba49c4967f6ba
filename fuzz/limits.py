"""Nothing may take long: an alarm that counts the CPU time of this process."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

#: Seconds of CPU for one input, without the fuzzer's counting, which makes Python several times slower.
SECONDS = 10.0


class TooLong(BaseException):
    """Not an Exception: nothing on the way may catch it."""


@contextmanager
def within(seconds: float = SECONDS) -> Iterator[None]:
    """Raise TooLong where the body takes more CPU time than this."""

    def rung(*_: Any) -> None:
        raise TooLong(f"more than {seconds:g} s of CPU")

    before = signal.signal(signal.SIGPROF, rung)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
