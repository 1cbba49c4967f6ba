"""Sizes of rational functions, for the error bound of a zero test at random points.

A ``Bound`` holds for the numerator and the denominator one number each that is at least the total degree *and* at least the
base-2 logarithm of the sum of absolute coefficients. Both obey the same rules (they add up in products), so one number serves for
both: the degree in Schwartz and Zippel's bound, the coefficients in counting the primes that divide them all.
"""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from typing import NamedTuple


class Bound(NamedTuple):
    num: int
    den: int

    def __mul__(self, other: Bound) -> Bound:  # type: ignore[override]
        return Bound(self.num + other.num, self.den + other.den)

    def __add__(self, other: Bound) -> Bound:  # type: ignore[override]
        return Bound(max(self.num + other.den, other.num + self.den) + 1, self.den + other.den)

    def inverse(self) -> Bound:
        return Bound(self.den, self.num)

    def power(self, exponent: int) -> Bound:
        base = self if exponent >= 0 else self.inverse()
        return Bound(base.num * abs(exponent), base.den * abs(exponent))

    def total(self, count: int) -> Bound:
        """Of a sum of ``count`` different functions of this size."""
        if count <= 1:
            return self
        return Bound(self.num + (count - 1) * self.den + count.bit_length(), count * self.den)

    @property
    def size(self) -> int:
        return max(self.num, self.den, 1)


ONE = Bound(1, 0)
#: A variable or generator; some are drawn as squares.
VARIABLE = Bound(2, 0)


def of_number(value: Fraction | int) -> Bound:
    q = Fraction(value)
    return Bound(abs(q.numerator).bit_length(), q.denominator.bit_length() - 1)


def product(bounds: Iterable[Bound]) -> Bound:
    out = Bound(0, 0)
    for b in bounds:
        out = out * b
    return out
