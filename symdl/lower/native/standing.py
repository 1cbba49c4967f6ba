"""Where the values of a program stand, and the lines written so far: what every kind of step builds on."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np

from symdl.lower.native.across import COPY
from symdl.lower.native.frame import Frame
from symdl.lower.native.functions import number as digits
from symdl.lower.native.loops import copied as lines_of_copy
from symdl.lower.native.places import PAGE, Place, dense, extent, seen
from symdl.lower.native.prepare import is_elementwise
from symdl.lower.native.schedule import Loop, scheduled
from symdl.lower.program import VIEWS, Operand, Program, Ref, Table

#: From so many vector operations threads share a step: to meet costs as much as a thousand.
SHARED_FROM = 4000.0

#: A vector of numbers that lie apart costs as many as this.
GATHERED = 5.0

#: What adds elements up reads its arguments in their own shapes.
_SUMS = frozenset(["inner", "dot", "sum"])


class Part(NamedTuple):
    """Where a step's lines begin, what it is, whether threads share it, whether it does nothing but move a parameter."""

    at: int
    what: str
    shared: bool
    moves: bool = False
    cost: float = 0.0  # of all steps before it, in vector operations
    within: tuple[str, ...] = ()  # what it does again and again


class Standing:
    """The values of one program: where each stands, in whose order; copies are written when somebody asks for them.

    Parameters
    ----------
    program : Program
        Prepared.
    frame : Frame
    samples : mapping
        Value -> the axis that is stored innermost; other values are stored row by row.
    threads : int
        How many share the larger steps.
    first : int, optional
        The place of the first scalar in ``c``; without it places are taken behind those that are taken already.

    Attributes
    ----------
    lines : list of str
        C, in the order of computation; ``parts`` holds where each step's lines begin and what the step is.
    cost : float
        Estimated vector operations.
    late_from : int or None
        The line from which parameters are moved.
    """

    def __init__(self, program: Program, frame: Frame, samples: Mapping[int, int], threads: int = 1, first: int | None = None) -> None:
        self.threads = threads
        self.program, self.frame, self.memory = program, frame, frame.memory
        self.code = program.code
        self.first = self.memory.numbers(len(self.code)) if first is None else first
        self.lines: list[str] = []
        self.parts: list[Part] = []
        self.helpers: dict[str, str] = {}
        self.cost = 0.0
        self.late_from: int | None = None
        self.lanes = bool(samples)
        self.orders = {n: _order(len(step.shape), samples.get(n)) for n, step in enumerate(self.code)}
        self._places: dict[int, Place] = {}
        self._copies: dict[tuple[Any, ...], Place] = {}
        self.inputs: dict[str, int] = {}
        self.late = frozenset(n for n in range(len(self.code)) if frame.update(n) is not None)
        self.steps = scheduled(program, self.orders, self.late)
        self.needed = self._stored()
        self._buffers: set[int] = set()  # values that stand in a buffer of their own
        self._readers: dict[int, list[int]] = {}
        for n, step in enumerate(self.code):
            for a in step.args:
                if isinstance(a, Ref):
                    self._readers.setdefault(int(a), []).append(n)

    def scalar(self, value: Operand) -> str:
        """A scalar as a C expression."""
        return f"c[{self.first + int(value)}]" if isinstance(value, Ref) else digits(float(value))

    def _stored(self) -> set[int]:
        """Values of loops that are read outside the loop, or are results."""
        loop_of = {n: k for k, s in enumerate(self.steps) if isinstance(s, Loop) for n in (*s.members, *s.sums)}
        needed = {int(o.value) for o in self.program.outputs if isinstance(o.value, Ref)}
        for n, step in enumerate(self.code):
            for arg in step.args:
                if isinstance(arg, Ref) and (loop_of.get(n, -1) != loop_of.get(arg, -2) or (self.code[arg].shape != step.shape and step.op not in _SUMS)):
                    needed.add(int(arg))
        return needed

    def place(self, number: int) -> Place:
        """Where a value stands; views and copies of them are made when they are asked for."""
        found = self._places.get(number)
        if found is None:
            found = self._places[number] = self._found(number)
        return found

    def _found(self, number: int) -> Place:
        step = self.code[number]
        if step.op == "input":
            order = self.orders[number]
            laid = self.frame.laid(number, order) if order != tuple(range(len(order))) else None
            place = laid or self.frame.input(number)
            self.inputs[place.base] = number
            return place
        if step.op in ("table", "ones"):
            table = step.attr if step.op == "table" else Table(np.ones(step.shape))
            return Place(self.memory.pointer(table), 0, step.shape, dense(step.shape, range(len(step.shape))))
        if step.op in VIEWS and step.args and isinstance(step.args[0], Ref) and self.code[step.args[0]].shape:
            inner = self.place(step.args[0])
            found = seen(step, inner)
            if found is None:
                straight = self.copied(inner, tuple(range(len(inner.shape))), pad=False)
                found = seen(step, straight)
            assert found is not None
            return found
        return self._target(number)

    def _target(self, number: int) -> Place:
        """Where a value that is computed goes."""
        wanted = self.frame.result(number)
        if wanted is not None:
            return wanted
        shape, strides = self.code[number].shape, self._strides(number)
        self._buffers.add(number)
        return Place(self.memory.buffer(extent(shape, strides)), 0, shape, strides)

    def _strides(self, number: int) -> tuple[int, ...]:
        """How a value that is computed lies in its buffer."""
        shape, order = self.code[number].shape, self.orders[number]
        return dense(shape, order, pad=order != tuple(range(len(order))) or self._may_be_padded(number))

    def _may_be_padded(self, number: int) -> bool:
        """A matrix whose rows are whole pages, and which nobody looks at otherwise than as a matrix."""
        shape = self.code[number].shape
        if len(shape) != 2 or shape[0] == 1 or shape[1] % PAGE:
            return False
        seen_as = {number}
        for k, step in enumerate(self.code):
            if any(isinstance(a, Ref) and a in seen_as for a in step.args):
                if step.op == "view" and sorted(step.attr) == [0, 1]:
                    seen_as.add(k)
                elif not (is_elementwise(step) and step.shape == shape) and step.op not in ("dot", "inner", "sum", "amax"):
                    return False
        return not any(isinstance(o.value, Ref) and o.value in seen_as for o in self.program.outputs)

    def copied(self, place: Place, order: tuple[int, ...], pad: bool = True) -> Place:
        """A copy whose axes are stored in this order."""
        key = (place.base, place.offset, place.shape, place.strides, order, pad)
        if key not in self._copies:
            laid = self._laid(place, order) if pad else None
            if laid is None:
                strides = dense(place.shape, order, pad=pad)
                laid = Place(self.memory.buffer(extent(place.shape, strides)), 0, place.shape, strides)
                work = COPY * math.prod(place.shape) * (1.0 if len(place.shape) <= 2 else nearness(place, order))
                shared = self.part(f"copy to order {order} : {size_of(place.shape)}", work)
                self.lines += lines_of_copy(place, order, laid, shared)
                self.cost += work
            self._copies[key] = laid
        return self._copies[key]

    def _laid(self, place: Place, order: tuple[int, ...]) -> Place | None:
        """The copy that the frame makes of a whole input."""
        number = self.inputs.get(place.base)
        if number is None or len(place.shape) != 2 or place.offset or sorted(place.shape) != sorted(self.code[number].shape):
            return None
        own = self.place(number)
        found = (axes for axes in ((0, 1), (1, 0)) if (place.shape, place.strides) == (_turned(own.shape, axes), _turned(own.strides, axes)))
        axes = next(found, None)  # axis of the place -> axis of the input
        if axes is None:
            return None
        laid = self.frame.laid(number, tuple(axes[a] for a in order))
        return None if laid is None else replace(laid, shape=place.shape, strides=tuple(laid.strides[a] for a in axes))

    def write_over(self, loop: Loop) -> None:
        """Let results of a loop stand where its arguments stood that nobody reads any more: less memory goes through the cache."""
        inside = {*loop.members, *loop.sums}
        free = [n for n in self._read_last_by(inside) if self.code[n].shape == loop.shape and n in self._buffers]
        for n in loop.members:
            if n not in self.needed or n in self._places or self.frame.result(n) is not None or self.code[n].shape != loop.shape:
                continue
            found = next((r for r in free if self._places[r].strides == self._strides(n)), None)
            if found is not None:
                free.remove(found)
                self._places[n] = self._places[found]
                self._buffers.add(n)

    def _read_last_by(self, inside: set[int]) -> list[int]:
        """Values whose every reader is in the loop; views of a value are readers."""
        read = dict.fromkeys(int(a) for n in sorted(inside) for a in self.code[n].args if isinstance(a, Ref) and a not in inside)
        results = {int(o.value) for o in self.program.outputs if isinstance(o.value, Ref)}
        return [r for r in read if r not in results and all(user in inside for user in self._readers.get(r, ()))]

    def straight(self, value: Operand) -> Place:
        """A tensor that stands row by row without gaps; a copy, if need be."""
        place = self.place(ref(value))
        return place if place.contiguous() else self.copied(place, tuple(range(len(place.shape))), pad=False)

    def part(self, what: str, work: float = 0.0, moves: bool = False) -> bool:
        """A new step of so many vector operations; whether threads share it. Those that move parameters are done together, and need no meeting."""
        shared = self.threads > 1 and work >= (SHARED_FROM / 10 if moves else SHARED_FROM)
        self.parts.append(Part(len(self.lines), what, shared, moves, self.cost))
        return shared

    def number_place(self, number: int) -> Place:
        """Where a value stands that may be a number: numbers do not live where arrays do."""
        return self.place(number) if self.code[number].shape else Place(f"(c + {self.first + number})", 0, (), ())


def _turned(pair: tuple[int, ...], axes: tuple[int, int]) -> tuple[int, ...]:
    return tuple(pair[a] for a in axes)


def nearness(place: Place, order: tuple[int, ...]) -> float:
    """What reading vectors in this order costs, beside one whose numbers lie next to each other."""
    inner = next((a for a in reversed(order) if place.shape[a] != 1), None)
    return 1.0 if inner is None or place.strides[inner] in (0, 1) else GATHERED


def _order(rank: int, innermost: int | None) -> tuple[int, ...]:
    axes = list(range(rank))
    return tuple(axes if innermost is None else [a for a in axes if a != innermost] + [innermost])


def ref(value: Operand) -> Ref:
    assert isinstance(value, Ref)
    return value


def size_of(shape: tuple[int, ...]) -> str:
    return "x".join(map(str, shape)) or "scalar"


__all__ = ["Part", "Standing", "nearness", "ref", "size_of"]
