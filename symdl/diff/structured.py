"""Derivatives over the independent entries of symmetric and diagonal matrices, from those as if all entries were independent."""

from __future__ import annotations

from typing import Any

from symdl.diff.shorten import Shortener
from symdl.diff.shorten.table import AT_ADJOINTS
from symdl.expr.structured import DIAGONAL, RULE_NAMES, SYMMETRIC, over_independent, pieces_over_independent, structure_of
from symdl.expr.tensor import Expr
from symdl.graph import build
from symdl.graph.node import Node
from symdl.graph.symmetry import upright
from symdl.steps.step import Rule, Step

INDEPENDENT = Rule(
    RULE_NAMES[SYMMETRIC],
    r"\frac{\partial f}{\partial X}\Big|_{X = X^{\top}} = G + G^{\top} - G \circ I",
    "对称矩阵的独立元素",
)
ON_DIAGONAL = Rule(RULE_NAMES[DIAGONAL], r"\frac{\partial f}{\partial X}\Big|_{X\ \mathrm{diagonal}} = G \circ I", "对角矩阵的独立元素")


def restricted(full: Expr, node: Node, asked: Any, forward: frozenset[Node]) -> tuple[Expr, Step | None]:
    """A derivative by a node, whose axes are the last ones, over the node's independent entries; and the step by which it is found.

    Parameters
    ----------
    full : Expr
        The derivative as if all entries were independent.
    node : Node
    asked : str, mapping or None
        As for ``structure_of``.
    forward : frozenset of Node
        What the user wrote, which stays as it is.
    """
    kind = structure_of(node, asked)
    if kind is None:
        return full, None
    row, column = full.ndim - 2, full.ndim - 1
    coefs, terms = pieces_over_independent(full.term, kind, row, column, node.shape[0])
    formal = build.formal_sum([build.mul(c, [t]) for c, t in zip(coefs, terms, strict=True)])
    term = over_independent(upright(full.term), kind, row, column, node.shape[0])
    shortened = Shortener(AT_ADJOINTS, forward.__contains__).steps([term])
    found = Expr(upright(shortened[-1][1][0] if shortened else term), full.shape, full.open)
    return found, Step(INDEPENDENT if kind == SYMMETRIC else ON_DIAGONAL, Expr(formal, full.shape, full.open), found, "")
