"""Looking through the names of adjoints: what a rewrite would do if they were written out."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterable

from symdl.diff.shorten.engine import Rewrite
from symdl.graph import node as kinds
from symdl.graph.build import Term
from symdl.graph.labels import inner_terms
from symdl.graph.node import Node
from symdl.graph.rebuild import placed, rebuild
from symdl.steps.step import Rule

WRITTEN_OUT = Rule("write out and cancel", r"\delta = a u:\ \delta/a = u", "代入并约分")


def written(node: Node) -> Term | None:
    """The node with the adjoints that stand in it as factors or terms written out; None when there are none."""
    if node not in _written:
        term = _opened(node, 2)
        _written[node] = None if term.node is node else term
    return _written[node]


_written: weakref.WeakKeyDictionary[Node, Term | None] = weakref.WeakKeyDictionary()


def _opened(node: Node, depth: int) -> Term:
    args = []
    for arg, entries in node.terms():
        term = Term(arg, entries)
        if arg.op == kinds.LET and arg.attr.role == "adjoint":
            term = inner_terms(term)[0]
        elif arg.op in (kinds.MUL, kinds.ADD) and depth:
            term = placed(_opened(arg, depth - 1), entries)
        args.append(term)
    return rebuild(node, args)


def _through(apply: Callable[[Node], Term | None]) -> Callable[[Node], Term | None]:
    def applied(node: Node) -> Term | None:
        term = written(node)
        found = apply(term.node) if term is not None and term.node.op == node.op else None
        return None if found is None else placed(found, term.map)  # type: ignore[union-attr]

    return applied


def through_names(rewrites: Iterable[Rewrite]) -> tuple[Rewrite, ...]:
    """The same rewrites, of what the names of adjoints stand for."""
    both = frozenset({kinds.ADD, kinds.MUL})
    inside = (Rewrite(r.rule, r.ops & both, _through(r.apply)) for r in rewrites if r.ops & both)
    return Rewrite(WRITTEN_OUT, both, written), *inside
