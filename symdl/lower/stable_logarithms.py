"""Rewrites of logarithms: of products, powers, sums and functions that overflow, underflow or come close to 1, without computing what the logarithm is of."""

from __future__ import annotations

from collections.abc import Callable
from functools import reduce
from typing import Any

from symdl.graph import build
from symdl.graph import node as kinds
from symdl.graph.build import Term
from symdl.graph.node import intern
from symdl.graph.number import is_negative, power, times
from symdl.lower.behind import Parts, addends, applied, argument, arguments, inside, named, opened, sum_of
from symdl.lower.machine import (
    ARCSINH,
    COSIGMOID,
    COSOFTPLUS,
    ERFC,
    GAUSS,
    GAUSS_PLAIN,
    LOG_ADD_EXP,
    LOG_COSH,
    LOG_ERFC,
    LOG_NEAR_ONE,
    LOG_NORMAL,
    LOG_ONE_MINUS_EXP,
    LOG_ONE_PLUS,
    LOG_QUOTIENT,
    LOG_SINH,
    LOG_SOFTPLUS,
    LOG_TANH,
    LOG_TWICE_SIGMOID,
    NORMAL,
    ROOT_LESS,
    SECH,
    SIGMOID_DIFFERENCE,
)
from symdl.lower.positive import is_not_negative, is_positive, is_positive_number
from symdl.lower.stable_parts import LONG, POWERS, half, negative, sigmoid_of, without

#: Functions of z that overflow: a sum with one of these is taken in logarithms.
_EXPLODING = frozenset(["exp", "cosh", "sinh", "expm1"])
#: Those that underflow.
_VANISHING = frozenset(["sigmoid", COSIGMOID, "softplus", COSOFTPLUS, ERFC, NORMAL, GAUSS, GAUSS_PLAIN, SECH])


def _square(z: Term) -> Term:
    return build.pow_(z, 2)


#: Name of f -> log f.
_OF_FUNCTION: dict[str, Callable[[Term], Term]] = {
    "exp": lambda z: z,
    "sigmoid": lambda z: negative(applied(COSOFTPLUS, z)),
    COSIGMOID: lambda z: negative(applied("softplus", z)),
    "cosh": lambda z: applied(LOG_COSH, z),
    SECH: lambda z: negative(applied(LOG_COSH, z)),
    "sinh": lambda z: applied(LOG_SINH, z),
    "tanh": lambda z: applied(LOG_TANH, z),
    "softplus": lambda z: applied(LOG_SOFTPLUS, z),
    COSOFTPLUS: lambda z: applied(LOG_SOFTPLUS, negative(z)),
    ERFC: lambda z: applied(LOG_ERFC, z),
    NORMAL: lambda z: applied(LOG_NORMAL, z),
    GAUSS: lambda z: negative(half(_square(z))),
    GAUSS_PLAIN: lambda z: negative(_square(z)),
}


def fn(term: Term) -> Term | None:
    """log and log1p; exp and expm1 of logarithms."""
    name, z = term.node.attr, arguments(term)[0]
    if name in ("tanh", "sinh") and z.node.op == kinds.MUL and is_negative(z.node.attr.coef):  # odd
        return negative(build.fn(name, [negative(z)]))
    if name == "log":
        return logarithm(z)
    if name == "log1p":
        inner = argument(z, "expm1")
        if inner is not None:
            return inner
        found = logarithm(z) if _explodes(z) and is_not_negative(z) else None
        return None if found is None else _one_plus(z, found)
    if name == "expm1":
        return argument(z, "log1p") or _exp_of(argument(z, "softplus"))
    if name == "exp" and z.node.op == kinds.MUL and z.node.attr.coef == -1 and len(z.node.args) == 1:
        inner = argument(arguments(z)[0], "softplus")
        return None if inner is None else applied(COSIGMOID, inner)
    return None


def _exp_of(z: Term | None) -> Term | None:
    return None if z is None else build.fn("exp", [z])


def logarithm(term: Term) -> Term | None:
    """log of the term in a form that keeps its digits, where there is a better one than the plain one."""
    inner = inside(term)
    node = inner.node
    if node.op == kinds.FN and node.attr == SIGMOID_DIFFERENCE:  # sigmoid(a)*sigmoid(-b)*(1 - exp(-d))
        a, b, d = arguments(inner)
        return sum_of([(-1, applied(COSOFTPLUS, a)), (-1, applied("softplus", b)), (1, applied(LOG_ONE_MINUS_EXP, negative(d)))])
    if node.op == kinds.FN and node.attr == ROOT_LESS and arguments(inner)[2] == build.constant(1):
        return applied(ARCSINH, negative(arguments(inner)[1]))
    if node.op == kinds.FN and node.attr in _OF_FUNCTION:
        return _OF_FUNCTION[node.attr](arguments(inner)[0])
    if node.op == kinds.POW:
        return _of_power(inner)
    if node.op == kinds.MUL:
        parts = opened(inner)
        if parts.deltas or not is_positive_number(parts.coef):
            return None
        return _of_sum_over(parts) if parts.summed else _of_product(parts) or _of_quotient(parts)
    if node.op == kinds.ADD and len(node.args) <= LONG:
        return _of_sum(inner)
    if node.op == kinds.MATRIX and node.attr == "det":
        return Term(intern(kinds.MATRIX, node.args, node.maps, (), "logdet"), ())
    return None


def _any(term: Term) -> Term:
    return logarithm(term) or build.fn("log", [term])


def _of_power(inner: Term) -> Term:
    """log(b^p) = p*log(b); of |b| when p is even."""
    base, exponent = arguments(inner)[0], inner.node.attr
    even = type(exponent) is int and exponent % 2 == 0 and not is_positive(base)
    return build.mul(exponent, [_any(build.fn("abs", [base]) if even else base)])


def _of_product(parts: Parts) -> Term | None:
    """The sum of logarithms, where one of the factors overflows, underflows or is close to 1; all factors but one are known to be positive."""
    if len(parts.factors) == 1 and parts.coef == 2 and sigmoid_of(parts.factors[0]) is not None:
        return applied(LOG_TWICE_SIGMOID, sigmoid_of(parts.factors[0]))  # type: ignore[arg-type]
    for k, factor in enumerate(parts.factors):
        w = sigmoid_of(factor)
        for j, other in enumerate(parts.factors):
            v = sigmoid_of(other) if j > k and w is not None else None
            if v is not None and w == negative(v):  # sigmoid(w)*sigmoid(-w) = 1/(2*cosh(w/2))^2
                rest = [build.mul(1, [f for n, f in enumerate(parts.factors) if n not in (j, k)])]
                scale = times(parts.coef, power(4, -1))
                return sum_of([*_log_of_number(scale), (-2, applied(LOG_COSH, half(w))), *((1, _any(r)) for r in rest if not is_constant(r))])  # type: ignore[arg-type]
    near = _near_one(parts)
    if near is not None:
        return near
    if sum(not is_positive(f) for f in parts.factors) > 1 or not any(logarithm(f) is not None for f in parts.factors):
        return None
    return sum_of([*_log_of_number(parts.coef), *((1, _any(f)) for f in parts.factors)])


def _near_one(parts: Parts) -> Term | None:
    """Of 1 - b^p, taken apart as (1 - b)*(1 + b + ...): by log1p(-b^p) where that is close to 1."""
    for factor in parts.factors:
        if factor.node.op == kinds.LET and factor.node.attr.name == POWERS and parts.coef == 1:
            count = len(inside(factor).node.args)
            base = next(t for _, t in addends(inside(factor)) if t.node.op == kinds.FN)
            whole = build.mul(1, parts.factors)
            logs = sum_of([(1, _any(f)) for f in parts.factors])
            return applied(LOG_NEAR_ONE, whole, build.pow_(base, count), logs)
    return None


def _of_quotient(parts: Parts) -> Term | None:
    """log(a/b) from a - b, where that is simpler than both."""
    above = [f for f in parts.factors if f.node.op != kinds.POW or f.node.attr != -1]
    below = [arguments(f)[0] for f in parts.factors if f.node.op == kinds.POW and f.node.attr == -1]
    if parts.coef != 1 or len(below) != 1 or len(above) > 1:
        return None
    a, b = (inside(t) for t in (above[0] if above else build.constant(1), below[0]))
    apart = without(1, a, -1, b)
    return None if apart is None or is_constant(a) or is_constant(b) else applied(LOG_QUOTIENT, a, b, apart)


def is_constant(term: Term) -> bool:
    return term.node.op == kinds.CONST


def _log_of_number(c: Any) -> list[tuple[Any, Term]]:
    return [] if c == 1 else [(1, build.fn("log", [build.constant(c)]))]


# --- sums ----------------------------------------------------------------------------------------------------------------


def _explodes(term: Term, depth: int = 6) -> bool:
    """Whether the term is a product, power or sum with something that overflows soon."""
    node = inside(term).node
    if node.op == kinds.FN:
        return node.attr in _EXPLODING
    if not depth or node.op not in (kinds.MUL, kinds.POW, kinds.ADD) or len(node.args) > LONG:
        return False
    return any(_explodes(Term(a, tuple(range(a.rank))), depth - 1) for a in node.args)


def _of_sum(inner: Term) -> Term | None:
    """Of positive terms, at least one of which overflows, or all of which underflow."""
    parts = addends(inner)
    if not all(is_positive_number(c) and is_not_negative(t) for c, t in parts):
        return None
    logs = [None if is_constant(t) else logarithm(t) for _, t in parts]
    constants = sum(is_constant(t) for _, t in parts)
    good = any(_explodes(t) for _, t in parts) or (not constants and all(w is not None for w in logs))
    if not good or sum(w is None for w in logs) > constants:
        return None
    one = next((k for k, (c, t) in enumerate(parts) if is_constant(t) and c == 1), None)
    whole = [sum_of([*([] if w is None else [(1, w)]), *_log_of_number(c)]) for (c, _), w in zip(parts, logs, strict=True)]
    if one is None:
        return reduce(lambda a, b: applied(LOG_ADD_EXP, a, b), whole)
    others = [p for k, p in enumerate(parts) if k != one]
    log = reduce(lambda a, b: applied(LOG_ADD_EXP, a, b), [w for k, w in enumerate(whole) if k != one])
    return _one_plus(sum_of(others), log)


def _one_plus(u: Term, log: Term) -> Term:
    """log(1 + u) by the logarithm of u: exp of it would have lost digits where it is far below 0, unless u is an exponential."""
    return applied("softplus", log) if argument(u, "exp") == log else applied(LOG_ONE_PLUS, u, log)


def _of_sum_over(parts: Parts) -> Term | None:
    """log(c * Sum over some indices of exp(z)*q) = logsumexp(z + log q) + log c; of a mean by expm1, which keeps small values."""
    if not any(_explodes(f) for f in parts.factors) or not all(map(is_positive, parts.factors)):
        return None
    z = sum_of([(1, _any(f)) for f in parts.factors])
    one: Any = 1
    sizes: Any = reduce(times, parts.summed.values(), one)
    if times(parts.coef, sizes) != 1:
        return sum_of([(1, build.reduce_("logsumexp", z, parts.summed)), *_log_of_number(parts.coef)])
    z = named("exponents", z)
    top = named("largest", build.reduce_("max", z, parts.summed))
    rest = build.mul(parts.coef, [build.fn("expm1", [build.add([1, -1], [z, top])])], (), parts.summed)
    return build.add([1, 1], [top, build.fn("log1p", [rest])])
