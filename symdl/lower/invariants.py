"""What a descent loop would compute anew at every step though it depends on data alone: found, to be computed once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from math import prod
from typing import Any

from symdl.graph import build
from symdl.graph import node as kinds
from symdl.graph.build import Term
from symdl.graph.node import Node, Size
from symdl.graph.rebuild import placed, rebuild
from symdl.graph.walk import depends_on, topological

#: A node of data alone -> the input that is to stand for it.
Named = Callable[[Node], Node]


def taken_out(roots: Sequence[Term], parameters: Iterable[Node], size_of: Callable[[Size], int], named: Named) -> list[Term]:
    """The roots with every largest part that depends on data alone as an input.

    Such a part may be some of the factors of a product: A and B of A @ B @ w, summed over what only they have in common. What only moves
    elements about (windows, looked up rows) stays, since planning finds it, and so does what would take more memory than the data it is made of.
    """
    order = topological(t.node for t in roots)
    moving = depends_on(order, parameters)
    solid = _solid(order)
    made: dict[Node, Term] = {}

    def out(term: Term) -> Term:
        node = term.node
        if node in moving:
            return placed(made[node], term.map)
        if node in solid and node.op not in (kinds.INPUT, kinds.CONST, kinds.POSITION) and _small(node, size_of):
            return Term(named(node), term.map)
        return term

    for node in order:
        if node not in moving:
            continue
        terms = [Term(a, m) for a, m in node.terms()]
        if node.op == kinds.MUL:
            made[node] = _product(node, terms, moving, solid, size_of, out)
        else:
            made[node] = with_arguments(node, [out(t) for t in terms])
    return [out(t) for t in roots]


def with_arguments(node: Node, args: Sequence[Term]) -> Term:
    """``rebuild``, of matrix functions too."""
    if node.op != kinds.MATRIX:
        return rebuild(node, args)
    (inside,) = args
    if inside.map != (0, 1) or inside.node.rank != 2:
        inside = build.let("inside", inside, (0, 1), node.args[0].shape)
    return rebuild(node, [inside]) if inside.node is node.args[0] else build.matrix(node.attr, inside)


def _solid(order: Sequence[Node]) -> set[Node]:
    """Nodes with inputs below and without index equations: numbers, not places."""
    with_input: set[Node] = set()
    moved: set[Node] = set()
    for node in order:
        if node.op == kinds.INPUT or any(a in with_input for a in node.args):
            with_input.add(node)
        if (node.op == kinds.FN and node.attr == "iszero") or node.op == kinds.POSITION or any(a in moved for a in node.args):
            moved.add(node)
    return with_input - moved


def _small(node: Node, size_of: Callable[[Size], int]) -> bool:
    """Whether its numbers are no more than twice those of the largest input that it is made of."""
    largest = max((prod(map(size_of, n.shape)) for n in topological([node]) if n.op == kinds.INPUT), default=0)
    return prod(map(size_of, node.shape)) <= max(2 * largest, 64)


def _product(node: Node, terms: Sequence[Term], moving: set[Node], solid: set[Node], size_of: Callable[[Size], int], out: Callable[[Term], Term]) -> Term:
    """Factors of data that share a sum of their own become one."""
    summed: dict[Any, Size] = dict(enumerate(node.attr.summed, start=node.rank))
    sizes = node.sizes()
    deltas = [build.Delta(a, b, sizes[a]) for a, b in node.attr.deltas]
    kept = [t for t in terms if t.node in moving or t.node not in solid]
    data = [t for t in terms if not (t.node in moving or t.node not in solid)]
    elsewhere = {e for t in kept for e in t.map} | {e for d in node.attr.deltas for e in d}
    private = [k for k in summed if k not in elsewhere]
    groups: list[list[Term]] = []
    for term in data:
        touching = [g for g in groups if any(k in term.map and any(k in t.map for t in g) for k in private)]
        groups = [g for g in groups if g not in touching] + [[t for g in touching for t in g] + [term]]
    factors = [out(t) for t in kept]
    for group in groups:
        own = {k: summed[k] for k in private if any(k in t.map for t in group)}
        if not own:
            factors += [out(t) for t in group]
            continue
        product = build.mul(1, group, (), own)
        if product.node.op in (kinds.INPUT, kinds.CONST) or not _pays(product, group, size_of):
            factors += [out(t) for t in group]
            continue
        for k in own:
            summed.pop(k)
        factors.append(Term(named_or(product, out), product.map))
    return build.mul(node.attr.coef, factors, deltas, summed)


def named_or(product: Term, out: Callable[[Term], Term]) -> Node:
    """The node that stands for a product of data."""
    return out(Term(product.node, tuple(range(product.node.rank)))).node


def _pays(product: Term, group: Sequence[Term], size_of: Callable[[Size], int]) -> bool:
    """Whether to read the product costs no more than to read its factors."""
    return prod(map(size_of, product.node.shape)) <= sum(prod(map(size_of, t.node.shape)) for t in group)


__all__ = ["Named", "taken_out", "with_arguments"]
