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
import by_hand
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


def _by_hand(function: Run) -> Callable[[instances.Arrays], peers.Made]:
    return lambda arrays: (lambda: function(arrays), lambda found: found)


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
        {"NumPy by hand": _by_hand(by_hand.ba), "JAX": peers.ba_jax, "PyTorch": peers.ba_torch},
    ),
    "simple": Problem(
        objectives.simple_symdl,
        objectives.simple_jacobian,
        lambda: [instances.hand("simple")],
        lambda quick: _hands("simple", quick),
        {"NumPy by hand": _by_hand(by_hand.simple), "JAX": peers.simple_jax, "PyTorch": peers.simple_torch},
    ),
    "complicated": Problem(
        objectives.complicated_symdl,
        objectives.complicated_jacobian,
        lambda: [instances.hand("complicated")],
        lambda quick: _hands("complicated", quick),
        {"NumPy by hand": _by_hand(by_hand.complicated), "JAX": peers.complicated_jax, "PyTorch": peers.complicated_torch},
    ),
}

PACKAGES = {"JAX": "jax", "PyTorch": "torch"}


def installed(name: str) -> bool:
    return name not in PACKAGES or importlib.util.find_spec(PACKAGES[name]) is not None


def from_published(problem: Problem, run: Run) -> float:
    """The largest difference from the published values and derivatives."""
    worst = 0.0
    for one in problem.known():
        value, derivative = problem.order(run(one.arrays))
        worst = max(worst, objectives.difference(derivative, one.derivative))
        if value is not None:
            worst = max(worst, objectives.difference(value, one.value))
    return worst


def contenders(problem: Problem, runs: dict[str, Run], one: Instance) -> tuple[dict[str, Callable[[], Any]], list[str]]:
    """Name -> what is timed; every one has given the right answer, and is warm. And those that gave a wrong one."""
    offered: dict[str, tuple[Callable[[], Any], Callable[[Any], Any]]] = {n: (lambda r=r: r(one.arrays), lambda found: found) for n, r in runs.items()}  # type: ignore[misc]
    offered |= {name: make(one.arrays) for name, make in problem.peers.items() if installed(name)}
    (first, _), *_ = offered.values()
    expected = problem.order(first())[1]
    wrong = [n for n, (run, same) in offered.items() if not objectives.difference(problem.order(same(run()))[1], expected) <= TOLERANCE]
    return {name: run for name, (run, _) in offered.items() if name not in wrong}, wrong


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
        worst = from_published(problem, run)
    except Exception as error:
        return f"{type(error).__name__}: {error}"
    return run if worst <= TOLERANCE else f"WRONG: it differs from the published values by {worst:.2g}"


def benchmark(name: str, problem: Problem, rounds: int, quick: bool) -> bool:
    """Check and time one objective; False when somebody was wrong."""
    started = time.perf_counter()
    runs = {"symdl numpy": problem.symdl("numpy")}
    derived = time.perf_counter() - started
    worst = from_published(problem, runs["symdl numpy"])
    if not worst <= TOLERANCE:
        print(f"\n{name}: WRONG: symdl differs from the published values by {worst:.2g}")
        return False
    known = len(problem.known())
    print(f"\n{name}: {known} published instances, the largest |a - b|/max(1, |b|) is {worst:.1e}; built and derived in {derived:.2f} s", flush=True)
    sizes = problem.timed(quick)
    fast = native(problem, sizes[0])
    good = not isinstance(fast, str) or not fast.startswith("WRONG")
    if isinstance(fast, str):
        print(f"  symdl native: left out ({fast})")
    else:
        runs["symdl native"] = fast
    for absent in (p for p in problem.peers if not installed(p)):
        print(f"  {absent}: not installed")
    for one in sizes:
        ready, wrong = contenders(problem, runs, one)
        show(one.name, medians(ready, rounds), wrong, set(runs))
        good = good and not wrong
    return good


def show(title: str, found: dict[str, float], wrong: Sequence[str], own: set[str]) -> None:
    best, name = min((seconds, name) for name, seconds in found.items() if name in own)
    print(f"  {title}")
    for contender, seconds in found.items():
        ratio = "" if contender in own else f"   / {name}: {seconds / best:.2f}"
        print(f"    {contender:<15}{seconds * 1e3:10.3f} ms{ratio}", flush=True)
    for contender in wrong:
        print(f"    {contender:<15} WRONG")


def main(arguments: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--only", nargs="+", choices=list(PROBLEMS), default=list(PROBLEMS))
    parser.add_argument("--rounds", type=int, default=9)
    parser.add_argument("--quick", action="store_true", help="small sizes")
    options = parser.parse_args(arguments)
    print(f"{alone.THREADS} thread(s), medians of {options.rounds} rounds")
    return 0 if all([benchmark(name, PROBLEMS[name], options.rounds, options.quick) for name in options.only]) else 1


if __name__ == "__main__":
    raise SystemExit(main())
