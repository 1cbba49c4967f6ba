"""Matrix products, transposes and positions as LaTeX."""

from __future__ import annotations

from symdl.expr.notation.layout import (
    Call,
    Index,
    MatMul,
    Name,
    Transpose,
)
from symdl.expr.notation.recur_view import Stretch
from symdl.expr.notation.text import ATOM, POWER, PRODUCT
from symdl.render.latex_names import transposed
from symdl.render.latex_pieces import Piece, grouped, write_part
from symdl.render.letters import below_line, scripted, subscripts, written


@write_part.register
def _(tree: MatMul, inside: list[Piece]) -> Piece:
    shown = [grouped(p, POWER) for p in inside]
    if tree.factors[0].rank == 1:
        shown[0] = transposed(tree.factors[0], inside[0])
    return Piece(" ".join(shown), PRODUCT)


@write_part.register
def _(tree: Transpose, inside: list[Piece]) -> Piece:
    return Piece(transposed(tree.arg, inside[0]), POWER)


@write_part.register
def _(tree: Index, inside: list[Piece]) -> Piece:
    if tree.keys == (":", None):
        return Piece(rf"{grouped(inside[0], POWER)} \mathbf{{1}}^{{\top}}", PRODUCT)
    if tree.keys == (None, ":"):
        return Piece(transposed(tree.arg, inside[0]), POWER)
    keys = [":" if k == ":" else k.counted if isinstance(k, Stretch) else str(k + 1) for k in tree.keys]
    shown = ", ".join(keys) if ":" in keys else subscripts(keys)
    if isinstance(tree.arg, Name):
        name = written(tree.arg.name, tree.arg.rank)
        below = shown + (", :" if tree.arg.rank > len(tree.keys) else "")
        return Piece(scripted(name, below), POWER if name.above or name.by else ATOM)
    if isinstance(tree.arg, Call) and tree.arg.name == "eye":
        return Piece("e" + below_line(shown))
    return Piece(rf"\left({inside[0].text}\right)" + below_line(shown))
