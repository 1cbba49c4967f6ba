"""Softmax and logsumexp recognised: exp(z)/Sum exp(z) and log Sum exp(z)."""

from __future__ import annotations

from typing import Any

from symdl.diff.shorten.engine import Rewrite
from symdl.diff.shorten.pieces import Pieces, base, own, pieces
from symdl.graph import build
from symdl.graph import node as kinds
from symdl.graph.build import Term
from symdl.graph.labels import is_fixed
from symdl.graph.node import Node
from symdl.graph.number import is_negative, plus
from symdl.graph.rebuild import placed
from symdl.steps.step import Rule

SOFTMAX = Rule("written with the softmax", r"\frac{e^{z_i}}{\sum_j e^{z_j}} = \operatorname{softmax}(z)_i", "用 softmax 表示")
LOGSUMEXP = Rule("written with logsumexp", r"\log\sum_j e^{z_j} = \operatorname{logsumexp}(z)", "用 logsumexp 表示")


def _sum_of_exp(term: Term) -> tuple[Term, dict[Any, Any]] | None:
    """exp(z) and the summed labels with their sizes, when the term is Sum exp(z)."""
    if term.node.op != kinds.MUL or not term.node.attr.summed:
        return None
    product = pieces(term)
    if product.coef != 1 or product.deltas or len(product.factors) != 1:
        return None
    exp = product.factors[0]
    known = exp.node.op == kinds.FN and exp.node.attr == "exp" and len(set(exp.map)) == len(exp.map)
    return (exp, product.summed) if known else None


def softmax(node: Node) -> Term | None:
    """exp(z)/Sum exp(z) in a product, as exp(z - logsumexp(z)); Sum exp(z) y / Sum exp(z) too."""
    product = pieces(own(node))
    inside = [k for k, f in enumerate(product.factors) if f.node.op == kinds.MUL and f.node.attr.summed]
    views = [product, *map(product.opened, inside)] if len(product.factors) > 1 else [product]
    return next((found for found in map(_divided_by_sum, views) if found is not None), None)


def _divided_by_sum(product: Pieces) -> Term | None:
    for below, factor in enumerate(product.factors):
        bottom, exponent = base(factor)
        found = _sum_of_exp(bottom) if is_negative(exponent) and type(exponent) is int else None
        if found is None:
            continue
        exp, summed = found
        for above, other in enumerate(product.factors):
            if other.node is exp.node and all(a == b or (a in summed and not is_fixed(b)) for a, b in zip(exp.map, other.map, strict=True)):
                z, total = _argument(other), build.reduce_("logsumexp", _argument(exp), summed)
                rest = product.without(above, below)
                rest.factors += [build.fn("exp", [build.add([1, -1], [z, total])]), build.pow_(bottom, plus(exponent, 1))]
                return rest.term()
    return None


def _argument(exp: Term) -> Term:
    return placed(Term(exp.node.args[0], exp.node.maps[0]), exp.map)


def logsumexp(node: Node) -> Term | None:
    """log Sum exp(z)."""
    found = _sum_of_exp(own(node.args[0])) if node.attr == "log" else None
    if found is None:
        return None
    exp, summed = found
    return placed(build.reduce_("logsumexp", _argument(exp), summed), node.maps[0])


REWRITES = (
    Rewrite(SOFTMAX, frozenset({kinds.MUL}), softmax, slack=0),
    Rewrite(LOGSUMEXP, frozenset({kinds.FN}), logsumexp, slack=0),
)
