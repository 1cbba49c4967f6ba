"""The chain rule node by node: a gradient of a deep network is compared while it is made.

The results of matrix products (and named sums) are taken for independent tensors. The adjoint of every node of the loss is computed from those of
its users, by the derivative of the single operation; where a node of the claim is found equal to a multiple of an adjoint, the two count as one from
there on. So no expression is ever written out through more than one product.

Equality for independent tensors is equality for whatever they stand for; what is found here holds.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable
from fractions import Fraction
from typing import Any

from symdl.expr.tensor import Expr
from symdl.graph import node as kinds
from symdl.graph.node import LET, Node
from symdl.graph.walk import consumers, depends_on, topological
from symdl.prove.everysize.atom import FIXED, ONE, Num, Poly, add_to, labels_of, scaled, total_of
from symdl.prove.everysize.net import canonical_slots
from symdl.prove.everysize.read import Reader
from symdl.prove.everysize.special import Special
from symdl.prove.stop import TooLarge

#: A node of the claim with more terms than this is not written out further.
MAX_SHORT = 200


def cuts(order: Iterable[Node]) -> list[Node]:
    """The products of two or more tensors with a sum, with coefficient 1 (multiples are read as multiples of them), and names of sums."""
    return [n for n in order if (n.op == kinds.MUL and _is_product(n)) or (n.op == LET and n.args[0].op in (kinds.ADD, kinds.MUL))]


def _is_product(node: Node) -> bool:
    factors = [a for a in node.args if not (a.op == kinds.FN and a.attr == "iszero")]
    return bool(node.attr.summed) and node.attr.coef == 1 and len(factors) > 1 and node.rank > 0


class Chain:
    """d loss / d target, in terms of the products of the loss and of the nodes of the claim."""

    def __init__(self, ring: Special, loss: Expr, target: Node, claim: Expr) -> None:
        self.ring, self.target, self.claim, self.loss = ring, target, claim, loss
        self.order = topological([loss.node])
        opaque = {n for n in cuts(self.order) if n is not loss.node}
        self.reader = Reader(ring, opaque, str(target.name))
        for node in self.order:
            self.reader.nodes([node])
        self.claimed = Claimed(ring, Reader(ring, opaque, str(target.name)), claim.node, set(self.order))

    def gap(self) -> Poly:
        """The gradient minus the claim."""
        ring = self.ring
        relevant = depends_on(self.order, [self.target])
        adjoints: dict[Node, Poly] = {self.loss.node: dict(ONE)}
        for node in reversed(self.order):
            adjoint = adjoints.get(node)
            if not adjoint or node is self.target or node not in relevant:
                continue
            adjoint = adjoints[node] = self.claimed.recognised(node, ring.reduced(adjoint))
            for arg in dict.fromkeys(node.args):
                if arg in relevant:
                    add_to(adjoints.setdefault(arg, {}), self._through(node, arg, adjoint))
        gradient = ring.reduced(adjoints.get(self.target, {}))
        self.claimed.read()
        return total_of([(1, gradient), (-1, self.claimed.reader.expr(self.claim, {}))])

    def _through(self, user: Node, node: Node, adjoint: Poly) -> Poly:
        """What the adjoint of a node gets from one of its users, in the axes of the node."""
        ring = self.ring
        own = [ring.fresh() for _ in range(user.rank)]
        slope = ring.place(self.reader.partial(user, node), dict(enumerate([*own, *range(node.rank)])))
        out = ring.times(slope, ring.place(adjoint, dict(enumerate(own))))
        for label, size in zip(own, user.shape, strict=True):
            out = ring.total(out, label, size)
        return out


class Claimed:
    """The nodes of a claim, read as far as they stay short."""

    def __init__(self, ring: Special, reader: Reader, root: Node, forward: Collection[Node]) -> None:
        self.ring, self.reader = ring, reader
        self.order = topological([root], stop=reader.opaque.__contains__)
        self.forward = forward
        self.users = consumers(self.order)
        self.forms: dict[Any, tuple[Node, tuple[int, ...], Num]] = {}
        self.long: set[Node] = set()
        self.named: set[Node] = set()

    def recognised(self, node: Node, adjoint: Poly) -> Poly:
        """An adjoint under the name of the claim's node that it is a multiple of, if there is one."""
        if len(adjoint) == 1:
            return adjoint  # short enough
        self.read()
        form = self._form(adjoint, node.rank)
        found = self.forms.get(form[0]) if form is not None else None
        if form is None or found is None:
            return adjoint
        name, axes, scale = found
        place = dict(zip(axes, form[1], strict=True))
        if name.shape != tuple(node.shape[place[axis]] for axis in range(name.rank)):
            return adjoint
        atom = self.reader.leaf(f"#adjoint {name.serial}", name)
        if name not in self.named:
            self.named.add(name)
            self._forget_users(name)
            self.reader.done[name] = self.ring.factor(atom, range(name.rank))
        return scaled(self.ring.factor(atom, [place[axis] for axis in range(name.rank)]), Fraction(form[2]) / scale)

    def read(self) -> None:
        """What can be read now: nodes whose arguments are short."""
        done = self.reader.done
        for node in self.order:
            if node in done or node in self.long or not (node in self.reader.opaque or all(a in done for a in node.args)):
                continue
            if node.op == kinds.MUL and node not in self.reader.opaque and math.prod(len(done[a]) for a in node.args) > MAX_SHORT:
                self.long.add(node)
                continue
            try:
                self.reader.nodes([node])
            except TooLarge:
                self.long.add(node)
                continue
            if node in self.forward or node.op not in (kinds.ADD, kinds.MUL, kinds.LET):
                continue
            if len(done[node]) > MAX_SHORT:
                self.long.add(node)
                del done[node]
                continue
            form = self._form(done[node], node.rank)
            if form is not None:
                self.forms[form[0]] = node, form[1], form[2]

    def _form(self, poly: Poly, rank: int) -> tuple[Any, tuple[int, ...], Num] | None:
        """The terms without a common factor, the labels by slot, the factor; None where not all axes stand in it."""
        labels = {label for label in labels_of(poly) if label < FIXED}
        if not poly or len(labels) != rank or len(labels) != len(labels_of(poly)):
            return None
        slotted = canonical_slots(poly, (), labels, self.ring.place, self.ring.atoms)
        scale = slotted.terms[0][1]
        return tuple((m, Fraction(c) / scale) for m, c in slotted.terms), slotted.labels, scale

    def _forget_users(self, node: Node) -> None:
        stack = [node]
        while stack:
            for user, _ in self.users[stack.pop()]:
                if self.reader.done.pop(user, None) is not None or user in self.long:
                    self.long.discard(user)
                    stack.append(user)
