"""Who takes the steps of an epoch: a program called step by step, or a native loop."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any, Protocol

import numpy as np

from symdl.errors import MissingExtraError, UnsupportedError
from symdl.lower.compiled import Compiled
from symdl.lower.flat import Layout
from symdl.lower.native.show import operations
from symdl.train.batches import Batches
from symdl.train.methods import Method

#: Under backend="auto" a loop is compiled when NumPy would need so many seconds for all steps.
WORTH = 1.0

#: Seconds a native loop runs before Python looks whether somebody wants it to stop.
CHUNK = 0.05

#: With checkpoints the choice must not depend on how many epochs are asked for, or going on would not be the same as not having stopped.
_EPOCHS_OF_CHECKPOINTS = 100


class Diverged(Exception):
    """The loss of an epoch is not finite; ``args[0]`` are the mean losses of the whole epochs before it."""


class Vector:
    """All parameters in one vector x and their gradients in another, g, with views by name: an update is one operation for all."""

    def __init__(self, start: Mapping[str, Any]) -> None:
        layout = Layout([np.shape(value) for value in start.values()])
        self.x, self.g = layout.zeros(), layout.zeros()
        self.places = {name: (place.start, shape) for name, (place, shape) in zip(start, layout.places, strict=True)}
        self.params = dict(zip(start, layout.views(self.x), strict=True))
        self.gradients = dict(zip(start, layout.views(self.g), strict=True))
        for name, value in start.items():
            self.params[name][...] = value

    def values(self) -> dict[str, Any]:
        """Copies by name; floats for scalars."""
        return {name: view.copy() if view.ndim else float(view) for name, view in self.params.items()}


class Engine(Protocol):
    """Takes steps."""

    #: What the result says about it.
    name: str

    def run(self, epoch: int, most: int) -> list[float]:
        """Epochs from this number on, at least one and at most so many; their mean losses. Raises Diverged."""


class ProgramEngine:
    """One call of a program for every step, and the update in NumPy."""

    def __init__(self, compiled: Compiled, vector: Vector, batches: Batches, update: Method, name: str) -> None:
        self._compiled, self._vector, self._batches, self._update = compiled, vector, batches, update
        self._programs: dict[int, Callable[[], float]] = {}
        self.name = name

    def step(self, size: int) -> float:
        """One step on the batch that stands in the buffers; its loss."""
        step = self._programs.get(size)
        if step is None:
            step = self._programs[size] = _bind(self._compiled, self._vector, self._batches.buffers(size))
        value = step()
        if value - value != 0.0:
            raise Diverged([])
        self._update.step(self._vector.x, self._vector.g)
        return value

    def run(self, epoch: int, most: int) -> list[float]:
        total = 0.0
        for size in self._batches.epoch(epoch):
            total += self.step(size)
        return [total / self._batches.per_epoch]


def _bind(compiled: Compiled, vector: Vector, data: Mapping[str, Any]) -> Callable[[], float]:
    """A function without arguments: the loss at the present parameters and batch; the gradients go to the vector."""
    held: dict[str, Any] = dict(data) | vector.params
    shapes = {name: np.shape(value) for name, value in held.items()}
    places = list(vector.gradients.values())
    run = compiled.compile(shapes, [None, *(view if view.ndim else None for view in places)])
    args = [held[name] for name in compiled.names]
    scalars = [(k, view) for k, view in enumerate(places, start=1) if not view.ndim]
    loose = [k for k, a in enumerate(args) if type(a) is np.ndarray and not a.ndim]
    if not scalars and not loose:
        return lambda: run(*args)[0]

    def step() -> float:
        now = [float(a) if k in loose else a for k, a in enumerate(args)]
        results = run(*now)
        for k, view in scalars:
            view[...] = results[k]
        return results[0]

    return step


class NativeEngine:
    """Whole stretches of steps in one call of compiled code; a smaller last batch is left to NumPy."""

    def __init__(self, compiled: Compiled, vector: Vector, batches: Batches, update: Method, data: Mapping[str, Any]) -> None:
        from symdl.lower.native.training import NativeLoop, Rule, Setting

        self._batches = batches
        self._rest = ProgramEngine(compiled, vector, batches, update, "numpy")
        buffers = batches.buffers(batches.size)
        shapes = {name: np.shape(value) for name, value in (dict(buffers) | vector.params).items()}
        cut = frozenset(() if batches.whole else batches.cut)
        samples = frozenset(batches.cut or _rows(shapes, data))
        setting = Setting(compiled.program(shapes), vector.places, data, cut, samples, batches.size, Rule(update.name, update.constants, update.memory))
        self.loop = NativeLoop(setting, vector.x)
        self.name = "native"
        self._seconds = 1e-5  # a step, as far as is known

    def run(self, epoch: int, most: int) -> list[float]:
        if self._batches.whole:
            found = self._steps(None, min(most, self._chunk()))
            return [float(v) for v in found]
        order = self._batches.order(epoch)
        size = self._batches.size
        full = len(order) // size
        total, at = 0.0, 0
        while at < full:
            count = min(self._chunk(), full - at)
            total += float(np.sum(self._steps(order[at * size : (at + count) * size], count)))
            at += count
        if full * size < len(order):
            rest = order[full * size :]
            self._batches.fill(rest)
            total += self._rest.step(len(rest))
        return [total / -(-len(order) // size)]

    def _chunk(self) -> int:
        return max(1, int(CHUNK / self._seconds))

    def _steps(self, order: np.ndarray | None, count: int) -> np.ndarray:
        started = time.perf_counter()
        losses = self.loop.run(order, count)
        if len(losses) < count:
            raise Diverged([float(v) for v in losses] if order is None else [])
        self._seconds = max(1e-8, (time.perf_counter() - started) / count)
        return losses


def _rows(shapes: Mapping[str, tuple[int, ...]], data: Mapping[str, Any]) -> list[str]:
    """Data tensors whose first axis is the longest first axis of all: samples, most likely; it decides only how memory is laid out."""
    firsts = [shapes[name][0] for name in data if shapes[name]]
    return [name for name in data if shapes[name] and shapes[name][0] == max(firsts)]


def engine_for(
    backend: str, compiled: Compiled, vector: Vector, batches: Batches, update: Method, data: Mapping[str, Any], epochs: int, checkpoints: bool
) -> Engine:
    """The engine that the backend's name asks for; under "auto" a native one where it can be had and pays."""
    program = ProgramEngine(compiled, vector, batches, update, "numpy" if backend in ("auto", "native") else backend)
    if backend == "native":
        return NativeEngine(compiled, vector, batches, update, data)
    if backend == "auto" and _pays(compiled, vector, batches, _EPOCHS_OF_CHECKPOINTS if checkpoints else epochs):
        try:
            return NativeEngine(compiled, vector, batches, update, data)
        except (UnsupportedError, MissingExtraError) as reason:
            program.name = f"numpy, for {reason}"
    return program


def _pays(compiled: Compiled, vector: Vector, batches: Batches, epochs: int) -> bool:
    """Whether the seconds that NumPy would need, estimated from the instructions alone (never measured: the choice must be the same every time),
    are worth a compilation."""
    shapes = {name: np.shape(value) for name, value in (dict(batches.buffers(batches.size)) | vector.params).items()}
    program = compiled.program(shapes)
    return epochs * batches.per_epoch * (1e-6 * len(program.code) + operations(program) / 8e9) > WORTH
