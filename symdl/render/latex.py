"""Expressions as LaTeX, in matrix notation or in index notation, from the same layout tree as the text."""

from __future__ import annotations

from collections.abc import Mapping
from functools import singledispatch
from typing import Any, NamedTuple

import sympy as sp

from symdl.errors import UnsupportedError
from symdl.expr.dims import is_dim
from symdl.expr.elements import Elements, Letters
from symdl.expr.layout import (
    Call,
    Derivative,
    Element,
    Index,
    Kronecker,
    MatMul,
    Name,
    Num,
    Over,
    Power,
    Product,
    Sum,
    Transpose,
    Tree,
    fold,
)
from symdl.expr.parts import parts, with_bodies
from symdl.expr.recur_view import At, Stretch
from symdl.expr.tensor import Expr
from symdl.expr.text import ATOM, POWER, PRODUCT, SIGN, SUM, fraction, layout
from symdl.functions import TABLE
from symdl.graph.labels import Term
from symdl.graph.node import Node
from symdl.graph.number import Number, is_negative, times, to_sympy
from symdl.render.letters import GREEK, below_line, scripted, subscripts, written


class Piece(NamedTuple):
    """LaTeX of a part. ``closed``: nothing that follows can be taken for a part of it (false for sums)."""

    text: str
    binding: int = ATOM
    closed: bool = True


def latex(expr: Expr, names: Mapping[Node, str] | None = None, style: str = "auto", letters: Letters | None = None) -> str:
    """LaTeX of an expression.

    Parameters
    ----------
    expr : Expr
    names : mapping, optional
        Node -> name, for nodes that are written by name.
    style : {"auto", "matrix", "index"}
        "matrix": X^T(a - t), for what has such a form; what has none is written in index notation. "index": sums over letters, from 1
        to the size, positions counted from 1. "auto": matrix notation for whole arrays, index notation where letters are open.
    letters : callable or mapping, optional
        The index letters of sizes: size -> letters, or a callable like ``Reading.letters``.

    Raises
    ------
    UnsupportedError
        For another style.
    """
    if style not in ("auto", "matrix", "index"):
        raise UnsupportedError(f"style={style!r:.30}: choose 'auto', 'matrix' or 'index'")
    if names is not None:
        return _one(expr, with_bodies(names), style, letters)
    named = parts(expr.node)
    if not named:
        return _one(expr, {}, style, letters)
    lines = [f"& {_one(expr, named, style, letters)}", r"& \text{where}"]
    lines += [f"& {left} = {right}" for left, right in (_definition(n, named, style, letters) for n in named)]
    return "\\begin{aligned}\n" + " \\\\\n".join(lines) + "\n\\end{aligned}"


def _one(expr: Expr, names: Mapping[Node, str], style: str, letters: Letters | None) -> str:
    tree = None if style == "index" else layout(expr, names)
    if tree is None or not fold(tree, _is_matrix_notation):
        reader = Elements(expr, names, letters)
        element, _ = reader.open(expr)
        tree = reader.tree(element.node, element.map)
    return write(tree)


def _definition(node: Node, names: Mapping[Node, str], style: str, letters: Letters | None) -> tuple[str, str]:
    """A named part: its name and what it stands for, in index notation."""
    whole = Expr(Term(node, tuple(range(node.rank))), node.shape)
    reader = Elements(whole, names, letters)
    element, chosen = reader.open(whole)
    name = scripted(written(names[node], node.rank), subscripts([_letter(s) for s in chosen]))
    return name, write(reader.tree(element.node, element.map, inside=True))


def _is_matrix_notation(tree: Tree, inside: list[bool]) -> bool:
    """False where an array has more than two axes, or an axis is put in that no mathematics has a sign for."""
    if isinstance(tree, Index) and None in tree.keys and (len(tree.keys) != 2 or tree.arg.rank != 1):
        return False
    if isinstance(tree, Call) and tree.name in ("logsumexp", "max", "softmax") and tree.args[0].rank == 2 and tree.axis is not None:
        return False
    if isinstance(tree, Product) and tree.rank == 2 and any(t.rank == 1 for t in tree.over):
        return False
    return tree.rank <= 2 and all(inside)


def write(tree: Tree) -> str:
    """A layout tree as LaTeX."""
    return fold(tree, _write).text


def _group(piece: Piece, least: int) -> str:
    return piece.text if piece.binding >= least else rf"\left({piece.text}\right)"


@singledispatch
def _write(tree: Any, inside: list[Piece]) -> Piece:
    raise TypeError(type(tree))


# --- numbers and names ----------------------------------------------------------------------------------------


def _number(value: Number) -> Piece:
    shown = sp.latex(to_sympy(value))
    if is_negative(value):
        return Piece(shown, SUM)
    if isinstance(value, sp.Expr) and (value.is_Add or value.is_Mul):
        return Piece(shown, SUM if value.is_Add else PRODUCT)
    return Piece(shown)


@_write.register
def _(tree: Num, inside: list[Piece]) -> Piece:
    return _number(tree.value)


@_write.register
def _(tree: Name, inside: list[Piece]) -> Piece:
    name = written(tree.name, tree.rank)
    return Piece(scripted(name), POWER if name.above or name.by else ATOM)


def _letter(index: Any) -> str:
    """An index letter, or a position counted from 1."""
    if isinstance(index, int):
        return str(index + 1)
    if isinstance(index, At):
        return sp.latex(sp.sympify(index.position) + 1)
    if isinstance(index, sp.Expr) and index.free_symbols and all(map(is_dim, index.free_symbols)):
        return sp.latex(index + 1)
    return "\\" + str(index) + " " if str(index) in GREEK else str(index)


@_write.register
def _(tree: Element, inside: list[Piece]) -> Piece:
    below = subscripts([_letter(i) for i in tree.indices])
    if isinstance(tree.arg, Name):
        name = written(tree.arg.name, tree.arg.rank)
        return Piece(scripted(name, below), POWER if name.above or name.by else ATOM)
    return Piece(rf"\left({inside[0].text}\right)" + below_line(below))


@_write.register
def _(tree: Kronecker, inside: list[Piece]) -> Piece:
    return Piece(rf"\delta_{{{subscripts([_letter(i) for i in tree.indices])}}}")


@_write.register
def _(tree: Derivative, inside: list[Piece]) -> Piece:
    of, by = inside[0], Piece(_group(inside[1], POWER))
    if isinstance(tree.of, Name | Element):
        return Piece(rf"\frac{{\partial {of.text}}}{{\partial {by.text}}}", POWER)
    return Piece(rf"\frac{{\partial}}{{\partial {by.text}}} \left({of.text}\right)", PRODUCT)


# --- sums and products ----------------------------------------------------------------------------------------


@_write.register
def _(tree: Sum, inside: list[Piece]) -> Piece:
    out = ""
    for coef, term, piece in zip(tree.coefs, tree.terms, inside, strict=True):
        minus = is_negative(coef)
        size = times(-1, coef) if minus else coef
        shown = _number(times(size, term.value)) if isinstance(term, Num) else _scaled(size, term, _widened(term, piece, tree.rank))
        out += (("-" if minus else "") if not out else (" - " if minus else " + ")) + _group(shown, PRODUCT)
    return Piece(out, SUM)


def _widened(term: Tree, piece: Piece, rank: int) -> Piece:
    """A vector that is added to every row or column of a matrix: 1 v^T or v 1^T."""
    if rank == 2 and term.rank == 1:
        return Piece(rf"\mathbf{{1}} {_transposed(term, piece)}", PRODUCT)
    return piece


def _transposed(tree: Tree, piece: Piece) -> str:
    if isinstance(tree, Name):
        name = written(tree.name, tree.rank)
        if not name.by:
            return scripted(name._replace(above=name.above + r"\top"))
    return rf"{_group(piece, ATOM)}^{{\top}}"


def _scaled(coef: Number, term: Tree, piece: Piece) -> Piece:
    return piece if coef == 1 else _fraction(coef, [(term, piece)], [], 0)


@_write.register
def _(tree: Product, inside: list[Piece]) -> Piece:
    split = len(tree.factors)
    pairs = list(zip(tree.parts, inside, strict=True))
    minus = is_negative(tree.coef)
    made = _fraction(times(-1, tree.coef) if minus else tree.coef, pairs[:split], pairs[split:], tree.rank)
    return Piece("-" + _group(made, PRODUCT), SIGN, made.closed) if minus else made


def _fraction(coef: Number, up: list[tuple[Tree, Piece]], down: list[tuple[Tree, Piece]], rank: int) -> Piece:
    """coef*up/down, the coefficient not negative."""
    above, below = ([_number(n) for n in side] for side in fraction(coef))
    divisors = [p for t, p in down if t.rank == 0]
    body = _body(up, [(t, p) for t, p in down if t.rank])
    if not below and not divisors:
        numbers = [_group(n, POWER) for n in above]
        return _joined(numbers, body) if body else Piece(" ".join(numbers) or "1", PRODUCT if len(numbers) > 1 else ATOM)
    bottom = _line([*below, *divisors])
    if body and (not body.closed or any(t.rank for t, _ in up) or (_is_tall(body) and not divisors)):
        ahead = rf"\frac{{{_line(above) or '1'}}}{{{bottom}}}"
        return Piece(f"{ahead} {_group(body, PRODUCT)}", PRODUCT, body.closed)
    top = " ".join([*(_group(n, POWER) for n in above), *([_group(body, PRODUCT if above else SUM)] if body else [])])
    return Piece(rf"\frac{{{top or '1'}}}{{{bottom}}}", POWER)


def _joined(numbers: list[str], body: Piece) -> Piece:
    if not numbers:
        return body
    dot = r" \cdot " if body.text[:1].isdigit() else " "
    return Piece(" ".join(numbers) + dot + _group(body, PRODUCT), PRODUCT, body.closed)


def _line(pieces: list[Piece]) -> str:
    return pieces[0].text if len(pieces) == 1 else " ".join(_group(p, POWER) for p in pieces)


def _is_tall(body: Piece) -> bool:
    return any(sign in body.text for sign in (r"\sum", r"\left(", r"\frac", r"\max"))


def _body(up: list[tuple[Tree, Piece]], down: list[tuple[Tree, Piece]]) -> Piece | None:
    """The factors: scalars side by side, arrays with the sign of the elementwise product, vectors that scale rows and columns as diag."""
    scalars = [p for t, p in up if t.rank == 0]
    arrays = [(t, p) for t, p in up if t.rank]
    if not arrays and not down:
        return _side_by_side(scalars)
    high = max(t.rank for t, _ in arrays + down)
    same = [p for t, p in arrays if t.rank == high and not _rows(t)]
    made = _elementwise(same, [p for _, p in down])
    left = [p for t, p in arrays if _rows(t)]
    right = [p for t, p in arrays if t.rank < high]
    if left or right:
        middle = [_group(made, PRODUCT if made.binding != SIGN else ATOM)] if same or down else []
        made = Piece(" ".join([*map(_diag, left), *middle, *map(_diag, right)]), PRODUCT)
    ahead = _side_by_side(scalars)
    if ahead is None:
        return made
    return Piece(f"{_group(ahead, PRODUCT if ahead.closed else 9)} {_group(made, PRODUCT)}", PRODUCT)


def _rows(tree: Tree) -> bool:
    """A vector put on the rows of a matrix: v[:, None]."""
    return isinstance(tree, Index) and tree.keys == (":", None)


def _diag(piece: Piece) -> str:
    text = piece.text.removesuffix(r" \mathbf{1}^{\top}")
    return rf"\operatorname{{diag}}\left({text}\right)"


def _elementwise(up: list[Piece], down: list[Piece]) -> Piece:
    if not down:
        return up[0] if len(up) == 1 else Piece(r" \odot ".join(_group(p, POWER) for p in up), PRODUCT)
    above = r" \odot ".join(_group(p, POWER) for p in up) or r"\mathbf{1}"
    return Piece(above + "".join(rf" \oslash {_group(p, POWER)}" for p in down), PRODUCT)


def _side_by_side(pieces: list[Piece]) -> Piece | None:
    """Scalars: those that are open to the right, such as sums, stand last, and in parentheses unless they are last."""
    if not pieces:
        return None
    if len(pieces) == 1:
        return pieces[0]
    ordered = sorted(pieces, key=lambda p: not p.closed)
    shown = [_group(p, PRODUCT if p.closed or k == len(ordered) - 1 else 9) for k, p in enumerate(ordered)]
    # Names of several letters need room between them.
    between = r" \, " if any(word in s for s in shown for word in (r"\mathrm", r"\text")) else " "
    return Piece(between.join(shown), PRODUCT, ordered[-1].closed)


# --- matrices -------------------------------------------------------------------------------------------------


@_write.register
def _(tree: MatMul, inside: list[Piece]) -> Piece:
    shown = [_group(p, POWER) for p in inside]
    if tree.factors[0].rank == 1:
        shown[0] = _transposed(tree.factors[0], inside[0])
    return Piece(" ".join(shown), PRODUCT)


@_write.register
def _(tree: Transpose, inside: list[Piece]) -> Piece:
    return Piece(_transposed(tree.arg, inside[0]), POWER)


@_write.register
def _(tree: Index, inside: list[Piece]) -> Piece:
    if tree.keys == (":", None):
        return Piece(rf"{_group(inside[0], POWER)} \mathbf{{1}}^{{\top}}", PRODUCT)
    if tree.keys == (None, ":"):
        return Piece(_transposed(tree.arg, inside[0]), POWER)
    keys = [":" if k == ":" else k.counted if isinstance(k, Stretch) else str(k + 1) for k in tree.keys]
    shown = ", ".join(keys) if ":" in keys else subscripts(keys)
    if isinstance(tree.arg, Name):
        name = written(tree.arg.name, tree.arg.rank)
        below = shown + (", :" if tree.arg.rank > len(tree.keys) else "")
        return Piece(scripted(name, below), POWER if name.above or name.by else ATOM)
    if isinstance(tree.arg, Call) and tree.arg.name == "eye":
        return Piece("e" + below_line(shown))
    return Piece(rf"\left({inside[0].text}\right)" + below_line(shown))


# --- functions ------------------------------------------------------------------------------------------------

#: Functions whose square is written on the name.
_ON_NAME = frozenset({"sin", "cos", "tan", "sinh", "cosh", "tanh"})

_MATRIX_FUNCTIONS = {"trace": r"\operatorname{tr}", "det": r"\det", "diag": r"\operatorname{diag}", "max": r"\max"}


@_write.register
def _(tree: Power, inside: list[Piece]) -> Piece:
    base, exponent = inside
    shown = rf"\odot {exponent.text}" if tree.base.rank else exponent.text
    if isinstance(tree.base, Call) and tree.base.name in _ON_NAME and not tree.base.rank and exponent.text.isdigit():
        name, _, rest = base.text.partition(r"\left(")
        return Piece(rf"{name}^{{{shown}}}\left({rest}", POWER)
    return Piece(f"{_group(base, ATOM)}^{{{shown}}}", POWER)


@_write.register
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
    if tree.rank or _is_tall(inside[0]) or len(text) > 60:
        return Piece(rf"\exp\left({text}\right)")
    return Piece(f"e^{{{text}}}", POWER)


def _sum(tree: Call, inside: list[Piece]) -> Piece:
    """1^T v, 1^T M 1, M 1 and M^T 1; the sum of squares is a norm."""
    body, arg = inside[0], tree.args[0]
    if tree.axis is None:
        if isinstance(arg, Power) and isinstance(arg.exponent, Num) and arg.exponent.value == 2:
            return Piece(_norm_of(arg.base, body.text, r"^{\odot 2}") + "^{2}", POWER)
        ones = r" \mathbf{1}" if arg.rank == 2 else ""
        return Piece(rf"\mathbf{{1}}^{{\top}} {_group(body, PRODUCT if isinstance(arg, MatMul) else POWER)}{ones}", PRODUCT)
    turned = _transposed(arg, body) if tree.axis == (0,) else _group(body, POWER)
    made = Piece(rf"{turned} \mathbf{{1}}", PRODUCT)
    return Piece(rf"{made.text} \mathbf{{1}}^{{\top}}", PRODUCT) if tree.keepdims else made


def _norm_of(base: Tree, text: str, suffix: str = "") -> str:
    inner = text.removesuffix(suffix)
    if suffix and inner.startswith(r"\left(") and inner.endswith(r"\right)") and isinstance(base, Sum | Product | MatMul):
        inner = inner[len(r"\left(") : -len(r"\right)")]
    return rf"\left\lVert {inner} \right\rVert" + ("_{F}" if base.rank == 2 else "")


def _reduction(kind: str, body: Piece, below: str) -> Piece:
    if kind == "max":
        return Piece(rf"\max_{{{below}}} {_group(body, PRODUCT)}", PRODUCT, False)
    over = r"\sum" + below
    if kind == "sum":
        return Piece(f"{over} {_group(body, PRODUCT)}", PRODUCT, False)
    inner = _exp(Call(0, "exp"), [body]).text
    return Piece(rf"\log {over} {inner}", PRODUCT, False)


@_write.register
def _(tree: Over, inside: list[Piece]) -> Piece:
    if tree.kind == "max":
        return _reduction("max", inside[0], subscripts([_letter(s) for s, _ in tree.letters]))
    limits = [rf"_{{{_letter(s)}=1}}^{{{sp.latex(sp.sympify(n))}}}" for s, n in tree.letters]
    return _reduction(tree.kind, inside[0], r" \sum".join(limits))


_SPECIAL: dict[str, Any] = {
    "exp": _exp,
    "sum": _sum,
    "sqrt": lambda tree, inside: Piece(rf"\sqrt{{{inside[0].text}}}"),
    "abs": lambda tree, inside: Piece(rf"\left|{inside[0].text}\right|"),
    "norm": lambda tree, inside: Piece(_norm_of(tree.args[0], inside[0].text)),
    "inv": lambda tree, inside: Piece(f"{_group(inside[0], ATOM)}^{{-1}}", POWER),
    "matrix_power": lambda tree, inside: Piece(f"{_group(inside[0], ATOM)}^{{{inside[1].text}}}", POWER),
    "logdet": lambda tree, inside: Piece(rf"\log \det\left({inside[0].text}\right)"),
    "kron": lambda tree, inside: Piece(rf"{_group(inside[0], POWER)} \otimes {_group(inside[1], POWER)}", PRODUCT),
    "outer": lambda tree, inside: Piece(f"{_group(inside[0], POWER)} {_transposed(tree.args[1], inside[1])}", PRODUCT),
    "eye": lambda tree, inside: Piece(rf"I_{{{sp.latex(sp.sympify(tree.sizes[0]))}}}"),
    "ones": lambda tree, inside: Piece(r"\mathbf{1}" if len(tree.sizes) < 2 else r"\mathbf{1} \mathbf{1}^{\top}", ATOM if len(tree.sizes) < 2 else PRODUCT),
    "zeros": lambda tree, inside: Piece(r"\mathbf{0}"),
}
