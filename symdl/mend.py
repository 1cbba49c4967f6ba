"""Where a refuted claim is wrong: the single edit that makes it right, if there is one.

The verdict on a claim is the prover's alone (``symdl.prove``). Only to say *where* a refuted claim goes wrong the derived gradient is looked at: edits of
the claim (a sign, a factor, a transpose, an index, a term or factor too many or too few) are tried in floats, and the first that gives the derivative
everywhere is proved before it is told.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, NamedTuple

import numpy as np
import sympy as sp

from symdl.diff.derive import jacobian
from symdl.diff.shorten.pieces import pieces
from symdl.errors import SymdlError
from symdl.expr.tensor import Expr
from symdl.expr.text import text
from symdl.graph import build
from symdl.graph import node as kinds
from symdl.graph.build import Term
from symdl.graph.graft import graft
from symdl.graph.node import Node
from symdl.graph.number import number, times
from symdl.graph.rebuild import rebuild
from symdl.graph.walk import topological
from symdl.prove import claims
from symdl.prove.equal import prove
from symdl.prove.expand import multiplied_out
from symdl.prove.numeric import evaluate
from symdl.prove.problem import dims_of, variables
from symdl.prove.samples import draw
from symdl.prove.sizes import size_choices
from symdl.prove.stop import Clock, Stop
from symdl.steps.verdict import PROVED, REFUTED, Verdict

#: Seconds for the search, and nodes of a claim that are edited.
SECONDS, MOST_NODES = 3.0, 400


class Edit(NamedTuple):
    """A change of the claim, in words, and the claim after it."""

    words: str
    claim: Expr


def check(loss: Any, wrt: Any, claim: Any, **options: Any) -> Verdict:
    return claims.check(loss, wrt, claim, explain=mended, **options)


check.__doc__ = claims.check.__doc__


def mended(verdict: Verdict, loss: Expr, wrt: Expr, before: Expr | None, claim: Expr) -> Verdict:
    """A refuted verdict with the edit that mends the claim in its detail; any other verdict as it is.

    Parameters
    ----------
    loss, wrt : Expr
        The claim is about the derivative of ``loss`` by ``wrt``.
    before : Expr or None
        The line of a derivation from which the claim should follow; None for the first, which should be the derivative.
    claim : Expr
    """
    if verdict.verdict != REFUTED:
        return verdict
    try:
        edit = find_edit(_derivative(loss, wrt) if before is None else before, claim)
    except (SymdlError, ArithmeticError, np.linalg.LinAlgError, Stop):
        return verdict
    if edit is None:
        return verdict
    said = f"{edit.words}; right would be {_shown(edit.claim)}"
    return replace(verdict, detail=f"{verdict.detail}; {said}" if verdict.detail else said)


def find_edit(right: Expr, claim: Expr, seconds: float = SECONDS) -> Edit | None:
    """The first single edit that makes the claim equal to what is right; None when none of those tried does."""
    end = time.monotonic() + seconds
    points = _points([right, claim])
    wanted = [_value(right, p) for p in points]
    found = _wrong_factor(claim, right, points, wanted)
    if found is not None:
        return found
    for edit in _edits(claim, right):
        if time.monotonic() > end:
            break
        if _agrees(edit.claim, points, wanted) and prove(edit.claim, right, time_budget=1.0).verdict == PROVED:
            return edit
    return None


def _derivative(loss: Expr, wrt: Expr) -> Expr:
    from symdl.diff.targets import look
    from symdl.expr.tensor import of_node

    whole = of_node(wrt.node)
    gradient = jacobian(loss, whole)
    return gradient if wrt.map == whole.map and not wrt.open else look(gradient, wrt)


# --- numbers ----------------------------------------------------------------------------------------------------------


def _points(exprs: list[Expr]) -> list[dict[str, Any]]:
    """A few ordinary inputs, at sizes that are unlike each other."""
    nodes = topological([e.node for e in exprs])
    found = []
    for seed, sizes in enumerate(size_choices(dims_of(exprs), nodes, ())[:3]):
        rng = np.random.default_rng([7, seed])
        values: dict[str, Any] = {v.name: draw(v, sizes, "normal", 1.0, rng, "positive" if seed == 2 else None) for v in variables(nodes).values()}
        told = {s for v in variables(nodes).values() for size in v.shape if isinstance(size, sp.Basic) for s in size.free_symbols}
        found.append(values | {d: n for d, n in sizes.items() if d not in told})
    return found


def _value(expr: Expr, point: dict[str, Any]) -> Any:
    with np.errstate(all="ignore"):
        return np.asarray(evaluate(expr, point))


def _agrees(expr: Expr, points: list[dict[str, Any]], wanted: list[Any]) -> bool:
    for point, right in zip(points, wanted, strict=True):
        try:
            got = _value(expr, point)
        except (SymdlError, ArithmeticError, np.linalg.LinAlgError, ValueError):
            return False
        if got.shape != right.shape or not np.allclose(got, right, rtol=1e-9, atol=1e-12, equal_nan=False):
            return False
    return True


# --- the whole claim ----------------------------------------------------------------------------------------------------


def _wrong_factor(claim: Expr, right: Expr, points: list[dict[str, Any]], wanted: list[Any]) -> Edit | None:
    """The claim times a number, or times a size."""
    for factor, words in _factors(claim, right):
        edited = Expr(build.mul(factor, [claim.term]), claim.shape, claim.open)
        if _agrees(edited, points, wanted) and prove(edited, right, time_budget=1.0).verdict == PROVED:
            return Edit(words, edited)
    return None


def _factors(*exprs: Expr) -> Iterator[tuple[Any, str]]:
    yield -1, "the sign is wrong"
    for c in (2, 3, 4):
        yield number(c), f"a factor {c} is missing"
        yield number(sp.Rational(1, c)), f"there is a factor {c} too many"
        yield number(-c), f"the sign is wrong and a factor {c} is missing"
    for d in dims_of(list(exprs)):
        yield d, f"a factor {d} is missing"
        yield 1 / d, f"there is a factor {d} too many: divide by it"


def _only_symmetric(claim: Expr, right: Expr) -> Edit | None:
    """A matrix that was taken for symmetric."""
    points = _points([right, claim])
    squares = [n for n in topological([claim.node, right.node]) if n.op == kinds.INPUT and n.rank == 2 and n.shape[0] == n.shape[1]]
    for node in squares:
        name = str(node.name)
        even = [{**p, name: p[name] + p[name].T} for p in points if name in p]
        if even and _agrees(claim, even, [_value(right, p) for p in even]):
            return Edit(f"it is right only when {name} is symmetric", right)
    return None


# --- parts of the claim -------------------------------------------------------------------------------------------------


def _edits(claim: Expr, right: Expr) -> Iterator[Edit]:
    """Single edits, the likely ones first."""
    order = topological([claim.node])[-MOST_NODES:]
    inputs = [n for n in topological([claim.node, right.node]) if n.op == kinds.INPUT]
    yield from _whole_transposed(claim)
    for source in (_signs, _transposes):
        yield from _everywhere(claim, order, source)
    if (symmetric := _only_symmetric(claim, right)) is not None:
        yield symmetric
    yield from _missing_terms(claim, right)
    yield from _everywhere(claim, order, lambda node: _swapped(node, inputs))
    yield from _everywhere(claim, order, _indices)
    yield from _missing_factors(claim, right)
    for source in (_numbers, _dropped):
        yield from _everywhere(claim, order, source)


def _everywhere(claim: Expr, order: list[Node], source: Callable[[Node], Iterator[tuple[str, Term]]]) -> Iterator[Edit]:
    """The edits of every node, the outermost first."""
    for node in reversed(order):
        for words, term in source(node):
            edited = _with(claim, node, term)
            if edited is not None:
                yield Edit(words, edited)


def _with(claim: Expr, node: Node, term: Term) -> Expr | None:
    try:
        (made,) = graft([claim.term], {node: term})
    except (SymdlError, KeyError, ValueError, IndexError):
        return None
    return Expr(made, claim.shape, claim.open)


def _own(node: Node) -> Term:
    return Term(node, tuple(range(node.rank)))


def _signs(node: Node) -> Iterator[tuple[str, Term]]:
    """One term of a sum with the other sign."""
    if node.op != kinds.ADD:
        return
    for k, (arg, entries) in enumerate(node.terms()):
        coefs = [times(-1, c) if j == k else c for j, c in enumerate(node.attr)]
        yield f"the sign of the term {_text(node.attr[k], Term(arg, entries))} is wrong", build.add(coefs, _terms(node))


def _terms(node: Node) -> list[Term]:
    return [Term(a, m) for a, m in node.terms()]


def _dropped(node: Node) -> Iterator[tuple[str, Term]]:
    """A sum without one of its terms, a product without one of its factors."""
    if node.op == kinds.ADD and len(node.args) > 1:
        for k, term in enumerate(_terms(node)):
            rest = [t for j, t in enumerate(_terms(node)) if j != k]
            yield f"the term {_text(node.attr[k], term)} does not belong there", build.add([c for j, c in enumerate(node.attr) if j != k], rest)
    if node.op == kinds.MUL and len(node.args) > 1:
        for k, term in enumerate(_terms(node)):
            whole = pieces(_own(node))
            yield f"the factor {_text(1, term)} does not belong there", whole.without(k).term()


def _numbers(node: Node) -> Iterator[tuple[str, Term]]:
    """A number in a product, a sum or a power."""
    if node.op == kinds.ADD:
        for k, term in enumerate(_terms(node)):
            for c, words in ((2, "a factor 2 is missing at"), (sp.Rational(1, 2), "there is a factor 2 too many at")):
                coefs = [times(number(c), old) if j == k else old for j, old in enumerate(node.attr)]
                yield f"{words} the term {_text(node.attr[k], term)}", build.add(coefs, _terms(node))
    if node.op == kinds.POW:
        for step in (1, -1, sp.Rational(1, 2), sp.Rational(-1, 2)):
            exponent = number(sp.sympify(node.attr) + step)
            yield f"the power of {_text(1, _terms(node)[0])} should be {exponent}", build.pow_(_terms(node)[0], exponent)
        return
    if node.op == kinds.MUL:
        for c in (2, sp.Rational(1, 2), -1):
            yield f"the factor {c} is missing at {_text(1, _own(node))}", build.mul(number(c), [_own(node)])


def _transposes(node: Node) -> Iterator[tuple[str, Term]]:
    """A matrix in a product or a sum the other way round."""
    if node.op not in (kinds.MUL, kinds.ADD, kinds.FN):
        return
    sizes = node.sizes()
    for k, (arg, entries) in enumerate(node.terms()):
        if arg.rank != 2 or len(set(entries)) != 2 or arg.shape[0] != arg.shape[1]:
            continue
        changed = [Term(a, m[::-1] if j == k else m) for j, (a, m) in enumerate(node.terms())]
        if all(e < 0 or sizes[e] == s for e, s in zip(entries[::-1], arg.shape, strict=True)):
            yield f"{_text(1, Term(arg, (0, 1)))} should be transposed", rebuild(node, changed)


def _indices(node: Node) -> Iterator[tuple[str, Term]]:
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
                    yield f"index {axis + 1} of {_text(1, Term(arg, tuple(range(arg.rank))))} is wrong", rebuild(node, changed)


# --- against the derivative's own terms -----------------------------------------------------------------------------------


def _missing_terms(claim: Expr, right: Expr) -> Iterator[Edit]:
    """The difference, when it is one term."""
    gap = multiplied_out(Expr(build.add([1, -1], [right.term, claim.term]), right.shape, right.open), Clock(1.0))
    if gap.node.op == kinds.ADD:
        return
    edited = Expr(build.add([1, 1], [claim.term, gap.term]), claim.shape, claim.open)
    negative = str(gap).startswith("-")
    yield Edit(f"the term {_shown(-gap)} does not belong there" if negative else f"the term {_shown(gap)} is missing", edited)


def _missing_factors(claim: Expr, right: Expr) -> Iterator[Edit]:
    for factor in _elementwise(right):
        for node in topological([claim.node])[::-1][:16]:
            for place in _placements(node, factor):
                edited = _with(claim, node, build.mul(1, [_own(node), place]))
                if edited is not None:
                    yield Edit(f"the factor {_text(1, place)} is missing at {_text(1, _own(node))}", edited)


def _whole_transposed(claim: Expr) -> Iterator[Edit]:
    if claim.ndim == 2 and claim.shape[0] == claim.shape[1]:
        yield Edit("it should be transposed", claim.T)


def _elementwise(right: Expr) -> list[Term]:
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
                    found[build.mul(1, [_own(a) for a in chosen])] = None
    return list(found)


def _placements(node: Node, factor: Term) -> Iterator[Term]:
    """The factor on axes of the node that have its sizes."""
    if factor.node.rank > node.rank or node.rank > 3:
        return
    for axes in itertools.permutations(range(node.rank), factor.node.rank):
        if all(node.shape[axis] == size for axis, size in zip(axes, factor.node.shape, strict=True)):
            yield Term(factor.node, axes)


def _swapped(node: Node, inputs: list[Node]) -> Iterator[tuple[str, Term]]:
    """One tensor taken for another of the same shape; a power forgotten."""
    if node.op not in (kinds.MUL, kinds.ADD, kinds.FN, kinds.POW):
        return
    for k, (arg, entries) in enumerate(node.terms()):
        if arg.op != kinds.INPUT:
            continue
        for other in inputs:
            if other is not arg and other.shape == arg.shape:
                yield f"{arg.name} should be {other.name}", rebuild(node, _replaced(node, k, Term(other, entries)))
        if node.op == kinds.MUL:
            for power in (2, 3):
                yield f"the power of {arg.name} should be {power}", rebuild(node, _replaced(node, k, build.pow_(Term(arg, entries), power)))


def _replaced(node: Node, position: int, term: Term) -> list[Term]:
    return [term if j == position else Term(a, m) for j, (a, m) in enumerate(node.terms())]


def _text(coef: Any, term: Term) -> str:
    whole = Expr(Term(term.node, tuple(range(term.node.rank))), term.node.shape)
    scaled = whole if coef == 1 else Expr(build.mul(coef, [whole.term]), whole.shape)
    return _shown(scaled)


def _shown(expr: Expr) -> str:
    named = {n: str(n.name) for n in topological([expr.node]) if n.op == kinds.LET and n.attr.role == "let"}
    shown = " ".join(text(expr, named).partition(" with\n")[0].split())
    return shown if len(shown) <= 160 else shown[:157] + "..."
