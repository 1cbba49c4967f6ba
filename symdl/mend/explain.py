"""check(loss, wrt, claim), with what is said of a claim that is wrong."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from symdl.diff.derive import jacobian
from symdl.edits import shown
from symdl.errors import NameError_, SymdlError, UnsupportedError
from symdl.expr.tensor import Expr, of_node
from symdl.functions.given import flag
from symdl.functions.given import shown as briefly
from symdl.mend.search import find_edit
from symdl.mend.terms import differing_terms
from symdl.mend.trial import Trial
from symdl.prove import claims
from symdl.prove.claims import TIME_BUDGET
from symdl.prove.stop import Stop
from symdl.steps.verdict import PROVED, REFUTED, Verdict


def check(
    loss: Any,
    wrt: Any,
    claim: Any,
    *,
    time_budget: float = TIME_BUDGET,
    structure: Any = None,
    exact: bool = False,
    explain: Callable[..., Verdict] | None = None,
    differentiate: Callable[[Expr, Expr], Expr] | None = None,
) -> Verdict:
    """Decide whether ``claim`` is d loss / d wrt; of a wrong claim say where, and what single edit mends it.

    The derivative is computed forwards, on exact values with derivatives, function by function from the definitions; see ``sd.prove`` for how the
    two sides are compared.

    Parameters
    ----------
    loss : Expr or SymPy expression
        A scalar; for a tensor the claim is the Jacobian, of shape loss.shape + wrt.shape.
    wrt : tensor, element or transpose of one, named result, its name, or SymPy Symbol or Indexed
        A list of them for a derivative by several in turn: ``[w, w]`` for the Hessian.
    claim : Expr, SymPy expression, number or text
        Text is read in the language of ``sd.parse``, with the tensors of the loss known; with a backslash in it as LaTeX (``sd.parse_latex``), of
        which several lines, or several equations in one, must follow from each other.
    time_budget : float
        Seconds.
    structure : "symmetric", "diagonal" or "full", optional
        Over which entries of a matrix is differentiated, as for ``sd.grad``; when nothing is given, as ``wrt`` is declared.
    exact : bool
        Ask for a certificate, as for ``sd.prove``: what the test modulo random primes says is computed once more over the rational numbers.
    explain : callable, optional
        (verdict, what is differentiated, target, the line before or None, claim) -> Verdict: what is said of a claim that is not proved. When nothing is
        given, the single edit that mends it is looked for.
    differentiate : callable, optional
        (of, by) -> the derivative: for derivatives that stand on the right of an equation in LaTeX. When nothing is given, symdl derives and proves them.

    Returns
    -------
    Verdict
        PROVED; REFUTED with a witness, and in ``detail`` what mends the claim; or UNKNOWN with what was tried.

    Raises
    ------
    NameError_
        When ``wrt``, or a name in a claim that is text, does not occur in the loss.
    ShapeError
        When the claim has not the shape of ``wrt``.
    ParseError
        When a claim that is text cannot be read.
    MissingExtraError
        When ``exact`` is asked for and python-flint is not installed (``pip install 'symdl[prove]'``).

    Examples
    --------
    >>> x = sd.tensor("x", "n")
    >>> sd.check(sd.sum(x**2), x, 2 * x).verdict
    'PROVED'
    >>> sd.check(sd.sum(x**2), x, "x").verdict
    'REFUTED'
    """
    by = list(wrt) if isinstance(wrt, (list, tuple)) else [wrt]
    if not by:
        raise NameError_("check: nothing to differentiate by is given")
    for name, function in (("explain", explain), ("differentiate", differentiate)):
        if function is not None and not callable(function):
            raise UnsupportedError(f"check: {name} is {briefly(function)}, and must be a function")
    told = {
        "time_budget": time_budget,
        "structure": structure,
        "exact": flag("check", "exact", exact),
        "explain": mended if explain is None else explain,
        "differentiate": differentiated if differentiate is None else differentiate,
    }
    if len(by) == 1:
        return claims.check(loss, by[0], claim, **told)
    return claims.check_higher(loss, by, claim, **told)


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
