"""The search for the single edit that makes a claim right: tried in floats, the first that agrees is proved."""

from __future__ import annotations

import time
from collections.abc import Iterator

from symdl.edits import Edit, dropped, everywhere, indices, numbers, signs, swapped, transposes
from symdl.expr.tensor import Expr
from symdl.graph import node as kinds
from symdl.graph.build import Term
from symdl.graph.walk import topological
from symdl.mend.parts import dropped_pairs, functions, missing_factors, missing_terms, powers, quantities, sized_numbers, taken_for
from symdl.mend.trial import Trial
from symdl.mend.whole import only_symmetric, whole_transposed, wrong_factor, wrong_terms
from symdl.prove.equal import prove
from symdl.steps.verdict import PROVED

#: Seconds for the search, and nodes of a claim that are edited.
SECONDS, MOST_NODES = 2.0, 400


def find_edit(right: Expr, claim: Expr, seconds: float = SECONDS) -> Edit | None:
    """The first single edit that makes the claim equal to what is right; None when none of those tried does."""
    end = time.monotonic() + seconds
    trial = Trial(right, claim)
    unproved: Edit | None = None
    tried = 0
    for edit in _edits(trial):
        tried += 1
        if time.monotonic() > end and tried > 40:
            break
        if not trial.agrees(edit.claim):
            continue
        if edit.claim is right or prove(edit.claim, right, time_budget=1.0).verdict == PROVED:
            return edit
        unproved = unproved or edit._replace(words=f"{edit.words} (as numbers say; not proved)")
    return unproved


def _edits(trial: Trial) -> Iterator[Edit]:
    """Single edits, the likely ones first."""
    claim, right = trial.claim, trial.right
    order = topological([claim.node])[-MOST_NODES:]
    inputs = [n for n in topological([claim.node, right.node]) if n.op == kinds.INPUT]
    if (whole := wrong_factor(trial)) is not None:
        yield whole
    yield from wrong_terms(trial)
    yield from whole_transposed(claim)
    for source in (signs, transposes):
        yield from everywhere(claim, order, source)
    if claim.node.op == kinds.INPUT:
        for other in inputs:
            if other is not claim.node and other.shape == claim.node.shape:
                yield Edit(f"{claim.node.name} should be {other.name}", Expr(Term(other, claim.map), claim.shape, claim.open))
    if (symmetric := only_symmetric(trial)) is not None:
        yield symmetric
    yield from everywhere(claim, order, lambda node: swapped(node, inputs))
    yield from everywhere(claim, order, indices)
    yield from everywhere(claim, order, numbers)
    others = quantities(right)
    yield from everywhere(claim, order, dropped)
    yield from everywhere(claim, order, dropped_pairs)
    yield from missing_factors(trial)
    yield from everywhere(claim, order, lambda node: taken_for(node, others))
    yield from everywhere(claim, order, powers)
    yield from missing_terms(trial)
    yield from everywhere(claim, order, lambda node: sized_numbers(node, trial.dims[:3]))
    yield from everywhere(claim, order, functions)
