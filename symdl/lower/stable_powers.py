"""Rewrites of a power and the constant that it tends to, in one."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import sympy as sp

from symdl.graph import build
from symdl.graph import node as kinds
from symdl.graph.build import Term
from symdl.graph.number import plus, power, times
from symdl.lower.behind import addends, applied, arguments, inside, named, opened, sum_of
from symdl.lower.machine import COSIGMOID, ERFC, GAUSS, HYPOTENUSE_LESS_ONE, NORMAL, OVER_ONE_PLUS, ROOT_LESS_ONE
from symdl.lower.positive import is_positive_number
from symdl.lower.stable_parts import POWERS, half, negative, sigmoid


def power_and_constant(c: Any, base: Term, exponent: Any, d: Any) -> Term | None:
    """c*b^p + d where it tends to 0."""
    inner = inside(base)
    if inner.node.op == kinds.ADD:
        return _power_of_sum(c, inner, exponent, d)
    if plus(c, d) != 0 or inner.node.op != kinds.FN or type(exponent) is not int or not (-4 <= exponent <= -1 or 2 <= exponent <= 4):
        return None
    name, z = inner.node.attr, arguments(inner)[0]
    if exponent < 0:  # b^-q - 1 = (1 - b^q)/b^q
        above = power_and_constant(-1, inner, -exponent, 1) if exponent < -1 else _rest(name, z)
        return None if above is None else build.mul(times(-1, d), [above, build.pow_(inner, exponent)])
    if exponent == 2 and name in _SQUARES:
        return _SQUARES[name](z, d)
    rest = _rest(name, z)
    if rest is None:
        return None
    others = build.add([1] * exponent, [build.constant(1), *(build.pow_(inner, k) for k in range(1, exponent))])
    return build.mul(d, [rest, named(POWERS, others)])


def _rest(name: str, z: Term) -> Term | None:
    """1 - f(z)."""
    return _REST[name](z) if name in _REST else None


def _slope_of_tanh(z: Term, d: Any) -> Term:
    double = build.mul(2, [z])
    return named("slope", build.mul(times(4, d), [applied("sigmoid", double), applied(COSIGMOID, double)]))


#: Name of f -> d - d*f(z)^2.
_SQUARES: dict[str, Callable[[Term, Any], Term]] = {
    "tanh": _slope_of_tanh,
    "cos": lambda z, d: build.mul(d, [build.pow_(build.fn("sin", [z]), 2)]),
    "sin": lambda z, d: build.mul(d, [build.pow_(build.fn("cos", [z]), 2)]),
    "erf": lambda z, d: build.mul(d, [applied(ERFC, z), applied(ERFC, negative(z))]),
}

#: Name of f -> 1 - f(z).
_REST: dict[str, Callable[[Term], Term]] = {
    "sigmoid": lambda z: applied(COSIGMOID, z),
    COSIGMOID: sigmoid,
    NORMAL: lambda z: applied(NORMAL, negative(z)),
    GAUSS: lambda z: negative(build.fn("expm1", [negative(half(build.pow_(z, 2)))])),
}


def _power_of_sum(c: Any, base: Term, exponent: Any, d: Any) -> Term | None:
    """c*(k + u)^p - c*k^p = c*k^p*((1 + u/k)^p - 1)."""
    parts = addends(base)
    constants = [k for k, t in parts if t.node.op == kinds.CONST]
    if len(constants) != 1 or isinstance(exponent, sp.Expr) or not is_positive_number(constants[0]):
        return None
    (k,) = constants
    if plus(times(c, power(k, exponent)), d) != 0:
        return None
    u = sum_of([(times(w, power(k, -1)), t) for w, t in parts if t.node.op != kinds.CONST])
    return build.mul(times(-1, d), [power_less_one(u, exponent)])


def _root_of_square(u: Term) -> Term | None:
    """v when u = v^2, with a rational coefficient."""
    parts = opened(u)
    if len(parts.factors) != 1 or parts.summed or parts.deltas or parts.factors[0].node.op != kinds.POW or parts.factors[0].node.attr != 2:
        return None
    root = power(parts.coef, Fraction(1, 2)) if is_positive_number(parts.coef) else None
    return build.mul(root, arguments(parts.factors[0])) if isinstance(root, (int, Fraction)) else None


def power_less_one(u: Term, p: Any) -> Term:
    """(1 + u)^p - 1; negative powers with u/(1 + u), which has a value where u overflows."""
    b = build.add([1, 1], [build.constant(1), u])
    v = _root_of_square(u) if p == Fraction(1, 2) else None
    if v is not None:  # u itself need not fit
        return applied(HYPOTENUSE_LESS_ONE, v)
    if p == Fraction(1, 2):
        return applied(ROOT_LESS_ONE, u)
    if p == Fraction(-1, 2):  # 1 - sqrt(b) = -u/(1 + sqrt(b))
        return build.mul(-1, [applied(OVER_ONE_PLUS, u), build.pow_(build.add([1, 1], [build.constant(1), build.pow_(b, p)]), -1)])
    if p == 1:
        return u
    if p == -1:
        return build.mul(-1, [applied(OVER_ONE_PLUS, u)])
    if p in (-2, -3, -4):  # -u/b*(1 + 1/b + ...)
        return build.mul(-1, [applied(OVER_ONE_PLUS, u), named("more", build.add([1] * -p, [build.constant(1), *(build.pow_(b, -k) for k in range(1, -p))]))])
    if p in (2, 3, 4):  # u*(1 + b + b^2 + ...)
        return build.mul(1, [u, named(POWERS, build.add([1] * p, [build.constant(1), *(build.pow_(b, k) for k in range(1, p))]))])
    return build.fn("expm1", [build.mul(p, [build.fn("log1p", [u])])])
