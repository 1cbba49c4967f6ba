"""Columns: expressions of n x 1 matrices are written with n x 1 matrices, 2*X.T @ (X @ w - y), and not with vectors that lost an axis.

An axis of one position that a result does not depend on comes from matrices that have such an axis: x[i, 0], or a sum over the one position. These are
given the result's axis back, so that a matrix product stays one. For printing only: values are the same.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

from symdl.graph import build
from symdl.graph import node as kinds
from symdl.graph.labels import Delta, Term, fresh, rename
from symdl.graph.node import Node, Size
from symdl.graph.rebuild import placed, rebuild
from symdl.graph.walk import topological

#: The axis of one position, while a node is looked at for itself.
ONE = ("one",)

#: Larger graphs are written as they are.
MAX_NODES = 2000


def with_columns(term: Term, shape: Sequence[Size], named: Collection[Node]) -> Term:
    """The term with the axis of one position that a matrix of this shape has and it does not mention, where its own matrices have one.

    With more than two axes (the Jacobian of a column by a column) it is the other way round: axes of one position are left out, to be put in at the end.

    Parameters
    ----------
    term : Term
        Labels 0, 1, ... are the axes of the shape.
    shape : sequence of sizes
    named : collection of Node
        Nodes that are written by name.
    """
    ones = [axis for axis, size in enumerate(shape) if size == 1]
    if len(shape) > 2:
        return _fixed(term, frozenset(ones)) if len(ones) < len(shape) else term
    if len(shape) == 2 and len(ones) == 1 and ones[0] not in term.map and term.map:
        found = _lifted(term, named)
        if found is not None:
            return rename(found, {ONE: ones[0]})
    return term


def _fixed(term: Term, ones: Collection[Any], depth: int = 3) -> Term:
    """The term at the position that these axes have; sums and products of more than two axes at that of their arguments."""
    if not ones or not any(e in ones for e in term.map):
        return term
    node = term.node
    if depth and node.rank > 2 and node.op in (kinds.ADD, kinds.MUL):
        inner = frozenset(axis for axis, e in enumerate(term.map) if e in ones)
        made = rebuild(node, [_fixed(Term(a, m), inner, depth - 1) for a, m in node.terms()])
        term = placed(made, term.map)
    return Term(term.node, tuple(~0 if e in ones else e for e in term.map))


def filled(node: Node, named: Collection[Node]) -> list[Term]:
    """The arguments of an elementwise operation with an axis of one position, given that axis where they can have it."""
    terms = [Term(a, m) for a, m in node.terms()]
    ones = [axis for axis, size in enumerate(node.shape) if size == 1]
    if len(ones) != 1 or node.rank != 2:
        return terms
    (one,) = ones
    lifted = [_lifted(t, named) if t.map and one not in t.map and len(t.map) < 3 else None for t in terms]
    return [t if found is None else rename(found, {ONE: one}) for t, found in zip(terms, lifted, strict=True)]


def _lifted(term: Term, named: Collection[Node]) -> Term | None:
    """The term with the label ONE on it."""
    here = _with_one(term)
    if here is not None:
        return here
    order = topological([term.node], stop=lambda n: n in named or n.op not in _LIFT)
    if len(order) > MAX_NODES:
        return None
    done: dict[Node, Term | None] = {}
    for node in order:
        done[node] = None if node in named or node.op not in _LIFT else _LIFT[node.op](node, done)
    found = done[term.node]
    return None if found is None else placed(found, term.map)


def _with_one(term: Term) -> Term | None:
    """x[i, 0] as x[i, ONE], where the axis has one position."""
    for axis, (entry, size) in enumerate(zip(term.map, term.node.shape, strict=True)):
        if entry == ~0 and size == 1 and len(term.map) > 1:
            return Term(term.node, (*term.map[:axis], ONE, *term.map[axis + 1 :]))
    return None


def _argument(arg: Node, entries: tuple[Any, ...], done: dict[Node, Term | None]) -> Term | None:
    term = Term(arg, entries)
    here = _with_one(term)
    if here is not None:
        return here
    inner = done.get(arg)
    return None if inner is None else placed(inner, entries)


def _together(node: Node, done: dict[Node, Term | None]) -> Term | None:
    """Elementwise operations: every argument with axes gets the one."""
    args: list[Term] = []
    for arg, entries in node.terms():
        lifted = _argument(arg, entries, done) if entries else Term(arg, entries)
        if lifted is None:
            return None
        args.append(lifted)
    if not any(ONE in a.map for a in args):
        return None
    return rebuild(node, args) if node.op != kinds.LET else args[0]


def _product(node: Node, done: dict[Node, Term | None]) -> Term | None:
    """Vectors among the factors become columns; a sum over one position becomes the axis."""
    sizes = node.sizes()
    ones = {k for k in range(node.rank, len(sizes)) if sizes[k] == 1}
    labels: dict[Any, Any] = dict.fromkeys(ones, ONE)
    summed = {}
    for k in range(node.rank, len(sizes)):
        if k not in ones:
            labels[k] = label = fresh()
            summed[label] = sizes[k]
    factors = []
    for arg, entries in node.terms():
        term = rename(Term(arg, entries), labels)
        rank = len({e for e in term.map if e != ONE and not (type(e) is int and e < 0)})
        if ONE not in term.map and rank == 1:
            lifted = _argument(arg, entries, done)
            if lifted is None:
                return None
            term = rename(lifted, labels)
        factors.append(term)
    if not any(ONE in t.map for t in factors):
        return None
    deltas = [Delta(labels.get(a, a), labels.get(b, b), sizes[a]) for a, b in node.attr.deltas]
    return build.mul(node.attr.coef, factors, deltas, summed)


_LIFT = {
    kinds.ADD: _together,
    kinds.FN: _together,
    kinds.POW: _together,
    kinds.LET: _together,
    kinds.MUL: _product,
}


def joined(node: Node, named: Collection[Node], single: bool) -> tuple[list[Term], list[int], frozenset[int]]:
    """The factors of a product, its summed indices, and those of them that have one position.

    All sums over one position are made one sum, Sum_st a[i,s]*b[j,t] = Sum_s a[i,s]*b[j,s] = a @ b.T, and columns that lost their axis join in.

    Parameters
    ----------
    node : Node
    named : collection of Node
    single : bool
        Whether there are axes of one position under the node.
    """
    sizes = node.sizes()
    terms = [Term(a, m) for a, m in node.terms()]
    summed = list(range(node.rank, len(sizes)))
    if not single:
        return terms, summed, frozenset()
    free = [k for k in range(node.rank) if sizes[k] == 1]
    ones = [k for k in summed if sizes[k] == 1]
    first = free[0] if len(free) == 1 and node.rank == 2 else ones[0] if ones else len(sizes)
    labels: dict[Any, Any] = {k: first for k in ones if first not in free}
    terms = [rename(t, labels) for t in terms]
    vectors = [k for k, t in enumerate(terms) if first not in t.map and len({e for e in t.map if e >= 0}) == 1]
    if vectors and (first < len(sizes) or len({terms[k].map for k in vectors}) > 1):
        lifted = {k: _lifted(terms[k], named) for k in vectors}
        if all(t is not None for t in lifted.values()):
            terms = [rename(lifted[k], {ONE: first}) if k in lifted else t for k, t in enumerate(terms)]  # type: ignore[arg-type]
            if first == len(sizes):
                ones = [first]
    kept = [k for k in summed if k not in ones or (first in free)]
    over = [] if first in free or not ones else [first]
    return terms, [*kept, *over], frozenset(over) | (frozenset(ones) if first in free else frozenset())
