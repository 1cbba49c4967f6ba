"""Looking behind the names of intermediate results: what the rewrites before lowering match."""

from __future__ import annotations

from symdl.graph import node as kinds
from symdl.graph.labels import Term
from symdl.graph.rebuild import placed


def inside(term: Term) -> Term:
    """The term behind names."""
    while term.node.op == kinds.LET:
        term = placed(Term(term.node.args[0], term.node.maps[0]), term.map)
    return term


def argument(term: Term, name: str) -> Term | None:
    """z when the term is name(z), by whatever name it is known."""
    inner = inside(term)
    if inner.node.op == kinds.FN and inner.node.attr == name:
        return placed(Term(inner.node.args[0], inner.node.maps[0]), inner.map)
    return None


def arguments(term: Term) -> list[Term]:
    """The arguments of the term's node, in its labels."""
    return [placed(Term(a, m), term.map) for a, m in term.node.terms()]
