"""What stands in its place in a larger array is put there after a product, not before: ``A @ concat(B, C)`` as ``concat(A @ B, A @ C)``.

Gradients by weights that hold several gates, heads or layers one below the other are sums of such pieces. Multiplied first, the pieces are small, nothing is
multiplied by zeros, and what is put together is the result, which mostly is smaller than a factor.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod
from typing import Any

from symdl.graph import build
from symdl.graph import node as kinds
from symdl.graph.build import Term
from symdl.graph.labels import is_fixed
from symdl.graph.node import Node, Size
from symdl.graph.number import times
from symdl.graph.rebuild import placed
from symdl.graph.walk import consumers, topological
from symdl.graph.windows import is_equation
from symdl.lower.stabilise import rebuild_here


def placed_late(roots: Sequence[Term], size_of: Callable[[Size], int]) -> list[Term]:
    """The same values, products of sums of pieces as sums of products of pieces.

    Parameters
    ----------
    roots : sequence of Term
    size_of : callable
        Size -> int.
    """
    order = topological(t.node for t in roots)
    pieces = {node for node in order if node.op == kinds.ADD and all(map(_is_piece, node.args))}
    if not pieces:
        return list(roots)
    users = consumers(order)
    kept = {t.node for t in roots} | {node for node in order if len(users.get(node, ())) != 1}
    done: dict[Node, Term] = {}
    for node in order:
        terms = [placed(done[a], m) for a, m in node.terms()]
        done[node] = _distributed(node, terms, [a in pieces and a not in kept for a in node.args], size_of) or rebuild_here(node, terms)
    return [placed(done[t.node], t.map) for t in roots]


def _is_piece(node: Node) -> bool:
    """A product with one index equation, which says where the rest of it stands."""
    return node.op == kinds.MUL and bool(node.attr.summed) and not node.attr.deltas and sum(a.op == kinds.FN and a.attr == "iszero" for a in node.args) == 1


def _distributed(node: Node, terms: Sequence[Term], may: Sequence[bool], size_of: Callable[[Size], int]) -> Term | None:
    if node.op != kinds.MUL or not node.attr.summed or node.attr.deltas or sum(may) != 1:
        return None
    k = list(may).index(True)
    whole, others = terms[k], [t for n, t in enumerate(terms) if n != k]
    summed = dict(enumerate(node.attr.summed, start=node.rank))
    if whole.node.op != kinds.ADD or not all(map(_is_piece, whole.node.args)) or any(map(is_fixed, whole.map)) or len(set(whole.map)) < len(whole.map):
        return None
    if any(is_equation(t) for t in others) or not set(whole.map) & summed.keys():
        return None
    found = [_opened(a, m, whole.map) for a, m in whole.node.terms()]
    places = {label for parts, _ in found for t in parts if is_equation(t) for label in t.map if label in whole.map}
    sizes = node.sizes()
    result = prod(size_of(n) for n in node.shape)
    if places & summed.keys() or not places or result >= prod(size_of(sizes[e]) for e in whole.map):
        return None
    made = [build.mul(times(node.attr.coef, a.attr.coef), [*others, *parts], (), summed | own) for a, (parts, own) in zip(whole.node.args, found, strict=True)]
    return build.add(whole.node.attr, made)


def _opened(node: Node, entries: Sequence[Any], labels: Sequence[Any]) -> tuple[list[Term], dict[Any, Size]]:
    """The factors of a piece in the labels of the product, and what it sums over under labels of its own."""
    own: dict[Any, Size] = {build.fresh(): n for n in node.attr.summed}
    names = dict(enumerate([e if is_fixed(e) else labels[e] for e in entries])) | dict(zip(range(node.rank, node.rank + len(own)), own, strict=True))
    return [build.rename(Term(a, m), names) for a, m in node.terms()], own


__all__ = ["placed_late"]
