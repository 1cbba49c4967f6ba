"""Long calculations with scalars as columns of numbers, and how they are computed: by levels where these are wide, else row by row.

Lines of Python would take ten seconds to compile for a hundred thousand rows. Nothing here is compiled, and a row costs some fifty bytes.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from symdl.graph.tape import CALL, INPUT, LINEAR, POWER, PRODUCT, ranges
from symdl.lower.program import Program, Ref

#: So many rows there must be to an array on average, or they are computed one by one.
WIDE = 12

_OPS = {"input": INPUT, "linear": LINEAR, "product": PRODUCT, "pow": POWER, "call": CALL}


@dataclass
class Columns:
    """A calculation, row by row; operands stand in earlier rows.

    Attributes
    ----------
    code : array of uint8
        As in ``symdl.graph.tape``.
    number : array of float
        The value of a constant, the offset of a sum, the coefficient of a product, the exponent of a power.
    function : array of int
        Which of ``names`` a call is.
    names : list of str
    start, args, weights : array
        Operands of row k are ``args[start[k]:start[k + 1]]``, of a sum with these weights.
    above : array of int
        By the operands of a product from this one on is divided.
    outputs : array of int
    """

    code: np.ndarray
    number: np.ndarray
    function: np.ndarray
    names: list[str]
    start: np.ndarray
    args: np.ndarray
    weights: np.ndarray
    above: np.ndarray
    outputs: np.ndarray

    def __len__(self) -> int:
        return len(self.code)

    def counts(self) -> np.ndarray:
        """Operands of each row."""
        return self.start[1:] - self.start[:-1]

    def only_needed(self) -> Columns:
        """Without the rows that no output is made of; inputs stay."""
        start, args = self.start.tolist(), self.args.tolist()
        needed = bytearray((self.code == INPUT).astype(np.uint8).tobytes())
        for row in self.outputs.tolist():
            needed[row] = 1
        for k in range(len(needed) - 1, -1, -1):
            if needed[k]:
                for arg in args[start[k] : start[k + 1]]:
                    needed[arg] = 1
        keep = np.frombuffer(needed, np.uint8).nonzero()[0]
        if len(keep) == len(self):
            return self
        moved = np.zeros(len(self), np.int32)
        moved[keep] = np.arange(len(keep), dtype=np.int32)
        counts = self.counts()[keep]
        at = ranges(self.start[keep], counts)
        ends = np.zeros(len(keep) + 1, np.int32)
        counts.cumsum(out=ends[1:])
        code, number, function = self.code[keep], self.number[keep], self.function[keep]
        return Columns(code, number, function, self.names, ends, moved[self.args[at]], self.weights[at], self.above[keep], moved[self.outputs])

    def levels(self) -> np.ndarray:
        """For every row how many rows come one after the other before it, at most."""
        found: list[int] = []
        add = found.append
        start, args = self.start.tolist(), self.args.tolist()
        first = 0
        for end in start[1:]:
            if end == first:
                add(0)
            elif end == first + 2:
                a, b = found[args[first]], found[args[first + 1]]
                add((a if a > b else b) + 1)
            else:
                add(1 + max([found[arg] for arg in args[first:end]]))
            first = end
        return np.array(found, np.int32)


def of_program(program: Program) -> Columns | None:
    """The columns of a program of scalars; None for all others."""
    code = program.code
    if not all([step.op in _OPS and step.shape == () and all([type(a) is Ref for a in step.args]) for step in code]):
        return None
    if not all([type(out.value) is Ref for out in program.outputs]):
        return None
    names: dict[str, int] = {}
    counts = np.array([len(step.args) for step in code], np.int32)
    start = np.zeros(len(code) + 1, np.int32)
    counts.cumsum(out=start[1:])
    number, function, above = np.zeros(len(code)), np.zeros(len(code), np.int32), counts.copy()
    weights = np.ones(int(start[-1]))
    for k, step in enumerate(code):
        attr: Any = step.attr
        if step.op == "linear":
            weights[start[k] : start[k + 1]] = attr[0]
            number[k] = attr[1]
        elif step.op == "product":
            number[k], above[k] = attr
        elif step.op == "pow":
            number[k] = attr
        elif step.op == "call":
            function[k] = names.setdefault(attr, len(names))
    args = np.array([a for step in code for a in step.args], np.int32)
    outputs = np.array([int(out.value) for out in program.outputs], np.int64)  # type: ignore[arg-type]
    return Columns(np.array([_OPS[step.op] for step in code], np.uint8), number, function, list(names), start, args, weights, above, outputs)


def runner(columns: Columns) -> Callable[..., list[Any]]:
    """A function of the inputs, as floats, that gives the outputs as floats."""
    from symdl.lower.levels import Levels, groups
    from symdl.lower.one_by_one import OneByOne

    level = columns.levels()
    order, ends = groups(columns, level)
    return Levels(columns, order, ends) if len(ends) * WIDE <= len(columns) else OneByOne(columns)
