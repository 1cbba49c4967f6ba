"""Rewrites of what softmaxes weigh: they add up to 1, hence residuals and means about the largest logit keep the digits that are left.

With m = max(z), p = softmax(z), T = sum(exp(z - m)): 1 - n*p_i = (sum_j expm1(z_j - m) - n*expm1(z_i - m))/T, 1 - sum(p^2) = sum(p*(1 - p)), and
z_i - sum(p*z) = (z_i - m) - sum(p*(z - m)).
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import reduce
from typing import Any, NamedTuple

from symdl.graph import build
from symdl.graph import node as kinds
from symdl.graph.build import Term
from symdl.graph.node import Node
from symdl.graph.number import plus, power, times
from symdl.lower.behind import Parts, addends, arguments, inside, named, opened, sum_of

Addend = tuple[Any, Term]


class Weight(NamedTuple):
    """A softmax, in the labels of its node's axes: z - m, the logits, the labels (with sizes) over which it adds up to 1, and 1/T."""

    shifted: Term
    logits: Term
    own: dict[Any, Any]
    below: Term

    def at(self, term: Term, place: Sequence[Any]) -> Term:
        return build.rename(term, dict(enumerate(place)))


def weight(shifted: Term, below: Term, place: Sequence[Any]) -> Weight | None:
    """The softmax exp(shifted)*below, whose node has these labels on its axes; None where its logits cannot be read off."""
    parts = addends(inside(shifted))
    top = next((t for c, t in parts if c == -1 and t.node.op == kinds.REDUCE), None)
    logits = next((t for c, t in parts if c == 1 and t is not top), None)
    if len(parts) != 2 or top is None or logits is None:
        return None
    axes = {label: axis for axis, label in enumerate(place)}
    sizes = dict(zip(logits.map, logits.node.shape, strict=True))
    own = {axes[label]: sizes[label] for label in logits.map if label in axes and label not in top.map}
    whole = len(own) == len(top.node.attr.summed)
    return Weight(build.rename(shifted, axes), inside(build.rename(logits, axes)), own, build.rename(below, axes)) if whole else None


def sums(parts: list[Addend], whole: list[Parts], known: dict[Node, Weight], complement: Callable[[Term], Term | None]) -> Term | None:
    """A sum with a softmax in it, written by what the softmax leaves."""
    for i, (c, _) in enumerate(parts):
        for j, (d, second) in enumerate(parts):
            if i == j:
                continue
            made = _of_a_number(c, whole[i], times(d, whole[j].coef), whole[j], known, complement)
            made = made or (_common(parts[i][1], whole[i], second, whole[j], known) if plus(c, times(d, whole[j].coef)) == 0 else None)
            if made is not None:
                return sum_of([*(p for n, p in enumerate(parts) if n not in (i, j)), (c, made)])
    return None


def _of_a_number(c: Any, one: Parts, d: Any, second: Parts, known: dict[Node, Weight], complement: Callable[[Term], Term | None]) -> Term | None:
    """1 - n*p, and 1 - sum(p^2), times c."""
    if one.factors or one.deltas or one.summed or second.deltas or len(second.factors) != 1:
        return None
    (factor,) = second.factors
    c = times(c, one.coef)
    found = known.get(factor.node)
    if found is not None and not second.summed and plus(times(c, reduce(times, found.own.values())), d) == 0:
        return _less_equal_shares(found, factor.map)
    if factor.node.op != kinds.POW or factor.node.attr != 2 or plus(c, d) != 0:
        return None
    p = arguments(factor)[0]
    found = known.get(p.node)
    if found is None or set(second.summed) != {p.map[axis] for axis in found.own}:
        return None
    rest = complement(p)
    return None if rest is None else build.mul(1, [p, rest], (), second.summed)


def _less_equal_shares(found: Weight, place: Sequence[Any]) -> Term:
    """1 - n*p: from exp(z - m) - 1, in which a difference from equal shares is not lost."""
    n = reduce(times, found.own.values())
    small = build.fn("expm1", [found.shifted])
    away = {axis: build.fresh() for axis in found.own}
    total = build.mul(1, [build.rename(small, away)], (), {away[axis]: size for axis, size in found.own.items()})
    return found.at(build.mul(1, [named("unequal", sum_of([(1, total), (times(-1, n), small)])), found.below]), place)


def _common(first: Term, one: Parts, second: Term, two: Parts, known: dict[Node, Weight]) -> Term | None:
    """As below, both perhaps times the same."""
    if two.summed or one.summed or one.deltas or two.deltas or one.coef != 1:
        return _about_the_largest(first, two, known)
    above, below = (Counter(f for t in p.factors for f in ([arguments(t)[0]] * 2 if _is_square([t]) else [t])) for p in (one, two))
    same = list((above & below).elements())
    left, mean = (list((c - Counter(same)).elements()) for c in (above, below))
    if not same or len(left) != 1 or len(mean) != 1:
        return None
    whole = opened(inside(mean[0]))
    made = _about_the_largest(left[0], whole, known) if whole.coef == 1 else None
    return None if made is None else build.mul(1, [*same, made])


def _about_the_largest(first: Term, mean: Parts, known: dict[Node, Weight]) -> Term | None:
    """f_i - sum_j(p_j*f_j), where f is a multiple of the logits of p, or of p itself, and perhaps a number."""
    factors = [arguments(f)[0] for f in mean.factors for _ in range(2)] if _is_square(mean.factors) else mean.factors
    if len(factors) != 2 or mean.deltas or not mean.summed:
        return None
    for p, f in (factors, factors[::-1]):
        found = known.get(p.node)
        inner, outer = _behind(f, known), _behind(first, known)
        if found is None or set(mean.summed) != {p.map[axis] for axis in found.own} or inner.node is not outer.node:
            continue
        here = dict(zip(inner.map, outer.map, strict=True))
        if any(here.get(a) != a for a in inner.map if a not in mean.summed) or set(mean.summed) - set(here):
            continue
        less = _less_the_largest(inner, p, found, known)
        if less is not None:
            average = build.mul(1, [p, less[1]], (), mean.summed)
            return build.mul(less[0], [sum_of([(1, build.rename(less[1], here)), (-1, average)])])
    return None


def _is_square(factors: list[Term]) -> bool:
    return len(factors) == 1 and factors[0].node.op == kinds.POW and factors[0].node.attr == 2


def _behind(term: Term, known: dict[Node, Weight]) -> Term:
    """The term behind names, but not behind that of a softmax."""
    while term.node.op == kinds.LET and term.node not in known:
        (term,) = arguments(term)
    return term


def _less_the_largest(f: Term, p: Term, found: Weight, known: dict[Node, Weight]) -> tuple[Any, Term] | None:
    """A factor, and f less its value at the largest logit over that factor."""
    parts = [(c, t) for c, t in addends(f) if t.node.op != kinds.CONST]
    if len(parts) != 1:
        return None
    ((scale, part),) = parts
    part = _behind(part, known)
    shifted = found.at(found.shifted, p.map)
    if part == p:
        return scale, build.mul(1, [build.fn("expm1", [shifted]), found.at(found.below, p.map)])
    logits = opened(found.at(found.logits, p.map))
    if len(logits.factors) != 1 or logits.summed or logits.deltas or inside(logits.factors[0]) != inside(part):
        return None
    return times(scale, power(logits.coef, -1)), shifted
