"""What is wrong with a claim as a whole, or with one of its terms: a factor, a transpose, a matrix that was taken for symmetric."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import sympy as sp

from symdl.edits import Edit, shown
from symdl.expr.tensor import Expr
from symdl.graph import build
from symdl.graph import node as kinds
from symdl.graph.build import Term
from symdl.graph.number import number, times
from symdl.graph.rebuild import placed
from symdl.graph.walk import topological
from symdl.mend.trial import Trial, value_at


def factor_words(factor: Any, at: str = "") -> str:
    """What is said of a factor that would make it right."""
    factor = sp.sympify(factor)
    if factor == -1:
        return f"the sign of {at} is wrong" if at else "the sign is wrong"
    sign = f"the sign {'of ' + at + ' ' if at else ''}is wrong and " if factor.could_extract_minus_sign() else ""
    factor = abs(factor) if factor.is_number else -factor if sign else factor
    where = f" at {at}" if at else ""
    above, below = sp.fraction(factor)
    if below == 1:
        return f"{sign}a factor {factor} is missing{where}"
    if above == 1:
        return f"{sign}there is a factor {below} too many{where}" + (": divide by it" if below.free_symbols and not at else "")
    return f"{sign}a factor {factor} is missing{where}"


def wrong_factor(trial: Trial) -> Edit | None:
    """The claim times a number, or times sizes."""
    claim = trial.claim
    values = trial.values(claim)
    factor = None if values is None else trial.ratio(trial.wanted, values)
    if factor is None or factor in (0, 1):
        return None
    return Edit(factor_words(factor), Expr(build.mul(number(factor), [claim.term]), claim.shape, claim.open))


def wrong_terms(trial: Trial) -> Iterator[Edit]:
    """One term of the claim times a factor; times 0: it does not belong there."""
    claim = trial.claim
    values = trial.values(claim)
    if claim.node.op != kinds.ADD or values is None:
        return
    with np.errstate(all="ignore"):  # values may be infinite
        gaps = [w - v for w, v in zip(trial.wanted, values, strict=True)]
    terms = [placed(Term(a, m), claim.map) for a, m in claim.node.terms()]
    for k, (coef, term) in enumerate(zip(claim.node.attr, terms, strict=True)):
        one = Expr(build.mul(coef, [term]), claim.shape, _opened(claim))
        of_term = trial.values(one)
        more = None if of_term is None else trial.ratio(gaps, of_term)
        if more in (None, 0):
            continue
        factor = sp.expand(1 + more)
        coefs = [times(number(factor), c) if j == k else c for j, c in enumerate(claim.node.attr)]
        edited = Expr(build.add(coefs, terms), claim.shape, claim.open)
        name = f"the term {shown(one)}"
        yield Edit(f"{name} does not belong there" if factor == 0 else factor_words(factor, name), edited)


def _opened(claim: Expr) -> dict[Any, Any]:
    return dict(claim.open)


def whole_transposed(claim: Expr) -> Iterator[Edit]:
    if claim.ndim == 2 and claim.shape[0] == claim.shape[1]:
        yield Edit("it should be transposed", claim.T)
    letters = sorted(claim.open, key=str)
    for a, b in itertools.combinations(letters, 2):
        if claim.open[a] == claim.open[b]:
            swapped = build.rename(claim.term, {a: b, b: a})
            yield Edit(f"the indices {a} and {b} should be exchanged", Expr(swapped, claim.shape, claim.open))


def only_symmetric(trial: Trial) -> Edit | None:
    """Matrices that were taken for symmetric."""
    squares = [n for n in topological([trial.claim.node, trial.right.node]) if n.op == kinds.INPUT and n.rank == 2 and n.shape[0] == n.shape[1]]
    squares = [n for n in squares if "symmetric" not in n.attr.facts][:4]
    for count in (1, 2):
        for chosen in itertools.combinations(squares, count):
            names = [str(n.name) for n in chosen]
            even = [{**p, **{name: p[name] + p[name].T for name in names}} for p in trial.points if all(name in p for name in names)]
            if even and _same(trial, even):
                return Edit(f"it is right only when {' and '.join(names)} {'is' if count == 1 else 'are'} symmetric", trial.right)
    return None


def _same(trial: Trial, points: list[dict[str, Any]]) -> bool:
    from symdl.mend.trial import close

    for point in points:
        left, right = value_at(trial.claim, point), value_at(trial.right, point)
        if left.shape != right.shape or not close(left, right):
            return False
    return True
