"""Formulas for the renderers: an expression (or the number, text or SymPy expression that a page may hold) as LaTeX or text."""

from __future__ import annotations

from typing import Any

import sympy as sp

from symdl.expr.tensor import Expr


def formula_latex(value: Any, style: str = "index") -> str:
    """LaTeX of an expression.

    Parameters
    ----------
    value : Expr, SymPy expression or number
    style : {"index", "matrix"}
    """
    if isinstance(value, Expr):
        try:
            from symdl.render.latex import latex
        except ImportError:
            return sp.latex(value.sympy)
        return latex(value, style=style)
    return sp.latex(sp.sympify(value))


def formula_text(value: Any) -> str:
    """An expression as one line of text."""
    return str(value)
