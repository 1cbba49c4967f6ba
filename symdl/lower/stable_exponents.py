"""Rewrites of products and powers of exponentials: what overflows alone is joined with what makes it small again."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import reduce
from typing import Any, NamedTuple

from symdl.graph import build
from symdl.graph import node as kinds
from symdl.graph.build import Label, Term
from symdl.graph.number import is_negative, power, times
from symdl.lower.behind import addends, applied, argument, arguments, inside, named, opened, sum_of
from symdl.lower.machine import RECIPROCAL_EXPM1, SECH
from symdl.lower.positive import is_positive, is_positive_number
from symdl.lower.stable_logistic import one_plus_exp
from symdl.lower.stable_parts import LONG, half, negative, sigmoid_of

#: The name of the largest exponent of a sum: what has it is not opened.
LARGEST = "largest"


#: The largest exponent that is taken out.
_HUGE = 10**300


def pow_(term: Term) -> Term | None:
    """Powers of exponentials, of what underflows, and of sums of exponentials."""
    outer, exponent = arguments(term)[0], term.node.attr
    base = inside(outer)
    if is_gate(outer) and type(exponent) is int and exponent < 0:
        return build.pow_(base, exponent)
    w = argument(base, "exp")
    if w is not None:
        return build.fn("exp", [build.mul(exponent, [w])]) if _keeps_digits(exponent) else None
    for name, other in (("cosh", SECH), ("expm1", RECIPROCAL_EXPM1)):
        z = argument(base, name)
        if z is not None and is_negative(exponent) and (name == "cosh" or type(exponent) is int):
            return build.pow_(applied(other, z), times(-1, exponent))
    if base.node.op == kinds.POW:
        return _nested(base, exponent)
    if base.node.op == kinds.MUL and type(exponent) is not int:
        return _of_product(base, exponent)
    return _of_exponentials(base, exponent) if is_negative(exponent) else None


def is_gate(term: Term) -> bool:
    """1 - tanh and the like, which a product of sigmoids stands for."""
    return term.node.op == kinds.LET and term.node.attr.name in ("gate", "slope")


def _keeps_digits(exponent: Any) -> bool:
    """Whether exp(w) overflows where the power does not."""
    return isinstance(exponent, Fraction) and abs(exponent) < 1


def _nested(base: Term, exponent: Any) -> Term | None:
    """(b^m)^p = b^(m p) for b > 0, and |b|^(m p) for an even m: the square need not fit."""
    inner, m = arguments(base)[0], base.node.attr
    if is_positive(inner):
        return build.pow_(inner, times(m, exponent))
    if type(m) is int and m % 2 == 0:
        return build.pow_(build.fn("abs", [inner]), times(m, exponent))
    return None


def _of_product(base: Term, exponent: Any) -> Term | None:
    """(a b)^p = a^p b^p for positive factors of which one underflows soon."""
    parts = opened(base)
    plain = not parts.summed and not parts.deltas and is_positive_number(parts.coef) and all(map(is_positive, parts.factors))
    if not plain or not any(inside(f).node.op == kinds.FN or f.node.op == kinds.POW for f in parts.factors):
        return None
    factors = _slopes(parts.factors)
    return build.mul(power(parts.coef, exponent), [build.mul(1, [build.pow_(f, exponent)]) if e == 1 else _quarter(f, exponent) for f, e in factors])


def _slopes(factors: Sequence[Term]) -> list[tuple[Term, int]]:
    """The factors; sigmoid(w)*sigmoid(-w) as w, marked with 2."""
    left = list(factors)
    for first in factors:
        w = argument(first, "sigmoid")
        second = None if w is None else next((f for f in left if (v := sigmoid_of(f)) is not None and v == negative(w)), None)
        if w is not None and second is not None:
            return [(w, 2), *((f, 1) for f in left if f not in (first, second))]
    return [(f, 1) for f in left]


def _quarter(w: Term, exponent: Any) -> Term:
    """(sigmoid(w)*sigmoid(-w))^p = (1/(2*cosh(w/2)))^(2p)."""
    return build.mul(power(power(4, -1), exponent), [build.pow_(applied(SECH, half(w)), times(2, exponent))])


class _Exponential(NamedTuple):
    """c*exp(a), or c times the sum of exp(a) over some indices."""

    c: Any
    a: Term
    summed: dict[Label, Any]

    def top(self) -> Term:
        return build.reduce_("max", self.a, self.summed) if self.summed else self.a


def _exponentials(base: Term) -> list[_Exponential] | None:
    """A sum of positive multiples of exponentials; None when there is anything else in it."""
    if base.node.op != kinds.ADD or len(base.node.args) > LONG:
        return None
    found = []
    for c, part in addends(base):
        inner = inside(part)
        parts = opened(inner)
        coef = times(c, parts.coef)
        if not is_positive_number(coef) or parts.deltas:
            return None
        if inner.node.op == kinds.CONST:
            found.append(_Exponential(coef, build.constant(0), {}))
            continue
        a = argument(parts.factors[0], "exp") if len(parts.factors) == 1 else None
        if a is None:
            return None
        found.append(_Exponential(coef, a, parts.summed))
    return found


def _of_exponentials(base: Term, exponent: Any) -> Term | None:
    """S^-p = exp(-p*M)*(S*exp(-M))^-p, M the largest exponent."""
    if one_plus_exp(base) is not None:
        return None  # a sigmoid
    found = _exponentials(base)
    if found is None:
        return None
    if len(found) == 2 and found[0].c == found[1].c and not found[0].summed and not found[1].summed:
        first, second = found
        if negative(first.a) != second.a:
            return None  # joins with what is above it: ``stable_logistic.join``
        return build.mul(power(times(2, first.c), exponent), [build.pow_(applied(SECH, first.a), times(-1, exponent))])
    largest = reduce(lambda a, b: build.fn("maximum", [a, b]), [e.top() for e in found])
    top = named(LARGEST, build.fn("minimum", [largest, build.constant(_HUGE)]))  # an infinite exponent less itself is no number
    below = [(e.c, build.mul(1, [build.fn("exp", [build.add([1, -1], [e.a, top])])], (), e.summed)) for e in found]
    return build.mul(1, [build.fn("exp", [build.mul(exponent, [top])]), build.pow_(named("sum", sum_of(below)), exponent)])
