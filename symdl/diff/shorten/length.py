"""How long a formula is, as a person reads it: the measure by which a rewrite is accepted.

An operation is what a person writes one sign or one name for: a product of matrices, a sum over an axis, an elementwise function, + - * /.
Names, transposes, diagonals and broadcasts cost nothing; a minus in front costs a little. A formula is measured written out, what the user named by name.
"""

from __future__ import annotations

import weakref
from functools import lru_cache

import sympy as sp

from symdl.expr.notation.softmaxes import softmax_of
from symdl.graph import node as kinds
from symdl.graph.node import Node
from symdl.graph.number import Number, is_negative
from symdl.graph.walk import topological

OPERATION, MINUS = 4, 1

#: Lengths of formulas that nobody reads written out are not told apart.
ENDLESS = 10**15


_known: weakref.WeakKeyDictionary[Node, int] = weakref.WeakKeyDictionary()


def length(root: Node) -> int:
    """The length of the formula that a node is."""
    if root not in _known:
        for node in topological([root], stop=lambda n: n in _known or is_named(n)):
            if node not in _known:
                _known[node] = min(ENDLESS, _make(node))
    return _known[root]


def is_named(node: Node) -> bool:
    """A result that the user named. The names of adjoints are written out."""
    return node.op == kinds.LET and node.attr.role == "let"


def _make(node: Node) -> int:
    if node.op in (kinds.INPUT, kinds.CONST) or is_named(node):
        return 0
    if node.op == kinds.MUL:
        return _product(node)
    inside = sum(_known[a] for a in node.args)
    if node.op == kinds.ADD:
        return inside + _addition(node)
    if node.op == kinds.LET:
        return inside
    soft = softmax_of(node)
    return inside + OPERATION if soft is None else OPERATION + _known[soft[0].node]


def _product(node: Node) -> int:
    inside, above, below = 0, len(node.attr.deltas), 0
    for arg in node.args:
        if arg.op == kinds.POW and is_negative(arg.attr):
            below += 1
            inside += _known[arg] - (OPERATION if arg.attr == -1 else 0)
        else:
            above += 1
            inside += _known[arg]
    number = _coefficient(node.attr.coef)
    signs = above + below - 1 + (not above and number <= MINUS)
    if node.attr.summed:
        signs += _sums(node)
    return inside + OPERATION * signs + number


def _sums(node: Node) -> int:
    """Sums that are no part of a matrix product: over an axis of one array, or of an elementwise product."""
    arrays = [frozenset(e for e in m if e >= 0) for m in node.maps] + [frozenset(e for e in d if e >= 0) for d in node.attr.deltas]
    summed_over = set()
    for index in range(node.rank, node.rank + len(node.attr.summed)):
        users = [a for a in arrays if index in a]
        if len(users) == 1 or (len(set(users)) == 1 and len(users[0]) > 1):
            summed_over.add(users[0])
    return len(summed_over)


def _coefficient(coef: Number) -> int:
    """Writing coef in front of something."""
    minus = MINUS if is_negative(coef) else 0
    if coef in (1, -1):
        return minus
    if isinstance(coef, sp.Expr):
        return minus + OPERATION * (1 + _operations(coef))
    return minus + OPERATION * (1 + (type(coef) is not int and abs(coef.numerator) != 1))


@lru_cache(maxsize=1000)
def _operations(coef: sp.Expr) -> int:
    return int(sp.count_ops(coef))


def _addition(node: Node) -> int:
    signs = len(node.args) - 1
    scaled = sum(max(0, _coefficient(c) - MINUS * is_negative(c)) for c, a in zip(node.attr, node.args, strict=True) if a.op != kinds.CONST)
    all_minus = all(is_negative(c) for c in node.attr)
    return OPERATION * signs + scaled + MINUS * all_minus
