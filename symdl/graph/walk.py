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
    stack: list[Node] = list(roots)
    stack.reverse()
    while stack:
        node = stack[-1]
        if node not in done:
            if node.args and not done.issuperset(node.args) and not stop(node):
                stack.extend([arg for arg in reversed(node.args) if arg not in done])
                continue
            done.add(node)
            order.append(node)
        stack.pop()
    return order


def more_than(roots: Iterable[Node], count: int) -> bool:
    """True when there are more nodes than ``count`` under the roots; stops counting there."""
    stack = list(roots)
    seen = set(stack)
    while stack and len(seen) <= count:
        for arg in stack.pop().args:
            if arg not in seen:
                seen.add(arg)
                stack.append(arg)
    return len(seen) > count


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
        if not reach.isdisjoint(node.args):
            reach.add(node)
    return reach


def between(outer: Node, inner: Node) -> list[Node]:
    """The nodes from inner (left out) to outer that depend on inner, arguments first."""
    order = topological([outer], stop=lambda node: node is inner)
    reach = depends_on(order, [inner])
    return [node for node in order if node in reach and node is not inner]


def consumers(order: Iterable[Node]) -> dict[Node, list[tuple[Node, int]]]:
    """For every node, who uses it and as which argument."""
    found: dict[Node, list[tuple[Node, int]]] = {}
    for node in order:
        found.setdefault(node, [])
        for position, arg in enumerate(node.args):
            found.setdefault(arg, []).append((node, position))
    return found
