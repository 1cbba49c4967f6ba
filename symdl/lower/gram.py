"""Weighted Gram matrices X'DX, D diagonal and nowhere negative, as Y'Y with Y = D^(1/2) X: half the multiplications, since the result is symmetric.

The Hessians of logistic regression and of all generalised linear models have this form (McCullagh and Nelder 1989, Generalized Linear Models, section 2.5);
BLAS computes one triangle (dsyrk), which NumPy calls where a matrix meets its own transpose.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from typing import Any

from symdl.graph import build
from symdl.graph import node as kinds
from symdl.graph.build import Term
from symdl.graph.labels import is_fixed
from symdl.graph.node import Node, Size
from symdl.graph.rebuild import placed
from symdl.graph.walk import topological
from symdl.lower.positive import is_not_negative
from symdl.lower.stabilise import rebuild_here

#: Smaller matrices gain nothing.
_LEAST = 32


def halved(roots: Sequence[Term], size_of: Callable[[Size], int]) -> list[Term]:
    """The same values, weighted Gram matrices by square roots of their weights."""
    order = topological(t.node for t in roots)
    if not any(_gram(n, size_of) for n in order):
        return list(roots)
    done: dict[Node, Term] = {}
    for node in order:
        made = rebuild_here(node, [placed(done[a], m) for a, m in node.terms()])
        found = _gram(made.node, size_of) if made.node.op == kinds.MUL else None
        done[node] = placed(found, made.map) if found is not None else made
    return [placed(done[t.node], t.map) for t in roots]


def _gram(node: Node, size_of: Callable[[Size], int]) -> Term | None:
    """The node as Y'Y; None where it is no weighted Gram matrix."""
    if node.op != kinds.MUL or node.rank != 2 or len(node.args) < 3 or node.attr.deltas or not node.attr.summed:
        return None
    summed: dict[Any, Size] = dict(enumerate(node.attr.summed, start=node.rank))
    terms = [Term(a, m) for a, m in node.terms()]
    sides = [t for t in terms if 0 in t.map or 1 in t.map]
    weights = [t for t in terms if t not in sides]
    if len(sides) != 2 or not weights or size_of(node.shape[0]) < _LEAST:
        return None
    left, right = sides
    if left.node is not right.node or [{0: 1, 1: 0}.get(e, e) for e in left.map] != list(right.map) or any(map(is_fixed, left.map)):
        return None
    shared = {e for e in left.map if e > 1}
    if (0 in left.map and 1 in left.map) or not all(t.map and set(t.map) <= shared and is_not_negative(t) for t in weights):
        return None
    root = build.pow_(build.mul(1, weights), Fraction(1, 2))
    scaled = build.mul(1, [left, root])
    own = next(e for e in left.map if e < 2)
    labels = (own, *sorted(shared))
    named = build.let("scaled", scaled, labels, [node.sizes()[e] for e in labels], "stable")
    return build.mul(node.attr.coef, [named, build.rename(named, {own: 1 - own})], (), summed)
