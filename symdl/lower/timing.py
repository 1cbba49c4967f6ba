"""What a program takes, measured: for whoever prints it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from symdl.lower.listing import duration

#: Seconds that are spent on it, and calls at most.
SPENT, CALLS = 0.02, 100

#: Programs that are said to take longer, or have more numbers for inputs, are not run just to be shown.
TOO_LONG, MOST = 0.5, 10**7


def seconds_a_call(run: Callable[..., Any], shapes: Sequence[tuple[int, ...]], dtype: str) -> float | None:
    """The median of some calls with ones for all inputs; None where a program takes none of that (a singular matrix, say)."""
    ones = [np.ones(shape, dtype) if shape else 1.0 for shape in shapes]
    took: list[float] = []
    ended = time.perf_counter() + SPENT
    with np.errstate(all="ignore"):
        try:
            run(*ones)
            while len(took) < CALLS and (not took or time.perf_counter() < ended):
                begun = time.perf_counter()
                run(*ones)
                took.append(time.perf_counter() - begun)
        except Exception:  # whatever it is, the program can be shown without it
            return None
    return float(np.median(took))


class Timed:
    """A program that says, when it is printed, what a call takes; nobody else calls it meanwhile."""

    def __init__(self, run: Any, lock: threading.Lock) -> None:
        self._run, self._lock = run, lock

    def __str__(self) -> str:
        with self._lock:
            took = self._run.seconds()
        return f"{self._run}" if took is None else f"{self._run}\nmeasured: {duration(took)} a call, with ones for inputs"
