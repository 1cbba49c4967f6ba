"""Structured arguments: which derivative is meant by a matrix whose entries are not all independent.

By a tensor declared symmetric or diagonal, the derivative is over the *independent entries* (Matrix Cookbook, section 2.8): the entries (i,j) and (j,i)
of a symmetric X are one variable, and of a diagonal X only the diagonal can be moved. With G the derivative as if all entries were independent,

    symmetric: G + G.T - diag(G)        diagonal: diag(G)

(equations 138 and 142). ``structure="full"`` asks for G itself. Positive definite is a fact about values and not about entries: declared alone, as of a
covariance, it leaves G.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from symdl.errors import NameError_, ShapeError
from symdl.expr.dims import show_shape
from symdl.functions.given import shown
from symdl.graph import build
from symdl.graph.build import Delta, Term
from symdl.graph.labels import rename
from symdl.graph.node import INPUT, Node

#: What ``structure=`` takes.
SYMMETRIC, DIAGONAL, FULL = "symmetric", "diagonal", "full"

#: Structure -> the rule by which the derivative over the independent entries is found, by its name.
RULE_NAMES = MappingProxyType({SYMMETRIC: "independent entries of a symmetric matrix", DIAGONAL: "independent entries of a diagonal matrix"})


def structure_of(node: Node, asked: Any = None) -> str | None:
    """The structure that a derivative by a node respects: "symmetric", "diagonal", or None for all entries independent.

    Parameters
    ----------
    node : Node
        A whole tensor.
    asked : str, or a mapping from names to these, optional
        "symmetric", "diagonal" or "full"; when nothing is given, what is declared.

    Raises
    ------
    NameError_
        When there is no such structure.
    ShapeError
        When the tensor is not a square matrix.
    """
    wished = asked.get(str(node.name)) if isinstance(asked, Mapping) else asked
    if wished is None:
        facts = node.attr.facts if node.op == INPUT else frozenset()
        declared = DIAGONAL if DIAGONAL in facts else SYMMETRIC if SYMMETRIC in facts else None
        return declared if _square(node) else None
    if not isinstance(wished, str) or wished not in (SYMMETRIC, DIAGONAL, FULL):
        raise NameError_(f"structure={shown(wished)}: known are 'symmetric', 'diagonal' and 'full' (all entries independent)")
    if wished == FULL:
        return None
    if not _square(node):
        raise ShapeError(f"structure={wished!r}: {node.name} of shape {show_shape(node.shape)} is not a square matrix")
    return str(wished)


def _square(node: Node) -> bool:
    return node.rank == 2 and node.shape[0] == node.shape[1]


def pieces_over_independent(full: Term, kind: str, row: Any, column: Any, size: Any) -> tuple[list[Any], list[Term]]:
    """The derivative over the independent entries as a linear combination; ``row`` and ``column`` are the labels of the matrix's axes."""
    diagonal = build.mul(1, [full], [Delta(row, column, size)])
    if kind == DIAGONAL:
        return [1], [diagonal]
    return [1, 1, -1], [full, rename(full, {row: column, column: row}), diagonal]


def over_independent(full: Term, kind: str, row: Any, column: Any, size: Any) -> Term:
    """G + G.T - diag(G), or diag(G)."""
    return build.add(*pieces_over_independent(full, kind, row, column, size))
