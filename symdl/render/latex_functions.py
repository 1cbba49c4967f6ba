"""Powers, functions and sums over letters as LaTeX."""

from __future__ import annotations

from typing import Any

import sympy as sp

from symdl.expr.notation.layout import (
    Call,
    MatMul,
    Num,
    Over,
    Power,
    Product,
    Sum,
    Tree,
)
from symdl.expr.notation.text import ATOM, POWER, PRODUCT
from symdl.functions import TABLE
from symdl.render.latex_names import letter, transposed
from symdl.render.latex_pieces import Piece, grouped, is_tall, write_part
from symdl.render.letters import subscripts

#: Functions whose square is written on the name.
_ON_NAME = frozenset({"sin", "cos", "tan", "sinh", "cosh", "tanh"})

_MATRIX_FUNCTIONS = {"trace": r"\operatorname{tr}", "det": r"\det", "diag": r"\operatorname{diag}", "max": r"\max"}


@write_part.register
def _(tree: Power, inside: list[Piece]) -> Piece:
    base, exponent = inside
    shown = rf"\odot {exponent.text}" if tree.base.rank else exponent.text
    if isinstance(tree.base, Call) and tree.base.name in _ON_NAME and not tree.base.rank and exponent.text.isdigit():
        name, _, rest = base.text.partition(r"\left(")
        return Piece(rf"{name}^{{{shown}}}\left({rest}", POWER)
    return Piece(f"{grouped(base, ATOM)}^{{{shown}}}", POWER)


@write_part.register
def _(tree: Call, inside: list[Piece]) -> Piece:
    special = _SPECIAL.get(tree.name)
    if special is not None:
        return special(tree, inside)
    name = _MATRIX_FUNCTIONS.get(tree.name)
    if name is None:
        entry = TABLE.get(tree.name)
        name = entry.latex if entry and entry.latex else rf"\operatorname{{{tree.name}}}"
    args = ", ".join(p.text for p in inside)
    return Piece(rf"{name}\left({args}\right)")


def _exp(tree: Call, inside: list[Piece]) -> Piece:
    text = inside[0].text
    if tree.rank or is_tall(inside[0]) or len(text) > 60:
        return Piece(rf"\exp\left({text}\right)")
    return Piece(f"e^{{{text}}}", POWER)


def _sum(tree: Call, inside: list[Piece]) -> Piece:
    """1^T v, 1^T M 1, M 1 and M^T 1; the sum of squares is a norm."""
    body, arg = inside[0], tree.args[0]
    if tree.axis is None:
        if isinstance(arg, Power) and isinstance(arg.exponent, Num) and arg.exponent.value == 2:
            return Piece(_norm_of(arg.base, body.text, r"^{\odot 2}") + "^{2}", POWER)
        ones = r" \mathbf{1}" if arg.rank == 2 else ""
        return Piece(rf"\mathbf{{1}}^{{\top}} {grouped(body, PRODUCT if isinstance(arg, MatMul) else POWER)}{ones}", PRODUCT)
    turned = transposed(arg, body) if tree.axis == (0,) else grouped(body, POWER)
    made = Piece(rf"{turned} \mathbf{{1}}", PRODUCT)
    return Piece(rf"{made.text} \mathbf{{1}}^{{\top}}", PRODUCT) if tree.keepdims else made


def _norm_of(base: Tree, text: str, suffix: str = "") -> str:
    inner = text.removesuffix(suffix)
    if suffix and inner.startswith(r"\left(") and inner.endswith(r"\right)") and isinstance(base, Sum | Product | MatMul):
        inner = inner[len(r"\left(") : -len(r"\right)")]
    return rf"\left\lVert {inner} \right\rVert" + ("_{F}" if base.rank == 2 else "")


def _reduction(kind: str, body: Piece, below: str) -> Piece:
    if kind == "max":
        return Piece(rf"\max_{{{below}}} {grouped(body, PRODUCT)}", PRODUCT, False)
    over = r"\sum" + below
    if kind == "sum":
        return Piece(f"{over} {grouped(body, PRODUCT)}", PRODUCT, False)
    inner = _exp(Call(0, "exp"), [body]).text
    return Piece(rf"\log {over} {inner}", PRODUCT, False)


@write_part.register
def _(tree: Over, inside: list[Piece]) -> Piece:
    if tree.kind == "max":
        return _reduction("max", inside[0], subscripts([letter(s) for s, _ in tree.letters]))
    limits = [rf"_{{{letter(s)}=1}}^{{{sp.latex(sp.sympify(n))}}}" for s, n in tree.letters]
    return _reduction(tree.kind, inside[0], r" \sum".join(limits))


_SPECIAL: dict[str, Any] = {
    "exp": _exp,
    "sum": _sum,
    "sqrt": lambda tree, inside: Piece(rf"\sqrt{{{inside[0].text}}}"),
    "abs": lambda tree, inside: Piece(rf"\left|{inside[0].text}\right|"),
    "norm": lambda tree, inside: Piece(_norm_of(tree.args[0], inside[0].text)),
    "inv": lambda tree, inside: Piece(f"{grouped(inside[0], ATOM)}^{{-1}}", POWER),
    "matrix_power": lambda tree, inside: Piece(f"{grouped(inside[0], ATOM)}^{{{inside[1].text}}}", POWER),
    "logdet": lambda tree, inside: Piece(rf"\log \det\left({inside[0].text}\right)"),
    "kron": lambda tree, inside: Piece(rf"{grouped(inside[0], POWER)} \otimes {grouped(inside[1], POWER)}", PRODUCT),
    "outer": lambda tree, inside: Piece(f"{grouped(inside[0], POWER)} {transposed(tree.args[1], inside[1])}", PRODUCT),
    "eye": lambda tree, inside: Piece(rf"I_{{{sp.latex(sp.sympify(tree.sizes[0]))}}}"),
    "ones": lambda tree, inside: Piece(r"\mathbf{1}" if len(tree.sizes) < 2 else r"\mathbf{1} \mathbf{1}^{\top}", ATOM if len(tree.sizes) < 2 else PRODUCT),
    "zeros": lambda tree, inside: Piece(r"\mathbf{0}"),
}
