"""The definitions of recurrences in an outline: where the states start, what is named on the way, and the step."""

from __future__ import annotations

from collections.abc import Iterable

import sympy as sp

from symdl.expr.notation.recur_view import At, Described, described, recurrences
from symdl.expr.tensor import Expr, of_node
from symdl.graph import build
from symdl.graph import node as kinds
from symdl.graph.build import Term
from symdl.graph.node import Node
from symdl.graph.recurrence import System, system_of
from symdl.graph.walk import topological
from symdl.steps.step import Rule

UP = Rule("recurrence, from the first step to the last", zh="递推，从第一步到最后一步")
DOWN = Rule("recurrence, from the last step to the first", zh="递推，从最后一步到第一步")
START = Rule("start of the recurrence", zh="递推的起点")


class Recurrences:
    """The recurrences of a derivation, each told once, before what mentions it."""

    def __init__(self, roots: Iterable[Node]) -> None:
        self._told: set[System] = set()
        self._described = {system_of(n): described(n) for n in recurrences(roots)}
        self.names: dict[Node, str] = {}
        for made in self._described.values():
            steps = topological([e.node for e in made.steps], stop=lambda n: n.op == kinds.RECUR)
            self.names |= {n: str(n.name) for n in steps if n.op == kinds.LET}

    def new(self, roots: Iterable[Node]) -> list[Described]:
        """Those under the roots that have not been told; they count as told now."""
        found: list[Described] = []
        if len(self._told) == len(self._described):
            return found
        for node in recurrences(roots):
            system = system_of(node)
            if system not in self._told and system in self._described:
                self._told.add(system)
                found.append(self._described[system])
        return found


def rows(made: Described, names: Iterable[Node]) -> list[tuple[Expr, Expr, Rule]]:
    """Left side, right side and what is said behind it; all positions by step on an axis of their own."""
    known = set(names)
    found = []
    for state, init in zip(made.states, made.inits, strict=True):
        place = At(made.start) if isinstance(made.start, sp.Basic) else ~made.start
        axes = tuple(range(init.ndim))
        found.append((Expr(Term(state, (place, *axes)), init.shape), init, START))
    direction = DOWN if made.down else UP
    order = topological([e.node for e in made.steps], stop=lambda n: n.op == kinds.RECUR)
    for node in order:
        if node in known and node.op == kinds.LET:
            body = Term(node.args[0], node.maps[0])
            found.append((of_node(node), Expr(body, node.shape), direction))
    for state, step in zip(made.states, made.steps, strict=True):
        after = system_of(state).node(state.attr.state, "after")
        labels = {made.letter: 0} | {k: k + 1 for k in range(step.ndim)}
        whole = Expr(build.rename(step.term, labels), (made.length, *step.shape))
        found.append((of_node(after), whole, direction))
    return found
