"""Rewrites of sums: a function and the constant that it tends to, in one; differences of two exponentials."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from symdl.graph import build
from symdl.graph import node as kinds
from symdl.graph.build import Term
from symdl.graph.number import is_negative, plus, power, times
from symdl.lower.behind import addends, applied, argument, arguments, inside, named, opened, sum_of
from symdl.lower.machine import COSIGMOID, ERFC, NORMAL

#: Sums of more terms than this are not looked through.
LONG = 8


def sigmoid(w: Term) -> Term:
    """sigmoid(w), read as that of -w where w has a leading minus, so that the two share their exponential."""
    if w.node.op == kinds.MUL and w.node.attr.coef == -1:
        return applied(COSIGMOID, build.mul(-1, [w]))
    return applied("sigmoid", w)


def negative(w: Term) -> Term:
    return build.mul(-1, [w])


def half(w: Term) -> Term:
    return build.mul(power(2, -1), [w])


def add(term: Term) -> Term | None:
    """A function and the constant that it tends to, in one; differences of two exponentials."""
    if len(term.node.args) > LONG:
        return None
    parts = addends(term)
    for k, (d, one) in enumerate(parts):
        if one.node.op != kinds.CONST:
            continue
        for j, (c, part) in enumerate(parts):
            found = _with_constant(c, part, d) if j != k else None
            if found is not None:
                return sum_of([*(p for n, p in enumerate(parts) if n not in (j, k)), (1, found)])
    return _difference(parts)


def _with_constant(c: Any, part: Term, d: Any) -> Term | None:
    """c*f + d as one value that does not cancel; None when there is none."""
    inner = inside(part)
    name = inner.node.attr if inner.node.op == kinds.FN else "square" if inner.node.op == kinds.POW and inner.node.attr == 2 else None
    rule = _COMPLEMENTS.get(name) if isinstance(name, str) else None
    if rule is None:
        return None
    z = arguments(inner)[0]
    if plus(c, d) == 0:
        return rule(z, d, -1)
    if plus(c, times(-1, d)) == 0:
        return rule(z, d, 1)
    return rule(z, d, 2) if plus(c, times(2, d)) == 0 else None


def _of_sigmoid(z: Term, d: Any, kind: int) -> Term | None:
    if kind == 2:
        return build.mul(times(-1, d), [build.fn("tanh", [half(z)])])
    return build.mul(d, [applied(COSIGMOID, z)]) if kind == -1 else None


def _of_cosigmoid(z: Term, d: Any, kind: int) -> Term | None:
    if kind == 2:
        return build.mul(d, [build.fn("tanh", [half(z)])])
    return build.mul(d, [sigmoid(z)]) if kind == -1 else None


def _of_tanh(z: Term, d: Any, kind: int) -> Term | None:
    double = build.mul(2, [z])
    # Under a name: in a deep chain the factors 2 would gather into one too large for a float.
    return None if kind == 2 else named("gate", build.mul(times(2, d), [applied("sigmoid" if kind == 1 else COSIGMOID, double)]))


def _of_square(base: Term, d: Any, kind: int) -> Term | None:
    z = argument(base, "tanh")
    if z is None or kind != -1:
        return None
    double = build.mul(2, [z])
    return named("slope", build.mul(times(4, d), [applied("sigmoid", double), applied(COSIGMOID, double)]))


def _of_exp(z: Term, d: Any, kind: int) -> Term | None:
    return build.mul(times(-1, d), [build.fn("expm1", [z])]) if kind == -1 else None


def _of_cos(z: Term, d: Any, kind: int) -> Term | None:
    return build.mul(times(2, d), [build.pow_(build.fn("sin", [half(z)]), 2)]) if kind == -1 else None


def _of_erf(z: Term, d: Any, kind: int) -> Term | None:
    """1 + erf(z) = erfc(-z), and of z/sqrt(2) twice the normal distribution."""
    if kind == 2:
        return None
    parts = opened(z)
    if times(parts.coef, parts.coef) == power(2, -1):
        sign = kind * (-1 if is_negative(parts.coef) else 1)
        return build.mul(times(2, d), [applied(NORMAL, build.mul(sign, parts.factors, parts.deltas, parts.summed))])
    return build.mul(d, [applied(ERFC, build.mul(-kind, [z]))])


#: Name of f -> rule(z, d, kind) for d - d*f(z) (kind -1), d + d*f(z) (1) and d - 2*d*f(z) (2).
_COMPLEMENTS: dict[str, Callable[[Term, Any, int], Term | None]] = {
    "sigmoid": _of_sigmoid,
    COSIGMOID: _of_cosigmoid,
    "tanh": _of_tanh,
    "square": _of_square,
    "exp": _of_exp,
    "cos": _of_cos,
    "erf": _of_erf,
}


def _difference(parts: Sequence[tuple[Any, Term]]) -> Term | None:
    """c*exp(a) - c*exp(-a) = 2*c*sinh(a)."""
    if len(parts) != 2:
        return None
    (c, first), (d, second) = parts
    a, b = argument(first, "exp"), argument(second, "exp")
    if a is None or b is None or plus(c, d) != 0 or negative(a) != b:
        return None
    return build.mul(times(2, c), [build.fn("sinh", [a])])
