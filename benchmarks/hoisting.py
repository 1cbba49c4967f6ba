"""Gradient descent on linear least squares, 100,000 samples of 20 features: a step with the samples rotated into a few rows, against a step as it is
written, in symdl, NumPy and JAX (jit). The parameters after all steps are compared before anything is timed; medians of user CPU time, in turn.

Run: python benchmarks/hoisting.py [--steps N]
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

SAMPLES, FEATURES = 100_000, 20


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--steps", type=int, default=20_000)
    options = parser.parse_args(argv)
    os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = "1"
    os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    import numpy as np

    rng = np.random.default_rng(0)
    x, start = rng.standard_normal((SAMPLES, FEATURES)), np.zeros(FEATURES)
    y = x @ rng.standard_normal(FEATURES) + rng.standard_normal(SAMPLES)
    few = 20
    runs: dict[str, tuple[Callable[[int], Any], int]] = {
        "symdl, hoisted": (lambda n: of_symdl(x, y, start, n, True), options.steps),
        "symdl, as written": (lambda n: of_symdl(x, y, start, n, False), few),
        "NumPy": (lambda n: of_numpy(x, y, start, n), few),
    }
    try:
        runs["JAX"] = (jax_loop(x, y, start), few)
    except ImportError:
        print("JAX is not installed")
    wanted = of_numpy(x, y, start, few)
    for name, (run, _) in runs.items():
        off = float(np.max(np.abs(run(few) - wanted)) / np.max(np.abs(wanted)))
        print(f"{name:20} off by {off:.1e} from NumPy after {few} steps")
        if off > 1e-10:
            return 1
    print(plan(x, y, start, options.steps))
    taken = {name: timed(run, steps) for name, (run, steps) in runs.items()}
    for name, seconds in taken.items():
        print(f"{name:20} {1e6 * seconds:10.2f} microseconds a step, preparation apart; {seconds / taken['symdl, hoisted']:8.1f}x")
    return 0


def timed(run: Callable[[int], Any], steps: int) -> float:
    """Seconds a step: the difference of a long and a short run, so that what is done once does not count."""
    found = []
    for _ in range(5):
        begun = time.process_time()
        run(1)
        once = time.process_time() - begun
        begun = time.process_time()
        run(1 + steps)
        found.append((time.process_time() - begun - once) / steps)
    return max(statistics.median(found), 1e-9)


def trained(x: Any, y: Any, start: Any, steps: int, hoist: bool | str) -> Any:
    import symdl as sd

    n, p = sd.dims("n p")
    w = sd.tensor("w", p)
    loss = sd.sum((sd.tensor("X", n, p) @ w - sd.tensor("y", n)) ** 2) / 2
    return sd.train(loss, params={"w": start}, data={"X": x, "y": y}, lr=1e-6, epochs=steps, hoist=hoist, backend="numpy")


def of_symdl(x: Any, y: Any, start: Any, steps: int, hoist: bool) -> Any:
    return trained(x, y, start, steps, hoist).params["w"]


def plan(x: Any, y: Any, start: Any, steps: int) -> Any:
    return trained(x, y, start, steps, "auto").plan


def of_numpy(x: Any, y: Any, start: Any, steps: int) -> Any:
    w = start.copy()
    for _ in range(steps):
        r = x @ w - y
        r.dot(r)
        w -= 1e-6 * (r @ x)
    return w


def jax_loop(x: Any, y: Any, start: Any) -> Callable[[int], Any]:
    import jax
    import numpy as np

    jax.config.update("jax_enable_x64", True)
    a, b = jax.numpy.asarray(x), jax.numpy.asarray(y)
    step = jax.value_and_grad(lambda w, a, b: jax.numpy.sum((a @ w - b) ** 2) / 2)
    loop = jax.jit(lambda n, w, a, b: jax.lax.fori_loop(0, n, lambda _, w: w - 1e-6 * step(w, a, b)[1], w))
    return lambda n: np.asarray(loop(n, jax.numpy.asarray(start), a, b))


if __name__ == "__main__":
    raise SystemExit(main())
