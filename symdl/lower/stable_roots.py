"""Rewrites of differences with roots, where what is left under them cancels exactly."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from symdl.graph import build
from symdl.graph import node as kinds
from symdl.graph.build import Term
from symdl.graph.number import plus, power, times
from symdl.lower.behind import addends, applied, arguments, inside, opened, sum_of
from symdl.lower.machine import LOG_QUOTIENT, POWER_DIFFERENCE, ROOT_LESS
from symdl.lower.stable_parts import negative, without

Addend = tuple[Any, Term]
_HALF = Fraction(1, 2)


def over_root(c: Any, a: Term, d: Any, b: Term) -> list[Addend] | None:
    """z/sqrt(w) - 1 = (z - sqrt(w))/sqrt(w), where w - z^2 is simpler than w."""
    parts = opened(build.mul(1, [inside(f) for f in opened(a).factors]) if a.node.op == kinds.MUL and not a.node.attr.summed else a)
    if b.node.op != kinds.CONST or len(parts.factors) != 2 or parts.summed or parts.deltas or opened(a).deltas:
        return None
    below = next((f for f in parts.factors if f.node.op == kinds.POW and f.node.attr == -_HALF), None)
    if below is None:
        return None
    w, scale = arguments(below)[0], times(times(times(c, times(opened(a).coef, parts.coef)), -1), power(d, -1))
    z = sum_of([(times(scale, k), t) for k, t in addends(inside(next(f for f in parts.factors if f is not below)))])
    apart = without(1, w, -1, build.pow_(z, 2))
    return None if apart is None else [(d, build.mul(1, [applied(ROOT_LESS, build.pow_(w, _HALF), z, apart), below]))]


def roots(c: Any, a: Term, b: Term) -> list[Addend] | None:
    """sqrt(z) - sqrt(w) = (z - w)/(sqrt(z) + sqrt(w)); of reciprocals, (w - z)/(sqrt(z)*sqrt(w)*(sqrt(z) + sqrt(w)))."""
    if a.node.attr != b.node.attr or not (isinstance(a.node.attr, Fraction) or (type(a.node.attr) is int and a.node.attr < 0)):
        return None
    below = a.node.attr == -_HALF
    z, w = arguments(a)[0], arguments(b)[0]
    apart = without(1, z, -1, w)
    if apart is None:
        return None
    if a.node.attr not in (_HALF, -_HALF):  # z^p = w^p*exp(p*log(z/w))
        return [(c, applied(POWER_DIFFERENCE, a, b, build.mul(a.node.attr, [applied(LOG_QUOTIENT, z, w, apart)])))]
    total = build.add([1, 1], [build.pow_(t, _HALF) for t in (z, w)])
    return [(times(-1, c) if below else c, build.mul(1, [apart, build.pow_(total, -1), *([a, b] if below else [])]))]


def root(c: Any, a: Term, d: Any, b: Term) -> list[Addend] | None:
    """sqrt(z) - w, where z - w^2 is simpler than z."""
    if plus(c, d) != 0 and c != d:
        return None
    w = b if plus(c, d) == 0 else negative(b)
    apart = without(1, arguments(a)[0], -1, build.pow_(w, 2))
    if apart is not None and apart.node.op == kinds.ADD:  # might cancel again
        return None
    return None if apart is None or b.node.op == kinds.CONST else [(c, applied(ROOT_LESS, a, w, apart))]
