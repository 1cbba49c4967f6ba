"""A product taken apart, in labels that can be renamed at will, and put together again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from symdl.graph import build
from symdl.graph import node as kinds
from symdl.graph.build import Delta, Term
from symdl.graph.labels import inner_deltas, rename, rename_delta
from symdl.graph.node import Size
from symdl.graph.number import Number, times
from symdl.graph.rebuild import placed


@dataclass
class Pieces:
    """coef * Sum over ``summed`` of factors * deltas."""

    coef: Number
    factors: list[Term]
    deltas: list[Delta] = field(default_factory=list)
    summed: dict[Any, Size] = field(default_factory=dict)

    def term(self) -> Term:
        return build.mul(self.coef, self.factors, self.deltas, self.summed)

    def renamed(self, labels: dict[Any, Any]) -> Pieces:
        summed = {labels.get(s, s): n for s, n in self.summed.items()}
        return Pieces(self.coef, [rename(t, labels) for t in self.factors], [rename_delta(d, labels) for d in self.deltas], summed)

    def without(self, *positions: int) -> Pieces:
        return Pieces(self.coef, [t for k, t in enumerate(self.factors) if k not in positions], list(self.deltas), dict(self.summed))

    def uses(self, label: Any) -> int:
        """On how many axes and deltas a label stands."""
        return sum(t.map.count(label) for t in self.factors) + sum((d.a, d.b).count(label) for d in self.deltas)

    def separated(self, shorter: Callable[[Term], Term] = lambda term: term) -> Term:
        """The product of the sums that have nothing to do with each other: Sum_jk a_j b_k = (Sum_j a_j)(Sum_k b_k), each made shorter."""
        if not self.summed or self.deltas:
            return shorter(self.term())
        groups: list[tuple[set[Any], list[Term]]] = []
        for factor in self.factors:
            labels, together = {e for e in factor.map if e in self.summed}, [factor]
            for group in [g for g in groups if g[0] & labels]:
                groups.remove(group)
                labels, together = labels | group[0], group[1] + together
            groups.append((labels, together))
        unused = self.summed.keys() - set().union(*(labels for labels, _ in groups))
        sums = [shorter(build.mul(1, together, (), {s: self.summed[s] for s in labels})) for labels, together in groups]
        return build.mul(self.coef, sums, (), {s: self.summed[s] for s in unused})

    def opened(self, position: int) -> Pieces:
        """The same with the sum of products at a position opened: Sum_j (Sum_k a_k) b_j = Sum_jk a_k b_j."""
        inner = pieces(self.factors[position])
        rest = self.without(position)
        return Pieces(times(self.coef, inner.coef), rest.factors + inner.factors, rest.deltas + inner.deltas, rest.summed | inner.summed)


def pieces(term: Term) -> Pieces:
    """A term as a product: its own factors when it is one, else itself alone. Summed labels are fresh."""
    node = term.node
    if node.op == kinds.CONST:
        return Pieces(node.attr, [])
    if node.op != kinds.MUL:
        return Pieces(1, [term])
    labels: dict[Any, Any] = dict(enumerate(term.map))
    summed = {}
    for position, size in enumerate(node.attr.summed, start=node.rank):
        labels[position] = label = build.fresh()
        summed[label] = size
    return Pieces(node.attr.coef, [rename(Term(a, m), labels) for a, m in node.terms()], inner_deltas(node, labels), summed)


def addends(term: Term) -> list[tuple[Number, Term]]:
    """A term as a linear combination; itself alone when it is no sum."""
    if term.node.op != kinds.ADD:
        return [(1, term)]
    return [(c, placed(Term(a, m), term.map)) for c, (a, m) in zip(term.node.attr, term.node.terms(), strict=True)]


def own(node: Any) -> Term:
    """The node in its own labels 0, 1, ..."""
    return Term(node, tuple(range(node.rank)))


def base(term: Term) -> tuple[Term, Number]:
    """Base and exponent."""
    if term.node.op == kinds.POW:
        return placed(Term(term.node.args[0], term.node.maps[0]), term.map), term.node.attr
    return term, 1
