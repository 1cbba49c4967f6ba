"""Indexing with more than letters and positions: bounded slices, sums of letters (x[2*i + u]), tensors of positions."""

from __future__ import annotations

from typing import Any

import sympy as sp

from symdl.errors import UnsupportedError
from symdl.expr.dims import LETTER, as_size, is_dim
from symdl.expr.pending import Pending, Place
from symdl.expr.tensor import Expr, bind, describe
from symdl.expr.windows import sliced, taken
from symdl.graph import build
from symdl.graph.build import Term
from symdl.graph.node import Size
from symdl.graph.number import number


def indexed(x: Expr, keys: list[Any]) -> Expr:
    """x[keys], every key one axis, ``None`` a new one."""
    done = x
    axis = 0
    letters = _sizes_of_letters(x, keys)
    rest: list[Any] = []
    for key in keys:
        if key is None:
            rest.append(None)
            continue
        if isinstance(key, slice) and key != slice(None):
            done = sliced(done, axis, key)
            rest.append(slice(None))
        elif isinstance(key, Expr):
            done = taken(done, axis, key, key.shape)
            rest += [slice(None)] * key.ndim
            axis += key.ndim - 1
        elif isinstance(key, (sp.Add, sp.Mul)):
            done = _at_letters(done, axis, key, letters)
            axis -= 1
        else:
            rest.append(key)
        axis += 1
    return done[tuple(rest)] if rest else done


def _at_letters(x: Expr, axis: int, key: sp.Expr, letters: dict[Any, Size]) -> Expr:
    """x at s*i + d*u - p: the axis goes, the letters are open."""
    used = sorted((s for s in key.free_symbols if s in letters), key=str)
    terms, coefs, rest = [], [], key
    for letter in used:
        coef = key.coeff(letter)
        coefs.append(number(coef))
        terms.append(build.position(letters[letter], letter))
        rest = sp.expand(rest - coef * letter)
    if rest.free_symbols & set(used) or any(not is_dim(s) for s in rest.free_symbols):
        raise UnsupportedError(f"{describe(x)} cannot be indexed with {key}: use sums of index letters times whole numbers, and sizes")
    place = Place(dict(zip(used, coefs, strict=True)), {s: letters[s] for s in used}, rest, x.shape[axis])
    for letter in used:
        size = letters[letter]
        if isinstance(size, Pending):
            size.places.append(place)
    whole = Expr(build.add([*coefs, number(rest)], [*terms, build.constant(1)]), (), {s: letters[s] for s in used})
    found = taken(x, axis, whole, ())
    opened = dict(found.open)
    for letter in used:
        bind(opened, letter, letters[letter], x)
    return Expr(Term(found.node, found.map), found.shape, opened)


def _sizes_of_letters(x: Expr, keys: list[Any]) -> dict[Any, Size]:
    """The sizes of the letters in sums: of an Idx its range, of a letter that is open already or stands alone on an axis that axis's; else pending."""
    sizes: dict[Any, Size] = dict(x.open)
    axis = 0
    for key in keys:
        if isinstance(key, LETTER):
            sizes.setdefault(key, x.shape[axis])
        axis += key is not None
    for key in keys:
        if not isinstance(key, (sp.Add, sp.Mul)):
            continue
        for letter in sorted((s for s in key.free_symbols if not is_dim(s)), key=str):
            if isinstance(letter, sp.Idx) or letter not in sizes:
                sizes[letter] = _range(letter, key, x)
    return sizes


def _range(letter: Any, key: sp.Expr, x: Expr) -> Size:
    if isinstance(letter, sp.Idx) and letter.upper is not None:
        size = sp.expand(letter.upper - (letter.lower or 0) + 1)
        if letter.lower not in (0, None):
            raise UnsupportedError(f"indexing {describe(x)} with {key}: the index {letter} starts at {letter.lower}; indices of symdl start at 0")
        return as_size(size, f"the index {letter}")
    return Pending(letter)
