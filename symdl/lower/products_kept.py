"""Products inside a recurrence that are asked for once more outside, at all steps at once, are kept from step to step instead.

The gradient of a recurrent network needs what stood before the gates: W h[t] at every step. It has been computed on the way forward. Here it becomes
one more state of the recurrence, which no step reads, and what is outside reads that. A product is found by what it would be outside: the body's node with
the states at all steps in the place of the state at one; equal nodes are the same object.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from math import prod

from symdl.graph import build
from symdl.graph import node as kinds
from symdl.graph.build import Term
from symdl.graph.graft import graft
from symdl.graph.node import Node, Size
from symdl.graph.rebuild import placed
from symdl.graph.recurrence import Opened, System, close, opened, placeholder, system_of
from symdl.graph.walk import topological
from symdl.lower.stabilise import rebuild_here

#: A product of fewer multiplications for each of its numbers is made again.
_LEAST = 4

#: So many recurrences are looked at.
_MOST = 8


def products_kept(roots: Sequence[Term], size_of: Callable[[Size], int]) -> list[Term]:
    """The same values, products of recurrences that are needed outside kept as states.

    Parameters
    ----------
    roots : sequence of Term
    size_of : callable
        Size -> int.
    """
    now, seen = list(roots), set[System]()
    while len(seen) < _MOST:
        order = topological(t.node for t in now)
        first = next((n for n in order if n.op == kinds.RECUR and system_of(n) not in seen), None)
        if first is None:
            break
        seen.add(system_of(first))
        instead = _instead(first, order, size_of)
        if instead:
            seen.add(system_of(instead[first].node))
            now = _replaced(now, order, instead)
    return now


def _instead(node: Node, order: Sequence[Node], size_of: Callable[[Size], int]) -> dict[Node, Term]:
    """What stands for the parts of a recurrence, and for the products outside that it makes itself; nothing when there are none."""
    made, old = opened(node), system_of(node)
    found = _found(made, old, frozenset(order), size_of) if not made.batch else {}
    if not found:
        return {}
    orders = [_states_first(inner, frozenset(made.previous)) for inner in found]
    labels = [tuple(build.fresh() for _ in inner.shape) for inner in found]
    shapes = [tuple(inner.shape[a] for a in axes) for inner, axes in zip(found, orders, strict=True)]
    new = close(
        replace(
            made,
            names=(*made.names, *(f"{made.names[0]}_kept{k}" for k in range(len(found)))),
            axes=(*made.axes, *(tuple(own[a] for a in axes) for own, axes in zip(labels, orders, strict=True))),
            shapes=(*made.shapes, *shapes),
            previous=(*made.previous, *map(placeholder, shapes)),
            inits=(*made.inits, *(build.constant(0) for _ in found)),
            bodies=(*made.bodies, *(Term(inner, own) for inner, own in zip(found, labels, strict=True))),
        )
    )
    instead = {n: Term(new.node(n.attr.state, n.attr.part), tuple(range(n.rank))) for n in order if n.op == kinds.RECUR and system_of(n) == old}
    for k, (outer, axes) in enumerate(zip(found.values(), orders, strict=True), start=len(made.names)):
        where = {label: axis for axis, label in enumerate(outer.map)}
        instead[outer.node] = Term(new.node(k, "after"), (where[made.step], *(where[axis] for axis in axes)))
    return instead


def _found(made: Opened, old: System, outside: frozenset[Node], size_of: Callable[[Size], int]) -> dict[Node, Term]:
    """Products of the bodies -> what they are at all steps, for those that are outside too; none below another."""
    at_all = {previous: Term(old.node(k, "before"), (made.step, *range(previous.rank))) for k, previous in enumerate(made.previous)}
    found: dict[Node, Term] = {}
    below: set[Node] = set()
    for inner in reversed(topological([t.node for t in made.bodies])):
        if inner in below:
            below.update(inner.args)
        elif inner.op == kinds.MUL and prod(map(size_of, inner.attr.summed)) >= _LEAST:
            (outer,) = graft([Term(inner, tuple(range(inner.rank)))], at_all)
            if outer.node in outside and outer.node is not inner and sorted(map(str, outer.map)) == sorted(map(str, (made.step, *range(inner.rank)))):
                found[inner] = outer
                below.update(inner.args)
    return found


def _states_first(inner: Node, states: frozenset[Node]) -> list[int]:
    """The product's axes, those that a state brings along in front, as they stand in the state."""
    place: dict[int, int] = {}
    for arg, entries in inner.terms():
        for k, axis in enumerate(entries if arg in states else ()):
            place.setdefault(axis, k)
    return sorted(range(inner.rank), key=lambda axis: place.get(axis, inner.rank + len(place)))


def _replaced(roots: Sequence[Term], order: Sequence[Node], instead: dict[Node, Term]) -> list[Term]:
    done: dict[Node, Term] = {}
    for node in order:
        done[node] = instead.get(node) or rebuild_here(node, [placed(done[a], m) for a, m in node.terms()])
    return [placed(done[t.node], t.map) for t in roots]


__all__ = ["products_kept"]
