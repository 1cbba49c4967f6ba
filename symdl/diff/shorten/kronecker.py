"""Inverses of Kronecker products."""

from __future__ import annotations

from typing import Any

from symdl.diff.shorten.engine import Rewrite
from symdl.graph import build
from symdl.graph import node as kinds
from symdl.graph.build import Delta, Term
from symdl.graph.digits import Kronecker, kronecker_of
from symdl.graph.labels import rename
from symdl.graph.node import Node
from symdl.graph.number import Number, number, power, times
from symdl.steps.step import Rule

INVERSE = Rule("inverse of a Kronecker product", r"(A \otimes B)^{-1} = A^{-1} \otimes B^{-1}", "克罗内克积的逆")

MIXED = Rule("mixed product", r"(A \otimes B)(C \otimes D) = A C \otimes B D", "混合积")

#: It is longer by a call or two, and cancels where the product does not.
SLACK = 24


def inverse(node: Node) -> Term | None:
    """inv(kron(A, B)) = kron(inv(A), inv(B)), for square A and B."""
    product = node.args[0]
    blocks = kronecker_of(product) if node.attr == "inv" else None
    if blocks is None or product.rank != 2:
        return None
    sizes = product.sizes()
    sides = []
    for which, axes in enumerate(zip(*blocks.rows, strict=True)):
        side = _side(product, blocks, which)
        if sizes[axes[0]] != sizes[axes[1]] or sorted(side.map) != sorted(axes):
            return None
        sides.append(build.matrix("inv", side))
    return _assembled(power(product.attr.coef, -1), product, blocks, sides)


def mixed(node: Node) -> Term | None:
    """kron(A, B) @ kron(C, D) = kron(A @ C, B @ D): each side a product of its own."""
    blocks = kronecker_of(node)
    if blocks is None or len(node.attr.summed) == 2 * node.rank:
        return None
    return _assembled(node.attr.coef, node, blocks, [_side(node, blocks, which) for which in (0, 1)])


def _side(product: Node, blocks: Kronecker, which: int) -> Term:
    """One side, in the product's own index numbers."""
    sizes = product.sizes()
    axes = {pair[which] for pair in blocks.rows}
    factors, pairs = (blocks.right, blocks.right_deltas) if which else (blocks.left, blocks.left_deltas)
    used = {e for t in factors for e in t.map if e >= 0} | {e for d in pairs for e in d}
    return build.mul(1, factors, [Delta(a, b, sizes[a]) for a, b in pairs], {e: sizes[e] for e in used - axes})


def _assembled(coef: Number, product: Node, blocks: Kronecker, sides: list[Term]) -> Term:
    """coef * kron of two sides, on the product's axes."""
    sizes = product.sizes()
    digits = {k: ("digit", k) for pair in blocks.rows for k in pair}
    equations = []
    for axis, (slow, fast) in enumerate(blocks.rows):
        positions = [build.position(sizes[axis], axis), build.position(sizes[slow], digits[slow]), build.position(sizes[fast], digits[fast])]
        equations.append(build.fn("iszero", [build.add([1, times(-1, number(sizes[fast])), -1], positions)]))
    summed: dict[Any, Any] = {label: sizes[k] for k, label in digits.items()}
    return build.mul(coef, [*(rename(t, digits) for t in sides), *equations], (), summed)


REWRITES = (
    Rewrite(INVERSE, frozenset({kinds.MATRIX}), inverse, slack=SLACK),
    Rewrite(MIXED, frozenset({kinds.MUL}), mixed, slack=SLACK),
)
