"""Derivatives of the functions of the table as rows of a flat table (``symdl.graph.tape``): read off SymPy's formula once, laid out at every use."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import sympy as sp

from symdl.diff.local import slope_pieces
from symdl.functions import BY_CLASS, TABLE
from symdl.graph.number import Number, number, plus
from symdl.graph.tape import CALL, CONST, LINEAR, POWER, PRODUCT
from symdl.graph.template import placeholders

#: What a step or a product takes: ("argument", k) of the function, the value of the ("function", 0) itself, the result of ("step", j).
Source = tuple[str, int]


@dataclass(frozen=True)
class Step:
    """A row that is made for each use: the operation, its number or its function's name, operands, and weights in a sum."""

    code: int
    attr: Any
    sources: tuple[Source, ...]
    weights: tuple[Number, ...] = ()


@dataclass(frozen=True)
class Recipe:
    """A derivative: a number times factors, and the steps that make these."""

    coef: Number
    factors: tuple[Source, ...]
    steps: tuple[Step, ...]


@cache
def of_power(exponent: Number) -> Recipe:
    """d(x**k)/dx = k*x**(k - 1); of squares the base itself."""
    lowered = plus(exponent, -1)
    if lowered == 1:
        return Recipe(exponent, (("argument", 0),), ())
    return Recipe(exponent, (("step", 0),), (Step(POWER, lowered, (("argument", 0),)),))


@cache
def recipe(name: str, position: int) -> Recipe | None:
    """The derivative of a function by an argument; None when it is 0, or says what rows cannot."""
    coef, templates = slope_pieces(name, position)
    reader = _Reader(name)
    try:
        factors = tuple(map(reader.source, templates))
    except KeyError:
        return None
    return None if coef == 0 else Recipe(coef, factors, tuple(reader.steps))


class _Reader:
    """Reads a formula in placeholders; the same part is made once."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._places = placeholders(TABLE[name].nargs)
        self.steps: dict[Step, int] = {}

    def source(self, part: Any) -> Source:
        """Where the value of a part comes from. Formulas of derivatives are small, so this may recurse."""
        if part in self._places:
            return "argument", self._places.index(part)
        if BY_CLASS.get(type(part)) == self._name and part.args == self._places:
            return "function", 0
        return "step", self.steps.setdefault(self._step(part), len(self.steps))

    def _step(self, part: Any) -> Step:
        if part.is_number:
            return Step(CONST, number(part), ())
        if part.is_Add:
            offset, rest = part.as_coeff_Add()
            terms = [a.as_coeff_Mul() for a in sp.Add.make_args(rest)]
            return Step(LINEAR, number(offset), tuple(self.source(t) for _, t in terms), tuple(number(c) for c, _ in terms))
        if part.is_Mul:
            coef, rest = part.as_coeff_Mul()
            return Step(PRODUCT, number(coef), tuple(map(self.source, sp.Mul.make_args(rest))))
        if part.is_Pow and part.exp.is_number:
            return Step(POWER, number(part.exp), (self.source(part.base),))
        return Step(CALL, "pow" if part.is_Pow else BY_CLASS[type(part)], tuple(map(self.source, part.args)))
