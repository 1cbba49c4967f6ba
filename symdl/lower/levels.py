"""Long programs of scalars, level by level: what does not depend on each other and is of one kind is computed as one array.

A network written out in scalars is a hundred thousand instructions in a few dozen levels. As lines of Python it takes ten seconds to compile; as a few hundred
operations on arrays, nothing to speak of. Sums and products are taken in the order of the lines, so that the values are the same.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any

import numpy as np

from symdl.lower.program import Instruction, Program, Ref
from symdl.lower.scalars import array_function

#: Programs of fewer instructions are lines of Python: these run faster.
LONG = 5000

#: So many instructions there must be to an array on average.
WIDE = 12

#: What programs made of scalars consist of.
_OPS = frozenset({"input", "linear", "product", "pow", "call"})

_Columns = list[np.ndarray]


def by_levels(program: Program) -> Callable[..., list[Any]] | None:
    """A function of the inputs that gives the results; None for programs that are short or deep, or not of scalars only."""
    code = program.code
    if len(code) < LONG or not all(map(_is_plain, code)) or not all(isinstance(out.value, Ref) for out in program.outputs):
        return None
    groups = _groups(code)
    return _Levels(program, groups) if len(groups) * WIDE <= len(code) else None


def _is_plain(step: Instruction) -> bool:
    return step.op in _OPS and step.shape == () and all([type(a) is Ref for a in step.args])


def _groups(code: tuple[Instruction, ...]) -> list[list[int]]:
    """Instructions that can be computed together, in an order in which what is used comes first."""
    levels: list[int] = []
    found: dict[Any, list[int]] = {}
    for number, step in enumerate(code):
        level = 1 + max([levels[int(a)] for a in step.args], default=-1)
        levels.append(level)
        found.setdefault((level, step.op, len(step.args), _kind(step)), []).append(number)
    return [found[key] for key in sorted(found, key=lambda key: key[0])]


def _kind(step: Instruction) -> Any:
    """What must be the same in instructions that are computed together, besides the operation."""
    return step.attr[1] if step.op == "product" else step.attr if step.op in ("pow", "call") else None


class _Levels:
    """All values stand in one vector, group by group."""

    def __init__(self, program: Program, groups: list[list[int]]) -> None:
        place = np.empty(len(program.code), np.int64)
        place[np.concatenate(groups)] = np.arange(len(place))
        self._inputs = place[: len(program.inputs)]
        self._outputs = place[[int(out.value) for out in program.outputs]]
        self._size = len(place)
        self._steps: list[tuple[slice, Callable[[_Columns], np.ndarray], np.ndarray]] = []
        end = 0
        for numbers in groups:
            start, end = end, end + len(numbers)
            some = [program.code[k] for k in numbers]
            if some[0].op != "input":
                args = place[np.array([step.args for step in some], np.int64).T]
                self._steps.append((slice(start, end), _MAKERS[some[0].op](some), args))

    def __call__(self, *arrays: Any) -> list[Any]:
        values = np.empty(self._size)
        values[self._inputs] = [float(a) for a in arrays]
        for where, compute, args in self._steps:
            values[where] = compute(list(values[args]))
        return values[self._outputs].tolist()


def _linear(some: list[Instruction]) -> Callable[[_Columns], np.ndarray]:
    weights = np.array([step.attr[0] for step in some]).T
    scales = [None if (w == 1.0).all() else w for w in weights]
    offsets = np.array([step.attr[1] for step in some])
    has_offset = bool(offsets.any())

    def compute(columns: _Columns) -> np.ndarray:
        total = reduce(np.add, [c if w is None else w * c for w, c in zip(scales, columns, strict=True)])
        return total + offsets if has_offset else total

    return compute


def _product(some: list[Instruction]) -> Callable[[_Columns], np.ndarray]:
    above = some[0].attr[1]
    coefs = np.array([step.attr[0] for step in some])
    first = [] if (coefs == 1.0).all() and above else [coefs]
    return lambda columns: reduce(np.divide, columns[above:], reduce(np.multiply, [*first, *columns[:above]]))


def _pow(some: list[Instruction]) -> Callable[[_Columns], np.ndarray]:
    exponent = some[0].attr
    if exponent in (2.0, 3.0, 4.0):
        return lambda columns: reduce(np.multiply, columns * int(exponent))
    if exponent == -1.0:
        return lambda columns: 1.0 / columns[0]
    return lambda columns: np.power(columns[0], exponent)


def _call(some: list[Instruction]) -> Callable[[_Columns], np.ndarray]:
    function = array_function(some[0].attr)
    return lambda columns: function(*columns)


_MAKERS: dict[str, Callable[[list[Instruction]], Callable[[_Columns], np.ndarray]]] = {"linear": _linear, "product": _product, "pow": _pow, "call": _call}
