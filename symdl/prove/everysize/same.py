"""The question: are two expressions equal, is a claim the derivative, for every size?"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial

from symdl.errors import SymdlError
from symdl.expr.tensor import Expr
from symdl.graph import node as kinds
from symdl.graph.node import Node
from symdl.graph.walk import topological
from symdl.prove.everysize.atom import FRESH, Poly, total_of
from symdl.prove.everysize.chain import Chain, long_sums
from symdl.prove.everysize.read import Reader
from symdl.prove.everysize.slope import Slope, Substitution
from symdl.prove.everysize.special import Special
from symdl.prove.stop import Clock, Stop
from symdl.prove.whole import whole_inputs

MAX_NODES = 3000
#: Graphs of more nodes are gone through product by product first.
MANY = 25
#: Readings of one problem: relations found in one are used from the start in the next.
READINGS = 3


def same(lhs: Expr, rhs: Expr, clock: Clock) -> bool:
    """Whether the difference of two expressions has the normal form 0. False says nothing."""
    nodes = topological([lhs.node, rhs.node])
    letters = _letters([lhs, rhs])
    whole = frozenset(whole_inputs(nodes))
    named = [n for n in nodes if n.op == kinds.LET]
    for opaque in [frozenset(named), frozenset()] if named else [frozenset()]:

        def gap(ring: Special, opaque: frozenset[Node] = opaque) -> Poly:
            ring.whole = whole
            reader = Reader(ring, opaque)
            return total_of([(1, reader.expr(lhs, letters)), (-1, reader.expr(rhs, letters))])

        if _vanishes(gap, len(nodes), clock):
            return True
    return False


def is_derivative(loss: Expr, wrt: Expr, claim: Expr, targets: Iterable[Node], clock: Clock) -> bool:
    """Whether the claim is d loss / d wrt. ``targets``: the inputs of that name, or the named result."""
    nodes = topological([loss.node, claim.node, wrt.node])
    letters = _letters([loss, wrt, claim])
    target, *others = targets
    if others:
        return False
    place = {k: _entry(e, letters, loss.ndim) for k, e in enumerate(wrt.map)}

    whole = frozenset(whole_inputs(topological([loss.node])))

    def gap(ring: Special) -> Poly:
        ring.whole = whole
        named = target.op != kinds.INPUT
        before = Reader(ring, {target} if named else (), "" if named else str(target.name))
        leaf = before.atom_of(target)
        own = [ring.fresh() for _ in range(target.rank)]
        slope = Slope(ring, leaf, own).of(before.expr(loss, letters))
        after = Reader(ring)
        after.nodes([target])
        if named or after.atom_of(target) is not leaf:
            fresh = [ring.fresh() for _ in range(target.rank)]
            slope = Substitution(ring, leaf, fresh, ring.place(after.done[target], dict(enumerate(fresh)))).of(slope)
        left = ring.place(slope, {label: place[k] for k, label in enumerate(own)})
        return total_of([(1, left), (-1, after.expr(claim, letters))])

    def through(ring: Special, by_factors: bool, sums: bool) -> Poly:
        ring.whole = whole
        return Chain(ring, loss, target, claim, by_factors, sums).gap()

    plain = loss.node.rank == 0 and target.op == kinds.INPUT and not target.attr.facts and tuple(wrt.map) == tuple(range(target.rank))
    if plain and not letters and not loss.shape and len(nodes) > MANY:
        some = bool(long_sums(topological([loss.node])))
        for by_factors, sums in ((False, True), (False, False), (True, False)) if some else ((False, False), (True, False)):
            if _vanishes(partial(through, by_factors=by_factors, sums=sums), len(nodes), Clock(clock.seconds * (0.4 if some else 0.6))):
                return True
    return _vanishes(gap, len(nodes), clock)


def _vanishes(gap: Callable[[Special], Poly], nodes: int, clock: Clock) -> bool:
    if nodes > MAX_NODES:
        return False
    ring = Special(clock)
    known = -1
    try:
        for _ in range(READINGS):
            difference = ring.reduced(gap(ring))
            if not difference:
                return True
            if known == len(ring.stated):
                return False
            known = len(ring.stated)
    except (Stop, SymdlError, RecursionError):
        return False
    return False


def _letters(exprs: Iterable[Expr]) -> dict[object, int]:
    """Numbers for index letters, beyond all axes and below what is made on the way."""
    found = sorted({s for e in exprs for s in e.open}, key=str)
    return {s: FRESH // 2 + k for k, s in enumerate(found)}


def _entry(entry: object, letters: dict[object, int], rank: int) -> int:
    from symdl.prove.everysize.atom import FIXED

    if type(entry) is int:
        return rank + entry if entry >= 0 else FIXED + ~entry
    return letters[entry]
