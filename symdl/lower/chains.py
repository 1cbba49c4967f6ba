"""Products of products in the order that costs least: ``A @ B @ C @ v`` from the right, whatever the parentheses were.

A product that sums and is used by one other product alone is opened into it where the best order of all factors together (``contract.py``) takes fewer
multiplications than the best orders apart. What several use stays a value of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from symdl.graph import build
from symdl.graph import node as kinds
from symdl.graph.build import Term
from symdl.graph.labels import is_fixed
from symdl.graph.node import Node, Size
from symdl.graph.number import times
from symdl.graph.rebuild import placed
from symdl.graph.walk import consumers, topological
from symdl.lower.orders import EXACT, cheapest
from symdl.lower.stabilise import rebuild_here

#: To open a product it must save this share of the multiplications: what costs the same stays as it was written.
_WORTH = 0.8


def chained(roots: Sequence[Term], size_of: Callable[[Size], int]) -> list[Term]:
    """The same values, products opened where that is cheaper.

    Parameters
    ----------
    roots : sequence of Term
    size_of : callable
        Size -> int.
    """
    order = topological(t.node for t in roots)
    if not any(_contracts(n) and any(_contracts(_behind(a)) for a in n.args) for n in order):
        return list(roots)
    users = consumers(order)
    wanted = {t.node for t in roots}
    once: set[Node] = set()
    seen: set[Node] = set()
    done: dict[Node, Term] = {}
    for node in order:
        terms = [placed(done[a], m) for a, m in node.terms()]
        opened = _opened(terms, node, once, size_of) if _contracts(node) else None
        made = done[node] = opened or rebuild_here(node, terms)
        if len({user for user, _ in users.get(node, ())}) == 1 and node not in wanted and made.node not in seen:
            once.add(made.node)
        else:
            once.discard(made.node)
        seen.add(made.node)
    return [placed(done[t.node], t.map) for t in roots]


def _contracts(node: Node) -> bool:
    """A sum of products of tensors, without deltas and index equations."""
    return (
        node.op == kinds.MUL
        and bool(node.attr.summed or len(node.args) > 1)
        and not node.attr.deltas
        and all(a.op != kinds.POSITION and not (a.op == kinds.FN and a.attr == "iszero") for a in node.args)
    )


def _behind(node: Node) -> Node:
    while node.op == kinds.LET:
        node = node.args[0]
    return node


def _opened(terms: Sequence[Term], node: Node, once: set[Node], size_of: Callable[[Size], int]) -> Term | None:
    """The product of these factors with some of them opened, and what is in them; None when none should be."""
    factors: list[Term] = list(terms)
    summed: dict[Any, Size] = dict(enumerate(node.attr.summed, start=node.rank))
    coef = node.attr.coef
    changed = False
    waiting = list(terms)
    while waiting:
        term = waiting.pop()
        inner = _product_behind(term, once)
        if inner is None or term not in factors:
            continue
        # A product that stands twice among the factors, as in (A B)'(A B) v, is opened in both places.
        same = [(t, behind) for t in factors if (behind := _product_behind(t, once)) is not None and behind.node is inner.node]
        together = [t for t in factors if t not in [s for s, _ in same]]
        own: dict[Any, Size] = {}
        for _, behind in same:
            parts, own_here = _apart(behind)
            together += parts
            own |= own_here
        if len(together) > 2 * EXACT:
            continue
        alone = _price([Term(a, m) for a, m in inner.node.terms()], dict(enumerate(inner.node.attr.summed, start=inner.node.rank)), size_of)
        if _price(together, summed | own, size_of) <= _WORTH * (_price(factors, summed, size_of) + alone):
            waiting += [t for t in together if t not in factors]
            factors, summed, changed = together, summed | own, True
            for _ in same:
                coef = times(coef, inner.node.attr.coef)
    return build.mul(coef, factors, (), summed) if changed else None


def _apart(product: Term) -> tuple[list[Term], dict[Any, Size]]:
    """Its factors, and what is summed over, under labels of their own."""
    node = product.node
    own: dict[Any, Size] = {build.fresh(): n for n in node.attr.summed}
    labels: dict[Any, Any] = dict(enumerate(product.map)) | dict(zip(range(node.rank, node.rank + len(own)), own, strict=True))
    return [build.rename(Term(a, m), labels) for a, m in node.terms()], own


def _product_behind(term: Term, once: set[Node]) -> Term | None:
    """The summing product that a factor is, through names that are used once."""
    while term.node in once and term.node.op == kinds.LET:
        term = placed(Term(term.node.args[0], term.node.maps[0]), term.map)
    good = term.node in once and term.node.op == kinds.MUL and bool(term.node.attr.summed) and _contracts(term.node)
    return term if good else None


def _price(factors: Sequence[Term], summed: dict[Any, Size], size_of: Callable[[Size], int]) -> int:
    """Multiplications of the best order."""
    sizes: dict[Any, int] = {}
    for t in factors:
        for e, n in zip(t.map, t.node.shape, strict=True):
            if not is_fixed(e):
                sizes[e] = size_of(n)
    sets = list(dict.fromkeys(frozenset(e for e in t.map if not is_fixed(e)) for t in factors))
    sets = [s for s in sets if s]
    return cheapest(sets, frozenset(k for k in summed if k in sizes), sizes)


__all__ = ["chained"]
