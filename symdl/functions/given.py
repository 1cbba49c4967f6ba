"""What users hand in, as SymPy expressions. SymPy itself reads text by evaluating it: nothing gets there but through this door."""

from __future__ import annotations

import reprlib
from typing import Any

import sympy as sp

from symdl.errors import UnsupportedError


def shown(value: Any, longest: int = 60) -> str:
    """What a value looks like, short: of what is nested without end, or cannot say what it is, at least of which kind it is."""
    try:
        text = reprlib.repr(value)
    except Exception:
        text = f"<{type(value).__name__}>"
    return text if len(text) <= longest else f"{text[: longest - 3]}..."


def flag(where: str, name: str, value: Any) -> bool:
    """Yes or no, as it is asked for with ``name=True``; 1, 0 and None will do.

    Raises
    ------
    UnsupportedError
        For arrays, texts and all else that is neither.
    """
    if value is True or value is False or value is None:
        return bool(value)
    if type(value).__name__ in ("bool", "bool_", "int", "int64") and value in (0, 1):
        return bool(value)
    raise UnsupportedError(f"{where}: {name} is {shown(value)}, and must be True or False")


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
