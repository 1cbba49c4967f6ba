"""One training step of the network 64-30-10 (sigmoids, least squares, minibatches of 32, float64): symdl against the same
backpropagation written by hand in NumPy, and against PyTorch where it is installed.

All contenders gather the batch, run forward and backward, and update the weights; they take turns, an epoch at a time, and the
median over the epochs counts. Run: python benchmarks/digits_step.py [epochs]
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from typing import Any

import numpy as np

import symdl as sd
from symdl.train.init import initial
from symdl.train.loop import fit_loop

BATCH, SAMPLES, LR = 32, 1792, 0.05
SHAPES = {"W1": (64, 30), "b1": (30,), "W2": (30, 10), "b2": (10,)}


def model() -> tuple[Any, dict[str, Any]]:
    """The loss and its gradients."""
    n = sd.dims("n")
    X, T = sd.tensor("X", n, 64), sd.tensor("T", n, 10)
    W1, b1, W2, b2 = (sd.tensor(name, *shape) for name, shape in SHAPES.items())
    loss = sd.sum((sd.sigmoid(sd.sigmoid(X @ W1 + b1) @ W2 + b2) - T) ** 2) / 2
    return loss, sd.derive(loss, [W1, b1, W2, b2]).gradients


def sigmoid(z: np.ndarray) -> np.ndarray:
    return 1 / (1 + np.exp(-z))


class Hand:
    """Backpropagation as one writes it by hand."""

    def __init__(self, x: np.ndarray, t: np.ndarray, start: dict[str, np.ndarray]) -> None:
        self.x, self.t, self.p = x, t, {k: v.copy() for k, v in start.items()}

    def step(self, rows: np.ndarray) -> float:
        p = self.p
        loss, gradients = hand_gradients(self.x[rows], self.t[rows], **p)
        for name, g in gradients.items():
            p[name] -= LR * g
        return loss


def hand_gradients(X: np.ndarray, T: np.ndarray, W1: np.ndarray, b1: np.ndarray, W2: np.ndarray, b2: np.ndarray) -> tuple[float, dict[str, np.ndarray]]:
    a1 = sigmoid(X @ W1 + b1)
    a2 = sigmoid(a1 @ W2 + b2)
    r = a2 - T
    d2 = r * a2 * (1 - a2)
    d1 = (d2 @ W2.T) * a1 * (1 - a1)
    return np.sum(r * r) / 2, {"W1": X.T @ d1, "b1": d1.sum(axis=0), "W2": a1.T @ d2, "b2": d2.sum(axis=0)}


class Torch:
    """PyTorch, eager."""

    def __init__(self, x: np.ndarray, t: np.ndarray, start: dict[str, np.ndarray]) -> None:
        import torch

        torch.set_num_threads(1)
        self.torch = torch
        self.x, self.t = torch.tensor(x), torch.tensor(t)
        self.p = {k: torch.tensor(v, requires_grad=True) for k, v in start.items()}
        self.optimiser = torch.optim.SGD(list(self.p.values()), lr=LR)

    def step(self, rows: np.ndarray) -> float:
        torch, p = self.torch, self.p
        chosen = torch.from_numpy(rows)
        a = torch.sigmoid(torch.sigmoid(self.x[chosen] @ p["W1"] + p["b1"]) @ p["W2"] + p["b2"])
        loss = ((a - self.t[chosen]) ** 2).sum() / 2
        self.optimiser.zero_grad()
        loss.backward()
        self.optimiser.step()
        return float(loss.detach())


def epoch(contender: Any, rng: np.random.Generator) -> float:
    """Seconds of one epoch."""
    started = time.perf_counter()
    order = rng.permutation(SAMPLES)
    for at in range(0, SAMPLES, BATCH):
        contender.step(order[at : at + BATCH])
    return time.perf_counter() - started


def training(epochs: int) -> dict[str, float]:
    """Median microseconds a step, by contender."""
    rng = np.random.default_rng(0)
    x, t = rng.uniform(size=(SAMPLES, 64)), np.eye(10)[rng.integers(0, 10, SAMPLES)]
    start = initial(SHAPES, 0)
    contenders: dict[str, Any] = {"NumPy by hand": Hand(x, t, start)}
    try:
        contenders["PyTorch"] = Torch(x, t, start)
    except ImportError:
        print("PyTorch is not installed: left out")
    times: dict[str, list[float]] = {"symdl": []} | {name: [] for name in contenders}
    clock = [time.perf_counter()]

    def others(number: int, loss: float, params: dict[str, Any]) -> None:
        times["symdl"].append(time.perf_counter() - clock[0])
        for name, contender in contenders.items():
            times[name].append(epoch(contender, rng))
        clock[0] = time.perf_counter()

    loss, gradients = model()
    fit_loop(loss, gradients, start, {"X": x, "T": t}, lr=LR, epochs=epochs, batch=BATCH, callback=others, progress=False)
    steps = SAMPLES // BATCH
    return {name: statistics.median(found[1:]) / steps * 1e6 for name, found in times.items()}


def calls(rounds: int) -> dict[str, float]:
    """Median microseconds of one loss with its gradients, called by keyword with NumPy arrays."""
    rng = np.random.default_rng(0)
    values = {"X": rng.uniform(size=(BATCH, 64)), "T": np.eye(10)[rng.integers(0, 10, BATCH)], **initial(SHAPES, 0)}
    loss, _ = model()
    functions: dict[str, Callable[..., Any]] = {"symdl": sd.value_and_grad(loss, list(SHAPES)), "NumPy by hand": hand_gradients}
    times: dict[str, list[float]] = {name: [] for name in functions}
    for _ in range(rounds):
        for name, function in functions.items():
            started = time.perf_counter()
            for _ in range(50):
                function(**values)
            times[name].append((time.perf_counter() - started) / 50 * 1e6)
    return {name: statistics.median(found) for name, found in times.items()}


def show(title: str, found: dict[str, float]) -> None:
    print(title)
    for name, micros in found.items():
        ratio = "" if name == "symdl" else f"   symdl / {name}: {found['symdl'] / micros:.2f}"
        print(f"  {name:<14}{micros:9.1f} us{ratio}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n\n")[0])
    parser.add_argument("epochs", nargs="?", type=int, default=60)
    asked = parser.parse_args()
    if asked.epochs < 1:
        parser.error(f"epochs is {asked.epochs}; it must be at least 1")
    show("training step, batch gathered and weights updated", training(asked.epochs))
    show("value_and_grad, checked inputs and fresh results", calls(asked.epochs))
