"""An axis of length + 1 positions, seen from the steps of a recurrence: at the state before each step, after it, or at the final state."""

from __future__ import annotations

from typing import Any

from symdl.graph import build
from symdl.graph import node as kinds
from symdl.graph.build import Label, Term
from symdl.graph.node import Node, Size
from symdl.graph.rebuild import placed, rebuild
from symdl.graph.recurrence import plus_one, system_of

#: So deep a sum, product or function is looked into; what lies deeper is picked by an index equation.
DEPTH = 40


def at_steps(term: Term, time: Label, step: Label, like: Node, which: str) -> Term:
    """The term at the positions of ``time`` that are the states before ("before") or after ("after") the step, or the final one ("final").

    Parameters
    ----------
    term : Term
    time : label
        Runs over the positions 0, ..., length.
    step : label
        Takes its place; not for "final".
    like : Node
        Any part of the recurrence whose steps they are.
    which : str
    """
    return _Look(step, like, which).of(term, time, DEPTH)


class _Look:
    def __init__(self, step: Label, like: Node, which: str) -> None:
        self._step, self._like, self._which = step, like, which

    def of(self, term: Term, time: Label, depth: int) -> Term:
        if time not in term.map:
            return term
        node = term.node
        axis = term.map.index(time)
        if term.map.count(time) > 1 or not depth:
            return self._picked(term, time)
        if node.op == kinds.RECUR and node.attr.part == "all" and axis == 0 and self._same(node):
            made = system_of(node).node(node.attr.state, self._which)
            return Term(made, term.map[1:] if self._which == "final" else (self._step, *term.map[1:]))
        if node.op in (kinds.ADD, kinds.MUL, kinds.POW, kinds.FN):
            if node.op == kinds.MUL and any(axis in d for d in node.attr.deltas):
                return self._picked(term, time)
            args = [self.of(build.rename(Term(a, m), {axis: time}), time, depth - 1) for a, m in node.terms()]
            return placed(rebuild(node, args), term.map)
        if node.op == kinds.LET and node.attr.role == "adjoint":
            inner = build.rename(Term(node.args[0], node.maps[0]), {axis: time})
            return placed(self.of(inner, time, depth - 1), term.map)
        return self._picked(term, time)

    def _same(self, node: Node) -> bool:
        return node.attr.length == self._like.attr.length and node.attr.down == self._like.attr.down

    def _picked(self, term: Term, time: Label) -> Term:
        """Sum over q of term[q] * [q is the position]."""
        length, down = self._like.attr.length, self._like.attr.down
        if self._which == "final" and down:
            return build.rename(term, {time: ~0})
        q = build.fresh()
        size = plus_one(length)
        where: list[Term] = [build.position(size, q)]
        coefs: list[Any] = [1]
        offset: Size = 1 if (self._which == "before") == down else 0
        if self._which == "final":
            offset = length
        else:
            where.append(build.position(length, self._step))
            coefs.append(-1)
        equation = build.fn("iszero", [build.add([*coefs, -offset], [*where, build.constant(1)])])
        return build.mul(1, [build.rename(term, {time: q}), equation], (), {q: size})
