"""Contenders that take turns: short runs, interleaved, medians."""

from __future__ import annotations

import os
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

#: Takes so many steps.
Run = Callable[[int], None]


@dataclass(frozen=True)
class Turns:
    """How often, and how long a contender runs before the next has its turn."""

    rounds: int = 15
    seconds: float = 0.02
    clock: Callable[[], float] = time.perf_counter
    warm: bool = False  # begin every turn with steps that do not count, until the cores are awake and the threads of the one before are asleep


def agreed(found: Mapping[str, list[np.ndarray]], by: str, within: float = 1e-9) -> None:
    """End the program when one's numbers are not those of the one that they are judged by."""
    for label, values in found.items():
        worst = max(float(np.max(np.abs(a - b))) for a, b in zip(values, found[by], strict=True))
        if not worst <= within:
            raise SystemExit(f"{label} disagrees by {worst:g}")


def timed(runs: Mapping[str, Run], turns: Turns) -> dict[str, list[float]]:
    """Microseconds a step, one figure for every turn."""
    steps = {label: _steps(run, turns) for label, run in runs.items()}
    times: dict[str, list[float]] = {label: [] for label in runs}
    for _ in range(turns.rounds):
        for label, run in runs.items():
            if turns.warm:
                run(max(1, steps[label] // 3))
            started = turns.clock()
            run(steps[label])
            times[label].append((turns.clock() - started) / steps[label] * 1e6)
    return times


def _steps(run: Run, turns: Turns) -> int:
    """So many as fill a turn."""
    started = turns.clock()
    run(3)
    once = (turns.clock() - started) / 3
    count = max(1, int(0.005 / once))
    started = turns.clock()
    run(count)
    return max(1, int(turns.seconds / ((turns.clock() - started) / count)))


def shown(times: Mapping[str, list[float]], first: str) -> dict[str, float]:
    """The medians, printed as ratios to one contender's."""
    medians = {label: statistics.median(t) for label, t in times.items()}
    for label, m in medians.items():
        print(f"  {label:<25}{m:12.3f} us a step (fastest turn {min(times[label]):.3f})   symdl is {m / medians[first]:.2f} times as fast")
    return medians


def begun_with_threads() -> None:
    """The number of threads (--threads N) is read when libraries are loaded: set it, and begin anew."""
    chosen = sys.argv[sys.argv.index("--threads") + 1] if "--threads" in sys.argv else "1"
    wanted = {v: chosen for v in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS", "SYMDL_THREADS")}
    if chosen == "1":
        wanted["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false"
    if any(os.environ.get(k) != v for k, v in wanted.items()):
        os.environ.update(wanted)
        if chosen == "1" and hasattr(os, "sched_setaffinity"):
            os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
        os.execv(sys.executable, [sys.executable, *sys.argv])
