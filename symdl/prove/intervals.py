"""Interval arithmetic with as many bits as wanted: values that are certainly within their bounds. Refutations rest on it.

mpmath's interval context rounds outwards; erf and arctan, which it lacks, are increasing, so their values at the ends of an interval,
taken with guard bits and moved outwards, enclose them.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from fractions import Fraction
from functools import cached_property
from typing import Any

import mpmath
import numpy as np
from mpmath.ctx_iv import MPIntervalContext

from symdl.prove.bound import ONE, Bound
from symdl.prove.stop import Stop
from symdl.prove.value import Value

#: How near to 0 and to 1 is next to it.
NEAR = Fraction(1, 2**150)
#: A number that may be zero and is no larger counts as zero to who is lenient.
SMALL = mpmath.mpf(2) ** -50


class BadPoint(Stop):
    """A side is not defined at this point, or a jump stands there."""


class DividedByZero(BadPoint):
    """By what is exactly zero there."""


class Blurred(Stop):
    """More bits are needed to tell."""


class Intervals:
    """One point; numbers are intervals of ``bits`` bits.

    Parameters
    ----------
    bits : int
    seed : int
        Which random inputs ``draw`` gives; the same at every precision, and exact in binary.
    spread : Fraction
        How large they are.
    positive : bool
    mixed : bool
        Some are next to 0, some next to 1.
    lenient : bool
        What cannot be told from zero has the sign of zero (relu(sin(x)**2 + cos(x)**2 - 1)); such a point is noted as a boundary, and refutes nothing.
    marks : sequence of Fraction
        Numbers near which some inputs are to be.
    """

    discovering = False
    dtype = object
    any_root = True

    def __init__(
        self,
        bits: int,
        seed: int = 0,
        spread: Fraction = Fraction(1),
        positive: bool = False,
        mixed: bool = False,
        lenient: bool = False,
        marks: Sequence[Fraction] = (),
    ) -> None:
        self._rng = random.Random(f"symdl witness {seed}")
        self._spread, self._positive, self._mixed, self._lenient = spread, positive, mixed, lenient
        self._marks = list(marks)
        self.first = seed
        self.context = MPIntervalContext()
        self.context.prec = bits
        self.bits = bits
        self.count = 1
        self.boundary = False

    @cached_property
    def _precise(self) -> Any:
        """Numbers with guard bits, for the functions that have no interval form."""
        context = mpmath.MPContext()
        context.prec = self.bits + 40
        return context

    def norm(self, a: Any) -> Any:
        return a

    def _each(self, function: Any, *arrays: Any) -> Any:
        out = np.frompyfunc(function, len(arrays), 1)(*arrays)
        return np.asarray(out, dtype=object)

    def number(self, value: Fraction | int) -> Any:
        q = Fraction(value)
        out = np.empty(1, dtype=object)
        out[0] = self.context.mpf(q.numerator) / q.denominator
        return out

    def array(self, values: Any) -> Any:
        """Fractions or ints as intervals, an axis of points added."""
        values = np.asarray(values, dtype=object)
        out = np.empty((*values.shape, 1), dtype=object)
        for at in np.ndindex(*values.shape):
            out[(*at, 0)] = self.number(values[at])[0]
        return out

    def integers(self, a: Any) -> Any:
        return self.array(np.asarray(a).astype(object))

    def zeros(self, shape: tuple[int, ...]) -> Any:
        out = np.empty((*shape, 1), dtype=object)
        out[...] = self.context.mpf(0)
        return out

    def draw(self, shape: tuple[int, ...]) -> Any:
        """Random numbers k/64 times the spread, none 0."""
        out = np.empty(shape, dtype=object)
        for at in np.ndindex(*shape):
            k = self._rng.choice([-1, 1]) * self._rng.randint(1, 128)
            out[at] = self._moved(self._spread * (abs(k) if self._positive else k) / 64)
        return self.array(out)

    def draw_square(self, shape: tuple[int, ...]) -> Any:
        """Positive ones."""
        return self._each(abs, self.draw(shape))

    def draw_unit(self, shape: tuple[int, ...]) -> Any:
        """Numbers between 0 and 1, exact in binary."""
        size = min(self._spread, Fraction(1))
        out = np.empty(shape, dtype=object)
        for at in np.ndindex(*shape):
            out[at] = self._moved(size * self._rng.randint(1, 127) / 128)
        return self.array(out)

    def _moved(self, drawn: Fraction) -> Fraction:
        """Next to 0 or to 1, or to a mark, where some are to be there."""
        if self._marks and (len(self._marks) == 1 or self._rng.randrange(4)):
            mark = self._rng.choice(self._marks)
            off = Fraction(0) if len(self._marks) == 1 else self._rng.choice((Fraction(0), drawn / 2**40, drawn / 64))
            return self._binary(abs(mark + off) if self._positive else mark + off)
        near = self._rng.randrange(4) if self._mixed else 3
        return (drawn * NEAR, 1 - drawn * NEAR, 1 - drawn / 2**12, drawn)[near]

    def _binary(self, q: Fraction) -> Fraction:
        """A number that has no more than 120 binary places, and is that near."""
        return Fraction(round(q * 2**120), 2**120)

    def inverse(self, a: Any) -> Any:
        return self._each(self._inverse, a)

    def _inverse(self, x: Any) -> Any:
        if 0 in x:
            raise DividedByZero("division by zero") if x.a == 0 and x.b == 0 else Blurred("division by what may be zero")
        return 1 / x

    def power(self, a: Any, exponent: int) -> Any:
        if exponent < 0:
            return self.power(self.inverse(a), -exponent)
        return self._each(lambda x: x**exponent, a)

    def root(self, a: Any, degree: int) -> Any:
        return self._each(lambda x: self._root(x, degree), a)

    def _root(self, x: Any, degree: int) -> Any:
        if x.b < 0:
            raise BadPoint("root of a negative number")
        if x.b == 0 and x.a == 0:
            return x
        if not x.a > 0:
            raise Blurred("root of what may be negative")
        return self.context.sqrt(x) if degree == 2 else self.context.exp(self.context.log(x) / degree)

    # --- functions -----------------------------------------------------------------------------------------------

    def constant(self, name: str) -> Value:
        out = np.empty(1, dtype=object)
        out[0] = +self.context.pi
        return Value(out)

    def exp(self, x: Value) -> tuple[Any, Bound]:
        return self._each(self._exp, x.val), ONE

    def _exp(self, x: Any) -> Any:
        if x.b > 2**40:
            raise BadPoint("exp of a huge number")
        if x.a < -(2**40):
            return self.context.mpf([0, self.context.exp(self.context.mpf(max(x.b, -(2**40)))).b])
        return self.context.exp(x)

    def log(self, x: Value) -> tuple[Any, Bound]:
        return self._each(self._log, x.val), ONE

    def _log(self, x: Any) -> Any:
        if not x.b > 0:
            raise BadPoint("logarithm of a number that is not positive")
        if not x.a > 0:
            raise Blurred("logarithm of what may not be positive")
        return self.context.log(x)

    def cos_sin(self, x: Value) -> tuple[Any, Any, Bound]:
        return self._each(self.context.cos, x.val), self._each(self.context.sin, x.val), ONE

    def odd(self, name: str, x: Value) -> tuple[Any, Bound]:
        function = {"erf": self._precise.erf, "arctan": self._precise.atan}[name]
        return self._each(lambda u: self._increasing(function, u), x.val), ONE

    def _increasing(self, function: Any, x: Any) -> Any:
        low, high = (function(self._precise.make_mpf(end)) for end in x._mpi_)
        slack = self._precise.ldexp(1, -self.bits)
        return self.context.mpf([low - abs(low) * slack, high + abs(high) * slack])

    def sign(self, x: Value) -> Any:
        return np.array([self._sign(u) for u in x.val.reshape(-1)], dtype=np.int64).reshape(x.shape)

    def _sign(self, x: Any) -> int:
        if x.a > 0:
            return 1
        if x.b < 0:
            return -1
        if x.a == 0 and x.b == 0:
            self.boundary = True  # x - x, or a point that happens to lie on a boundary between cases: see witness.py
            return 0
        if self._lenient and mpmath.mpf(x.a) > -SMALL and mpmath.mpf(x.b) < SMALL:
            self.boundary = True
            return 0
        raise Blurred("the sign is not certain")

    def undefined(self, what: str) -> None:
        raise BadPoint(what)

    def assume_positive(self, x: Value) -> None:
        """Signs are seen here, not assumed."""

    def usable(self, a: Any) -> bool:
        return not any(0 in x for x in a.reshape(-1))
