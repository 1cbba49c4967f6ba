"""Symbolic sizes get their values from the shapes of the arrays that come in."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from fractions import Fraction
from typing import Any

import sympy as sp

from symdl.errors import DataError, DomainError
from symdl.expr.dims import show_shape
from symdl.graph.node import Size
from symdl.graph.number import Number

Shape = tuple[int, ...]


def bind_sizes(
    expected: Iterable[tuple[str, tuple[Size, ...]]], given: Mapping[str, Shape], known: Mapping[sp.Symbol, int] | None = None
) -> dict[sp.Symbol, int]:
    """Size symbol -> value.

    Parameters
    ----------
    expected : pairs of name and symbolic shape
    given : mapping
        Name -> shape of the array.
    known : mapping, optional
        Sizes that the caller has given.

    Raises
    ------
    DataError
        When a shape does not fit; it names the tensor, the shape expected and the shape given.
    """
    sizes: dict[sp.Symbol, int] = dict(known or {})
    source: dict[sp.Symbol, str] = dict.fromkeys(sizes, "the value given")
    later: list[tuple[str, tuple[Size, ...], int]] = []
    wanted = list(expected)
    for name, shape in wanted:
        got = given[name]
        if 0 in got:
            raise DataError(f"{name} is empty: its shape is {show_shape(got)}")
        if len(got) != len(shape):
            raise DataError(f"{name} has shape {show_shape(got)}, but {_kind(shape)} is expected")
        for axis, (size, value) in enumerate(zip(shape, got, strict=True)):
            if isinstance(size, sp.Symbol):
                if sizes.setdefault(size, value) != value:
                    why = f"{size} is {sizes[size]} by {source[size]}"
                    raise DataError(f"{name} has shape {show_shape(got)}, but {_kind(shape)} is expected, and {why}")
                source.setdefault(size, f"the shape of {name}")
            else:
                later.append((name, shape, axis))
    for name, shape, axis in later:
        _check(name, shape, axis, given[name], sizes)
    return sizes


def _kind(shape: tuple[Size, ...]) -> str:
    return show_shape(shape) if shape else "a scalar"


def _check(name: str, shape: tuple[Size, ...], axis: int, got: Shape, sizes: dict[sp.Symbol, int]) -> None:
    size, value = shape[axis], got[axis]
    if isinstance(size, sp.Expr):
        size = size.subs(sizes)
        free = sorted(size.free_symbols, key=str)
        if len(free) == 1:
            found = [s for s in sp.solve(size - value, free[0]) if s.is_Integer and s > 0]
            if len(found) == 1:
                sizes[free[0]] = int(found[0])
                return
    if size != value:
        inside = sp.sympify(shape[axis]).free_symbols
        note = "".join(f", {s} = {v}" for s, v in sizes.items() if s in inside)
        raise DataError(f"{name} has shape {show_shape(got)}, but {_kind(shape)} is expected{note}")


class Values:
    """Sizes and coefficients as plain ints and floats, under given values of the size symbols.

    Parameters
    ----------
    sizes : mapping
    lengths : iterable of Size
        Those that may be 0: numbers of steps.
    """

    def __init__(self, sizes: Mapping[sp.Symbol, int], lengths: Iterable[Size] = ()) -> None:
        self.sizes = dict(sizes)
        self._lengths = frozenset(lengths)
        self._known: dict[Any, Any] = {}

    def size(self, size: Size) -> int:
        """A size as an int."""
        if isinstance(size, int):
            return size
        if size not in self._known:
            value = size.subs(self.sizes)
            self._missing(value, size)
            if not value.is_Integer or value < (0 if size in self._lengths else 1):
                raise DataError(f"the size {size} is {value}: sizes are whole numbers from 1")
            self._known[size] = int(value)
        return int(self._known[size])

    def real(self, number: Number) -> float:
        """A coefficient as a float, correctly rounded."""
        if type(number) is int or isinstance(number, Fraction):
            try:
                return float(number)
            except OverflowError:
                raise DomainError(f"the coefficient {str(number)[:20]}... is too large for a 64-bit number") from None
        if number not in self._known:
            value = sp.sympify(number).subs(self.sizes)
            self._missing(value, number)
            result = sp.N(value, 40)
            if not result.is_real or not result.is_finite:
                raise DomainError(f"the coefficient {number} is not a finite real number")
            self._known[number] = float(result)
        return float(self._known[number])

    def _missing(self, value: sp.Expr, what: Any) -> None:
        free = sorted(map(str, value.free_symbols))
        if free:
            raise DataError(f"the size {free[0]} has no value: no tensor given has it in its shape; give it by name, {free[0]}=...")
