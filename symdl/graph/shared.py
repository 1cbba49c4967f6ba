"""Which axes of a state go along unmixed: those that a step takes position by position."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from symdl.graph.build import Label, Term
from symdl.graph.node import RECUR, Node
from symdl.graph.walk import depends_on, topological


def shared_labels(bodies: Sequence[Term], previous: Sequence[Node], labels: Sequence[Label]) -> list[Label]:
    """Those of the first axes of the states, named ``labels``, that every body hands from the states to the result as they are."""
    order = topological([t.node for t in bodies])
    varies = depends_on(order, previous)
    return [label for place, label in enumerate(labels) if all(_unmixed(t, label, place, set(previous), varies) for t in bodies)]


def _unmixed(body: Term, label: Label, place: int, previous: Iterable[Node], varies: set[Node]) -> bool:
    """Whether the label, followed down from the body, arrives at axis ``place`` of the states, and at that only."""
    waiting = [(body.node, frozenset(k for k, e in enumerate(body.map) if e == label))]
    seen = set(waiting)
    while waiting:
        node, marks = waiting.pop()
        if node in previous:
            if marks != {place}:
                return False
        elif node in varies:
            if node.op == RECUR and marks:
                return False
            for arg, entries in node.terms():
                key = (arg, frozenset(k for k, e in enumerate(entries) if e in marks))
                if key not in seen:
                    seen.add(key)
                    waiting.append(key)
    return True
