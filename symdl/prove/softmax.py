"""A local partial may be that of a softmax, exp(z - logsumexp(z)), by its z: one function on paper, several nodes in the graph.

The sum z - logsumexp(z) is stored with z's own terms and coefficients opened, so that z itself need not stand in it.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from symdl.graph import build
from symdl.graph import node as kinds
from symdl.graph.build import Term
from symdl.graph.node import Node


class Softmax(NamedTuple):
    """On which axes of the softmax node z's axes stand, and which of the node's axes are summed over."""

    entries: tuple[int, ...]
    over: tuple[int, ...]


def softmax_of(outer: Node, z: Node) -> Softmax | None:
    """How ``outer`` is a softmax of ``z``; None when it is none."""
    if outer.op != kinds.FN or outer.attr != "exp" or outer.args[0].op != kinds.ADD:
        return None
    shift = outer.args[0]
    if any(e < 0 for e in outer.maps[0]) or len(set(outer.maps[0])) < shift.rank:
        return None
    for arg, entries in shift.terms():
        if arg.op != kinds.REDUCE or arg.attr.kind != "logsumexp" or arg.args[0] is not z:
            continue
        missing = iter([e for e in range(shift.rank) if e not in entries])
        labels: list[Any] = [next(missing, None) if e >= arg.rank else entries[e] if e >= 0 else e for e in arg.maps[0]]
        if None in labels or len(set(labels)) < len(labels) or any(e < 0 for e in labels):
            continue
        built = build.add([1, -1], [Term(z, tuple(labels)), Term(arg, entries)])
        if built.node is shift and built.map == tuple(range(shift.rank)):
            place = outer.maps[0]
            return Softmax(tuple(place[e] for e in labels), tuple(place[e] for e in range(shift.rank) if e not in entries))
    return None
