"""The way back from an output to what it is differentiated by: which nodes lie on it, and who uses them. Found once for a sweep and for the names."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from symdl.diff import scalars
from symdl.diff.fused import fused
from symdl.graph.memory import collector_paused
from symdl.graph.node import Node
from symdl.graph.walk import consumers, depends_on, topological


@dataclass(frozen=True)
class Route:
    """Nodes between an output and the targets.

    Attributes
    ----------
    order : list of Node
        All nodes under the output, arguments first.
    relevant : set of Node
        Those on the way to a target, targets included.
    hidden : set of Node
        Those that have no adjoint of their own, being part of a function that is differentiated as a whole.
    uses : dict
        Node -> who uses it and as which argument; in a scalar graph, of the relevant nodes only.
    scalar : bool
        There are only scalars on the way.
    """

    order: list[Node]
    relevant: set[Node]
    hidden: set[Node]
    uses: dict[Node, list[tuple[Node, int]]]
    scalar: bool


@collector_paused()
def route(out: Node, targets: Iterable[Node]) -> Route:
    """The way from an output back to the targets."""
    order = topological([out])
    relevant = depends_on(order, targets)
    if scalars.concerns(relevant):
        return Route(order, relevant, set(), scalars.uses(order, relevant), True)
    uses, hidden = fused(order, consumers(order), relevant)
    return Route(order, relevant, hidden, uses, False)
