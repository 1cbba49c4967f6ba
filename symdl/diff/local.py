"""Local partials: one rule for each kind of node. The mathematics of the differentiator is this file and the function table.

A rule gives the derivative of a node u[free] by one axis-wise element of an argument v[axes] as the pieces of a product

    coef * Sum over ``summed`` of factors * deltas

in labels: u's own index numbers, and ("d", axis) for v's axes. The sweep in ``reverse.py`` multiplies it by the adjoint of u.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import sympy as sp

from symdl.errors import UnsupportedError
from symdl.functions import TABLE
from symdl.graph import build
from symdl.graph import node as kinds
from symdl.graph.build import Delta, Term
from symdl.graph.node import Node, Size
from symdl.graph.number import Number, number, plus
from symdl.graph.template import instantiate, placeholders
from symdl.steps.step import Rule


@dataclass
class Local:
    """The pieces of a local partial."""

    rule: Rule
    coef: Number = 1
    factors: list[Term] = field(default_factory=list)
    deltas: list[Delta] = field(default_factory=list)
    summed: dict[Any, Size] = field(default_factory=dict)


LINEAR = Rule("derivative of a sum", r"\partial(u + v) = \partial u + \partial v", "和的导数")
WEIGHTED = Rule("derivative of a weighted sum", r"\partial \sum_i w_i x_i/\partial x_k = \sum_i w_i \delta_{ik}", "加权和的导数")
CONSTANT = Rule("constant factor", r"(c\,u)' = c\,u'", "常数因子")
PRODUCT = Rule("product rule", r"(u v)' = u' v + u v'", "乘积法则")
POWER = Rule("power rule", r"(u^k)' = k\,u^{k-1}\,u'", "幂法则")
QUOTIENT = Rule("quotient rule", r"(1/u)' = -u'/u^2", "商法则")
DEFINITION = Rule("definition", "", "定义")
LOGSUMEXP = Rule(
    "derivative of logsumexp",
    r"\partial \log\sum_j e^{z_j}/\partial z_i = e^{z_i}/\sum_j e^{z_j}",
    "logsumexp 的导数",
)
MAXIMUM = Rule("derivative of the maximum", "ties share equally", "最大值的导数")
INVERSE = Rule("derivative of the inverse", r"\mathrm{d}(A^{-1}) = -A^{-1}\,\mathrm{d}A\,A^{-1}", "逆矩阵的导数")
DETERMINANT = Rule("derivative of the determinant", r"\mathrm{d}\det A = \det A\,\operatorname{tr}(A^{-1}\mathrm{d}A)", "行列式的导数")
LOGDET = Rule("derivative of the log-determinant", r"\mathrm{d}\log\det A = \operatorname{tr}(A^{-1}\mathrm{d}A)", "对数行列式的导数")


def local_partial(u: Node, position: int) -> Local:
    """The derivative of u by its argument at ``position``.

    Raises
    ------
    UnsupportedError
        When the table has no rule for u.
    """
    rule = RULES.get(u.op)
    if rule is None:
        raise UnsupportedError(f"symdl has no derivative rule for a node of kind {u.op!r}")
    return rule(u, position)


def axis_deltas(u: Node, position: int) -> list[Delta]:
    """v's axes are the indices that u's map puts on them."""
    v = u.args[position]
    return [Delta(("d", axis), entry, v.shape[axis]) for axis, entry in enumerate(u.maps[position])]


def _add(u: Node, position: int) -> Local:
    return Local(LINEAR, u.attr[position], deltas=axis_deltas(u, position))


def _own_deltas(u: Node) -> list[Delta]:
    sizes = u.sizes()
    return [Delta(a, b, sizes[a]) for a, b in u.attr.deltas]


def _summed(u: Node) -> dict[Any, Size]:
    return dict(enumerate(u.attr.summed, start=u.rank))


def _mul(u: Node, position: int) -> Local:
    others = [Term(a, m) for p, (a, m) in enumerate(u.terms()) if p != position]
    rule = (WEIGHTED if u.attr.summed else PRODUCT) if others else (LINEAR if u.attr.summed else CONSTANT)
    return Local(rule, u.attr.coef, others, _own_deltas(u) + axis_deltas(u, position), _summed(u))


def _pow(u: Node, position: int) -> Local:
    exponent = u.attr
    base = Term(u.args[0], u.maps[0])
    rule = QUOTIENT if exponent == -1 else POWER
    lowered = build.pow_(base, plus(exponent, -1))
    return Local(rule, exponent, [lowered], axis_deltas(u, position))


def _fn(u: Node, position: int) -> Local:
    args = [Term(a, m) for a, m in u.terms()]
    coef, factors = slope_pieces(u.attr, position)
    return Local(function_rule(u.attr), coef, [instantiate(f, args) for f in factors], axis_deltas(u, position))


@cache
def function_rule(name: str) -> Rule:
    """The rule that is a function's derivative."""
    entry = TABLE[name]
    z = sp.Symbol("z")
    args = (z,) if entry.nargs == 1 else sp.symbols("a b c d")[: entry.nargs]
    left = sp.latex(entry.sympy(*args))
    return Rule(entry.rule, rf"\frac{{\partial}}{{\partial {args[0]}}} {left} = {sp.latex(entry.derivatives[0](*args))}", f"{name} 的导数")


@cache
def slope_pieces(name: str, position: int) -> tuple[Number, tuple[sp.Expr, ...]]:
    """The derivative of a function as a number and factors in placeholders; each function's is made once."""
    entry = TABLE[name]
    derivative = sp.sympify(entry.derivatives[position](*placeholders(entry.nargs)))
    factors = sp.Mul.make_args(derivative)
    coef = sp.Mul(*[f for f in factors if f.is_number])
    return number(coef), tuple(f for f in factors if not f.is_number)


def _logsumexp(u: Node, position: int) -> Local:
    """d log Sum exp(z) / dz = exp(z - logsumexp(z)): the softmax."""
    z = Term(u.args[0], u.maps[0])
    softmax = build.fn("exp", [build.add([1, -1], [z, Term(u, tuple(range(u.rank)))])])
    return Local(LOGSUMEXP, 1, [softmax], axis_deltas(u, position), _summed(u))


def _maximum(u: Node, position: int) -> Local:
    """1 at the largest element; elements that tie share equally."""
    z, top = Term(u.args[0], u.maps[0]), Term(u, tuple(range(u.rank)))
    below = build.fn("positive", [build.add([1, -1], [top, z])])
    is_top = build.add([1, -1], [build.constant(1), below])
    ties = build.mul(1, [is_top], (), _summed(u))
    return Local(MAXIMUM, 1, [is_top, build.pow_(ties, -1)], axis_deltas(u, position), _summed(u))


def _reduce(u: Node, position: int) -> Local:
    return {"logsumexp": _logsumexp, "max": _maximum}[u.attr.kind](u, position)


def _matrix(u: Node, position: int) -> Local:
    """Matrix Cookbook, equations 40 (inverse), 46 (determinant), 43 (log-determinant)."""
    a, b = ("d", 0), ("d", 1)
    if u.attr == "inv":
        return Local(INVERSE, -1, [Term(u, (0, a)), Term(u, (b, 1))])
    inverse = build.matrix("inv", Term(u.args[0], (b, a)))
    if u.attr == "det":
        return Local(DETERMINANT, 1, [Term(u, ()), inverse])
    return Local(LOGDET, 1, [inverse])


def _let(u: Node, position: int) -> Local:
    return Local(DEFINITION, 1, deltas=axis_deltas(u, position))


#: Kind of node -> its rule. A new kind of node is one entry here.
RULES: dict[str, Callable[[Node, int], Local]] = {
    kinds.ADD: _add,
    kinds.MUL: _mul,
    kinds.POW: _pow,
    kinds.FN: _fn,
    kinds.REDUCE: _reduce,
    kinds.MATRIX: _matrix,
    kinds.LET: _let,
}
