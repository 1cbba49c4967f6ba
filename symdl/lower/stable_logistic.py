"""Rewrites of sigmoids, and of logarithms and quotients of exponentials: each keeps a value and saves its digits."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from symdl.graph import build
from symdl.graph import node as kinds
from symdl.graph.build import Term
from symdl.graph.number import is_negative, plus, power, times
from symdl.lower.behind import addends, applied, argument, arguments, inside, sum_of
from symdl.lower.machine import COSIGMOID, COSOFTPLUS, LOG_ADD_EXP, LOG_ONE_MINUS_EXP
from symdl.lower.stable_parts import LONG, half, negative, odd, sigmoid, sigmoid_of

# --- functions -------------------------------------------------------------------------------------------------------


def fn(term: Term) -> Term | None:
    """Sigmoids with a minus sign, and logarithms."""
    name = term.node.attr
    if name == "sigmoid":
        made = sigmoid(arguments(term)[0])
        return made if made != term else None
    return _log(arguments(term)[0]) if name == "log" else None


def _log(inner: Term) -> Term | None:
    for function, opposite in (("sigmoid", COSOFTPLUS), (COSIGMOID, "softplus")):
        z = argument(inner, function)
        if z is not None:
            return build.mul(-1, [applied(opposite, z)])
    z = argument(inner, "exp")
    if z is not None:
        return z
    z = argument(inner, "expm1")
    if z is not None:
        return build.add([1, 1], [z, applied(LOG_ONE_MINUS_EXP, negative(z))])
    inner = inside(inner)
    if inner.node.op == kinds.MUL and inner.node.attr.coef == -1 and len(inner.node.args) == 1:
        z = argument(arguments(inner)[0], "expm1")
        if z is not None:
            return applied(LOG_ONE_MINUS_EXP, z)
    return _log_of_sum(inner) if inner.node.op == kinds.ADD and len(inner.node.args) <= LONG else None


def _log_of_sum(inner: Term) -> Term | None:
    """Of exponentials, by softplus and what generalises it; of 1 + u by log1p."""
    parts = addends(inner)
    exponents = [_exponent(c, t) for c, t in parts]
    if all(w is not None for w in exponents):
        if len(parts) == 2 and parts[1] == (1, build.constant(1)) and parts[0][0] == 1:
            return applied("softplus", exponents[0])  # type: ignore[arg-type]
        whole = exponents[0]
        for w in exponents[1:]:
            whole = applied(LOG_ADD_EXP, whole, w)  # type: ignore[arg-type]
        return whole
    if (1, build.constant(1)) in parts:
        return build.fn("log1p", [sum_of([p for p in parts if p != (1, build.constant(1))])])
    return None


def _exponent(c: Any, part: Term) -> Term | None:
    """w when c*part = exp(w), for a positive number c."""
    z = build.constant(0) if part.node.op == kinds.CONST else argument(part, "exp")
    if z is None or is_negative(c) or not _is_number(c):
        return None
    return z if c == 1 else build.add([1, 1], [z, build.fn("log", [build.constant(c)])])


def _is_number(c: Any) -> bool:
    return not getattr(c, "free_symbols", None)


# --- reciprocals -------------------------------------------------------------------------------------------------------


def one_plus_exp(term: Term) -> tuple[Any, Term] | None:
    """c and w when the term is c*(1 + exp(w))."""
    inner = inside(term)
    if inner.node.op == kinds.ADD and len(inner.node.args) == 2:
        (c, first), (d, second) = addends(inner)
        w = argument(first, "exp")
        if c == d and w is not None and second.node.op == kinds.CONST:
            return c, w
    return None


def pow_(term: Term) -> Term | None:
    """Reciprocals of 1 + exp(w)."""
    exponent = term.node.attr
    found = one_plus_exp(arguments(term)[0]) if is_negative(exponent) else None
    if found is None or (found[0] != 1 and type(exponent) is not int):
        return None
    c, w = found
    return build.mul(1 if c == 1 else power(c, exponent), [build.pow_(sigmoid(negative(w)), times(-1, exponent))])


# --- products ----------------------------------------------------------------------------------------------------------


class _Two(NamedTuple):
    """m*exp(a) + n*exp(b)."""

    m: Any
    a: Term
    n: Any
    b: Term


def _two(term: Term) -> _Two | None:
    inner = inside(term)
    for name, sign in (("sinh", -1), ("cosh", 1)):
        z = argument(inner, name)
        if z is not None:
            return _Two(power(2, -1), z, times(sign, power(2, -1)), negative(z))
    if inner.node.op != kinds.ADD or len(inner.node.args) != 2:
        return None
    (m, first), (n, second) = addends(inner)
    a, b = argument(first, "exp"), argument(second, "exp")
    return None if a is None or b is None else _Two(m, a, n, b)


def _powers(factors: Sequence[Term]) -> Iterator[tuple[int, Term, Any]]:
    """Place, base and exponent of every factor."""
    for k, factor in enumerate(factors):
        node = factor.node
        yield (k, arguments(factor)[0], node.attr) if node.op == kinds.POW else (k, factor, 1)


def join(factors: list[Term]) -> tuple[Any, list[Term]] | None:
    """The product of the factors, joined where an exponential meets a sum that has it, as coefficient and factors."""
    for k, base, exponent in _powers(factors):
        if type(exponent) is not int:
            continue
        made = _with_sigmoid(factors, k, inside(base), exponent) if exponent >= 1 else _with_quotient(factors, k, base, exponent)
        if made is not None:
            return made
    return None


def _less(factors: list[Term], base: Term, exponent: int, *gone: int) -> list[Term]:
    """The factors without those places, and with another power of a base."""
    return [*(f for n, f in enumerate(factors) if n not in gone), *([build.pow_(base, exponent)] if exponent else [])]


def _with_sigmoid(factors: list[Term], k: int, base: Term, exponent: int) -> tuple[Any, list[Term]] | None:
    """exp(w)*sigmoid(-w) = sigmoid(w), (exp(w) - 1)*sigmoid(-w) = tanh(w/2), (1 + exp(w))*sigmoid(-w) = 1, for either sign of w."""
    if base.node.op != kinds.FN or base.node.attr not in ("sigmoid", COSIGMOID):
        return None
    for j, other in enumerate(factors):
        if j == k:
            continue
        count = other.node.attr if other.node.op == kinds.POW else 1
        inner = arguments(other)[0] if other.node.op == kinds.POW else other
        for name in ("exp", "expm1"):
            w = argument(inner, name) if type(count) is int and count >= 1 else None
            if w is not None and sigmoid_of(base) == negative(w):
                gives = sigmoid(w) if name == "exp" else odd("tanh", half(w))
                return 1, [*_less(factors, base, exponent - 1, j, k), gives, *([build.pow_(inner, count - 1)] if count > 1 else [])]
        found = one_plus_exp(other)
        if found is not None and sigmoid_of(base) == negative(found[1]):
            return found[0], _less(factors, base, exponent - 1, j, k)
    return None


def _with_quotient(factors: list[Term], k: int, base: Term, exponent: int) -> tuple[Any, list[Term]] | None:
    """Exponentials over d*(exp(a) + exp(b)): (exp(a) - exp(b))/(exp(a) + exp(b)) = tanh((a - b)/2), exp(a)/(exp(a) + exp(b)) = sigmoid(a - b)."""
    below = _two(base)
    if below is None or below.m != below.n:
        return None
    scale = power(below.m, -1)
    apart = build.add([1, -1], [below.a, below.b])
    for j, other in enumerate(factors):
        if j == k:
            continue
        w = argument(other, "exp")
        if w is not None and w in (below.a, below.b):
            gives = applied("sigmoid" if w == below.a else COSIGMOID, apart)
            return scale, [*_less(factors, base, exponent + 1, j, k), gives]
        above = _two(other)
        if above is not None and {above.a, above.b} == {below.a, below.b} and plus(above.m, above.n) == 0:
            sign = 1 if above.a == below.a else -1
            return times(scale, times(sign, above.m)), [*_less(factors, base, exponent + 1, j, k), build.fn("tanh", [half(apart)])]
    return None
