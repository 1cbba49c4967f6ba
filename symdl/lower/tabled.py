"""Programs made from a table of scalars (``symdl.graph.tape``) without a node in between: what a large gradient is when nobody has looked at it.

The rewrites before lowering speak of nodes. So only calculations in which none of them would do anything come this way, but for three that are done
here on rows: 1 - sigmoid(z), and exp of minus a square or half of one. All else, and whatever is small, is lowered from nodes.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from symdl.expr.later import Later
from symdl.expr.tensor import Expr
from symdl.graph.node import CONST as CONST_NODE
from symdl.graph.node import Node
from symdl.graph.tape import CALL, CONST, INPUT, LINEAR, NAMED, POWER, PRODUCT, Rows, Tape
from symdl.lower.machine import COSIGMOID, GAUSS, GAUSS_PLAIN
from symdl.lower.program import Instruction, Operand, Output, Program, Ref
from symdl.lower.scalars import power as float_power
from symdl.lower.scalars import scalar_function

#: Calculations of fewer nodes than this are lowered from nodes, with all rewrites.
SMALL = 2000

#: Functions of which nothing is rewritten but what is forbidden below.
_PLAIN = frozenset({"sin", "cos", "exp", "sigmoid", "tanh", "softplus", "relu", "arctan"})

#: Next to a number in a sum these would be rewritten.
_WITH_NUMBERS = frozenset({"cos", "exp", "sigmoid", "tanh"})


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
        needed = np.array(self.needed, int)
        return [self.tape.inputs[k] for k in self.tape.rows.attr[needed[self.tape.rows.code[needed] == INPUT]].tolist()]


def results(exprs: Sequence[Expr]) -> Results | None:
    """What expressions are in their table; None when they are to be lowered from nodes."""
    sources = {e.source for e in exprs if type(e) is Later}
    if len(sources) != 1:
        return None
    tape = sources.pop().tape
    if len(tape.serials) < SMALL or not _are_floats(tape) or not _stays(tape):
        return None
    rows: list[int | float] = []
    for expr in exprs:
        if type(expr) is Later:
            rows.append(expr.row)
            continue
        place = int(tape.places([expr.node])[0])
        if expr.shape or expr.map or expr.open or (place < 0 and expr.node.op != CONST_NODE):
            return None
        rows.append(float(expr.node.attr) if place < 0 else place)
    return Results(tape, rows)


def _are_floats(tape: Tape) -> bool:
    """No symbolic size among the numbers."""
    return not any(getattr(number, "free_symbols", None) for number in tape.numbers)


# --- what would be rewritten ----------------------------------------------------------------------------------------


def _stays(tape: Tape) -> bool:
    """None of the rewrites before lowering would change what the user wrote."""
    first = tape.rows.part(len(tape.serials))
    if not set(tape.functions) <= _PLAIN | {COSIGMOID, "positive"}:
        return False
    kind = _Kinds(first, tape)
    exps, sigmoids = kind.called("exp"), kind.called("sigmoid")
    sums, below = first.code == LINEAR, kind.negative_powers()
    saturating = kind.called(*_WITH_NUMBERS) | kind.powers_of(kind.called("tanh"))
    beside_number = kind.balanced(sums & kind.has(first.code == CONST) & kind.has(saturating), saturating)
    of_exps = sums & kind.has(exps)
    inputs = first.code == INPUT
    labels = kind.opposite(sums & kind.has(sigmoids) & kind.has(inputs), sigmoids, inputs)
    differences = kind.opposite(sums & (kind.count(exps) == 2) & (first.counts() == 2), exps, exps)
    divided = below & kind.has(of_exps | kind.called(*_WITH_NUMBERS))
    by_power = np.repeat(first.code == POWER, first.counts())
    squared = np.zeros(len(first), bool)
    squared[first.args[by_power]] = True
    squared[first.args[~by_power]] = False
    return not (beside_number | differences | (labels & ~squared) | divided).any() and kind.apart(exps, sigmoids | kind.called("softplus"))


class _Kinds:
    """Which rows are of a kind, and which have an operand of one; names are looked through."""

    def __init__(self, rows: Rows, tape: Tape) -> None:
        self._rows, self._tape = rows, tape
        behind = np.arange(len(rows))
        named = (rows.code == NAMED).nonzero()[0]
        behind[named] = rows.args[rows.start[named]]
        while (behind[behind] != behind).any():
            behind = behind[behind]
        self._args = behind[rows.args]
        self._floats = [float(number) for number in tape.numbers]

    def called(self, *names: str) -> np.ndarray:
        numbers = [self._tape.functions[name] for name in names if name in self._tape.functions]
        return (self._rows.code == CALL) & np.isin(self._rows.attr, numbers)

    def negative_powers(self) -> np.ndarray:
        below = [k for k, number in enumerate(self._floats) if number < 0]
        return (self._rows.code == POWER) & np.isin(self._rows.attr, below)

    def balanced(self, sums: np.ndarray, kind: np.ndarray) -> np.ndarray:
        """Which of the sums have a number, and an operand of the kind that is weighted by as much or twice as much."""
        found = np.zeros(len(sums), bool)
        for row in sums.nonzero()[0].tolist():
            terms = self._terms(row)
            numbers = {w * self._floats[self._rows.attr[a]] for a, w in terms if self._rows.code[a] == CONST}
            numbers |= {2 * d for d in numbers}
            found[row] = any(-w in numbers or (w in numbers and self._rows.code[a] != POWER) for a, w in terms if kind[a])
        return found

    def _terms(self, row: int) -> list[tuple[int, float]]:
        """Operands of a sum, with their weights."""
        operands = slice(self._rows.start[row], self._rows.start[row + 1])
        return [(a, self._floats[w]) for a, w in zip(self._args[operands].tolist(), self._rows.weights[operands].tolist(), strict=True)]

    def opposite(self, sums: np.ndarray, some: np.ndarray, others: np.ndarray) -> np.ndarray:
        """Which of the sums have an operand of the one kind and one of the other with the opposite weight."""
        found = np.zeros(len(sums), bool)
        for row in sums.nonzero()[0].tolist():
            terms = self._terms(row)
            found[row] = bool({w for a, w in terms if some[a]} & {-w for a, w in terms if others[a]})
        return found

    def apart(self, some: np.ndarray, others: np.ndarray) -> bool:
        """In no product does a function of the ones meet one of the others of the same argument, or of minus that."""
        arguments = {k: self._but_for_the_sign(int(self._args[self._rows.start[k]])) for k in (some | others).nonzero()[0].tolist()}
        shared = {arguments[k] for k in some.nonzero()[0].tolist()} & {arguments[k] for k in others.nonzero()[0].tolist()}
        if not shared:
            return True
        both = self._rows.code == PRODUCT
        for kind in (some, others):
            these = np.zeros(len(both), bool)
            these[[k for k in kind.nonzero()[0].tolist() if arguments[k] in shared]] = True
            both &= self.has(these | self.has(these))  # also one in a sum beside the other
        return not both.any()

    def _but_for_the_sign(self, row: int) -> tuple[Any, ...]:
        """What a row has in common with minus the same."""
        rows, operands = self._rows, slice(self._rows.start[row], self._rows.start[row + 1])
        code, number = int(rows.code[row]), abs(self._floats[rows.attr[row]]) if rows.code[row] in (PRODUCT, LINEAR) else 0.0
        if code == PRODUCT and number == 1.0 and operands.stop - operands.start == 1:
            return self._but_for_the_sign(int(self._args[operands.start]))
        if code not in (PRODUCT, LINEAR):
            return (row,)
        return code, number, tuple(self._args[operands].tolist()), tuple(abs(self._floats[w]) for w in rows.weights[operands].tolist())

    def powers_of(self, kind: np.ndarray) -> np.ndarray:
        return (self._rows.code == POWER) & self.has(kind)

    def count(self, kind: np.ndarray) -> np.ndarray:
        """How many operands of each row are of the kind."""
        found = np.zeros(len(self._args) + 1, np.int64)
        np.cumsum(kind[self._args], out=found[1:])
        return found[self._rows.start[1:]] - found[self._rows.start[:-1]]

    def has(self, kind: np.ndarray) -> np.ndarray:
        return self.count(kind) > 0


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
