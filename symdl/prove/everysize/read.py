"""From the graph to index expressions: one reading for every kind of node."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import sympy as sp

from symdl.expr.tensor import Expr
from symdl.graph import node as kinds
from symdl.graph.node import Node, intern
from symdl.graph.walk import between, topological
from symdl.prove.everysize.atom import FIXED, Atom, Poly, total_of
from symdl.prove.everysize.known import state_facts
from symdl.prove.everysize.slope import Slope, Substitution
from symdl.prove.everysize.special import Special
from symdl.prove.softmax import softmax_of
from symdl.prove.stop import Unreadable


class Reader:
    """Reads nodes; the labels of a node's polynomial are the numbers of its axes.

    Parameters
    ----------
    ring : Special
    opaque : collection of Node
        Named results that are taken for inputs.
    no_facts : str
        The input whose facts are not used: its entries are varied one by one.
    """

    def __init__(self, ring: Special, opaque: Collection[Node] = (), no_facts: str = "") -> None:
        self.ring, self.opaque, self.no_facts = ring, opaque, no_facts
        self.done: dict[Node, Poly] = {}

    def expr(self, expr: Expr, letters: Mapping[Any, int]) -> Poly:
        """An expression: its axes are the labels 0, 1, ..., its letters those given."""
        self.nodes([expr.node])
        return self.ring.place(self.done[expr.node], {k: _label(e, letters) for k, e in enumerate(expr.map)})

    def nodes(self, roots: Sequence[Node]) -> None:
        for node in topological(roots, stop=lambda n: n in self.done or n in self.opaque):
            if node not in self.done:
                self.ring.clock.look()
                self.done[node] = self._made(node)

    def leaf(self, name: str, node: Node, facts: frozenset[str] = frozenset()) -> Atom:
        group = ((1, 0),) if node.rank == 2 and facts & {"symmetric", "posdef"} else ()
        positive = bool(facts & {"positive", "unit", "simplex"}) or {"diagonal", "posdef"} <= facts  # of a diagonal matrix only the diagonal is read
        known = len(self.ring.atoms)
        atom = self.ring.intern("input", node.rank, (name, node.shape, facts), group, positive, "onehot" in facts)
        if atom.number == known:
            state_facts(self.ring, atom, facts, node.shape)
        return atom

    def _made(self, node: Node) -> Poly:
        if node.op == kinds.INPUT or node in self.opaque:
            atom = self.atom_of(node)
            if "diagonal" in atom.data[2]:
                return self.ring.mul(self.ring.delta(0, 1), self.ring.factor(atom, (0, 0)))
            return self.ring.factor(atom, range(node.rank))
        if node.op == kinds.PARTIAL:
            return self._partial(node)
        if node.op == kinds.MUL and node.attr.coef != 1 and self.opaque:
            bare = intern(kinds.MUL, node.args, node.maps, node.shape, node.attr._replace(coef=1))
            if bare in self.opaque:  # a multiple of an opaque product
                return self.ring.mul(self.ring.constant(node.attr.coef), self.ring.factor(self.atom_of(bare), range(node.rank)))
        return self.operation(node, [self.done[a] for a in node.args])

    def atom_of(self, node: Node) -> Atom:
        """The atom of an input or of an opaque node."""
        if node.op != kinds.INPUT:
            return self.leaf(f"#{node.serial}", node)
        info = node.attr
        facts = frozenset() if info.name == self.no_facts else info.facts
        if getattr(info.atom, "is_positive", False):
            facts = facts | {"positive"}
        return self.leaf(info.name, node, facts)

    def operation(self, node: Node, args: Sequence[Poly]) -> Poly:
        """One operation on polynomials of its arguments."""
        made = getattr(self, f"_op_{node.op}", None)
        if made is None:
            raise Unreadable(f"a node of kind {node.op}")
        placed = [self.ring.place(p, {k: _label(e, {}) for k, e in enumerate(m)}) if m else p for p, m in zip(args, node.maps, strict=True)]
        return made(node, placed)

    # --- one method for every kind ------------------------------------------------------------------------------

    def _op_const(self, node: Node, args: list[Poly]) -> Poly:
        return self.ring.constant(node.attr)

    def _op_position(self, node: Node, args: list[Poly]) -> Poly:
        return self.ring.factor(self.ring.intern("position", 1, node.shape), (0,))

    def _op_add(self, node: Node, args: list[Poly]) -> Poly:
        parts = []
        for c, poly in zip(node.attr, args, strict=True):
            parts.append((1, self.ring.mul(self.ring.constant(c), poly)) if isinstance(c, sp.Basic) else (c, poly))
        return self.ring.reduced(total_of(parts))

    def _op_let(self, node: Node, args: list[Poly]) -> Poly:
        return args[0]

    def _op_pow(self, node: Node, args: list[Poly]) -> Poly:
        exponent = self.ring.constant(node.attr)
        if set(exponent) <= {()}:
            return self.ring.power(args[0], exponent.get((), 0))
        return self.ring.exp(self.ring.times(exponent, self.ring.log(args[0])))

    def _op_fn(self, node: Node, args: list[Poly]) -> Poly:
        return self.ring.apply(node.attr, args)

    def _op_mul(self, node: Node, args: list[Poly]) -> Poly:
        """Factor by factor; an index is summed as soon as no later factor has it."""
        ring, rank = self.ring, node.rank
        sizes = node.sizes()
        pieces = [ring.delta(_label(a, {}), _label(b, {})) for a, b in node.attr.deltas] + sorted(args, key=len)
        out = ring.constant(node.attr.coef)
        waiting = set(range(rank, len(sizes)))
        uses = [{label for mono in piece for f, _ in mono for label in f[1]} for piece in pieces]
        for k, piece in enumerate(pieces):
            out = ring.times(out, piece)
            for label in sorted(waiting - set().union(*uses[k + 1 :])):
                out = ring.total(out, label, sizes[label])
                waiting.discard(label)
        for label in sorted(waiting):
            out = ring.total(out, label, sizes[label])
        return out

    def _op_reduce(self, node: Node, args: list[Poly]) -> Poly:
        ring, sizes = self.ring, node.sizes()
        over = range(node.rank, len(sizes))
        if node.attr.kind == "logsumexp":
            out = ring.exp(args[0])
            for label in over:
                out = ring.total(out, label, sizes[label])
            return ring.log(out)
        return ring.maximum(args[0], {label: sizes[label] for label in over})

    def _op_matrix(self, node: Node, args: list[Poly]) -> Poly:
        size = node.args[0].shape[0]
        if node.attr == "inv":
            return self.ring.inverse(args[0], 0, 1, size)
        found = self.ring.determinant(args[0], 0, 1, size)
        return found if node.attr == "det" else self.ring.log(found)

    def _varied(self, outer: Node, inner: Node, formal: Poly) -> Poly:
        """outer with another value of inner: the single operation, or all between where inner is no argument of it."""
        ring = self.ring
        parts = softmax_of(outer, inner) if inner not in outer.args else None
        if parts is not None:
            exps = ring.exp(ring.place(formal, dict(enumerate(parts.entries))))
            total = exps
            for axis in parts.over:
                total = ring.total(total, axis, outer.shape[axis])
            return ring.times(exps, ring.power(total, -1))
        known = {inner: formal}
        for step in [outer] if inner in outer.args else between(outer, inner):
            known[step] = self.operation(step, [known[a] if a in known else self.done[a] for a in step.args])
        if outer not in known:
            raise Unreadable("a partial by what does not stand in it")
        return known[outer]

    def _partial(self, node: Node) -> Poly:
        return self.partial(*node.args)

    def partial(self, outer: Node, inner: Node) -> Poly:
        """d outer / d inner: of the single operation (or of all between, for a softmax), the argument an independent tensor."""
        ring, rank = self.ring, outer.rank
        leaf = self.leaf(f"#partial {inner.serial}", inner)
        formal = ring.factor(leaf, range(inner.rank))
        value = self._varied(outer, inner, formal)
        labels = [ring.fresh() for _ in range(inner.rank)]
        slope = ring.place(Slope(ring, leaf, labels).of(value), {label: rank + k for k, label in enumerate(labels)})
        own = [ring.fresh() for _ in range(inner.rank)]
        actual = ring.place(self.done[inner], dict(enumerate(own)))
        return Substitution(ring, leaf, own, actual).of(slope)


def _label(entry: Any, letters: Mapping[Any, int]) -> int:
    if type(entry) is int:
        return entry if entry >= 0 else FIXED + ~entry
    return letters[entry]
