"""What algebra takes out of a descent loop: a step hoisted and as written in symdl, NumPy by hand, and JAX's fori_loop.

Rows: linear least squares, 100,000 samples of 20 features, where samples are rotated into a few rows. Directions: a network 784-128-10 (sigmoid, least
squares) on 100 samples, where its first layer is kept in the 100 directions that the samples span. Parameters after all steps are compared before anything is
timed; medians of user CPU time on one thread, in turn; what is done once does not count, and is in the plan.

Run: python benchmarks/hoisting.py [--steps N] [--only rows|directions]
"""

from __future__ import annotations

import argparse
import os
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

Params = dict[str, Any]
Descent = Callable[[int], Params]


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--steps", type=int, default=20_000, help="of the hoisted least squares; others take fewer")
    parser.add_argument("--only", choices=list(PROBLEMS))
    options = parser.parse_args(argv)
    os.environ["OMP_NUM_THREADS"] = os.environ["OPENBLAS_NUM_THREADS"] = os.environ["SYMDL_THREADS"] = "1"
    os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"
    return max(compared(name, make(), options.steps) for name, make in PROBLEMS.items() if options.only in (None, name))


class Rows:
    """Least squares, many samples."""

    samples, features, lr, backend, fewer_steps = 100_000, 20, 1e-6, "numpy", 1

    def __init__(self) -> None:
        import numpy as np

        rng = np.random.default_rng(0)
        X = rng.standard_normal((self.samples, self.features))
        self.data = {"X": X, "y": X @ rng.standard_normal(self.features) + rng.standard_normal(self.samples)}
        self.start = {"w": np.zeros(self.features)}

    def loss(self, sd: Any) -> Any:
        n, p = sd.dims("n p")
        return sd.sum((sd.tensor("X", n, p) @ sd.tensor("w", p) - sd.tensor("y", n)) ** 2) / 2

    def jax_loss(self, jnp: Any, jax: Any, p: Params) -> Any:
        return jnp.sum((self.data["X"] @ p["w"] - self.data["y"]) ** 2) / 2

    def by_numpy(self, steps: int) -> Params:
        X, y, w = self.data["X"], self.data["y"], self.start["w"].copy()
        for _ in range(steps):
            r = X @ w - y
            r.dot(r)
            w -= self.lr * (r @ X)
        return {"w": w}


class Directions:
    """A network on few samples."""

    sizes, samples, lr, backend, fewer_steps = (784, 128, 10), 100, 1e-3, "native", 40

    def __init__(self) -> None:
        import numpy as np

        rng = np.random.default_rng(0)
        p, h, k = self.sizes
        self.data = {"X": rng.uniform(size=(self.samples, p)), "T": rng.uniform(size=(self.samples, k))}
        self.start = {"W": rng.normal(size=(p, h)) / p**0.5, "b": np.zeros(h), "U": rng.normal(size=(h, k)) / h**0.5, "c": np.zeros(k)}

    def loss(self, sd: Any) -> Any:
        n = sd.dims("n")
        p, h, k = self.sizes
        hidden = sd.sigmoid(sd.tensor("X", n, p) @ sd.tensor("W", p, h) + sd.tensor("b", h))
        return sd.sum((sd.sigmoid(hidden @ sd.tensor("U", h, k) + sd.tensor("c", k)) - sd.tensor("T", n, k)) ** 2) / 2

    def jax_loss(self, jnp: Any, jax: Any, p: Params) -> Any:
        hidden = jax.nn.sigmoid(self.data["X"] @ p["W"] + p["b"])
        return jnp.sum((jax.nn.sigmoid(hidden @ p["U"] + p["c"]) - self.data["T"]) ** 2) / 2

    def by_numpy(self, steps: int) -> Params:
        import numpy as np

        X, T = self.data["X"], self.data["T"]
        W, b, U, c = (self.start[m].copy() for m in "WbUc")
        for _ in range(steps):
            a = 1.0 / (1.0 + np.exp(-(X @ W + b)))
            y = 1.0 / (1.0 + np.exp(-(a @ U + c)))
            e = (y - T) * y * (1.0 - y)
            d = (e @ U.T) * a * (1.0 - a)
            for value, slope in ((W, X.T @ d), (b, d.sum(axis=0)), (U, a.T @ e), (c, e.sum(axis=0))):
                value -= self.lr * slope
        return {"W": W, "b": b, "U": U, "c": c}


Problem = Rows | Directions
PROBLEMS: dict[str, Callable[[], Problem]] = {"rows": Rows, "directions": Directions}


def compared(name: str, problem: Problem, steps: int) -> int:
    """Check all against NumPy, then time them; 1 when one is wrong."""
    import numpy as np

    print(f"{name}: {(type(problem).__doc__ or '').strip()}")
    few = 20
    hoisted = max(few, steps // problem.fewer_steps)
    runs: dict[str, tuple[Descent, int]] = {
        "symdl, hoisted": (lambda n: by_symdl(problem, n, True).params, hoisted),
        "symdl, as written": (lambda n: by_symdl(problem, n, False).params, few),
        "NumPy": (problem.by_numpy, few),
    }
    try:
        runs["JAX"] = (by_jax(problem), few)
    except ImportError:
        print("JAX is not installed")
    wanted = problem.by_numpy(few)
    for label, (run, _) in runs.items():
        off = max(float(np.max(np.abs(run(few)[m] - v)) / np.max(np.abs(v))) for m, v in wanted.items())
        print(f"{label:20} off by {off:.1e} from NumPy after {few} steps")
        if off > 1e-10:
            return 1
    print(str(by_symdl(problem, steps, "auto").plan).split("\n\n", maxsplit=1)[0])
    taken = {label: timed(run, count) for label, (run, count) in runs.items()}
    for label, seconds in taken.items():
        print(f"{label:20} {1e6 * seconds:10.2f} microseconds a step, preparation apart; {seconds / taken['symdl, hoisted']:8.1f}x")
    return 0


def timed(run: Descent, steps: int) -> float:
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


def by_symdl(problem: Problem, steps: int, hoist: bool | str) -> Any:
    import symdl as sd

    return sd.train(problem.loss(sd), params=problem.start, data=problem.data, lr=problem.lr, epochs=steps, hoist=hoist, backend=problem.backend)


def by_jax(problem: Problem) -> Descent:
    import jax
    import numpy as np

    jax.config.update("jax_enable_x64", True)
    slopes = jax.grad(lambda p: problem.jax_loss(jax.numpy, jax, p))
    step = lambda _, p: {m: v - problem.lr * g for (m, v), g in zip(p.items(), slopes(p).values(), strict=True)}  # noqa: E731
    loop = jax.jit(lambda n, p: jax.lax.fori_loop(0, n, step, p))
    return lambda n: {m: np.asarray(v) for m, v in loop(n, {m: jax.numpy.asarray(v) for m, v in problem.start.items()}).items()}


if __name__ == "__main__":
    raise SystemExit(main())
