"""Sums of products that share their factors: ``A @ B + A @ C`` as ``A @ (B + C)``, one product instead of two.

Gradients of losses with several terms are full of them: X'a + X'b for two terms on the same data. Taken where the addends are used nowhere else and
by a count of multiplications; elementwise products stay as they were written, since nothing is gained that digits could not be lost for.
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
from symdl.lower.stabilise import rebuild_here

#: Fewer multiplications are not worth the look.
_LEAST = 256

#: Longer sums are not looked through in pairs.
_LONG = 24


#: What was put together may hold sums that can be: so often this is looked for.
_ROUNDS = 6


class _Product:
    """An addend: coefficient, factors in the labels of the sum, and the labels that are summed over."""

    def __init__(self, coef: Any, factors: list[Term], summed: dict[Any, Size]) -> None:
        self.coef, self.factors, self.summed = coef, factors, summed

    def term(self) -> Term:
        return build.mul(1, self.factors, (), self.summed)


def together(roots: Sequence[Term], size_of: Callable[[Size], int]) -> list[Term]:
    """The same values, products with common factors put together where that is cheaper.

    Parameters
    ----------
    roots : sequence of Term
    size_of : callable
        Size -> int.
    """
    now = list(roots)
    for _ in range(_ROUNDS):
        before, now = now, _together(now, size_of)
        if now == before:
            break
    return now


def _together(roots: Sequence[Term], size_of: Callable[[Size], int]) -> list[Term]:
    order = topological(t.node for t in roots)
    if not any(node.op == kinds.ADD and sum(map(_contracts, node.args)) > 1 for node in order):
        return list(roots)
    users = consumers(order)
    kept = {t.node for t in roots} | {node for node in order if len(users.get(node, ())) != 1}
    done: dict[Node, Term] = {}
    for node in order:
        terms = [placed(done[a], m) for a, m in node.terms()]
        found = None
        if node.op == kinds.ADD and len(terms) <= _LONG:
            found = _merged(node, terms, [a not in kept for a in node.args], size_of)
        done[node] = found if found is not None else rebuild_here(node, terms)
    return [placed(done[t.node], t.map) for t in roots]


def _contracts(node: Node) -> bool:
    """A sum of products of tensors, without deltas and index equations."""
    return (
        node.op == kinds.MUL
        and bool(node.attr.summed)
        and len(node.args) > 1
        and not node.attr.deltas
        and all(a.op != kinds.POSITION and not (a.op == kinds.FN and a.attr == "iszero") for a in node.args)
    )


def _merged(node: Node, terms: Sequence[Term], alone: Sequence[bool], size_of: Callable[[Size], int]) -> Term | None:
    """The sum with fewer products; None when there is nothing to put together."""
    products: list[_Product] = []
    rest: list[tuple[Any, Term]] = []
    sizes = dict(enumerate(node.shape))
    for coef, term, own in zip(node.attr, terms, alone, strict=True):
        if own and _contracts(term.node) and not any(map(is_fixed, term.map)):
            products.append(_opened(coef, term))
        else:
            rest.append((coef, term))
    count = len(products)
    k = 0
    while k < len(products):
        other = next((q for q in range(k + 1, len(products)) if _join(products, k, q, sizes, size_of)), None)
        k += other is None
    if len(products) == count:
        return None
    pairs = [*rest, *((p.coef, p.term()) for p in products)]
    return build.add([c for c, _ in pairs], [t for _, t in pairs])


def _opened(coef: Any, term: Term) -> _Product:
    """A product in the labels of the sum; what it sums over gets labels of its own."""
    node = term.node
    labels: dict[Any, Any] = dict(enumerate(term.map)) | {node.rank + k: build.fresh() for k in range(len(node.attr.summed))}
    summed = {labels[node.rank + k]: size for k, size in enumerate(node.attr.summed)}
    factors = [build.rename(Term(a, m), labels) for a, m in node.terms()]
    return _Product(times(coef, node.attr.coef), factors, summed)


def _join(products: list[_Product], first: int, second: int, sizes: dict[Any, Size], size_of: Callable[[Size], int]) -> bool:
    """Put two products together, in the place of the first, if they differ in one factor each and it pays."""
    one, two = products[first], products[second]
    if len(one.factors) != len(two.factors) or len(one.summed) != len(two.summed):
        return False
    for k in range(len(one.factors)):
        for m in range(len(two.factors)):
            renamed = _matching([*one.factors[:k], *one.factors[k + 1 :]], [*two.factors[:m], *two.factors[m + 1 :]], one.summed, two.summed)
            if renamed is None:
                continue
            mine, other = one.factors[k], build.rename(two.factors[m], renamed)
            if set(mine.map) != set(other.map) or any(map(is_fixed, mine.map)) or not _pays(one, mine, sizes, size_of):
                continue
            both = build.add([one.coef, two.coef], [mine, other])
            if both.node.op != kinds.ADD or set(both.map) != set(mine.map):
                continue
            products[first] = _Product(1, [*one.factors[:k], both, *one.factors[k + 1 :]], one.summed)
            del products[second]
            return True
    return False


def _matching(left: Sequence[Term], right: Sequence[Term], summed: dict[Any, Size], others: dict[Any, Size]) -> dict[Any, Any] | None:
    """Labels of the second product -> those of the first, by which these factors are the same; None when they are not."""
    found: dict[Any, Any] = {}
    waiting = list(right)
    for term in left:
        partner = next((t for t in waiting if t.node is term.node and _fits(t, term, found, summed, others)), None)
        if partner is None:
            return None
        waiting.remove(partner)
        found |= {b: a for a, b in zip(term.map, partner.map, strict=True) if b in others}
    return found if set(found) == set(others) and len(set(found.values())) == len(found) else None


def _fits(theirs: Term, mine: Term, found: dict[Any, Any], summed: dict[Any, Size], others: dict[Any, Size]) -> bool:
    for a, b in zip(mine.map, theirs.map, strict=True):
        if b in others:
            if a not in summed or summed[a] != others[b] or found.get(b, a) != a:
                return False
        elif a != b:
            return False
    return True


def _pays(product: _Product, factor: Term, sizes: dict[Any, Size], size_of: Callable[[Size], int]) -> bool:
    """Whether a product takes more than to add two such factors."""
    known = sizes | product.summed
    labels = {e for t in product.factors for e in t.map if not is_fixed(e)}
    multiplications = prod(size_of(known[e]) for e in labels)
    return multiplications >= max(_LEAST, 2 * prod(size_of(known[e]) for e in factor.map))


__all__ = ["together"]
