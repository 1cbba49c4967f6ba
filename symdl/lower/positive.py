"""What is positive for all reals, as far as a look at its form tells: the rewrites before lowering take logarithms and roots of it apart."""

from __future__ import annotations

from typing import Any

import sympy as sp

from symdl.graph import node as kinds
from symdl.graph.build import Term
from symdl.lower.behind import inside
from symdl.lower.machine import COSIGMOID, COSOFTPLUS, ERFC, GAUSS, GAUSS_PLAIN, NORMAL, SECH

#: Functions that have positive values only.
POSITIVE = frozenset(["exp", "sigmoid", COSIGMOID, "softplus", COSOFTPLUS, "cosh", ERFC, NORMAL, GAUSS, GAUSS_PLAIN, SECH])
#: And those that have no negative ones.
NOT_NEGATIVE = frozenset(["abs", "relu"])

#: How deep it looks.
DEPTH = 6


def is_positive_number(c: Any) -> bool:
    """A coefficient above 0; sizes are."""
    return bool(c.is_positive) if isinstance(c, sp.Expr) else c > 0


def is_positive(term: Term, depth: int = DEPTH) -> bool:
    """Whether the term is above 0 at all reals (where it is defined)."""
    found = inside(term)
    node = found.node
    if node.op == kinds.CONST:
        return is_positive_number(node.attr)
    if node.op == kinds.FN:
        return node.attr in POSITIVE
    if not depth:
        return False
    if node.op == kinds.POW:
        return is_positive(_parts(found)[0], depth - 1)
    if node.op == kinds.MUL:
        return not node.attr.deltas and is_positive_number(node.attr.coef) and all(is_positive(t, depth - 1) for t in _parts(found))
    if node.op == kinds.ADD and len(node.args) <= DEPTH and all(map(is_positive_number, node.attr)):
        parts = _parts(found)
        return all(is_not_negative(t, depth - 1) for t in parts) and any(is_positive(t, depth - 1) for t in parts)
    return False


def is_not_negative(term: Term, depth: int = DEPTH) -> bool:
    """Whether the term is never below 0."""
    found = inside(term)
    node = found.node
    if node.op == kinds.FN and node.attr in NOT_NEGATIVE:
        return True
    if node.op == kinds.POW and type(node.attr) is int and node.attr % 2 == 0:
        return True
    if depth and node.op == kinds.MUL and is_positive_number(node.attr.coef):
        return all(is_not_negative(t, depth - 1) for t in _parts(found))
    return is_positive(found, depth)


def _parts(term: Term) -> list[Term]:
    """The arguments; at which indices does not matter."""
    return [Term(a, tuple(range(a.rank))) for a in term.node.args]
