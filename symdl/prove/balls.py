"""Arrays of numbers with as many bits as wanted, each with a bound on how far it is out: ball arithmetic on whole numbers.

A number is ``mid/2**bits``, its error at most ``rad/2**bits``. NumPy multiplies and adds arrays of Python's whole numbers in its own loop, and the bounds
are floats: a product costs a tenth of what a product of mpmath's intervals costs. Bounds are rounded up by a factor that covers the float operations
behind them. Source: van der Hoeven, Ball arithmetic (2010); Johansson, Arb (2017).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from symdl.prove.intervals import Blurred

#: Covers the rounding of a few float operations in a bound.
UP = 1.0 + 2.0**-40
TINY = 5e-324


def magnitude(mid: int, bits: int) -> float:
    """A bound on |mid/2**bits| from above, nearly sharp; 0 for 0 only."""
    if not mid:
        return 0.0
    mid = abs(mid)
    short = max(0, mid.bit_length() - 60)
    try:
        return max(math.ldexp(float((mid >> short) + 1), short - bits), TINY)
    except OverflowError:
        return math.inf


class Balls:
    """An array of balls; what NumPy's arrays can do, as far as a walk over a graph needs it."""

    __array_priority__ = 1000
    __slots__ = ("_size", "bits", "mid", "rad")

    def __init__(self, mid: Any, rad: Any, bits: int) -> None:
        self.mid = mid
        self.rad = np.broadcast_to(rad, mid.shape)
        self.bits = bits
        self._size: Any = None

    @property
    def shape(self) -> tuple[int, ...]:
        return self.mid.shape

    @property
    def ndim(self) -> int:
        return self.mid.ndim

    @property
    def size(self) -> Any:
        """Bounds on the middles, in floats."""
        if self._size is None:
            self._size = each(lambda m: magnitude(m, self.bits), self.mid).astype(float)
        return self._size

    def like(self, mid: Any, rad: Any) -> Balls:
        return Balls(as_objects(mid), rad, self.bits)

    # --- shapes --------------------------------------------------------------------------------------------------

    def __getitem__(self, index: Any) -> Balls:
        return self.like(self.mid[index], self.rad[index])

    def seen(self, look: Callable[[Any], Any]) -> Balls:
        """A look that moves entries and does not change them."""
        found = self.like(look(self.mid), look(self.rad))
        if self._size is not None:
            found._size = look(self._size)
        return found

    # --- arithmetic ----------------------------------------------------------------------------------------------

    def __add__(self, other: Any) -> Balls:
        if isinstance(other, int) and other == 0:  # where Python's sum begins
            return self
        return self.like(self.mid + other.mid, (self.rad + other.rad) * UP)

    __radd__ = __add__

    def __neg__(self) -> Balls:
        return self.like(-self.mid, self.rad)

    def __sub__(self, other: Balls) -> Balls:
        return self + (-other)

    def __mul__(self, other: Balls) -> Balls:
        return self.like((self.mid * other.mid) >> self.bits, self._error(other) + self._cut(other))

    def times_total(self, other: Balls, axes: tuple[int, ...]) -> Balls:
        """Products summed over axes, which stay with size 1; cut off once for all."""
        products = as_objects(self.mid * other.mid)
        total = as_objects(np.add.reduce(products, axis=axes, keepdims=True)) >> self.bits
        error = np.add.reduce(np.broadcast_to(self._error(other), products.shape), axis=axes, keepdims=True) * UP
        cut = np.max(np.broadcast_to(self._cut(other), products.shape), axis=axes, keepdims=True, initial=0.0)
        return self.like(total, error + cut)

    def _error(self, other: Balls) -> Any:
        if not self.rad.any() and not other.rad.any():
            return 0.0
        error = self.rad * other.size + other.rad * self.size + self.rad * other.rad * math.ldexp(1.0, -self.bits)
        # An infinite bound times 0 is 0 where the number is exactly 0.
        return np.where(np.isnan(error), np.inf, error) * UP

    def _cut(self, other: Balls) -> Any:
        """What shifting loses: nothing where a factor is exactly 0 or a whole number."""
        return np.where(self._whole() | other._whole(), 0.0, 1.0)

    def _whole(self) -> Any:
        """Exact whole numbers, which are what masks and class numbers are made of."""
        if self.rad.all() and self.rad.size:
            return np.zeros(self.shape, dtype=bool)
        low = (1 << self.bits) - 1
        return each(lambda m: not m & low, self.mid).astype(bool) & (self.rad == 0)

    def scaled(self, top: int, below: int = 1) -> Balls:
        """Times top/below."""
        mid = self.mid * top
        if below == 1:
            return self.like(mid, self.rad * abs(top) * UP)
        return self.like(mid // below, self.rad * (abs(top) / below) * UP + 1.0)

    def total(self, axes: tuple[int, ...], keep: bool = False) -> Balls:
        return self.like(self.mid.sum(axis=axes, keepdims=keep), np.asarray(self.rad).sum(axis=axes, keepdims=keep) * UP)

    def inverse(self) -> Balls:
        low = self.below()
        if np.any(low <= 0):
            raise Blurred("division by what may be zero")
        one = 1 << 2 * self.bits
        size = self.size * (1 - 2.0**-50)
        return self.like(each(lambda m: one // m, self.mid), self.rad / size / low * UP + 1.0)

    def below(self) -> Any:
        """Bounds on |x| from below, in floats."""
        with np.errstate(invalid="ignore"):
            return np.nan_to_num(self.size * (1 - 2.0**-50) - self.radius(), nan=0.0, posinf=1e300)

    def radius(self) -> Any:
        """The error as a float."""
        return self.rad * math.ldexp(1.0, -self.bits)

    def sign(self) -> Any:
        """Signs, where they are certain.

        Raises
        ------
        Blurred
        """
        signs = each(lambda m: (m > 0) - (m < 0), self.mid).astype(int)
        if np.any((self.rad > 0) & (self.below() <= 0)):
            raise Blurred("the sign is not certain")
        return signs

    def floats(self) -> Any:
        """The middles, rounded."""
        return each(lambda m: to_float(m, self.bits), self.mid).astype(float)

    def chosen(self, mask: Any, other: Balls) -> Balls:
        """Here where the mask holds, else the other."""
        return self.like(np.where(mask, self.mid, other.mid), np.where(mask, self.rad, other.rad))


def to_float(mid: int, bits: int) -> float:
    """mid/2**bits, rightly rounded."""
    try:
        return mid / (1 << bits)
    except OverflowError:
        return math.inf if mid > 0 else -math.inf


def as_objects(value: Any) -> Any:
    """NumPy hands single objects out bare."""
    if isinstance(value, np.ndarray):
        return value
    out = np.empty((), dtype=object)
    out[()] = value
    return out


def each(function: Callable[..., Any], *arrays: Any) -> Any:
    return as_objects(np.frompyfunc(function, len(arrays), 1)(*arrays))


class Shapes:
    """The names of NumPy that a walk asks for, for balls."""

    @staticmethod
    def asarray(a: Any) -> Any:
        return a

    @staticmethod
    def reshape(a: Balls, shape: tuple[int, ...]) -> Balls:
        return a.seen(lambda part: part.reshape(shape))

    @staticmethod
    def transpose(a: Balls, axes: Sequence[int]) -> Balls:
        return a.seen(lambda part: part.transpose(axes))

    @staticmethod
    def broadcast_to(a: Balls, shape: tuple[int, ...]) -> Balls:
        return a.seen(lambda part: np.broadcast_to(part, shape))

    @staticmethod
    def sum(a: Balls, axis: tuple[int, ...], keepdims: bool = False) -> Balls:
        return a.total(axis, keepdims)

    @staticmethod
    def stack(parts: Sequence[Balls], axis: int = 0) -> Balls:
        shape = np.broadcast_shapes(*(p.shape for p in parts))
        mids, rads = ([np.broadcast_to(getattr(p, name), shape) for p in parts] for name in ("mid", "rad"))
        return parts[0].like(np.stack(mids, axis=axis), np.stack(rads, axis=axis))
