"""Sums, products and fractions as LaTeX."""

from __future__ import annotations

from symdl.expr.notation.layout import (
    Index,
    Num,
    Product,
    Sum,
    Tree,
)
from symdl.expr.notation.text import ATOM, POWER, PRODUCT, SIGN, SUM, fraction
from symdl.graph.number import Number, is_negative, times
from symdl.render.latex_names import transposed
from symdl.render.latex_pieces import Piece, grouped, is_tall, number, write_part


@write_part.register
def _(tree: Sum, inside: list[Piece]) -> Piece:
    out = ""
    for coef, term, piece in zip(tree.coefs, tree.terms, inside, strict=True):
        minus = is_negative(coef)
        size = times(-1, coef) if minus else coef
        shown = number(times(size, term.value)) if isinstance(term, Num) else _scaled(size, term, _widened(term, piece, tree.rank))
        out += (("-" if minus else "") if not out else (" - " if minus else " + ")) + grouped(shown, PRODUCT)
    return Piece(out, SUM)


def _widened(term: Tree, piece: Piece, rank: int) -> Piece:
    """A vector that is added to every row or column of a matrix: 1 v^T or v 1^T."""
    if rank == 2 and term.rank == 1:
        return Piece(rf"\mathbf{{1}} {transposed(term, piece)}", PRODUCT)
    return piece


def _scaled(coef: Number, term: Tree, piece: Piece) -> Piece:
    return piece if coef == 1 else _fraction(coef, [(term, piece)], [], 0)


@write_part.register
def _(tree: Product, inside: list[Piece]) -> Piece:
    split = len(tree.factors)
    pairs = list(zip(tree.parts, inside, strict=True))
    minus = is_negative(tree.coef)
    made = _fraction(times(-1, tree.coef) if minus else tree.coef, pairs[:split], pairs[split:], tree.rank)
    return Piece("-" + grouped(made, PRODUCT), SIGN, made.closed) if minus else made


def _fraction(coef: Number, up: list[tuple[Tree, Piece]], down: list[tuple[Tree, Piece]], rank: int) -> Piece:
    """coef*up/down, the coefficient not negative."""
    above, below = ([number(n) for n in side] for side in fraction(coef))
    divisors = [p for t, p in down if t.rank == 0]
    body = _body(up, [(t, p) for t, p in down if t.rank])
    if not below and not divisors:
        numbers = [grouped(n, POWER) for n in above]
        return _joined(numbers, body) if body else Piece(" ".join(numbers) or "1", PRODUCT if len(numbers) > 1 else ATOM)
    bottom = _line([*below, *divisors])
    if body and (not body.closed or any(t.rank for t, _ in up) or (is_tall(body) and not divisors)):
        ahead = rf"\frac{{{_line(above) or '1'}}}{{{bottom}}}"
        return Piece(f"{ahead} {grouped(body, PRODUCT)}", PRODUCT, body.closed)
    top = " ".join([*(grouped(n, POWER) for n in above), *([grouped(body, PRODUCT if above else SUM)] if body else [])])
    return Piece(rf"\frac{{{top or '1'}}}{{{bottom}}}", POWER)


def _joined(numbers: list[str], body: Piece) -> Piece:
    if not numbers:
        return body
    dot = r" \cdot " if body.text[:1].isdigit() else " "
    return Piece(" ".join(numbers) + dot + grouped(body, PRODUCT), PRODUCT, body.closed)


def _line(pieces: list[Piece]) -> str:
    return pieces[0].text if len(pieces) == 1 else " ".join(grouped(p, POWER) for p in pieces)


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
        middle = [grouped(made, PRODUCT if made.binding != SIGN else ATOM)] if same or down else []
        made = Piece(" ".join([*map(_diag, left), *middle, *map(_diag, right)]), PRODUCT)
    ahead = _side_by_side(scalars)
    if ahead is None:
        return made
    return Piece(f"{grouped(ahead, PRODUCT if ahead.closed else 9)} {grouped(made, PRODUCT)}", PRODUCT)


def _rows(tree: Tree) -> bool:
    """A vector put on the rows of a matrix: v[:, None]."""
    return isinstance(tree, Index) and tree.keys == (":", None)


def _diag(piece: Piece) -> str:
    text = piece.text.removesuffix(r" \mathbf{1}^{\top}")
    return rf"\operatorname{{diag}}\left({text}\right)"


def _elementwise(up: list[Piece], down: list[Piece]) -> Piece:
    if not down:
        return up[0] if len(up) == 1 else Piece(r" \odot ".join(grouped(p, POWER) for p in up), PRODUCT)
    above = r" \odot ".join(grouped(p, POWER) for p in up) or r"\mathbf{1}"
    return Piece(above + "".join(rf" \oslash {grouped(p, POWER)}" for p in down), PRODUCT)


def _side_by_side(pieces: list[Piece]) -> Piece | None:
    """Scalars: those that are open to the right, such as sums, stand last, and in parentheses unless they are last."""
    if not pieces:
        return None
    if len(pieces) == 1:
        return pieces[0]
    ordered = sorted(pieces, key=lambda p: not p.closed)
    shown = [grouped(p, PRODUCT if p.closed or k == len(ordered) - 1 else 9) for k, p in enumerate(ordered)]
    # Names of several letters need room between them.
    between = r" \, " if any(word in s for s in shown for word in (r"\mathrm", r"\text")) else " "
    return Piece(between.join(shown), PRODUCT, ordered[-1].closed)
