"""When the user last said a tensor's name: the order in which inputs are listed.

Nodes live as long as anything uses them, so the node of ``price`` may be older than this receipt. What a reader of the receipt
expects is the order of its own declarations, whatever else the session made before.
"""

from __future__ import annotations

import itertools
from weakref import WeakKeyDictionary

from symdl.graph.node import Node

_clock = itertools.count(1)
_when: WeakKeyDictionary[Node, int] = WeakKeyDictionary()


def declare(node: Node) -> Node:
    """The same node, declared now."""
    _when[node] = next(_clock)
    return node


def declared(node: Node) -> tuple[int, int]:
    """A key to sort inputs by; what came in as SymPy's was never declared, and comes first, oldest first."""
    return _when.get(node, 0), node.serial
