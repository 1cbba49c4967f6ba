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
    terms = [expr.function]
    for letter, *bounds in expr.limits:
        if len(bounds) != 2 or not all(b.is_Integer for b in bounds) or (int(bounds[1]) - int(bounds[0])) * len(terms) >= MOST:
            raise Unreadable(f"{type(expr).__name__} has no exact reading here")
        terms = [t.xreplace({letter: sp.Integer(k)}) for t in terms for k in range(int(bounds[0]), int(bounds[1]) + 1)]
    return sp.Add(*terms) if isinstance(expr, sp.Sum) else sp.Mul(*terms)
