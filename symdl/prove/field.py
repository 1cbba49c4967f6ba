"""Arithmetic at many random points, each modulo its own large prime. Arrays have the points on their last axis.

The primes are chosen so that real analysis has a faithful picture: -1 is no square (p = 3 mod 4), so that "is a square" behaves
like a sign, 2, 3, ..., 13 are squares like all positive numbers, and odd roots are unique. The canonical square root
is the one that is itself a square, as the real one is itself positive; it is multiplicative as the real one is.
"""

from __future__ import annotations

import math
import random
from fractions import Fraction
from functools import cache
from typing import Any

import numpy as np

Array = Any
_SMALL = (3, 5, 7, 11, 13)


@cache
def primes(count: int, bits: int, seed: int) -> tuple[int, ...]:
    """Random primes of exactly so many bits, of the kind described above."""
    rng = random.Random(f"symdl primes {bits} {seed}")
    found: list[int] = []
    while len(found) < count:
        p = (rng.getrandbits(bits) | 1 << (bits - 1)) | 7
        if all(p % q > 1 and pow(q, (p - 1) // 2, p) == 1 for q in _SMALL) and is_prime(p):
            found.append(p)
    return tuple(found)


def is_prime(n: int) -> bool:
    """Miller-Rabin with fixed bases: exact below 2**64, and far beyond that wrong with probability below 4**-24."""
    bases: tuple[int, ...] = (2, 3, 5, 7, 11, 13, 17, 19, 23, 29, 31, 37)
    if n < 2 or any(n % b == 0 for b in bases):
        return n in bases
    if n.bit_length() > 64:
        rng = random.Random(n)
        bases += tuple(rng.randrange(2, n - 1) for _ in range(12))
    odd = n - 1
    twos = (odd & -odd).bit_length() - 1
    odd >>= twos
    for b in bases:
        x = pow(b, odd, n)
        if x in (1, n - 1):
            continue
        for _ in range(twos - 1):
            x = x * x % n
            if x == n - 1:
                break
        else:
            return False
    return True


_inverse = np.frompyfunc(lambda a, p: pow(int(a), -1, int(p)), 2, 1)
_power = np.frompyfunc(lambda a, e, p: pow(int(a), int(e), int(p)), 3, 1)


class Field:
    """So many points, the k-th modulo ``p[k]``.

    Attributes
    ----------
    p : (K,) array
    ok : (K,) bool array
        Points at which nothing was divided by zero and every square root existed.
    """

    #: Whether roots of any degree are at hand.
    any_root = False

    def __init__(self, moduli: list[int], seed: int, keep: Array = None, drawn: int = 0) -> None:
        # With ``keep``, so many points are drawn and those listed kept: a run can be repeated without its rejected points.
        self._keep, self._drawn = keep, drawn or len(moduli)
        self.small = max(moduli).bit_length() <= 31
        self.p = np.array(moduli, dtype=np.int64 if self.small else object)
        self.count = len(moduli)
        self.ok = np.ones(self.count, dtype=bool)
        self._rng = random.Random(f"symdl points {seed}")
        self._numpy = np.random.default_rng(seed)
        self.first = 0

    @property
    def dtype(self) -> Any:
        return self.p.dtype

    def norm(self, a: Array) -> Array:
        return a % self.p

    def number(self, value: Fraction | int) -> Array:
        q = Fraction(value)
        num = np.array([q.numerator % int(p) for p in self.p], dtype=self.dtype)
        if q.denominator == 1:
            return num
        den = np.array([q.denominator % int(p) for p in self.p], dtype=self.dtype)
        return self.norm(num * self.inverse(den))

    def integers(self, a: Array) -> Array:
        """Small whole numbers, an axis of points added."""
        return self.norm(np.asarray(a)[..., None].astype(self.dtype) + np.zeros(self.count, dtype=self.dtype))

    def zeros(self, shape: tuple[int, ...]) -> Array:
        return np.zeros((*shape, self.count), dtype=self.dtype)

    def draw(self, shape: tuple[int, ...] = ()) -> Array:
        """Uniform, not 0."""
        if self.small:
            raw = self._numpy.integers(0, 2**62, (*shape, self._drawn))
            return 1 + (raw if self._keep is None else raw[..., self._keep]) % (self.p - 1)
        out = np.empty((*shape, self.count), dtype=object)
        for at in np.ndindex(*out.shape):
            out[at] = self._rng.randrange(1, int(self.p[at[-1]]))
        return out

    def draw_square(self, shape: tuple[int, ...] = ()) -> Array:
        r = self.draw(shape)
        return self.norm(r * r)

    def inverse(self, a: Array) -> Array:
        zero = a == 0
        if zero.any():
            self.reject(zero)
            a = np.where(zero, 1, a)
        return _inverse(a, self.p).astype(self.dtype)

    def power(self, a: Array, exponent: int) -> Array:
        if exponent < 0:
            return self.power(self.inverse(a), -exponent)
        out = np.ones_like(a)
        while exponent:
            if exponent & 1:
                out = self.norm(out * a)
            exponent >>= 1
            if exponent:
                a = self.norm(a * a)
        return out

    def root(self, a: Array, degree: int) -> Array:
        """The canonical root; points where there is none are rejected."""
        while degree % 2 == 0:
            r = _power(a, (self.p + 1) // 4, self.p).astype(self.dtype)
            bad = self.norm(r * r) != self.norm(a)
            self.reject(bad)
            a, degree = r, degree // 2
        if degree == 1:
            return a
        shared = np.array([math.gcd(degree, int(p) - 1) != 1 for p in self.p])
        self.reject(np.broadcast_to(shared, a.shape))
        exponents = np.array([1 if s else pow(degree, -1, int(p) - 1) for p, s in zip(self.p, shared, strict=True)], dtype=object)
        return _power(a, exponents, self.p).astype(self.dtype)

    def reject(self, bad: Array) -> None:
        """Points at which any entry is bad count no more."""
        self.ok &= ~bad.reshape(-1, self.count).any(axis=0)

    def usable(self, a: Array) -> bool:
        """Whether a number can be a pivot: not zero everywhere."""
        return bool((a != 0).any())

    def is_zero(self, a: Array) -> Array:
        """Per entry: zero at all points that count."""
        return (a[..., self.ok] == 0).all(axis=-1)


def rational(residue: int, p: int) -> Fraction:
    """The fraction with small numerator and denominator that is ``residue`` modulo p (Wang 1981)."""
    limit = math.isqrt(p // 2)
    r0, r1, s0, s1 = p, residue % p, 0, 1
    while r1 > limit:
        q = r0 // r1
        r0, r1, s0, s1 = r1, r0 - q * r1, s1, s0 - q * s1
    return Fraction(r1, s1)
