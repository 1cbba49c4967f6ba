"""Rewrites of sums: a function and the constant that it tends to, in one; differences of two exponentials."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

import sympy as sp

from symdl.graph import build
from symdl.graph import node as kinds
from symdl.graph.build import Term
from symdl.graph.node import Node
from symdl.graph.number import is_negative, plus, power, times
from symdl.lower import stable_differences
from symdl.lower.behind import addends, applied, argument, arguments, inside, named, opened, sum_of
from symdl.lower.machine import COSIGMOID, ERFC, GAUSS, GAUSS_PLAIN, NORMAL, SECH
from symdl.lower.stable_parts import LONG, half, negative, sigmoid
from symdl.lower.stable_powers import power_and_constant

_HALF = Fraction(1, 2)


def add(term: Term) -> Term | None:
    """A function and the constant that it tends to, in one; differences of two exponentials."""
    if len(term.node.args) > LONG:
        return None
    parts = addends(term)
    for k, (d, one) in enumerate(parts):
        if one.node.op != kinds.CONST:
            continue
        root = stable_differences.add(term) if len(parts) > 2 and any(map(_is_root, term.node.args)) else None
        if root is not None:  # a root less a number first: sqrt(1 + z^2) - |z| - 1
            return root
        others = [p for n, p in enumerate(parts) if n != k]
        square = _square(others, d) or _square_of_sum(others, d)
        if square is not None:
            return square
        for j, (c, part) in enumerate(parts):
            found = _with_constant(c, part, d) if j != k and (len(parts) == 2 or argument(part, "expm1") is None) else None
            if found is not None:
                return sum_of([*(p for n, p in enumerate(parts) if n not in (j, k)), (1, found)])
    return _difference(parts)


def _square(parts: Sequence[tuple[Any, Term]], d: Any) -> Term | None:
    """c*u^2 + b*u + d = c*(u + b/(2c))^2 where b^2 = 4*c*d; also as c*u*(u + b/c) + d."""
    for c, part in parts:
        whole = inside(part)
        found: tuple[Term, Any] | None
        if len(parts) == 1 and whole.node.op == kinds.MUL and len(whole.node.args) == 2 and not whole.node.attr.summed:
            itself = _times_itself(arguments(whole))
            found = None if itself is None else (itself[0], times(itself[1], itself[2]))
            c = c if itself is None else times(c, itself[2])
        elif len(parts) == 2:
            even = whole.node.op == kinds.POW and whole.node.attr in (2, -2)
            u = build.pow_(arguments(whole)[0], whole.node.attr // 2) if even else _root_of_exp(whole)
            other, linear = next((b, t) for b, t in parts if t is not part)
            found = (u, times(other, power(c, -1))) if u is not None and inside(linear) == inside(u) else None
        else:
            return None
        if found is not None and times(c, times(found[1], found[1])) == times(4, d):
            inner = build.add([1, 1], [found[0], build.constant(times(found[1], power(2, -1)))])
            less = add(inner) if inner.node.op == kinds.ADD else None
            return build.mul(c, [build.pow_(less or inner, 2)])
    return None


def _is_root(node: Node) -> bool:
    while node.op == kinds.LET:
        node = node.args[0]
    return node.op == kinds.POW and node.attr == _HALF


def _square_of_sum(parts: Sequence[tuple[Any, Term]], d: Any) -> Term | None:
    """c*u^2 + b*u + d = c*(u + b/(2c))^2 where b^2 = 4*c*d, for a sum u, whose terms stand among the others."""
    for k, (c, part) in enumerate(parts):
        base = inside(arguments(part)[0]) if part.node.op == kinds.POW and part.node.attr == 2 else None
        if base is None or base.node.op != kinds.ADD or times(c, c) != times(d, c):
            continue
        others = [p for n, p in enumerate(parts) if n != k]
        for sign in (2, -2):
            if stable_differences.taken(others, base, times(sign, c)) == []:
                inner = build.add([1, 1], [base, build.constant(sign // 2)])
                return build.mul(c, [build.pow_(add(inner) or inner if inner.node.op == kinds.ADD else inner, 2)])
    return None


def _times_itself(factors: Sequence[Term]) -> tuple[Term, Any, int] | None:
    """u, k and a when the factors are u and a*u + k, a being 1 or -1."""
    for u, other in (tuple(factors), tuple(reversed(factors))):
        whole = inside(other)
        if whole.node.op == kinds.ADD and len(whole.node.args) == 2:
            (a, first), (k, second) = addends(whole)
            if a in (1, -1) and inside(first) == inside(u) and second.node.op == kinds.CONST:
                return u, k, a
    return None


def _root_of_exp(term: Term) -> Term | None:
    """exp(z) when the term is exp(2z)."""
    z = argument(term, "exp")
    return build.fn("exp", [half(z)]) if z is not None and z.node.op == kinds.MUL and z.node.attr.coef == 2 else None


def _with_constant(c: Any, part: Term, d: Any) -> Term | None:
    """c*f + d as one value that does not cancel; None when there is none."""
    inner = inside(part)
    if inner.node.op == kinds.POW:
        return power_and_constant(c, arguments(inner)[0], inner.node.attr, d)
    if inner.node.op == kinds.FN and inner.node.attr == ERFC and plus(times(2, c), d) == 0:  # 2 - erfc(z) = erfc(-z)
        return build.mul(power(2, -1), [build.mul(d, [applied(ERFC, negative(arguments(inner)[0]))])])
    rule = _COMPLEMENTS.get(inner.node.attr) if inner.node.op == kinds.FN else None
    if rule is None:
        return None
    z = arguments(inner)[0]
    if plus(c, d) == 0:
        return rule(z, d, -1)
    if plus(c, times(-1, d)) == 0:
        return rule(z, d, 1)
    if inner.node.attr == "expm1" and _same_sign(c, plus(d, times(-1, c))):  # exp(z) - 1 + k, k > 1
        return sum_of([(c, build.fn("exp", [z])), (plus(d, times(-1, c)), build.constant(1))])
    return rule(z, d, 2) if plus(c, times(2, d)) == 0 else None


def _same_sign(a: Any, b: Any) -> bool:
    return not isinstance(a, sp.Expr) and not isinstance(b, sp.Expr) and a * b > 0


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


def _of_exp(z: Term, d: Any, kind: int) -> Term | None:
    return build.mul(times(-1, d), [build.fn("expm1", [z])]) if kind == -1 else None


def _of_expm1(z: Term, d: Any, kind: int) -> Term | None:
    return build.mul(d, [build.fn("exp", [z])]) if kind == 1 else None


def _of_cosh(z: Term, d: Any, kind: int) -> Term | None:
    return build.mul(times(-2, d), [build.pow_(build.fn("sinh", [half(z)]), 2)]) if kind == -1 else None


def _of_sech(z: Term, d: Any, kind: int) -> Term | None:
    """1 - 1/cosh(z) = (cosh(z) - 1)/cosh(z) = tanh(z)*tanh(z/2)."""
    return build.mul(d, [build.fn("tanh", [z]), build.fn("tanh", [half(z)])]) if kind == -1 else None


def _of_normal(z: Term, d: Any, kind: int) -> Term | None:
    return build.mul(d, [applied(NORMAL, negative(z))]) if kind == -1 else None


def _of_gauss(z: Term, d: Any, kind: int) -> Term | None:
    return build.mul(times(-1, d), [build.fn("expm1", [negative(half(build.pow_(z, 2)))])]) if kind == -1 else None


def _of_gauss_plain(z: Term, d: Any, kind: int) -> Term | None:
    return build.mul(times(-1, d), [build.fn("expm1", [negative(build.pow_(z, 2))])]) if kind == -1 else None


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
    "exp": _of_exp,
    "expm1": _of_expm1,
    "cosh": _of_cosh,
    SECH: _of_sech,
    NORMAL: _of_normal,
    GAUSS: _of_gauss,
    GAUSS_PLAIN: _of_gauss_plain,
    "cos": _of_cos,
    "erf": _of_erf,
}


def _difference(parts: Sequence[tuple[Any, Term]]) -> Term | None:
    """c*exp(a) - c*exp(-a) = 2*c*sinh(a); with a plus, 2*c*cosh(a)."""
    exponents = [(k, c, a) for k, (c, t) in enumerate(parts) if (a := argument(t, "exp")) is not None]
    for k, c, a in exponents:
        for j, d, b in exponents:
            if j <= k or negative(a) != b or (plus(c, d) != 0 and c != d):
                continue
            up = a if b.node.op == kinds.MUL and is_negative(b.node.attr.coef) else b
            name, sign = ("cosh", 1) if c == d else ("sinh", 1 if up == a else -1)
            rest = [p for n, p in enumerate(parts) if n not in (j, k)]
            return sum_of([*rest, (times(2 * sign, c), build.fn(name, [up]))])
    return None
