"""Edits of parts of a claim that look at the derivative's own parts: what is missing, what was taken for something else."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from typing import Any

import sympy as sp

from symdl.diff.shorten.pieces import pieces
from symdl.edits import Edit, own, put, replaced, shown, term_text, terms_of
from symdl.expr.tensor import Expr
from symdl.functions import TABLE
from symdl.graph import build
from symdl.graph import node as kinds
from symdl.graph.build import Term
from symdl.graph.node import Node
from symdl.graph.number import number, times
from symdl.graph.rebuild import rebuild
from symdl.graph.walk import topological
from symdl.mend.trial import Trial
from symdl.mend.whole import factor_words
from symdl.prove.expand import multiplied_out
from symdl.prove.stop import Clock

#: Functions that are taken for one another.
_KIN = ("sin", "cos", "exp", "log", "tanh", "sigmoid", "abs", "sign", "relu", "step", "sinh", "cosh", "softplus")


def sized_numbers(node: Node, sizes: list[Any]) -> Iterator[tuple[str, Term]]:
    """A size, or a small number, as a factor at one term of a sum or at a product."""
    numbers = [3, sp.Rational(1, 3), 4, sp.Rational(1, 4), *sizes, *[1 / d for d in sizes]]
    if node.op == kinds.ADD:
        for k, term in enumerate(terms_of(node)):
            for c in numbers:
                coefs = [times(number(c), old) if j == k else old for j, old in enumerate(node.attr)]
                yield factor_words(c, f"the term {term_text(node.attr[k], term)}"), build.add(coefs, terms_of(node))
    elif node.op == kinds.MUL:
        for c in numbers:
            yield factor_words(c, term_text(1, own(node))), build.mul(number(c), [own(node)])


def taken_for(node: Node, others: list[Node]) -> Iterator[tuple[str, Term]]:
    """A factor, term or argument where another quantity of the derivative of the same shape belongs."""
    if node.op not in (kinds.MUL, kinds.ADD, kinds.FN, kinds.POW):
        return
    for k, (arg, entries) in enumerate(node.terms()):
        for other in others:
            if other is not arg and other.shape == arg.shape and not (arg.op == kinds.INPUT == other.op):
                changed = rebuild(node, replaced(node, k, Term(other, entries)))
                yield f"{term_text(1, own(arg))} should be {term_text(1, own(other))}", changed


def quantities(right: Expr) -> list[Node]:
    """The tensors, named results and elementwise functions in the derivative."""
    wanted = (kinds.INPUT, kinds.LET, kinds.FN, kinds.POW)
    return [n for n in topological([right.node])[::-1] if n.op in wanted and n.rank <= 3][:24]


def powers(node: Node) -> Iterator[tuple[str, Term]]:
    """A power forgotten at a part of a product or sum."""
    if node.op not in (kinds.MUL, kinds.ADD):
        return
    for k, (arg, entries) in enumerate(node.terms()):
        for power in (2, 3, -1, sp.Rational(1, 2)):
            if arg.op in (kinds.CONST, kinds.POW, kinds.MUL) or (arg.op == kinds.INPUT and node.op == kinds.MUL and power in (2, 3)):
                continue
            base = term_text(1, own(arg))
            yield f"the power of {base} should be {power}", rebuild(node, replaced(node, k, build.pow_(Term(arg, entries), number(power))))


def functions(node: Node) -> Iterator[tuple[str, Term]]:
    """One function taken for another."""
    if node.op != kinds.FN or node.attr not in _KIN:
        return
    (arg,) = terms_of(node)[:1]
    for name in _KIN:
        if name != node.attr and TABLE[name].nargs == 1:
            yield f"{node.attr} should be {name} in {term_text(1, own(node))}", build.fn(name, [arg])


# --- what is missing ----------------------------------------------------------------------------------------------------


def missing_terms(trial: Trial) -> Iterator[Edit]:
    """The difference, when it is one term; a term of the derivative, when that is the difference."""
    claim, right = trial.claim, trial.right
    if claim.open.keys() != right.open.keys() or claim.shape != right.shape:
        return
    gap = multiplied_out(Expr(build.add([1, -1], [right.term, claim.term]), right.shape, right.open), Clock(1.0))
    candidates = [gap] if gap.node.op != kinds.ADD else []
    expanded = multiplied_out(right, Clock(1.0))
    for whole in (right, expanded):
        if whole.node.op == kinds.ADD:
            for coef, (arg, entries) in zip(whole.node.attr, whole.node.terms(), strict=True):
                place = tuple(whole.map[e] if e >= 0 else e for e in entries)
                candidates.append(Expr(build.mul(coef, [Term(arg, place)]), right.shape, right.open))
    inner = _addends_of_products(right)
    for term in [*candidates, *inner]:
        edited = Expr(build.add([1, 1], [claim.term, term.term]), claim.shape, claim.open)
        yield Edit(f"the term {shown(term)} is missing", edited)


def _addends_of_products(right: Expr) -> list[Expr]:
    """X.T @ (P - Y) is X.T @ P and -X.T @ Y."""
    if right.node.op != kinds.MUL:
        return []
    found = []
    for k, (arg, _) in enumerate(right.node.terms()):
        if arg.op != kinds.ADD:
            continue
        for coef, (one, inner) in zip(arg.attr, arg.terms(), strict=True):
            entries = right.node.maps[k]
            part = Term(one, tuple(entries[e] if e >= 0 else e for e in inner))
            made = build.mul(coef, [rebuild(right.node, replaced(right.node, k, part))])
            found.append(Expr(build.rename(made, dict(enumerate(right.map))), right.shape, right.open))
    return found


def missing_factors(trial: Trial) -> Iterator[Edit]:
    """A factor of the derivative, at a part of the claim; an index letter that the claim has lost comes with it."""
    claim, right = trial.claim, trial.right
    lost = {s: n for s, n in right.open.items() if s not in claim.open}
    factors = [*_factors(right), *_exponentials(right)]
    nodes = topological([claim.node])[::-1][:16]
    for with_factor in (_beside, _within):
        for factor, node in itertools.product(factors, nodes):
            for place, made in with_factor(node, factor, lost):
                letters = {s: n for s, n in lost.items() if s in place.map}
                if len(letters) < len(lost):
                    continue
                edited = put(claim, node, made)
                if edited is not None:
                    whole = Expr(Term(edited.node, edited.map), claim.shape, {**claim.open, **letters})
                    yield Edit(f"the factor {term_text(1, factor)} is missing at {term_text(1, own(node))}", whole)


def _factors(right: Expr) -> list[Term]:
    """What multiplies something in the derivative: the factors of its products that stand on the same axes, alone and together."""
    found: dict[Term, None] = {}
    for node in topological([right.node])[::-1]:
        if node.op != kinds.MUL:
            continue
        groups: dict[tuple[int, ...], list[Node]] = {}
        for arg, entries in node.terms():
            groups.setdefault(entries, []).append(arg)
        for together in groups.values():
            for size in range(1, min(len(together), 4) + 1):
                for chosen in itertools.combinations(together[:5], size):
                    found[build.mul(1, [own(a) for a in chosen])] = None
    return list(found)


def _exponentials(right: Expr) -> list[Term]:
    """exp of what stands in a logsumexp or an exponential: a softmax is written with them."""
    found: dict[Term, None] = {}
    for node in topological([right.node]):
        for arg in node.args if (node.op, node.attr) == (kinds.FN, "exp") or node.op == kinds.REDUCE else ():
            parts = [arg, *(arg.args if arg.op == kinds.ADD else ())]
            found |= {build.fn("exp", [own(a)]): None for a in parts if a.op in (kinds.INPUT, kinds.LET)}
    return list(found)


def _beside(node: Node, factor: Term, lost: dict[Any, Any]) -> Iterator[tuple[Term, Term]]:
    """(the factor where it stands, the node with it): on axes of the node, or at lost letters."""
    if factor.node.rank <= 3 and node.rank <= 3:
        for place in _placements(node.shape, factor, list(range(node.rank)), lost):
            yield place, build.mul(1, [own(node), place])


def _within(node: Node, factor: Term, lost: dict[Any, Any]) -> Iterator[tuple[Term, Term]]:
    """The same at what a product sums over."""
    if factor.node.rank > 3 or node.rank > 3 or node.op != kinds.MUL or not node.attr.summed:
        return
    whole = pieces(own(node))
    labels = [*range(node.rank), *whole.summed]
    for place in _placements((*node.shape, *whole.summed.values()), factor, labels, lost):
        if any(label in whole.summed for label in place.map):
            yield place, build.mul(whole.coef, [*whole.factors, place], whole.deltas, whole.summed)


def _placements(shape: Sequence[Any], factor: Term, own_labels: list[Any], lost: dict[Any, Any]) -> Iterator[Term]:
    """The factor at labels that have its sizes."""
    labels = [*own_labels, *lost]
    sizes = [*shape, *lost.values()]
    if factor.node.rank > len(labels):
        return
    for axes in itertools.permutations(range(len(labels)), factor.node.rank):
        if all(sizes[axis] == size for axis, size in zip(axes, factor.node.shape, strict=True)):
            yield Term(factor.node, tuple(labels[axis] for axis in axes))


def dropped_pairs(node: Node) -> Iterator[tuple[str, Term]]:
    """A product without two of its factors that stand on the same axes: a slope too many."""
    if node.op != kinds.MUL or not 3 <= len(node.args) <= 6:
        return
    whole = pieces(own(node))
    for one, two in itertools.combinations(range(len(whole.factors)), 2):
        if whole.factors[one].map == whole.factors[two].map:
            pair = build.mul(1, [own(whole.factors[k].node) for k in (one, two)])
            yield f"the factor {term_text(1, pair)} does not belong there", whole.without(one, two).term()
