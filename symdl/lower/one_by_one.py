"""Long and deep programs of scalars, row by row: a loop over columns of numbers, in Python's floats.

A row takes as long as the line of Python that it would be, which need not be compiled.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable
from typing import Any

import numpy as np

from symdl.graph.tape import CALL, INPUT, LINEAR, NAMED, POWER, PRODUCT
from symdl.lower.rowwise import Columns
from symdl.lower.scalars import array_function, power, scalar_function

# What is done at a row, by how often it occurs. a, b: rows, or the range of operands; c: a number.
_TIMES, _SCALED, _PLUS, _CALL, _PRODUCT, _LINEAR, _POWER, _INVERSE, _INPUT, _CONST, _CALL_MANY, _DIVIDED = range(12)


class OneByOne:
    """A function of the inputs."""

    def __init__(self, columns: Columns) -> None:
        what, a, b, c = _coded(columns)
        self._columns = _packed("B", what), _packed("i", a), _packed("i", b), _packed("d", c)
        self._args, self._weights = _packed("i", columns.args.astype(np.int32)), _packed("d", columns.weights)
        self._names = columns.names
        self._above = dict(zip((rows := (what == _DIVIDED).nonzero()[0]).tolist(), columns.above[rows].tolist(), strict=True))
        self._functions: list[Callable[..., Any]] = [scalar_function(name) for name in columns.names]
        self._outputs = columns.outputs.tolist()

    def __call__(self, *arrays: Any) -> list[Any]:
        values = [float(a) for a in arrays]
        try:
            found = self._run(iter(values), self._functions)
        except (ZeroDivisionError, OverflowError):
            # Python's floats raise where NumPy's give an infinity.
            careful = [array_function(name) for name in self._names]
            found = self._run(iter([np.float64(v) for v in values]), careful)
        return [float(found[k]) for k in self._outputs]

    def _run(self, inputs: Any, functions: list[Callable[..., Any]]) -> list[Any]:
        v: list[Any] = []
        add = v.append
        args, weights = self._args, self._weights
        for what, a, b, c in zip(*self._columns, strict=True):
            if what == _TIMES:
                add(v[a] * v[b])
            elif what == _SCALED:
                add(c * v[a])
            elif what == _PLUS:
                add(v[a] + v[b])
            elif what == _CALL:
                add(functions[b](v[a]))
            elif what == _PRODUCT:
                for k in args[a:b]:
                    c *= v[k]
                add(c)
            elif what == _LINEAR:
                total = weights[a] * v[args[a]]
                for k in range(a + 1, b):
                    total += weights[k] * v[args[k]]
                add(total + c)
            elif what == _POWER:
                add(power(v[a], c))
            elif what == _INVERSE:
                add(1.0 / v[a])
            elif what == _INPUT:
                add(next(inputs))
            elif what == _CONST:
                add(c)
            elif what == _CALL_MANY:
                add(functions[int(c)](*[v[k] for k in args[a:b]]))
            else:
                add(self._divided(v, a, b, c))
        return v

    def _divided(self, v: list[Any], a: int, b: int, c: float) -> Any:
        """A product of which some factors are divided by."""
        operands = [v[k] for k in self._args[a:b]]
        above = self._above[len(v)]
        for factor in operands[:above]:
            c = c * factor
        for factor in operands[above:]:
            c = c / factor
        return c


def _packed(kind: str, column: np.ndarray) -> Any:
    """A column of a few bytes a row, which Python reads faster than NumPy's."""
    return array(kind, np.ascontiguousarray(column).tobytes())


def _coded(columns: Columns) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """For every row what is done, and with what."""
    code, number, counts = columns.code, columns.number, columns.counts()
    a, b, c = columns.start[:-1].copy(), columns.start[1:].copy(), number.copy()
    what = np.full(len(code), _CONST, np.uint8)
    what[code == INPUT] = _INPUT
    first, second = _operand(columns, 0), _operand(columns, 1)
    ones = np.r_[0, np.cumsum(columns.weights != 1.0)]
    plain = (ones[columns.start[1:]] == ones[columns.start[:-1]]) & (number == 0.0)

    def these(rows: np.ndarray, code_of: int, *operands: np.ndarray) -> None:
        what[rows] = code_of
        for column, operand in zip((a, b), operands, strict=False):
            column[rows] = operand[rows]

    product, linear, call, exponent = code == PRODUCT, code == LINEAR, code == CALL, code == POWER
    these(product, _PRODUCT)
    these(product & (counts == 1), _SCALED, first)
    these(product & (counts == 2) & (number == 1.0), _TIMES, first, second)
    these(product & (columns.above < counts), _DIVIDED)
    a[what == _DIVIDED], b[what == _DIVIDED] = columns.start[:-1][what == _DIVIDED], columns.start[1:][what == _DIVIDED]
    these(linear, _LINEAR)
    scaled = linear & (counts == 1) & (number == 0.0)
    these(scaled, _SCALED, first)
    c[scaled] = columns.weights[columns.start[:-1][scaled]]
    these(linear & (counts == 2) & plain, _PLUS, first, second)
    these(exponent, _POWER, first)
    these(exponent & (number == 2.0), _TIMES, first, first)
    these(exponent & (number == -1.0), _INVERSE, first)
    these(call, _CALL_MANY)
    c[call] = columns.function[call]
    these(call & (counts == 1), _CALL, first, columns.function)
    these(code == NAMED, _SCALED, first)
    c[code == NAMED] = 1.0
    return what, a, b, c


def _operand(columns: Columns, position: int) -> np.ndarray:
    """Operand at a position of every row; 0 where there is none."""
    found = np.zeros(len(columns), np.int32)
    has = columns.counts() > position
    found[has] = columns.args[columns.start[:-1][has] + position]
    return found
