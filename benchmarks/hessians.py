"""Value, gradient, Hessian and Hessian-vector product of the problems of Laue, Mitterreiter and Giesen, "Computing Higher Order Derivatives of Matrix
and Tensor Expressions" (NeurIPS 2018), section 5, against JAX (jit, 64 bits) and PyTorch (torch.func, float64).

A quadratic form x'Ax; logistic regression with twice as many samples as features; matrix factorisation ||T - U V'||^2 over the known entries, by U of five
columns; a network of ten layers, ReLU and cross-entropy, by the weights of its first layer. Every tool gets its own arrays, made before; results are
compared before anything is timed; contenders take turns, and the medians of user CPU time count (wall time with more than one thread).

Run: python benchmarks/hessians.py [--quick] [--threads N] [--only PROBLEM ...]
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

WHAT = ("value", "gradient", "hessian", "hvp")


class Problem(NamedTuple):
    """One problem: numbers by name for a size, the loss in each tool's words (of the numbers in order), by which of them, and the sizes."""

    numbers: Callable[[int, Any], dict[str, Any]]
    symbolic: Callable[[], tuple[Any, str]]
    loss: Callable[[Any], Callable[..., Any]]
    sizes: tuple[int, ...]
    largest_hessian: int


def problems() -> dict[str, Problem]:
    import symdl as sd

    n, m, k = sd.dims("n m k")

    def quadratic() -> tuple[Any, str]:
        x = sd.tensor("x", n)
        return x @ sd.tensor("A", n, n) @ x, "x"

    def logistic() -> tuple[Any, str]:
        w = sd.tensor("w", n)
        return sd.sum(sd.log(1 + sd.exp(-sd.tensor("y", m) * (sd.tensor("X", m, n) @ w)))), "w"

    def factorisation() -> tuple[Any, str]:
        return sd.sum(sd.tensor("O", m, n) * (sd.tensor("T", m, n) - sd.tensor("U", m, k) @ sd.tensor("V", n, k).T) ** 2), "U"

    def network() -> tuple[Any, str]:
        a = sd.tensor("W0", n, n) @ sd.tensor("x", n)
        for layer in range(1, 10):
            a = sd.tensor(f"W{layer}", n, n) @ sd.relu(a)
        return sd.logsumexp(a) - sd.sum(sd.tensor("t", n) * a), "W0"

    def of_network(xp: Any) -> Callable[..., Any]:
        def loss(*given: Any) -> Any:
            a, t = given[0] @ given[10], given[11]
            for w in given[1:10]:
                a = w @ xp.relu(a)
            return xp.logsumexp(a) - (t * a).sum()

        return loss

    def numbers_of_network(size: int, rng: Any) -> dict[str, Any]:
        weights = {f"W{layer}": rng.standard_normal((size, size)) / size**0.5 for layer in range(10)}
        return weights | {"x": rng.standard_normal(size), "t": (rng.permutation(size) == 0) * 1.0}

    return {
        "quadratic form": Problem(
            lambda s, r: {"x": r.standard_normal(s), "A": r.standard_normal((s, s))},
            quadratic,
            lambda xp: lambda x, a: x @ a @ x,
            (10, 30, 100, 300, 1000),
            1000,
        ),
        "logistic regression": Problem(
            lambda s, r: {"w": r.standard_normal(s) / s**0.5, "X": r.standard_normal((2 * s, s)), "y": 2.0 * (r.random(2 * s) < 0.5) - 1},
            logistic,
            lambda xp: lambda w, x, y: xp.log(1 + xp.exp(-y * (x @ w))).sum(),
            (10, 30, 100, 300, 1000),
            1000,
        ),
        "matrix factorisation": Problem(
            lambda s, r: {
                "U": r.standard_normal((s, 5)),
                "V": r.standard_normal((s, 5)),
                "T": r.standard_normal((s, s)),
                "O": (r.random((s, s)) < 0.3) * 1.0,
            },
            factorisation,
            lambda xp: lambda u, v, t, o: (o * (t - u @ v.T) ** 2).sum(),
            (10, 30, 100, 300, 1000),
            100,
        ),
        "neural net": Problem(numbers_of_network, network, of_network, (10, 20, 40), 20),
    }


class Symdl:
    """Every result as one function of the numbers, in NumPy's backend or in native code."""

    def __init__(self, problem: Problem, backend: str) -> None:
        import symdl as sd

        self.name = "symdl" if backend == "numpy" else f"symdl {backend}"
        loss, by = problem.symbolic()
        gradient = sd.grad(loss, by)
        self._exprs = {"value": loss, "gradient": gradient}
        self._later = {"hessian": lambda: sd.hessian(loss, by), "hvp": lambda: sd.hvp(loss, by, sd.tensor("d", *gradient.shape))}
        self._backend = backend

    def function(self, what: str, numbers: dict[str, Any]) -> Callable[[], Any]:
        import symdl as sd

        expr = self._exprs[what] if what in self._exprs else self._later[what]()
        names = list(expr.inputs)
        call, given = sd.lambdify(names, expr, backend=self._backend), [numbers[name] for name in names]
        return lambda: call(*given)


class Factors(Symdl):
    """The Hessian as factors: not the peers' dense tensor, so it has a ratio of its own."""

    def __init__(self, problem: Problem) -> None:
        super().__init__(problem, "numpy")
        self.name = "factored"

    def function(self, what: str, numbers: dict[str, Any]) -> Callable[[], Any]:
        import symdl as sd

        expr = self._later[what]()
        names = list(expr.inputs)
        call, given = sd.lambdify(names, expr, factored=True), [numbers[name] for name in names]
        return lambda: call(*given)


class Jax:
    name = "JAX"

    def __init__(self, problem: Problem) -> None:
        import jax

        jax.config.update("jax_enable_x64", True)
        self._jax, xp = jax, jax.numpy

        class Words:
            log, exp, relu, logsumexp = xp.log, xp.exp, jax.nn.relu, jax.nn.logsumexp

        self._loss = problem.loss(Words)

    def function(self, what: str, numbers: dict[str, Any]) -> Callable[[], Any]:
        jax, loss = self._jax, self._loss
        given = [jax.numpy.asarray(v) for name, v in numbers.items() if name != "d"]
        along = jax.numpy.asarray(numbers["d"])
        gradient = jax.grad(loss)
        made = {
            "value": lambda: jax.jit(loss),
            "gradient": lambda: jax.jit(gradient),
            "hessian": lambda: jax.jit(jax.hessian(loss)),
            "hvp": lambda: jax.jit(lambda d, x, *rest: jax.jvp(lambda z: gradient(z, *rest), (x,), (d,))[1]),
        }[what]()
        args = [along, *given] if what == "hvp" else given
        return lambda: made(*args).block_until_ready()


class Torch:
    name = "PyTorch"

    def __init__(self, problem: Problem) -> None:
        import torch

        self._torch = torch

        class Words:
            log, exp, relu = torch.log, torch.exp, torch.relu

            @staticmethod
            def logsumexp(a: Any) -> Any:
                return torch.logsumexp(a, 0)

        self._loss = problem.loss(Words)

    def function(self, what: str, numbers: dict[str, Any]) -> Callable[[], Any]:
        torch, loss = self._torch, self._loss
        given = [torch.from_numpy(v) for name, v in numbers.items() if name != "d"]
        along = torch.from_numpy(numbers["d"])
        gradient = torch.func.grad(loss)
        hessian = torch.func.hessian(loss)
        return {
            "value": lambda: loss(*given),
            "gradient": lambda: gradient(*given),
            "hessian": lambda: hessian(*given),
            "hvp": lambda: torch.func.jvp(lambda z: gradient(z, *given[1:]), (given[0],), (along,))[1],
        }[what]


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="small sizes, fewer rounds")
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--only", nargs="+")
    options = parser.parse_args(argv)
    _threads(options.threads)
    import numpy as np

    wrong = 0
    print(f"{options.threads} thread(s); microseconds, medians; ratio: the fastest peer's time by symdl's faster one")
    for name, problem in problems().items():
        if options.only and not any(word in name for word in options.only):
            continue
        contenders = _contenders(problem)
        for size in problem.sizes[: 3 if options.quick else None]:
            numbers = problem.numbers(size, np.random.default_rng(size))
            numbers["d"] = np.random.default_rng(1).standard_normal(next(iter(numbers.values())).shape)
            for what in WHAT:
                if what == "hessian" and size > problem.largest_hessian:
                    continue
                line, good = _compared(contenders, what, numbers, options)
                wrong += not good
                print(f"{name:22} {size:5} {what:9} {line}", flush=True)
    return 1 if wrong else 0


def _threads(count: int) -> None:
    """Before anything is imported that reads them."""
    for variable in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"):
        os.environ[variable] = str(count)
    if count == 1:
        os.environ["XLA_FLAGS"] = "--xla_cpu_multi_thread_eigen=false intra_op_parallelism_threads=1"


def _contenders(problem: Problem) -> list[Any]:
    found: list[Any] = [Symdl(problem, "numpy"), Symdl(problem, "native"), Factors(problem)]
    for peer in (Jax, Torch):
        try:
            found.append(peer(problem))
        except ImportError:
            print(f"{peer.name} is not installed", file=sys.stderr)
    return found


def _compared(contenders: list[Any], what: str, numbers: dict[str, Any], options: argparse.Namespace) -> tuple[str, bool]:
    """Times side by side; and whether all agree."""
    import numpy as np

    from symdl.errors import SymdlError

    runs: dict[str, Callable[[], Any]] = {}
    reference = None
    for contender in contenders:
        if contender.name == "factored" and what != "hessian":
            continue
        try:
            run = contender.function(what, numbers)
            value = run()
            value = value.todense() if contender.name == "factored" else np.asarray(value)
        except SymdlError as reason:
            print(f"  {contender.name}: {reason}", file=sys.stderr)
            continue
        if reference is None:
            reference = value
        elif value.shape != reference.shape or np.max(np.abs(value - reference)) > 1e-9 * max(1e-3, np.max(np.abs(reference))):
            return f"{contender.name} DISAGREES", False
        runs[contender.name] = run
    times = _timed(runs, 5 if options.quick else 15, time.process_time if options.threads == 1 else time.perf_counter)
    own = min(t for name, t in times.items() if name.startswith("symdl"))
    peers = [t for name, t in times.items() if not name.startswith(("symdl", "factored"))]
    ratio = f"{min(peers) / own:8.1f}x" if peers else ""
    if peers and "factored" in times:
        ratio += f"  (as factors, against the peers' dense one: {min(peers) / times['factored']:.1f}x)"
    return "  ".join(f"{name} {1e6 * t:10.1f}" for name, t in times.items()) + ratio, True


def _timed(runs: dict[str, Callable[[], Any]], rounds: int, clock: Callable[[], float]) -> dict[str, float]:
    """Median seconds of a call; in turn, as often a round as fits into 20 ms, and no longer than a few seconds in all."""
    often = {}
    for name, run in runs.items():
        run()  # a second call may still prepare something
        begun = clock()
        run()
        often[name] = max(1, min(1000, int(0.02 / max(clock() - begun, 1e-6))))
    taken: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(rounds):
        for name, run in runs.items():
            if sum(taken[name]) * often[name] > 2:
                continue
            begun = clock()
            for _ in range(often[name]):
                run()
            taken[name].append((clock() - begun) / often[name])
    return {name: statistics.median(t) for name, t in taken.items()}


if __name__ == "__main__":
    raise SystemExit(main())
