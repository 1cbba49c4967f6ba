"""Rewrites of sums of two sigmoids, squares, slopes of sigmoids and poles, in which something cancels exactly."""

from __future__ import annotations

from collections import Counter
from typing import Any

from symdl.graph import build
from symdl.graph import node as kinds
from symdl.graph.build import Term
from symdl.graph.node import Node
from symdl.graph.number import is_negative, plus, times
from symdl.lower.behind import addends, applied, arguments, inside, opened, sum_of
from symdl.lower.machine import COSIGMOID, RECIPROCAL_EXPM1, SIGMOID_DIFFERENCE
from symdl.lower.stable_differences import _functions
from symdl.lower.stable_parts import LONG, negative, sigmoid_of, without

Addend = tuple[Any, Term]


def add(term: Term) -> Term | None:
    """Two terms of a sum as one that does not cancel."""
    if len(term.node.args) > LONG or sum(map(_promising, term.node.args)) < 1:
        return None
    parts = [(c, inside(t)) for c, t in addends(term)]
    for k, (c, a) in enumerate(parts):
        for j, (d, b) in enumerate(parts):
            made = _two(c, a, d, b) if j != k else None
            if made is not None:
                return sum_of([*(p for n, p in enumerate(parts) if n not in (j, k)), made])
    return None


def _promising(node: Node) -> bool:
    while node.op == kinds.LET:
        node = node.args[0]
    if node.op == kinds.FN:
        return node.attr in _NAMES
    if node.op == kinds.POW:
        return node.attr == 2 or (node.attr == -1 and _promising(node.args[0]))
    return node.op == kinds.MUL and any(a.op == kinds.FN and a.attr in _NAMES for a in node.args)


_NAMES = ("sigmoid", COSIGMOID, RECIPROCAL_EXPM1)


def _two(c: Any, a: Term, d: Any, b: Term) -> Addend | None:
    if c == d:
        return _both_signs(c, a, b) or _pole(c, a, b)
    if plus(c, d) != 0 or is_negative(c):  # the other way round the same, so that what is made here is the same however the sum is ordered
        return None
    return _squares(c, a, b) if a.node.op == kinds.POW and b.node.op == kinds.POW else _slopes(c, a, b)


def _both_signs(c: Any, a: Term, b: Term) -> Addend | None:
    """sigmoid(z) + sigmoid(-z) = 1, 1/sigmoid(z) + 1/sigmoid(-z) = 1/(sigmoid(z)*sigmoid(-z))."""
    power = a.node.op == kinds.POW and b.node.op == kinds.POW and a.node.attr == b.node.attr == -1
    z, w = (sigmoid_of(arguments(t)[0] if power else t) for t in (a, b))
    if z is None or w is None or z != negative(w):
        return None
    return (c, build.mul(1, [a, b])) if power else (c, build.constant(1))


def _pole(c: Any, a: Term, b: Term) -> Addend | None:
    """X + X/(exp(z) - 1) = -X/(exp(-z) - 1)."""
    first, second = opened(a), opened(b)
    if first.summed or first.deltas or second.summed or second.deltas:
        return None
    more = list((Counter(second.factors) - Counter(first.factors)).elements())
    if len(more) != 1 or len(second.factors) != len(first.factors) + 1 or more[0].node.op != kinds.FN or more[0].node.attr != RECIPROCAL_EXPM1:
        return None
    return times(-1, c), build.mul(1, [*first.factors, applied(RECIPROCAL_EXPM1, negative(arguments(more[0])[0]))])


def _squares(c: Any, a: Term, b: Term) -> Addend | None:
    """u^2 - v^2 = (u - v)*(u + v), where u - v is simpler, or a difference of two values of one function."""
    if a.node.attr != 2 or b.node.attr != 2:
        return None
    u, v = (inside(arguments(t)[0]) for t in (a, b))
    apart = without(1, u, -1, v)
    if apart is None and u.node.op == kinds.FN and v.node.op == kinds.FN:
        found = _functions(1, u, v)
        apart = None if found is None else sum_of(found)
    return None if apart is None else (c, build.mul(1, [apart, build.add([1, 1], [u, v])]))


def _slope_of(term: Term) -> tuple[Term, list[Term]] | None:
    """z, and the other factors, when the term is X*sigmoid(z)*sigmoid(-z)."""
    parts = opened(term)
    if parts.summed or parts.deltas or parts.coef != 1:
        return None
    for factor in parts.factors:
        z = sigmoid_of(factor) if factor.node.op == kinds.FN and factor.node.attr == "sigmoid" else None
        other = None if z is None else next((f for f in parts.factors if (w := sigmoid_of(f)) is not None and w == negative(z)), None)
        if z is not None and other is not None:
            return z, [f for f in parts.factors if f is not factor and f is not other]
    return None


def _slopes(c: Any, a: Term, b: Term) -> Addend | None:
    """s(a)*s(-a) - s(b)*s(-b) = (s(a) - s(b))*(s(-a) - s(b)), where a - b is simpler than both."""
    first, second = _slope_of(a), _slope_of(b)
    if first is None or second is None or Counter(first[1]) != Counter(second[1]):
        return None
    z, w = first[0], second[0]
    apart = without(1, z, -1, w)
    if apart is None or (apart.node.op == kinds.CONST and apart.node.attr == 0):
        return None
    back = negative(z)
    return c, build.mul(1, [*first[1], applied(SIGMOID_DIFFERENCE, z, w, apart), applied(SIGMOID_DIFFERENCE, back, w, build.add([1, -1], [back, w]))])
