"""Indices as they are written: ``ij``, ``i,j``, ``i+1``, ``1,2``; counted from 1, or from 0 where a sum says so."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

import sympy as sp

from symdl.expr.dims import dims, indices
from symdl.expr.tex.tokens import Token

_WHOLE = frozenset([":", "*", "cdot", "bullet", "ast"])


def grouped(tokens: Sequence[Token], count: int) -> list[list[Token]]:
    """The tokens of each index: between commas, or one by one where there are no commas."""
    groups: list[list[Token]] = [[]]
    for token in tokens:
        if token.kind == ",":
            groups.append([])
        else:
            groups[-1].append(token)
    if len(groups) == 1 and len(groups[0]) > 1 and not any(t.kind in ("+", "-") for t in groups[0]) and not (groups[0][0].kind == "number" and count == 1):
        return [[t] for t in groups[0]]
    if len(groups) == 1 and count > 1 and len(groups[0]) == 1 and groups[0][0].kind == "number" and len(groups[0][0].text) == count:
        return [[Token("number", digit, groups[0][0].position)] for digit in groups[0][0].text]
    return groups


def index_keys(
    tokens: Sequence[Token], count: int, start: int, sizes: Collection[str], fail: Callable[[str], Exception], fixed: Mapping[str, int] | None = None
) -> list[Any]:
    """The keys of an element: letters and numbers, with commas or without, sums of them such as i + 1.

    Parameters
    ----------
    tokens : sequence of Token
        What stands in the subscript.
    count : int
        How many axes there are.
    start : int
        The index of the first element.
    sizes : collection of str
        Letters that are sizes and no indices.
    fail : callable
        Message -> the error.
    fixed : mapping, optional
        Letters that stand for a position, counted from 0.
    """
    groups = grouped(tokens, count)
    if len(groups) != count:
        raise fail(f"{count} {'index belongs' if count == 1 else 'indices belong'} here, and {len(groups)} {'is' if len(groups) == 1 else 'are'} written")
    return [_key(group, start, sizes, fail, fixed or {}) for group in groups]


def _key(tokens: Sequence[Token], start: int, sizes: Collection[str], fail: Callable[[str], Exception], fixed: Mapping[str, int]) -> Any:
    if len(tokens) == 1 and tokens[0].text in _WHOLE:
        return slice(None)
    total = _sum(tokens, sizes, fail).subs({indices(name): place + start for name, place in fixed.items()})
    letters = {s: s + start for s in total.free_symbols if s.is_positive is None}
    shifted = sp.expand(total.subs(letters, simultaneous=True) - start)
    if shifted.is_Integer and shifted < 0:
        raise fail(f"the index {total} is too small: the first element has the index {start}")
    return shifted


def _sum(tokens: Sequence[Token], sizes: Collection[str], fail: Callable[[str], Exception]) -> Any:
    """Terms such as 2i, with their signs, added up."""
    total: Any = sp.S.Zero
    sign, factor, seen = 1, sp.S.One, False
    for token in [*tokens, Token("+", "+", 0)]:
        if token.kind in ("+", "-"):
            total += sign * factor if seen else 0
            sign, factor, seen = (1 if token.kind == "+" else -1), sp.S.One, False
        elif token.kind == "number" and token.text.isdigit() and len(token.text) < 9:
            factor, seen = factor * int(token.text), True
        elif token.kind == "letter" or (token.kind in ("command", "word") and token.text.isalpha()):
            factor, seen = factor * _letter(token, sizes), True
        elif token.kind not in ("'", "(", ")"):
            raise fail(f"{token.text!r} cannot stand in an index")
    return total


def _letter(token: Token, sizes: Collection[str]) -> sp.Symbol:
    return dims(token.text) if token.text in sizes and token.text not in "ijk" else indices(token.text)
