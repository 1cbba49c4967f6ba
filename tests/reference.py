"""A plain evaluator of the node table, for tests: one numpy.einsum a node, no cleverness."""

from __future__ import annotations

import string
from typing import Any

import numpy as np
import sympy as sp

from symdl.expr.tensor import Expr
from symdl.functions import TABLE
from symdl.graph import node as kinds
from symdl.graph.build import Term
from symdl.graph.number import to_sympy
from symdl.graph.unroll import part, positions
from symdl.graph.walk import topological


def evaluate(expr: Expr, values: dict[str, Any], sizes: dict[Any, int], letters: tuple[Any, ...] = ()) -> np.ndarray:
    """The value of an expression; axes: the open letters in the order given, then the shape's."""

    def size(s: Any) -> int:
        return int(sp.sympify(s).subs(sizes))

    done: dict[Any, np.ndarray] = {}
    for node in topological([expr.node]):
        shape = tuple(size(s) for s in node.shape)
        alls = tuple(size(s) for s in node.sizes())
        args = [_spread(done[a], m, alls) for a, m in node.terms()] if node.op not in (kinds.MATRIX, kinds.RECUR) else []
        over = tuple(range(len(shape), len(alls)))
        if node.op == kinds.INPUT:
            out = np.asarray(values[node.attr.name], float).reshape(shape)
        elif node.op == kinds.CONST:
            out = np.asarray(float(to_sympy(node.attr).subs(sizes)))
        elif node.op == kinds.POSITION:
            out = np.arange(shape[0], dtype=float)
        elif node.op == kinds.ADD:
            out = sum(float(to_sympy(c).subs(sizes)) * a for c, a in zip(node.attr, args, strict=True))
        elif node.op == kinds.MUL:
            out = np.full(alls, float(to_sympy(node.attr.coef).subs(sizes)))
            for a in args:
                out = out * a
            for a, b in node.attr.deltas:
                out = out * (_grid(alls, a) == (_grid(alls, b) if b >= 0 else ~b))
            out = out.sum(axis=over)
        elif node.op == kinds.POW:
            out = args[0] ** float(to_sympy(node.attr))
        elif node.op == kinds.FN:
            out = TABLE[node.attr].numpy(*args)
        elif node.op == kinds.LET:
            out = args[0]
        elif node.op == kinds.REDUCE:
            out = np.log(np.exp(args[0]).sum(axis=over)) if node.attr.kind == "logsumexp" else args[0].max(axis=over)
        elif node.op == kinds.MATRIX:
            matrix = done[node.args[0]]
            out = {"inv": np.linalg.inv, "det": np.linalg.det, "logdet": lambda m: np.linalg.slogdet(m)[1]}[node.attr](matrix)
        elif node.op == kinds.RECUR:
            out = _recurrence(node, [done[a] for a in node.args], size, sizes)
        else:
            raise AssertionError(node)
        done[node] = np.broadcast_to(out, shape)
    place = {letter: k for k, letter in enumerate(letters)}
    axes = tuple(e if type(e) is int and e < 0 else place[e] if e in place else len(letters) + e for e in expr.map)
    full = tuple(size(expr.open[s]) for s in letters) + tuple(size(s) for s in expr.shape)
    return np.broadcast_to(_spread(done[expr.node], axes, full), full)


def _recurrence(node: Any, args: list[np.ndarray], size: Any, sizes: dict[Any, int]) -> np.ndarray:
    """Step by step, the bodies evaluated by this same evaluator."""

    def body(values: Any) -> list[np.ndarray]:
        return [evaluate(Expr(Term(b, m), s), dict(values), sizes) for (b, m), s in zip(node.attr.bodies, node.attr.shapes, strict=True)]

    def look(value: Any, entries: Any, shape: Any) -> np.ndarray:
        return _spread(value, tuple(entries), tuple(size(s) for s in shape))

    found = part(node, positions(node, size(node.attr.length), args, look, body))
    return np.array(found).reshape(tuple(size(s) for s in node.shape))


def _spread(value: np.ndarray, entries: tuple[int, ...], sizes: tuple[int, ...]) -> np.ndarray:
    """An argument on all indices of its user: fixed positions taken, diagonals read, the rest broadcast."""
    for axis in reversed(range(len(entries))):
        if entries[axis] < 0:
            value = np.take(value, ~entries[axis], axis=axis)
    labels = [e for e in entries if e >= 0]
    distinct = sorted(set(labels))
    letters = string.ascii_letters
    value = np.einsum("".join(letters[e] for e in labels) + "->" + "".join(letters[e] for e in distinct), value)
    shape = [sizes[e] if e in distinct else 1 for e in range(len(sizes))]
    return np.broadcast_to(value.reshape(shape), sizes)


def _grid(sizes: tuple[int, ...], axis: int) -> np.ndarray:
    return np.arange(sizes[axis]).reshape([-1 if k == axis else 1 for k in range(len(sizes))])


def numeric_gradient(loss: Expr, name: str, values: dict[str, Any], sizes: dict[Any, int], step: float = 1e-6) -> np.ndarray:
    """Central differences, one coordinate at a time."""
    base = np.array(values[name], float)
    out = np.zeros_like(base)
    for at in np.ndindex(*base.shape):
        ends = []
        for sign in (1, -1):
            moved = base.copy()
            moved[at] += sign * step
            ends.append(float(evaluate(loss, {**values, name: moved}, sizes)))
        out[at] = (ends[0] - ends[1]) / (2 * step)
    return out
