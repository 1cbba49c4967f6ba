"""How long it takes to derive gradients, and to lower them: a two-layer network with symbolic sizes, a chain of 10,000 scalar
nodes, and fully connected networks written out in scalars, one symbol a weight.

Run: python benchmarks/derive.py
"""

from __future__ import annotations

import math
import statistics
import time
from collections.abc import Callable
from typing import Any

import symdl as sd
from symdl.lower.compiled import Compiled


def two_layers() -> tuple[Any, list[Any]]:
    """A sigmoid network, all sizes symbolic."""
    n, p, h, m = sd.dims("n p h m")
    X, T = sd.tensor("X", n, p), sd.tensor("T", n, m)
    W1, b1, W2, b2 = sd.tensor("W1", p, h), sd.tensor("b1", h), sd.tensor("W2", h, m), sd.tensor("b2", m)
    return sd.sum((sd.sigmoid(sd.sigmoid(X @ W1 + b1) @ W2 + b2) - T) ** 2) / 2, [W1, b1, W2, b2]


def chain(length: int = 10_000) -> tuple[Any, list[Any]]:
    """Scalar nodes one after the other."""
    x = sd.tensor("x")
    y = x
    for k in range(length // 2):
        y = sd.sin(y) + (k % 7)
    return y, [x]


def scalars(weights: int) -> tuple[Any, list[Any]]:
    """Three layers of units, every weight a scalar of its own."""
    width = round(math.sqrt(weights / 3))
    found: list[Any] = []
    layer = [sd.tensor(f"x{k}") for k in range(width)]
    for depth in range(3):
        units = []
        for unit in range(width):
            row = [sd.tensor(f"w{depth}_{unit}_{k}") for k in range(width)]
            found += row
            total = row[0] * layer[0]
            for w, a in zip(row[1:], layer[1:], strict=True):
                total = total + w * a
            units.append(sd.sigmoid(total))
        layer = units
    loss = layer[0] ** 2
    for unit in layer[1:]:
        loss = loss + unit**2
    return loss, found


def seconds(work: Callable[[], Any]) -> tuple[float, Any]:
    started = time.perf_counter()
    result = work()
    return time.perf_counter() - started, result


def measure(title: str, build: Callable[[], tuple[Any, list[Any]]], rounds: int) -> None:
    found: dict[str, list[float]] = {"build": [], "derive": [], "lower": [], "run": []}
    for _ in range(rounds):
        took, (loss, wrt) = seconds(build)
        found["build"].append(took)
        took, derived = seconds(lambda loss=loss, wrt=wrt: sd.derive(loss, wrt))
        found["derive"].append(took)
        took, compiled = seconds(lambda loss=loss, derived=derived: Compiled([loss, *derived.gradients.values()]))
        sizes = {"n": 32, "p": 64, "h": 30, "m": 10}
        shapes = {name: tuple(sizes[str(s)] for s in shape) for name, shape in compiled.shapes.items()}
        more, run = seconds(lambda compiled=compiled, shapes=shapes: compiled.compile(shapes))
        found["lower"].append(took + more)
        if not any(shapes.values()):
            values = [0.01 * (k % 17 - 8) for k in range(len(shapes))]
            found["run"].append(seconds(lambda run=run, values=values: run(*values))[0])
    shown = "  ".join(f"{what} {statistics.median(times) * 1e3:9.1f} ms" for what, times in found.items() if times)
    print(f"{title:<42}{shown}")


if __name__ == "__main__":
    measure("two layers, symbolic sizes", two_layers, 5)
    measure("chain of 10,000 scalar nodes", chain, 3)
    measure("scalar network of 1,000 weights", lambda: scalars(1_000), 3)
    measure("scalar network of 10,000 weights", lambda: scalars(10_000), 1)
