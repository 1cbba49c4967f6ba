"""Inverses that cancel, and functions of inverses."""

from __future__ import annotations

from typing import Any

from symdl.diff.shorten.engine import Rewrite
from symdl.diff.shorten.facts import met_anywhere
from symdl.diff.shorten.pieces import own
from symdl.graph import build
from symdl.graph import node as kinds
from symdl.graph.build import Delta, Term
from symdl.graph.node import Node
from symdl.steps.step import Rule

INVERSE = Rule("a matrix times its inverse", r"A^{-1} A = I", "矩阵与其逆之积")
TWICE = Rule("inverse of an inverse", r"(A^{-1})^{-1} = A", "逆的逆")
DET_INVERSE = Rule("determinant of an inverse", r"\det A^{-1} = 1/\det A", "逆的行列式")


def _is_inverse(node: Node) -> bool:
    return node.op == kinds.MATRIX and node.attr == "inv"


def _cancels(a: Term, b: Term, label: Any) -> Delta | None:
    """inv(B)[i,k] B[k,j], and B[i,k] inv(B)[k,j]."""
    if not _is_inverse(a.node) or a.node.args[0] is not b.node:
        return None
    for axis in (0, 1):
        if a.map[1 - axis] == label == b.map[axis]:
            return Delta(a.map[axis], b.map[1 - axis], a.node.shape[0])
    return None


def times_inverse(node: Node) -> Term | None:
    """inv(A) @ A = I."""
    if not node.attr.summed:
        return None
    return met_anywhere(node, _cancels)


def inverse_twice(node: Node) -> Term | None:
    """inv(inv(A)) = A, det(inv(A)) = 1/det(A), logdet(inv(A)) = -logdet(A)."""
    if not _is_inverse(node.args[0]):
        return None
    inner = node.args[0].args[0]
    if node.attr == "inv":
        return own(inner)
    if node.attr not in ("det", "logdet"):
        return None
    value = build.matrix(node.attr, own(inner))
    return build.pow_(value, -1) if node.attr == "det" else build.mul(-1, [value])


REWRITES = (
    Rewrite(INVERSE, frozenset({kinds.MUL}), times_inverse),
    Rewrite(TWICE, frozenset({kinds.MATRIX}), inverse_twice, slack=0),
)
