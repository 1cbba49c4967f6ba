"""Rewrites of exponentials, sigmoids and logarithms of them: each keeps a value and saves its digits."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

from symdl.graph import build
from symdl.graph import node as kinds
from symdl.graph.build import Term
from symdl.graph.number import is_negative, plus, power, times
from symdl.lower.behind import addends, applied, argument, arguments, inside, named, opened, sum_of
from symdl.lower.machine import COSIGMOID, COSOFTPLUS, ERFC, LOG_ADD_EXP, LOG_ONE_MINUS_EXP, NORMAL

#: Sums of more terms than this are not looked through.
LONG = 8


def sigmoid(w: Term) -> Term:
    """sigmoid(w), read as that of -w where w has a leading minus, so that the two share their exponential."""
    if w.node.op == kinds.MUL and w.node.attr.coef == -1:
        return applied(COSIGMOID, build.mul(-1, [w]))
    return applied("sigmoid", w)


def _negative(w: Term) -> Term:
    return build.mul(-1, [w])


def _half(w: Term) -> Term:
    return build.mul(power(2, -1), [w])


# --- sums ---------------------------------------------------------------------------------------------------------


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
        return build.mul(times(-1, d), [build.fn("tanh", [_half(z)])])
    return build.mul(d, [applied(COSIGMOID, z)]) if kind == -1 else None


def _of_cosigmoid(z: Term, d: Any, kind: int) -> Term | None:
    if kind == 2:
        return build.mul(d, [build.fn("tanh", [_half(z)])])
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
    return build.mul(times(2, d), [build.pow_(build.fn("sin", [_half(z)]), 2)]) if kind == -1 else None


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
    if a is None or b is None or plus(c, d) != 0 or _negative(a) != b:
        return None
    return build.mul(times(2, c), [build.fn("sinh", [a])])


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
        return build.add([1, 1], [z, applied(LOG_ONE_MINUS_EXP, _negative(z))])
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
    return build.mul(1 if c == 1 else power(c, exponent), [build.pow_(sigmoid(_negative(w)), times(-1, exponent))])


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
            return _Two(power(2, -1), z, times(sign, power(2, -1)), _negative(z))
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
        for name in ("exp", "expm1"):
            w = argument(other, name)
            if w is not None and sigmoid(_negative(w)) == base:
                gives = sigmoid(w) if name == "exp" else build.fn("tanh", [_half(w)])
                return 1, [*_less(factors, base, exponent - 1, j, k), gives]
        found = one_plus_exp(other)
        if found is not None and sigmoid(_negative(found[1])) == base:
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
            return times(scale, times(sign, above.m)), [*_less(factors, base, exponent + 1, j, k), build.fn("tanh", [_half(apart)])]
    return None
