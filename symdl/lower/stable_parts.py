"""What the rewrites before lowering have in common: signs, sigmoids by either name, differences that cancel exactly."""

from __future__ import annotations

from typing import Any

from symdl.graph import build
from symdl.graph import node as kinds
from symdl.graph.build import Term
from symdl.graph.number import is_negative, power, times
from symdl.lower.behind import addends, applied, argument, arguments, inside
from symdl.lower.machine import COSIGMOID

#: Sums of more terms than this are not looked through.
LONG = 8
#: The name of 1 + b + ... + b^(p - 1), which times 1 - b is 1 - b^p.
POWERS = "powers"


def sigmoid(w: Term) -> Term:
    """sigmoid(w), read as that of -w where w has a leading minus, so that the two share their exponential."""
    if w.node.op == kinds.MUL and w.node.attr.coef == -1:
        return applied(COSIGMOID, build.mul(-1, [w]))
    return applied("sigmoid", w)


def sigmoid_of(term: Term) -> Term | None:
    """w when the term is sigmoid(w)."""
    other = argument(term, COSIGMOID)
    return argument(term, "sigmoid") if other is None else negative(other)


def odd(name: str, w: Term) -> Term:
    """An odd function, a leading minus before it."""
    minus = w.node.op == kinds.MUL and is_negative(w.node.attr.coef)
    return negative(build.fn(name, [negative(w)])) if minus else build.fn(name, [w])


def negative(w: Term) -> Term:
    return build.mul(-1, [w])


def half(w: Term) -> Term:
    return build.mul(power(2, -1), [w])


def without(c: Any, a: Term, d: Any, b: Term) -> Term | None:
    """c*a + d*b when something cancels there, exactly: then it is right where the two are close."""
    a, b = inside(a), inside(b)
    whole = build.add([c, d], [a, b])
    if _size(whole) < _size(a) + _size(b):
        return whole
    first, second = _expanded(a), _expanded(b)
    if first is None and second is None:
        return None
    whole = build.add([c, d], [first or a, second or b])
    return whole if _size(whole) < max(_size(first or a), _size(second or b)) else None


def _expanded(term: Term) -> Term | None:
    """The square of a sum of two terms, multiplied out."""
    if term.node.op != kinds.POW or term.node.attr != 2:
        return None
    base = inside(arguments(term)[0])
    if base.node.op != kinds.ADD or len(base.node.args) != 2:
        return None
    (c, u), (d, v) = addends(base)
    return build.add([times(c, c), times(2, times(c, d)), times(d, d)], [build.pow_(u, 2), build.mul(1, [u, v]), build.pow_(v, 2)])


def _size(term: Term) -> int:
    """How many terms a sum has."""
    node = term.node
    if node.op == kinds.ADD:
        return len(node.args)
    return 0 if node.op == kinds.CONST and node.attr == 0 else 1
