"""C for recurrences: a loop whose body is the program of one step, written by a builder of its own."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from symdl.lower.native.functions import number as digits
from symdl.lower.native.loops import Nest, nest
from symdl.lower.native.places import Place, dense
from symdl.lower.native.prepare import prepared
from symdl.lower.native.rounds import RoundFrame
from symdl.lower.program import Instruction, Operand, Program, Ref
from symdl.lower.scan import Scan

if TYPE_CHECKING:
    from symdl.lower.native.program import Builder


@dataclass
class StepFrame(RoundFrame):
    """One step: states and arguments stand where C variables point, new states go behind them."""

    results: dict[int, Place]
    fixed: frozenset[int]  # inputs that are the same at all steps

    def shared(self, number: int) -> bool:
        return number in self.fixed

    def result(self, number: int) -> Place | None:
        return self.results.get(number)


def scan(outer: Builder, step: Instruction, target: Place, make: Callable[[Program, StepFrame, int], Builder]) -> tuple[list[str], Builder]:
    """Lines of C, and the builder of a step; ``make`` makes it from a program, a frame, and its first scalar."""
    attr: Scan = step.attr
    program = prepared(attr.program)
    count = len(attr.shapes)
    first = outer.memory.numbers(len(program.code))
    now, new = f"n{first}_", f"m{first}_"
    at = f"k{first}"
    begin, places = _arguments(outer, step, attr, first, at)
    frame = StepFrame(outer.memory, {}, {}, frozenset())
    for s, shape in enumerate(attr.shapes):
        strides = dense(shape, range(len(shape)))
        places[s] = Place(f"{now}{s}", 0, shape, strides)
        value = program.outputs[s].value
        if isinstance(value, Ref) and shape:
            frame.results.setdefault(int(value), Place(f"{new}{s}", 0, shape, strides))
    frame.places = {k: p for k, p in places.items() if program.inputs[k][1]}
    frame.fixed = frozenset(k for k in range(count, len(program.inputs)) if program.inputs[k][1] and not attr.stepped[k - count])
    frame.copy_cost = dict.fromkeys(frame.fixed, 0.0)
    inner = make(program, frame, first)
    inner.run()
    lines = ["{", *frame.before, *_starts(outer, step, attr, target)]
    order = f"for (long {at} = {attr.length - 1}; {at} >= 0; {at}--) {{" if attr.down else f"for (long {at} = 0; {at} < {attr.length}; {at}++) {{"
    lines.append(order)
    rows = attr.starts()
    for s, shape in enumerate(attr.shapes):
        size = math.prod(shape)
        here, there = (f"({at} + 1)", at) if attr.down else (at, f"({at} + 1)")
        lines.append(
            f"double *const {now}{s} = {target.pointer()} + {rows[s]} + {here}*{size}, *const {new}{s} = {target.pointer()} + {rows[s]} + {there}*{size};"
        )
        if not shape:
            lines.append(f"{inner.scalar(Ref(s))} = *{now}{s};")
    lines += [*begin, *inner.lines, *_results(inner, program, frame, new), "}", "}"]
    return lines, inner


def _arguments(outer: Builder, step: Instruction, attr: Scan, first: int, at: str) -> tuple[list[str], dict[int, Place]]:
    """What a step begins with, and where the further arguments of a step stand."""
    begin: list[str] = []
    places: dict[int, Place] = {}
    for k, (arg, stepped) in enumerate(zip(step.args[len(attr.shapes) :], attr.stepped, strict=True), start=len(attr.shapes)):
        if not isinstance(arg, Ref) or not outer.code[arg].shape:
            begin.append(f"c[{first + k}] = {outer.scalar(arg)};")
            continue
        place = outer.straight(arg)
        if not stepped:
            places[k] = place
            continue
        row = replace(place, shape=place.shape[1:], strides=place.strides[1:])
        if row.shape:
            name = f"a{first}_{k}"
            begin.append(f"double *const {name} = {place.pointer()} + {at}*{place.strides[0]};")
            places[k] = replace(row, base=name, offset=0)
        else:
            begin.append(f"c[{first + k}] = *({place.pointer()} + {at}*{place.strides[0]});")
    return begin, places


def _starts(outer: Builder, step: Instruction, attr: Scan, target: Place) -> list[str]:
    """The initial states, put into their rows."""
    lines: list[str] = []
    for s, (arg, shape) in enumerate(zip(step.args, attr.shapes, strict=False)):
        size = math.prod(shape)
        row = Place(target.base, target.offset + attr.starts()[s] + (attr.length * size if attr.down else 0), shape, dense(shape, range(len(shape))))
        lines += _put(outer, arg, row)
    return lines


def _put(builder: Builder, value: Operand, row: Place) -> list[str]:
    """A value copied into a row."""
    straight = tuple(range(len(row.shape)))
    if not row.shape:
        return [f"*({row.pointer()}) = {builder.scalar(value)};"]
    if not isinstance(value, Ref) or not builder.code[value].shape:
        text = builder.scalar(value) if isinstance(value, Ref) else digits(float(value))
        return nest(Nest(row.shape, straight, {}, [f"V z = dup({text});"], {"z": row}, []))
    return nest(Nest(row.shape, straight, {"a": builder.place(value).stretched(row.shape)}, [], {"a": row}, []))


def _results(inner: Builder, program: Program, frame: StepFrame, new: str) -> list[str]:
    """New states that do not stand in their rows yet: scalars, constants, one value for two states."""
    lines: list[str] = []
    for s, out in enumerate(program.outputs):
        row = Place(f"{new}{s}", 0, out.shape, dense(out.shape, range(len(out.shape))))
        if out.shape and isinstance(out.value, Ref) and frame.results.get(int(out.value)) == row:
            continue
        lines += _put(inner, out.value, row)
    return lines


__all__ = ["StepFrame", "scan"]
