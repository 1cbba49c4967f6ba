"""Index letters that stand in sums only, as i in x[i + u]: how far they run is settled by what they meet, or by what fits.

In ``sum(w[u]*x[i + u], u)`` the letter u gets its size from w, and i runs over as many positions as fit, n - k + 1.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import sympy as sp

from symdl.errors import ShapeError
from symdl.expr.tensor import Expr
from symdl.graph.affine import nonnegative
from symdl.graph.build import Term
from symdl.graph.node import Size
from symdl.graph.number import Number
from symdl.graph.resize import resized


class Place(NamedTuple):
    """A use of letters: sum of coefficient * letter + offset, on an axis of a size."""

    coefs: dict[Any, Number]
    sizes: dict[Any, Size]
    offset: Any
    axis: Size


class Pending(sp.Dummy):
    """The size of a letter that is not known yet."""

    places: list[Place]
    settled: Size | None

    def __new__(cls, letter: Any) -> Pending:
        made = super().__new__(cls, f"size_of_{letter}", integer=True, positive=True)
        made.places, made.settled = [], None
        return made


def known(size: Any) -> Any:
    """The size, or what a pending one has become."""
    while isinstance(size, Pending) and size.settled is not None:
        size = size.settled
    return size


def agreed(exprs: list[Expr]) -> list[Expr]:
    """The expressions, letters with pending sizes given those that the others know."""
    if sum(bool(e.open) for e in exprs) == 0:
        return exprs
    sizes: dict[Any, Size] = {}
    for expr in exprs:
        for letter, size in expr.open.items():
            here, there = known(size), known(sizes.get(letter, size))
            if here is not there and isinstance(here, Pending):
                here = _settle(here, there)
            elif here is not there and isinstance(there, Pending):
                here = _settle(there, here)
            sizes[letter] = here
    return [current(e) for e in exprs]


def _settle(pending: Pending, size: Any) -> Any:
    if isinstance(size, Pending):
        size.places += pending.places
    pending.settled = size
    return size


def _settled(size: Any) -> list[Any]:
    return [s for s in getattr(size, "free_symbols", ()) if isinstance(s, Pending) and s.settled is not None]


def current(expr: Expr) -> Expr:
    """The expression with the pending sizes that are settled by now."""
    found = {s: known(s) for size in (*expr.open.values(), *expr.node.sizes()) for s in _settled(size)}
    if not found:
        return expr
    letters = {k: found.get(n, n) for k, n in expr.open.items()}
    term = resized(expr.term, found)
    return Expr(Term(term.node, term.map), expr.shape, letters)


def fitted(expr: Expr, letters: Sequence[Any]) -> Expr:
    """The expression with every pending size among these letters settled: as many positions as fit.

    Raises
    ------
    ShapeError
        When that is not one number.
    """
    for letter in letters:
        size = known(expr.open.get(letter))
        if isinstance(size, Pending):
            size.settled = _count(letter, size)
    return current(expr)


def _count(letter: Any, pending: Pending) -> Size:
    counts = {_fits(letter, place) for place in pending.places}
    if len(counts) != 1:
        several = " and ".join(sorted(map(str, counts)))
        raise ShapeError(f"the index {letter} fits {several} times: say how far it runs with sd.indices({str(letter)!r}, size)")
    (count,) = counts
    if count.is_Integer and count < 1:
        raise ShapeError(f"the index {letter} has no position that fits")
    return int(count) if count.is_Integer else count


def _fits(letter: Any, place: Place) -> sp.Expr:
    """How many positions of the letter keep the sum on its axis, whatever the other letters are."""
    step = sp.sympify(place.coefs[letter])
    low = high = sp.sympify(place.offset)
    for other, coef in place.coefs.items():
        size = known(place.sizes[other])
        if other == letter:
            continue
        if isinstance(size, Pending):
            raise ShapeError(f"how far the indices {other} and {letter} run is not known: give sizes with sd.indices('{other} {letter}', ..., ...)")
        reach = sp.sympify(coef) * (sp.sympify(size) - 1)
        low, high = (low, high + reach) if nonnegative(coef) else (low + reach, high)
    if not nonnegative(low) or not step.is_positive:
        raise ShapeError(f"how far the index {letter} runs is not known: say it with sd.indices({str(letter)!r}, size)")
    room = sp.expand(sp.sympify(place.axis) - 1 - high)
    return sp.expand(room + 1) if step == 1 else sp.floor(room / step) + 1
