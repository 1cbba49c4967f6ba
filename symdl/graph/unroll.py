"""The meaning of a recurrence at a given number of steps, for whoever computes with values of any kind."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TypeVar

from symdl.graph import node as kinds
from symdl.graph.node import Node, Size
from symdl.graph.recurrence import argument_holes, own_axes

V = TypeVar("V")


def positions(
    node: Node,
    length: int,
    args: Sequence[V],
    look: Callable[[V, Sequence[int], Sequence[Size]], V],
    body: Callable[[Mapping[str, V]], Sequence[V]],
) -> list[list[V]]:
    """For every state of a recurrence its values at the positions 0, ..., length.

    Parameters
    ----------
    node : Node
        Any part of it.
    length : int
    args : sequence of values
        Of the node's arguments.
    look : callable
        ``look(value, entries, shape)``: the value with ``entries`` on its axes (an axis of the result, or ``~c``), on exactly this shape.
    body : callable
        From values by the names of the bodies' inputs to the states after the step, each on the state's shape.
    """
    shapes = node.attr.shapes
    own = own_axes(node)
    holes = argument_holes(node)
    count = len(shapes)
    now = []
    for s in range(count):
        entries = [e if e < 0 else own[s].index(e) for e in node.maps[s]]
        now.append(look(args[s], entries, shapes[s]))
    found = [[v] for v in now]
    for step in reversed(range(length)) if node.attr.down else range(length):
        values = {str(h.name): v for h, v in zip(holes, now, strict=False)}
        for k in range(count, len(holes)):
            entries = [~step if e == node.rank else own[k].index(e) for e in node.maps[k]]
            values[str(holes[k].name)] = look(args[k], entries, holes[k].shape)
        now = list(body(values))
        for states, v in zip(found, now, strict=True):
            states.append(v)
    return [states[::-1] for states in found] if node.attr.down else found


def part(node: Node, found: Sequence[Sequence[V]]) -> Sequence[V] | V:
    """What the node is of all positions: a list of values by position or step, or the one that is final."""
    states = found[node.attr.state]
    which, down = node.attr.part, node.attr.down
    if which == "all":
        return states
    if which == "final":
        return states[0 if down else -1]
    return states[1:] if (which == "before") == down else states[:-1]


def body_nodes(nodes: Sequence[Node]) -> list[Node]:
    """The bodies of the recurrences among the nodes, those inside bodies included."""
    from symdl.graph.walk import topological

    found: dict[Node, None] = {}
    waiting = list(nodes)
    while waiting:
        node = waiting.pop()
        if node.op != kinds.RECUR:
            continue
        for inner, _ in node.attr.bodies:
            if inner not in found:
                found[inner] = None
                waiting += topological([inner])
    return list(found)
