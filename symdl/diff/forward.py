"""The forward sweep: the differential of an expression, linear in the differentials of what it depends on.

    d u = Sum over arguments v of (local partial du/dv) . dv,

with the local partials of ``local.py``, so that d tr(A X) = tr(A dX) and d X^-1 = -X^-1 dX X^-1 come out of the same table as gradients. No
recursion, and every node once.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from symdl.diff.fused import fused
from symdl.diff.reverse import Edge, locals_of
from symdl.diff.shorten import Shortener
from symdl.diff.shorten.finish import finished
from symdl.diff.shorten.table import AT_ADJOINTS
from symdl.errors import UnsupportedError
from symdl.expr.tensor import Expr
from symdl.graph import build
from symdl.graph.build import Term
from symdl.graph.labels import rename
from symdl.graph.node import RECUR, Node, Size
from symdl.graph.walk import consumers, depends_on, topological


def differential(out: Expr, directions: Mapping[Node, Expr]) -> Expr:
    """The derivative of ``out`` along directions, of out's shape.

    Parameters
    ----------
    out : Expr
    directions : mapping
        Node -> its differential, of its shape.

    Raises
    ------
    UnsupportedError
        For recurrences, whose forward sweep is a recurrence of its own.
    """
    order = topological([out.node])
    relevant = depends_on(order, directions)
    uses, hidden = fused(order, consumers(order), relevant)
    shortener = Shortener(AT_ADJOINTS, frozenset(order).__contains__)
    tangents: dict[Node, Term] = {}
    edges = _edges(uses)
    for u in order:
        if u not in relevant or u in hidden:
            continue
        if u.op == RECUR:
            raise UnsupportedError("a recurrence has no differential so far: use sd.jvp(expr, x, v), which goes through it backwards")
        parts = [_carried(tangents[v], v, edge) for v, edge in edges.get(u, ()) if v in tangents]
        if u in directions:
            parts.append(directions[u].term)
        total = build.add([1] * len(parts), parts)
        rewritten = shortener.at(total)
        tangents[u] = rewritten[-1][1][0] if rewritten else total
    found = rename(tangents[out.node], dict(enumerate(out.map))) if out.node in tangents else build.constant(0)
    steps = finished([found], order, shortener)
    return Expr(steps[-1][1][0] if steps else found, out.shape, out.open)


def _edges(uses: Mapping[Node, list[tuple[Node, int]]]) -> dict[Node, list[tuple[Node, Edge]]]:
    """By user: the arguments that it depends on, with the local partials."""
    found: dict[Node, list[tuple[Node, Edge]]] = {}
    for v, users in uses.items():
        for u, position in users:
            if u.op != RECUR:
                found.setdefault(u, []).extend((v, Edge(u, position, local)) for local in locals_of(u, position))
    return found


def _carried(tangent: Term, v: Node, edge: Edge) -> Term:
    """du/dv . dv: the sum over v's axes; the deltas of the local partial collapse here."""
    moved = rename(tangent, {axis: ("d", axis) for axis in range(v.rank)})
    summed: dict[Any, Size] = {("d", axis): size for axis, size in enumerate(v.shape)}
    return build.mul(edge.local.coef, [moved, *edge.local.factors], edge.local.deltas, {**summed, **edge.local.summed})
