"""The normal form that decides most identities for every size: names opened, products of sums multiplied out.

Everything is built by the canonical builders, so two sides with one normal form are the same node.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from symdl.expr.tensor import Expr
from symdl.graph import build
from symdl.graph import node as kinds
from symdl.graph.build import Delta, Term
from symdl.graph.labels import fresh, inner_deltas, inner_terms, rename
from symdl.graph.node import Node
from symdl.graph.number import Number, times
from symdl.graph.walk import topological
from symdl.prove.stop import Clock, OutOfTime

#: A sum of more products than this is left as it is.
MAX_TERMS = 400
MAX_EXPONENT = 6
MAX_NODES = 4000


@dataclass
class Monomial:
    """coef * Sum over ``summed`` of factors and deltas."""

    coef: Number = 1
    factors: list[Term] = field(default_factory=list)
    deltas: list[Delta] = field(default_factory=list)
    summed: dict[Any, Any] = field(default_factory=dict)

    def times(self, other: Monomial) -> Monomial:
        return Monomial(times(self.coef, other.coef), self.factors + other.factors, self.deltas + other.deltas, self.summed | other.summed)

    def term(self) -> Term:
        return build.mul(self.coef, self.factors, self.deltas, self.summed)


def same_for_every_size(lhs: Expr, rhs: Expr, clock: Clock) -> bool:
    """Whether both sides have one normal form, as far as the time allows."""
    nodes = topological([lhs.node, rhs.node])
    if len(nodes) > MAX_NODES or any(n.op == kinds.PARTIAL for n in nodes):
        return False
    known: dict[Node, Term] = {}
    try:
        for node in nodes:
            clock.look()
            known[node] = _expanded(node, known)
    except OutOfTime:
        return False
    left, right = (build.rename(known[e.node], dict(enumerate(e.map))) for e in (lhs, rhs))
    gap = _collect(_monomials(left) + [_scaled(m, -1) for m in _monomials(right)])
    return gap.node.op == kinds.CONST and gap.node.attr == 0


def _scaled(m: Monomial, c: Number) -> Monomial:
    return Monomial(times(m.coef, c), m.factors, m.deltas, m.summed)


def _collect(monomials: list[Monomial]) -> Term:
    return build.add([1] * len(monomials), [m.term() for m in monomials]) if monomials else build.constant(0)


def _expanded(node: Node, known: dict[Node, Term]) -> Term:
    """The normal form of a node, in its own axes."""
    args = [rename(known[a], dict(enumerate(m))) if m else known[a] for a, m in node.terms()]
    if node.op == kinds.ADD:
        return _collect([_scaled(m, c) for c, t in zip(node.attr, args, strict=True) for m in _monomials(t)])
    if node.op == kinds.MUL:
        return _product(node, args)
    if node.op == kinds.POW:
        return _power(node, args[0])
    if node.op == kinds.FN:
        return build.fn(node.attr, args)
    if node.op == kinds.LET:
        return args[0]
    if node.op == kinds.REDUCE and all(k in args[0].map for k in range(node.rank, len(node.sizes()))):
        return build.reduce_(node.attr.kind, args[0], dict(enumerate(node.attr.summed, start=node.rank)))
    return Term(node, tuple(range(node.rank))) if node.op != kinds.MATRIX else _matrix(node, known)


def _matrix(node: Node, known: dict[Node, Term]) -> Term:
    inner = known[node.args[0]]
    return build.matrix(node.attr, inner) if inner.map == (0, 1) else Term(node, tuple(range(node.rank)))


def _monomials(term: Term) -> list[Monomial]:
    """A term as a sum of products, its own sum and products opened."""
    if term.node.op == kinds.ADD:
        pairs = zip(term.node.attr, inner_terms(term), strict=True)
        return [_scaled(_monomial(t), c) for c, t in pairs]
    return [_monomial(term)]


def _monomial(term: Term) -> Monomial:
    node = term.node
    if node.op == kinds.CONST:
        return Monomial(node.attr)
    if node.op != kinds.MUL:
        return Monomial(1, [term])
    labels: dict[Any, Any] = dict(enumerate(term.map))
    summed = {fresh(): size for size in node.attr.summed}
    labels.update(zip(range(node.rank, node.rank + len(summed)), summed, strict=True))
    factors = [rename(Term(a, m), labels) for a, m in node.terms()]
    return Monomial(node.attr.coef, factors, inner_deltas(node, labels), summed)


def _product(node: Node, args: list[Term]) -> Term:
    labels: dict[Any, Any] = {k: k for k in range(node.rank)}
    summed = {fresh(): size for size in node.attr.summed}
    labels.update(zip(range(node.rank, node.rank + len(summed)), summed, strict=True))
    whole = [Monomial(node.attr.coef, [], inner_deltas(node, labels), summed)]
    return _multiplied(whole, [rename(t, labels) for t in args])


def _multiplied(whole: list[Monomial], factors: list[Term]) -> Term:
    """Multiply out while the sum stays short; what would make it long stays one factor."""
    for factor in factors:
        parts = _monomials(factor)
        if len(parts) * len(whole) > MAX_TERMS:
            parts = [Monomial(1, [factor])]
        whole = [m.times(_anew(part)) for m in whole for part in parts]
    return _collect(whole)


def _anew(m: Monomial) -> Monomial:
    """The monomial with summed labels of its own, as it may stand in a product twice."""
    labels = {old: fresh() for old in m.summed}
    deltas = [Delta(labels.get(d.a, d.a), labels.get(d.b, d.b), d.size) for d in m.deltas]
    return Monomial(m.coef, [rename(t, labels) for t in m.factors], deltas, {labels[s]: n for s, n in m.summed.items()})


def _power(node: Node, base: Term) -> Term:
    exponent = node.attr
    whole = isinstance(exponent, int) and 1 < exponent <= MAX_EXPONENT
    if whole and (base.node.op == kinds.ADD or (base.node.op == kinds.MUL and base.node.attr.summed)):
        return _multiplied([Monomial()], [base] * exponent)
    return build.pow_(base, exponent)


def multiplied_out(expr: Expr, clock: Clock) -> Expr:
    """The expression with products of sums multiplied out and like terms collected.

    Raises
    ------
    OutOfTime
    """
    known: dict[Node, Term] = {}
    for node in topological([expr.node]):
        clock.look()
        known[node] = _expanded(node, known)
    return Expr(_collect(_monomials(build.rename(known[expr.node], dict(enumerate(expr.map))))), expr.shape, expr.open)
