"""Where a value that is not finite comes from: the part of the formula whose own parts are all finite."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from symdl.errors import DomainError, SymdlError
from symdl.expr.tensor import Expr
from symdl.graph import node as kinds
from symdl.graph.build import Term
from symdl.graph.node import Node
from symdl.graph.walk import more_than, topological
from symdl.lower.compiled import Compiled
from symdl.lower.values import as_array

#: Formulas of more nodes, and values with more numbers in all, are not looked through.
NODES, NUMBERS = 2_000, 20_000_000

#: What is inside these is no value by itself.
_CLOSED = frozenset([kinds.RECUR])


def offender(expr: Expr, values: Mapping[str, Any], dtype: str = "float64") -> str | None:
    """What is not finite first, and its value, such as ``log(w) at [2] is nan``.

    Every part is computed as it would be if it were asked for, by its stable form; so the way down goes only through what is not finite by itself.

    Parameters
    ----------
    expr : Expr
    values : mapping
        Name -> array.
    dtype : str

    Returns
    -------
    str or None
        None when it is the expression as a whole, when all is finite, or when the formula or the values are too large to look.
    """
    if expr.open or more_than([expr.node], NODES):
        return None
    nodes = [node for node in topological([expr.node], lambda node: node.op in _CLOSED) if node.op not in (kinds.CONST, kinds.POSITION)]
    try:
        found = _values(nodes, values, dtype)
    except DomainError as error:  # of a matrix that has no inverse, or no logarithm of its determinant
        return str(error)
    except (SymdlError, KeyError):  # a part that cannot be computed by itself; a value that is not there
        return None
    if found is None or expr.node not in found or not _bad(found[expr.node]):
        return None
    at = expr.node
    while at.op not in _CLOSED:
        worse = next((arg for arg in at.args if arg in found and _bad(found[arg])), None)
        if worse is None:
            break
        at = worse
    return None if at is expr.node else _said(at, found[at])


def explained(error: DomainError, exprs: Sequence[Expr], values: Mapping[str, Any], dtype: str = "float64") -> DomainError:
    """The same error, with the part of the expressions that is not finite first, where one can be named."""
    try:
        arrays = {name: as_array(name, value, dtype) for name, value in values.items()}
        parts = (offender(expr, arrays, dtype) for expr in exprs)
        part = next((part for part in parts if part is not None and part not in str(error)), None)
    except SymdlError:
        return error
    return error if part is None else DomainError(f"{error}; {part}")


def _values(nodes: list[Node], values: Mapping[str, Any], dtype: str) -> dict[Node, np.ndarray] | None:
    """The value of every node; None where they are too large."""
    compiled = Compiled([_view(node) for node in nodes], "numpy", dtype=dtype)
    shapes = {name: np.shape(values[name]) for name in compiled.names}
    if sum(math.prod(step.shape) for step in compiled.program(shapes).code) > NUMBERS:
        return None
    with np.errstate(all="ignore"):
        results = compiled.compile(shapes)(*(values[name] for name in compiled.names))
    return {node: np.array(value) for node, value in zip(nodes, results, strict=True)}


def _view(node: Node) -> Expr:
    return Expr(Term(node, tuple(range(node.rank))), node.shape)


def _bad(value: np.ndarray) -> bool:
    return not np.isfinite(value).all()


def _said(node: Node, value: np.ndarray) -> str:
    shown = str(_view(node)).partition(" with\n")[0]
    shown = shown if len(shown) <= 60 else f"{shown[:57]}..."
    first = tuple(int(k) for k in np.argwhere(~np.isfinite(value))[0]) if value.ndim else ()
    place = f" at {list(first)}" if first else ""
    return f"{shown}{place} is {float(value[first])}"
