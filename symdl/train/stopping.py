"""Ctrl-C and kill in the middle of a training: the step is finished first, so that parameters and checkpoint are whole."""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType, TracebackType
from typing import Any


class Stopping:
    """Within it, SIGINT (and SIGTERM and SIGHUP, when ``kill`` says so) only sets ``asked``; a second one does what it always did.

    Handlers of the user's own are left alone, and so is everything outside the main thread, where Python delivers no signals.
    """

    def __init__(self, kill: bool) -> None:
        self.asked = 0
        self._kill = kill
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Stopping:
        if threading.current_thread() is threading.main_thread():
            self._take(signal.SIGINT, signal.default_int_handler)
            if self._kill:
                self._take(signal.SIGTERM, signal.SIG_DFL)
                if hasattr(signal, "SIGHUP"):  # a terminal that was closed; Windows has none
                    self._take(signal.SIGHUP, signal.SIG_DFL)
        return self

    def _take(self, number: int, usual: Any) -> None:
        if signal.getsignal(number) is usual:
            self._before[number] = signal.signal(number, self._note)

    def _note(self, number: int, frame: FrameType | None) -> None:
        if self.asked:
            self._restore()
            os.kill(os.getpid(), number)
        self.asked = number

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._restore()

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}

    def obey(self) -> None:
        """Do what the signal asked for, now that everything is in order."""
        self._restore()
        if self.asked == signal.SIGINT:
            raise KeyboardInterrupt
        if self.asked:
            os.kill(os.getpid(), self.asked)
