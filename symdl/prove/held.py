"""States of which nothing is known: what a step of a recurrence is proved for."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from symdl.errors import UnsupportedError
from symdl.expr.tensor import Expr, of_node
from symdl.graph import build
from symdl.graph import node as kinds
from symdl.graph.build import Term
from symdl.graph.graft import graft
from symdl.graph.node import Node, Size
from symdl.graph.recurrence import System, argument_holes, own_axes, placeholder, system_of
from symdl.graph.walk import topological
from symdl.steps.verdict import PROVED, Verdict

Prove = Callable[[Expr, Expr], Verdict]


def closed(expr: Expr, letters: dict[Any, Size]) -> Expr:
    """The expression with axes for index letters, in front of its own."""
    if not letters:
        return expr
    order = sorted(letters, key=str)
    labels = {letter: k for k, letter in enumerate(order)} | {k: k + len(order) for k in range(expr.ndim)}
    return Expr(build.rename(expr.term, labels), (*(letters[s] for s in order), *expr.shape))


def systems_of(roots: Iterable[Node]) -> list[System]:
    """The recurrences under some nodes, what others need first."""
    return list(dict.fromkeys(system_of(n) for n in topological(roots) if n.op == kinds.RECUR))


def proved_together(parts: Sequence[tuple[str, Verdict]]) -> Verdict | None:
    if not all(v.proved for _, v in parts):
        return None
    told = "; ".join(f"{what}: {v.method}" for what, v in parts)
    return Verdict(PROVED, f"induction over the steps, for every number of them ({told})")


class Held:
    """Parts of recurrences (of those in ``only``), each held fast as a tensor of which nothing is known; the state after a step of a recurrence that is
    ``followed`` is what the step makes of the state before it."""

    def __init__(self, followed: Iterable[System] = (), same: dict[System, System] | None = None, only: Iterable[System] | None = None) -> None:
        self._followed = set(followed)
        self._only = None if only is None else set(only)
        self._same = same or {}
        self._known: dict[tuple[System, int, str], Node] = {}
        self._shifts: dict[tuple[System, int], Term] = {}

    def shift(self, system: System, state: int, by: Term) -> None:
        """From now on the state before a step is the tensor held for it minus ``by``, a term in "step" and the numbers of the state's axes."""
        (self._shifts[system, state],) = self.terms([by])

    def before(self, system: System, state: int, label: Any) -> Term:
        """The state before a step, in the label and the numbers of its axes."""
        tensor = self.tensor(system, state, "before")
        held = Term(tensor, (label, *range(tensor.rank - 1)))
        shift = self._shifts.get((system, state))
        return build.add([1, -1], [held, build.rename(shift, {"step": label})]) if shift else held

    def tensor(self, system: System, state: int, part: str) -> Node:
        """The tensor that stands for a part."""
        system = self._same.get(system, system)
        key = (system, state, part)
        if key not in self._known:
            self._known[key] = placeholder(system.node(state, part).shape)
        return self._known[key]

    def terms(self, terms: Sequence[Term]) -> list[Term]:
        """The terms with tensors in the places of recurrences."""
        place: dict[Node, Term] = {}
        for node in topological([t.node for t in terms], stop=self._held):
            if node.op == kinds.PARTIAL:
                place[node] = _partial(node, place)
            if not self._held(node):
                continue
            system, state, part = system_of(node), node.attr.state, node.attr.part
            if part == "after" and self._same.get(system, system) in self._followed:
                after = self.step(self._same.get(system, system), "step")[state]
                place[node] = build.rename(after, {"step": 0} | {("axis", k): k + 1 for k in range(node.rank - 1)})
            elif (system, state) in self._shifts and part == "before":
                shifted = self.before(system, state, "step")
                place[node] = build.rename(shifted, {"step": 0} | {k: k + 1 for k in range(node.rank - 1)})
            else:
                place[node] = Term(self.tensor(system, state, part), tuple(range(node.rank)))
        return graft(terms, place)

    def _held(self, node: Node) -> bool:
        return node.op == kinds.RECUR and (self._only is None or system_of(node) in self._only)

    def expr(self, expr: Expr) -> Expr:
        (term,) = self.terms([expr.term])
        return Expr(term, expr.shape, expr.open)

    def step(self, system: System, label: Any, seeds: Sequence[Term] | None = None) -> list[Term]:
        """What a step makes of the states held before it: for every state a term in the label and ("axis", k)."""
        node = system.node()
        own = own_axes(node)
        count = len(node.attr.shapes)
        place: dict[Node, Term] = {}
        further = []
        for k, (inputs, (arg, entries)) in enumerate(zip(argument_holes(node), node.terms(), strict=True)):
            if k < count:
                place[inputs] = seeds[k] if seeds else self.before(system, k, label)
            else:
                further.append((inputs, build.rename(Term(arg, entries), {node.rank: label} | {e: axis for axis, e in enumerate(own[k])})))
        place |= dict(zip([i for i, _ in further], self.terms([t for _, t in further]), strict=True))
        raw = [Term(body, tuple(e if build.is_fixed(e) else ("axis", e) for e in entries)) for body, entries in node.attr.bodies]
        return graft(raw, place)


def _partial(node: Node, place: dict[Node, Term]) -> Term:
    """A formal partial of what stands for its arguments."""
    outer, inner = node.args
    args = graft([of_node(a).term for a in node.args], place)
    if args[1].node not in topological([args[0].node]):
        # The product (o tanh(c))**2 that stands for h**2 is opened in what it is a factor of: with a name it stays one tensor.
        named = build.let("held", args[1], range(inner.rank), inner.shape)
        args = [*graft([of_node(outer).term], place | {inner: named}), named]
    if any(t.map != tuple(range(a.rank)) for t, a in zip(args, node.args, strict=True)):
        raise UnsupportedError("a partial of what has lost an axis")
    return Term(build.partial(args[0].node, args[1].node), tuple(range(node.rank)))


def by_step(term: Term, system: System, state: int) -> Expr:
    shape = system.attr.shapes[state]
    labels = {"step": 0} | {("axis", k): k + 1 for k in range(len(shape))}
    return Expr(build.rename(term, labels), (system.attr.length, *shape))


def inits_of(system: System) -> list[Expr]:
    node = system.node()
    own = own_axes(node)
    return [Expr(build.rename(Term(node.args[s], node.maps[s]), {e: k for k, e in enumerate(own[s])}), shape) for s, shape in enumerate(node.attr.shapes)]
