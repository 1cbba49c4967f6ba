"""LaTeX of a part, how tightly it binds, and the one table from kinds of layout to LaTeX. A kind of layout is written in the file of its family."""

from __future__ import annotations

from functools import singledispatch
from typing import Any, NamedTuple

import sympy as sp

from symdl.expr.notation.text import ATOM, PRODUCT, SUM
from symdl.graph.number import Number, is_negative, to_sympy


class Piece(NamedTuple):
    """LaTeX of a part. ``closed``: nothing that follows can be taken for a part of it (false for sums)."""

    text: str
    binding: int = ATOM
    closed: bool = True


def grouped(piece: Piece, least: int) -> str:
    return piece.text if piece.binding >= least else rf"\left({piece.text}\right)"


@singledispatch
def write_part(tree: Any, inside: list[Piece]) -> Piece:
    raise TypeError(type(tree))


def number(value: Number) -> Piece:
    shown = sp.latex(to_sympy(value))
    if is_negative(value):
        return Piece(shown, SUM)
    if isinstance(value, sp.Expr) and (value.is_Add or value.is_Mul):
        return Piece(shown, SUM if value.is_Add else PRODUCT)
    return Piece(shown)


def is_tall(body: Piece) -> bool:
    return any(sign in body.text for sign in (r"\sum", r"\left(", r"\frac", r"\max"))
