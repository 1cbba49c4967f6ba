"""Functions of balls: what a walk over a graph needs to enclose values, and the walk that does it."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

import numpy as np
import sympy as sp
from mpmath import libmp

from symdl.prove.balls import UP, Balls, Shapes, as_objects, each
from symdl.prove.intervals import Blurred
from symdl.prove.stop import TooLarge, Unreadable

#: Exponents beyond this are not carried: the numbers would have too many digits.
LARGE = 4000
#: Whole powers by multiplication.
POWERS = 64
MATRIX = 40


class OnBalls:
    """A field whose numbers are balls of a number of bits."""

    xp = Shapes

    def __init__(self, bits: int) -> None:
        self.bits = bits
        self.one = 1 << bits
        self.functions: Mapping[str, Callable[..., Any]] = {
            "exp": self.exp,
            "log": self.log,
            "sin": lambda z: self._smooth(libmp.mpf_sin, z, 1.0),
            "cos": lambda z: self._smooth(libmp.mpf_cos, z, 1.0),
            "arctan": lambda z: self._smooth(libmp.mpf_atan, z, 1.0),
            "erf": lambda z: self._smooth(libmp.mpf_erf, z, 1.13),
            "tan": lambda z: self.functions["sin"](z) * self.functions["cos"](z).inverse(),
            "sinh": lambda z: (self.exp(z) - self.exp(-z)).scaled(1, 2),
            "cosh": lambda z: (self.exp(z) + self.exp(-z)).scaled(1, 2),
            "tanh": lambda z: self.sigmoid(z.scaled(2)).scaled(2) - self.number(1),
            "expm1": lambda z: self.exp(z) - self.number(1),
            "log1p": lambda z: self.log(z + self.number(1)),
            "abs": lambda z: self._by_sign(z, -z, z),
            "relu": lambda z: self._by_sign(z, self._zero(z), z),
            "sign": lambda z: self.array(z.sign()),
            "positive": lambda z: self.array(z.sign() > 0),
            "step": lambda z: self.array(z.sign() > 0),
            "iszero": lambda z: self.array(z.sign() == 0),
            "where": lambda c, a, b: _spread(a, c).chosen(c.sign() > 0, _spread(b, c)),
            "sigmoid": self.sigmoid,
            "softplus": lambda z: z.chosen(_ahead(z), self._zero(z)) + self.log(self._falling(z) + self.number(1)),
            "silu": lambda z: z * self.sigmoid(z),
            "gelu": lambda z: z * (self._smooth(libmp.mpf_erf, z * self.power(self.number(2), Fraction(-1, 2)), 1.13) + self.number(1)).scaled(1, 2),
            "minimum": lambda a, b: -self._larger(-a, -b),
            "maximum": self._larger,
            "pow": lambda a, b: self.exp(b * self.log(a)),
        }

    # --- numbers -------------------------------------------------------------------------------------------------

    def number(self, value: Any) -> Balls:
        mid, rad = self._fixed(value)
        return Balls(as_objects(mid), rad, self.bits)

    def array(self, value: Any) -> Balls:
        value = np.asarray(value)
        if value.dtype.kind in "bi":
            return Balls(value.astype(object) * self.one, 0.0, self.bits)
        pairs = [self._fixed(v) for v in value.reshape(-1).tolist()]
        mid, rad = np.empty(len(pairs), dtype=object), np.zeros(len(pairs))
        for k, pair in enumerate(pairs):
            mid[k], rad[k] = pair
        return Balls(mid.reshape(value.shape), rad.reshape(value.shape), self.bits)

    def _fixed(self, value: Any) -> tuple[int, float]:
        """A number over 2**bits, and the error in units of that."""
        if isinstance(value, sp.Basic) and not value.is_Rational:
            return self._irrational(value)
        if isinstance(value, (float, np.floating)) and not math.isfinite(value):
            return 0, math.inf  # nothing is known of it: what a definition has outside all its cases
        q = Fraction(int(value.p), int(value.q)) if isinstance(value, sp.Rational) else Fraction(value)
        mid, rest = divmod(q.numerator << self.bits, q.denominator)
        return mid, float(rest != 0)

    def _irrational(self, value: Any) -> tuple[int, float]:
        found = sp.N(value, int(self.bits * 0.302) + 40)
        if not found.is_Float:
            raise Unreadable(f"the number {value!s:.40} has no real value")
        if abs(float(found)) > 1e30:
            raise TooLarge("a number with many digits")
        return libmp.to_fixed(found._mpf_, self.bits), 2.0

    def _zero(self, like: Balls) -> Balls:
        return like.like(np.full(like.shape, 0, dtype=object), 0.0)

    def plain(self, value: Balls) -> Any:
        """Exact middles: what conditions of definitions are compared by."""
        return value.mid

    def scaled(self, coefficient: Any, a: Balls) -> Balls:
        """A number times balls."""
        if isinstance(coefficient, sp.Rational):
            coefficient = Fraction(int(coefficient.p), int(coefficient.q))
        if isinstance(coefficient, (int, Fraction)):
            return a.scaled(coefficient.numerator, coefficient.denominator)
        return self.number(coefficient) * a

    # --- functions -----------------------------------------------------------------------------------------------

    def _smooth(self, function: Any, z: Balls, slope: float) -> Balls:
        """A function whose slope is nowhere larger."""

        def one(m: int) -> int:
            x = libmp.from_man_exp(m, -self.bits)
            return libmp.to_fixed(function(x, self.bits + 20, "n"), self.bits)

        self._small(z)
        return z.like(each(one, z.mid), z.rad * slope * UP + 2.0)

    def _small(self, z: Balls) -> None:
        if np.any(z.size > 2.0 ** LARGE.bit_length() * 16):
            raise TooLarge("an argument with many digits")

    def exp(self, z: Balls) -> Balls:
        if np.any(z.size * np.where(z.mid > 0, 1.0, 0.0) > LARGE):
            raise TooLarge("exp of a large number")
        spread = z.radius()
        if np.any(spread > 0.5):
            raise Blurred("exp of a wide ball")
        found = each(self._exp, z.mid)
        out = z.like(found, 0.0)
        return z.like(found, np.where(z.rad > 0, (out.size + math.ldexp(2.0, -self.bits)) * z.rad * (1 + spread) * UP, 0.0) + 2.0)

    def _exp(self, m: int) -> int:
        whole = m >> self.bits
        if whole < -self.bits:
            return 0
        wanted = self.bits + max(0, int(whole * 1.4427) + 2) + 20
        return libmp.to_fixed(libmp.mpf_exp(libmp.from_man_exp(m, -self.bits), wanted, "n"), self.bits)

    def log(self, z: Balls) -> Balls:
        low = z.below()
        if np.any((z.mid <= 0) | (low <= 0)):
            raise Blurred("logarithm of what may not be positive")

        def one(m: int) -> int:
            return libmp.to_fixed(libmp.mpf_log(libmp.from_man_exp(m, -self.bits), self.bits + 30, "n"), self.bits)

        return z.like(each(one, z.mid), z.rad / low * UP + 2.0)

    def _falling(self, z: Balls) -> Balls:
        """exp(-|z|), by the sign of the middle: where that is wrong, so little that both ways hold."""
        return self.exp(_turned(z))

    def sigmoid(self, z: Balls) -> Balls:
        small = self._falling(z)
        one = self._zero(z) + self.number(1)
        return one.chosen(_ahead(z), small) * (small + self.number(1)).inverse()

    def _by_sign(self, z: Balls, below: Balls, above: Balls) -> Balls:
        return above.chosen(z.sign() > 0, below)

    def _larger(self, a: Balls, b: Balls) -> Balls:
        """The larger of two; how far that is out is no more than the worse of both."""
        shape = np.broadcast_shapes(a.shape, b.shape)
        a, b = (Shapes.broadcast_to(v, shape) for v in (a, b))
        return a.like(np.where(a.mid >= b.mid, a.mid, b.mid), np.maximum(a.rad, b.rad))

    def power(self, a: Balls, exponent: Any) -> Balls:
        q = Fraction(int(exponent.p), int(exponent.q)) if isinstance(exponent, sp.Rational) else exponent
        if isinstance(q, sp.Basic):
            return self.exp(self.number(q) * self.log(a))
        q = Fraction(q)
        if q.denominator == 1 and abs(q) <= POWERS:
            out, base, left = None, a, abs(q.numerator)
            while left:
                if left & 1:
                    out = base if out is None else out * base
                base, left = (base * base if left > 1 else base), left >> 1
            out = self._zero(a) + self.number(1) if out is None else out
            return out.inverse() if q < 0 else out
        if q.denominator == 1 and abs(q.numerator) < 2**20:
            signs = a.sign()
            if np.any(signs == 0):
                raise Blurred("a large power of zero")
            size = self.exp(self.number(q) * self.log(self._by_sign(a, -a, a)))
            return size if q.numerator % 2 == 0 else size.chosen(signs > 0, -size)
        if q.denominator == 2 and abs(q.numerator) <= POWERS:
            return self.power(self._root(a), q.numerator)
        return self.exp(self.number(q) * self.log(a))

    def _root(self, a: Balls) -> Balls:
        low = a.below()
        exact = (a.mid == 0) & (a.rad == 0)
        if np.any((a.mid < 0) | ((low <= 0) & ~exact)):
            raise Blurred("root of what may be negative")
        slope = np.where(exact, 1.0, 2 * np.sqrt(np.where(exact, 1.0, low)))
        return a.like(each(lambda m: math.isqrt(m << self.bits), a.mid), np.where(exact, 0.0, a.rad / slope * UP + 1.0))

    def chosen(self, mask: Any, a: Balls, b: Balls) -> Balls:
        shape = np.broadcast_shapes(np.shape(mask), a.shape, b.shape)
        return Shapes.broadcast_to(a, shape).chosen(np.broadcast_to(mask, shape), Shapes.broadcast_to(b, shape))

    def logsumexp(self, a: Balls, axes: tuple[int, ...]) -> Balls:
        top = a.like(np.maximum.reduce(a.mid, axis=axes, keepdims=True), 0.0)
        total = self.exp(a - top).total(axes, keep=True)
        found = self.log(total) + top
        return found.seen(lambda part: part.squeeze(axis=axes))

    def maximum(self, a: Balls, axes: tuple[int, ...]) -> Balls:
        return a.like(np.maximum.reduce(a.mid, axis=axes), np.maximum.reduce(a.rad, axis=axes))

    def times_total(self, a: Balls, b: Balls, axes: tuple[int, ...]) -> Balls:
        return a.times_total(b, axes) if axes else a * b

    # --- matrices ------------------------------------------------------------------------------------------------

    def matrix(self, kind: str, a: Balls) -> Balls:
        if a.shape[-1] > MATRIX:
            raise TooLarge(f"a {a.shape[-1]} x {a.shape[-1]} matrix with many digits")
        pairs = [self._eliminated(a[k]) for k in range(a.shape[0])]
        if kind == "inv":
            return Shapes.stack([inverse for inverse, _ in pairs])
        det = Shapes.stack([det for _, det in pairs])
        return det if kind == "det" else self.log(det)

    def _eliminated(self, a: Balls) -> tuple[Balls, Balls]:
        """Inverse and determinant by Gauss and Jordan, largest pivots first."""
        size = a.shape[0]
        eye = self.array(np.eye(size, dtype=int))
        mid, rad = np.concatenate([a.mid, eye.mid], axis=1), np.concatenate([a.rad, eye.rad], axis=1)
        det = self.number(1)
        for k in range(size):
            pivot = k + int(np.argmax(np.abs(mid[k:, k])))
            if pivot != k:
                mid[[k, pivot]], rad[[k, pivot]] = mid[[pivot, k]], rad[[pivot, k]]
                det = -det
            work = a.like(mid, rad)
            det = det * work[k, k]
            row = work[k] * work[k, k].inverse()
            factor = work[:, k : k + 1]
            factor = factor.like(np.where(np.arange(size)[:, None] == k, 0, factor.mid), np.where(np.arange(size)[:, None] == k, 0.0, factor.rad))
            work = work - factor * row[None]
            mid, rad = np.array(work.mid), np.array(work.rad)
            mid[k], rad[k] = row.mid, row.rad
        return a.like(mid[:, size:], rad[:, size:]), det


def _ahead(z: Balls) -> Any:
    return (z.mid >= 0).astype(bool)


def _turned(z: Balls) -> Balls:
    """-|middle|."""
    return z.like(-np.abs(z.mid), z.rad)


def _spread(a: Balls, like: Balls) -> Balls:
    return Shapes.broadcast_to(a, np.broadcast_shapes(a.shape, like.shape))
