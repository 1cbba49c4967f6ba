"""Several nodes differentiated as one: the softmax, which is exp(z - logsumexp(z)) in the graph and one function on paper.

    d p_i / d z_j = p_i (delta_ij - p_j)

The nodes in between are skipped when nobody else uses them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, NamedTuple

from symdl.diff.local import Local
from symdl.graph import build
from symdl.graph import node as kinds
from symdl.graph.build import Delta, Term
from symdl.graph.node import Node
from symdl.steps.step import Rule

SOFTMAX = Rule("derivative of the softmax", r"\frac{\partial p_i}{\partial z_j} = p_i\,(\delta_{ij} - p_j)", "softmax 的导数")

#: The position of an argument that a node has as a whole only.
WHOLE = -1

Uses = dict[Node, list[tuple[Node, int]]]


class Softmax(NamedTuple):
    """exp(z - logsumexp(z)): z's node with the softmax node's index numbers on its axes; those summed over; the nodes in between."""

    z: Term
    over: tuple[int, ...]
    shift: Node
    total: Node


def softmax_parts(node: Node) -> Softmax | None:
    """The parts of a softmax node; None for any other node."""
    if node.op != kinds.FN or node.attr != "exp" or node.args[0].op != kinds.ADD:
        return None
    shift = node.args[0]
    for arg, entries in shift.terms():
        if arg.op != kinds.REDUCE or arg.attr.kind != "logsumexp":
            continue
        z = arg.args[0]
        missing = iter([e for e in range(shift.rank) if e not in entries])
        labels: list[Any] = [next(missing, None) if e >= arg.rank else entries[e] if e >= 0 else e for e in arg.maps[0]]
        if None in labels or len({*labels}) < len(labels):
            continue
        term = Term(z, tuple(labels))
        built = build.add([1, -1], [term, Term(arg, entries)])
        if built.node is shift and built.map == tuple(range(shift.rank)):
            place = {axis: entry for axis, entry in enumerate(node.maps[0])}
            if any(e < 0 for e in node.maps[0]) or len(set(node.maps[0])) < shift.rank:
                return None
            inner = tuple(e if e < 0 else place[e] for e in labels)
            return Softmax(Term(z, inner), tuple(place[e] for e in range(shift.rank) if e not in entries), shift, arg)
    return None


def softmax_partials(node: Node) -> list[Local]:
    """d p_i / d z_j in two parts: p_i delta_ij and -p_i p_j."""
    parts = softmax_parts(node)
    assert parts is not None
    own = tuple(range(node.rank))
    z = parts.z
    first = Local(SOFTMAX, 1, [Term(node, own)], [Delta(("d", axis), e, z.node.shape[axis]) for axis, e in enumerate(z.map)])
    there = {e: ("d", axis) for axis, e in enumerate(z.map)}
    # p at the place that is differentiated by; the indices that are not summed over are the same in both.
    other = Term(node, tuple(there[e] if e in parts.over else e for e in own))
    same = [Delta(("d", axis), e, z.node.shape[axis]) for axis, e in enumerate(z.map) if e not in parts.over]
    return [first, Local(SOFTMAX, -1, [Term(node, own), other], same)]


def fused(order: Iterable[Node], uses: Uses, relevant: set[Node]) -> tuple[Uses, set[Node]]:
    """The uses with softmaxes as one function of their arguments, and the nodes that nobody uses then.

    Parameters
    ----------
    order : iterable of Node
        Topological.
    uses : mapping
        Node -> (user, position of the argument).
    relevant : set of Node
        Nodes on the way to what is differentiated by.
    """
    changed: dict[Node, Any] = {}
    hidden: set[Node] = set()
    for node in order:
        if node not in relevant or node.op != kinds.FN or node.attr != "exp":
            continue
        parts = softmax_parts(node)
        if parts is None or parts.z.node not in relevant:
            continue
        left = [use for use in changed.get(parts.shift, uses[parts.shift]) if use[0] is not node]
        if left:  # the logarithm of the softmax is wanted too: the parts are shared with it
            continue
        changed[parts.shift] = left
        hidden.add(parts.shift)
        total = [use for use in uses[parts.total] if use[0] is not parts.shift]
        if not total:
            hidden.add(parts.total)
        changed[parts.z.node] = [*changed.get(parts.z.node, uses[parts.z.node]), (node, WHOLE)]
    if not changed:
        return uses, hidden
    merged = {**uses, **changed}
    return {v: [use for use in found if use[0] not in hidden] for v, found in merged.items()}, hidden
