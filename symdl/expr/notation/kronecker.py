"""Kronecker products in array notation."""

from __future__ import annotations

from typing import Any

from symdl.expr.notation.arrays import Arrays
from symdl.expr.notation.layout import Call, product
from symdl.expr.notation.operands import Form, Operand, complete, orders, place
from symdl.expr.notation.spread import spread
from symdl.graph import build
from symdl.graph.digits import Kronecker
from symdl.graph.labels import Term
from symdl.graph.node import Node


def kronecker(arrays: Arrays, node: Node, blocks: Kronecker) -> Operand:
    """kron(A, B), A and B products of their own."""
    outer, inner = (tuple(pair[k] for pair in blocks.rows) for k in (0, 1))
    left, right = (
        _side(arrays, node, factors, deltas, axes)
        for factors, deltas, axes in ((blocks.left, blocks.left_deltas, outer), (blocks.right, blocks.right_deltas, inner))
    )
    forms = {}
    for order in orders(tuple(range(node.rank))):
        a, b = left.at(tuple(outer[k] for k in order)), right.at(tuple(inner[k] for k in order))
        made = Call(node.rank, "kron", (a.tree, b.tree))
        forms[order] = Form(a.cost + b.cost, product(node.rank, node.attr.coef, (made,)))
    return complete(tuple(range(node.rank)), forms)


def _side(arrays: Arrays, node: Node, factors: tuple[Term, ...], deltas: tuple[tuple[int, int], ...], axes: tuple[int, ...]) -> Operand:
    """One side of a Kronecker product: an operand on its axes, ones where it does not depend on one of them."""
    sizes = node.sizes()
    used = {e for t in factors for e in t.map if e >= 0} | {e for d in deltas for e in d}
    term = build.mul(1, factors, [build.Delta(a, b, sizes[a]) for a, b in deltas], {e: sizes[e] for e in used if e not in axes})
    operand = place(arrays.operand(term.node), term.map)
    if set(operand.labels) == set(axes):
        return operand
    spread_out = {e: k for k, e in enumerate(axes)}
    whole = spread(Operand(tuple(spread_out[e] for e in operand.labels), _moved(operand, spread_out)), tuple(sizes[e] for e in axes))
    return complete(axes, {axes: Form(operand.best.cost, whole)})


def _moved(operand: Operand, to: dict[int, int]) -> dict[Any, Form]:
    return {k if k == "row" else tuple(to[e] for e in k): f for k, f in operand.forms.items()}
