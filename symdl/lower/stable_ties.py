"""Who reaches a maximum: positive(max(z) - z), where z is a sum or product. Its terms, subtracted from the maximum one by one, round otherwise than z
did, and then nobody reaches it; so z is computed once, under a name, and both sides read it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from symdl.graph import build
from symdl.graph import node as kinds
from symdl.graph.build import Label
from symdl.graph.labels import Term
from symdl.graph.node import Node
from symdl.graph.rebuild import placed
from symdl.graph.walk import topological
from symdl.lower.behind import addends, arguments, named
from symdl.lower.stable_log_softmax import read_at, reduced

#: The name of what a maximum is taken of.
COMPARED = "compared"


class _Tie(NamedTuple):
    """positive(top - z): the maximum, and the indices at which its argument is read."""

    top: Term
    at: tuple[Label, ...]


def compared(roots: Sequence[Term], rebuild: Callable[[Node, Sequence[Term]], Term]) -> Sequence[Term]:
    """The roots with what maxima are taken of under a name, where it is asked who reaches them; ``rebuild`` makes a node of new arguments."""
    order = list(topological(t.node for t in roots))
    ties = {node: tie for node in order if node.op == kinds.FN and node.attr == "positive" and (tie := _tie(node)) is not None}
    if not ties:
        return roots
    tops = {tie.top.node for tie in ties.values()}
    done: dict[Node, Term] = {}
    for node in order:
        if node in ties:
            top, at = ties[node]
            done[node] = build.fn("positive", [build.add([1, -1], [placed(done[top.node], top.map), _named(top.node, at, done)])])
        elif node in tops:
            z, summed = reduced(Term(node, tuple(range(node.rank))))
            done[node] = build.reduce_("max", _named(node, z.map, done), summed)
        else:
            done[node] = rebuild(node, [placed(done[a], m) for a, m in node.terms()])
    return [placed(done[t.node], t.map) for t in roots]


def _tie(node: Node) -> _Tie | None:
    parts = addends(arguments(Term(node, tuple(range(node.rank))))[0])
    for k, (c, top) in enumerate(parts):
        if c != 1 or top.node.op != kinds.REDUCE or top.node.attr.kind != "max" or top.node.args[0].op not in (kinds.ADD, kinds.MUL):
            continue
        z, summed = reduced(top)
        found = read_at(z, summed, [p for n, p in enumerate(parts) if n != k], -1)
        if found is not None and not found[1]:
            return _Tie(top, _renamed(z.map, found[0]))
    return None


def _renamed(entries: Sequence[Label], labels: dict[Label, Any]) -> tuple[Label, ...]:
    return tuple(labels.get(e, e) for e in entries)


def _named(top: Node, at: Sequence[Label], done: dict[Node, Term]) -> Term:
    """The argument of a maximum under its name, read at some indices."""
    return placed(named(COMPARED, done[top.args[0]]), at)


__all__ = ["compared"]
