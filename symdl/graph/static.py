"""What depends on positions only (windows, masks, one-hot grids): known whole numbers as soon as the sizes are."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import numpy as np

from symdl.graph import node as kinds
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
    coefs = [_as_int(number(c)) for c in (node.attr if node.op == kinds.ADD else [node.attr.coef])]
    if any(c is None for c in coefs):
        return None
    if node.op == kinds.ADD:
        return _full(sum(c * a for c, a in zip(coefs, args, strict=True)), alls)
    out: Any = np.asarray(coefs[0])
    for a in args:
        out = out * a
    for a, b in node.attr.deltas:
        out = out * (_grid(a, alls) == _grid(b, alls))
    over = tuple(range(node.rank, len(alls)))
    return _full(out, alls).sum(axis=over)


def _grid(entry: int, alls: Sequence[int]) -> Any:
    return np.arange(alls[entry]).reshape([-1 if k == entry else 1 for k in range(len(alls))]) if entry >= 0 else np.asarray(~entry)


def _spread(value: np.ndarray, entries: Sequence[int], rank: int) -> np.ndarray:
    """An argument on all indices of its user."""
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
