"""Products of matrices that are the same however they are bracketed, and traces that are the same wherever they begin.

tr(B V B V V) and tr(B V V B V) are one number, A (B x) and (A B) x one vector; the table of nodes, which keeps brackets, does not see it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from symdl.diff.shorten.engine import Rewrite
from symdl.diff.shorten.pieces import Pieces, addends, own, pieces
from symdl.graph import build
from symdl.graph import node as kinds
from symdl.graph.build import Term
from symdl.graph.labels import is_fixed
from symdl.graph.node import Node
from symdl.graph.number import Number, plus, power, times
from symdl.graph.symmetry import is_symmetric
from symdl.steps.step import Rule

ALIKE = Rule("products are associative, traces cyclic", r"\operatorname{tr}(A B) = \operatorname{tr}(B A),\quad (A B) C = A (B C)", "结合律与迹的循环性")

#: Longer products, and sums of more terms, are not compared.
MAX_FACTORS, MAX_TERMS = 16, 24


def merged(terms: Iterable[tuple[Number, Term]]) -> list[tuple[Number, Term]]:
    """A linear combination with what is alike collected; the first of several stays as it is written."""
    collected: dict[Any, tuple[Number, Term]] = {}
    for coef, term in terms:
        number, key = signature(term)
        whole = times(coef, number)
        if key in collected:
            first, shown = collected[key]
            collected[key] = plus(first, times(whole, power(signature(shown)[0], -1))), shown
        else:
            collected[key] = coef, term
    return list(collected.values())


def collected(node: Node) -> Term | None:
    """a tr(A B C) + b tr(B C A) = (a + b) tr(A B C)."""
    if not 2 <= len(node.args) <= MAX_TERMS or sum(a.op == kinds.MUL and bool(a.attr.summed) for a in node.args) < 2:
        return None
    terms = addends(own(node))
    found = merged(terms)
    return build.add([c for c, _ in found], [t for _, t in found]) if len(found) < len(terms) else None


def one_trace(node: Node) -> Term | None:
    """tr(V (B V + V B)) = 2 tr(B V V): a sum in a product whose terms all come to the same."""
    if node.rank or not node.attr.summed:
        return None
    product = pieces(own(node))
    for parts in [_term_by_term(product), *(_term_by_term(product, k) for k in range(len(product.factors)))]:
        found = merged(parts) if parts else []
        if len(found) == 1:
            return build.mul(found[0][0], [found[0][1]])
    return None


def _term_by_term(product: Pieces, inside: int | None = None) -> list[tuple[Number, Term]]:
    """The product multiplied out at its first sum of matrices, or at that of one of its factors."""
    if inside is None:
        place = next((k for k, f in enumerate(product.factors) if f.node.op == kinds.ADD and len(set(f.map)) == 2), None)
        if place is None or len(product.factors[place].node.args) > MAX_TERMS:
            return []
        made: list[tuple[Number, Term]] = []
        for coef, term in addends(product.factors[place]):
            one = product.without(place)
            one.factors.insert(place, term)
            one.coef = times(one.coef, coef)
            made.append((1, one.term()))
        return made
    factor = product.factors[inside]
    if factor.node.op != kinds.MUL or not factor.node.attr.summed:
        return []
    outer: list[tuple[Number, Term]] = []
    for _, term in _term_by_term(pieces(factor)):
        one = product.without(inside)
        one.factors.append(term)
        outer.append((1, one.term()))
    return outer


def signature(term: Term) -> tuple[Number, Any]:
    """The number in front of a product, and what two products share that differ in brackets only. Of all else: 1, and the term."""
    product = _flat(term)
    if product is None:
        return 1, term
    read = _read(product)
    return (1, term) if read is None else (product.coef, read)


def _flat(term: Term) -> Pieces | None:
    if term.node.op != kinds.MUL or not term.node.attr.summed:
        return None
    product = pieces(term)
    while True:
        inner = next((k for k, f in enumerate(product.factors) if f.node.op == kinds.MUL and f.node.attr.summed and not f.node.attr.deltas), None)
        if inner is None:
            return None if product.deltas else product
        product = product.opened(inner)
        if len(product.factors) > MAX_FACTORS:
            return None


def _read(product: Pieces) -> Any:
    """The paths and cycles of matrices that a product is made of; None when it is made otherwise."""
    users: dict[Any, list[int]] = {}
    for k, factor in enumerate(product.factors):
        if len(factor.map) > 2 or any(is_fixed(e) for e in factor.map) or len(set(factor.map)) < len(factor.map):
            return None
        for label in factor.map:
            users.setdefault(label, []).append(k)
    if any(len(found) != (2 if label in product.summed else 1) for label, found in users.items()):
        return None
    left = set(range(len(product.factors)))
    parts: list[Any] = []
    ends = [k for k in left if len(product.factors[k].map) < 2 or any(e not in product.summed for e in product.factors[k].map)]
    for start in [*ends, *range(len(product.factors))]:
        if start in left:
            parts.append(_walk(product, users, left, start))
    return tuple(sorted(parts, key=repr))


def _walk(product: Pieces, users: dict[Any, list[int]], left: set[int], start: int) -> Any:
    """The matrices from a factor on, as they follow each other, in the one of all readings that comes first."""
    here, factor = start, product.factors[start]
    entry = next((e for e in factor.map if e not in product.summed), None)
    if entry is None and len(factor.map) == 2:  # a cycle: it begins anywhere
        entry = factor.map[0]
    first = entry
    steps: list[tuple[int, bool]] = []
    while True:
        left.discard(here)
        factor = product.factors[here]
        turned = len(factor.map) == 2 and factor.map[0] != entry and not is_symmetric(factor.node)
        steps.append((factor.node.serial, turned))
        following = next((e for e in factor.map if e != entry), None)
        if following is None or following not in product.summed:
            return _path(steps, first if first not in product.summed else None, following, product)
        (here,) = {k for k in users[following] if k != here} or {here}
        entry = following
        if here not in left:
            return "cycle", min(s for way in (steps, _back(steps, product)) for s in (tuple(way[k:] + way[:k]) for k in range(len(way))))


def _path(steps: list[tuple[int, bool]], first: Any, last: Any, product: Pieces) -> Any:
    there = (repr(first), tuple(steps), repr(last))
    back = (repr(last), tuple(_back(steps, product)), repr(first))
    return "path", *min(there, back)


def _back(steps: list[tuple[int, bool]], product: Pieces) -> list[tuple[int, bool]]:
    """The same read from the other end: every matrix transposed."""
    fixed = {f.node.serial for f in product.factors if len(f.map) < 2 or is_symmetric(f.node)}
    return [(serial, turned if serial in fixed else not turned) for serial, turned in reversed(steps)]


REWRITES = (Rewrite(ALIKE, frozenset({kinds.ADD}), collected, slack=0), Rewrite(ALIKE, frozenset({kinds.MUL}), one_trace))
