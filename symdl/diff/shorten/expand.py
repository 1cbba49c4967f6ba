"""Multiply out, where something cancels by it: a(1 - a)((1 - t)/(1 - a) - t/a) = a - t, y(1 - s) - (1 - y)s = y - s, Sum(x - mean(x)) = 0."""

from __future__ import annotations

from collections.abc import Sequence

from symdl.diff.shorten.engine import Rewrite
from symdl.diff.shorten.pieces import Pieces, addends, base, own, pieces
from symdl.graph import build
from symdl.graph import node as kinds
from symdl.graph.build import Term
from symdl.graph.labels import is_fixed
from symdl.graph.node import Node
from symdl.graph.number import Number, is_negative, times
from symdl.steps.step import Rule

CANCEL = Rule("multiply out and cancel", r"a\left(\frac{u}{a} + v\right) = u + a v", "展开并约分")
COLLECT = Rule("multiply out and collect", r"y(1 - s) - (1 - y)s = y - s", "展开并合并同类项")
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


def summed_apart(node: Node) -> Term | None:
    """A sum over indices of a sum of terms, one sum for each term."""
    product = pieces(own(node))
    totals = [k for k, f in enumerate(product.factors) if f.node.op == kinds.ADD]
    if not product.summed or not totals:
        return None
    for k in totals:
        total = product.factors[k]
        if len(total.node.args) > MAX_TERMS or not any(not is_fixed(e) and e in product.summed for e in total.map):
            continue
        parts = []
        for coef, term in addends(total):
            one = product.without(k)
            one.factors.append(term)
            one.coef = times(one.coef, coef)
            parts.append(one.term())
        return build.add([1] * len(parts), parts)
    return None


REWRITES = (
    Rewrite(CANCEL, frozenset({kinds.MUL}), cancelled),
    Rewrite(COLLECT, frozenset({kinds.ADD}), collected),
    Rewrite(LINEAR_SUM, frozenset({kinds.MUL}), summed_apart),
)
