"""check(loss, wrt, claim), with what is said of a claim that is wrong."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from symdl.diff.derive import jacobian
from symdl.edits import Edit, shown
from symdl.errors import NameError_, SymdlError, UnsupportedError
from symdl.expr.tensor import Expr, of_node
from symdl.mend.search import find_edit
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
    if verdict.verdict != REFUTED:
        return verdict
    try:
        right = derivative(of, wrt) if before is None else before
        said = _said(find_edit(right, claim), right, claim, verdict)
    except (SymdlError, ArithmeticError, np.linalg.LinAlgError, Stop):
        return verdict
    return replace(verdict, detail=f"{verdict.detail}; {said}" if verdict.detail else said)


def _said(edit: Edit | None, right: Expr, claim: Expr, verdict: Verdict) -> str:
    if edit is not None:
        return f"{edit.words}; right would be {shown(edit.claim)}"
    return "no single edit that was tried mends it"

