"""Sums and products over whole numbers in a coefficient (the log-Gammas of a Wishart density), written out once their bounds are known."""

from __future__ import annotations

import sympy as sp

from symdl.prove.stop import Unreadable

#: Terms.
MOST = 200


def written_out(expr: sp.Sum | sp.Product) -> sp.Expr:
    """The terms, added or multiplied.

    Raises
    ------
    Unreadable
        When a bound is no whole number, or there are too many terms.
    """
    points: list[dict[sp.Basic, sp.Integer]] = [{}]
    for letter, *bounds in reversed(expr.limits):  # the last is the outermost: bounds before it may speak of its letter
        wider: list[dict[sp.Basic, sp.Integer]] = []
        for point in points:
            ends = [sp.sympify(b).xreplace(point) for b in bounds]
            if len(ends) != 2 or not all(e.is_Integer for e in ends) or int(ends[1]) - int(ends[0]) + len(wider) >= MOST:
                raise Unreadable(f"{type(expr).__name__} has no exact reading here")
            wider += [{**point, letter: sp.Integer(k)} for k in range(int(ends[0]), int(ends[1]) + 1)]
        points = wider
    terms = [expr.function.xreplace(point) for point in points]
    return sp.Add(*terms) if isinstance(expr, sp.Sum) else sp.Mul(*terms)
