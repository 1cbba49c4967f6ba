"""Where a function has a kink or a jump: found in its definition, so that none is without a policy."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import sympy as sp

#: How near the two sides are looked at, and what differs by more is no rounding.
STEP, DIGITS, TOLERANCE = sp.Rational(1, 10**20), 60, sp.Float("1e-9")


def kinks_of(definition: sp.Expr, z: sp.Symbol, table: Mapping[Any, Any]) -> list[sp.Expr]:
    """The points at which a function of z jumps, or has two slopes.

    Parameters
    ----------
    definition : SymPy expression
        In z alone. Looked at are the boundaries of cases, of Abs, sign, Max, Min and Heaviside, and the kinks of the table's functions, where they
        are roots of polynomials.
    table : mapping
        SymPy class -> its entry.
    """
    points = {root for gap in _gaps(definition, table) for root in _roots(gap, z)}
    return sorted((c for c in points if _is_kink(definition, z, c)), key=float)


def _gaps(definition: sp.Expr, table: Mapping[Any, Any]) -> Iterator[sp.Expr]:
    """Expressions whose zeros are the boundaries."""
    for part in sp.preorder_traversal(definition):
        if isinstance(part, sp.Rel):
            yield part.lhs - part.rhs
        elif isinstance(part, (sp.Abs, sp.sign, sp.Heaviside)):
            yield part.args[0]
        elif isinstance(part, (sp.Max, sp.Min)):
            yield from (a - b for k, a in enumerate(part.args) for b in part.args[k + 1 :])
        elif type(part) in table and part.args:
            yield from (part.args[0] - sp.nsimplify(kink.at) for kink in table[type(part)].kinks if not isinstance(kink.at, str))


def _roots(gap: sp.Expr, z: sp.Symbol) -> list[sp.Expr]:
    if not gap.has(z) or not gap.is_polynomial(z):
        return []
    try:
        return [r for r in sp.real_roots(gap, z) if r.is_number]
    except (NotImplementedError, sp.PolynomialError):
        return []


def _is_kink(definition: sp.Expr, z: sp.Symbol, at: sp.Expr) -> bool:
    before, here, after = (definition.subs(z, point).evalf(DIGITS) for point in (at - STEP, at, at + STEP))
    if not (before.is_real and after.is_real):
        return False  # an edge of the domain
    scale = 1 + abs(before)
    if abs(after - before) > TOLERANCE * scale or not here.is_real or abs(here - before) > TOLERANCE * scale:
        return True
    return bool(abs((after - here) - (here - before)) / STEP > TOLERANCE * scale)
