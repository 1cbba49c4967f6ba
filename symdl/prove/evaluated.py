"""Arrays of ring elements: the small operations that evaluation needs."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import sympy as sp

from symdl.graph import node as kinds
from symdl.graph.node import Node
from symdl.prove.value import Value


def makers(order: Sequence[Node]) -> set[Node]:
    """The nodes of a topological order that can make generators, and those that they use."""
    needed: set[Node] = set()
    for node in reversed(order):
        if node in needed or _makes(node):
            needed.add(node)
            needed.update(node.args)
    return needed


def _makes(node: Node) -> bool:
    """Whether evaluating the node may ask the ring for exp, log, an angle, a root or a sign."""
    if node.op == kinds.PARTIAL:
        return _makes(node.args[0])
    if node.op in (kinds.FN, kinds.REDUCE, kinds.MATRIX, kinds.RECUR):
        return True
    if node.op == kinds.POW and isinstance(node.attr, Fraction):
        return True  # roots are counted
    coefficients = {kinds.ADD: node.attr, kinds.MUL: [node.attr.coef] if node.op == kinds.MUL else [], kinds.POW: [node.attr], kinds.CONST: [node.attr]}
    return any(isinstance(c, sp.Basic) and not c.is_Rational for c in coefficients.get(node.op, []))


def constant(value: Value) -> Value:
    return Value(value.val, None, value.bound, value.slope, value.positive)


def reshape(value: Value, shape: Sequence[int]) -> Value:
    val = value.val.reshape((*shape, value.val.shape[-1]))
    dot = None if value.dot is None else value.dot.reshape((*shape, *value.dot.shape[-2:]))
    return Value(val, dot, value.bound, value.slope, value.positive)


def squeeze(value: Value, rank: int) -> Value:
    """Drop the axes of size 1 after the first ``rank``."""
    return reshape(value, value.shape[:rank])


def take(value: Value, axis: int, position: int) -> Value:
    val = np.take(value.val, position, axis=axis)
    dot = None if value.dot is None else np.take(value.dot, position, axis=axis)
    return Value(val, dot, value.bound, value.slope, value.positive)


def entry(value: Value, i: int, j: int) -> Value:
    dot = None if value.dot is None else value.dot[i, j]
    return Value(value.val[i, j], dot, value.bound, value.slope)


def assemble(rows: list[list[Value]], ring: Any) -> Value:
    """A matrix of scalar values as one value."""
    flat = [x for row in rows for x in row]
    val = np.stack([x.val for x in flat]).reshape((len(rows), -1, flat[0].val.shape[-1]))
    directions = max((x.dot.shape[-2] for x in flat if x.dot is not None), default=0)
    dot = None
    if directions:
        dots = [x.dot if x.dot is not None else ring.zeros((directions,)) for x in flat]
        dot = np.stack(dots).reshape((len(rows), -1, *dots[0].shape))
    largest = max(flat, key=lambda x: x.bound.size).bound
    steepest = max(flat, key=lambda x: x.slope.size).slope
    return Value(val, dot, largest, steepest)
