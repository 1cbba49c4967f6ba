"""check(loss, wrt, claim), with what is said of a claim that is wrong."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from symdl.diff.derive import jacobian
from symdl.edits import shown
from symdl.errors import NameError_, SymdlError, UnsupportedError
from symdl.expr.tensor import Expr, of_node
from symdl.mend.search import find_edit
from symdl.mend.terms import differing_terms
from symdl.mend.trial import Trial
from symdl.prove import claims
from symdl.prove.stop import Stop
from symdl.steps.verdict import PROVED, REFUTED, Verdict


def check(loss: Any, wrt: Any, claim: Any, **options: Any) -> Verdict:
    by = list(wrt) if isinstance(wrt, (list, tuple)) else [wrt]
    if not by:
        raise NameError_("check: nothing to differentiate by is given")
    options = {"explain": mended, "differentiate": differentiated, **options}
    if len(by) == 1:
        return claims.check(loss, by[0], claim, **options)
    return claims.check_higher(loss, by, claim, **options)


check.__doc__ = claims.check.__doc__


def differentiated(of: Expr, by: Expr) -> Expr:
    """The derivative of something by something, derived and proved: what a derivative means that stands within a claim.

    Raises
    ------
    UnsupportedError
        When it could not be proved.
    """
    made = derivative(of, by)
    if claims.check(of, by, made).verdict != PROVED:
        raise UnsupportedError(f"the derivative of {of!s:.60} by {by.node.name} could not be proved")
    return made


def derivative(of: Expr, by: Expr) -> Expr:
    """The derivative that symdl finds, at the element that is asked for."""
    from symdl.diff.targets import look

    whole = of_node(by.node)
    gradient = jacobian(of, whole)
    return gradient if by.map == whole.map and not by.open else look(gradient, by, of.ndim)


def mended(verdict: Verdict, of: Expr, wrt: Expr, before: Expr | None, claim: Expr) -> Verdict:
    """A refuted verdict with the edit that mends the claim in its detail; any other verdict as it is.

    Parameters
    ----------
    of, wrt : Expr
        The claim is about the derivative of ``of`` by ``wrt``.
    before : Expr or None
        The line of a derivation from which the claim should follow; None for the first, which should be the derivative.
    claim : Expr
    """
    if verdict.verdict != REFUTED or verdict.witness is None:  # without a witness it was refuted by its shape, and that is said
        return verdict
    try:
        right = derivative(of, wrt) if before is None else before
        said = said_of(right, claim)
    except (SymdlError, ArithmeticError, np.linalg.LinAlgError, Stop):
        return verdict
    return replace(verdict, detail=f"{verdict.detail}; {said}" if verdict.detail else said)


def said_of(right: Expr, claim: Expr) -> str:
    """What is wrong with a claim: the edit that mends it; else the entries that are wrong, when the others are right."""
    edit = find_edit(right, claim)
    if edit is not None:
        return f"{edit.words}; right would be {shown(edit.claim)}"
    wrong = _wrong_entries(right, claim)
    if not wrong:
        where = differing_terms(right, claim)
        return "no single edit that was tried mends it" + (f"; {where}" if where else "")
    said = []
    for at in wrong[:2]:
        edit = find_edit(right[at], claim[at])
        place = ", ".join(str(k + 1) for k in at)
        what, mended_entry = (f"entry {place}: {edit.words}", edit.claim) if edit else (f"entry {place} is wrong", right[at])
        said.append(f"{what}; right would be {shown(mended_entry)}")
    return "; ".join(said) + ("; the other entries are right" if len(wrong) < 3 else "")


def _wrong_entries(right: Expr, claim: Expr) -> list[tuple[int, ...]]:
    """The entries that differ, of a claim of few entries of which some are right."""
    if not claim.shape or claim.shape != right.shape or not all(isinstance(n, int) for n in claim.shape) or np.prod(claim.shape) > 64:
        return []
    trial = Trial(right, claim)
    values = trial.values(claim)
    if values is None:
        return []
    same = np.all([np.isclose(v, w, rtol=1e-9, atol=1e-12) for v, w in zip(values, trial.wanted, strict=True)], axis=0)
    wrong = [tuple(int(k) for k in at) for at in np.argwhere(~same)]
    return wrong if 0 < len(wrong) < same.size else []
