"""Quotients and powers of functions by the names that they have."""

from __future__ import annotations

from symdl.diff.shorten.engine import Rewrite
from symdl.diff.shorten.logistic import leading_minus
from symdl.diff.shorten.pieces import addends, base, own, pieces
from symdl.graph import build
from symdl.graph import node as kinds
from symdl.graph.build import Term
from symdl.graph.node import Node
from symdl.graph.number import plus, power, times
from symdl.graph.rebuild import placed
from symdl.steps.step import Rule

TANH = Rule("written with tanh", r"\frac{\sinh z}{\cosh z} = \tanh z", "用 tanh 表示")
TAN = Rule("written with tan", r"\frac{\sin z}{\cos z} = \tan z", "用 tan 表示")
REFLECTED = Rule("sigmoid of the opposite", r"\sigma(-z) = 1 - \sigma(z)", "相反数的 sigmoid")
NUMBER = Rule("power of a product", r"(c\,z)^k = c^k z^k", "乘积的幂")

_QUOTIENTS = {("sinh", "cosh"): "tanh", ("sin", "cos"): "tan"}


def _quotient(node: Node, above: str, below: str) -> Term | None:
    product = pieces(own(node))
    bottoms = {k: base(f) for k, f in enumerate(product.factors)}
    for k, (up, e) in bottoms.items():
        for m, (down, f) in bottoms.items():
            if type(e) is int and type(f) is int and e > 0 > f and _is(up, above) and _is(down, below) and _argument(up) == _argument(down):
                rest = product.without(k, m)
                rest.factors += [build.pow_(up, plus(e, -1)), build.pow_(down, plus(f, 1)), build.fn(_QUOTIENTS[above, below], [_argument(up)])]
                return rest.term()
    return None


def _is(term: Term, name: str) -> bool:
    return term.node.op == kinds.FN and term.node.attr == name


def _argument(term: Term) -> Term:
    return placed(Term(term.node.args[0], term.node.maps[0]), term.map)


def reflected(node: Node) -> Term | None:
    """c sigma(-z) = c - c sigma(z) in a sum."""
    for k, (arg, entries) in enumerate(node.terms()):
        if _is(Term(arg, entries), "sigmoid") and leading_minus(_argument(Term(arg, entries))):
            turned = build.fn("sigmoid", [build.mul(-1, [_argument(Term(arg, entries))])])
            others = [(c, t) for m, (c, t) in enumerate(addends(own(node))) if m != k]
            coef = node.attr[k]
            return build.add([coef, times(-1, coef), *(c for c, _ in others)], [build.constant(1), turned, *(t for _, t in others)])
    return None


def power_of_number(node: Node) -> Term | None:
    """(c Sum z)**k = c**k (Sum z)**k for whole k."""
    inner = node.args[0]
    if inner.op != kinds.MUL or inner.attr.coef == 1 or type(node.attr) is not int:
        return None
    product = pieces(placed(own(inner), node.maps[0]))
    coef, product.coef = product.coef, 1
    return build.mul(power(coef, node.attr), [build.pow_(product.term(), node.attr)])


REWRITES = (
    Rewrite(TANH, frozenset({kinds.MUL}), lambda node: _quotient(node, "sinh", "cosh")),
    Rewrite(TAN, frozenset({kinds.MUL}), lambda node: _quotient(node, "sin", "cos")),
    Rewrite(REFLECTED, frozenset({kinds.ADD}), reflected),
    Rewrite(NUMBER, frozenset({kinds.POW}), power_of_number, slack=0),
)
