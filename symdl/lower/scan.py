"""Recurrences in programs: one instruction that runs a program of its own, step after step.

Its value is a vector with all states at all positions, one state behind the other; the parts of a recurrence (all, before, after, final) are
stretches of it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from symdl.graph.build import Term
from symdl.graph.node import Node, Size
from symdl.graph.recurrence import argument_holes, own_axes
from symdl.lower.contract import Factor
from symdl.lower.emit import Emitter
from symdl.lower.program import Operand, Program


@dataclass(frozen=True)
class Scan:
    """What a scan instruction does.

    Attributes
    ----------
    program : Program
        One step: from the states and the further arguments (of this step, where they have one for every step) to the states.
    length : int
    down : bool
        Steps are taken from the last to the first, and a step gives the state at its own number.
    shapes : tuple
        Of the states. The instruction's arguments are the initial states, then the further arguments.
    stepped : tuple of bool
        For every further argument whether its first axis is the step.
    """

    program: Program
    length: int
    down: bool
    shapes: tuple[tuple[int, ...], ...]
    stepped: tuple[bool, ...]

    def starts(self) -> list[int]:
        """Where each state's stretch starts in the vector, and the length of the whole."""
        places = [0]
        for shape in self.shapes:
            places.append(places[-1] + (self.length + 1) * math.prod(shape))
        return places

    def stretch(self, state: int, part: str) -> tuple[int, int]:
        """The part of a state: from where to where in the vector."""
        start, size = self.starts()[state], math.prod(self.shapes[state])
        first, last = {
            "all": (0, self.length + 1),
            "before": (1, self.length + 1) if self.down else (0, self.length),
            "after": (0, self.length) if self.down else (1, self.length + 1),
            "final": (0, 1) if self.down else (self.length, self.length + 1),
        }[part]
        return start + first * size, start + last * size


def emit_scan(
    out: Emitter,
    node: Node,
    args: Sequence[Factor],
    size: Callable[[Size], int],
    lower: Callable[[Sequence[Term], Sequence[tuple[Size, ...]], Sequence[Node]], Program],
) -> Factor:
    """The value of a part of a recurrence.

    Parameters
    ----------
    out : Emitter
    node : Node
    args : sequence of Factor
        The node's arguments, axes in the node's index numbers.
    size : callable
    lower : callable
        Bodies, their shapes and their inputs -> a program.
    """
    attr = node.attr
    own = own_axes(node)
    count = len(attr.shapes)
    shapes = tuple(tuple(size(s) for s in shape) for shape in attr.shapes)
    sizes = {k: size(s) for k, s in enumerate(node.sizes())}
    operands: list[Operand] = []
    stepped: list[bool] = []
    for k, factor in enumerate(args):
        axes = own[k]
        if k >= count:
            stepped.append(node.rank in node.maps[k])
            axes = (node.rank, *axes) if stepped[-1] else axes
        operands.append(out.spread(factor, axes, tuple(sizes[i] for i in axes)))
    bodies = [Term(body, entries) for body, entries in attr.bodies]
    program = lower(bodies, attr.shapes, argument_holes(node))
    scan = Scan(program, size(attr.length), attr.down, shapes, tuple(stepped))
    whole = out.emit("scan", tuple(operands), scan, (scan.starts()[-1],))
    shape = tuple(size(s) for s in node.shape)
    return Factor(out.emit("stretch", (whole,), scan.stretch(attr.state, attr.part), shape), tuple(range(node.rank)))
