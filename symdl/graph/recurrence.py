"""Recurrences: opened, so that a step can be read and rewritten, and closed, so that two equal ones are one node.

``Opened`` speaks in labels: the states before a step are placeholders, the step and the states' axes are labels, and the bodies mention any nodes at all.
``close`` finds what a body takes from outside (the largest parts that do not depend on the states), takes the step's axis off, and
puts canonical inputs in their places.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import sympy as sp

from symdl.graph import build
from symdl.graph import node as kinds
from symdl.graph.build import Delta, Label, Term
from symdl.graph.graft import graft, remade, strange
from symdl.graph.node import RECUR, InputInfo, Node, Recurrence, Size, intern
from symdl.graph.rebuild import placed
from symdl.graph.walk import topological

#: The parts of a recurrence that a node may be.
PARTS = ("all", "before", "after", "final")

_numbers = itertools.count()


@dataclass(frozen=True)
class Opened:
    """A recurrence in the making.

    Attributes
    ----------
    names : the states' names
    length : Size
    down : bool
    batch : int
        So many leading labels are shared by all states.
    step : label
    axes : for every state its labels, in the order of its axes
    shapes : for every state its sizes
    previous : for every state the input that stands for it in the bodies, its axes in the order of ``axes``
    inits : for every state a term in its labels
    bodies : for every state a term in its labels and the step's
    """

    names: tuple[str, ...]
    length: Size
    down: bool
    batch: int
    step: Label
    axes: tuple[tuple[Label, ...], ...]
    shapes: tuple[tuple[Size, ...], ...]
    previous: tuple[Node, ...]
    inits: tuple[Term, ...]
    bodies: tuple[Term, ...]


@dataclass(frozen=True)
class System:
    """A closed recurrence, all its states together; nodes are parts of it. ``maps`` count the indices from the step, which is 0."""

    args: tuple[Node, ...]
    maps: tuple[tuple[int, ...], ...]
    attr: Recurrence

    def node(self, state: int = 0, part: str = "all") -> Node:
        """One part of one state."""
        length = self.attr.length
        lead = {"all": (plus_one(length),), "before": (length,), "after": (length,), "final": ()}[part]
        shape = lead + self.attr.shapes[state]
        rank = len(shape)
        maps = tuple(tuple(e if e < 0 else e + rank for e in m) for m in self.maps)
        return intern(RECUR, self.args, maps, shape, self.attr._replace(state=state, part=part))


def system_of(node: Node) -> System:
    """The recurrence that a node is a part of: equal for all its parts."""
    maps = tuple(tuple(e if e < 0 else e - node.rank for e in m) for m in node.maps)
    return System(node.args, maps, node.attr._replace(state=0, part=""))


def plus_one(length: Size) -> Size:
    total = length + 1
    return int(total) if isinstance(total, sp.Integer) else total


def placeholder(shape: Sequence[Size]) -> Node:
    """An input that nobody else has."""
    return _input(f"#new{next(_numbers)}", shape)


def hole(number: int, shape: Sequence[Size], facts: frozenset[str] = frozenset()) -> Node:
    """The canonical input of closed bodies."""
    return _input(f"#{number}", shape, facts)


def is_hole(node: Node) -> bool:
    return node.op == kinds.INPUT and str(node.attr.name).startswith("#")


def _input(name: str, shape: Sequence[Size], facts: frozenset[str] = frozenset()) -> Node:
    sizes = tuple(shape)
    atom = sp.IndexedBase(name, shape=sizes) if sizes else sp.Symbol(name)
    return build.input_node(InputInfo(name, atom, facts), sizes)


# --- opening ------------------------------------------------------------------------------------------------------


def argument_holes(node: Node) -> list[Node]:
    """The inputs of the bodies of a recurrence: the states', then those of its further arguments."""
    attr: Recurrence = node.attr
    states = [hole(s, shape) for s, shape in enumerate(attr.shapes)]
    further = [hole(k, _rest(a, m, node.rank), _facts(a, m, node.rank)) for k, (a, m) in enumerate(node.terms()) if k >= len(states)]
    return states + further


def _rest(arg: Node, entries: Sequence[int], step: int) -> tuple[Size, ...]:
    return tuple(s for s, e in zip(arg.shape, entries, strict=True) if e != step)


def _facts(arg: Node, entries: Sequence[int], step: int) -> frozenset[str]:
    """What is declared of a whole argument holds at every step; of a slice, only what is said of each number."""
    if arg.op != kinds.INPUT:
        return frozenset()
    return arg.attr.facts if step not in entries else arg.attr.facts & {"positive"}


def own_axes(node: Node) -> list[tuple[int, ...]]:
    """For every argument the indices of the node on its own axes: those of a state, or those of an argument at one step."""
    step = node.rank
    blocks, start = [], step + 1
    for shape in node.attr.shapes:
        blocks.append(tuple(range(start, start + len(shape))))
        start += len(shape)
    return blocks + [tuple(e for e in m if e != step) for m in node.maps[len(blocks) :]]


def opened(node: Node, args: Sequence[Term] | None = None) -> Opened:
    """The recurrence of a node.

    Parameters
    ----------
    node : Node
        A part of it.
    args : sequence of Term, optional
        Arguments to take instead of the node's own, in the node's index numbers; further labels become axes of all states.
    """
    attr: Recurrence = node.attr
    terms = list(args) if args is not None else [Term(a, m) for a, m in node.terms()]
    further = strange(terms)
    sizes = build.axis_sizes(*terms)
    step = build.fresh()
    shared = [build.fresh() for _ in range(attr.batch)]
    inner = [(*shared, *(build.fresh() for _ in shape[attr.batch :])) for shape in attr.shapes]
    shapes = tuple(tuple(sizes[label] for label in further) + shape for shape in attr.shapes)
    previous = tuple(placeholder(shape) for shape in shapes)
    place: dict[Node, Term] = {}
    own = own_axes(node)
    inits = []
    for k, (term, inputs) in enumerate(zip(terms, argument_holes(node), strict=True)):
        if k < len(inner):
            place[inputs] = Term(previous[k], (*further, *range(len(inner[k]))))
            inits.append(build.rename(term, dict(zip(own[k], inner[k], strict=True))))
        else:
            place[inputs] = build.rename(term, {node.rank: step} | {e: axis for axis, e in enumerate(own[k])})
    raw = [Term(body, entries) for body, entries in attr.bodies]
    bodies = [build.rename(t, dict(enumerate(labels))) for t, labels in zip(graft(raw, place), inner, strict=True)]
    axes = tuple((*further, *labels) for labels in inner)
    return Opened(attr.names, attr.length, attr.down, len(further) + attr.batch, step, axes, shapes, previous, tuple(inits), tuple(bodies))


def with_arguments(node: Node, args: Sequence[Term]) -> Term:
    """The same part of the recurrence with other arguments, given in the node's index numbers and perhaps further labels."""
    further = strange(args)
    made = close(opened(node, args)).node(node.attr.state, node.attr.part)
    lead = 0 if node.attr.part == "final" else 1
    return Term(made, (*range(lead), *further, *range(lead, node.rank)))


# --- closing ------------------------------------------------------------------------------------------------------


def close(made: Opened) -> System:
    """The recurrence in canonical form."""
    states = [hole(s, shape) for s, shape in enumerate(made.shapes)]
    closer = StepFree(dict(zip(made.previous, states, strict=True)), len(states))
    bodies = [closer.without(term, {made.step}) for term in made.bodies]
    placed_bodies = []
    for term, labels in zip(bodies, made.axes, strict=True):
        number = {label: k for k, label in enumerate(labels)}
        placed_bodies.append((term.node, tuple(e if build.is_fixed(e) else number[e] for e in term.map)))
    sizes: list[Size] = [made.length]
    maps: list[tuple[int, ...]] = []
    for init, labels, shape in zip(made.inits, made.axes, made.shapes, strict=True):
        number = {label: len(sizes) + k for k, label in enumerate(labels)}
        maps.append(tuple(e if build.is_fixed(e) else number[e] for e in init.map))
        sizes += shape
    for node, marks in closer.further:
        entries = []
        for axis, size in enumerate(node.shape):
            entries.append(0 if axis in marks else len(sizes))
            sizes += [] if axis in marks else [size]
        maps.append(tuple(entries))
    args = tuple(t.node for t in made.inits) + tuple(node for node, _ in closer.further)
    attr = Recurrence(made.names, made.length, made.down, made.batch, made.shapes, tuple(placed_bodies), tuple(sizes), 0, "")
    return System(args, tuple(maps), attr)


Key = tuple[Node, frozenset[int]]


class StepFree:
    """Takes the step's axis off everything that depends on the states; all else becomes an argument."""

    def __init__(self, states: dict[Node, Node], first: int) -> None:
        self._states = states
        self._first = first
        self.further: list[Key] = []
        self._inputs: dict[Key, Term] = {}
        self._varies: dict[Node, bool] = dict.fromkeys(states, True)
        self._constant: dict[Node, bool] = dict.fromkeys(states, False)
        self._done: dict[Key, Term] = {}

    def without(self, term: Term, gone: set[Label]) -> Term:
        """The term at one position of the labels that are gone."""
        self._look([term.node])
        key = (term.node, frozenset(axis for axis, e in enumerate(term.map) if e in gone))
        stack: list[Key] = [key]
        while stack:
            top = stack[-1]
            if top in self._done:
                stack.pop()
                continue
            missing = [k for k in self._needs(top) if k not in self._done]
            if missing:
                stack.extend(missing)
                continue
            self._done[top] = self._make(top)
            stack.pop()
        return placed(self._done[key], term.map)

    def _look(self, roots: Sequence[Node]) -> None:
        """Note of every node whether it depends on a state, and whether on anything at all."""
        for node in topological(roots, stop=self._varies.__contains__):
            if node not in self._varies:
                self._varies[node] = any(self._varies[a] for a in node.args)
                self._constant[node] = node.op not in (kinds.INPUT, RECUR) and all(self._constant[a] for a in node.args)

    def _whole(self, key: Key) -> bool:
        """Nodes whose axes cannot be taken off from inside: the position is picked from the whole."""
        node, marks = key
        if node.op == RECUR:
            lead = 0 if node.attr.part == "final" else 1
            return not marks <= set(range(lead, lead + node.attr.batch))
        return bool(marks) and (node.op == kinds.MATRIX or node in self._states)

    def _needs(self, key: Key) -> list[Key]:
        node, marks = key
        if not self._varies[node]:
            return []
        if self._whole(key):
            return [(node, frozenset())]
        if node in self._states or node.op == RECUR:
            return []
        return [_part(a, m, marks) for a, m in node.terms()]

    def _make(self, key: Key) -> Term:
        node, marks = key
        if not self._varies[node]:
            return Term(node, tuple(range(node.rank))) if self._constant[node] and not marks else self._argument(key)
        if self._whole(key):
            return self._picked(node, marks)
        if node in self._states:
            return Term(self._states[node], tuple(range(node.rank)))
        if node.op == RECUR:
            return self._inner(node, marks)
        args = [placed(self._done[_part(a, m, marks)], m) for a, m in node.terms()]
        if node.op == kinds.MUL:
            return self._product(node, args, marks)
        return remade(node, args, marks)

    def _argument(self, key: Key) -> Term:
        """An argument of the recurrence, at one step."""
        if key not in self._inputs:
            node, marks = key
            entries = [0 if axis in marks else 1 for axis in range(node.rank)]
            shape = [s for axis, s in enumerate(node.shape) if axis not in marks]
            made = hole(self._first + len(self.further), shape, _facts(node, entries, 0))
            self._inputs[key] = Term(made, tuple(axis for axis in range(node.rank) if axis not in marks))
            self.further.append(key)
        return self._inputs[key]

    def _product(self, node: Node, args: list[Term], marks: frozenset[int]) -> Term:
        """Deltas that speak of the step become arguments."""
        sizes = node.sizes()
        deltas = [Delta(a, b, sizes[a]) for a, b in node.attr.deltas]
        kept = [d for d in deltas if d.a not in marks and d.b not in marks]
        for d in deltas:
            if d not in kept and not {d.a, d.b} <= marks:
                args.append(self._at_step(build.mul(1, [], [d]), marks))
        return build.mul(node.attr.coef, args, kept, dict(enumerate(node.attr.summed, start=node.rank)))

    def _at_step(self, term: Term, marks: frozenset[int]) -> Term:
        return placed(self._argument((term.node, frozenset(axis for axis, e in enumerate(term.map) if e in marks))), term.map)

    def _picked(self, node: Node, marks: frozenset[int]) -> Term:
        """Sum over q of value[q] * delta(q, step)."""
        there = {axis: ("at", axis) for axis in marks}
        value = build.rename(self._done[node, frozenset()], there)
        grids = []
        for axis in sorted(marks):
            grid = build.mul(1, [], [Delta(("at", axis), "step", node.shape[axis])])
            marked = frozenset(k for k, e in enumerate(grid.map) if e == "step")
            grids.append(placed(self._argument((grid.node, marked)), grid.map))
        return build.mul(1, [value, *grids], (), {("at", axis): node.shape[axis] for axis in marks})

    def _inner(self, node: Node, marks: frozenset[int]) -> Term:
        """A recurrence inside the body, without those of its shared axes that are gone."""
        lead = 0 if node.attr.part == "final" else 1
        made = opened(node)
        gone = {made.axes[node.attr.state][axis - lead] for axis in marks}
        kept = [tuple(k for k, label in enumerate(labels) if label not in gone) for labels in made.axes]
        previous = []
        for old, places in zip(made.previous, kept, strict=True):
            new = placeholder([old.shape[k] for k in places])
            previous.append(new)
            self._varies[old], self._constant[old] = True, False
            self._done[old, frozenset(range(old.rank)) - frozenset(places)] = Term(new, places)
        inits = tuple(self.without(t, gone) for t in made.inits)
        bodies = tuple(self.without(t, gone) for t in made.bodies)
        axes = tuple(tuple(labels[k] for k in places) for labels, places in zip(made.axes, kept, strict=True))
        shapes = tuple(tuple(shape[k] for k in places) for shape, places in zip(made.shapes, kept, strict=True))
        smaller = Opened(made.names, made.length, made.down, made.batch - len(gone), made.step, axes, shapes, tuple(previous), inits, bodies)
        part = close(smaller).node(node.attr.state, node.attr.part)
        return Term(part, tuple(axis for axis in range(node.rank) if axis not in marks))


def _part(arg: Node, entries: Sequence[int], marks: frozenset[int]) -> Key:
    """An argument, and which of its axes stand for indices that are gone."""
    return arg, frozenset(axis for axis, e in enumerate(entries) if e in marks)
