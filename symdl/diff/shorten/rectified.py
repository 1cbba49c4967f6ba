"""Kinks that meet: a rectified value is zero already where its indicator is."""

from __future__ import annotations

from collections.abc import Callable

from symdl.diff.shorten.engine import Rewrite
from symdl.diff.shorten.pieces import base, own, pieces
from symdl.graph import build
from symdl.graph import node as kinds
from symdl.graph.build import Term
from symdl.graph.node import Node
from symdl.graph.number import plus
from symdl.graph.rebuild import placed
from symdl.steps.step import Rule

RECTIFIED = Rule("zero already where z < 0", r"[z > 0]\,\operatorname{relu}(z) = \operatorname{relu}(z)", "z < 0 处已为零")
SIGNED = Rule("sign times absolute value", r"\operatorname{sign}(z)\,|z| = z", "符号乘以绝对值")

ABSOLUTE = Rule("sign times value", r"\operatorname{sign}(z)\,z = |z|", "符号乘以数值")


def rectified(node: Node) -> Term | None:
    """positive(z)*relu(z)**k = relu(z)**k, for k > 0."""
    return _pair(node, "positive", "relu", lambda z, k: build.pow_(build.fn("relu", [z]), k))


def signed(node: Node) -> Term | None:
    """sign(z)*abs(z)**k = z*abs(z)**(k - 1), for whole k > 0, and abs(z)**(k + 1)/z for k < 0."""

    def together(z: Term, k: int) -> Term:
        side = 1 if k > 0 else -1
        return build.mul(1, [build.pow_(z, side), build.pow_(build.fn("abs", [z]), plus(k, -side))])

    return _pair(node, "sign", "abs", together, below=True)


def _pair(node: Node, indicator: str, function: str, together: Callable[[Term, int], Term], below: bool = False) -> Term | None:
    product = pieces(own(node))
    at = {f: k for k, f in enumerate(product.factors) if f.node.op == kinds.FN and f.node.attr == indicator}
    for indicated, first in at.items():
        z = placed(Term(indicated.node.args[0], indicated.node.maps[0]), indicated.map)
        for second, factor in enumerate(product.factors):
            bottom, exponent = base(factor)
            if bottom == build.fn(function, [z]) and type(exponent) is int and (exponent > 0 or below):
                rest = product.without(first, second)
                rest.factors.append(together(z, exponent))
                return rest.term()
    return None


def absolute(node: Node) -> Term | None:
    """sign(z)*z**k = abs(z)*z**(k - 1), for whole k > 0."""
    product = pieces(own(node))
    for first, sign in enumerate(product.factors):
        if sign.node.op != kinds.FN or sign.node.attr != "sign":
            continue
        z = placed(Term(sign.node.args[0], sign.node.maps[0]), sign.map)
        for second, factor in enumerate(product.factors):
            bottom, exponent = base(factor)
            if bottom == z and type(exponent) is int and exponent > 0:
                rest = product.without(first, second)
                rest.factors += [build.fn("abs", [z]), build.pow_(z, exponent - 1)]
                return rest.term()
    return None


REWRITES = (
    Rewrite(RECTIFIED, frozenset({kinds.MUL}), rectified),
    Rewrite(SIGNED, frozenset({kinds.MUL}), signed),
    Rewrite(ABSOLUTE, frozenset({kinds.MUL}), absolute),
)
