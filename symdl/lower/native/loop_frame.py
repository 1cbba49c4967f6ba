"""What a training loop is made for, and what surrounds its program: parameters, gradients, data as they lie or as rows gathered for a step."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from symdl.lower.native.frame import Memory
from symdl.lower.native.loops import copied
from symdl.lower.native.places import Place, dense, extent
from symdl.lower.program import Program

#: Data of more numbers than this are not copied to lie another way.
COPIED_UPTO = 4_000_000

#: Batches of no more numbers than this are fetched into the cache a step ahead.
AHEAD_UPTO = 8192


@dataclass(frozen=True)
class Rule:
    """An update rule: its name in UPDATES, its constants, and the arrays it keeps between steps."""

    name: str
    constants: Mapping[str, float]
    memory: Mapping[str, np.ndarray]


@dataclass(frozen=True)
class Setting:
    """What a loop is made for.

    Attributes
    ----------
    program : Program
        Outputs: the loss, then a gradient for every parameter.
    params : mapping
        Name -> its offset in the vector of all parameters, and its shape; in the order of the gradients.
    data : mapping
        Name -> array (float for a scalar), all samples.
    cut : frozenset of str
        Data tensors of which a step sees some rows. Empty: every step sees all.
    samples : frozenset of str
        Data tensors whose first axis counts samples.
    rows : int
        Samples a step.
    rule : Rule
    """

    program: Program
    params: Mapping[str, tuple[int, tuple[int, ...]]]
    data: Mapping[str, Any]
    cut: frozenset[str]
    samples: frozenset[str]
    rows: int
    rule: Rule


@dataclass
class LoopFrame:
    """Parameters in the vector x, gradients in g, data outside or gathered, see ``symdl.lower.native.frame.Frame``."""

    setting: Setting
    program: Program
    fused: dict[int, str]  # gradients by which parameters are moved at once -> the parameter
    gradients: dict[int, str]  # the other gradients -> the parameter
    rate: str
    memory: Memory = field(default_factory=Memory)
    copy_cost: dict[int, float] = field(default_factory=dict)
    before: list[str] = field(default_factory=list)
    gather: list[str] = field(default_factory=list)
    after: list[str] = field(default_factory=list)
    cost: float = 0.0
    turned: frozenset[str] = frozenset()  # parameters that are kept column by column while steps are taken
    _turned: dict[str, Place] = field(default_factory=dict)
    _laid: dict[tuple[int, tuple[int, ...]], Place] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for number, (name, _) in enumerate(self.program.inputs):
            if name in self.setting.cut:
                self.copy_cost[number] = 0.7
            elif name in self.setting.data and math.prod(self.program.inputs[number][1]) <= COPIED_UPTO:
                self.copy_cost[number] = 0.0  # once, before the first step

    def parameter(self, name: str, vector: str) -> Place:
        offset, shape = self.setting.params[name]
        return Place(self.memory.pointer((vector,)), offset, shape, dense(shape, range(len(shape))))

    def input(self, number: int) -> Place:
        name, shape = self.program.inputs[number]
        if name in self.setting.params:
            return self._turn(name) if name in self.turned else self.parameter(name, "x")
        straight = tuple(range(len(shape)))
        if name in self.setting.cut:
            return self._gathered(number, straight)
        return Place(self.memory.pointer(("data", name)), 0, shape, dense(shape, straight))

    def _turn(self, name: str) -> Place:
        """A parameter column by column: brought there before the first step, and back after the last."""
        if name not in self._turned:
            own = self.parameter(name, "x")
            strides = dense(own.shape, (1, 0), pad=True)
            place = self._turned[name] = Place(self.memory.buffer(extent(own.shape, strides)), 0, own.shape, strides)
            self.before += copied(own, (1, 0), place)
            self.after += copied(place, (0, 1), own)
        return self._turned[name]

    def laid(self, number: int, order: tuple[int, ...]) -> Place | None:
        name, shape = self.program.inputs[number]
        if name in self.setting.params:
            return None
        if order == tuple(range(len(shape))):
            return self.input(number)
        if name in self.setting.cut:
            return self._gathered(number, order) if order == (*range(1, len(shape)), 0) else None
        if math.prod(shape) > COPIED_UPTO:
            return None
        key = (number, order)
        if key not in self._laid:
            strides = dense(shape, order, pad=True)
            place = Place(self.memory.buffer(extent(shape, strides)), 0, shape, strides)
            self.before += copied(self.input(number), order, place)
            self._laid[key] = place
        return self._laid[key]

    def _gathered(self, number: int, order: tuple[int, ...]) -> Place:
        """Rows of this step, one behind the other or side by side."""
        key = (number, order)
        if key not in self._laid:
            name, shape = self.program.inputs[number]
            size = math.prod(shape[1:])
            strides = dense(shape, order, pad=order != tuple(range(len(shape))))
            place = Place(self.memory.buffer(extent(shape, strides)), 0, shape, strides)
            source = self.memory.pointer(("data", name))
            if math.prod(shape) <= AHEAD_UPTO and not any(k == number for k, _ in self._laid):
                self.gather.append(f"if (t + 1 < steps) ahead({source}, order + {shape[0]}, {shape[0]}, {size});")
            if order == tuple(range(len(shape))):
                self.gather.append(f"rows_of({source}, order, {shape[0]}, {size}, {place.base});")
                self.cost += 0.2 * math.prod(shape)
            else:
                self.gather.append(f"columns_of({source}, order, {shape[0]}, {size}, {place.base}, {strides[-1]});")
                self.cost += 0.5 * math.prod(shape)
            self._laid[key] = place
        return self._laid[key]

    def result(self, number: int) -> Place | None:
        return self.parameter(self.gradients[number], "g") if number in self.gradients else None

    def update(self, number: int) -> tuple[Place, str] | None:
        if number not in self.fused:
            return None
        name = self.fused[number]
        return self._turn(name) if name in self.turned else self.parameter(name, "x"), self.rate


__all__ = ["LoopFrame", "Rule", "Setting"]
