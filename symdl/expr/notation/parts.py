"""Large expressions in named parts: what is shared is written once, and no line is longer than a few hundred characters."""

from __future__ import annotations

from collections.abc import Mapping

from symdl.graph import node as kinds
from symdl.graph.node import Node
from symdl.graph.walk import consumers, topological

#: Characters up to which an expression is written in one piece.
INLINE = 3000

#: Characters and nesting after which a part is cut off, and characters from which a shared part gets a name.
LONG, DEEP, SHARED = 400, 60, 24


def parts(root: Node) -> dict[Node, str]:
    """Node -> name, arguments first, for the parts in which to write an expression; empty when one piece will do."""
    order = topological([root], stop=lambda n: n.op == kinds.RECUR)
    length, depth = _measure(order, {})
    if length[root] <= INLINE and depth[root] <= DEEP:
        return {}
    users = consumers(order)
    taken = {str(n.name) for n in order if n.name}
    cut: dict[Node, str] = {}
    length, depth = {}, {}
    for node in order:
        length[node], depth[node] = _size(node, length, depth)
        if node is root or node.op in (kinds.INPUT, kinds.CONST, kinds.RECUR) or _is_index_map(node):
            continue
        shared = len({u for u, _ in users[node]}) > 1 and length[node] >= SHARED
        if shared or length[node] >= LONG or depth[node] >= DEEP or (node.op == kinds.LET and node.attr.role == "let"):
            cut[node] = _name(node, len(cut) + 1, taken)
            length[node], depth[node] = len(cut[node]), 0
    return cut


def _is_index_map(node: Node) -> bool:
    """An equation of positions: it is read as an index, W[2*h + i], which a name would hide."""
    return node.op == kinds.FN and node.attr == "iszero"


def _name(node: Node, number: int, taken: set[str]) -> str:
    if node.op == kinds.LET and node.attr.role == "let":
        return str(node.name)
    name = f"v{number}"
    while name in taken:
        name += "_"
    taken.add(name)
    return name


def _measure(order: list[Node], named: dict[Node, str]) -> tuple[dict[Node, int], dict[Node, int]]:
    length: dict[Node, int] = {}
    depth: dict[Node, int] = {}
    for node in order:
        length[node], depth[node] = _size(node, length, depth)
    return length, depth


def _size(node: Node, length: dict[Node, int], depth: dict[Node, int]) -> tuple[int, int]:
    """About how many characters, and how deeply nested."""
    if node.op in (kinds.INPUT, kinds.CONST):
        return len(str(node.name or node.attr)), 0
    if node.op == kinds.RECUR:
        return len(node.attr.names[node.attr.state]) + 4, 0
    own = {kinds.LET: 0, kinds.FN: len(str(node.attr)) + 2}.get(node.op, 4)
    return sum(length[a] + 3 for a in node.args) + own, max((depth[a] for a in node.args), default=0) + (node.op != kinds.LET)


def with_bodies(names: Mapping[Node, str]) -> dict[Node, str]:
    """The names, and for every named definition also its right side: where a = sigmoid(z), sigmoid(z) is written a."""
    found = dict(names)
    for node, name in names.items():
        if node.op == kinds.LET and node.maps[0] == tuple(range(node.rank)) and node.args[0].op not in (kinds.INPUT, kinds.CONST):
            found.setdefault(node.args[0], name)
    return found
