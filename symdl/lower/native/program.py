"""The steps of a program as C: every step reads and writes memory at places known now."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping

from symdl.lower.native.frame import Frame
from symdl.lower.native.functions import operation, table_function, vector
from symdl.lower.native.kernels import LANES
from symdl.lower.native.loops import Nest, nest
from symdl.lower.native.places import Place
from symdl.lower.native.schedule import Loop, Single
from symdl.lower.native.singles import single
from symdl.lower.native.standing import Part, Standing, nearness, size_of
from symdl.lower.program import Instruction, Operand, Program, Ref

#: What an elementwise operation costs on a vector, in multiplications.
_WORK = {"exp": 25.0, "log": 35.0, "log1p": 40.0, "divide": 8.0, "call": 30.0, "power": 200.0}

#: These have an exponential and a division in common: what the first of a loop costs, and every other.
_LOGISTIC, _FIRST, _OTHER = frozenset(["sigmoid", "cosigmoid", "tanh"]), 34.0, 4.0


class Builder(Standing):
    """Writes the steps of one program; parameters and attributes are those of :class:`Standing`."""

    def run(self) -> None:
        """Write all steps, and the copies of results that stand elsewhere."""
        for step in self.steps:
            if self.late_from is None and isinstance(step, Single) and step.number in self.late:
                self.late_from = len(self.lines)
            if isinstance(step, Loop):
                self._loop(step)
            else:
                single(self, step.number)
        for out in self.program.outputs:
            if isinstance(out.value, Ref):
                self._deliver(out.value)

    def _deliver(self, number: int) -> None:
        wanted = self.frame.result(number)
        if wanted is None or not self.code[number].shape or wanted == self._places.get(number):
            return
        if self.frame.update(number) is not None:
            return
        order = tuple(range(len(wanted.shape)))
        self.part(f"v{int(number)} to its place")
        self.lines += nest(Nest(wanted.shape, order, {"a": self.place(number)}, [], {"a": wanted}, []))

    def _loop(self, loop: Loop) -> None:
        reads: dict[str, Place] = {}
        body: list[str] = []
        inside = set(loop.members)

        def operand(value: Operand) -> str:
            if not isinstance(value, Ref):
                return vector(float(value))
            if value in inside:
                return f"t{int(value)}"
            if not self.code[value].shape:
                return f"dup({self.scalar(value)})"
            name = f"r{int(value)}"
            if name not in reads:
                reads[name] = self.place(value).stretched(loop.shape)
            return name

        for n in loop.members:
            step = self.code[n]
            args = [operand(a) for a in step.args]
            body.append(self._element(n, step, args))
        sums = []
        for n in loop.sums:
            args = [operand(a) for a in self.code[n].args]
            body.append(f"V t{n} = {' * '.join(args)};")
            sums.append((self.scalar(Ref(n)), f"t{n}"))
        self.write_over(loop)
        writes = {f"t{n}": self.place(n) for n in loop.members if n in self.needed}
        vectors = _vectors(loop.shape, loop.order)
        moved = sum(nearness(place, loop.order) for place in (*reads.values(), *writes.values()))
        work = (_elementwise(self.code[n].op for n in loop.members) + moved) * vectors
        fused = ", ".join(f"v{n} {self.code[n].attr if self.code[n].op == 'call' else self.code[n].op}" for n in (*loop.members, *loop.sums))
        shared = self.part(f"loop {size_of(loop.shape)}: {fused}", 0.0 if sums else work)
        self.cost += work + len(sums) * vectors
        self.lines += nest(Nest(loop.shape, loop.order, reads, body, writes, sums, shared))

    def _element(self, n: int, step: Instruction, args: list[str]) -> str:
        if step.op == "spread":
            return f"V t{n} = {args[0]};"
        text = table_function(step.attr, args, self.helpers) if step.op == "call" else operation(step.op, args)
        return f"V t{n} = {text};"

    def inner(self, program: Program, frame: Frame, samples: Mapping[int, int], first: int) -> Builder:
        """The steps of a program that a step runs again and again."""
        return Builder(program, frame, samples, 1, first)


def _elementwise(operations: Iterable[str]) -> float:
    """What the operations of a loop cost on a vector."""
    ops = list(operations)
    logistic = sum(1 for op in ops if op in _LOGISTIC)
    return sum(_WORK.get(op, 1.0) for op in ops if op not in _LOGISTIC) + (_FIRST - _OTHER) * (logistic > 0) + _OTHER * logistic


def _vectors(shape: tuple[int, ...], order: tuple[int, ...]) -> float:
    """Vectors in a loop, short ones counted whole when rows are short."""
    inner = shape[order[-1]]
    return math.prod(shape) / inner * -(-inner // LANES) if inner < 4 * LANES else math.prod(shape) / LANES


__all__ = ["Builder", "Part"]
