"""From a text in LaTeX to the lines of what it says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import sympy as sp

from symdl.errors import ParseError
from symdl.expr.dims import indices
from symdl.expr.tensor import Expr
from symdl.expr.tex.meaning import Meaning
from symdl.expr.tex.tree import Tex, trees


@dataclass
class Line:
    """One line of a formula: the sides of its equations in order; ``by``: what a derivative on the left is taken by, at which letters."""

    sides: list[Expr] = field(default_factory=list)
    by: str = ""
    letters: tuple[sp.Symbol, ...] = ()


def looks_like_latex(text: str) -> bool:
    """Whether a text is a formula in LaTeX and not one in the language of ``sd.parse``."""
    return "\\" in text or "_{" in text or "^" in text or "$" in text


def parse_latex(text: str, /, **tensors: Any) -> Expr:
    """Read an expression in LaTeX as people write it.

    Parameters
    ----------
    text : str
        Products without a sign are matrix products (vectors are columns, ``x^\\top`` is a row); ``\\odot`` is elementwise;
        ``W_{ij}`` is an element, counted from 1, with ``\\sum_{i=1}^{n}`` over it; ``\\sigma``, ``\\exp``, ``\\operatorname{tr}``, ``\\frac``, ``\\|x\\|``,
        ``A^{-1}``, ``\\mathbf``, Greek letters. Of an equation the right side is read.
    **tensors
        Name -> expression, or sizes as for ``sd.parse``: ``X="n,p"``.

    Raises
    ------
    ParseError
        When the text is no formula: what, and where.
    ShapeError
        When its parts do not go together.
    """
    from symdl.expr.parse import _declared

    sizes: set[str] = set()
    known = {name: _declared(name, shape, sizes) for name, shape in tensors.items()}
    return read(text, known)[-1].sides[-1]


def read(text: str, tensors: Mapping[str, Expr]) -> list[Line]:
    """The lines of a formula, each with its sides; derivatives on the left are noted, not computed."""
    lines = trees(text)
    reader = Meaning(text, tensors, _start(text))
    found: list[Line] = []
    for line in lines:
        made = Line()
        for (side,) in line:
            if side.what == "partial":
                made.by, made.letters = _by(side, tensors)
            else:
                made.sides.append(reader.value(side).expr)
        if made.sides or made.by:
            found.append(made)
    if not any(line.sides for line in found):
        raise ParseError("the formula has a derivative on its left and nothing on its right")
    return found


def _start(text: str) -> int:
    """Where indices start: at 0 where a sum says so, else at 1."""
    compact = "".join(text.split())
    return 0 if any(f"sum_{{{c}=0}}" in compact for c in "ijklmnpqrstuv") else 1


def _by(tree: Tex, tensors: Mapping[str, Expr]) -> tuple[str, tuple[sp.Symbol, ...]]:
    """What a derivative is taken by: a tensor's name, and the letters of an element."""
    _, below = tree.parts
    tokens = [t for t in below if not (t.kind == "command" and t.text in ("partial", "mathbf", "boldsymbol", "bm", "mathrm")) and t.text != "d"]
    base, rest = (tokens[0].text, [t for t in tokens[1:] if t.kind not in ("_", "^")]) if tokens else ("", [])
    if rest and rest[-1].text in ("T", "top"):
        rest = rest[:-1]
    for size in range(len(rest), -1, -1):
        name = base + "".join(t.text for t in rest[:size])
        found = name if name in tensors else f"{base}_{name[len(base) :]}"
        if found in tensors:
            letters = [t for t in rest[size:] if t.kind != ","]
            if all(t.kind == "letter" for t in letters):
                return found, tuple(indices(t.text) for t in letters)
    return base, ()
