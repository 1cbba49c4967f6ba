"""Recurrences on values, step by step: one loop for the exact prover, the tape and PyTorch, each with its own arithmetic."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from symdl.expr.tensor import Expr
from symdl.graph.build import Term
from symdl.graph.node import Node, Size
from symdl.graph.recurrence import System, system_of
from symdl.graph.unroll import part, positions
from symdl.prove.stop import TooLarge
from symdl.prove.value import MAX_ENTRIES, Value, spread


def bodies(node: Node) -> list[Expr]:
    """What a step computes, state by state, as expressions in the bodies' inputs."""
    return [Expr(Term(body, entries), shape) for (body, entries), shape in zip(node.attr.bodies, node.attr.shapes, strict=True)]


class Known:
    """The positions of recurrences by system, so that the parts of one are computed once."""

    def __init__(self) -> None:
        self._found: dict[System, Any] = {}

    def positions(self, node: Node, compute: Any) -> Any:
        system = system_of(node)
        if system not in self._found:
            self._found[system] = compute()
        return self._found[system]


# --- the exact prover ---------------------------------------------------------------------------------------------


def exact_positions(walk: Any, node: Node, args: Sequence[Value]) -> list[list[Value]]:
    """All states, by an evaluator of the same kind for every step."""
    from symdl.prove.evaluate import Evaluator

    def look(value: Value, entries: Sequence[int], shape: Sequence[Size]) -> Value:
        return walk._full(spread(value, entries, len(shape)), [walk.size(s) for s in shape])

    def body(values: Mapping[str, Value]) -> list[Value]:
        step = Evaluator(walk.algebra, values, walk.sizes, walk.clock)
        return [step._full(step.expr(e, ()), [walk.size(s) for s in e.shape]) for e in bodies(node)]

    return positions(node, walk.size(node.attr.length), args, look, body)


def exact_part(walk: Any, node: Node, found: list[list[Value]]) -> Value:
    """A part of all positions, as one value."""
    chosen = part(node, found)
    if isinstance(chosen, Value):
        return chosen
    ring = walk.algebra.ring
    shape = [walk.size(s) for s in node.attr.shapes[node.attr.state]]
    if not chosen:
        return Value(ring.zeros((0, *shape)))
    directions = max((v.dot.shape[-2] for v in chosen if v.dot is not None), default=0)
    if len(chosen) * max(directions, 1) * chosen[0].val.size > MAX_ENTRIES:
        raise TooLarge("all states of a recurrence would not fit")
    dot = None
    if directions:
        dot = np.stack([ring.zeros((*shape, directions)) if v.dot is None else np.broadcast_to(v.dot, (*v.shape, *v.dot.shape[-2:])) for v in chosen])
    bound = max((v.bound for v in chosen), key=lambda b: b.size)
    slope = max((v.slope for v in chosen), key=lambda b: b.size)
    return Value(np.stack([v.val for v in chosen]), dot, bound, slope, all(v.positive for v in chosen))


# --- the tape -----------------------------------------------------------------------------------------------------


def on_tape(walk: Any, node: Node, args: Sequence[Any]) -> list[list[Any]]:
    """All states as variables of the walker's tape."""
    from symdl.prove.numeric import Walker

    tape = walk.tape

    def look(value: Any, entries: Sequence[int], shape: Sequence[Size]) -> Any:
        return tape.fill(tape.look(value, entries, len(shape)), [walk.size(s) for s in shape])

    def body(values: Mapping[str, Any]) -> list[Any]:
        step = Walker(tape, {}, walk.sizes)
        step.leaves = dict(values)
        return [step.expr(e) for e in bodies(node)]

    return positions(node, walk.size(node.attr.length), args, look, body)


def tape_part(walk: Any, node: Node, found: list[list[Any]]) -> Any:
    chosen = part(node, found)
    if not isinstance(chosen, list):
        return chosen
    return walk.tape.stack(chosen, [walk.size(s) for s in node.attr.shapes[node.attr.state]])


# --- PyTorch ------------------------------------------------------------------------------------------------------


def in_torch(walk: Any, node: Node, args: Sequence[Any]) -> list[list[Any]]:
    """All states as PyTorch tensors; ``walk`` makes a walker of its own kind for every step."""

    def look(value: Any, entries: Sequence[int], shape: Sequence[Size]) -> Any:
        return walk.look(value, entries, len(shape)).expand([-1, *(walk.sizes.size(s) for s in shape)])

    def body(values: Mapping[str, Any]) -> list[Any]:
        step = walk.beside(values)
        return [step.value(e) for e in bodies(node)]

    return positions(node, walk.sizes.size(node.attr.length), args, look, body)


def torch_part(walk: Any, node: Node, found: list[list[Any]]) -> Any:
    chosen = part(node, found)
    if not isinstance(chosen, list):
        return chosen
    shape = [walk.sizes.size(s) for s in node.attr.shapes[node.attr.state]]
    return walk.torch.stack(walk.torch.broadcast_tensors(*chosen), 1) if chosen else walk.torch.zeros((1, 0, *shape), dtype=walk.torch.float64)
