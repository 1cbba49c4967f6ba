"""Expressions as text."""

from __future__ import annotations

from symdl.expr.tensor import Expr


def text(expr: Expr) -> str:
    """The expression as text."""
    return str(expr.sympy)
