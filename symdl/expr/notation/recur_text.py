"""Recurrences written as definitions: a[0] = x, a[l+1] = sigmoid(W[l] @ a[l] + b[l]), l = 0..L-1."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from symdl.expr.notation.arrays import Arrays
from symdl.expr.notation.layout import Tree
from symdl.expr.notation.recur_view import Described, described, place_in, recurrences, state_names, stretch, whole_of
from symdl.expr.tensor import Expr
from symdl.graph import node as kinds
from symdl.graph.labels import Term
from symdl.graph.node import Node
from symdl.graph.recurrence import StepFree
from symdl.graph.walk import topological

#: What a step is written with: these stand by their names.
_LEAVES = frozenset([kinds.INPUT, kinds.RECUR, kinds.CONST, kinds.POSITION])


def named_states(root: Node, names: Mapping[Node, str]) -> dict[Node, str]:
    """A name for every state of every recurrence under a node."""
    found = recurrences([root])
    if not found:
        return {}
    taken = {str(n.name) for n in topological([root]) if n.name and n.op != kinds.RECUR} | set(names.values())
    return state_names(found, taken)


def named_in_steps(root: Node) -> dict[Node, str]:
    """Node -> name for results that are named inside the steps of one recurrence: their definition stands there."""
    inside: dict[str, int] = {}
    for node in recurrences([root]):
        order = topological([body for body, _ in node.attr.bodies])
        for name in {str(n.name) for n in order if n.op == kinds.LET}:
            inside[name] = inside.get(name, 0) + 1
    outside = topological([root], stop=lambda n: n.op == kinds.RECUR)
    return {n: str(n.name) for n in outside if n.op == kinds.LET and (n is not root or n.attr.role == "adjoint") and inside.get(str(n.name)) == 1}


def definitions(root: Node, names: Mapping[Node, str]) -> list[tuple[str, Tree | Expr, str]]:
    """Left side, right side (an expression where array notation cannot say it) and what is said behind it, for every recurrence under a node.

    ``names`` holds the states' names.
    """
    lines: list[tuple[str, Tree | Expr, str]] = []
    for node in recurrences([root]):
        lines += _one(described(node, set(names.values())), names)
    return lines


def _one(made: Described, names: Mapping[Node, str]) -> list[tuple[str, Tree | Expr, str]]:
    last = made.length - 1
    steps = f"{made.letter} = {last}..0" if made.down else f"{made.letter} = 0..{last}"
    lines: list[tuple[str, Tree | Expr, str]] = []
    for state, init in zip(made.states, made.inits, strict=True):
        tree = Arrays(names).tree(init.term, init.shape)
        lines.append((f"{names[state]}[{made.start}]", tree or init, ""))
    reader = _Step(made.letter, names)
    rows = [(f"{names[s]}[{made.after}]", e, reader.without(e.term, {made.letter})) for s, e in zip(made.states, made.steps, strict=True)]
    inner = reader.inner_names([t.node for _, _, t in rows])
    arrays = Arrays(reader.names | inner)
    parts = [(name, arrays.body(node)) for node, name in inner.items()]
    trees = [arrays.tree(term, e.shape) for _, e, term in rows]
    if all(tree is not None for _, tree in parts) and all(tree is not None for tree in trees):
        lines += [(name, tree, steps) for name, tree in parts if tree is not None]
        return lines + [(left, tree or e, steps) for (left, e, _), tree in zip(rows, trees, strict=True)]
    return lines + [(left, e, steps) for left, e, _ in rows]


class _Step(StepFree):
    """Takes the step off down to what has a name, which gets the step behind it: W[l]."""

    def __init__(self, letter: Any, names: Mapping[Node, str]) -> None:
        super().__init__({}, 0)
        self._letter, self._given = letter, names
        self.names: dict[Node, str] = {}

    def _look(self, roots: Sequence[Node]) -> None:
        for node in topological(roots, stop=lambda n: n.op in _LEAVES or n in self._varies):
            leaf = node.op in _LEAVES
            self._varies[node] = not leaf
            self._constant[node] = node.op == kinds.CONST

    def _argument(self, key: Any) -> Term:
        known = key in self._inputs
        term = super()._argument(key)
        if not known:
            self.names[term.node] = self._written(*key)
        return term

    def _written(self, node: Node, marks: frozenset[int]) -> str:
        if node.op == kinds.POSITION:
            return str(self._letter) if marks else "position"
        at: list[Any] = [self._letter if axis in marks else ":" for axis in range(node.rank)]
        if node.op == kinds.RECUR:
            name = self._given.get(whole_of(node)) or str(node.attr.names[node.attr.state])
            at = list(place_in(node, at)) if node.attr.part == "final" or 0 in marks else [stretch(node) or ":", *at[1:]]
        else:
            name = str(node.name)
        while at and at[-1] == ":":
            at.pop()
        return f"{name}[{', '.join(str(~e) if type(e) is int and e < 0 else str(e) for e in at)}]" if at else name

    def inner_names(self, roots: Iterable[Node]) -> dict[Node, str]:
        """Named results of a step, with the step behind their names."""
        order = topological(roots)
        found: dict[Node, str] = {}
        moving: set[Node] = set()
        for node in order:
            if f"[{self._letter}" in self.names.get(node, "") or any(a in moving for a in node.args):
                moving.add(node)
            if node.op == kinds.LET:
                found[node] = f"{node.name}[{self._letter}]" if node in moving else str(node.name)
        return found
