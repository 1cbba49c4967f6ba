"""The chain rule node by node: a gradient of a deep network is compared while it is made.

The results of matrix products (and named sums) are taken for independent tensors. The adjoint of every node of the loss is computed from those of
its users, by the derivative of the single operation; where a node of the claim is found equal to a multiple of an adjoint, the two count as one from
there on. So no expression is ever written out through more than one product.

Equality for independent tensors is equality for whatever they stand for; what is found here holds.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Iterator
from fractions import Fraction
from typing import Any, NamedTuple

from symdl.expr.tensor import Expr
from symdl.graph import node as kinds
from symdl.graph.node import LET, Node
from symdl.graph.walk import consumers, depends_on, topological
from symdl.prove.everysize.atom import FIXED, ONE, Factor, Mono, Num, Poly, add_to, labels_of, of_factors, total_of
from symdl.prove.everysize.net import canonical_slots
from symdl.prove.everysize.read import Reader
from symdl.prove.everysize.special import Special
from symdl.prove.stop import TooLarge, Undefined

#: A node of the claim with more terms than this is not written out further.
MAX_SHORT = 200


def cuts(order: Iterable[Node]) -> list[Node]:
    """The products of two or more tensors with a sum, with coefficient 1 (multiples are read as multiples of them), and names of sums."""
    return [n for n in order if (n.op == kinds.MUL and _is_product(n)) or (n.op == LET and n.args[0].op in (kinds.ADD, kinds.MUL))]


def long_sums(order: Iterable[Node]) -> list[Node]:
    """Sums of more than two terms that are used more than once: what a norm gets from a residual connection, less its mean."""
    order = list(order)
    users = consumers(order)
    return [n for n in order if n.op == kinds.ADD and n.rank > 0 and len(n.args) > 2 and len({user for user, _ in users[n]}) > 1]


def _is_product(node: Node) -> bool:
    factors = [a for a in node.args if not (a.op == kinds.FN and a.attr == "iszero")]
    return bool(node.attr.summed) and node.attr.coef == 1 and len(factors) > 1 and node.rank > 0


#: Different roots of numbers in the terms of one node.
MOST_ROOTS = 4


class Form(NamedTuple):
    """``before`` times a polynomial of these terms: canonical, the labels at its slots being ``axes``."""

    terms: Any
    axes: tuple[int, ...]
    before: Poly


class Chain:
    """d loss / d target, in terms of the products of the loss and of the nodes of the claim.

    ``by_factors``: nodes of the claim are recognised in adjoints that are roots and numbers times them, not only multiples. Then more is recognised, but
    what the claim says elsewhere in other words is found less often. ``sums``: long sums that are used more than once are taken for independent tensors, too.
    """

    def __init__(self, ring: Special, loss: Expr, target: Node, claim: Expr, by_factors: bool = False, sums: bool = False) -> None:
        self.ring, self.target, self.claim, self.loss = ring, target, claim, loss
        self.order = topological([loss.node])
        opaque = {n for n in [*cuts(self.order), *(long_sums(self.order) if sums else [])] if n is not loss.node}
        self.reader = Reader(ring, opaque, str(target.name))
        for node in self.order:
            self.reader.nodes([node])
        self.claimed = Claimed(ring, Reader(ring, opaque, str(target.name)), claim.node, set(self.order), by_factors)

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

    def __init__(self, ring: Special, reader: Reader, root: Node, forward: Collection[Node], by_factors: bool = False) -> None:
        self.ring, self.reader, self.by_factors = ring, reader, by_factors
        self.order = topological([root], stop=reader.opaque.__contains__)
        self.forward = forward
        self.users = consumers(self.order)
        self.forms: dict[Any, tuple[Node, Form]] = {}
        self.long: set[Node] = set()
        self.named: set[Node] = set()

    def recognised(self, node: Node, adjoint: Poly) -> Poly:
        """An adjoint under the name of the claim's node that it is a multiple of, if there is one."""
        if len(adjoint) == 1:
            return adjoint  # short enough
        self.read()
        known_forms = ((form, self.forms.get(form.terms)) for form in self._forms(adjoint, node.rank, False))
        form, found = next(((form, found) for form, found in known_forms if found is not None), (None, None))
        if form is None or found is None:
            return adjoint
        name, known = found
        place = dict(zip(known.axes, form.axes, strict=True))
        if name.shape != tuple(node.shape[place[axis]] for axis in range(name.rank)):
            return adjoint
        atom = self.reader.leaf(f"#adjoint {name.serial}", name)
        if name not in self.named:
            self.named.add(name)
            self._forget_users(name)
            self.reader.done[name] = self.ring.factor(atom, range(name.rank))
            self._solve_for_factor(name)
        ring = self.ring
        before = ring.mul(form.before, ring.place(ring.power(known.before, -1), place))
        return ring.mul(before, ring.factor(atom, [place[axis] for axis in range(name.rank)]))

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
            for form in self._forms(done[node], node.rank, True):
                self.forms.setdefault(form.terms, (node, form))

    def _forms(self, poly: Poly, rank: int, every: bool) -> Iterator[Form]:
        """The terms as they are, then without the roots and numbers that they have in common; none where not all axes stand in them.

        Roots of numbers cannot be told from the numbers that two of them make, so each of those that occur is taken out once.
        """
        ring = self.ring
        if not poly:
            return
        yield from self._form(poly, (), rank)
        if not self.by_factors:
            return
        broken = {f for mono in poly for f, e in mono if ring.atoms[f[0]].kind == "const" and type(e) is not int}
        _, shared, _ = ring.content(poly, False)
        common = {f: e for f, e in shared.items() if ring.atoms[f[0]].kind in ("root", "const") and f not in broken}
        roots = {of_factors({f: e for f, e in mono if f in broken}): None for mono in poly}
        for numbers in list(roots)[: MOST_ROOTS if every else 1]:
            before = of_factors({**common, **dict(numbers)})
            if before:
                yield from self._form(poly, before, rank)

    def _form(self, poly: Poly, before: Mono, rank: int) -> Iterator[Form]:
        ring = self.ring
        left = ring.reduced(ring.mul(poly, self._without(before))) if before else poly
        labels = {label for label in labels_of(left) if label < FIXED}
        if len(labels) == rank == len(labels_of(left)):
            slotted = canonical_slots(left, (), labels, ring.place, ring.atoms)
            scale = slotted.terms[0][1]
            yield Form(tuple((m, Fraction(c) / scale) for m, c in slotted.terms), slotted.labels, {before: scale})

    def _without(self, before: Mono) -> Poly:
        """One by it; roots of whole numbers stand in the numerator, as everywhere."""
        out: dict[Factor, Num] = {}
        scale = Fraction(1)
        for f, e in before:
            atom = self.ring.atoms[f[0]]
            whole_number = atom.kind == "const" and type(atom.data) is int
            up = math.ceil(e) if whole_number else 0
            out[f] = up - e
            scale /= Fraction(atom.data) ** up if whole_number else 1
        return {of_factors(out): scale}

    def _solve_for_factor(self, name: Node) -> None:
        """Where a name is a sum times what is short, the sum is the name divided by that: products into which the claim has merged the sum are read so."""
        ring, done = self.ring, self.reader.done
        if name.op != kinds.MUL or name.attr.summed or name.attr.deltas:
            return
        sums = [(a, m) for a, m in zip(name.args, name.maps, strict=True) if len(done.get(a, ONE)) > 1]
        if len(sums) != 1 or sums[0][0] in self.forward or sums[0][0] in self.named or sorted(sums[0][1]) != list(range(name.rank)):
            return
        ((inner, entries),) = sums
        rest = ring.constant(name.attr.coef)
        try:
            for a, m in zip(name.args, name.maps, strict=True):
                if a is not inner:
                    rest = ring.times(rest, ring.place(done[a], {k: e if e >= 0 else FIXED + ~e for k, e in enumerate(m)}))
            solved = ring.times(done[name], ring.power(rest, -1))
        except Undefined:
            return
        self._forget_users(inner)
        self.named.add(inner)
        done[inner] = ring.place(solved, {axis: k for k, axis in enumerate(entries)})
        atom = self.reader.leaf(f"#adjoint {name.serial}", name)
        done[name] = ring.factor(atom, range(name.rank))

    def _forget_users(self, node: Node) -> None:
        stack = [node]
        while stack:
            for user, _ in self.users[stack.pop()]:
                if self.reader.done.pop(user, None) is not None or user in self.long:
                    self.long.discard(user)
                    stack.append(user)
