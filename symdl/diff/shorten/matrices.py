"""Inverses that cancel, and functions of inverses."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from symdl.diff.shorten.engine import Rewrite
from symdl.diff.shorten.facts import met_anywhere
from symdl.diff.shorten.pieces import Pieces, own, pieces
from symdl.graph import build
from symdl.graph import node as kinds
from symdl.graph.build import Delta, Term
from symdl.graph.chains import Link, chain_of, chained
from symdl.graph.labels import rename
from symdl.graph.node import Node
from symdl.graph.number import Number, power
from symdl.graph.symmetry import is_symmetric
from symdl.steps.step import Rule

INVERSE = Rule("a matrix times its inverse", r"A^{-1} A = I", "矩阵与其逆之积")
IN_PART = Rule("inverse of a product", r"(A B)^{-1} A = B^{-1}", "乘积的逆")
TWICE = Rule("inverse of an inverse", r"(A^{-1})^{-1} = A", "逆的逆")
OF_DIAGONAL = Rule("inverse of a diagonal matrix", r"\operatorname{diag}(v)^{-1} = \operatorname{diag}(1/v)", "对角矩阵的逆")
OF_MULTIPLE = Rule("inverse of a multiple", r"(c A)^{-1} = A^{-1}/c", "倍数矩阵的逆")
DET_INVERSE = Rule("determinant of an inverse", r"\det A^{-1} = 1/\det A", "逆的行列式")


def _is_inverse(node: Node) -> bool:
    return node.op == kinds.MATRIX and node.attr == "inv"


def _cancels(a: Term, b: Term, label: Any) -> Delta | None:
    """inv(B)[i,k] B[k,j], and B[i,k] inv(B)[k,j]."""
    if not _is_inverse(a.node) or a.node.args[0] is not b.node:
        return None
    for one in (0, 1):
        for other in (0, 1) if is_symmetric(b.node) else (1 - one,):
            if a.map[one] == label == b.map[other]:
                return Delta(a.map[1 - one], b.map[1 - other], a.node.shape[0])
    return None


def _cancels_in_part(a: Term, b: Term, label: Any) -> Term | None:
    """inv(A @ B)[i,k] A[k,j] = inv(B)[i,j], and B[i,k] inv(A @ B)[k,j] = inv(A)[i,j], where all matrices are square."""
    if not _is_inverse(a.node) or len(b.map) != 2 or b.map.count(label) != 1 or a.map.count(label) != 1:
        return None
    chain = chain_of(a.node.args[0])
    if chain is None or len(chain.links) < 2 or any(len(set(link.node.shape)) > 1 for link in chain.links):
        return None
    row, column = a.map
    first, last = chain.links[0], chain.links[-1]
    if label == column and first.node is b.node and not first.diagonal and b.map[1 if first.turned else 0] == label:
        return _inverse_of(chain.coef, chain.links[1:], row, b.map[0 if first.turned else 1])
    if label == row and last.node is b.node and not last.diagonal and b.map[0 if last.turned else 1] == label:
        return _inverse_of(chain.coef, chain.links[:-1], b.map[1 if last.turned else 0], column)
    return None


def _inverse_of(coef: Number, links: Sequence[Link], row: Any, column: Any) -> Term | None:
    """The inverse of a chain."""
    if all(link.diagonal for link in links):
        return None
    inside = chained(coef, links, 0, 1)
    if sorted(inside.map) != [0, 1]:
        return None
    return rename(build.matrix("inv", inside), {0: row, 1: column})


def parts_of_inverse(node: Node) -> Term | None:
    """inv(A @ B) @ A = inv(B)."""
    if not node.attr.summed:
        return None
    return met_anywhere(node, _cancels_in_part)


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


def inverse_of_diagonal(node: Node) -> Term | None:
    """inv(diag(v)) = diag(1/v)."""
    product = pieces(own(node.args[0]))
    if node.attr != "inv" or len(product.deltas) != 1 or not product.factors or any(len(f.map) > 1 for f in product.factors):
        return None
    above = Pieces(product.coef, product.factors, [], product.summed).term()
    return build.mul(1, [build.pow_(above, -1)], product.deltas)


def inverse_of_multiple(node: Node) -> Term | None:
    """inv(c A) = inv(A)/c."""
    product = pieces(own(node.args[0]))
    scalars = [k for k, f in enumerate(product.factors) if not f.map]
    if node.attr != "inv" or product.deltas or (product.coef == 1 and not scalars) or len(scalars) == len(product.factors):
        return None
    matrix = product.without(*scalars)
    matrix.coef = 1
    inside = matrix.term()
    if sorted(inside.map) != [0, 1]:
        return None
    below = [build.pow_(product.factors[k], -1) for k in scalars]
    return build.mul(power(product.coef, -1), [build.matrix("inv", inside), *below])


REWRITES = (
    Rewrite(INVERSE, frozenset({kinds.MUL}), times_inverse),
    Rewrite(IN_PART, frozenset({kinds.MUL}), parts_of_inverse, slack=0),
    Rewrite(OF_DIAGONAL, frozenset({kinds.MATRIX}), inverse_of_diagonal, slack=0),
    Rewrite(OF_MULTIPLE, frozenset({kinds.MATRIX}), inverse_of_multiple, slack=0),
    Rewrite(TWICE, frozenset({kinds.MATRIX}), inverse_twice, slack=0),
)
