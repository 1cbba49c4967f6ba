"""Products of sums found again in what they have been multiplied out to: (e + A)(e + B) from e**2 + e*A + e*B + A*B, so that its root is that of each."""

from __future__ import annotations

from fractions import Fraction

from symdl.prove.everysize.atom import Factor, Mono, Num, Poly, of_factors, whole

#: Polynomials of more terms than this are left alone.
MAX_TERMS = 36


def two_factors(poly: Poly) -> tuple[Poly, Poly] | None:
    """(A + S) and Q where the polynomial is (A + S)*Q: A an atom that stands once in half of the terms, S a single term."""
    if len(poly) % 2 or not 4 <= len(poly) <= MAX_TERMS:
        return None
    counts: dict[Factor, int] = {}
    for mono in poly:
        for f, e in mono:
            counts[f] = counts.get(f, 0) + (1 if e == 1 else len(poly))
    for f in sorted(f for f, count in counts.items() if 2 * count == len(poly)):
        quotient: Poly = {tuple(g for g in mono if g[0] != f): c for mono, c in poly.items() if (f, 1) in mono}
        rest = {mono: c for mono, c in poly.items() if (f, 1) not in mono}
        ratio = _ratio(quotient, rest)
        if ratio is not None:
            return {((f, 1),): 1, ratio[0]: ratio[1]}, quotient
    return None


def _ratio(quotient: Poly, rest: Poly) -> tuple[Mono, Num] | None:
    """The term by which the one is multiplied to give the other."""
    if () in quotient:
        first: Mono = ()
    else:
        first = min(quotient)
    for mono, c in rest.items():
        term, scale = _over(mono, first), Fraction(c) / quotient[first]
        if {_over(m, term, -1): k * scale for m, k in quotient.items()} == rest:
            return term, whole(scale)
    return None


def _over(a: Mono, b: Mono, sign: int = 1) -> Mono:
    """a/b, or a*b for the sign -1."""
    out = dict(a)
    for f, e in b:
        out[f] = whole(out.get(f, 0) - sign * e)
    return of_factors(out)
