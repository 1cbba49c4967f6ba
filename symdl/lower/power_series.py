"""Power series with exact coefficients, a number of terms of them, also with poles: sums, products, powers, and those of the elementary functions.

Source: Knuth, TAOCP 2, section 4.7; the coefficients are those of the differential equations that the functions satisfy.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction
from functools import lru_cache
from typing import Any, NamedTuple

from symdl.lower.machine import COSIGMOID, EXP_OF_SUM, EXPM1_OVER, GAUSS, GAUSS_PLAIN, OVER, OVER_EXPM1, RECIPROCAL_EXPM1, SECH


class Series(NamedTuple):
    """w^lowest*(terms[0] + terms[1]*w + ...), terms[0] not 0; the terms behind the last are not known. No terms: nothing is known but 0."""

    lowest: int
    terms: tuple[Fraction, ...]

    @property
    def known(self) -> int:
        """The first power that is not known."""
        return self.lowest + len(self.terms)


_ZERO, _ONE = Fraction(0), Fraction(1)


def _trimmed(lowest: int, terms: Sequence[Fraction]) -> Series:
    skip = next((k for k, c in enumerate(terms) if c), len(terms))
    return Series(lowest + skip, tuple(terms[skip:]))


def constant(value: Fraction, count: int) -> Series:
    return _trimmed(0, [value, *[_ZERO] * (count - 1)])


def variable(centre: Fraction, count: int) -> Series:
    """centre + w."""
    return _trimmed(0, [centre, _ONE, *[_ZERO] * (count - 2)])


def total(coefs: Sequence[Any], series: Sequence[Series]) -> Series:
    lowest, known = min(s.lowest for s in series), min(s.known for s in series)
    terms = [_ZERO] * max(known - lowest, 0)
    for coef, s in zip(coefs, series, strict=True):
        for k, c in enumerate(s.terms, start=s.lowest - lowest):
            if c and k < len(terms):
                terms[k] += coef * c
    return _trimmed(lowest, terms)


def product(a: Series, b: Series) -> Series:
    count = min(len(a.terms), len(b.terms))
    terms = [_ZERO] * count
    for i, c in enumerate(a.terms[:count]):
        if c:
            for j in range(count - i):
                if b.terms[j]:
                    terms[i + j] += c * b.terms[j]
    return Series(a.lowest + b.lowest, tuple(terms))


def power_of(a: Series, exponent: Any) -> Series | None:
    """a^exponent by a*(a^p)' = p*a'*a^p; roots of series that begin with 1 only."""
    if not a.terms or (isinstance(exponent, Fraction) and (a.lowest or a.terms[0] != 1)):
        return None
    first, count = a.terms[0], len(a.terms)
    terms = [_ONE if isinstance(exponent, Fraction) else first**exponent if exponent >= 0 else _ONE / first**-exponent]
    sparse = [(j, c) for j, c in enumerate(a.terms) if j and c]
    for k in range(1, count):
        terms.append(sum(((exponent * j - (k - j)) * c * terms[k - j] for j, c in sparse if j <= k), _ZERO) / (k * first))
    return Series(int(a.lowest * exponent), tuple(terms))


def of_function(name: str, values: Sequence[Series]) -> Series | None:
    """A function of KNOWN of series."""
    if name == EXP_OF_SUM:
        return of_function("exp", [total([1, 1], values)])
    if name == OVER:
        below = power_of(values[1], -1)
        return None if below is None else product(values[0], below)
    centre = 1 if name == "log" else 0
    inner = values[0] if not centre else total([1, -1], [values[0], constant(Fraction(centre), max(values[0].known, 2))])
    if not inner.terms or inner.lowest < 1:
        return None
    # So many powers of a series that begins with w^lowest come below the first that is not known; of w^1000 that is two, and not a thousand.
    return _composed(_coefficients(name, inner.known // inner.lowest + 2), inner)


def _composed(outer: Series, inner: Series) -> Series:
    """outer(inner), inner being 0 at 0."""
    count = inner.known
    if not any(inner.terms[1:]):  # c*w^m
        c, m, power = inner.terms[0], inner.lowest, _ONE
        c_low = c**outer.lowest if outer.lowest >= 0 else _ONE / c**-outer.lowest
        terms = [_ZERO] * min(count, len(outer.terms) * m)
        for k, t in enumerate(outer.terms):
            if k * m < len(terms):
                terms[k * m] = t * power * c_low
                power *= c
        return _trimmed(outer.lowest * m, terms)
    padded = Series(0, (*[_ZERO] * inner.lowest, *inner.terms))
    value = Series(0, tuple([_ZERO] * count))
    for t in reversed(outer.terms[: count // inner.lowest + 1]):
        raised = product(value, padded)
        value = Series(0, (raised.terms[0] + t, *raised.terms[1:]))
    whole = _trimmed(0, value.terms[: len(outer.terms) * inner.lowest])
    below = power_of(inner, outer.lowest) if outer.lowest else None
    return whole if below is None else product(whole, below)


# --- the elementary functions ---------------------------------------------------------------------------------------------


def _exp(n: int) -> list[Fraction]:
    terms = [_ONE]
    for k in range(1, n):
        terms.append(terms[-1] / k)
    return terms


def _every(n: int, first: int, sign: int) -> list[Fraction]:
    """The terms of exp with even or odd powers, with alternating signs or not."""
    return [c * (sign if k % 4 >= 2 else 1) if k % 2 == first else _ZERO for k, c in enumerate(_exp(n))]


def _quotient(above: list[Fraction], below: list[Fraction]) -> list[Fraction]:
    a, b = _trimmed(0, above), _trimmed(0, below)
    found = product(a, power_of(b, -1) or b)
    return [*[_ZERO] * found.lowest, *found.terms]


def _sigmoid(n: int) -> list[Fraction]:
    return _quotient([_ONE, *[_ZERO] * (n - 1)], [2 * _ONE, *[c * (-1) ** k for k, c in enumerate(_exp(n)) if k]])


def _log1p(n: int) -> list[Fraction]:
    return [_ZERO, *[Fraction((-1) ** (k + 1), k) for k in range(1, n)]]


def _arctan(n: int) -> list[Fraction]:
    return [Fraction(1 - k % 4 + 1, k) if k % 2 else _ZERO for k in range(n)]


def _bell(n: int, half: int) -> list[Fraction]:
    """exp(-z^2/half)."""
    return [e * Fraction((-1) ** (k // 2), half ** (k // 2)) if k % 2 == 0 else _ZERO for k in range(n) for e in [_exp(n)[k // 2]]]


def _tanh(n: int) -> list[Fraction]:
    return _quotient(_every(n, 1, 1), _every(n, 0, 1))


def _pole(n: int) -> Series:
    """1/(exp(z) - 1)."""
    return power_of(Series(1, tuple(_exp(n + 1)[1:])), -1)  # type: ignore[return-value]


_TERMS: dict[str, Callable[[int], list[Fraction]]] = {
    "exp": _exp,
    "expm1": lambda n: [_ZERO, *_exp(n)[1:]],
    EXPM1_OVER: lambda n: _exp(n + 1)[1:],
    OVER_EXPM1: lambda n: list(_pole(n).terms),
    "sin": lambda n: _every(n, 1, -1),
    "cos": lambda n: _every(n, 0, -1),
    "sinh": lambda n: _every(n, 1, 1),
    "cosh": lambda n: _every(n, 0, 1),
    "tanh": _tanh,
    "tanhshrink": lambda n: [-c if k > 1 else _ZERO for k, c in enumerate(_tanh(n))],
    SECH: lambda n: _quotient([_ONE, *[_ZERO] * (n - 1)], _every(n, 0, 1)),
    "sigmoid": _sigmoid,
    COSIGMOID: lambda n: [c * (-1) ** k for k, c in enumerate(_sigmoid(n))],
    "log1p": _log1p,
    "log": _log1p,
    "arctan": _arctan,
    GAUSS: lambda n: _bell(n, 2),
    GAUSS_PLAIN: lambda n: _bell(n, 1),
}

#: The functions that have a series here.
KNOWN = frozenset([*_TERMS, RECIPROCAL_EXPM1, EXP_OF_SUM, OVER])


@lru_cache(maxsize=256)
def _coefficients(name: str, count: int) -> Series:
    return _pole(count) if name == RECIPROCAL_EXPM1 else _trimmed(0, _TERMS[name](count))
