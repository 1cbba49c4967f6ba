"""Which calculations with scalars the rewrites before lowering would leave as they are, seen from the rows of a table.

Where in doubt the answer is no, and the calculation is lowered from nodes, with all rewrites (``symdl.lower.stabilise``).
"""

from __future__ import annotations

from typing import Any

import numpy as np

from symdl.graph.tape import CALL, CONST, INPUT, LINEAR, NAMED, POWER, PRODUCT, Rows, Tape
from symdl.lower.machine import COSIGMOID

#: Functions of which nothing is rewritten but what is forbidden below.
_PLAIN = frozenset({"sin", "cos", "exp", "sigmoid", "tanh", "softplus", "relu", "arctan"})

#: Next to a number in a sum these would be rewritten.
_WITH_NUMBERS = frozenset({"cos", "exp", "sigmoid", "tanh"})

#: Operands that are looked at one by one before the answer is that something might be rewritten.
_MOST_LOOKED_AT = 1_000_000


def stays(tape: Tape) -> bool:
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
        left = _MOST_LOOKED_AT
        for row in both.nonzero()[0].tolist():
            # What stands inside a function is no factor, and no term beside one.
            near = [b for a in self._operands(row) for b in ((a,) if self._rows.code[a] == CALL else (a, *self._operands(a)))]
            left -= len(near)
            if left < 0 or {arguments[k] for k in near if some[k]} & {arguments[k] for k in near if others[k]}:
                return False
        return True

    def _operands(self, row: int) -> list[int]:
        return self._args[self._rows.start[row] : self._rows.start[row + 1]].tolist()

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
