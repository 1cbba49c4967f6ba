"""Axes of size 1 taken out of a graph: they stand at position 0 wherever they occur, and nothing is summed over them.

SymPy's column vectors have two axes. Without the second they are vectors, and the layout in array notation finds the matrix products they stand in.
"""

from __future__ import annotations

from typing import Any

from symdl.expr.tensor import Expr
from symdl.graph import build
from symdl.graph import node as kinds
from symdl.graph.labels import Term, is_fixed
from symdl.graph.node import Node
from symdl.graph.rebuild import rebuild
from symdl.graph.walk import topological

#: Kinds that take their arguments as they stand.
_WHOLE = frozenset({kinds.MATRIX, kinds.PARTIAL, kinds.RECUR})


def squeezed(expr: Expr) -> Expr:
    """The same expression, of the same shape; names of definitions are gone."""
    done: dict[Node, Term] = {}
    for node in topological([expr.node]):
        args = [] if node.op in _WHOLE else [_at(done[a], m, node) for a, m in node.terms()]
        done[node] = _thin(node, args)
    found = done[expr.node]
    place = {k: ~0 if size == 1 else e for k, (size, e) in enumerate(zip(expr.node.shape, expr.map, strict=True))}
    term = build.rename(found, place)
    return Expr(build.rename(term, {k: ~0 for k, size in enumerate(expr.shape) if size == 1}), expr.shape, expr.open)


def _at(term: Term, entries: tuple[Any, ...], user: Node) -> Term:
    """An argument in its user's labels; those that run over one position are that position."""
    sizes = user.sizes()
    return build.rename(term, {k: ~0 if not is_fixed(e) and sizes[e] == 1 else e for k, e in enumerate(entries)})


def _thin(node: Node, args: list[Term]) -> Term:
    own = tuple(~0 if size == 1 else k for k, size in enumerate(node.shape))
    if not args:
        return Term(node, own)
    if node.op == kinds.LET:
        return args[0]
    if node.op == kinds.REDUCE:
        long: dict[Any, Any] = {k: size for k, size in enumerate(node.attr.summed, start=node.rank) if size != 1}
        return build.reduce_(node.attr.kind, args[0], long)
    made = rebuild(node, args)
    return build.rename(made, {k: ~0 for k, size in enumerate(node.shape) if size == 1})
