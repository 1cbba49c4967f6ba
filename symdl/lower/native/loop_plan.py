"""The ways to lay out a training loop, the cheapest of them, and its C."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np

from symdl.lower.listing import WIDTH, cut
from symdl.lower.native.cutting import in_blocks
from symdl.lower.native.driver import Body, shares, threads_allowed
from symdl.lower.native.functions import number as digits
from symdl.lower.native.loop_frame import LoopFrame, Setting
from symdl.lower.native.loops import Nest, nest
from symdl.lower.native.prepare import prepared, sample_axes
from symdl.lower.native.program import Builder
from symdl.lower.native.show import shown
from symdl.lower.native.source import CLOCK, file, pieces, timed_builder, together
from symdl.lower.native.updates import UPDATES
from symdl.lower.program import VIEWS, Program, Ref

#: From so many vector operations a step is worth several threads, and each of them has so many to do.
THREADS_FROM, THREAD_WORK = 200_000.0, 100_000.0

#: Below so many vector operations it is tried whether parameters are better kept column by column.
TURNED_BELOW = 200_000.0


def cheapest(setting: Setting) -> LoopPlan:
    """Of the layouts the one of least estimated cost: samples side by side or not, and parameters column by column where that helps."""
    found = min((LoopPlan(setting, lanes, frozenset(), 1) for lanes in (False, True)), key=lambda p: p.cost)
    threads = min(threads_allowed(), max(2, int(found.cost / THREAD_WORK)))
    if threads_allowed() > 1 and found.cost > THREADS_FROM:
        return LoopPlan(setting, found.lanes, frozenset(), threads)
    if found.cost < TURNED_BELOW:
        for name in list(found.frame.fused.values())[:12]:
            if len(setting.params[name][1]) == 2:
                other = LoopPlan(setting, found.lanes, found.turned | {name}, 1)
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


class LoopPlan:
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


__all__ = ["LoopPlan", "cheapest"]
