"""Rewrites of products of exponentials and of what they cancel with: what overflows alone is joined with what makes it small again."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from symdl.graph import build
from symdl.graph import node as kinds
from symdl.graph.build import Term
from symdl.graph.node import Node
from symdl.graph.number import is_negative, plus, power, times
from symdl.lower.behind import addends, applied, argument, arguments, inside, opened, sum_of
from symdl.lower.machine import (
    COSIGMOID,
    COSOFTPLUS,
    ERFC,
    EXP_DIFFERENCE,
    EXP_OF_SUM,
    EXPM1_OVER,
    GAUSS,
    GAUSS_OVER_ERFC,
    GAUSS_OVER_NORMAL,
    GAUSS_PLAIN,
    NORMAL,
    OVER_EXPM1,
    RECIPROCAL_EXPM1,
    SECH,
    SIGMOID_OVER_SOFTPLUS,
)
from symdl.lower.stable_exponents import LARGEST, is_gate
from symdl.lower.stable_parts import LONG, negative, sigmoid, sigmoid_of, without


def join(factors: Sequence[Term]) -> tuple[Any, list[Term]] | None:
    """Two factors as one, where one of them may overflow or underflow alone: coefficient and factors."""
    powers = [(inside(arguments(f)[0] if f.node.op == kinds.POW else f), f.node.attr if f.node.op == kinds.POW else 1) for f in factors]
    gates = [k for k, f in enumerate(factors) if is_gate(f) or (f.node.op == kinds.POW and is_gate(arguments(f)[0]))]
    if gates and any(b.node.op == kinds.FN and b.node.attr in ("sigmoid", COSIGMOID) and is_negative(e) for b, e in powers):
        whole = opened(build.mul(1, [build.pow_(powers[k][0], powers[k][1]) for k in gates]))
        return whole.coef, [*(f for k, f in enumerate(factors) if k not in gates), *whole.factors]
    for k, (base, exponent) in enumerate(powers):
        z = argument(base, "expm1") if exponent == 1 else None
        if z is not None and (inside(z), -1) in powers:
            return 1, [*(f for n, f in enumerate(factors) if n not in (k, powers.index((inside(z), -1)))), applied(EXPM1_OVER, z)]
    if not any(b.node.op == kinds.FN and (b.node.attr == "exp" or e != 1 or b.node.attr in (SECH, RECIPROCAL_EXPM1, OVER_EXPM1)) for b, e in powers):
        return None
    for k, (base, exponent) in enumerate(powers):
        if base.node.op != kinds.FN:
            continue
        for j, (other, count) in enumerate(powers):
            if j == k or other.node.op != kinds.FN:
                continue
            made = _pair(base, exponent, other, count)
            if made is not None:
                coef, new, left, right = made
                again = [build.pow_(b, e) for b, e in ((base, left), (other, right)) if e != 0]
                return coef, [*(f for n, f in enumerate(factors) if n not in (j, k)), *again, *new]
    return _over_pole(factors, powers)


def _over_pole(factors: Sequence[Term], powers: Sequence[tuple[Term, Any]]) -> tuple[Any, list[Term]] | None:
    """z times 1/(exp(c*z) - 1) in one."""
    for k, (base, exponent) in enumerate(powers):
        pole = argument(base, RECIPROCAL_EXPM1) if type(exponent) is int and exponent >= 1 else None
        above = None if pole is None else opened(pole)
        if pole is not None and above is not None and len(above.factors) == 1 and not above.summed and (inside(above.factors[0]), 1) in powers:
            gone = (k, powers.index((inside(above.factors[0]), 1)))
            left = [build.pow_(base, exponent - 1)] if exponent > 1 else []
            return power(above.coef, -1), [*(f for n, f in enumerate(factors) if n not in gone), *left, applied(OVER_EXPM1, pole)]
    return None


#: Coefficient, new factors, and the exponents that are left of the two.
_Joined = tuple[Any, list[Term], Any, Any]


def _pair(base: Term, exponent: Any, other: Term, count: Any) -> _Joined | None:
    z, w = arguments(base)[0], arguments(other)[0]
    name, beside = base.node.attr, other.node.attr
    if name == "exp" and beside == "exp":
        return _two_exponentials(z, exponent, w, count)
    if type(exponent) is not int or type(count) is not int or exponent < 1:
        return None
    if name == "exp" and beside == RECIPROCAL_EXPM1 and count >= 1 and z == w:  # e^w/(e^w - 1) = -1/(e^-w - 1)
        return -1, [applied(RECIPROCAL_EXPM1, negative(w))], exponent - 1, count - 1
    if name == "exp" and beside == OVER_EXPM1 and count >= 1 and z == w:  # e^w*w/(e^w - 1) = -w/(e^-w - 1)
        return 1, [applied(OVER_EXPM1, negative(w))], exponent - 1, count - 1
    if name == "exp" and beside == SECH and count >= 1 and (z == w or z == negative(w)):
        return 2, [sigmoid(build.mul(2, [z]))], exponent - 1, count - 1
    if name == "sinh" and beside == SECH and count >= 1 and z == w:
        return 1, [build.fn("tanh", [z])], exponent - 1, count - 1
    if name == "cosh" and beside == "sinh" and count <= -1 and z == w:
        return 1, [build.pow_(build.fn("tanh", [z]), -1)], exponent - 1, count + 1
    if (name, beside) in _OVER_TAIL and count <= -1 and z == w:
        return 1, [applied(_OVER_TAIL[name, beside], negative(z) if name == COSIGMOID else z)], exponent - 1, count + 1
    if name in ("sigmoid", COSIGMOID) and beside in ("sigmoid", COSIGMOID) and count <= -1:
        mine = z if name == "sigmoid" else negative(z)
        if sigmoid_of(other) == negative(mine):
            return 1, [build.fn("exp", [mine])], exponent - 1, count + 1
    return None


_OVER_TAIL = {
    (GAUSS_PLAIN, ERFC): GAUSS_OVER_ERFC,
    (GAUSS, NORMAL): GAUSS_OVER_NORMAL,
    ("sigmoid", "softplus"): SIGMOID_OVER_SOFTPLUS,
    (COSIGMOID, COSOFTPLUS): SIGMOID_OVER_SOFTPLUS,
}


def _two_exponentials(z: Term, exponent: Any, w: Term, count: Any) -> _Joined | None:
    if not all(isinstance(e, (int, Fraction)) for e in (exponent, count)) or z == w:
        return None
    top = _largest(w, z) if count == 1 else None
    if top is not None and type(exponent) is int and 1 <= exponent <= -w.node.attr.coef:  # one of the largest exponents for each of the others
        left = plus(w.node.attr.coef, exponent)
        return 1, [build.pow_(build.fn("exp", [build.add([1, -1], [z, top])]), exponent), *([build.fn("exp", [build.mul(left, [top])])] if left else [])], 0, 0
    simple = without(exponent, z, count, w) if _cancels(exponent, z, count, w) else None
    if simple is not None:
        return 1, [build.fn("exp", [simple])], 0, 0
    return None


def late(term: Term) -> Term | None:
    """Two exponentials that are left in a product, when all that cancels has: exp(a)*exp(b) in one; an exponential that an indicator switches off."""
    if not may_join(term.node):
        return None
    parts = opened(term)
    for k, factor in enumerate(parts.factors):
        switch = _switch(factor)
        for j, other in enumerate(parts.factors):
            if switch is not None and argument(other, "exp") is not None:
                (c, on), zero = switch, build.constant(0)
                chosen = build.fn("where", [c, other, zero] if on else [c, zero, other])
                return build.mul(parts.coef, [chosen, *(f for n, f in enumerate(parts.factors) if n not in (j, k))], parts.deltas, parts.summed)
    exponents = [(k, z) for k, f in enumerate(parts.factors) if (z := argument(f, "exp")) is not None]
    for k, factor in enumerate(parts.factors):
        less = argument(factor, "expm1") if exponents else None
        if less is None:
            continue
        j, z = min(exponents, key=lambda e: (len(addends(build.add([1, 1], [e[1], less]))), len(addends(e[1]))))
        smaller = _cancels(1, z, 1, less) or any(is_negative(c) and _is_named_largest(t) for c, t in addends(z))
        if smaller and (set(z.map) <= set(less.map) or set(less.map) <= set(z.map)):
            rest = [f for n, f in enumerate(parts.factors) if n not in (j, k)]
            return build.mul(parts.coef, [applied(EXP_DIFFERENCE, build.add([1, 1], [z, less]), z, less), *rest], parts.deltas, parts.summed)
    for k, z in exponents:
        for j, w in exponents:
            # An outer product of exponentials stays one: joined, there would be more of them.
            if k < j and (set(z.map) <= set(w.map) or set(w.map) <= set(z.map)):
                rest = [f for n, f in enumerate(parts.factors) if n not in (j, k)]
                return build.mul(parts.coef, [applied(EXP_OF_SUM, z, w), *rest], parts.deltas, parts.summed)
    return None


def _is_named_largest(term: Term) -> bool:
    return term.node.op == kinds.LET and term.node.attr.name == LARGEST


def may_join(node: Node) -> bool:
    """Whether a product has an exponential beside something else."""
    return node.op == kinds.MUL and len(node.args) > 1 and any(map(_is_exponential, node.args))


def has_exponential(node: Node) -> bool:
    """Whether a term is an exponential, or a product with one."""
    while node.op == kinds.LET:
        node = node.args[0]
    return _is_exponential(node) or (node.op == kinds.MUL and any(map(_is_exponential, node.args)))


def _switch(factor: Term) -> tuple[Term, bool] | None:
    """c, and whether the factor is 1 where c > 0 (or 0 there), and 0 (or 1) elsewhere."""
    c = argument(factor, "positive")
    if c is not None:
        return c, True
    inner = inside(factor)
    if inner.node.op == kinds.ADD and len(inner.node.args) == 2:
        (m, first), (n, second) = addends(inner)
        c = argument(first, "positive")
        if c is not None and (m, n) == (-1, 1) and second.node.op == kinds.CONST:
            return c, False
    return None


def _is_exponential(node: Node) -> bool:
    while node.op == kinds.LET:
        node = node.args[0]
    return node.op == kinds.FN and node.attr == "exp"


def _largest(w: Term, z: Term) -> Term | None:
    """M when w is -k*M for the largest M of some exponents, of which z is one."""
    if not _minus(w) or type(w.node.attr.coef) is not int or len(w.node.args) != 1 or w.node.attr.summed:
        return None
    top = arguments(w)[0]
    if top.node.op != kinds.LET or top.node.attr.name != LARGEST:
        return None
    waiting = [inside(top)]
    while waiting:
        here = waiting.pop()
        if here == z:
            return top
        if here.node.op == kinds.FN and here.node.attr in ("maximum", "minimum"):
            waiting += arguments(here)
        elif here.node.op == kinds.REDUCE and here.node.args[0] is z.node:
            return top
    return None


def _cancels(c: Any, a: Term, d: Any, b: Term) -> bool:
    """Whether a term stands in both with opposite signs."""
    first = {t: times(c, k) for k, t in addends(inside(a))}
    return any(t in first and is_negative(first[t]) != is_negative(times(d, k)) for k, t in addends(inside(b)))


def _minus(z: Term) -> bool:
    return z.node.op == kinds.MUL and is_negative(z.node.attr.coef)


def distributed(factors: Sequence[Term]) -> tuple[Any, list[Term]] | None:
    """exp(-M)*(sum with exp(z)) with the first drawn into the sum, where M is a maximum, or a logsumexp."""
    for k, factor in enumerate(factors):
        w = argument(factor, "exp")
        top = None if w is None else next((t for c, t in addends(w) if type(c) is int and c < 0 and _is_top(inside(t))), None)
        if w is None or top is None or (w != negative(top) and -1 in [c for c, t in addends(w) if t == top]):
            continue
        one = build.fn("exp", [negative(top)])
        rest = build.add([1, 1], [w, top])
        left = [] if rest.node.op == kinds.CONST and rest.node.attr == 0 else [build.fn("exp", [rest])]
        for j, other in enumerate(factors):
            made = _into(inside(other), one) if j != k else None
            if made is not None:
                return 1, [*(f for n, f in enumerate(factors) if n not in (j, k)), *left, made]
    return None


def _is_top(term: Term) -> bool:
    return term.node.op == kinds.REDUCE or (term.node.op == kinds.FN and term.node.attr == "maximum")


def _into(whole: Term, factor: Term) -> Term | None:
    """The factor multiplied into a sum, or a sum over indices, of exponentials times something."""
    if whole.node.op == kinds.ADD and len(whole.node.args) <= LONG:
        parts = addends(whole)
        made = [(c, _times(t, factor)) for c, t in parts]
        return sum_of([(c, t) for c, t in made if t is not None]) if all(t is not None for _, t in made) else None
    return _times(whole, factor) if whole.node.op == kinds.MUL and whole.node.attr.summed else None


def _times(term: Term, factor: Term) -> Term | None:
    """The term, which has an exponential or is a number, times the factor."""
    inner = inside(term)
    if inner.node.op == kinds.CONST:
        return build.mul(inner.node.attr, [factor])
    parts = opened(inner)
    for k, part in enumerate(parts.factors):
        z = argument(part, "exp")
        w = argument(factor, "exp")
        if z is not None and w is not None and not any(is_negative(c) and negative(t) == w for c, t in addends(z)):
            rest = [f for n, f in enumerate(parts.factors) if n != k]
            return build.mul(parts.coef, [*rest, build.fn("exp", [build.add([1, 1], [z, w])])], parts.deltas, parts.summed)
    return None
