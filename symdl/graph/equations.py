"""Index equations simplified together: letters eliminated, equations joined, mixed-radix counts and digits taken apart."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from typing import Any

import sympy as sp

from symdl.graph.affine import Affine, Pairs, affine_of, bounds, combined, in_range, key, nonnegative, quotient, solved, substituted
from symdl.graph.labels import Label
from symdl.graph.node import Size
from symdl.graph.number import Number, times


def outside(equation: Affine) -> bool:
    """Whether the function cannot be zero, for whole-number sizes."""
    if any(isinstance(v, sp.Basic) for v in (*equation.coefs.values(), *equation.sizes.values(), equation.offset)):
        return False
    low, high = bounds(equation)
    return bool(low > 0 or high < 0)


def eliminated(equations: list[Affine], used: set[Any], sums: dict[Label, Size]) -> list[Affine]:
    """Summed labels that stand in equations only, taken out where another equation says what they are."""
    again = True
    while again:
        again = False
        for label in [s for s in sums if s not in used]:
            having = [e for e in equations if label in e.coefs]
            source = next((e for e in having if e.coefs[label] in (1, -1) and in_range(e, label)), None)
            if source is None:
                continue
            value = solved(source, label)
            equations = [substituted(e, label, value) if label in e.coefs else e for e in equations if e is not source]
            del sums[label]
            again = True
            break
    return equations


def joined(equations: list[Affine]) -> list[Affine]:
    """r = A and s = A, A an affine function of two or more positions: r = A and r = s."""
    done: list[Affine] = []
    for equation in equations:
        for other in done:
            for sign in (1, -1):
                gap = combined(equation, other, sign)
                if len(gap.coefs) <= 2 < len(equation.coefs):
                    equation = gap
        done.append(equation)
    return done


def counted(equations: list[Affine], used: set[Any], sums: dict[Label, Size]) -> list[Affine]:
    """Sum over i and k of iszero(r - (p*i + k)) = 1: every r < n*p has one pair of digits i < n, k < p."""
    kept = []
    for equation in equations:
        elsewhere = used | {k for other in equations if other is not equation for k in other.coefs}
        digits = [k for k in equation.coefs if k in sums and k not in elsewhere]
        rest = [k for k in equation.coefs if k not in digits]
        if len(rest) == 1 and len(digits) > 1 and equation.offset == 0 and is_count(equation, rest[0], digits):
            for k in digits:
                del sums[k]
        else:
            kept.append(equation)
    return kept


def is_count(equation: Affine, whole: Label, digits: list[Label]) -> bool:
    """Whether the digits are a mixed radix system that counts the positions of ``whole``."""
    return _counts(tuple((equation.coefs[k], equation.sizes[k]) for k in digits), times(-1, equation.coefs[whole]), equation.sizes[whole])


@lru_cache(maxsize=20_000)
def _counts(digits: Pairs, scale: Number, size: Size) -> bool:
    stride: Any = sp.sympify(scale)
    waiting = list(digits)
    while waiting:
        following = next((d for d in waiting if sp.expand(sp.sympify(d[0]) - stride) == 0), None)
        if following is None:
            return False
        stride = stride * sp.sympify(following[1])
        waiting.remove(following)
    return bool(sp.expand(stride - sp.sympify(scale) * sp.sympify(size)) == 0)


def by_digits(equation: Affine) -> list[Affine]:
    """p*(i - j) + (k - l) = 0 in two equations, where the second part is too small to make up for a p."""
    if len(equation.coefs) < 3:
        return [equation]
    labels = list(equation.coefs)
    parts = []
    for places, scale, offset in _split(*key(equation)):
        own = [labels[k] for k in places]
        coefs = {k: equation.coefs[k] if scale == 1 else quotient(equation.coefs[k], scale) for k in own}
        parts.append(Affine(coefs, {k: equation.sizes[k] for k in own}, offset))
    return parts


@lru_cache(maxsize=20_000)
def _split(pairs: Pairs, offset: Number) -> tuple[Any, ...]:
    """The places of each digit, what its coefficients are divided by, and its offset; one part where nothing can be split off."""
    whole = affine_of(pairs, offset)
    for large in sorted({_size(c) for c in whole.coefs.values()}, key=str):
        if large == 1:
            continue
        high: list[Any] = [k for k, c in whole.coefs.items() if type(q := quotient(c, large)) is int or _multiple(q)]
        rest: list[Any] = [k for k in whole.coefs if k not in high]
        low = Affine({k: whole.coefs[k] for k in rest}, {k: whole.sizes[k] for k in rest}, offset)
        if not high or not rest:
            continue
        least, most = bounds(low)
        if all(nonnegative(b) for b in (sp.sympify(large) - 1 + sp.sympify(least), sp.sympify(large) - 1 - sp.sympify(most))):
            upper = [(tuple(high[k] for k in places), times(large, scale), o) for places, scale, o in _split(_divided(pairs, high, large), 0)]
            lower = [(tuple(rest[k] for k in places), scale, o) for places, scale, o in _split(tuple(pairs[k] for k in rest), offset)]
            return (*upper, *lower)
    return ((tuple(whole.coefs), 1, offset),)


def _divided(pairs: Pairs, places: Sequence[int], by: Number) -> Pairs:
    return tuple((quotient(pairs[k][0], by), pairs[k][1]) for k in places)


def _multiple(value: Any) -> bool:
    return isinstance(value, sp.Basic) and bool(value.is_integer)


def _size(coef: Number) -> Number:
    """|coef|, with the sign read off."""
    if isinstance(coef, sp.Basic):
        return -coef if coef.could_extract_minus_sign() else coef
    return abs(coef)
