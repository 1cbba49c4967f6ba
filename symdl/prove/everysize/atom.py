"""What terms are made of: atoms, monomials, polynomials; plain data and the arithmetic that needs no more than that."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any, Union

Num = Union[int, Fraction]
#: An atom by number, and the labels that stand on its slots.
Factor = tuple[int, tuple[int, ...]]
#: Factors with exponents, in order.
Mono = tuple[tuple[Factor, Num], ...]
Poly = dict[Mono, Num]

ONE: Poly = {(): 1}
#: Labels from here on are fixed positions.
FIXED = 1 << 40
#: Labels from here on are made on the way; those below are axes.
FRESH = 1 << 20


class Atom:
    """A generator.

    Attributes
    ----------
    number : int
        Atoms are numbered as they are made.
    kind : str
        "input", "exp", "sum", ...; says how ``data`` is read.
    rank : int
        So many labels stand on it.
    data : Any
        What it is of: a name, a polynomial whose labels are the slots, or the rows of a sum.
    group : tuple of permutations
        Under which it is symmetric, without the identity.
    positive : bool
        Above zero at all points.
    idempotent : bool
        Equal to its powers.
    inside : frozenset of int
        The atoms that a sum is over, itself included.
    """

    __slots__ = ("data", "group", "idempotent", "inside", "kind", "number", "orbits", "positive", "rank")

    def __init__(self, number: int, kind: str, rank: int, data: Any, group: tuple[tuple[int, ...], ...], positive: bool, idempotent: bool) -> None:
        self.number, self.kind, self.rank, self.data = number, kind, rank, data
        self.group, self.positive, self.idempotent = group, positive, idempotent
        self.inside = frozenset((number,))
        self.orbits = tuple(min([k, *(g[k] for g in group)]) for k in range(rank))

    def settled(self, labels: tuple[int, ...]) -> tuple[int, ...]:
        """The least of the label tuples that mean the same."""
        if not self.group:
            return labels
        return min([labels, *(tuple(labels[k] for k in g) for g in self.group)])


def whole(value: Num) -> Num:
    """An exponent or coefficient as an int where it is one."""
    return value if type(value) is int or value.denominator != 1 else int(value)


def add_to(total: Poly, poly: Mapping[Mono, Num], scale: Num = 1) -> None:
    """total += scale*poly."""
    for mono, c in poly.items():
        value = total.get(mono, 0) + c * scale
        if value:
            total[mono] = value
        else:
            total.pop(mono, None)


def total_of(polys: Iterable[tuple[Num, Poly]]) -> Poly:
    out: Poly = {}
    for c, poly in polys:
        add_to(out, poly, c)
    return out


def scaled(poly: Poly, scale: Num) -> Poly:
    if scale == 1:
        return poly
    return {mono: c * scale for mono, c in poly.items()} if scale else {}


def number(value: Num) -> Poly:
    return {(): value} if value else {}


def merged(pairs: Iterable[tuple[Factor, Num]]) -> dict[Factor, Num]:
    """Exponents of equal factors added up."""
    out: dict[Factor, Num] = {}
    for f, e in pairs:
        out[f] = out.get(f, 0) + e
    return out


def of_factors(factors: Mapping[Factor, Num]) -> Mono:
    """The monomial with these exponents."""
    return tuple(sorted((f, e) for f, e in factors.items() if e))


def labels_of(poly: Iterable[Mono]) -> set[int]:
    """All labels that stand in it, fixed positions included."""
    return {label for mono in poly for (_, idx), _ in mono for label in idx}


def is_number(poly: Poly) -> Num | None:
    """The number that it is, or None."""
    if not poly:
        return 0
    return poly.get(()) if len(poly) == 1 else None
