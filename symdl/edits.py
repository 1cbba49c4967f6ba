"""Small changes of formulas: a sign, a factor, a transpose, an index, a term too many or too few.

Each generator looks at one node and gives (words, term): what would have been wrong with the node if the term were right, and the term in the node's own
labels. ``mend`` looks for the one that makes a refuted claim right; ``mutants/`` uses them the other way round, to make right gradients wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, NamedTuple

import sympy as sp

from symdl.diff.shorten.pieces import pieces
from symdl.errors import SymdlError
from symdl.expr.notation.text import text
from symdl.expr.tensor import Expr
from symdl.graph import build
from symdl.graph import node as kinds
from symdl.graph.build import Term
from symdl.graph.graft import graft
from symdl.graph.node import Node
from symdl.graph.number import number, times
from symdl.graph.rebuild import rebuild
from symdl.graph.walk import topological

Source = Callable[[Node], Iterator[tuple[str, Term]]]


class Edit(NamedTuple):
    """A change of the claim, in words, and the claim after it."""

    words: str
    claim: Expr


def everywhere(claim: Expr, order: Sequence[Node], source: Source) -> Iterator[Edit]:
    """The edits of every node, the outermost first."""
    for node in reversed(order):
        for words, term in source(node):
            edited = put(claim, node, term)
            if edited is not None:
                yield Edit(words, edited)


def put(claim: Expr, node: Node, term: Term) -> Expr | None:
    try:
        (made,) = graft([claim.term], {node: term})
    except (SymdlError, KeyError, ValueError, IndexError):
        return None
    return Expr(made, claim.shape, claim.open)


def own(node: Node) -> Term:
    return Term(node, tuple(range(node.rank)))


def signs(node: Node) -> Iterator[tuple[str, Term]]:
    """One term of a sum with the other sign."""
    if node.op != kinds.ADD:
        return
    for k, (arg, entries) in enumerate(node.terms()):
        coefs = [times(-1, c) if j == k else c for j, c in enumerate(node.attr)]
        yield f"the sign of the term {term_text(node.attr[k], Term(arg, entries))} is wrong", build.add(coefs, terms_of(node))


def terms_of(node: Node) -> list[Term]:
    return [Term(a, m) for a, m in node.terms()]


def dropped(node: Node) -> Iterator[tuple[str, Term]]:
    """A sum without one of its terms, a product without one of its factors."""
    if node.op == kinds.ADD and len(node.args) > 1:
        for k, term in enumerate(terms_of(node)):
            rest = [t for j, t in enumerate(terms_of(node)) if j != k]
            yield f"the term {term_text(node.attr[k], term)} does not belong there", build.add([c for j, c in enumerate(node.attr) if j != k], rest)
    if node.op == kinds.MUL and len(node.args) > 1:
        for k, term in enumerate(terms_of(node)):
            whole = pieces(own(node))
            yield f"the factor {term_text(1, term)} does not belong there", whole.without(k).term()


def numbers(node: Node) -> Iterator[tuple[str, Term]]:
    """A number in a product, a sum or a power."""
    if node.op == kinds.ADD:
        for k, term in enumerate(terms_of(node)):
            for c, words in ((2, "a factor 2 is missing at"), (sp.Rational(1, 2), "there is a factor 2 too many at")):
                coefs = [times(number(c), old) if j == k else old for j, old in enumerate(node.attr)]
                yield f"{words} the term {term_text(node.attr[k], term)}", build.add(coefs, terms_of(node))
    if node.op == kinds.POW:
        for step in (1, -1, sp.Rational(1, 2), sp.Rational(-1, 2)):
            exponent = number(sp.sympify(node.attr) + step)
            yield f"the power of {term_text(1, terms_of(node)[0])} should be {exponent}", build.pow_(terms_of(node)[0], exponent)
        return
    if node.op == kinds.MUL:
        for c in (2, sp.Rational(1, 2), -1):
            yield f"the factor {c} is missing at {term_text(1, own(node))}", build.mul(number(c), [own(node)])


def transposes(node: Node) -> Iterator[tuple[str, Term]]:
    """A matrix in a product or a sum the other way round."""
    if node.op not in (kinds.MUL, kinds.ADD, kinds.FN):
        return
    sizes = node.sizes()
    for k, (arg, entries) in enumerate(node.terms()):
        if arg.rank != 2 or len(set(entries)) != 2 or arg.shape[0] != arg.shape[1]:
            continue
        changed = [Term(a, m[::-1] if j == k else m) for j, (a, m) in enumerate(node.terms())]
        if all(e < 0 or sizes[e] == s for e, s in zip(entries[::-1], arg.shape, strict=True)):
            yield f"{term_text(1, Term(arg, (0, 1)))} should be transposed", rebuild(node, changed)


def indices(node: Node) -> Iterator[tuple[str, Term]]:
    """One index of one factor replaced by another of the same size."""
    if node.op != kinds.MUL:
        return
    sizes = node.sizes()
    for k, (arg, entries) in enumerate(node.terms()):
        for axis, entry in enumerate(entries):
            for other in range(len(sizes)):
                if entry >= 0 and other != entry and sizes[other] == arg.shape[axis]:
                    moved = (*entries[:axis], other, *entries[axis + 1 :])
                    changed = [Term(a, moved if j == k else m) for j, (a, m) in enumerate(node.terms())]
                    yield f"index {axis + 1} of {term_text(1, Term(arg, tuple(range(arg.rank))))} is wrong", rebuild(node, changed)


def swapped(node: Node, inputs: list[Node]) -> Iterator[tuple[str, Term]]:
    """One tensor taken for another of the same shape; a power forgotten."""
    if node.op not in (kinds.MUL, kinds.ADD, kinds.FN, kinds.POW):
        return
    for k, (arg, entries) in enumerate(node.terms()):
        if arg.op != kinds.INPUT:
            continue
        for other in inputs:
            if other is not arg and other.shape == arg.shape:
                yield f"{arg.name} should be {other.name}", rebuild(node, replaced(node, k, Term(other, entries)))
        if node.op == kinds.MUL:
            for power in (2, 3):
                yield f"the power of {arg.name} should be {power}", rebuild(node, replaced(node, k, build.pow_(Term(arg, entries), power)))


def replaced(node: Node, position: int, term: Term) -> list[Term]:
    return [term if j == position else Term(a, m) for j, (a, m) in enumerate(node.terms())]


def term_text(coef: Any, term: Term) -> str:
    whole = Expr(Term(term.node, tuple(range(term.node.rank))), term.node.shape)
    scaled = whole if coef == 1 else Expr(build.mul(coef, [whole.term]), whole.shape)
    return shown(scaled)


def shown(expr: Expr) -> str:
    named = {n: str(n.name) for n in topological([expr.node]) if n.op == kinds.LET and n.attr.role == "let"}
    shown = " ".join(text(expr, named).partition(" with\n")[0].split())
    return shown if len(shown) <= 160 else shown[:157] + "..."
