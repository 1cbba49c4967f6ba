"""Exact coefficients: int, Fraction, or a SymPy expression without inputs (pi, a size such as n).

Plain Python numbers stay plain, for speed; floats are read as the decimal that was typed (0.1 is 1/10), so
that nothing in the graph is inexact.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any, Union

import sympy as sp

from symdl.errors import DomainError

Number = Union[int, Fraction, sp.Expr]


def number(value: Any) -> Number:
    """Normalise a Python, NumPy or SymPy number.

    Raises
    ------
    DomainError
        For infinities and NaN.
    """
    if type(value) is int:
        return value
    if isinstance(value, Fraction):
        return value.numerator if value.denominator == 1 else value
    if isinstance(value, sp.Expr):
        return _from_sympy(value)
    if isinstance(value, bool):
        return int(value)
    if hasattr(value, "item"):
        return number(value.item())
    if isinstance(value, int):
        return int(value)
    if isinstance(value, float):
        if not math.isfinite(value):
            raise DomainError(f"the number {value} is not finite: only finite constants can be used in an expression")
        return number(Fraction(repr(value)))
    raise DomainError(f"{value!r} is not a real number")


def _from_sympy(value: sp.Expr) -> Number:
    if isinstance(value, sp.Integer):
        return int(value)
    if isinstance(value, sp.Rational):
        return Fraction(int(value.p), int(value.q))
    if isinstance(value, sp.Float):
        return number(Fraction(str(value)))
    if value in (sp.oo, -sp.oo, sp.zoo, sp.nan) or value.has(sp.oo, sp.zoo, sp.nan):
        raise DomainError(f"the number {value} is not finite: only finite constants can be used in an expression")
    return value


def to_sympy(value: Number) -> sp.Expr:
    """The SymPy form of a coefficient."""
    if isinstance(value, int):
        return sp.Integer(value)
    if isinstance(value, Fraction):
        return sp.Rational(value.numerator, value.denominator)
    return value


#: Fractions that came up in calculations. A large graph has the same few in thousands of places: kept once, they are told apart by identity.
_met: dict[tuple[int, int], Fraction] = {}
_MOST_MET = 10_000


def _kept(value: Any) -> Number:
    """An int or a Fraction, in lowest terms and as it was met before."""
    if type(value) is int:
        return value
    key = value.numerator, value.denominator
    if key[1] == 1:
        return key[0]
    return _met.setdefault(key, value) if len(_met) < _MOST_MET else _met.get(key, value)


def times(a: Number, b: Number) -> Number:
    if type(a) is int and type(b) is int:
        return a * b
    if type(a) is int and a == 1:  # the other as it is: most equal fractions of a large graph are one object
        return b
    if type(b) is int and b == 1:
        return a
    if isinstance(a, sp.Expr) or isinstance(b, sp.Expr):
        return number(to_sympy(a) * to_sympy(b))
    return _kept(a * b)


def plus(a: Number, b: Number) -> Number:
    if type(a) is int and type(b) is int:
        return a + b
    if isinstance(a, sp.Expr) or isinstance(b, sp.Expr):
        return number(to_sympy(a) + to_sympy(b))
    return _kept(a + b)


#: Exact powers with more digits than this stay unevaluated errors rather than fill the memory.
MAX_BITS = 4096


def power(a: Number, e: Number) -> Number:
    """a**e, exactly; DomainError for 0**negative and for results too large to hold."""
    if a == 0 and not isinstance(e, sp.Expr) and e < 0:
        raise DomainError(f"0**{e} divides by zero")
    if type(e) is int and not isinstance(a, sp.Expr):
        bits = max(abs(Fraction(a).numerator).bit_length(), Fraction(a).denominator.bit_length())
        if a not in (1, -1, 0) and bits * abs(e) > MAX_BITS:
            raise DomainError(f"the power ({a})**{e} is too large to write down")
        return number(Fraction(a) ** e)
    exponent = to_sympy(e)
    if exponent.is_number and abs(exponent.evalf(5)) > MAX_BITS:
        raise DomainError(f"the power ({a})**{e} is too large to write down")
    value = to_sympy(a) ** exponent
    if value.is_real is False:
        raise DomainError(f"({a})**({e}) is not a real number")
    return number(value)


def is_negative(a: Number) -> bool:
    """True when the coefficient is known to be below zero (used for printing a minus sign)."""
    if isinstance(a, sp.Expr):
        return bool(a.could_extract_minus_sign())
    return a < 0
