"""Walking the graph, without recursion: a chain of 10,000 nodes is as good as any."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from symdl.graph.node import INPUT, LET, Node


def topological(roots: Iterable[Node], stop: Callable[[Node], bool] = lambda node: False) -> list[Node]:
    """All nodes under the roots, arguments before what uses them, each once.

    Parameters
    ----------
    roots : iterable of Node
    stop : callable
        A node for which this is true is listed, and what lies under it is not visited.
    """
    order: list[Node] = []
    done: set[Node] = set()
    stack: list[tuple[Node, bool]] = [(root, False) for root in reversed(list(roots))]
    while stack:
        node, expanded = stack.pop()
        if node in done:
            continue
        if expanded or not node.args or stop(node):
            done.add(node)
            order.append(node)
            continue
        stack.append((node, True))
        stack.extend((arg, False) for arg in reversed(node.args) if arg not in done)
    return order


def inputs(roots: Iterable[Node]) -> list[Node]:
    """The inputs under the roots, in the order in which they were made."""
    return sorted((node for node in topological(roots) if node.op == INPUT), key=lambda node: node.serial)


def definitions(roots: Iterable[Node]) -> list[Node]:
    """The named intermediate results under the roots, arguments first."""
    return [node for node in topological(roots) if node.op == LET]


def depends_on(order: Iterable[Node], targets: Iterable[Node]) -> set[Node]:
    """Those nodes of a topological order from which some target can be reached, targets included."""
    reach = set(targets)
    for node in order:
        if node not in reach and any(arg in reach for arg in node.args):
            reach.add(node)
    return reach


def consumers(order: Iterable[Node]) -> dict[Node, list[tuple[Node, int]]]:
    """For every node, who uses it and as which argument."""
    found: dict[Node, list[tuple[Node, int]]] = {}
    for node in order:
        found.setdefault(node, [])
        for position, arg in enumerate(node.args):
            found.setdefault(arg, []).append((node, position))
    return found
