"""What is declared of inputs, used: symmetric, onehot, simplex, orthogonal, positive (and what follows for expressions made of them)."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

from symdl.diff.shorten.engine import Rewrite
from symdl.diff.shorten.pieces import Pieces, base, own, pieces
from symdl.expr.notation.softmaxes import softmax_of
from symdl.graph import build
from symdl.graph import node as kinds
from symdl.graph.build import Delta, Term
from symdl.graph.labels import inner_deltas, inner_terms, is_fixed
from symdl.graph.node import Node
from symdl.graph.number import is_negative, to_sympy
from symdl.graph.symmetry import has, oriented, upright
from symdl.steps.step import Rule

SYMMETRIC = Rule("a symmetric matrix is its own transpose", r"A^{\top} = A", "对称矩阵")
DIAGONAL = Rule("a diagonal matrix is its own diagonal", r"D \circ I = D", "对角矩阵只有对角元")
ONE = Rule("probabilities sum to one", r"\sum_i p_i = 1", "概率之和为一")
ZERO_ONE = Rule("the entries are 0 or 1", r"y^2 = y", "元素为 0 或 1")
PICKED = Rule("one-hot rows pick an element", r"y_i \sum_k y_k u_k = y_i u_i", "独热向量选取元素")
ORTHOGONAL = Rule("orthogonal matrix", r"Q^{\top} Q = I", "正交矩阵")
POSITIVE = Rule("positive values", r"x > 0:\ |x| = \sqrt{x^2} = x", "正数")

#: How deep in an expression a fact is looked for.
DEPTH = 6

_IS_POSITIVE = frozenset({"positive", "unit"})
_SUMS_TO_ONE = frozenset({"onehot", "simplex"})


# --- symmetric ----------------------------------------------------------------------------------------------------


def symmetric(node: Node) -> Term | None:
    """A.T = A for the arguments of a node."""
    if not any(len(m) == 2 and m[0] > m[1] for m in node.maps):
        return None
    turned = oriented(own(node))
    return None if turned.node is node else turned


def is_diagonal(node: Node, depth: int = DEPTH) -> bool:
    """True for a matrix that is 0 off its diagonal, by what is declared or by how it is made."""
    if node.rank != 2 or depth == 0:
        return False
    if node.op == kinds.INPUT:
        return has(node, "diagonal")
    if node.op == kinds.LET or (node.op == kinds.MATRIX and node.attr == "inv"):
        return is_diagonal(node.args[0], depth - 1)
    if node.op == kinds.MUL and any({d.a, d.b} == {0, 1} for d in inner_deltas(node, {0: 0, 1: 1})):
        return True
    return node.op == kinds.ADD and all(a.rank == 2 and is_diagonal(a, depth - 1) for a in node.args)


def own_diagonal(node: Node) -> Term | None:
    """D_ii delta_ij = D_ij."""
    product = pieces(own(node))
    for position, factor in enumerate(product.factors):
        if len(factor.map) != 2 or factor.map[0] != factor.map[1] or is_fixed(factor.map[0]) or not is_diagonal(factor.node):
            continue
        found = next((d for d in product.deltas if factor.map[0] in (d.a, d.b) and not is_fixed(d.a) and not is_fixed(d.b)), None)
        if found is not None:
            rest = product.without(position)
            rest.deltas.remove(found)
            rest.factors.append(upright(Term(factor.node, (found.a, found.b))))
            return rest.term()
    return None


# --- sums to one --------------------------------------------------------------------------------------------------


def sums_to_one(term: Term, label: Any, depth: int = DEPTH) -> bool:
    """Sum of the term over a label is 1."""
    node = term.node
    if term.map.count(label) != 1 or depth == 0:
        return False
    if node.op == kinds.INPUT:
        return has(node, *_SUMS_TO_ONE) and term.map[-1] == label
    if node.op == kinds.LET:
        return sums_to_one(inner_terms(term)[0], label, depth - 1)
    found = softmax_of(node)
    if found is None:
        return False
    at: dict[Any, Any] = dict(enumerate(term.map))
    return {at[k] for k in found[1]} == {label}


def one(node: Node) -> Term | None:
    """Sum_k p[k] = 1, in a product of what does not depend on k."""
    if not node.attr.summed:
        return None
    product = pieces(own(node))
    for label in product.summed:
        if product.uses(label) != 1:
            continue
        for position, factor in enumerate(product.factors):
            if sums_to_one(factor, label):
                rest = product.without(position)
                del rest.summed[label]
                lost = {e for e in factor.map if e in rest.summed and not rest.uses(e)}
                return None if lost - {label} and any(is_fixed(e) for e in lost) else rest.term()
    return None


def zero_or_one(node: Node) -> Term | None:
    """y**k = y for one-hot y and k > 0."""
    if is_negative(node.attr) or not to_sympy(node.attr).is_number or not has(node.args[0], "onehot"):
        return None
    return Term(node.args[0], node.maps[0])


def picked(node: Node) -> Term | None:
    """y_i (Sum_k y_k u_k)**e = y_i u_i**e for one-hot y, since all other products are 0."""
    product = pieces(own(node))
    for y in product.factors:
        if not has(y.node, "onehot") or any(is_fixed(e) for e in y.map) or len(set(y.map)) < len(y.map):
            continue
        for position, factor in enumerate(product.factors):
            bottom, exponent = base(factor)
            one_of = _one_of(bottom, y, is_negative(exponent))
            if one_of is not None:
                rest = product.without(position)
                rest.factors.append(build.pow_(one_of, exponent))
                return rest.term()
    return None


def _one_of(term: Term, y: Term, below: bool) -> Term | None:
    """u_i, when the term is Sum_k y_k u_k; under a fraction line only where no element of u is 0."""
    inner = pieces(term) if term.node.op == kinds.MUL and len(term.node.attr.summed) == 1 else None
    if inner is None or inner.deltas:
        return None
    (label,) = inner.summed
    where = Term(y.node, (*y.map[:-1], label))
    if where not in inner.factors or len(inner.factors) < 2:
        return None
    rest = inner.without(inner.factors.index(where))
    rest.summed = {}
    if below and not all(is_positive(f.node) for f in rest.factors):
        return None
    return rest.renamed({label: y.map[-1]}).term()


# --- orthogonal ---------------------------------------------------------------------------------------------------


def met(product: Pieces, cancels: Callable[[Term, Term, Any], Delta | Term | None]) -> Pieces | None:
    """Two factors that meet in a sum over a label which nothing else has, replaced by the delta or the matrix that their contraction is."""
    for label in product.summed:
        users = [k for k, f in enumerate(product.factors) if label in f.map]
        if len(users) != 2 or product.uses(label) != 2:
            continue
        first, second = (product.factors[k] for k in users)
        found = cancels(first, second, label) or cancels(second, first, label)
        if found is not None:
            rest = product.without(*users)
            del rest.summed[label]
            if isinstance(found, Delta):
                rest.deltas.append(found)
            else:
                rest.factors.append(found)
            return rest
    return None


def met_anywhere(node: Node, cancels: Callable[[Term, Term, Any], Delta | Term | None]) -> Term | None:
    """The same, inside sums of products that stand in the product too."""
    product = pieces(own(node))
    views = [product] + [product.opened(k) for k, f in enumerate(product.factors) if f.node.op == kinds.MUL and f.node.attr.summed]
    for view in views:
        found = met(view, cancels) if view.summed else None
        if found is not None:
            return found.term()
    return None


def _rotations(a: Term, b: Term, label: Any) -> Delta | None:
    """Sum_k Q[k,i] Q[k,j], and the same with rows."""
    if a.node is not b.node or not has(a.node, "orthogonal"):
        return None
    for axis in (0, 1):
        if a.map[axis] == label == b.map[axis]:
            return Delta(a.map[1 - axis], b.map[1 - axis], a.node.shape[0])
    return None


def orthogonal(node: Node) -> Term | None:
    """Q.T @ Q = I."""
    if not node.attr.summed:
        return None
    return met_anywhere(node, _rotations)


def inverse_of_orthogonal(node: Node) -> Term | None:
    """inv(Q) = Q.T."""
    return Term(node.args[0], (1, 0)) if node.attr == "inv" and has(node.args[0], "orthogonal") else None


# --- positive -----------------------------------------------------------------------------------------------------


def is_positive(node: Node, depth: int = DEPTH) -> bool:
    """True when every value is above zero, by what is declared or by how it is made."""
    if depth == 0:
        return False
    if node.op == kinds.INPUT:
        return (has(node, *_IS_POSITIVE) and not has(node, "diagonal", "onehot")) or bool(getattr(node.attr.atom, "is_positive", False))
    if node.op == kinds.CONST:
        return bool(to_sympy(node.attr).is_positive)
    if node.op == kinds.FN:
        return node.attr in _POSITIVE_FUNCTIONS
    if node.op == kinds.ADD:
        weighted = [c == 1 if a.op == kinds.CONST else not is_negative(c) for c, a in zip(node.attr, node.args, strict=True)]
        return all(weighted) and all(is_positive(a, depth - 1) for a in node.args)
    if node.op == kinds.MUL:
        return bool(to_sympy(node.attr.coef).is_positive) and not node.attr.deltas and all(is_positive(a, depth - 1) for a in node.args)
    return node.op in (kinds.POW, kinds.LET) and is_positive(node.args[0], depth - 1)


_POSITIVE_FUNCTIONS = frozenset({"exp", "sigmoid", "softplus", "cosh"})


def positive_function(node: Node) -> Term | None:
    """|x| = x, relu(x) = x, sign(x) = 1 for x > 0."""
    if node.attr not in _AT_POSITIVE or not is_positive(node.args[0]):
        return None
    return _AT_POSITIVE[node.attr](Term(node.args[0], node.maps[0]))


_AT_POSITIVE: dict[str, Callable[[Term], Term]] = {
    "abs": lambda x: x,
    "relu": lambda x: x,
    "sign": lambda x: build.constant(1),
    "positive": lambda x: build.constant(1),
    "step": lambda x: build.constant(1),
}


def positive_root(node: Node) -> Term | None:
    """(x**a)**b = x**(a b) for x > 0, where a b is simpler."""
    inner = node.args[0]
    if inner.op != kinds.POW or not isinstance(node.attr, Fraction) or inner.args[0].op == kinds.ADD or not is_positive(inner.args[0]):
        return None
    bottom, exponent = base(Term(inner, node.maps[0]))
    return build.pow_(bottom, to_sympy(exponent) * to_sympy(node.attr))


REWRITES = (
    Rewrite(SYMMETRIC, frozenset({kinds.ADD, kinds.MUL, kinds.FN, kinds.POW, kinds.REDUCE}), symmetric, slack=0),
    Rewrite(DIAGONAL, frozenset({kinds.MUL}), own_diagonal),
    Rewrite(ONE, frozenset({kinds.MUL}), one),
    Rewrite(ZERO_ONE, frozenset({kinds.POW}), zero_or_one),
    Rewrite(PICKED, frozenset({kinds.MUL}), picked),
    Rewrite(ORTHOGONAL, frozenset({kinds.MUL}), orthogonal),
    Rewrite(ORTHOGONAL, frozenset({kinds.MATRIX}), inverse_of_orthogonal),
    Rewrite(POSITIVE, frozenset({kinds.FN}), positive_function),
    Rewrite(POSITIVE, frozenset({kinds.POW}), positive_root),
)
