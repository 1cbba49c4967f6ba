"""Gradient-descent steps of nets with more than dense layers, whole loops: symdl's native code against JAX (fori_loop) and PyTorch (eager), in one run.

Float64, full batches: ``conv`` one convolution of 8 filters of 3x3 on 32 images of 28x28, ReLU, max pooling and a dense layer, cross entropy; ``two`` two
convolutions with a border (8 and 16 filters), each with ReLU and max pooling; ``attention`` a transformer block (one head, layer norms, a hidden layer) on 16
sequences of 16 vectors of 32, least squares. All start from the same weights; after some steps all must agree to 1e-9. Then they take turns, and medians count.

Run: python benchmarks/nets_step.py [conv two attention] [--threads 1|2] [--rounds 9]
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable
from typing import Any

import numpy as np
from turns import Run, Turns, agreed, begun_with_threads, shown, timed

import symdl as sd

LR = 0.01
Arrays = dict[str, np.ndarray]


class Net:
    """A loss in three notations, its data and where it starts."""

    def __init__(self, loss: Any, by_jax: Callable[..., Any], by_torch: Callable[..., Any], start: Arrays, data: Arrays) -> None:
        self.loss, self.by_jax, self.by_torch, self.start, self.data = loss, by_jax, by_torch, start, data


def convolutions(channels: list[int], padding: int) -> Net:
    """Convolutions of 3x3, each with ReLU and max pooling of 2x2, then a dense layer and cross entropy."""
    images, size, classes = 32, 28, 10
    rng = np.random.default_rng(0)
    data = {"x": rng.uniform(size=(images, 1, size, size)), "t": np.eye(classes)[rng.integers(classes, size=images)]}
    start: Arrays = {}
    a = sd.tensor("x", images, 1, size, size)
    for k, (before, after) in enumerate(zip([1, *channels], channels, strict=False)):
        start |= {f"w{k}": rng.normal(size=(after, before, 3, 3)) / np.sqrt(9 * before), f"b{k}": np.zeros(after)}
        z = sd.conv2d(a, sd.tensor(f"w{k}", after, before, 3, 3), sd.tensor(f"b{k}", after), padding=padding)
        a = sd.max_pool2d(sd.relu(z), 2)
    width = int(np.prod([int(n) for n in a.shape[1:]]))
    start |= {"V": rng.normal(size=(width, classes)) / np.sqrt(width), "c": np.zeros(classes)}
    z = sd.reshape(a, images, width) @ sd.tensor("V", width, classes) + sd.tensor("c", classes)
    loss = -sd.sum(sd.tensor("t", images, classes) * sd.log_softmax(z, axis=1)) / images

    def by_jax(jax: Any, p: Any, d: Any) -> Any:
        a = d["x"]
        for k in range(len(channels)):
            a = jax.lax.conv_general_dilated(a, p[f"w{k}"], (1, 1), [(padding, padding)] * 2) + p[f"b{k}"][None, :, None, None]
            a = jax.lax.reduce_window(jax.nn.relu(a), -np.inf, jax.lax.max, (1, 1, 2, 2), (1, 1, 2, 2), "VALID")
        return -(d["t"] * jax.nn.log_softmax(a.reshape(images, -1) @ p["V"] + p["c"], axis=1)).sum() / images

    def by_torch(torch: Any, p: Any, d: Any) -> Any:
        a = d["x"]
        for k in range(len(channels)):
            a = torch.nn.functional.max_pool2d(torch.relu(torch.nn.functional.conv2d(a, p[f"w{k}"], p[f"b{k}"], padding=padding)), 2)
        return -(d["t"] * torch.log_softmax(a.reshape(images, -1) @ p["V"] + p["c"], 1)).sum() / images

    return Net(loss, by_jax, by_torch, start, data)


def attention() -> Net:
    """A transformer block: attention of one head, and a hidden layer, each added to what came in and normed."""
    many, length, width, hidden = 16, 16, 32, 64
    rng = np.random.default_rng(0)
    data = {name: rng.normal(size=(many, length, width)) for name in ("x", "t")}
    start = {name: rng.normal(size=(width, width)) / np.sqrt(width) for name in ("Q", "K", "R", "S")}
    start |= {"U": rng.normal(size=(width, hidden)) / np.sqrt(width), "b": np.zeros(hidden)}
    start |= {"V": rng.normal(size=(hidden, width)) / np.sqrt(hidden), "c": np.zeros(width)}
    x, t = (sd.tensor(name, many, length, width) for name in ("x", "t"))
    Q, K, R, S, U, b, V, c = (sd.tensor(name, *array.shape) for name, array in start.items())

    def normed(z: Any) -> Any:
        return (z - sd.mean(z, axis=2)[:, :, None]) / sd.sqrt(sd.var(z, axis=2)[:, :, None] + 1e-5)

    h = normed(x + sd.scaled_dot_product_attention(x @ Q, x @ K, x @ R) @ S)
    loss = sd.sum((normed(h + sd.relu(h @ U + b) @ V + c) - t) ** 2) / (many * length)

    def peer(softmax: Any, relu: Any, norm: Any, turned: Any, p: Any, d: Any) -> Any:
        x = d["x"]
        h = norm(x + softmax((x @ p["Q"]) @ turned(x @ p["K"]) / np.sqrt(width)) @ (x @ p["R"]) @ p["S"])
        return ((norm(h + relu(h @ p["U"] + p["b"]) @ p["V"] + p["c"]) - d["t"]) ** 2).sum() / (many * length)

    def by_jax(jax: Any, p: Any, d: Any) -> Any:
        def norm(z: Any) -> Any:
            return (z - z.mean(-1, keepdims=True)) / jax.numpy.sqrt(z.var(-1, keepdims=True) + 1e-5)

        return peer(jax.nn.softmax, jax.nn.relu, norm, lambda z: z.transpose(0, 2, 1), p, d)

    def by_torch(torch: Any, p: Any, d: Any) -> Any:
        def norm(z: Any) -> Any:
            return torch.nn.functional.layer_norm(z, (width,))

        return peer(lambda z: torch.softmax(z, -1), torch.relu, norm, lambda z: z.transpose(1, 2), p, d)

    return Net(loss, by_jax, by_torch, start, data)


NETS: dict[str, Callable[[], Net]] = {
    "conv": lambda: convolutions([8], 0),
    "two": lambda: convolutions([8, 16], 1),
    "attention": attention,
}


def by_symdl(net: Net) -> tuple[Run, Callable[[], list[np.ndarray]]]:
    """The native loop that ``sd.train`` runs."""
    from symdl.lower.compiled import Compiled
    from symdl.lower.native.training import NativeLoop, Rule, Setting
    from symdl.train.engines import Vector

    started = time.perf_counter()
    gradients = sd.derive(net.loss, list(net.start)).gradients
    derived = time.perf_counter()
    compiled, vector = Compiled([net.loss, *gradients.values()]), Vector(dict(net.start))
    shapes = {k: v.shape for k, v in (net.data | vector.params).items()}
    count = len(next(iter(net.data.values())))
    setting = Setting(compiled.program(shapes), vector.places, net.data, frozenset(), frozenset(net.data), count, Rule("gd", {"lr": LR}, {}))
    loop = NativeLoop(setting, vector.x)
    print(f"  symdl: derived in {derived - started:.3f} s, native loop ready after {time.perf_counter() - derived:.3f} s more")
    return (lambda steps: loop.run(None, steps)), lambda: list(vector.values().values())


def by_jax(net: Net) -> tuple[Run, Callable[[], list[np.ndarray]]]:
    os.environ.setdefault("JAX_PLATFORMS", "cpu")
    import jax

    jax.config.update("jax_enable_x64", True)
    data = {k: jax.numpy.array(v) for k, v in net.data.items()}
    slopes = jax.grad(lambda p: net.by_jax(jax, p, data))
    loop = jax.jit(lambda n, p: jax.lax.fori_loop(0, n, lambda _, q: {k: q[k] - LR * g for k, g in slopes(q).items()}, p))
    state = [{k: jax.numpy.array(v) for k, v in net.start.items()}]

    def run(steps: int) -> None:
        state[0] = jax.block_until_ready(loop(steps, state[0]))

    return run, lambda: [np.asarray(state[0][k]) for k in net.start]


def by_torch(net: Net) -> tuple[Run, Callable[[], list[np.ndarray]]]:
    import torch

    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    data = {k: torch.tensor(v) for k, v in net.data.items()}
    p = {k: torch.tensor(v, requires_grad=True) for k, v in net.start.items()}

    def run(steps: int) -> None:
        for _ in range(steps):
            slopes = torch.autograd.grad(net.by_torch(torch, p, data), list(p.values()))
            with torch.no_grad():
                torch._foreach_add_(list(p.values()), slopes, alpha=-LR)

    return run, lambda: [v.detach().numpy() for v in p.values()]


def measure(name: str, turns: Turns) -> None:
    """Check that all agree, then time them in turns."""
    net = NETS[name]()
    print(f"{name}: {sum(v.size for v in net.start.values())} parameters")
    runs: dict[str, Run] = {}
    found: dict[str, list[np.ndarray]] = {}
    for label, make in {"symdl": by_symdl, "JAX fori_loop": by_jax, "torch eager": by_torch}.items():
        try:
            run, params = make(net)
        except ImportError as error:
            print(f"  {label} is left out: {error}")
            continue
        run(5)
        runs[label], found[label] = run, [np.array(v) for v in params()]
    agreed(found, "symdl")
    medians = shown(timed(runs, turns), "symdl")
    best = min((m for label, m in medians.items() if label != "symdl"), default=float("nan"))
    print(f"  against the fastest peer: {best / medians['symdl']:.2f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("nets", nargs="*", default=list(NETS))
    parser.add_argument("--threads", type=int, default=1)
    parser.add_argument("--rounds", type=int, default=9)
    args = parser.parse_args()
    for name in args.nets:
        measure(name, Turns(args.rounds, 0.1, warm=args.threads > 1))


if __name__ == "__main__":
    begun_with_threads()
    main()
