"""Descent in the few directions that data span: which parameters are kept in them, what that costs, and the way back."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import sympy as sp

from symdl.expr.tensor import Expr
from symdl.graph import build
from symdl.graph import node as kinds
from symdl.graph.build import Term
from symdl.graph.node import InputInfo, Node
from symdl.graph.resize import resized
from symdl.graph.walk import inputs
from symdl.lower.compiled import Compiled
from symdl.lower.sizes import bind_sizes
from symdl.lower.spans import Graph, Span, leaves_of

#: Data of more numbers than this are not factorised: it takes as much memory again, twice.
_LARGEST = 30_000_000


@dataclass
class Fewer:
    """Expressions whose parameters are kept in fewer directions.

    Attributes
    ----------
    exprs : list of Expr
        The loss and its gradients, of these arrays:
    start, arrays : dict
        First values of the parameters, and data.
    once : int
        Operations of what was done to get there.
    said : list of str
        What was done.
    """

    exprs: list[Expr]
    start: dict[str, Any]
    arrays: dict[str, Any]
    once: int = 0
    said: list[str] = field(default_factory=list)
    _ways_back: list[tuple[str, int, np.ndarray, np.ndarray]] = field(default_factory=list)

    def back(self, name: str, value: Any) -> Any:
        """A parameter as the user knows it."""
        for whose, axis, basis, first in reversed(self._ways_back):
            if whose == name:
                value = (first + _along(value - _along(first, basis.T, axis), basis, axis)).astype(first.dtype)
        return value

    def into(self, name: str, value: Any) -> Any:
        """A parameter's value in the directions that are kept."""
        for whose, axis, basis, _ in self._ways_back:
            if whose == name:
                value = _along(value, basis.T, axis)
        return value

    def back_gradient(self, name: str, value: Any) -> Any:
        """A gradient, or a step, as the user knows it."""
        for whose, axis, basis, _ in reversed(self._ways_back):
            if whose == name:
                value = _along(value, basis, axis)
        return value


def in_fewer(exprs: Sequence[Expr], start: Mapping[str, Any], arrays: Mapping[str, Any], cut: Iterable[str] = ()) -> Fewer | None:
    """Parameters in the directions that their data span, where these are fewer than the parameters have; None where there are none.

    Parameters
    ----------
    exprs : sequence of Expr
        The loss, then a gradient for each parameter, in the order of ``start``.
    start : mapping
        Name -> the first value of every parameter.
    arrays : mapping
        Name -> data.
    cut : iterable of str
        Data of which a step sees some rows of the first axis only.
    """
    found = Fewer(list(exprs), dict(start), dict(arrays))
    while _narrowed_once(found, frozenset(cut)):
        pass
    return found if found.said else None


def _narrowed_once(found: Fewer, cut: frozenset[str]) -> bool:
    nodes = {str(n.name): n for n in inputs(e.node for e in found.exprs)}
    if any(name not in nodes for name in found.start):
        return False
    graph = Graph([e.term for e in found.exprs], [nodes[name] for name in found.start])
    constant = (span for span in graph.spans() if all(_constant(leaf, axis, cut) for leaf, axis in span.data.items()))
    return any(_narrow(found, graph, span, nodes) for span in constant)


def _constant(leaf: Node, axis: int, cut: frozenset[str]) -> bool:
    """Whether a leaf is the same at every step, or is cut from what is."""
    if leaf.op == kinds.INPUT:
        return axis != 0 or leaf.name not in cut
    return not any(n.name in cut for n in inputs([leaf]))


def _narrow(found: Fewer, graph: Graph, span: Span, nodes: Mapping[str, Node]) -> bool:
    shapes = {name: np.shape((found.arrays | found.start)[name]) for name in nodes}
    sizes = bind_sizes([(name, n.shape) for name, n in nodes.items()], shapes)
    numbers = {leaf: tuple(int(s.subs(sizes)) if isinstance(s, sp.Expr) else int(s) for s in leaf.shape) for leaf, _ in leaves_of(span)}
    wide = next(numbers[leaf][axis] for leaf, axis in leaves_of(span))
    rows = sum(math.prod(numbers[leaf]) // max(1, wide) for leaf in span.data)
    size = max(2, rows)  # an axis of one position is no axis to much of what reads graphs
    if size >= wide or rows * wide > _LARGEST:
        return False
    leaves: dict[Node, Node] = {}
    for leaf, axis in leaves_of(span):
        leaves[leaf] = _renamed(leaf, axis, size, {*nodes, *(str(n.name) for n in leaves.values())})
    terms = [_bound(t, leaves.values(), sizes) for t in graph.narrowed(span, leaves, size)]
    values = _values(span, found, sizes)
    stacked = np.concatenate([np.moveaxis(values[leaf], axis, -1).reshape(-1, wide) for leaf, axis in span.data.items()])
    basis, triangle = np.linalg.qr(stacked.T.astype(float))
    if rows < size:
        basis, triangle = np.pad(basis, ((0, 0), (0, size - rows))), np.pad(triangle, ((0, size - rows), (0, 0)))
    _place(found, span, leaves, values, basis, triangle.T)
    found.exprs = [Expr(t, [leaves[nodes[name]].shape[k] if name in found.start and nodes[name] in leaves else s for k, s in enumerate(e.shape)])
                   for t, e, name in zip(terms, found.exprs, ["", *found.start], strict=True)]  # fmt: skip
    found.once += 4 * rows * rows * wide
    whose = ", ".join(f"{n.name} of shape {'x'.join(map(str, numbers[n]))}" for n in span.params)
    data = ", ".join(str(n.name or "made of " + "*".join(sorted({str(i.name) for i in inputs([n])}))) for n in span.data)
    found.said.append(f"{whose} meets {rows:,} rows of {data} only: kept in the {size:,} directions that they span, by A = LQ', with L instead of A")
    return True


def _place(found: Fewer, span: Span, leaves: Mapping[Node, Node], values: Mapping[Node, np.ndarray], basis: np.ndarray, rows: np.ndarray) -> None:
    """Put the new data and first parameters where the old ones were."""
    at = 0
    for leaf, axis in span.data.items():
        others = np.moveaxis(values[leaf], axis, -1).shape[:-1]
        count = math.prod(others)
        new = np.moveaxis(rows[at : at + count].reshape(*others, rows.shape[1]), -1, axis)
        found.arrays[str(leaves[leaf].name)] = np.ascontiguousarray(new, dtype=values[leaf].dtype)
        at += count
    for parameter, axis in span.params.items():
        name = str(parameter.name)
        first = found.start[name]
        found.start[name] = np.ascontiguousarray(_along(first, basis.T, axis), dtype=first.dtype)
        found._ways_back.append((name, axis, basis, first))


def _renamed(leaf: Node, axis: int, size: int, taken: set[str]) -> Node:
    """An input in the place of a leaf."""
    shape = tuple(size if k == axis else s for k, s in enumerate(leaf.shape))
    if leaf.op == kinds.INPUT:
        return build.input_node(leaf.attr, shape)
    name = "spanned"
    while name in taken:
        name += "_"
    return build.input_node(InputInfo(name, sp.Symbol(name), frozenset()), shape)


def _bound(term: Term, leaves: Iterable[Node], sizes: Mapping[Any, int]) -> Term:
    """The term with numbers for sizes that no input has any more."""
    left = {s for n in inputs([term.node]) for size in n.shape if isinstance(size, sp.Expr) for s in size.free_symbols}
    return resized(term, {s: value for s, value in sizes.items() if s not in left})


def _values(span: Span, found: Fewer, sizes: Mapping[Any, int]) -> dict[Node, np.ndarray]:
    """The data, those that are made of others computed."""
    values = {leaf: np.asarray(found.arrays[str(leaf.name)]) for leaf in span.data if leaf.op == kinds.INPUT}
    made = [leaf for leaf in span.data if leaf.op != kinds.INPUT]
    if made:
        compiled = Compiled([Expr(Term(n, tuple(range(n.rank))), n.shape) for n in made])
        given = {name: found.arrays[name] for name in compiled.names if name in found.arrays}
        loose = {name: sizes[s] for name, s in compiled.dims.items() if name not in given and s in sizes}
        values |= dict(zip(made, map(np.asarray, compiled(given | loose)), strict=True))
    return values


def _along(value: Any, matrix: np.ndarray, axis: int) -> np.ndarray:
    """A matrix applied along one axis."""
    return np.moveaxis(np.tensordot(matrix, value, (1, axis)), 0, axis)


__all__ = ["Fewer", "in_fewer"]
