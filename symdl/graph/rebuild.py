"""A node with other arguments, built anew: what every rewriting of a graph does at each node."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from symdl.graph import build
from symdl.graph import node as kinds
from symdl.graph.build import Term
from symdl.graph.node import Node


def placed(term: Term, entries: Sequence[Any]) -> Term:
    """A term in the labels of a node, in the labels that stand on that node's axes."""
    return build.rename(term, dict(enumerate(entries)))


def rebuild(node: Node, args: Sequence[Term]) -> Term:
    """The node with these arguments instead of its own; labels are the node's own index numbers.

    Arguments that are the node's own give the node itself. A matrix function and a formal partial keep their arguments.
    """
    own = tuple(range(node.rank))
    if all(t.node is a and t.map == m for t, a, m in zip(args, node.args, node.maps, strict=True)):
        return Term(node, own)
    if node.op == kinds.ADD:
        return build.add(node.attr, args)
    if node.op == kinds.MUL:
        sizes = node.sizes()
        deltas = [build.Delta(a, b, sizes[a]) for a, b in node.attr.deltas]
        return build.mul(node.attr.coef, args, deltas, dict(enumerate(node.attr.summed, start=node.rank)))
    if node.op == kinds.POW:
        return build.pow_(args[0], node.attr)
    if node.op == kinds.FN:
        return build.fn(node.attr, args)
    if node.op == kinds.REDUCE:
        return build.reduce_(node.attr.kind, args[0], dict(enumerate(node.attr.summed, start=node.rank)))
    if node.op == kinds.LET:
        return build.let(node.attr.name, args[0], own, node.shape, node.attr.role)
    if node.op == kinds.RECUR:
        from symdl.graph.recurrence import with_arguments

        return with_arguments(node, args)
    return Term(node, own)
