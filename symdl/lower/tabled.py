"""Programs made from a table of scalars (``symdl.graph.tape``): of a large gradient when nobody has looked at it, and of any large calculation with scalars.

The rewrites before lowering speak of nodes. So only calculations in which none of them would do anything come this way, but for three that are done
here on rows: 1 - sigmoid(z), and exp of minus a square or half of one. All else, and whatever is small, is lowered from nodes.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from symdl.expr.later import Later
from symdl.expr.tensor import Expr
from symdl.graph.node import CONST as CONST_NODE
from symdl.graph.node import Node
from symdl.graph.row import NO_ROW
from symdl.graph.tape import CALL, CONST, INPUT, LINEAR, NAMED, POWER, PRODUCT, Rows, Tape, taped, under
from symdl.lower.machine import COSIGMOID, GAUSS, GAUSS_PLAIN
from symdl.lower.plain import stays
from symdl.lower.program import Instruction, Operand, Output, Program, Ref
from symdl.lower.rowwise import runner
from symdl.lower.scalars import power as float_power
from symdl.lower.scalars import scalar_function
from symdl.lower.unplanned import columns_of

#: Calculations of fewer nodes than this are lowered from nodes, with all rewrites.
SMALL = 2000


@dataclass
class Results:
    """Rows of one table that are wanted; a number stands for itself."""

    tape: Tape
    rows: list[int | float]

    @cached_property
    def needed(self) -> list[int]:
        """The wanted rows and all that they are made of, in order."""
        return _needed(self.tape.rows, [row for row in self.rows if isinstance(row, int)])

    @cached_property
    def inputs(self) -> list[Node]:
        """The inputs that they are made of, in the order in which the program takes them."""
        return [self.tape.inputs[k] for k in self._places]

    @cached_property
    def _places(self) -> list[int]:
        needed = np.array(self.needed, int)
        return self.tape.rows.attr[needed[self.tape.rows.code[needed] == INPUT]].tolist()

    def function(self) -> Callable[..., list[Any]]:
        """A function of the inputs, as floats, that gives the wanted rows as floats."""
        return runner(columns_of(self.tape, self.rows, self._places))


def results(exprs: Sequence[Expr]) -> Results | None:
    """What expressions are in their table; None when they are to be lowered from nodes."""
    sources = {e.source for e in exprs if type(e) is Later}
    if len(sources) > 1:
        return None
    plain = [e for e in exprs if type(e) is not Later]
    if any([e.shape or e.map or e.open for e in plain]):
        return None
    tape = sources.pop().tape if sources else _tape_of([e.node for e in plain])
    if tape is None or len(tape.serials) < SMALL or not _are_floats(tape) or not stays(tape):
        return None
    rows: list[int | float] = []
    places = iter(tape.places([e.node for e in plain]).tolist())
    for expr in exprs:
        if type(expr) is Later:
            rows.append(expr.row)
            continue
        place = next(places)
        if place < 0 and expr.node.op != CONST_NODE:
            return None
        rows.append(float(expr.node.attr) if place < 0 else place)
    return Results(tape, rows)


def _tape_of(roots: list[Node]) -> Tape | None:
    """The table of a large calculation with scalars that was written as nodes; to write it costs a hundredth of what lowering the nodes does."""
    if not roots or any([node.row == NO_ROW for node in roots]):
        return None
    nodes = under(*roots)
    tape = taped(roots[0], nodes) if len(nodes) >= SMALL else None
    return tape if tape is not None and len(set(tape.names)) == len(tape.names) else None


def _are_floats(tape: Tape) -> bool:
    """No symbolic size among the numbers, and none that is too large."""
    try:
        return all([math.isfinite(float(number)) for number in tape.numbers])
    except (TypeError, OverflowError):
        return False


# --- the program ----------------------------------------------------------------------------------------------------


def program(wanted: Results, dtype: str) -> Program:
    """The program that computes the wanted rows."""
    writer = _Writer(wanted)
    outputs = tuple(Output(writer.value(row), ()) for row in wanted.rows)
    return Program(tuple((str(node.name), ()) for node in wanted.inputs), tuple(writer.code), outputs, dtype)


class _Writer:
    """Writes an instruction for each row that is needed; what is known already, and what only has a name, is none."""

    def __init__(self, wanted: Results) -> None:
        tape = wanted.tape
        self.code = [Instruction("input", (), (str(node.name),), ()) for node in wanted.inputs]
        self._numbers = [float(number) for number in tape.numbers]
        self._functions = tape.functions.listed()
        self._of: dict[int, Operand] = {}
        self._known: dict[tuple[str, tuple[Operand, ...], object], Ref] = {}
        rows = tape.rows
        code, attr, start, args, weights = (a.tolist() for a in (rows.code, rows.attr, rows.start, rows.args, rows.weights))
        self._code, self._attr, self._start, self._args = code, attr, start, args
        places = itertools.count()
        for k in wanted.needed:
            first, end = start[k], start[k + 1]
            self._of[k] = Ref(next(places)) if code[k] == INPUT else self._row(code[k], attr[k], args[first:end], weights[first:end])

    def value(self, row: int | float) -> Operand:
        return self._of[row] if isinstance(row, int) else row

    def _emit(self, op: str, args: tuple[Operand, ...], attr: object) -> Ref:
        key = op, args, attr
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = Ref(len(self.code))
            self.code.append(Instruction(op, args, attr, ()))
        return found

    def _row(self, code: int, attr: int, args: list[int], weights: list[int]) -> Operand:
        if code == CONST:
            return self._numbers[attr]
        values = [self._of[a] for a in args]
        if code == LINEAR:
            return self._sum(attr, args, values, weights)
        if code == PRODUCT:
            return self._product(self._numbers[attr], values)
        if code == POWER:
            base, exponent = values[0], self._numbers[attr]
            return self._emit("pow", (base,), exponent) if isinstance(base, Ref) else float_power(base, exponent)
        return values[0] if code == NAMED else self._call(self._functions[attr], args, values)

    def _sum(self, offset: int, args: list[int], values: list[Operand], weights: list[int]) -> Operand:
        scales = [self._numbers[w] for w in weights]
        number = self._numbers[offset]
        if len(args) == 1 and number == 1.0 and scales[0] == -1.0 and self._is_call(args[0], "sigmoid"):
            return self._emit("call", (self._of[self._args[self._start[args[0]]]],), COSIGMOID)
        terms = [(w, v) for w, v in zip(scales, values, strict=True) if isinstance(v, Ref)]
        number += sum(w * v for w, v in zip(scales, values, strict=True) if not isinstance(v, Ref))
        if not terms:
            return number
        return self._emit("linear", tuple([v for _, v in terms]), (tuple([w for w, _ in terms]), number))

    def _product(self, coef: float, values: list[Operand]) -> Operand:
        factors = [v for v in values if isinstance(v, Ref)]
        if len(factors) < len(values):
            for value in values:
                if not isinstance(value, Ref):
                    coef *= value
        if not factors or (len(factors) == 1 and coef == 1.0):
            return factors[0] if factors else coef
        return self._emit("product", tuple(factors), (coef, len(factors)))

    def _is_call(self, row: int, name: str) -> bool:
        return self._code[row] == CALL and self._functions[self._attr[row]] == name

    def _call(self, name: str, args: list[int], values: list[Operand]) -> Operand:
        if not any(isinstance(v, Ref) for v in values):
            return scalar_function(name)(*values)
        base = self._minus_square(args[0]) if name == "exp" else None
        if base is not None:
            return self._emit("call", (self._of[base[1]],), base[0])
        return self._emit("call", tuple(values), name)

    def _minus_square(self, row: int) -> tuple[str, int] | None:
        """exp of what function, and of what row, when the row is -x**2 or -x**2/2."""
        function = {-1.0: GAUSS_PLAIN, -0.5: GAUSS}.get(self._numbers[self._attr[row]]) if self._code[row] == PRODUCT else None
        if function is None or self._start[row + 1] - self._start[row] != 1:
            return None
        square = self._args[self._start[row]]
        is_square = self._code[square] == POWER and self._numbers[self._attr[square]] == 2.0
        return (function, self._args[self._start[square]]) if is_square else None


def _needed(rows: Rows, wanted: Sequence[int]) -> list[int]:
    """The wanted rows and all that they are made of, in order."""
    needed = bytearray(len(rows))
    for row in wanted:
        needed[row] = 1
    start, args = rows.start.tolist(), rows.args.tolist()
    for k in reversed(range(len(needed))):
        if needed[k]:
            for arg in args[start[k] : start[k + 1]]:
                needed[arg] = 1
    return [k for k, found in enumerate(needed) if found]
