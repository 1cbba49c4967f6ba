"""Gradient-descent steps, whole loops: symdl's native code against the fastest that peers offer, in one run.

Workloads (sigmoid, least squares, gradient descent, float64, full batches): W1 one neuron of 10 inputs on 100 samples; W2 12-3-2 on 64; W3 64-30-10 on 32;
W4 784-128-10 on 100; W5 784-512-512-10 on 256. Where there are more features than samples ``sd.train`` goes on in the directions that the samples span;
that is a line of its own, and the first line of symdl takes the steps as they are written, as peers do. Peers: JAX (fori_loop; a jitted step),
torch.compile, numba by hand, NumPy by hand with buffers.
All start from the same weights; after some steps all must agree to 1e-9. Then they take turns in short runs, and medians count.

Run: python benchmarks/native_step.py [W1 W2 ...] [--threads 1|2] [--rounds 15] [--peers numpy,numba,jax,torch]
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from turns import Run, Turns, agreed, begun_with_threads, shown, timed

#: Sizes of the layers, samples, and the length of a step.
WORKLOADS = {
    "W1": ((10, 1), 100, 0.05),
    "W2": ((12, 3, 2), 64, 0.05),
    "W3": ((64, 30, 10), 32, 0.02),
    "W4": ((784, 128, 10), 100, 0.005),
    "W5": ((784, 512, 512, 10), 256, 0.001),
}
TARGETS = {("W1", 1): 4.0, ("W2", 1): 6.0, ("W3", 1): 2.1, ("W4", 1): 1.15, ("W4", 2): 1.6, ("W5", 2): 1.05}

FEWER = "symdl, fewer directions"


class Case:
    """Data and initial weights of a workload."""

    def __init__(self, name: str) -> None:
        self.sizes, self.n, self.lr = WORKLOADS[name]
        rng = np.random.default_rng(0)
        self.X = rng.uniform(size=(self.n, self.sizes[0]))
        self.T = rng.uniform(size=(self.n, self.sizes[-1]))
        self.start = []
        for a, b in zip(self.sizes, self.sizes[1:], strict=False):
            self.start += [rng.normal(size=(a, b)) / np.sqrt(a), np.zeros(b)]


def symdl_native(case: Case, fewer: bool = False) -> tuple[Run, Callable[[], list[np.ndarray]]]:
    """The loop of ``sd.train``, as written or in fewer directions."""
    import symdl as sd
    from symdl.lower.compiled import Compiled
    from symdl.lower.directions import in_fewer
    from symdl.lower.native.training import NativeLoop, Rule, Setting
    from symdl.train.engines import Vector

    n = sd.dims("n")
    X, T = sd.tensor("X", n, case.sizes[0]), sd.tensor("T", n, case.sizes[-1])
    names, params, a = [], [], X
    for k, (rows, columns) in enumerate(zip(case.sizes, case.sizes[1:], strict=False), 1):
        W, b = sd.tensor(f"W{k}", rows, columns), sd.tensor(f"b{k}", columns)
        params += [W, b]
        names += [f"W{k}", f"b{k}"]
        a = sd.sigmoid(a @ W + b)
    loss = sd.sum((a - T) ** 2) / 2
    gradients = sd.derive(loss, params).gradients
    exprs, start, data = [loss, *gradients.values()], dict(zip(names, case.start, strict=True)), {"X": case.X, "T": case.T}
    narrow = in_fewer(exprs, start, data) if fewer else None
    if narrow is not None:
        exprs, start, data = narrow.exprs, narrow.start, narrow.arrays
    compiled, vector = Compiled(exprs), Vector(start, fewer=narrow)
    shapes = {k: v.shape for k, v in (data | vector.params).items()}
    started = time.perf_counter()
    rule = Rule("gd", {"lr": case.lr}, {})
    loop = NativeLoop(Setting(compiled.program(shapes), vector.places, data, frozenset(), frozenset(data), case.n, rule), vector.x)
    loop.run(None, 0)
    print(f"  symdl: native loop ready after {time.perf_counter() - started:.3f} s")
    if "--plan" in sys.argv:
        print(loop)
    return (lambda steps: loop.run(None, steps)), lambda: list(vector.values().values())


def numpy_tuned(case: Case) -> tuple[Run, Callable[[], list[np.ndarray]]]:
    p = [v.copy() for v in case.start]
    layers = len(p) // 2
    a = [case.X] + [np.empty((case.n, w.shape[1])) for w in p[::2]]
    d = [np.empty_like(v) for v in a[1:]]
    work = [np.empty_like(v) for v in a[1:]]
    g = [np.empty_like(v) for v in p]
    ones = np.ones(case.n)

    def run(steps: int) -> None:
        for _ in range(steps):
            for k in range(layers):
                z = a[k + 1]
                a[k].dot(p[2 * k], z)
                z += p[2 * k + 1]
                np.negative(z, z)
                np.exp(z, z)
                z += 1.0
                np.divide(1.0, z, z)
            np.subtract(a[-1], case.T, d[-1])
            for k in reversed(range(layers)):
                np.subtract(1.0, a[k + 1], work[k])
                work[k] *= a[k + 1]
                d[k] *= work[k]
                if k:
                    d[k].dot(p[2 * k].T, d[k - 1])
                a[k].T.dot(d[k], g[2 * k])
                ones.dot(d[k], g[2 * k + 1])
            for value, slope in zip(p, g, strict=True):
                slope *= case.lr
                value -= slope

    return run, lambda: p


def numba_by_hand(case: Case) -> tuple[Run, Callable[[], list[np.ndarray]]]:
    import numba

    p = [v.copy() for v in case.start]
    lr, X, T = case.lr, case.X, case.T
    if len(p) == 2:

        @numba.njit
        def one(steps: int, W: Any, b: Any) -> None:
            for _ in range(steps):
                a = 1.0 / (1.0 + np.exp(-(X @ W + b)))
                d = (a - T) * a * (1.0 - a)
                W -= lr * (X.T @ d)
                b -= lr * d.sum(axis=0)

        return (lambda steps: one(steps, *p)), lambda: p
    if len(p) == 4:

        @numba.njit
        def two(steps: int, W: Any, b: Any, U: Any, c: Any) -> None:
            for _ in range(steps):
                a = 1.0 / (1.0 + np.exp(-(X @ W + b)))
                y = 1.0 / (1.0 + np.exp(-(a @ U + c)))
                e = (y - T) * y * (1.0 - y)
                d = (e @ U.T) * a * (1.0 - a)
                W -= lr * (X.T @ d)
                b -= lr * d.sum(axis=0)
                U -= lr * (a.T @ e)
                c -= lr * e.sum(axis=0)

        return (lambda steps: two(steps, *p)), lambda: p

    @numba.njit
    def three(steps: int, W: Any, b: Any, U: Any, c: Any, Q: Any, r: Any) -> None:
        for _ in range(steps):
            a = 1.0 / (1.0 + np.exp(-(X @ W + b)))
            h = 1.0 / (1.0 + np.exp(-(a @ U + c)))
            y = 1.0 / (1.0 + np.exp(-(h @ Q + r)))
            f = (y - T) * y * (1.0 - y)
            e = (f @ Q.T) * h * (1.0 - h)
            d = (e @ U.T) * a * (1.0 - a)
            W -= lr * (X.T @ d)
            b -= lr * d.sum(axis=0)
            U -= lr * (a.T @ e)
            c -= lr * e.sum(axis=0)
            Q -= lr * (h.T @ f)
            r -= lr * f.sum(axis=0)

    return (lambda steps: three(steps, *p)), lambda: p


def _jax(case: Case) -> tuple[Any, Any, Any]:
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    import jax

    jax.config.update("jax_enable_x64", True)
    jnp = jax.numpy
    X, T = jnp.array(case.X), jnp.array(case.T)

    def loss(p: Any) -> Any:
        a = X
        for k in range(0, len(p), 2):
            a = jax.nn.sigmoid(a @ p[k] + p[k + 1])
        return ((a - T) ** 2).sum() / 2

    def step(p: Any) -> Any:
        return [v - case.lr * g for v, g in zip(p, jax.grad(loss)(p), strict=True)]

    return jax, step, [jnp.array(v) for v in case.start]


def jax_loop(case: Case) -> tuple[Run, Callable[[], list[np.ndarray]]]:
    jax, step, start = _jax(case)
    state = [start]
    loop = jax.jit(lambda n, p: jax.lax.fori_loop(0, n, lambda _, q: step(q), p))

    def run(steps: int) -> None:
        state[0] = jax.block_until_ready(loop(steps, state[0]))

    return run, lambda: [np.asarray(v) for v in state[0]]


def jax_step(case: Case) -> tuple[Run, Callable[[], list[np.ndarray]]]:
    jax, step, start = _jax(case)
    state = [start]
    jitted = jax.jit(step, donate_argnums=0)

    def run(steps: int) -> None:
        for _ in range(steps):
            state[0] = jitted(state[0])
        jax.block_until_ready(state[0])

    return run, lambda: [np.asarray(v) for v in state[0]]


def torch_compiled(case: Case) -> tuple[Run, Callable[[], list[np.ndarray]]]:
    import torch

    X, T = torch.tensor(case.X), torch.tensor(case.T)
    p = [torch.tensor(v, requires_grad=True) for v in case.start]

    def loss(q: list[Any]) -> Any:
        a = X
        for k in range(0, len(q), 2):
            a = torch.sigmoid(a @ q[k] + q[k + 1])
        return ((a - T) ** 2).sum() / 2

    compiled = torch.compile(loss)

    def run(steps: int) -> None:
        for _ in range(steps):
            slopes = torch.autograd.grad(compiled(p), p)
            with torch.no_grad():
                torch._foreach_add_(p, slopes, alpha=-case.lr)

    return run, lambda: [v.detach().numpy() for v in p]


PEERS = {"numpy": {"NumPy tuned": numpy_tuned}, "numba": {"numba by hand": numba_by_hand},
         "jax": {"JAX fori_loop": jax_loop, "JAX jit step": jax_step}, "torch": {"torch.compile": torch_compiled}}  # fmt: skip


def measure(name: str, peers: list[str], threads: int, turns: Turns) -> None:
    """Check that all agree, then time them in turns."""
    case = Case(name)
    print(f"{name}: {'-'.join(map(str, case.sizes))}, {case.n} samples, {threads} thread{'s' if threads > 1 else ''}")
    own = {"symdl": symdl_native} | ({FEWER: lambda case: symdl_native(case, True)} if case.n < case.sizes[0] else {})
    makers = own | {label: make for peer in peers for label, make in PEERS[peer].items()}
    runs: dict[str, Run] = {}
    found: dict[str, list[np.ndarray]] = {}
    for label, make in makers.items():
        try:
            run, params = make(case)
            run(5)
        except Exception as error:
            if label in own:
                raise
            print(f"  {label} is left out: {str(error).splitlines()[0][:100] if str(error) else type(error).__name__}")
            continue
        runs[label] = run
        found[label] = [np.array(v) for v in params()]
    agreed(found, "NumPy tuned" if "NumPy tuned" in found else "symdl")
    medians = shown(timed(runs, turns), "symdl")
    best = min((m for label, m in medians.items() if label not in own), default=float("nan"))
    target = TARGETS.get((name, threads))
    print(f"  against the fastest peer: {best / medians['symdl']:.2f}" + (f" (target {target})" if target else ""))
    if FEWER in medians:
        print(f"  in fewer directions: {best / medians[FEWER]:.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("workloads", nargs="*", default=list(WORKLOADS))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--peers", default="numpy,numba,jax,torch")
    parser.add_argument("--turn", type=float, help="seconds a contender runs before the next has its turn (0.02; with threads 0.15)")
    parser.add_argument("--cpu", action="store_true", help="CPU time instead of wall time: for one thread on a machine that others use too")
    parser.add_argument("--plan", action="store_true")
    args = parser.parse_args()
    turns = Turns(args.rounds, args.turn or (0.02 if args.threads == 1 else 0.15), time.process_time if args.cpu else time.perf_counter, args.threads > 1)
    for name in args.workloads:
        measure(name, [p for p in args.peers.split(",") if p], args.threads, turns)


if __name__ == "__main__":
    begun_with_threads()
    main()
