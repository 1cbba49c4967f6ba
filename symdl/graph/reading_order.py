"""In which order a person has the axes of a result: as NumPy's operators would put them, however the nodes came to be stored."""

from __future__ import annotations

from symdl.graph.labels import is_fixed
from symdl.graph.node import INPUT, LET, Node
from symdl.graph.walk import topological


class ReadingOrder:
    """The axes of nodes in reading order; remembers what it has looked at.

    Factors stand in a node in the order in which they were first made in the session, and the axes with them. What does not depend on that is where an
    axis stands in the inputs: counted from the end, as broadcasting counts, an axis stays where it is in sums and elementwise products, and in X @ W the
    axis of X that is left is before that of W. Axes that tie (those of two matrices multiplied with one of them transposed) keep the order in which
    they are stored.
    """

    def __init__(self) -> None:
        self._found: dict[Node, tuple[int, ...]] = {}

    def of(self, root: Node) -> tuple[int, ...]:
        """The node's axes, the first to be read first."""
        for node in topological([root], stop=self._found.__contains__):
            if node not in self._found:
                self._found[node] = tuple(range(node.rank)) if node.rank < 2 or _as_given(node) else self._order(node)
        return self._found[root]

    def _order(self, node: Node) -> tuple[int, ...]:
        first = [0] * node.rank
        for arg, entries in node.terms():
            for k, axis in enumerate(self._found[arg]):
                own = entries[axis]
                if not is_fixed(own) and own < node.rank:
                    first[own] = min(first[own], k - arg.rank)
        return tuple(sorted(range(node.rank), key=first.__getitem__))


def _as_given(node: Node) -> bool:
    """Inputs, and what has a name already: its axes are those of who named it."""
    return node.op in (INPUT, LET)


__all__ = ["ReadingOrder"]
