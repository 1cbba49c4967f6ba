"""ADBench's objectives: values and derivatives are held to the published ones, then timed against JAX, PyTorch, and NumPy by hand.

Run: python benchmarks/adbench/run.py [--only gmm lstm ba simple complicated] [--rounds N] [--quick]

The contenders take turns; times are medians in milliseconds, ratios are contender / symdl (above 1: symdl is faster). All work in float64 on the
processor and on one thread, unless OMP_NUM_THREADS says otherwise. Derivation and compilation are not in the times.
"""

from __future__ import annotations

import argparse
import importlib.util
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import alone
import instances
import numpy as np
import objectives
import peers
from instances import Instance
from objectives import Run

#: ADBench's tolerance for derivatives.
TOLERANCE = 1e-6


class Problem(NamedTuple):
    """An objective: symdl's way, ADBench's order, the instances that are known, those that are timed, and the contenders."""

    symdl: Callable[[str], Run]
    order: Callable[[Sequence[Any]], tuple[Any, np.ndarray]]
    known: Callable[[], Sequence[Instance]]
    timed: Callable[[bool], Sequence[Instance]]
    peers: dict[str, Callable[[instances.Arrays], peers.Made]]


def _gmm_sizes(quick: bool) -> list[Instance]:
    sizes = [(1000, 2, 5), (1000, 10, 25)] if quick else [(1000, 2, 5), (1000, 10, 25), (1000, 64, 10), (10_000, 10, 25)]
    return [instances.gmm_of(*one) for one in sizes]


def _last_known(quick: bool) -> list[Instance]:
    return [list(instances.lstm())[-2 if quick else -1]]


def _hands(variant: str, quick: bool) -> list[Instance]:
    return [instances.hand(variant, points // 2) for points in ((100,) if quick else (100, 2000))]


PROBLEMS = {
    "gmm": Problem(
        objectives.gmm_symdl,
        objectives.gradient,
        lambda: list(instances.gmm()),
        _gmm_sizes,
        {"NumPy by hand": peers.gmm_hand, "JAX": peers.gmm_jax, "PyTorch": peers.gmm_torch},
    ),
    "lstm": Problem(
        objectives.lstm_symdl,
        objectives.gradient,
        lambda: list(instances.lstm()),
        _last_known,
        {"NumPy by hand": peers.lstm_hand, "JAX": peers.lstm_jax, "PyTorch": peers.lstm_torch},
    ),
    "ba": Problem(
        objectives.ba_symdl,
        objectives.ba_blocks,
        lambda: list(instances.ba()),
        lambda quick: [instances.ba_of(1000 if quick else 20_000)],
        {"JAX": peers.ba_jax, "PyTorch": peers.ba_torch},
    ),
    "simple": Problem(
        objectives.simple_symdl,
        objectives.simple_jacobian,
        lambda: [instances.hand("simple")],
        lambda quick: _hands("simple", quick),
        {"JAX": peers.simple_jax, "PyTorch": peers.simple_torch},
    ),
    "complicated": Problem(
        objectives.complicated_symdl,
        objectives.complicated_jacobian,
        lambda: [instances.hand("complicated")],
        lambda quick: _hands("complicated", quick),
        {"JAX": peers.complicated_jax, "PyTorch": peers.complicated_torch},
    ),
}

PACKAGES = {"JAX": "jax", "PyTorch": "torch"}


def installed(name: str) -> bool:
    return name not in PACKAGES or importlib.util.find_spec(PACKAGES[name]) is not None


def held_to_published(problem: Problem, run: Run) -> float:
    """The largest difference from the published values and derivatives; an error when it is too large."""
    worst = 0.0
    for one in problem.known():
        value, derivative = problem.order(run(one.arrays))
        found = [objectives.difference(derivative, one.derivative)]
        if value is not None:
            found.append(objectives.difference(value, one.value))
        if not max(found) <= TOLERANCE:
            raise SystemExit(f"{one.name}: symdl differs from the published values by {max(found):.2g}")
        worst = max(worst, *found)
    return worst


def contenders(problem: Problem, runs: dict[str, Run], one: Instance) -> dict[str, Callable[[], Any]]:
    """Name -> what is timed; every one has given the right answer, and is warm."""
    ready: dict[str, Callable[[], Any]] = {name: lambda run=run: run(one.arrays) for name, run in runs.items()}  # type: ignore[misc]
    _, expected = problem.order(next(iter(ready.values()))())
    for name, run in ready.items():
        compare(name, one, problem.order(run())[1], expected)
    for name, make in problem.peers.items():
        if installed(name):
            run, comparable = make(one.arrays)
            compare(name, one, problem.order(comparable(run()))[1], expected)
            ready[name] = run
    return ready


def compare(name: str, one: Instance, found: np.ndarray, expected: np.ndarray) -> None:
    apart = objectives.difference(found, expected)
    if not apart <= TOLERANCE:
        raise SystemExit(f"{one.name}: {name} and symdl differ by {apart:.2g}")


def medians(ready: dict[str, Callable[[], Any]], rounds: int) -> dict[str, float]:
    """Median seconds; the contenders take turns. Fast ones run several times a turn."""
    times: dict[str, list[float]] = {name: [] for name in ready}
    once = {name: clock(run, 1) for name, run in ready.items()}
    for _ in range(rounds):
        for name, run in ready.items():
            times[name].append(clock(run, max(1, min(50, int(0.01 / max(once[name], 1e-9))))))
    return {name: statistics.median(found) for name, found in times.items()}


def clock(run: Callable[[], Any], repeats: int) -> float:
    started = time.perf_counter()
    for _ in range(repeats):
        run()
    return (time.perf_counter() - started) / repeats


def native(problem: Problem, one: Instance) -> Run | str:
    """symdl's native code, or why there is none."""
    try:
        run = problem.symdl("native")
        run(one.arrays)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return run


def benchmark(name: str, problem: Problem, rounds: int, quick: bool) -> None:
    started = time.perf_counter()
    runs = {"symdl numpy": problem.symdl("numpy")}
    derived = time.perf_counter() - started
    worst = held_to_published(problem, runs["symdl numpy"])
    print(
        f"\n{name}: {len(problem.known())} published instances agree, the largest difference is {worst:.1e}; built and derived in {derived:.2f} s", flush=True
    )
    sizes = problem.timed(quick)
    fast = native(problem, sizes[0])
    if isinstance(fast, str):
        print(f"  symdl native: left out ({fast})")
    else:
        runs["symdl native"] = fast
        held_to_published(problem, fast)
    for absent in (p for p in problem.peers if not installed(p)):
        print(f"  {absent}: not installed")
    for one in sizes:
        found = medians(contenders(problem, runs, one), rounds)
        best = min((t, n) for n, t in found.items() if n in runs)
        print(f"  {one.name}")
        for contender, seconds in found.items():
            ratio = "" if contender in runs else f"   / {best[1]}: {seconds / best[0]:.2f}"
            print(f"    {contender:<15}{seconds * 1e3:10.3f} ms{ratio}", flush=True)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=list(PROBLEMS), default=list(PROBLEMS))
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--quick", action="store_true", help="small sizes")
    options = parser.parse_args(arguments)
    print(f"{alone.THREADS} thread(s), medians of {options.rounds} rounds")
    for name in options.only:
        benchmark(name, PROBLEMS[name], options.rounds, options.quick)


if __name__ == "__main__":
    main()
