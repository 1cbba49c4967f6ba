"""Long programs of scalars, level by level: what does not depend on each other and is of one kind is computed as one array.

A network written out in scalars is a hundred thousand rows in a few dozen levels: a few hundred operations on arrays. Sums and products are taken in the
order of the lines that a shorter program would be, so that the values are the same.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any

import numpy as np

from symdl.graph.tape import CALL, CONST, INPUT, LINEAR, NAMED, POWER, PRODUCT
from symdl.lower.program import Program
from symdl.lower.rowwise import Columns, of_program, runner
from symdl.lower.scalars import array_function

#: Programs of fewer instructions are lines of Python: these run faster.
LONG = 5000

_Operands = list[np.ndarray]
_Compute = Callable[[_Operands], np.ndarray]


def without_lines(program: Program) -> Callable[..., list[Any]] | None:
    """A function of the inputs that gives the results; None for programs that are short, or not of scalars only."""
    columns = of_program(program) if len(program.code) >= LONG else None
    return None if columns is None else runner(columns)


def groups(columns: Columns, level: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The rows in an order in which those that can be computed together stand together, and where each group ends."""
    code, counts = columns.code, columns.counts()
    kind = np.where(code == CALL, columns.function, np.where(code == PRODUCT, columns.above, 0))
    exponent = np.where(code == POWER, columns.number, 0.0)
    keys = (exponent, kind, counts, code, level)
    order = np.lexsort(keys)
    new = np.zeros(len(order), bool)
    new[-1:] = True
    for key in keys:
        here = key[order]
        new[:-1] |= here[1:] != here[:-1]
    return order, new.nonzero()[0] + 1


class Levels:
    """All values stand in one vector, group by group."""

    def __init__(self, columns: Columns, order: np.ndarray, ends: np.ndarray) -> None:
        place = np.empty(len(order), np.int64)
        place[order] = np.arange(len(order))
        self._inputs = place[columns.code == INPUT]
        self._outputs = place[columns.outputs]
        fixed = columns.code == CONST
        self._fixed, self._numbers = place[fixed], columns.number[fixed]
        self._size = len(order)
        self._steps: list[tuple[slice, _Compute, np.ndarray]] = []
        start = 0
        for end in ends.tolist():
            rows = order[start:end]
            code = int(columns.code[rows[0]])
            if code not in (INPUT, CONST):
                first = columns.start[rows]
                at = first + np.arange(columns.start[rows[0] + 1] - first[0])[:, None]
                self._steps.append((slice(start, end), _MAKERS[code](columns, rows, at), place[columns.args[at]]))
            start = end

    def __call__(self, *arrays: Any) -> list[Any]:
        values = np.empty(self._size)
        values[self._inputs] = [float(a) for a in arrays]
        values[self._fixed] = self._numbers
        for where, compute, args in self._steps:
            values[where] = compute(list(values[args]))
        return values[self._outputs].tolist()


def _linear(columns: Columns, rows: np.ndarray, at: np.ndarray) -> _Compute:
    scales = [None if (w == 1.0).all() else w for w in columns.weights[at]]
    offsets = columns.number[rows]
    has_offset = bool(offsets.any())

    def compute(operands: _Operands) -> np.ndarray:
        total = reduce(np.add, [c if w is None else w * c for w, c in zip(scales, operands, strict=True)])
        return total + offsets if has_offset else total

    return compute


def _product(columns: Columns, rows: np.ndarray, at: np.ndarray) -> _Compute:
    above = int(columns.above[rows[0]])
    coefs = columns.number[rows]
    first = [] if (coefs == 1.0).all() and above else [coefs]
    return lambda operands: reduce(np.divide, operands[above:], reduce(np.multiply, [*first, *operands[:above]]))


def _pow(columns: Columns, rows: np.ndarray, at: np.ndarray) -> _Compute:
    exponent = float(columns.number[rows[0]])
    if exponent in (2.0, 3.0, 4.0):
        return lambda operands: reduce(np.multiply, operands * int(exponent))
    if exponent == -1.0:
        return lambda operands: 1.0 / operands[0]
    return lambda operands: np.power(operands[0], exponent)


def _call(columns: Columns, rows: np.ndarray, at: np.ndarray) -> _Compute:
    function = array_function(columns.names[columns.function[rows[0]]])
    return lambda operands: function(*operands)


def _same(columns: Columns, rows: np.ndarray, at: np.ndarray) -> _Compute:
    return lambda operands: operands[0]


_MAKERS: dict[int, Callable[[Columns, np.ndarray, np.ndarray], _Compute]] = {LINEAR: _linear, PRODUCT: _product, POWER: _pow, CALL: _call, NAMED: _same}
