"""Chains of matrix products, read off nested contractions: (X.T @ C) @ X is X.T, C, X, however it was bracketed."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from symdl.graph import build
from symdl.graph import node as kinds
from symdl.graph.labels import Term, fresh, is_fixed, rename
from symdl.graph.node import Node, Size
from symdl.graph.number import Number, times

#: Longer chains are not read.
MAX_LINKS = 24


class Link(NamedTuple):
    """A matrix of a chain; ``turned``: transposed; ``diagonal``: the diagonal matrix of a vector."""

    node: Node
    turned: bool
    diagonal: bool = False


class Chain(NamedTuple):
    coef: Number
    links: tuple[Link, ...]


def chain_of(node: Node) -> Chain | None:
    """The node as a chain of matrices; None when it is something else."""
    if node.op != kinds.MUL or node.rank != 2 or not node.attr.summed or node.attr.deltas:
        return None
    flat = _flat(node)
    if flat is None:
        return None
    coef, waiting = flat
    links: list[Link] = []
    at: Any = 0
    while True:
        vectors = [t for t in waiting if t.map == (at,)]
        if any(len(set(t.map)) != len(t.map) or len(t.map) > 2 for t in waiting) or (at in (0, 1) and vectors):
            return None
        for vector in vectors:
            links.append(Link(vector.node, False, True))
            waiting.remove(vector)
        here = [t for t in waiting if at in t.map]
        if at == 1:
            return Chain(coef, tuple(links)) if not waiting else None
        if len(here) != 1:
            return None
        (matrix,) = here
        if len(matrix.map) != 2 or any(is_fixed(e) for e in matrix.map):
            return None
        turned = matrix.map[1] == at
        links.append(Link(matrix.node, turned))
        waiting.remove(matrix)
        at = matrix.map[0] if turned else matrix.map[1]


def chained(coef: Number, links: Sequence[Link], row: Any, column: Any) -> Term:
    """The product of the links of a chain, in labels for its row and column."""
    factors: list[Term] = []
    summed: dict[Any, Size] = {}
    at = row
    count = sum(not link.diagonal for link in links)
    for link in links:
        if link.diagonal:
            factors.append(Term(link.node, (at,)))
            continue
        count -= 1
        following = fresh() if count else column
        if count:
            summed[following] = link.node.shape[0 if link.turned else 1]
        factors.append(Term(link.node, (following, at) if link.turned else (at, following)))
        at = following
    return build.mul(coef, factors, (), summed)


def _flat(node: Node) -> tuple[Number, list[Term]] | None:
    """Coefficient and factors with the products inside opened; None when they are too many."""
    coef, factors = _opened(Term(node, (0, 1)))
    position = 0
    while position < len(factors):
        inner = factors[position].node
        if inner.op == kinds.MUL and inner.attr.summed and not inner.attr.deltas:
            number, factors[position : position + 1] = _opened(factors[position])
            coef = times(coef, number)
        else:
            position += 1
        if len(factors) > MAX_LINKS:
            return None
    return coef, factors


def _opened(term: Term) -> tuple[Number, list[Term]]:
    node = term.node
    labels: dict[Any, Any] = dict(enumerate(term.map)) | {node.rank + k: fresh() for k in range(len(node.attr.summed))}
    return node.attr.coef, [rename(Term(a, m), labels) for a, m in node.terms()]


def is_palindrome(node: Node, symmetric: Callable[[Node], bool]) -> bool:
    """A chain that is its own transpose: X.T @ C @ X with a symmetric C.

    ``symmetric``: whether a matrix of the chain is its own transpose.
    """
    found = chain_of(node)
    if found is None:
        return False
    links = found.links
    for first, last in zip(links[: (len(links) + 1) // 2], reversed(links), strict=False):
        if first.node is not last.node or first.diagonal != last.diagonal:
            return False
        if not first.diagonal and first.turned == last.turned and not symmetric(first.node):
            return False
    return True
