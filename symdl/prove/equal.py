"""prove(lhs, rhs): are two expressions equal, at every element, wherever both are defined?"""

from __future__ import annotations

from typing import Any

from symdl.errors import ShapeError, UnsupportedError
from symdl.expr.dims import show_shape
from symdl.expr.tensor import Expr, describe, join_letters
from symdl.functions.given import flag
from symdl.prove.everysize.same import same
from symdl.prove.exact import flint
from symdl.prove.expand import same_for_every_size
from symdl.prove.induction import by_induction
from symdl.prove.plain import ready
from symdl.prove.problem import Equality
from symdl.prove.settle import confirmed, for_every_size, seen_to_differ, settle
from symdl.prove.stop import Clock
from symdl.steps.verdict import PROVED, UNKNOWN, Verdict

#: Seconds.
TIME_BUDGET = 10.0
#: Seconds for a normal form before anything else: most of what is right is seen so at once.
AT_FIRST = 0.15


def prove(lhs: Any, rhs: Any, time_budget: float = TIME_BUDGET, *, exact: bool = False) -> Verdict:
    """Decide whether two expressions are equal.

    First by normal form (``everysize``), which holds for every size; else exactly at concrete sizes (several small ones where sizes are symbols): exponentials,
    logarithms and angles become generators of a field, and the difference is tested at random points modulo random primes. Jumps and kinks (relu, abs,
    step, max) are gone through by cases of sign, boundaries excluded. Equality is meant wherever both sides are defined as real numbers.

    Parameters
    ----------
    lhs, rhs : Expr, number, or SymPy expression (``Derivative`` and ``Piecewise`` included)
        Of one shape. Open index letters: for every value of them.
    time_budget : float
        Seconds.
    exact : bool
        Ask for a certificate: what the test modulo random primes says, with a chance of error below 1e-30, is computed once more over the rational
        numbers, by python-flint. Normal forms and inductions are exact as they are. The verdict's method says which it was, and why not where a
        certificate could not be had (one-hot inputs, roots that are no rational functions of the generators).

    Returns
    -------
    Verdict
        PROVED; REFUTED with a witness at which interval arithmetic shows that the sides differ; or UNKNOWN with what was tried.

    Raises
    ------
    ShapeError
        When the shapes differ.
    MissingExtraError
        When ``exact`` is asked for and python-flint is not installed (``pip install 'symdl[prove]'``).

    References
    ----------
    Schwartz 1980; Zippel 1979 (zero tests at random points).

    Examples
    --------
    >>> x = sd.tensor("x", "n")
    >>> sd.prove(sd.sum(sd.softmax(x)), 1).verdict
    'PROVED'
    >>> sd.prove(sd.tanh(x[0]), 2 * sd.sigmoid(x[0])).verdict
    'REFUTED'
    """
    if flag("prove", "exact", exact):
        flint()
    clock = Clock(time_budget)
    try:
        left, right = ready(lhs, rhs), ready(rhs, lhs)
    except UnsupportedError as error:
        return Verdict(UNKNOWN, "reading the expression", detail=str(error))
    check_shapes(left, right, "prove")
    if left == right:
        return Verdict(PROVED, "canonical form, for every size")
    problem = Equality(left, right)
    if same(left, right, Clock(min(AT_FIRST, time_budget / 8))) and confirmed(problem, clock):
        return Verdict(PROVED, for_every_size(problem))
    differ = seen_to_differ(problem, clock)
    if differ is not None:
        return differ
    normal = same(left, right, Clock(time_budget / 4)) or same_for_every_size(left, right, Clock(time_budget / 8))
    if normal and confirmed(problem, clock):
        return Verdict(PROVED, for_every_size(problem))
    found = by_induction(left, right, Clock(time_budget / 2), lambda a, b: prove(a, b, time_budget / 4))
    if found is not None and confirmed(problem, clock):
        return found
    return settle(problem, clock, exact)


def check_shapes(left: Expr, right: Expr, operation: str) -> None:
    """Both sides must have one shape, and each index letter one size."""
    if left.shape != right.shape:
        sides = f"{describe(left)} and {describe(right)}"
        raise ShapeError(f"{operation}: {sides} cannot be equal: the shapes are {show_shape(left.shape)} and {show_shape(right.shape)}")
    join_letters([left, right], operation)
