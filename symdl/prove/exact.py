"""The certificate: a zero test without chance, by python-flint (optional extra ``prove``).

The relations between generators are found as in ``zerotest``; they are then followed not at random points but on rational functions of the generators, with
whole coefficients, in which sums of products cancel or do not. What the modular test says with an error below 1e-30 is so said with none.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import numpy as np

from symdl.errors import missing_extra
from symdl.prove.field import primes
from symdl.prove.plan import Memory, Wrong
from symdl.prove.stop import Clock, Stop, TooLarge, Undefined
from symdl.prove.tower import Tower

#: Symbols of one test; more are not tried.
SYMBOLS = (32, 160, 640)
#: Terms of a numerator or denominator.
MAX_TERMS = 20_000
#: Facts whose cases are gone through point by point, which a test without points cannot do.
BY_POINTS = frozenset(["onehot", "orthogonal"])


class NoMoreSymbols(Stop):
    """The test needs more symbols."""


def certified(problem: Any, sizes: Mapping[Any, int], clock: Clock) -> bool:
    """Whether both sides are the same rational functions of their generators, in all cases of signs.

    Raises
    ------
    MissingExtraError
        When python-flint is not installed.
    Stop
        When it cannot be told; the text says why.
    """
    flint()
    if any(v.facts & BY_POINTS for v in problem.variables.values()):
        raise Stop("facts that are gone through case by case")
    for count in SYMBOLS:
        try:
            return _certified(problem, sizes, clock, count)
        except NoMoreSymbols:
            continue
    raise TooLarge(f"more than {SYMBOLS[-1]} generators")


def flint() -> Any:
    """The package.

    Raises
    ------
    MissingExtraError
    """
    try:
        import flint as package
    except ImportError:
        raise missing_extra("python-flint", "prove", "a zero test that is exact") from None
    return package


def _certified(problem: Any, sizes: Mapping[Any, int], clock: Clock, count: int) -> bool:
    from symdl.prove.zerotest import _discover, _next, _sides

    decisions: list[int] | None = []
    while decisions is not None:
        for suggest in (True, False):
            memory = Memory({}, [], list(decisions), suggest)
            try:
                _discover(problem, sizes, clock, memory)
                ring = Symbols(memory, clock, count)
                left, right = _sides(problem, ring, sizes, clock)
            except Wrong:
                continue
            if not ring.is_zero(ring.norm(left - right)).all():
                return False
            break
        else:
            raise Stop("suggested relations between functions did not hold")
        decisions = _next(memory.decisions)
    return True


class Ratio:
    """A rational function with whole coefficients, in lowest terms."""

    __slots__ = ("den", "num")

    def __init__(self, num: Any, den: Any) -> None:
        if len(num) + len(den) > MAX_TERMS:
            raise TooLarge("a rational function of too many terms")
        common = num.gcd(den)
        self.num, self.den = (num // common, den // common) if common != 1 else (num, den)

    def _of(self, other: Any) -> Ratio:
        return other if isinstance(other, Ratio) else Ratio(self.num * 0 + int(other), self.num * 0 + 1)

    def __add__(self, other: Any) -> Ratio:
        b = self._of(other)
        return Ratio(self.num * b.den + b.num * self.den, self.den * b.den)

    __radd__ = __add__

    def __mul__(self, other: Any) -> Ratio:
        b = self._of(other)
        return Ratio(self.num * b.num, self.den * b.den)

    __rmul__ = __mul__

    def __neg__(self) -> Ratio:
        return Ratio(-self.num, self.den)

    def __sub__(self, other: Any) -> Ratio:
        return self + -self._of(other)

    def __rsub__(self, other: Any) -> Ratio:
        return -self + other

    def inverse(self) -> Ratio:
        return Ratio(self.den, self.num)

    def __eq__(self, other: object) -> bool:
        b = self._of(other)
        return bool(self.num * b.den == b.num * self.den)

    def __hash__(self) -> int:
        return hash((str(self.num), str(self.den)))

    def __bool__(self) -> bool:
        return bool(self.num != 0)


class Symbols(Tower):
    """A field of rational functions of symbols: one "point", at which every number drawn is a new symbol."""

    def __init__(self, memory: Memory, clock: Clock, count: int) -> None:
        package = flint()
        context = package.fmpz_mpoly_ctx.get(("s", count), package.Ordering.degrevlex)
        self._symbols = list(context.gens())
        self._used: list[bool] = []  # whether a symbol stands for a root of what was drawn
        self._one = context.constant(1)
        super().__init__([primes(1, 64, 1)[0]], 0, memory, False, clock)

    def norm(self, a: Any) -> Any:
        return a

    def _ratio(self, value: Fraction | int) -> Ratio:
        q = Fraction(value)
        return Ratio(self._one * q.numerator, self._one * q.denominator)

    def _array(self, shape: tuple[int, ...], make: Any) -> Any:
        out = np.empty((*shape, 1), dtype=object)
        for at in np.ndindex(*out.shape):
            out[at] = make(at[:-1])
        return out

    def number(self, value: Fraction | int) -> Any:
        return self._array((), lambda at: self._ratio(value))

    def integers(self, a: Any) -> Any:
        array = np.asarray(a)
        return self._array(array.shape, lambda at: self._ratio(int(array[at])))

    def zeros(self, shape: tuple[int, ...]) -> Any:
        zero = self._ratio(0)
        return self._array(shape, lambda at: zero)

    def _new(self, square: bool) -> Ratio:
        if len(self._used) == len(self._symbols):
            raise NoMoreSymbols("more symbols are needed")
        symbol = self._symbols[len(self._used)]
        self._used.append(square)
        return Ratio(symbol**2 if square else symbol, self._one)

    def draw(self, shape: tuple[int, ...] = ()) -> Any:
        return self._array(shape, lambda at: self._new(False))

    def draw_square(self, shape: tuple[int, ...] = ()) -> Any:
        return self._array(shape, lambda at: self._new(True))

    def _each(self, a: Any, function: Any) -> Any:
        out = np.empty(np.shape(a), dtype=object)
        for at in np.ndindex(*out.shape):
            self.clock.look()
            out[at] = function(a[at] if isinstance(a[at], Ratio) else self._ratio(int(a[at])))
        return out

    def inverse(self, a: Any) -> Any:
        if (a == 0).any():
            raise Undefined("division by zero")
        return self._each(a, lambda x: x.inverse())

    def root(self, a: Any, degree: int) -> Any:
        return self._each(a, lambda x: self._root(x, degree)) if degree > 1 else a

    def _root(self, x: Ratio, degree: int) -> Ratio:
        return Ratio(self._root_of(x.num, degree), self._root_of(x.den, degree))

    def _root_of(self, poly: Any, degree: int) -> Any:
        """Of a number times powers of symbols that were drawn as squares: these symbols are above zero."""
        terms = list(poly.to_dict().items())
        if not terms:
            return poly
        (exponents, c), *more = terms
        number = int(c)
        base = round(number ** (1 / degree)) if 0 < number < 2**50 else 0
        if more or base**degree != number or any(e % degree or (e and not self._used[k]) for k, e in enumerate(exponents)):
            raise Stop("a root that is no rational function of what was drawn")
        out = self._one * base
        for k, e in enumerate(exponents):
            if e:
                out = out * self._symbols[k] ** (int(e) // degree)
        return out

    def reject(self, bad: Any) -> None:
        if bad.any():
            raise Undefined("division by zero, or a root that does not exist")

    def is_zero(self, a: Any) -> Any:
        return np.asarray(a == 0)[..., 0]
