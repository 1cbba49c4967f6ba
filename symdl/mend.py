"""Where a refuted claim is wrong: the single edit that makes it right, if there is one.

The verdict on a claim is the prover's alone (``symdl.prove``). Only to say *where* a refuted claim goes wrong the derived gradient is looked at: edits of
the claim (a sign, a factor, a transpose, an index, a term or factor too many or too few) are tried in floats, and the first that gives the derivative
everywhere is proved before it is told.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import sympy as sp

from symdl.diff.derive import jacobian
from symdl.edits import Edit, dropped, everywhere, indices, numbers, own, put, shown, signs, swapped, term_text, transposes
from symdl.errors import SymdlError, UnsupportedError
from symdl.expr.tensor import Expr
from symdl.graph import build
from symdl.graph import node as kinds
from symdl.graph.build import Term
from symdl.graph.node import Node
from symdl.graph.number import number
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


def check(loss: Any, wrt: Any, claim: Any, **options: Any) -> Verdict:
    return claims.check(loss, wrt, claim, explain=mended, differentiate=differentiated, **options)


check.__doc__ = claims.check.__doc__


def differentiated(of: Expr, by: Expr) -> Expr:
    """The derivative of something by something, derived and proved: what a derivative means that stands within a claim.

    Raises
    ------
    UnsupportedError
        When it could not be proved.
    """
    made = _derivative(of, by)
    if claims.check(of, by, made).verdict != PROVED:
        raise UnsupportedError(f"the derivative of {str(of):.60} by {by.node.name} could not be proved")
    return made


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
    said = f"{edit.words}; right would be {shown(edit.claim)}"
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
    for source in (signs, transposes):
        yield from everywhere(claim, order, source)
    if (symmetric := _only_symmetric(claim, right)) is not None:
        yield symmetric
    yield from _missing_terms(claim, right)
    yield from everywhere(claim, order, lambda node: swapped(node, inputs))
    yield from everywhere(claim, order, indices)
    yield from _missing_factors(claim, right)
    for source in (numbers, dropped):
        yield from everywhere(claim, order, source)


# --- against the derivative's own terms -----------------------------------------------------------------------------------


def _missing_terms(claim: Expr, right: Expr) -> Iterator[Edit]:
    """The difference, when it is one term."""
    gap = multiplied_out(Expr(build.add([1, -1], [right.term, claim.term]), right.shape, right.open), Clock(1.0))
    if gap.node.op == kinds.ADD:
        return
    edited = Expr(build.add([1, 1], [claim.term, gap.term]), claim.shape, claim.open)
    negative = str(gap).startswith("-")
    yield Edit(f"the term {shown(-gap)} does not belong there" if negative else f"the term {shown(gap)} is missing", edited)


def _missing_factors(claim: Expr, right: Expr) -> Iterator[Edit]:
    for factor in _elementwise(right):
        for node in topological([claim.node])[::-1][:16]:
            for place in _placements(node, factor):
                edited = put(claim, node, build.mul(1, [own(node), place]))
                if edited is not None:
                    yield Edit(f"the factor {term_text(1, place)} is missing at {term_text(1, own(node))}", edited)


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
                    found[build.mul(1, [own(a) for a in chosen])] = None
    return list(found)


def _placements(node: Node, factor: Term) -> Iterator[Term]:
    """The factor on axes of the node that have its sizes."""
    if factor.node.rank > node.rank or node.rank > 3:
        return
    for axes in itertools.permutations(range(node.rank), factor.node.rank):
        if all(node.shape[axis] == size for axis, size in zip(axes, factor.node.shape, strict=True)):
            yield Term(factor.node, axes)
