"""Applying rewrites: one after the other, each everywhere, each remembered by name.

A rewrite looks at one node and answers with a term that has the same values, in the node's labels 0, 1, ..., or with None. It is taken when the
formula gets shorter by it. Nodes are looked at once; what is above a change is built anew.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from symdl.diff.shorten.length import length
from symdl.diff.shorten.pieces import own
from symdl.diff.shorten.quiet import Quiet
from symdl.graph import build
from symdl.graph.build import Term
from symdl.graph.node import ADD, FN, MATRIX, MUL, REDUCE, Node
from symdl.graph.rebuild import placed, rebuild
from symdl.graph.walk import topological
from symdl.steps.step import Rule


@dataclass(frozen=True, eq=False)
class Rewrite:
    """A named identity that makes formulas shorter.

    Attributes
    ----------
    rule : Rule
    ops : frozenset of str
        The kinds of node at which it begins.
    apply : callable
        Node -> Term of the same values in the labels 0, 1, ..., or None.
    slack : int
        How much longer the formula may get: recognitions and canonical orders are taken at the same length.
    """

    rule: Rule
    ops: frozenset[str]
    apply: Callable[[Node], Term | None]
    slack: int = -1


def is_tie(node: Node) -> bool:
    """Whether the node asks who reaches a maximum, positive(max(z) - z): the two sides are one formula, and have to round alike."""
    if node.op != FN or node.attr != "positive" or node.args[0].op != ADD:
        return False
    return any(a.op == REDUCE and a.attr.kind == "max" for a in node.args[0].args)


class Shortener:
    """Applies a table of rewrites.

    Parameters
    ----------
    rewrites : sequence of Rewrite
    closed : callable
        A node for which it is true is not looked at, and nothing under it.
    then : Shortener, optional
        What is done to an adjoint besides (see :meth:`at`).
    """

    #: So many steps are taken for one formula at most.
    MAX_STEPS = 60

    def __init__(self, rewrites: Sequence[Rewrite], closed: Callable[[Node], bool] = lambda node: False, then: Shortener | None = None) -> None:
        self._closed = lambda node: closed(node) or is_tie(node)
        self._then = then
        self._by_op: dict[str, list[Rewrite]] = {}
        for rewrite in rewrites:
            for op in rewrite.ops:
                self._by_op.setdefault(op, []).append(rewrite)
        self._quiet = Quiet()
        self._settled: set[Node] = set()
        self._found: dict[tuple[Rewrite, Node], Term | None] = {}

    def steps(self, terms: Sequence[Term]) -> list[tuple[Rule, list[Term]]]:
        """What was done to the terms, step by step: the rule, and the terms after it."""
        made: list[tuple[Rule, list[Term]]] = []
        now = list(terms)
        while len(made) < self.MAX_STEPS:
            rewrite = self._next(now)
            if rewrite is None:
                break
            now = self._everywhere(rewrite, now)
            made.append((rewrite.rule, now))
        return made

    def at(self, term: Term) -> list[tuple[Rule, list[Term]]]:
        """What is done to one adjoint of many. A scalar is looked at from above only: graphs of scalars are large, and nobody reads them."""
        if term.map or (term.node.op == MUL and term.node.attr.summed):
            made = self.steps([term])
            more = self._then.steps(made[-1][1] if made else [term]) if self._then else []
            return made + more + (self.steps(more[-1][1]) if more else [])
        if not self._quiet(term.node) and term.node not in self._settled and not self._closed(term.node):
            for rewrite in self._by_op.get(term.node.op, ()):
                found = self._rewritten(rewrite, term.node)
                if found is not None:
                    return [(rewrite.rule, [found])]
        return []

    def _next(self, terms: Iterable[Term]) -> Rewrite | None:
        """The first rewrite that does something, arguments before what uses them."""
        for node in topological([t.node for t in terms], stop=lambda n: n in self._settled or self._closed(n)):
            if node in self._settled or self._closed(node):
                continue
            for rewrite in self._by_op.get(node.op, ()):
                if self._rewritten(rewrite, node) is not None:
                    return rewrite
            self._settled.add(node)
        return None

    def _rewritten(self, rewrite: Rewrite, node: Node) -> Term | None:
        key = rewrite, node
        if key not in self._found:
            term = rewrite.apply(node)
            if term is not None and (term.node is node or length(term.node) - length(node) > rewrite.slack):
                term = None if term.node is not node or term.map == own(node).map else term
            self._found[key] = term
        return self._found[key]

    def _everywhere(self, rewrite: Rewrite, terms: Sequence[Term]) -> list[Term]:
        done: dict[Node, Term] = {}
        for node in topological([t.node for t in terms], stop=lambda n: n in self._settled or self._closed(n)):
            if node in self._settled or self._closed(node):
                done[node] = own(node)
                continue
            built = _rebuilt(node, [placed(done[a], m) for a, m in node.terms()])
            found = self._rewritten(rewrite, built.node) if built.node.op in rewrite.ops else None
            done[node] = built if found is None else placed(found, built.map)
        return [placed(done[t.node], t.map) for t in terms]


def _rebuilt(node: Node, args: Sequence[Term]) -> Term:
    """The node with other arguments; a matrix function too, while its argument is a whole matrix."""
    if node.op == MATRIX and args[0].node is not node.args[0]:
        return build.matrix(node.attr, args[0]) if sorted(args[0].map) == [0, 1] else own(node)
    return rebuild(node, args)
