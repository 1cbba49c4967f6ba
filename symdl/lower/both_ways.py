"""(A + A')x as A x + A'x: two readings of a matrix cost less than to write the sum and read it again.

The derivative of x'Ax is written with the sum, which its second derivative is. Where only a product with a vector is wanted, BLAS reads A row by row and
column by column, and nothing of its size is stored. Sums of different matrices stay as they were written, for their digits' sake.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Sequence

from symdl.graph import build
from symdl.graph import node as kinds
from symdl.graph.build import Term
from symdl.graph.labels import is_fixed
from symdl.graph.node import Node, Size
from symdl.graph.number import is_negative
from symdl.graph.rebuild import placed
from symdl.graph.walk import consumers, topological
from symdl.lower.stabilise import rebuild_here

#: Matrices of fewer rows or columns stay.
_LEAST = 32


def apart(roots: Sequence[Term], size_of: Callable[[Size], int]) -> list[Term]:
    """The same values, products of a matrix plus its transpose with a vector as two products.

    Parameters
    ----------
    roots : sequence of Term
    size_of : callable
        Size -> int.
    """
    order = topological(t.node for t in roots)
    if not any(node.op == kinds.ADD and _is_both(node, size_of) for node in order):
        return list(roots)
    users = consumers(order)
    wanted = {t.node for t in roots}
    done: dict[Node, Term] = {}
    for node in order:
        terms = [placed(done[a], m) for a, m in node.terms()]
        found = None
        if _is_product(node):
            matrix, vector = sorted(terms, key=lambda t: -len(t.map))
            found = _two_products(node, matrix, vector, size_of) if _is_used_once(node, users, wanted) else None
        done[node] = found if found is not None else rebuild_here(node, terms)
    return [placed(done[t.node], t.map) for t in roots]


def _is_both(node: Node, size_of: Callable[[Size], int]) -> bool:
    """A matrix that is given, plus its transpose."""
    if node.op != kinds.ADD or node.rank != 2 or len(node.args) != 2 or node.args[0] is not node.args[1] or node.args[0].op != kinds.INPUT:
        return False
    return {tuple(m) for m in node.maps} == {(0, 1), (1, 0)} and not any(map(is_negative, node.attr)) and size_of(node.shape[0]) >= _LEAST


def _is_product(node: Node) -> bool:
    """Of a matrix with a vector, over one of the matrix's axes."""
    if node.op != kinds.MUL or node.rank != 1 or node.attr.deltas or len(node.attr.summed) != 1:
        return False
    return sorted(sorted(m) for m in node.maps) == [[0, 1], [1]]


def _is_used_once(node: Node, users: dict[Node, list[tuple[Node, int]]], wanted: set[Node]) -> bool:
    """Whether the matrix, through its names, is for this product alone."""
    inner = next(a for a, m in zip(node.args, node.maps, strict=True) if len(m) == 2)
    while inner not in wanted and len({user for user, _ in users.get(inner, ())}) == 1:
        if inner.op != kinds.LET:
            return True
        inner = inner.args[0]
    return False


def _two_products(node: Node, matrix: Term, vector: Term, size_of: Callable[[Size], int]) -> Term | None:
    while matrix.node.op == kinds.LET:
        matrix = placed(Term(matrix.node.args[0], matrix.node.maps[0]), matrix.map)
    if not _is_both(matrix.node, size_of) or any(map(is_fixed, matrix.map)):
        return None
    summed: dict[Hashable, Size] = {1: node.attr.summed[0]}
    products = [build.mul(node.attr.coef, [placed(Term(a, m), matrix.map), vector], (), summed) for a, m in matrix.node.terms()]
    return build.add(list(matrix.node.attr), products)


__all__ = ["apart"]
