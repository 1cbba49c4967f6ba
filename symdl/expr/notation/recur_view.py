"""Recurrences as they are read: names, and for every state where it starts and what a step makes of it."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import sympy as sp

from symdl.expr.tensor import Expr
from symdl.graph import build
from symdl.graph import node as kinds
from symdl.graph.build import Term
from symdl.graph.graft import graft
from symdl.graph.node import Node, Size
from symdl.graph.recurrence import System, argument_holes, own_axes, system_of
from symdl.graph.walk import topological


@dataclass(frozen=True)
class Described:
    """One recurrence, read.

    Attributes
    ----------
    states : tuple of Node
        All positions of each state.
    letter : Symbol
        The step.
    length : Size
    down : bool
    inits : tuple of Expr
        Where the states start.
    steps : tuple of Expr
        What a step makes of them, the letter open.
    """

    states: tuple[Node, ...]
    letter: sp.Symbol
    length: Size
    down: bool
    inits: tuple[Expr, ...]
    steps: tuple[Expr, ...]

    @property
    def start(self) -> Size:
        """The position at which the states start."""
        return self.length if self.down else 0

    @property
    def after(self) -> Any:
        """The position after the step."""
        return self.letter if self.down else self.letter + 1


def described(node: Node, avoid: Iterable[str] = ()) -> Described:
    """The recurrence that a node is a part of; ``avoid``: names that its letter must not have."""
    system = system_of(node)
    count = len(node.attr.shapes)
    states = tuple(system.node(s) for s in range(count))
    letter = _letter(states[0], set(avoid))
    place = at_step(states[0], letter, [Term(system.node(s, "before"), (letter, *range(len(shape)))) for s, shape in enumerate(node.attr.shapes)])
    own = own_axes(states[0])
    inits, steps = [], []
    for s, (body, entries) in enumerate(node.attr.bodies):
        shape = node.attr.shapes[s]
        (term,) = graft([Term(body, entries)], place)
        steps.append(Expr(term, shape, {letter: node.attr.length} if letter in term.map else {}))
        init = Term(states[0].args[s], states[0].maps[s])
        inits.append(Expr(build.rename(init, {e: k for k, e in enumerate(own[s])}), shape))
    return Described(states, letter, node.attr.length, node.attr.down, tuple(inits), tuple(steps))


def at_step(node: Node, step: Any, states: Sequence[Term]) -> dict[Node, Term]:
    """What stands for the inputs of the bodies at a step.

    Parameters
    ----------
    node : Node
        A part of the recurrence.
    step : label
    states : sequence of Term
        The states before the step, in the numbers of their axes (and the step's label).
    """
    own = own_axes(node)
    place: dict[Node, Term] = {}
    for k, (inputs, (arg, entries)) in enumerate(zip(argument_holes(node), node.terms(), strict=True)):
        if k < len(states):
            place[inputs] = states[k]
        else:
            place[inputs] = build.rename(Term(arg, entries), {node.rank: step} | {e: axis for axis, e in enumerate(own[k])})
    return place


def recurrences(roots: Iterable[Node]) -> list[Node]:
    """One part of every recurrence under the roots, and under the steps of these; what others need comes first."""
    found: dict[System, Node] = {}
    waiting = list(roots)
    while waiting:
        order = topological(waiting)
        new = [n for n in order if n.op == kinds.RECUR and system_of(n) not in found]
        found |= {system_of(n): n for n in reversed(new)}
        waiting = [e.node for n in dict.fromkeys(map(system_of, new)) for e in described(n.node()).steps]
    return list(found.values())


def state_names(nodes: Sequence[Node], taken: Iterable[str]) -> dict[Node, str]:
    """A name for all positions of every state: its own, or like it where several recurrences have it."""
    used = set(taken)
    names: dict[Node, str] = {}
    for node in nodes:
        system = system_of(node)
        for s, wished in enumerate(node.attr.names):
            name, k = wished, 1
            while name in used:
                name, k = f"{wished}_{k}", k + 1
            used.add(name)
            names[system.node(s)] = name
    return names


def whole_of(node: Node) -> Node:
    """All positions of the state that a node is a part of."""
    return system_of(node).node(node.attr.state)


def place_in(node: Node, at: Sequence[Any]) -> tuple[Any, ...]:
    """Where an element of a part stands among all positions. ``at``: letters, or ``~c``; a symbolic position comes as :class:`At`."""
    part, down = node.attr.part, node.attr.down
    if part == "final":
        return (~0 if down else _fixed(node.attr.length), *at)
    if part == "all" or (part == "before") != down:
        return tuple(at)
    first = at[0]
    return (first - 1 if type(first) is int else first + 1, *at[1:])


@dataclass(frozen=True)
class At:
    """A fixed position that has no number, counted from 0."""

    position: Any

    def __str__(self) -> str:
        return str(self.position)


@dataclass(frozen=True)
class Stretch:
    """Positions of an axis: as Python writes them, and counted from 1."""

    written: str
    counted: str

    def __str__(self) -> str:
        return self.written


def stretch(node: Node) -> Stretch | None:
    """Which of all positions a part is; None for all of them."""
    part, down = node.attr.part, node.attr.down
    length = node.attr.length
    if part == "all":
        return None
    if part == "final":
        return Stretch("0", "1") if down else Stretch("-1", sp.latex(sp.sympify(length) + 1))
    if (part == "before") != down:
        return Stretch(":-1", f"1:{sp.latex(sp.sympify(length))}")
    return Stretch("1:", f"2:{sp.latex(sp.sympify(length) + 1)}")


def _fixed(length: Size) -> Any:
    return ~length if isinstance(length, int) else At(length)


def _letter(node: Node, avoid: set[str]) -> sp.Symbol:
    """l for a depth, t for a time, else whatever is free."""
    sizes = {str(s) for n in topological([node]) for size in n.sizes() if isinstance(size, sp.Expr) for s in size.free_symbols}
    names = {str(n.name) for n in topological([node]) if n.name}
    length = str(node.attr.length)
    wished = [length.lower()] if length.isalpha() and len(length) == 1 else []
    for name in [*wished, "t", "l", "k", "s", "r", "m"]:
        if name not in avoid | sizes | names:
            return sp.Symbol(name, integer=True)
    return sp.Symbol("t_", integer=True)
