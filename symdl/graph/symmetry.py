"""Symmetric matrices: by what is declared, and by how a matrix is made."""

from __future__ import annotations

from symdl.graph import build
from symdl.graph import node as kinds
from symdl.graph.build import Term
from symdl.graph.chains import is_palindrome
from symdl.graph.node import Node
from symdl.graph.rebuild import placed, rebuild

#: How deep in an expression a fact is looked for.
DEPTH = 6

_IS_SYMMETRIC = frozenset({"symmetric", "posdef", "diagonal"})


def has(node: Node, *facts: str) -> bool:
    """One of these facts is declared of an input."""
    return node.op == kinds.INPUT and not node.attr.facts.isdisjoint(facts)


def is_symmetric(node: Node, depth: int = DEPTH) -> bool:
    """True for a matrix that is its own transpose, by what is declared or by how it is made."""
    if node.rank != 2 or node.shape[0] != node.shape[1] or depth == 0:
        return False
    if node.op == kinds.INPUT:
        return has(node, *_IS_SYMMETRIC)
    if node.op in (kinds.LET, kinds.POW, kinds.FN) or (node.op == kinds.MATRIX and node.attr == "inv"):
        return len(node.args) == 1 and is_symmetric(node.args[0], depth - 1)
    if node.op not in (kinds.ADD, kinds.MUL):
        return False
    if node.op == kinds.ADD and len(node.args) > 1 and all(sorted(m) == [0, 1] and is_symmetric(a, depth - 1) for a, m in node.terms()):
        return True
    if node.op == kinds.MUL and ((0, 1) in node.attr.deltas or is_palindrome(node, lambda inner: is_symmetric(inner, depth - 1))):
        return True
    a, b = (build.settle(oriented(build.settle(Term(node, entries)), depth - 1)) for entries in ((0, 1), (1, 0)))
    return a.node is b.node and a.map == b.map


def oriented(term: Term, depth: int = DEPTH) -> Term:
    """The term with every symmetric argument the right way round."""
    for _ in range(4):
        args = [upright(t, depth) for t in map(lambda p: Term(*p), term.node.terms())]
        turned = placed(rebuild(term.node, args), term.map)
        if turned == term:
            break
        term = turned
    return term


def upright(term: Term, depth: int = DEPTH) -> Term:
    """A symmetric matrix with the smaller index first."""
    if len(term.map) == 2 and type(term.map[0]) is int is type(term.map[1]) and term.map[0] > term.map[1] and is_symmetric(term.node, depth):
        return Term(term.node, term.map[::-1])
    return term
