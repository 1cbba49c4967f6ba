"""What depends on positions only (windows, masks, one-hot grids): known whole numbers as soon as the sizes are."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from typing import Any

import numpy as np

from symdl.graph import node as kinds
from symdl.graph.labels import check_fixed
from symdl.graph.node import Node, Size

#: Functions that take whole numbers to whole numbers.
_WHOLE: dict[str, Callable[..., Any]] = {
    "iszero": lambda z: z == 0,
    "positive": lambda z: z > 0,
    "relu": lambda z: np.maximum(z, 0),
    "abs": np.abs,
    "sign": np.sign,
    "minimum": np.minimum,
    "maximum": np.maximum,
    "where": lambda c, a, b: np.where(c > 0, a, b),
}


def static_nodes(order: Iterable[Node]) -> set[Node]:
    """Those nodes of a topological order that are whole numbers made of positions and sizes, at least one position among them."""
    found: set[Node] = set()
    numbers: set[Node] = set()
    for node in order:
        if node.op == kinds.POSITION:
            found.add(node)
        elif node.op == kinds.CONST:
            numbers.add(node)
        elif node.args and _whole(node) and all(a in found or a in numbers for a in node.args):
            (found if any(a in found for a in node.args) else numbers).add(node)
    return found


def _whole(node: Node) -> bool:
    if node.op == kinds.FN:
        return node.attr in _WHOLE
    if node.op == kinds.POW:
        return type(node.attr) is int and node.attr > 0
    return node.op in (kinds.ADD, kinds.MUL, kinds.LET)


def static_values(order: Sequence[Node], size: Callable[[Size], int], number: Callable[[Any], Any]) -> dict[Node, np.ndarray]:
    """The values of the static nodes at given sizes, axes in the node's order; nodes whose numbers are not whole are left out.

    Parameters
    ----------
    order : sequence of Node
        Topological.
    size : callable
        Size -> int.
    number : callable
        A coefficient -> int, Fraction or float.
    """
    static = static_nodes(order)
    done: dict[Node, np.ndarray] = {}
    for node in order:
        if node.op == kinds.CONST:
            value = _int(node, number)
            if value is not None:
                done[node] = np.asarray(value)
        elif node in static and all(a in done for a in node.args):
            made = _value(node, done, size, number)
            if made is not None:
                done[node] = made
    return {node: value for node, value in done.items() if node in static}


def _int(node: Node, number: Callable[[Any], Any]) -> int | None:
    return _as_int(number(node.attr)) if node.attr == node.attr else None


def _as_int(value: Any) -> int | None:
    return int(value) if value == value and abs(value) < 2**40 and value == int(value) else None


def _value(node: Node, done: dict[Node, np.ndarray], size: Callable[[Size], int], number: Callable[[Any], Any]) -> np.ndarray | None:
    if node.op == kinds.POSITION:
        return np.arange(size(node.shape[0]))
    alls = [size(s) for s in node.sizes()]
    args = [_spread(done[a], m, len(alls)) for a, m in node.terms()]
    if node.op == kinds.FN:
        return _full(_WHOLE[node.attr](*args), alls)
    if node.op == kinds.POW:
        return _full(args[0] ** node.attr, alls)
    if node.op == kinds.LET:
        return _full(args[0], alls)
    found = _over_one(number(c) for c in (node.attr if node.op == kinds.ADD else [node.attr.coef]))
    if found is None:
        return None
    coefs, below = found
    if node.op == kinds.ADD:
        return _divided(_full(sum(c * a for c, a in zip(coefs, args, strict=True)), alls), below)
    out: Any = np.asarray(coefs[0])
    for a in args:
        out = out * a
    for a, b in node.attr.deltas:
        out = out * (_grid(a, alls) == _grid(b, alls))
    over = tuple(range(node.rank, len(alls)))
    return _divided(_full(out, alls).sum(axis=over), below)


#: The denominators of coefficients such as the 1/2 of j*(j - 1)/2.
_DENOMINATORS = 64


def _over_one(coefs: Iterable[Any]) -> tuple[list[int], int] | None:
    """Coefficients as whole numbers over one denominator."""
    exact = []
    for c in coefs:
        if c != c or abs(c) >= 2**40:
            return None
        fraction = Fraction(c).limit_denominator(_DENOMINATORS)
        if float(fraction) != float(c):
            return None
        exact.append(fraction)
    below = math.lcm(*(c.denominator for c in exact))
    return [int(c * below) for c in exact], below


def scaled(value: np.ndarray, by: Any) -> np.ndarray | None:
    """Whole numbers times a coefficient; None when the products are not whole."""
    found = _over_one([by])
    return None if found is None else _divided(value * found[0][0], found[1])


def _divided(value: np.ndarray, below: int) -> np.ndarray | None:
    """Whole numbers over a denominator; None when it does not go out."""
    if below == 1:
        return value
    return None if (value % below).any() else value // below


def _grid(entry: int, alls: Sequence[int]) -> Any:
    return np.arange(alls[entry]).reshape([-1 if k == entry else 1 for k in range(len(alls))]) if entry >= 0 else np.asarray(~entry)


def _spread(value: np.ndarray, entries: Sequence[int], rank: int) -> np.ndarray:
    """An argument on all indices of its user."""
    check_fixed(entries, value.shape)
    labels = sorted({e for e in entries if e >= 0})
    index = []
    for n, e in zip(value.shape, entries, strict=True):
        index.append(np.asarray(~e) if e < 0 else np.arange(n).reshape([-1 if e == label else 1 for label in labels]))
    taken = value[tuple(index)] if index else value
    shape = [1] * rank
    for label, n in zip(labels, taken.shape, strict=True):
        shape[label] = n
    return taken.reshape(shape)


def _full(value: Any, shape: Sequence[int]) -> np.ndarray:
    return np.broadcast_to(np.asarray(value).astype(np.int64), tuple(shape))
