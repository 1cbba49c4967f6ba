"""Formulas for the renderers: an expression (or the number or SymPy expression that a page may hold) as LaTeX or text."""

from __future__ import annotations

from typing import Any

import sympy as sp

from symdl.expr.notation.elements import Elements, Letters
from symdl.expr.notation.text import layout, text, write
from symdl.expr.tensor import Expr
from symdl.graph.node import LET, Node
from symdl.graph.walk import topological


class Printer:
    """Writes expressions, with the same letter for the same size everywhere.

    Parameters
    ----------
    letters : callable, optional
        Sizes -> index letters, as of :class:`symdl.render.reading.Reading`.
    """

    def __init__(self, letters: Letters | None = None) -> None:
        self._letters = letters

    def latex(self, value: Any) -> str:
        """In index notation."""
        if not isinstance(value, Expr):
            return sp.latex(sp.sympify(value))
        from symdl.render.latex import latex

        return latex(value, style="index", letters=self._letters)

    def matrix_latex(self, value: Expr) -> str | None:
        """In matrix notation; None where it has no such form."""
        from symdl.render.latex import latex

        found = latex(value, style="matrix")
        # What has no matrix notation is answered in index notation.
        return None if value.shape and found == latex(value, style="index") else found

    def text(self, value: Any) -> str:
        """In index notation, as text."""
        if not isinstance(value, Expr):
            return str(value)
        reader = Elements(value, {}, self._letters)
        element, _ = reader.open(value)
        return write(reader.tree(element.node, element.map))

    def matrix_text(self, value: Expr) -> str | None:
        """In array notation, as text; None where it has no such form."""
        tree = layout(value, {})
        return None if tree is None else write(tree)


def formula_latex(value: Any) -> str:
    """LaTeX of an expression that stands alone: in matrix notation where it has one, else in index notation; what has a name, by it."""
    if not isinstance(value, Expr):
        return sp.latex(sp.sympify(value))
    from symdl.render.latex import latex

    return latex(value, names=named_results(value), style="auto" if value.shape else "index")


def formula_text(value: Any) -> str:
    """An expression that stands alone, as text; what has a name, by it."""
    return text(value, named_results(value)) if isinstance(value, Expr) else str(value)


def named_results(value: Expr) -> dict[Node, str] | None:
    """Node -> name of what ``sd.let`` named in an expression; None when it named nothing."""
    named = [n for n in topological([value.node]) if n.op == LET and n.attr.role == "let"]
    return {n: str(n.name) for n in named} or None
