"""Products of very many factors are kept in pieces (``symdl.graph.build``): a piece that stands in several steps is told once, and then goes by a name."""

from __future__ import annotations

from collections.abc import Container, Iterable

from symdl.graph.node import ADD, MUL, Node
from symdl.graph.walk import topological

#: So many factors are written out; the pieces of a longer product go by names.
FACTORS = 24


def pieces(roots: Iterable[Node], told: Container[Node]) -> list[Node]:
    """The products of scalars that are factors of products under the roots and would be too long written out, arguments first; not what is told otherwise."""
    order = topological(roots)
    inside = {a for node in order if node.op == MUL for a in node.args if a.op == MUL and not a.rank and not a.attr.summed}
    written: dict[Node, int] = {}  # factors, down to names
    found = []
    for node in order:
        if node in inside and node not in told:
            written[node] = sum(written.get(a, 1) for a in node.args)
            if written[node] >= FACTORS:
                written[node] = 1
                found.append(node)
    return found


class LongProducts:
    """Names p1, p2, ... of the pieces, and which of them have been told."""

    def __init__(self, roots: Iterable[Node], told: Container[Node], taken: Container[str]) -> None:
        found = pieces(roots, told)
        free = [name for name in (f"p{k}" for k in range(1, 2 * len(found) + 1)) if name not in taken]
        free += [f"product{k}" for k in range(len(found)) if f"product{k}" not in taken]
        self.names: dict[Node, str] = dict(zip(found, free, strict=False))
        self._left = dict(self.names)

    def new(self, roots: Iterable[Node]) -> list[Node]:
        """The pieces under the roots that have not been told yet; they count as told from now on."""
        if not self._left:
            return []
        waiting = list(roots)
        found: set[Node] = set()
        while waiting:
            node = waiting.pop()
            if node in self._left:
                found.add(node)
                del self._left[node]
            elif node in self.names or node.op not in (MUL, ADD):
                continue
            waiting += node.args
        return [node for node in self.names if node in found]
