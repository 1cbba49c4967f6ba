"""Who takes the steps of an epoch: a program called step by step, or a native loop."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from symdl.errors import DomainError, MissingExtraError, UnsupportedError
from symdl.lower.compiled import Compiled
from symdl.lower.directions import Fewer
from symdl.lower.flat import Layout
from symdl.lower.native.show import operations
from symdl.lower.precision import rounded
from symdl.train.batches import Batches
from symdl.train.methods import Method

#: Under backend="auto" a loop is compiled when NumPy would need so many seconds for all steps.
WORTH = 0.3

#: With checkpoints the choice must not depend on how many epochs are asked for, or going on would not be the same as not having stopped.
EPOCHS_OF_CHECKPOINTS = 100


class Vector:
    """All parameters in one vector x and their gradients in another, g, with views by name: an update is one operation for all."""

    def __init__(self, start: Mapping[str, Any], dtype: str = "float64", fewer: Fewer | None = None) -> None:
        self._dtype, self._fewer = dtype, fewer
        layout = Layout([np.shape(value) for value in start.values()])
        self.x, self.g = layout.zeros(dtype), layout.zeros(dtype)
        self.places = {name: (place.start, shape) for name, (place, shape) in zip(start, layout.places, strict=True)}
        self.params = dict(zip(start, layout.views(self.x), strict=True))
        self.gradients = dict(zip(start, layout.views(self.g), strict=True))
        for name, value in start.items():
            self.params[name][...] = value

    def values(self) -> dict[str, Any]:
        """Copies by name, in the user's coordinates; floats for scalars."""
        found = {name: view.copy() if view.ndim else rounded(float(view), self._dtype) for name, view in self.params.items()}
        return found if self._fewer is None else {name: self._fewer.back(name, value) for name, value in found.items()}

    def slopes(self, gradients: Mapping[str, Any]) -> dict[str, Any]:
        """Gradients in the user's coordinates."""
        return {name: value if self._fewer is None else self._fewer.back_gradient(name, value) for name, value in gradients.items()}


class Engine(Protocol):
    """Takes steps."""

    #: What the result says about it.
    name: str

    def run(self, order: np.ndarray | None, first: int, count: int) -> Sequence[float] | np.ndarray:
        """So many steps of an epoch, from this one on, whose samples come in this order (None: every step sees all); their losses.

        Fewer than asked: the next loss is not finite, and no step was taken on it.
        """

    def plan(self) -> Any:
        """What a step is made of, to be read: ``str`` shows it."""


class ProgramEngine:
    """One call of a program for every step, and the update in NumPy."""

    def __init__(self, compiled: Compiled, vector: Vector, batches: Batches, update: Method, name: str) -> None:
        self._compiled, self._vector, self._batches, self._update = compiled, vector, batches, update
        self._programs: dict[int, Callable[[], float]] = {}
        self.name = name

    def look(self, order: np.ndarray | None, number: int) -> tuple[float, dict[str, Any]]:
        """The loss at a step, NaN where there is none, and the gradients by name, which stand until the next look."""
        size = self._batches.count if order is None else self._batches.fill_step(order, number)
        step = self._programs.get(size)
        if step is None:
            step = self._programs[size] = _bind(self._compiled, self._vector, self._batches.buffers(size))
        try:
            return step(), self._vector.gradients
        except DomainError:  # of a matrix that has no inverse, or no logarithm of its determinant: no loss, as native code has it
            return math.nan, self._vector.gradients

    def plan(self) -> _Listing:
        return _Listing(self._compiled, _shapes(self._batches, self._vector))

    def run(self, order: np.ndarray | None, first: int, count: int) -> list[float]:
        losses: list[float] = []
        for number in range(first, first + count):
            value, _ = self.look(order, number)
            if value - value != 0.0:
                break
            self._update.step(self._vector.x, self._vector.g)
            losses.append(value)
        return losses


#: Longer programs are not written out.
_SHOWN = 20_000


@dataclass(frozen=True)
class _Listing:
    """A program that is made for whoever reads it."""

    compiled: Compiled
    shapes: Mapping[str, tuple[int, ...]]

    def __str__(self) -> str:
        program = self.compiled.program(self.shapes)
        return str(program) if len(program.code) <= _SHOWN else f"a program of {len(program.code):,} instructions, too long to be shown"


def _shapes(batches: Batches, vector: Vector) -> dict[str, tuple[int, ...]]:
    """Those of a step's inputs."""
    return {name: np.shape(value) for name, value in (dict(batches.buffers(batches.size)) | vector.params).items()}


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
        shapes = _shapes(batches, vector)
        cut = frozenset(() if batches.whole else batches.cut)
        samples = frozenset(batches.cut or _rows(shapes, data))
        setting = Setting(compiled.program(shapes), vector.places, data, cut, samples, batches.size, Rule(update.name, update.constants, update.memory))
        self.loop = NativeLoop(setting, vector.x)
        self.name = "native"

    def plan(self) -> str:
        return str(self.loop)

    def run(self, order: np.ndarray | None, first: int, count: int) -> np.ndarray:
        if order is None:
            return self.loop.run(None, count)
        size = self._batches.size
        whole = max(0, min(count, len(order) // size - first))
        losses = self.loop.run(order[first * size : (first + whole) * size], whole) if whole else np.empty(0)
        if len(losses) == whole < count:  # the last batch, a smaller one
            losses = np.append(losses, self._rest.run(order, first + whole, count - whole))
        return losses


def _rows(shapes: Mapping[str, tuple[int, ...]], data: Mapping[str, Any]) -> list[str]:
    """Data tensors whose first axis is the longest first axis of all: samples, most likely; it decides only how memory is laid out."""
    firsts = [shapes[name][0] for name in data if shapes[name]]
    return [name for name in data if shapes[name] and shapes[name][0] == max(firsts)]


def engine_for(
    backend: str,
    program: ProgramEngine,
    compiled: Compiled,
    vector: Vector,
    batches: Batches,
    update: Method,
    data: Mapping[str, Any],
    epochs: int,
    checkpoints: bool,
) -> Engine:
    """The engine that the backend's name asks for; under "auto" a native one where it can be had and pays, else the program's."""
    if backend == "native":
        return NativeEngine(compiled, vector, batches, update, data)
    if backend == "auto" and _pays(compiled, vector, batches, EPOCHS_OF_CHECKPOINTS if checkpoints else epochs):
        try:
            return NativeEngine(compiled, vector, batches, update, data)
        except (UnsupportedError, MissingExtraError) as reason:
            program.name = f"numpy, for {reason}"
    return program


def _pays(compiled: Compiled, vector: Vector, batches: Batches, epochs: int) -> bool:
    """Whether the seconds that NumPy would need, estimated from the instructions alone (never measured: the choice must be the same every time),
    are worth a compilation."""
    program = compiled.program(_shapes(batches, vector))
    return epochs * batches.per_epoch * (1e-6 * len(program.code) + operations(program) / 8e9) > WORTH
