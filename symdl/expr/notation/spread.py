"""Axes that nothing depends on: ones beside an array."""

from __future__ import annotations

from symdl.expr.notation.layout import Call, Index, Num, Tree, product
from symdl.expr.notation.operands import NEW_AXIS, Form, Operand, aligned, complete
from symdl.graph.node import Size


def widened(operand: Operand, shape: tuple[Size, ...]) -> Operand:
    """The operand with the axes 0, 1, ... of a shape, some of which it may not depend on."""
    own = tuple(range(len(shape)))
    if len(operand.labels) == len(own):
        return Operand(own, operand.forms)  # its labels may stand in another order, as in a name for a transpose
    return complete(own, {own: Form(operand.best.cost + NEW_AXIS, spread(operand, shape))})


def spread(operand: Operand, shape: tuple[Size, ...]) -> Tree:
    """The operand as an array of this shape, in the order of its axes."""
    own = tuple(range(len(shape)))
    if len(operand.labels) == len(own):
        return operand.at(own).tree
    tree = aligned(operand, own).tree
    missing = [k for k in own if k not in operand.labels]
    if all(shape[k] == 1 for k in missing):
        return _with_ones(tree, operand, own)
    ones = Call(len(own), "ones", sizes=shape)
    if isinstance(tree, Num) and tree.value in (0, 1):
        return ones if tree.value == 1 else Call(len(own), "zeros", sizes=shape)
    return product(len(own), 1, (ones, tree))


def _with_ones(tree: Tree, operand: Operand, own: tuple[int, ...]) -> Tree:
    """Axes of size 1 put in with None."""
    keys = tuple(":" if k in operand.labels else None for k in own)
    base = operand.at(tuple(k for k in own if k in operand.labels)).tree
    if tree.rank == len(own):
        return tree
    return Index(len(own), base, keys) if operand.labels else product(len(own), 1, (Call(len(own), "ones", sizes=(1,) * len(own)), tree))
