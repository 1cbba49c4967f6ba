"""Numbers in front of sums: c u + c v = c (u + v), -(u - v) = v - u."""

from __future__ import annotations

from fractions import Fraction

import sympy as sp

from symdl.diff.shorten.engine import Rewrite
from symdl.diff.shorten.pieces import addends, own, pieces
from symdl.graph import build
from symdl.graph import node as kinds
from symdl.graph.build import Term
from symdl.graph.node import Node
from symdl.graph.number import Number, is_negative, number, power, times, to_sympy
from symdl.steps.step import Rule

CONSTANT_OUT = Rule("factor out a number", r"c\,u + c\,v = c\,(u + v)", "提取公因数")
SIGN_OUT = Rule("take the minus out", r"(-u - v)\,w = -(u + v)\,w", "提出负号")
SIGN = Rule("take the minus inside", r"-(u - v) = v - u", "移入负号")


def content(term: Term) -> tuple[Number, Term]:
    """A number and the sum that it multiplies, the coefficients of the sum as simple as they can be."""
    node = term.node
    if node.op != kinds.ADD:
        return 1, term
    pairs = addends(term)
    coefs = [t.node.attr if t.node.op == kinds.CONST else c for c, t in pairs]
    best: Number = 1
    least = _writing(coefs, 1)
    for divisor in dict.fromkeys([*coefs, _rational(coefs)]):
        for candidate in (divisor, times(-1, divisor)):
            cost = _writing([_over(c, candidate) for c in coefs], candidate)
            if cost < least:
                best, least = candidate, cost
    if best == 1:
        return 1, term
    return best, build.add([_over(c, best) for c, _ in pairs], [t for _, t in pairs])


def _over(coef: Number, divisor: Number) -> Number:
    if isinstance(coef, sp.Expr) or isinstance(divisor, sp.Expr):
        return number(sp.cancel(to_sympy(coef) / to_sympy(divisor))) if to_sympy(divisor).free_symbols else number(to_sympy(coef) / to_sympy(divisor))
    return times(coef, power(divisor, -1))


def _rational(coefs: list[Number]) -> Number:
    """The greatest common divisor of the coefficients, where all are rational."""
    if any(isinstance(c, sp.Expr) for c in coefs):
        return 1
    gcd = sp.gcd_list([to_sympy(c) for c in coefs])
    return number(gcd) if gcd else 1


def _writing(coefs: list[Number], outside: Number) -> int:
    """What the coefficients cost; fractions and signs break ties."""
    cost = 0
    for coef in [*coefs, outside]:
        if isinstance(coef, sp.Expr):
            cost += 8 * (1 + int(sp.count_ops(coef)))
        elif coef not in (1, -1):
            cost += 8 * (1 + (isinstance(coef, Fraction) and abs(coef.numerator) != 1))
    return cost + 2 * all(map(is_negative, coefs)) + is_negative(outside)


def number_out(node: Node) -> Term | None:
    """c u + c v = c (u + v)."""
    coef, inside = content(own(node))
    return None if coef == 1 else build.mul(coef, [inside])


def minus_inside(node: Node) -> Term | None:
    """-(u - v) w = (v - u) w."""
    if not is_negative(node.attr.coef):
        return None
    product = pieces(own(node))
    for position, factor in enumerate(product.factors):
        if factor.node.op == kinds.ADD and _mixed(factor.node):
            turned = build.add([-1], [factor])
            product.factors[position] = turned
            product.coef = times(-1, product.coef)
            return product.term()
    return None


def minus_out(node: Node) -> Term | None:
    """(-u - v) w = -(u + v) w."""
    product = pieces(own(node))
    for position, factor in enumerate(product.factors):
        if factor.node.op == kinds.ADD and _signs(factor.node) == {True}:
            product.factors[position] = build.add([-1], [factor])
            product.coef = times(-1, product.coef)
            return product.term()
    return None


def _signs(node: Node) -> set[bool]:
    """Whether the terms of a sum have a minus."""
    return {is_negative(a.attr if a.op == kinds.CONST else c) for c, a in zip(node.attr, node.args, strict=True)}


def _mixed(node: Node) -> bool:
    return len(_signs(node)) == 2


REWRITES = (
    Rewrite(CONSTANT_OUT, frozenset({kinds.ADD}), number_out),
    Rewrite(SIGN, frozenset({kinds.MUL}), minus_inside),
    Rewrite(SIGN_OUT, frozenset({kinds.MUL}), minus_out, slack=0),
)
