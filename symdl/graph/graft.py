"""A graph with some of its nodes replaced by terms, which may bring further labels along: everything above them is built anew."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from symdl.errors import UnsupportedError
from symdl.graph import build
from symdl.graph import node as kinds
from symdl.graph.build import Label, Term
from symdl.graph.node import Node
from symdl.graph.rebuild import placed, rebuild
from symdl.graph.walk import topological


def graft(roots: Sequence[Term], place: Mapping[Node, Term]) -> list[Term]:
    """The terms, with nodes replaced.

    Parameters
    ----------
    roots : sequence of Term
    place : mapping
        Node -> what stands in its place, in labels: the numbers of the node's axes, and any others that are no ints. Those others
        become labels of all that is computed from it.
    """
    done: dict[Node, Term] = dict(place)
    for node in topological([t.node for t in roots], stop=done.__contains__):
        if node not in done:
            done[node] = remade(node, [placed(done[a], m) for a, m in node.terms()])
    return [placed(done[t.node], t.map) for t in roots]


def remade(node: Node, args: Sequence[Term], gone: Collection[int] = ()) -> Term:
    """``rebuild`` where arguments may have labels that the node knows nothing of, and some of the node's axes may be ``gone``."""
    if node.op == kinds.RECUR:
        from symdl.graph.recurrence import with_arguments

        return with_arguments(node, args)
    if node.op == kinds.LET:
        sizes = build.axis_sizes(args[0]) | {k: s for k, s in enumerate(node.shape) if k not in gone}
        labels = [*strange(args), *(k for k in range(node.rank) if k not in gone)]
        return build.let(node.attr.name, args[0], labels, [sizes[label] for label in labels], node.attr.role)
    if node.op == kinds.MATRIX:
        return _matrix(node, args[0])
    return rebuild(node, args)


def _matrix(node: Node, arg: Term) -> Term:
    if sorted(arg.map, key=str) != [0, 1]:
        raise UnsupportedError(f"{node.attr} of a matrix that differs from step to step has no derivative yet: take it of a matrix that all steps share")
    return build.matrix(node.attr, arg)


def strange(terms: Sequence[Term]) -> list[Label]:
    """Labels that are no ints, in a fixed order."""
    found: dict[Any, None] = {e: None for t in terms for e in t.map if type(e) is not int}
    return sorted(found, key=str)
