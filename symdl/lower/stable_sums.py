"""Rewrites of sums of exponentials and of exponentials of squares, and the driver's rule for products: each keeps a value and saves its digits."""

from __future__ import annotations

from typing import Any, NamedTuple

from symdl.graph import build
from symdl.graph import node as kinds
from symdl.graph.build import Label, Term
from symdl.graph.node import Size
from symdl.graph.number import is_negative, power, times
from symdl.lower import stable_products
from symdl.lower.behind import addends, applied, argument, arguments, inside, opened, sum_of
from symdl.lower.machine import COSIGMOID, GAUSS, GAUSS_PLAIN, RECIPROCAL_EXPM1
from symdl.lower.masks import join_masks, masked_exponent
from symdl.lower.stable_logistic import join
from symdl.lower.stable_parts import LONG


class _SumExp(NamedTuple):
    """Sum over some indices of exp(z): z, and the labels and sizes that are summed."""

    z: Term
    summed: dict[Label, Size]


def _sum_exp(term: Term) -> _SumExp | None:
    inner = inside(term)
    node = inner.node
    if node.op != kinds.MUL or not node.attr.summed or node.attr.deltas or node.attr.coef != 1:
        return None
    parts = opened(inner)
    z = _exponent(parts.factors[0]) if len(parts.factors) == 1 else masked_exponent(parts.factors)
    return None if z is None else _SumExp(z, parts.summed)


def _exponent(factor: Term) -> Term | None:
    """k*z when the factor is exp(z)^k."""
    if factor.node.op != kinds.POW:
        return argument(factor, "exp")
    z = argument(arguments(factor)[0], "exp")
    return None if z is None else build.mul(factor.node.attr, [z])


def fn(term: Term) -> Term | None:
    """log of a sum of exp, and exp of minus a square."""
    name = term.node.attr
    if name == "log":
        found = _sum_exp(arguments(term)[0])
        return build.reduce_("logsumexp", found.z, found.summed) if found else None
    return _gauss(arguments(term)[0]) if name == "exp" else None


def _gauss(w: Term) -> Term | None:
    """exp(-2^m z^2): the power of two goes into z, where it costs nothing."""
    square = inside(w)
    parts = opened(square)
    if square.node.op != kinds.MUL or parts.summed or parts.deltas or len(parts.factors) != 1 or not is_negative(parts.coef):
        return None
    base = inside(parts.factors[0])
    half = _exponent_of_two(times(-1, parts.coef))
    if base.node.op != kinds.POW or base.node.attr != 2 or half is None:
        return None
    scale, odd = power(2, (half + 1) // 2), half % 2
    return applied(GAUSS if odd else GAUSS_PLAIN, build.mul(scale, [arguments(base)[0]]))


def _exponent_of_two(c: Any) -> int | None:
    """m when c = 2**m."""
    for m in range(-20, 21):
        if c == power(2, m):
            return m
    return None


def pow_(term: Term) -> Term | None:
    """Reciprocals of a sum of exp."""
    exponent = term.node.attr
    found = _sum_exp(arguments(term)[0]) if is_negative(exponent) else None
    if found is None:
        return None
    return build.fn("exp", [build.mul(exponent, [build.reduce_("logsumexp", found.z, found.summed)])])


def mul(term: Term) -> Term | None:
    """Exponentials joined with what they are divided by."""
    parts = opened(term)
    made = _join(parts.factors) or _distributed(parts.factors)
    if made is None:
        return None
    return build.mul(times(parts.coef, made[0]), made[1], parts.deltas, parts.summed)


def _join(factors: list[Term]) -> tuple[Any, list[Term]] | None:
    made = join(factors)
    if made is not None:
        return made
    found = _join_softmax(factors) or join_masks(factors)
    if found is not None:
        return 1, found
    return stable_products.join(factors) or stable_products.distributed(factors)


def _join_softmax(factors: list[Term]) -> list[Term] | None:
    """exp(z) * exp(-k*logsumexp(z)) = exp(z - logsumexp(z)) * exp(-(k-1)*logsumexp(z))."""
    for k, factor in enumerate(factors):
        found = _minus_logsumexp(factor)
        if found is None:
            continue
        count, log_sum = found
        for j, other in enumerate(factors):
            z = _exponent(other)
            if j == k or z is None or z.node is not log_sum.node.args[0]:
                continue
            rest = [f for n, f in enumerate(factors) if n not in (j, k)]
            softmax = build.fn("exp", [build.add([1, -1], [z, log_sum])])
            return [*rest, softmax, *([build.fn("exp", [build.mul(1 - count, [log_sum])])] if count > 1 else [])]
    return None


def _minus_logsumexp(term: Term) -> tuple[int, Term] | None:
    """k and L when the term is exp(-k*L), L a logsumexp."""
    w = argument(term, "exp")
    if w is None or w.node.op != kinds.MUL or len(w.node.args) != 1 or w.node.attr.summed:
        return None
    coef = w.node.attr.coef
    inner = arguments(w)[0]
    good = type(coef) is int and coef < 0 and inner.node.op == kinds.REDUCE and inner.node.attr.kind == "logsumexp"
    return (-coef, inner) if good else None


def _distributed(factors: list[Term]) -> tuple[Any, list[Term]] | None:
    """A factor multiplied into a sum beside it when it joins with every term there."""
    for k, factor in enumerate(factors):
        whole = inside(factor)
        if whole.node.op != kinds.ADD or len(whole.node.args) > LONG:
            continue
        for j, other in enumerate(factors):
            count: Any = other.node.attr if other.node.op == kinds.POW else 1
            repeated = type(count) is int and count > 1
            once = arguments(other)[0] if repeated else other
            made = _multiplied(whole, once) if j != k and _divides(once) else None
            if made is not None:
                again = [build.pow_(once, count - 1)] if repeated else []
                return 1, [*(f for n, f in enumerate(factors) if n not in (j, k)), *again, made]
    return None


def _divides(term: Term) -> bool:
    """An exponential, a sigmoid, or the reciprocal of a sum."""
    return any(argument(term, name) is not None for name in ("exp", "sigmoid", COSIGMOID, RECIPROCAL_EXPM1)) or (
        term.node.op == kinds.POW and term.node.attr == -1 and inside(arguments(term)[0]).node.op in (kinds.ADD, kinds.FN)
    )


def _multiplied(whole: Term, factor: Term) -> Term | None:
    """Every term joined with the factor; or one that overflows, and the others multiplied by it."""
    made, all_joined, exploding = [], True, False
    overflows = any(stable_products.has_exponential(node) for node in whole.node.args)
    for c, part in addends(whole):
        inner = opened(inside(part))
        beside = [factor, *inner.factors]
        found = None if inner.summed else join(beside) or _plainly(_join_softmax(beside)) or stable_products.join(beside)
        if found is None or factor in found[1]:
            if not overflows:
                return None
            made.append((c, build.mul(1, [part, factor])))
            all_joined = False
        else:
            made.append((times(c, times(inner.coef, found[0])), build.mul(1, found[1], inner.deltas)))
            exploding = exploding or any(argument(f, "exp") is not None for f in inner.factors)
    return sum_of(made) if all_joined or exploding else None


def _plainly(factors: list[Term] | None) -> tuple[Any, list[Term]] | None:
    return None if factors is None else (1, factors)
