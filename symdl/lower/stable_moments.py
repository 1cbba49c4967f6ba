"""Rewrites of sums of squares and products: variances about the mean, norms that neither overflow nor underflow.

Sources: Chan, Golub and LeVeque 1983, "Algorithms for computing the sample variance" (the two-pass form); Blue 1978, "A portable Fortran program to find the
Euclidean norm of a vector" (scaling).
"""

from __future__ import annotations

from fractions import Fraction
from functools import reduce
from typing import Any

from symdl.graph import build
from symdl.graph import node as kinds
from symdl.graph.build import Label, Term
from symdl.graph.labels import is_fixed
from symdl.graph.node import Size
from symdl.graph.number import plus, power, times
from symdl.lower.behind import Parts, addends, applied, arguments, inside, named, opened, sum_of
from symdl.lower.machine import HYPOT, NONZERO, OVER
from symdl.lower.positive import is_positive_number
from symdl.lower.stable_parts import LONG

# --- variances and covariances ---------------------------------------------------------------------------------------------


def add(term: Term) -> Term | None:
    """c*Sum(f*g) - c/N*Sum(f)*Sum(g) = c*Sum((f - mean f)*(g - mean g)), N the number of terms."""
    if len(term.node.args) > LONG:
        return None
    parts = addends(term)
    sums = [(k, c, opened(inside(t))) for k, (c, t) in enumerate(parts) if _may_be_sum(inside(t))]
    for k, c, whole in sums:
        for j, (d, other) in enumerate(parts):
            made = _covariance(c, whole, d, opened(inside(other))) if j != k else None
            if made is not None:
                return sum_of([*(p for n, p in enumerate(parts) if n not in (j, k)), (1, made)])
    return None


def _may_be_sum(term: Term) -> bool:
    return term.node.op == kinds.MUL and bool(term.node.attr.summed) and not term.node.attr.deltas


def _covariance(c: Any, whole: Parts, d: Any, product: Parts) -> Term | None:
    if product.summed or product.deltas:
        return None
    factors = _unsquared(whole.factors)
    sums = _unsquared(product.factors)
    if len(factors) != 2 or len(sums) != 2:
        return None
    first, second = (opened(inside(s)) for s in sums)
    size: Any = _size(whole.summed)
    scale = times(times(d, product.coef), times(first.coef, second.coef))
    if plus(times(times(c, whole.coef), power(size, -1)), scale) != 0:
        return None
    for f, g in (factors, factors[::-1]):
        if _is_sum_of(f, whole.summed, first) and _is_sum_of(g, whole.summed, second):
            return build.mul(times(c, whole.coef), [_centred(t, whole.summed, size) for t in (f, g)], (), whole.summed)
    return None


def _size(summed: dict[Label, Size]) -> Any:
    one: Any = 1
    return reduce(times, summed.values(), one)


def _unsquared(factors: list[Term]) -> list[Term]:
    """Squares as two factors, names of results left where they are."""
    found: list[Term] = []
    for f in factors:
        inner = inside(f)
        found += [arguments(inner)[0]] * 2 if inner.node.op == kinds.POW and inner.node.attr == 2 else [f]
    return found


def _is_sum_of(f: Term, summed: dict[Label, Size], parts: Parts) -> bool:
    """Whether the product is the sum of f over these indices, all of which f has."""
    if len(parts.factors) != 1 or parts.deltas or len(parts.summed) != len(summed) or not all(label in f.map for label in summed):
        return False
    other = inside(parts.factors[0])
    mine = inside(f)
    if other.node is not mine.node:
        return False
    return all((a in summed and b in parts.summed) if a in summed or b in parts.summed else a == b for a, b in zip(mine.map, other.map, strict=True))


def _centred(f: Term, summed: dict[Label, Size], size: Any) -> Term:
    away = {label: build.fresh() for label in summed}
    mean = build.mul(power(size, -1), [build.rename(f, away)], (), {away[label]: n for label, n in summed.items()})
    return named("centred", build.add([1, -1], [f, named("mean", mean)]))


# --- norms -------------------------------------------------------------------------------------------------------------------


def ratio(term: Term) -> Term | None:
    """f^k/w^k = (f/w)^k for a function f of the same indices: neither power need fit."""
    if term.node.op != kinds.MUL or term.node.attr.summed or not any(a.op == kinds.POW and type(a.attr) is int and a.attr < -1 for a in term.node.args):
        return None
    parts = opened(term)
    for k, below in enumerate(parts.factors):
        exponent = below.node.attr if below.node.op == kinds.POW else 0
        for j, above in enumerate(parts.factors):
            if type(exponent) is not int or exponent >= -1 or above.node.op != kinds.POW or above.node.attr != -exponent:
                continue
            f, w = arguments(above)[0], arguments(below)[0]
            if inside(f).node.op == kinds.FN and set(f.map) == set(w.map):
                rest = [t for n, t in enumerate(parts.factors) if n not in (j, k)]
                return build.mul(parts.coef, [*rest, build.pow_(applied(OVER, f, w), -exponent)], parts.deltas, parts.summed)
    return None


def norm(term: Term) -> Term | None:
    """(c*Sum v^2)^p = c^p*|v|^(2p) for p = 1/2, -1/2, 3/2, ...; roots of sums of squares, by hypotenuses."""
    if term.node.op != kinds.POW or not isinstance(term.node.attr, Fraction) or term.node.attr.denominator != 2:
        return None
    base, exponent = inside(arguments(term)[0]), term.node.attr
    if base.node.op == kinds.MUL and base.node.attr.summed and not base.node.attr.deltas and is_positive_number(base.node.attr.coef):
        parts = opened(base)
        factors = _unsquared(parts.factors)
        if len(factors) != 2 or factors[0] != factors[1]:
            return None
        whole = _length(factors[0], parts.summed)
        return None if whole is None else build.mul(power(parts.coef, exponent), [build.pow_(whole, times(2, exponent))])
    if base.node.op == kinds.ADD and len(base.node.args) <= 4 and all(is_positive_number(c) for c in base.node.attr):
        sides = [_side(c, t) for c, t in addends(base)]
        if all(s is not None for s in sides) and any(t.node.op != kinds.CONST for _, t in addends(base)):
            long = reduce(lambda a, b: applied(HYPOT, a, b), sides)  # type: ignore[arg-type,return-value]
            return build.pow_(long, times(2, exponent))  # type: ignore[arg-type]
    return None


def _side(c: Any, term: Term) -> Term | None:
    """v when c*term = v^2."""
    inner = inside(term)
    if inner.node.op == kinds.CONST:
        return build.constant(power(times(c, inner.node.attr), Fraction(1, 2)))
    if inner.node.op == kinds.POW and inner.node.attr == 2:
        return build.mul(power(c, Fraction(1, 2)), [arguments(inner)[0]])
    return None


def _length(v: Term, summed: dict[Label, Size]) -> Term | None:
    """The norm of v over these indices: r*sqrt(Sum (v/r)^2), where r is the largest absolute value."""
    if not all(label in v.map for label in summed) or any(is_fixed(e) for e in v.map):
        return None
    v = named("vector", v)
    scale = named("scale", applied(NONZERO, build.reduce_("max", build.fn("abs", [v]), summed)))
    unit = named("scaled", applied(OVER, v, scale))
    return named("norm", build.mul(1, [scale, build.pow_(named("squares", build.mul(1, [build.pow_(unit, 2)], (), summed)), Fraction(1, 2))]))
