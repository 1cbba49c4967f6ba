"""Numbers, names and elements as LaTeX."""

from __future__ import annotations

from typing import Any

import sympy as sp

from symdl.expr.dims import is_dim
from symdl.expr.notation.layout import (
    Derivative,
    Element,
    Kronecker,
    Name,
    Num,
    Tree,
)
from symdl.expr.notation.recur_view import At
from symdl.expr.notation.text import ATOM, POWER, PRODUCT
from symdl.render.latex_pieces import Piece, grouped, number, write_part
from symdl.render.letters import GREEK, below_line, scripted, subscripts, written


@write_part.register
def _(tree: Num, inside: list[Piece]) -> Piece:
    return number(tree.value)


@write_part.register
def _(tree: Name, inside: list[Piece]) -> Piece:
    name = written(tree.name, tree.rank)
    return Piece(scripted(name), POWER if name.above or name.by else ATOM)


def letter(index: Any) -> str:
    """An index letter, or a position counted from 1."""
    if isinstance(index, int):
        return str(index + 1)
    if isinstance(index, At):
        return sp.latex(sp.sympify(index.position) + 1)
    if isinstance(index, sp.Expr) and index.free_symbols and all(map(is_dim, index.free_symbols)):
        return sp.latex(index + 1)
    return "\\" + str(index) + " " if str(index) in GREEK else str(index)


@write_part.register
def _(tree: Element, inside: list[Piece]) -> Piece:
    below = subscripts([letter(i) for i in tree.indices])
    if isinstance(tree.arg, Name):
        name = written(tree.arg.name, tree.arg.rank)
        return Piece(scripted(name, below), POWER if name.above or name.by else ATOM)
    return Piece(rf"\left({inside[0].text}\right)" + below_line(below))


@write_part.register
def _(tree: Kronecker, inside: list[Piece]) -> Piece:
    return Piece(rf"\delta_{{{subscripts([letter(i) for i in tree.indices])}}}")


@write_part.register
def _(tree: Derivative, inside: list[Piece]) -> Piece:
    of, by = inside[0], Piece(grouped(inside[1], POWER))
    if isinstance(tree.of, Name | Element):
        return Piece(rf"\frac{{\partial {of.text}}}{{\partial {by.text}}}", POWER)
    return Piece(rf"\frac{{\partial}}{{\partial {by.text}}} \left({of.text}\right)", PRODUCT)


def transposed(tree: Tree, piece: Piece) -> str:
    if isinstance(tree, Name):
        name = written(tree.name, tree.rank)
        if not name.by:
            return scripted(name._replace(above=name.above + r"\top"))
    return rf"{grouped(piece, ATOM)}^{{\top}}"
