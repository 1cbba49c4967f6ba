"""Multiply out, where something cancels by it: a(1 - a)((1 - t)/(1 - a) - t/a) = a - t, y(1 - s) - (1 - y)s = y - s, Sum(x - mean(x)) = 0."""

from __future__ import annotations

import weakref
from collections.abc import Sequence
from typing import NamedTuple

from symdl.diff.shorten.alike import merged
from symdl.diff.shorten.engine import Rewrite
from symdl.diff.shorten.facts import one, orthogonal
from symdl.diff.shorten.length import length
from symdl.diff.shorten.matrices import times_inverse
from symdl.diff.shorten.pieces import Pieces, addends, base, own, pieces
from symdl.graph import build
from symdl.graph import node as kinds
from symdl.graph.build import Term
from symdl.graph.labels import is_fixed
from symdl.graph.node import Node
from symdl.graph.number import Number, is_negative, times
from symdl.graph.rebuild import placed
from symdl.steps.step import Rule

CANCEL = Rule("multiply out and cancel", r"a\left(\frac{u}{a} + v\right) = u + a v", "展开并约分")
COLLECT = Rule("multiply out and collect", r"y(1 - s) - (1 - y)s = y - s", "展开并合并同类项")
OUT = Rule("take out of the sum", r"\sum_k a\,u_k = a \sum_k u_k", "提到求和号外")
LINEAR_SUM = Rule("sum of a sum", r"\sum_k (u_k + v_k) = \sum_k u_k + \sum_k v_k", "和的求和")

#: Sums with more terms than this are not multiplied out.
MAX_TERMS = 24


def cancelled(node: Node) -> Term | None:
    """The product multiplied out, if a factor divides a term of a sum beside it."""
    product = pieces(own(node))
    if product.deltas or not any(_divides(f, product.factors) for f in product.factors):
        return None
    flat = _flat([(product.coef, product.factors)])
    return None if flat is None else _under_sum(flat, product)


def divided(node: Node) -> Term | None:
    """Only the factors that divide a term of the sum beside them taken into it: a b (u/a + v) = b (u + a v)."""
    product = pieces(own(node))
    for position, total in enumerate(product.factors):
        if total.node.op != kinds.ADD or not _divides(total, product.factors):
            continue
        under = {bottom for _, t in addends(total) for bottom, e in map(base, pieces(t).factors) if is_negative(e)}
        taken = [k for k, f in enumerate(product.factors) if base(f)[0] in under]
        inside = [build.mul(c, [t, *(product.factors[k] for k in taken)]) for c, t in addends(total)]
        rest = product.without(position, *taken)
        rest.factors.append(build.add([1] * len(inside), inside))
        return rest.term()
    return None


def _under_sum(flat: Term, product: Pieces) -> Term:
    return build.mul(1, [flat], (), product.summed) if product.summed else flat


def _divides(total: Term, factors: Sequence[Term]) -> bool:
    """A term of the sum is divided by one of the factors beside it."""
    if total.node.op != kinds.ADD:
        return False
    bases = {base(f)[0] for f in factors}
    for _, inner in addends(total):
        parts = pieces(inner).factors if inner.node.op == kinds.MUL and not inner.node.attr.summed else [inner]
        if any(is_negative(exponent) and bottom in bases for bottom, exponent in map(base, parts)):
            return True
    return False


def collected(node: Node) -> Term | None:
    """Products in a sum multiplied out, and what is alike collected."""
    if len(node.args) > MAX_TERMS or not any(_opens(a) for a in node.args):
        return None
    products = []
    for coef, term in addends(own(node)):
        number, factors = _factors(build.mul(coef, [term]))
        products.append((number, factors))
    return _flat(products)


def _opens(node: Node) -> bool:
    if node.op == kinds.ADD:
        return True
    return node.op == kinds.MUL and not node.attr.summed and not node.attr.deltas and any(a.op == kinds.ADD for a in node.args)


def _flat(products: list[tuple[Number, list[Term]]]) -> Term | None:
    """Products of no sums, added; None when there would be too many. What cancels, cancels on the way (``build.mul``)."""
    done: list[tuple[Number, list[Term]]] = []
    waiting = list(products)
    while waiting:
        coef, factors = _factors(build.mul(*waiting.pop()))
        # The sum in which something cancels goes first: (1 - a) multiplied out no longer meets 1/(1 - a).
        sums = sorted((f for f in factors if f.node.op == kinds.ADD), key=lambda f: not _divides(f, factors))
        total = sums[0] if sums else None
        if total is None:
            done.append((coef, factors))
        else:
            rest = [f for f in factors if f is not total]
            waiting += [(times(coef, c), [t, *rest]) for c, t in addends(total)]
        if len(done) + len(waiting) > MAX_TERMS:
            return None
    return build.add([c for c, _ in done], [build.mul(1, f) for _, f in done])


def _factors(term: Term) -> tuple[Number, list[Term]]:
    node = term.node
    if node.op == kinds.CONST:
        return node.attr, []
    if node.op == kinds.MUL and not node.attr.summed and not node.attr.deltas:
        product = pieces(term)
        return product.coef, product.factors
    return 1, [term]


def taken_out(node: Node) -> Term | None:
    """Sum_k a b_k = a Sum_k b_k."""
    return pieces(own(node)).separated() if node.attr.summed and len(node.args) > 1 else None


def summed_apart(node: Node) -> Term | None:
    """A sum over indices of a sum of terms, term by term."""
    return _apart(node, 2, False)


def simple_apart(node: Node) -> Term | None:
    """The terms whose sums are simple taken out of a sum over indices."""
    return _apart(node, 2, True)


def _apart(node: Node, depth: int, only_simple: bool) -> Term | None:
    if not node.attr.summed or not any(a.op == kinds.ADD for a in node.args):
        return None
    if node not in _known:
        _known[node] = _Opened(pieces(own(node)))
    return _known[node].apart(depth, only_simple)


class _Part(NamedTuple):
    """A term of a sum, and what it is when the sum over the indices is taken of it alone."""

    coef: Number
    term: Term
    summed: Term


class _Opened:
    """A sum over indices of a product of sums; what was found out about it is kept, since it comes back as a part of others and behind names."""

    def __init__(self, product: Pieces) -> None:
        self._product = product
        self._parts: dict[tuple[int, int], list[_Part]] = {}
        self._apart: dict[tuple[int, bool], Term | None] = {}

    def apart(self, depth: int, only_simple: bool) -> Term | None:
        key = depth, only_simple
        if key not in self._apart:
            self._apart[key] = self._make(depth, only_simple)
        return self._apart[key]

    def _make(self, depth: int, only_simple: bool) -> Term | None:
        product = self._product
        for k, total in enumerate(product.factors):
            over = {e for e in total.map if not is_fixed(e) and e in product.summed}
            if total.node.op != kinds.ADD or not over or len(total.node.args) > MAX_TERMS:
                continue
            parts = self._of(k, depth)
            simple = [p.summed for p in parts if _simple(p.summed, product)]
            if not simple and only_simple:
                continue
            if not simple:
                found = merged((1, p.summed) for p in parts)
                return build.add([c for c, _ in found], [s for _, s in found])
            left = [p for p in parts if not _simple(p.summed, product)]
            rest = build.add([p.coef for p in left], [p.term for p in left]) if left else build.constant(0)
            return build.add([1] * (len(simple) + 1), [*simple, _summed(product, k, 1, rest, 0)])
        return None

    def _of(self, position: int, depth: int) -> list[_Part]:
        key = position, depth
        if key not in self._parts:
            product = self._product
            self._parts[key] = [_Part(c, t, _summed(product, position, c, t, depth)) for c, t in addends(product.factors[position])]
        return self._parts[key]


_known: weakref.WeakKeyDictionary[Node, _Opened] = weakref.WeakKeyDictionary()


def _summed(product: Pieces, position: int, coef: Number, term: Term, depth: int) -> Term:
    """The sum of one term, as simple as it can be."""
    one_term = product.without(position)
    one_term.factors.append(term)
    one_term.coef = times(one_term.coef, coef)

    def shorter(made: Term) -> Term:
        for rewrite in (one, orthogonal, times_inverse, lambda n: _apart(n, depth - 1, False) if depth else None):
            found = rewrite(made.node) if made.node.op == kinds.MUL else None
            if found is not None and length(found.node) < length(made.node):
                made = placed(found, made.map)
        return made

    if term.node.op == kinds.MUL and not term.node.attr.summed and not all(term.node.maps):
        one_term = pieces(one_term.term())  # a number in front of the term goes in front of the sum
    return one_term.separated(shorter)


def _simple(term: Term, product: Pieces) -> bool:
    """There are fewer sums in the term than in the product."""
    return len(term.node.attr.summed) < len(product.summed) if term.node.op == kinds.MUL else True


REWRITES = (
    Rewrite(CANCEL, frozenset({kinds.MUL}), cancelled),
    Rewrite(CANCEL, frozenset({kinds.MUL}), divided),
    Rewrite(COLLECT, frozenset({kinds.ADD}), collected),
    Rewrite(OUT, frozenset({kinds.MUL}), taken_out, slack=0),
    Rewrite(LINEAR_SUM, frozenset({kinds.MUL}), summed_apart),
    Rewrite(LINEAR_SUM, frozenset({kinds.MUL}), simple_apart, slack=0),
)
