"""The second pass of the rewrites: softmaxes, and what complements sigmoids and softmaxes in sums.

With m = max(z), e = exp(z - m), T = sum(e) and the rest R = T - 1 (the sum without the 1 of the maximum itself, so that a small rest keeps its digits):
logsumexp(z) = m + log(1 + R), softmax(z) = e/T, and 1 - softmax(z) = ((1 - e) + R)/T, where nothing cancels.
Sources: Blanchard, Higham and Higham 2021, "Accurately computing the log-sum-exp and softmax functions".
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from symdl.graph import build
from symdl.graph import node as kinds
from symdl.graph.build import Delta, Term
from symdl.graph.labels import is_fixed
from symdl.graph.node import Node
from symdl.graph.number import plus, times
from symdl.graph.rebuild import placed
from symdl.lower import stable_weights
from symdl.lower.behind import Parts, addends, applied, argument, arguments, inside, named, opened, sum_of
from symdl.lower.machine import COSIGMOID, REST
from symdl.lower.stable_differences import taken
from symdl.lower.stable_log_softmax import is_shifted, log_softmax, total_of
from symdl.lower.stable_parts import LONG


class Complements:
    """Rewrites one list of roots; remembers what 1 minus each softmax is.

    Parameters
    ----------
    saturating : callable
        Whether a difference of a sigmoid and a label is used where it saturates anyway (squared, or beside the sigmoid's slope).
    """

    def __init__(self, saturating: Callable[[Node], bool]) -> None:
        self._saturating = saturating
        self._softmax: dict[Node, Term] = {}
        self._weights: dict[Node, stable_weights.Weight] = {}

    def rewritten(self, old: Node, term: Term) -> Term:
        """The term after all rules; ``old`` is the node that it was."""
        if term.node.op == kinds.FN and term.node.attr == "exp":
            return self._exp(term) or term
        if term.node.op != kinds.ADD or len(term.node.args) > LONG:
            return term
        term = log_softmax(term) or term
        for _ in range(LONG):
            made = self._pairs(old, term) if term.node.op == kinds.ADD else None
            if made is None:
                return term
            term = made
        return term

    # --- softmax ------------------------------------------------------------------------------------------------

    def _exp(self, term: Term) -> Term | None:
        """exp((z - m) - log(1 + R) + ...) = exp(z - m + ...)/T."""
        parts = addends(arguments(term)[0])
        for k, (c, part) in enumerate(parts):
            rest = argument(part, "log1p") if c == -1 else None
            if rest is None or rest.node.op != kinds.REDUCE or rest.node.attr.kind != REST:
                continue
            others = [p for n, p in enumerate(parts) if n != k]
            above = build.fn("exp", [sum_of(others)])
            below = build.pow_(total_of(rest), -1)
            made = named("softmax", build.mul(1, [above, below]))
            if len(others) == 1 and others[0][0] == 1 and is_shifted(others[0][1]):
                complement = build.add([1, 1], [named("others", build.add([-1, 1], [above, build.constant(1)])), rest])
                labels = {label: axis for axis, label in enumerate(made.map)}
                found = stable_weights.weight(others[0][1], below, made.map)
                self._weights |= {} if found is None else {made.node: found}
                self._softmax[made.node] = build.rename(named("cosoftmax", build.mul(1, [complement, below])), labels)
            return made
        return None

    def complement(self, term: Term) -> Term | None:
        """1 - u as one value, for a sigmoid or a softmax u."""
        term = self._behind(term)
        if term.node in self._softmax:
            return placed(self._softmax[term.node], term.map)
        for name, other in (("sigmoid", COSIGMOID), (COSIGMOID, "sigmoid")):
            z = argument(term, name)
            if z is not None:
                return applied(other, z)
        z = argument(term, "tanh")
        return None if z is None else named("gate", build.mul(2, [applied(COSIGMOID, build.mul(2, [z]))]))

    def _behind(self, term: Term) -> Term:
        """The term behind names, but not behind the name of a softmax."""
        while term.node.op == kinds.LET and term.node not in self._softmax:
            term = arguments(term)[0]
        return term

    # --- sums ---------------------------------------------------------------------------------------------------

    def _pairs(self, old: Node, term: Term) -> Term | None:
        parts = addends(term)
        whole = [opened(self._behind(t)) for _, t in parts]
        for i, (c, _) in enumerate(parts):
            for j, (d, _) in enumerate(parts):
                if i == j or plus(c, d) != 0 or whole[i].summed or whole[j].summed:
                    continue
                made = self._one_minus(whole[i], whole[j]) or self._label(old, whole[i], whole[j])
                if made is not None:
                    return sum_of([*(p for n, p in enumerate(parts) if n not in (i, j)), *((times(c, s), t) for s, t in made)])
        weighed = stable_weights.sums(parts, whole, self._weights, self.complement) if self._weights else None
        return weighed or (self._whole_sum(parts, whole) if len(parts) > 2 else None)

    def _whole_sum(self, parts: list[tuple[Any, Term]], whole: list[Parts]) -> Term | None:
        """F - F*u = F*(1 - u) for a sum F, whose terms stand among the others."""
        for j, (d, _) in enumerate(parts):
            factors = whole[j].factors
            if len(factors) != 2 or whole[j].summed or whole[j].deltas:
                continue
            for u, total in (factors, factors[::-1]):
                if inside(total).node.op != kinds.ADD:
                    continue
                scale = times(-1, times(d, whole[j].coef))
                left = taken([p for n, p in enumerate(parts) if n != j], total, scale)
                complement = None if left is None else self.complement(u)
                if left is not None and complement is not None:
                    return sum_of([*left, (scale, named("complement", build.mul(1, [total, complement])))])
        return None

    def _one_minus(self, first: Parts, second: Parts) -> list[tuple[int, Term]] | None:
        """X*delta - X*u = X*(1 - u)*delta - X*u*(1 - delta): on the diagonal 1 - u does not cancel; also without the delta."""
        extra = list(first.deltas)
        for delta in second.deltas:
            if delta not in extra:
                return None
            extra.remove(delta)
        if len(extra) > 1:
            return None
        same = _merged(first.deltas)
        have, need = (Counter(_split(self._behind(_renamed(f, same)) for f in p.factors)) for p in (first, second))
        more = list((need - have).elements())
        complement = self.complement(more[0]) if len(more) == 1 and not have - need else None
        if complement is None:
            return None
        kept = build.mul(1, [*have.elements(), complement], first.deltas)
        if not extra:
            return [(1, kept)]
        apart = build.add([1, -1], [build.constant(1), build.mul(1, [], extra)])
        return [(1, kept), (-1, build.mul(1, [*second.factors, apart], second.deltas))]

    def _label(self, old: Node, first: Parts, second: Parts) -> list[tuple[int, Term]] | None:
        """A*u - t = u*(A - t) - t*(1 - u), for a label t and A = 1 or the sum of the labels: of a label 1 and u near 1 the digits stay."""
        if first.deltas or second.deltas or self._saturating(old):
            return None
        switches = bool(second.factors) and any(map(_switches, second.factors))
        if not switches and (len(second.factors) != 1 or inside(second.factors[0]).node.op != kinds.INPUT):
            return None
        label = build.mul(second.coef, second.factors) if switches else second.factors[0]
        for k, u in enumerate(first.factors):
            others = [f for n, f in enumerate(first.factors) if n != k]
            if len(others) > 1 or (others and not _sums_up(others[0], label)):
                continue
            complement = self.complement(u)
            if complement is not None and switches:  # u - 1 = -(1 - u) where the label is 1; ties share the 1
                whole = build.fn("iszero", [build.add([1, -1], [label, build.constant(1)])])
                return None if others else [(1, build.fn("where", [whole, build.mul(-1, [complement]), named("residual", build.add([1, -1], [u, label]))]))]
            if complement is not None:
                away = named("other labels", build.add([1, -1], [others[0] if others else build.constant(1), label]))
                return [(1, build.mul(1, [u, away])), (-1, build.mul(1, [label, complement]))]
        return None


def _switches(term: Term) -> bool:
    """Whether the term is 0 or 1, by the sign of something."""
    inner = inside(term)
    if inner.node.op == kinds.ADD and len(inner.node.args) == 2 and any(t.node.op == kinds.CONST for _, t in addends(inner)):
        return any(argument(t, "positive") is not None for _, t in addends(inner))
    return argument(inner, "positive") is not None


def _sums_up(term: Term, label: Term) -> bool:
    """Whether the term is a sum of the label over some of its indices."""
    parts = opened(inside(term))
    return parts.coef == 1 and len(parts.factors) == 1 and inside(parts.factors[0]).node is inside(label).node and bool(parts.summed)


def _split(factors: Iterator[Term]) -> Iterator[Term]:
    """Powers as repeated factors."""
    for factor in factors:
        exponent = factor.node.attr if factor.node.op == kinds.POW else 1
        if type(exponent) is int and 1 < exponent <= LONG:
            yield from [arguments(factor)[0]] * exponent
        else:
            yield factor


def _merged(deltas: Sequence[Delta]) -> dict[Any, Any]:
    """Label -> what the deltas make it equal to."""
    same: dict[Any, Any] = {}
    for delta in deltas:
        a, b = (_at(e, same) for e in (delta.a, delta.b))
        if a == b:
            continue
        old, new = (b, a) if is_fixed(a) or not is_fixed(b) else (a, b)
        same = {k: new if v == old else v for k, v in same.items()} | {old: new}
    return same


def _at(entry: Any, same: Mapping[Any, Any]) -> Any:
    return entry if is_fixed(entry) else same.get(entry, entry)


def _renamed(term: Term, same: Mapping[Any, Any]) -> Term:
    return build.rename(term, same) if same else term
