"""What users hand in, as SymPy expressions. SymPy itself reads text by evaluating it: nothing gets there but through this door."""

from __future__ import annotations

import reprlib
from typing import Any

import sympy as sp

from symdl.errors import UnsupportedError


def given(what: str, value: Any) -> sp.Expr:
    """The SymPy expression that a number, or an expression, is.

    Parameters
    ----------
    what : str
        What the value is for, for the message.

    Raises
    ------
    UnsupportedError
        For text, which is never evaluated, and all else that is no number.
    """
    if isinstance(value, sp.Expr):
        return value
    if getattr(value, "shape", None) == () and hasattr(value, "item"):
        value = value.item()
    try:  # what has parts is refused unread: SymPy would look at each part, and evaluate those that are text
        found = None if hasattr(value, "__iter__") else sp.sympify(value, strict=True)
    except (sp.SympifyError, TypeError, ValueError, AttributeError, ArithmeticError, RecursionError):
        found = None
    if not isinstance(found, sp.Expr):
        hint = ": use sd.parse to read it, or sd.tensor to make a tensor" if isinstance(value, str) else ", which is neither a number nor an expression"
        kind = f"the text {reprlib.repr(value)}" if isinstance(value, str) else f"{reprlib.repr(value)[:60]} of type {type(value).__name__}"
        raise UnsupportedError(f"{what}: {kind} is given{hint}")
    return found
