"""A whole training loop as one C function: batches gathered, forward, backward, update, step after step without Python."""

from __future__ import annotations

import ctypes
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from symdl.errors import UnsupportedError
from symdl.lower.listing import WIDTH, cut
from symdl.lower.native.backend import aligned, pointers
from symdl.lower.native.cutting import in_blocks
from symdl.lower.native.driver import Body, shares, threads_allowed
from symdl.lower.native.frame import Memory
from symdl.lower.native.functions import number as digits
from symdl.lower.native.loops import Nest, copied, nest
from symdl.lower.native.places import Place, dense, extent
from symdl.lower.native.prepare import prepared, sample_axes
from symdl.lower.native.program import Builder
from symdl.lower.native.show import shown
from symdl.lower.native.source import CLOCK, file, pieces, timed_builder, together
from symdl.lower.native.toolchain import library
from symdl.lower.native.updates import UPDATES
from symdl.lower.program import VIEWS, Program, Ref

#: Data of more numbers than this are not copied to lie another way; and no more numbers than this stand in buffers.
COPIED_UPTO, MOST = 4_000_000, 30_000_000

#: Batches of no more numbers than this are fetched into the cache a step ahead.
AHEAD_UPTO = 8192

#: From so many vector operations a step is worth several threads, and each of them has so many to do.
THREADS_FROM, THREAD_WORK = 200_000.0, 100_000.0

#: Below so many vector operations it is tried whether parameters are better kept column by column.
TURNED_BELOW = 200_000.0


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


class NativeLoop:
    """A compiled training loop. ``print`` shows its plan.

    Parameters
    ----------
    setting : Setting
    vector : array
        All parameters; moved by ``run``.

    Raises
    ------
    UnsupportedError, MissingExtraError
        When the program has no native form, or there is no compiler.
    """

    def __init__(self, setting: Setting, vector: np.ndarray) -> None:
        if setting.rule.name not in UPDATES:
            raise UnsupportedError(f"native code does not know the method {setting.rule.name}")
        self._setting = setting
        self._plan = _cheapest(setting)
        memory = self._plan.frame.memory
        if memory.size > MOST:
            raise UnsupportedError(f"native code would need {memory.size * 8 / 1e9:.1f} GB for intermediate results: train in batches")
        self.source = self._plan.source()
        self._library = library(self.source)
        self._run = self._library.train
        self._run.argtypes = [ctypes.c_void_p] * 4 + [ctypes.c_int64, ctypes.c_void_p]
        self._run.restype = ctypes.c_int64
        self._g = np.zeros_like(vector)
        self._arrays: dict[tuple[str, ...], np.ndarray] = {("x",): vector, ("g",): self._g}
        self._arrays |= {("memory", name): array for name, array in setting.rule.memory.items()}
        self._arrays |= {("data", name): array for name, array in setting.data.items() if np.ndim(array)}
        self._work = aligned(memory.size)
        self._scalars = self._plan.scalars()
        for (offset, shape), out in zip(setting.params.values(), self._plan.program.outputs[1:], strict=True):
            if not isinstance(out.value, Ref):
                self._g[offset : offset + math.prod(shape)] = out.value
        self._pointers, self._kept = pointers(memory, lambda key: self._arrays[key])
        self._addresses = self._work.ctypes.data, ctypes.addressof(self._pointers), self._scalars.ctypes.data

    def run(self, order: np.ndarray | None, steps: int) -> np.ndarray:
        """Take steps; the losses, each before its step. Fewer than asked: the next loss was not finite, and no step was taken on it.

        Parameters
        ----------
        order : array of int64, or None
            Sample numbers, one step's behind the other's.
        steps : int
        """
        losses = np.empty(steps)
        rows = None if order is None else np.ascontiguousarray(order, dtype=np.int64)
        done = self._run(*self._addresses, None if rows is None else rows.ctypes.data, steps, losses.ctypes.data)
        return losses[:done]

    def measured(self, order: np.ndarray | None, steps: int) -> list[tuple[str, float]]:
        """What each step of the plan is, and the nanoseconds that it takes (about 20 of them for the clock), which ``print`` shows from then on;
        parameters stay as they are."""
        timed = library(self._plan.source(timed=True))
        timed.spent.restype = ctypes.POINTER(ctypes.c_double)
        kept = [array.copy() for array in self._moving()]
        rows = None if order is None else np.ascontiguousarray(order, dtype=np.int64)
        losses = np.empty(steps)
        run = timed.train
        run.argtypes, run.restype = self._run.argtypes, ctypes.c_int64
        done = max(1, run(*self._addresses, None if rows is None else rows.ctypes.data, steps, losses.ctypes.data))
        for array, before in zip(self._moving(), kept, strict=True):
            array[...] = before
        spent = timed.spent()
        self._plan.measured = [(part.what, spent[k] / done) for k, part in enumerate(self._plan.builder.parts)]
        return self._plan.measured

    def _moving(self) -> list[np.ndarray]:
        return [self._arrays[("x",)], *self._setting.rule.memory.values()]

    def __str__(self) -> str:
        return str(self._plan)

    __repr__ = __str__


def _cheapest(setting: Setting) -> _Plan:
    """Of the layouts the one of least estimated cost: samples side by side or not, and parameters column by column where that helps."""
    found = min((_Plan(setting, lanes, frozenset(), 1) for lanes in (False, True)), key=lambda p: p.cost)
    threads = min(threads_allowed(), max(2, int(found.cost / THREAD_WORK)))
    if threads_allowed() > 1 and found.cost > THREADS_FROM:
        return _Plan(setting, found.lanes, frozenset(), threads)
    if found.cost < TURNED_BELOW:
        for name in list(found.frame.fused.values())[:12]:
            if len(setting.params[name][1]) == 2:
                other = _Plan(setting, found.lanes, found.turned | {name}, 1)
                found = min(found, other, key=lambda p: p.cost)
    return found


def _read_while_moved(program: Program, fused: Mapping[int, str]) -> list[tuple[int, str]]:
    """Of the products that move parameters at once those that may not: another of them, or the product itself, reads the parameter it would move."""
    numbers = {name: k for k, (name, _) in enumerate(program.inputs)}
    left = dict(fused)
    found: list[tuple[int, str]] = []
    while True:
        read = {_root(program, a) for n in left for a in program.code[n].args if isinstance(a, Ref)}
        bad = next(((n, name) for n, name in left.items() if numbers[name] in read), None)
        if bad is None:
            return found
        found.append(bad)
        del left[bad[0]]


def _root(program: Program, value: Ref) -> int:
    """The value that this one is a view of."""
    while program.code[value].op in VIEWS and isinstance(program.code[value].args[0], Ref):
        value = program.code[value].args[0]  # type: ignore[assignment]
    return int(value)


class _Plan:
    """One way to lay out the loop."""

    def __init__(self, setting: Setting, lanes: bool, turned: frozenset[str], threads: int) -> None:
        self.setting, self.lanes, self.turned = setting, lanes, turned
        self.program = program = in_blocks(prepared(setting.program), setting.samples)
        self.measured: list[tuple[str, float]] | None = None
        self._names = list(setting.params)
        count = len(program.code)
        self._constants = {name: f"c[{count + k}]" for k, name in enumerate(setting.rule.constants)}
        fused, plain = self._gradients()
        self.frame = LoopFrame(setting, program, fused, plain, self._constants["lr"])
        self.frame.turned = turned
        self.frame.memory.numbers(count + len(self._constants))
        samples = sample_axes(program, dict.fromkeys(setting.samples, 0)) if lanes else {}
        self.builder = Builder(program, self.frame, samples, threads, 0)
        self.builder.run()
        self.cost = self.builder.cost + self.frame.cost

    def _gradients(self) -> tuple[dict[int, str], dict[int, str]]:
        """Gradients that are products which nobody else reads, and the others."""
        outputs = self.program.outputs
        used = [int(a) for step in self.program.code for a in step.args if isinstance(a, Ref)] + [int(o.value) for o in outputs if isinstance(o.value, Ref)]
        fused: dict[int, str] = {}
        plain: dict[int, str] = {}
        for name, out in zip(self._names, outputs[1:], strict=True):
            if not isinstance(out.value, Ref) or not out.shape:
                continue
            step = self.program.code[out.value]
            if self.setting.rule.name == "gd" and step.op == "dot" and used.count(int(out.value)) == 1:
                fused[int(out.value)] = name
            else:
                plain.setdefault(int(out.value), name)
        for number, name in _read_while_moved(self.program, fused):
            del fused[number]
            plain[number] = name
        return fused, plain

    def scalars(self) -> np.ndarray:
        """The values that ``c`` starts with."""
        count = len(self.program.code)
        c = np.zeros(self.frame.memory.scalars)
        c[count : count + len(self._constants)] = list(self.setting.rule.constants.values())
        for number, (name, shape) in enumerate(self.program.inputs):
            if not shape and name in self.setting.data:
                c[number] = self.setting.data[name]
        return c

    def source(self, timed: bool = False) -> str:
        """The C file; timed, every step adds the nanoseconds it took to an array that ``spent`` gives."""
        builder = timed_builder(self.builder) if timed else self.builder
        late = len(builder.lines) if builder.late_from is None else builder.late_from
        first, calls = pieces("forth", builder, 0, late)
        second, late_calls = (None if timed else together("moves", builder, late)) or pieces("move", builder, late)
        update = self._update()  # before the pointers are counted
        x = self.frame.memory.pointer(("x",))
        begin = [
            f"c[{n}] = {x}[{self.setting.params[name][0]}];" for n, (name, shape) in enumerate(self.program.inputs) if not shape and name in self.setting.params
        ]
        loss = self.program.outputs[0].value
        value = f"c[{int(loss)}]" if isinstance(loss, Ref) else digits(float(loss))
        fault = self.frame.memory.fault
        good = f"{value} - {value} == 0.0" if fault is None else f"{value} - {value} == 0.0 && c[{fault}] == 0.0"
        begin += [] if fault is None else [f"c[{fault}] = 0.0;"]
        rows = self.setting.rows if self.setting.cut else 0
        body = Body(self.frame.before, rows, [*self.frame.gather, *begin], calls, value, good, late_calls, update, self.frame.after)
        return file(builder.helpers.values(), [shares(builder.threads), *([CLOCK] if timed else []), *first, *second], body.source(builder.threads))

    def _update(self) -> list[str]:
        """What is left to do after the products that move parameters by themselves."""
        lines: list[str] = []
        memory, params = self.frame.memory, self.setting.params
        moved = set(self.frame.fused.values())
        g = memory.pointer(("g",))
        for name, out in zip(self._names, self.program.outputs[1:], strict=True):
            offset, shape = params[name]
            if not isinstance(out.value, Ref) or name in moved:
                continue
            if not out.shape:
                lines.append(f"{g}[{offset}] = c[{int(out.value)}];")
            elif self.frame.gradients[int(out.value)] != name:  # one gradient of two parameters
                lines += nest(Nest(shape, tuple(range(len(shape))), {"a": self.builder.place(int(out.value))}, [], {"a": self.frame.parameter(name, "g")}, []))
        rule = UPDATES[self.setting.rule.name]
        named = {"x": memory.pointer(("x",)), "g": g} | {m: memory.pointer(("memory", m)) for m in self.setting.rule.memory}
        for start, size in self._stretches(moved):
            here = {k: f"({p} + {start})" if start else p for k, p in named.items()}
            lines += ["{", *rule(here, self._constants, size), "}"]
        return lines

    def _stretches(self, moved: set[str]) -> Sequence[tuple[int, int]]:
        """Where in the vector parameters are to be moved: from where, how many (whole cache lines)."""
        found: list[tuple[int, int]] = []
        for name, (offset, shape) in self.setting.params.items():
            if name in moved:
                continue
            size = -(-math.prod(shape) // 8) * 8
            if found and sum(found[-1]) == offset:
                found[-1] = (found[-1][0], found[-1][1] + size)
            else:
                found.append((offset, size))
        return found

    def __str__(self) -> str:
        way = "samples side by side" if self.lanes else "row by row"
        moves = ", ".join(f"v{n}" for n in self.frame.fused) or "none"
        threads = self.builder.threads
        lines = [shown(self.builder, self.measured), f"stored {way}; {threads} thread{'s' if threads > 1 else ''}; method {self.setting.rule.name}"]
        return "\n".join([*lines, cut(f"parameters moved inside the products: {moves}; kept column by column: {len(self.turned)}", WIDTH)])
