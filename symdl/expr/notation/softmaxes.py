"""Softmaxes in the graph, and what complements a sum to 1."""

from __future__ import annotations

from typing import Any

from symdl.graph import build
from symdl.graph import node as kinds
from symdl.graph.labels import Label, Term, fresh
from symdl.graph.node import Node


def softmax_of(node: Node) -> tuple[Term, set[Label]] | None:
    """(z, the labels it runs over) when the node is exp(z - logsumexp(z)); labels are the node's."""
    if node.op != kinds.FN or node.attr != "exp" or node.args[0].op != kinds.ADD:
        return None
    inner = node.args[0]
    outer = dict(enumerate(node.maps[0]))
    terms = [build.rename(Term(a, m), outer) for a, m in inner.terms()]
    for k, (coef, term) in enumerate(zip(inner.attr, terms, strict=True)):
        if coef == -1 and term.node.op == kinds.REDUCE and term.node.attr.kind == "logsumexp":
            rest = build.add([c for p, c in enumerate(inner.attr) if p != k], [t for p, t in enumerate(terms) if p != k])
            over = set(rest.map) - set(term.map)
            long = {e for e, size in zip(rest.map, rest.node.shape, strict=True) if e in over and size != 1}
            labels: dict[Any, Any] = dict(enumerate(term.map)) | {term.node.rank + p: fresh() for p in range(len(term.node.attr.summed))}
            summed = build.rename(Term(term.node.args[0], term.node.maps[0]), labels)
            others = [build.mul(c, [t]) for p, (c, t) in enumerate(zip(inner.attr, terms, strict=True)) if p != k]
            if len(long) == 1 and _same_but_for(others, _addends(summed), over):
                if rest.node is summed.node:
                    return rest, long
                if len(term.node.attr.summed) == 1:  # the argument as the logsumexp has it: a node of the graph
                    here = dict(enumerate(term.map)) | {term.node.rank: next(iter(long))}
                    return build.rename(Term(term.node.args[0], term.node.maps[0]), here), long
    return None


def _addends(term: Term) -> list[Term]:
    if term.node.op != kinds.ADD:
        return [term]
    labels = dict(enumerate(term.map))
    return [build.mul(c, [build.rename(Term(a, m), labels)]) for c, (a, m) in zip(term.node.attr, term.node.terms(), strict=True)]


def _same_but_for(these: list[Term], those: list[Term], over: set[Any]) -> bool:
    """Whether two sums have the same terms, where labels of ``over`` may be others. (Stand-ins for what has a name change the order of terms.)"""
    these = _addends(these[0]) if len(these) == 1 else these
    waiting = list(those)
    for term in these:
        fits = (p for p, t in enumerate(waiting) if t.node is term.node)
        found = next((p for p in fits if all(a == b or a in over for a, b in zip(term.map, waiting[p].map, strict=True))), None)
        if found is None:
            return False
        waiting.pop(found)
    return not waiting


def complement(term: Term) -> Term | None:
    """a, when the term is 1 - a."""
    node = term.node
    if node.op != kinds.ADD or len(node.args) != 2 or node.attr != (-1, 1) or node.args[1].op != kinds.CONST or node.args[1].attr != 1:
        return None
    return build.rename(Term(node.args[0], node.maps[0]), dict(enumerate(term.map)))
