"""Where a claim differs that no single edit mends: which of its terms are terms of the derivative, and which are not."""

from __future__ import annotations

from typing import Any

from symdl.edits import shown
from symdl.expr.tensor import Expr
from symdl.graph import build
from symdl.graph import node as kinds
from symdl.graph.build import Term
from symdl.graph.walk import more_than
from symdl.mend.trial import Trial, close
from symdl.prove.expand import multiplied_out
from symdl.prove.stop import Clock, Stop

#: Sums of more terms are not compared term by term.
MOST_TERMS = 24
#: Nor those of larger graphs: every term is a walk.
MOST_NODES = 1000


def differing_terms(right: Expr, claim: Expr) -> str:
    """One line that names the terms that differ; nothing where the two have no term in common."""
    trial = Trial(right, claim)
    try:
        ours, theirs = _terms(claim, trial), _terms(right, trial)
    except Stop:
        return ""
    extra = [t for t in ours if not _among(t, theirs)]
    missing = [t for t in theirs if not _among(t, ours)]
    if not extra + missing or len(extra) == len(ours) or len(extra) > 3 or len(missing) > 3:
        return ""
    said = []
    if extra:
        said.append(f"{_listed(extra)} {'is' if len(extra) == 1 else 'are'} not in the derivative")
    if missing:
        said.append(f"{_listed(missing)} {'is' if len(missing) == 1 else 'are'} missing")
    return f"multiplied out, {', and '.join(said)}; the other terms are right"


def _terms(expr: Expr, trial: Trial) -> list[tuple[Expr, Any]]:
    whole = multiplied_out(expr, Clock(0.5))
    if whole.node.op == kinds.ADD and len(whole.node.args) > MOST_TERMS:
        return []
    if more_than([whole.node], MOST_NODES):
        return []
    found = [whole]
    if whole.node.op == kinds.ADD:
        found = []
        for coef, (arg, entries) in zip(whole.node.attr, whole.node.terms(), strict=True):
            place = tuple(whole.map[e] if e >= 0 else e for e in entries)
            found.append(Expr(build.mul(coef, [Term(arg, place)]), expr.shape, expr.open))
    return [(e, values) for e in found if (values := trial.values(e)) is not None]


def _among(term: tuple[Expr, Any], others: list[tuple[Expr, Any]]) -> bool:
    return any(all(close(a, b) for a, b in zip(term[1], other[1], strict=True)) for other in others)


def _listed(terms: list[tuple[Expr, Any]]) -> str:
    return ("the term " if len(terms) == 1 else "the terms ") + " and ".join(shown(e) for e, _ in terms)
