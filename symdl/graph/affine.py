"""Affine functions of index letters, sum of coefficient x letter + offset: their range, solved for a letter, put into one another."""

from __future__ import annotations

from fractions import Fraction
from functools import lru_cache
from typing import Any, NamedTuple

import sympy as sp

from symdl.graph.labels import Label
from symdl.graph.node import Size
from symdl.graph.number import Number, plus, times


class Affine(NamedTuple):
    """offset + Sum over labels of coefficient * position: what stands in an index equation."""

    coefs: dict[Label, Number]
    sizes: dict[Label, Size]
    offset: Number


def quotient(a: Number, b: Number) -> Any:
    """a/b when it is a whole number, else something that is no int."""
    value = Fraction(a) / Fraction(b) if not isinstance(a, sp.Basic) and not isinstance(b, sp.Basic) else None
    if value is not None:
        return int(value) if value.denominator == 1 else value
    ratio = sp.cancel(sp.sympify(a) / sp.sympify(b))
    return int(ratio) if ratio.is_Integer else ratio


def bounds(equation: Affine) -> tuple[Any, Any]:
    """The least and the largest value of an affine function over the ranges of its positions (NaN where a sign is not known)."""
    low: Any = equation.offset
    high: Any = equation.offset
    for label, coef in equation.coefs.items():
        reach = times(coef, plus(equation.sizes[label], -1)) if isinstance(equation.sizes[label], int) else coef * (equation.sizes[label] - 1)
        if nonnegative(coef):
            high = plus(high, reach)
        elif nonnegative(times(-1, coef)):
            low = plus(low, reach)
        else:
            return sp.nan, sp.nan
    return low, high


@lru_cache(maxsize=20_000)
def nonnegative(value: Any) -> bool:
    """Whether value >= 0 for all sizes (dims are whole numbers from 1). False when that is not seen."""
    if not isinstance(value, sp.Basic):
        return bool(value >= 0)
    if value is sp.nan:
        return False
    if value.is_nonnegative:
        return True
    # Every dim is 1 more than something nonnegative: n*p - p + ... then has plus signs only.
    shift = {d: 1 + sp.Dummy(str(d), integer=True, nonnegative=True) for d in value.free_symbols if d.is_positive}
    return bool(sp.expand(value.subs(shift, simultaneous=True)).is_nonnegative)


def in_range(equation: Affine, label: Label) -> bool:
    """Whether the position of a label with coefficient 1 or -1, as the equation gives it, always lies on its axis."""
    return _in_range(*key(solved(equation, label)), equation.sizes[label])


# What is asked of symbolic sizes is asked again and again, of equal ones: the answers are kept by coefficients and sizes.
Pairs = tuple[tuple[Any, Any], ...]


def key(equation: Affine) -> tuple[Pairs, Any]:
    return tuple((c, equation.sizes[k]) for k, c in equation.coefs.items()), equation.offset


def affine_of(pairs: Pairs, offset: Number) -> Affine:
    """The equation of a key, its labels the places."""
    return Affine({k: c for k, (c, _) in enumerate(pairs)}, {k: n for k, (_, n) in enumerate(pairs)}, offset)


@lru_cache(maxsize=20_000)
def _in_range(pairs: Pairs, offset: Number, size: Size) -> bool:
    low, high = bounds(affine_of(pairs, offset))
    return nonnegative(low) and nonnegative(sp.sympify(size) - 1 - sp.sympify(high))


def solved(equation: Affine, label: Label) -> Affine:
    """The position of a label, whose coefficient is 1 or -1, in terms of the others."""
    sign = times(-1, equation.coefs[label])
    coefs = {k: times(sign, c) for k, c in equation.coefs.items() if k != label}
    return Affine(coefs, {k: equation.sizes[k] for k in coefs}, times(sign, equation.offset))


def combined(a: Affine, b: Affine, sign: int) -> Affine:
    """a + sign*b."""
    coefs = dict(a.coefs)
    for label, c in b.coefs.items():
        coefs[label] = plus(coefs.get(label, 0), times(sign, c))
    sizes = {**a.sizes, **b.sizes}
    return Affine({k: c for k, c in coefs.items() if c != 0}, {k: n for k, n in sizes.items() if coefs[k] != 0}, plus(a.offset, times(sign, b.offset)))


def substituted(equation: Affine, label: Label, value: Affine) -> Affine:
    coef = equation.coefs[label]
    coefs = {k: c for k, c in equation.coefs.items() if k != label}
    for k, c in value.coefs.items():
        coefs[k] = plus(coefs.get(k, 0), times(coef, c))
    sizes = {k: n for k, n in {**equation.sizes, **value.sizes}.items() if coefs.get(k, 0) != 0}
    return Affine({k: c for k, c in coefs.items() if c != 0}, sizes, plus(equation.offset, times(coef, value.offset)))
