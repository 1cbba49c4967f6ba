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
    wide = _expanded(whole)
    if wide is not None and size(wide) <= size(whole) and _squares(wide) < _squares(whole):
        whole = wide
    return whole if size(whole) < size(a) + size(b) or (whole is wide and not _squares(whole)) else None


def _expanded(term: Term) -> Term | None:
    """A sum with the squares of sums of two terms multiplied out; None when it has none."""
    parts: list[tuple[Any, Term]] = []
    for c, t in addends(term):
        base = inside(arguments(t)[0]) if t.node.op == kinds.POW and t.node.attr == 2 else None
        if base is None or base.node.op != kinds.ADD or len(base.node.args) != 2:
            parts.append((c, t))
            continue
        (e, u), (f, v) = addends(base)
        parts += [(times(c, times(e, e)), build.pow_(u, 2)), (times(times(2, c), times(e, f)), build.mul(1, [u, v])), (times(c, times(f, f)), build.pow_(v, 2))]
    return None if len(parts) == len(addends(term)) else build.add([c for c, _ in parts], [t for _, t in parts])


def _squares(term: Term) -> int:
    """How many squares of sums there are."""
    return sum(t.node.op == kinds.POW and t.node.attr == 2 and inside(arguments(t)[0]).node.op == kinds.ADD for _, t in addends(term))


def size(term: Term) -> int:
    """How many terms a sum has."""
    node = term.node
    if node.op == kinds.ADD:
        return len(node.args)
    return 0 if node.op == kinds.CONST and node.attr == 0 else 1
