"""Coefficients and sizes as JSON: 3, "1/2", or a small tree of sums, products and powers of sizes and known constants."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import sympy as sp

from symdl.errors import DataError
from symdl.expr.dims import check_name, dims
from symdl.expr.pending import Pending
from symdl.functions import TABLE
from symdl.graph.number import Number, number

#: Operation -> SymPy's class.
_OPERATIONS: dict[str, Callable[..., sp.Expr]] = {
    "+": sp.Add,
    "*": sp.Mul,
    "^": sp.Pow,
    "floor": sp.floor,
    "ceiling": sp.ceiling,
    "max": sp.Max,
    "min": sp.Min,
    "log": sp.log,
    "exp": sp.exp,
    "sin": sp.sin,
    "cos": sp.cos,
}
_NAMES = {cls: name for name, cls in _OPERATIONS.items()}
#: Functions of the table at numbers, such as gelu(1), are numbers too.
_TABLED = "function "
_CONSTANTS = {"pi": sp.pi, "e": sp.E, "infinity": sp.oo, "-infinity": -sp.oo}
_CONSTANT_NAMES = {value: name for name, value in _CONSTANTS.items()}

#: Deepest nesting of a stored number.
MAX_DEPTH = 40


def written(value: Any) -> Any:
    """A coefficient or size as what JSON can hold.

    Raises
    ------
    DataError
        For what has no word here.
    """
    if isinstance(value, bool) or value is None:
        raise DataError(f"{value!r} is not a number")
    if isinstance(value, int):
        return value
    if isinstance(value, Fraction):
        return f"{value.numerator}/{value.denominator}"
    if value in _CONSTANT_NAMES:
        return {"constant": _CONSTANT_NAMES[value]}
    if isinstance(value, sp.Integer):
        return int(value)
    if isinstance(value, sp.Rational):
        return f"{value.p}/{value.q}"
    if isinstance(value, Pending):
        raise DataError(f"how far the index {value.name.removeprefix('size_of_')} runs is not known yet: say it with sd.indices(name, size), or sum over it")
    if isinstance(value, sp.Symbol):
        return {"size": value.name}
    name = next((n for cls, n in _NAMES.items() if type(value) is cls), None) or _tabled(value)
    if name is None:
        raise DataError(f"the number {value} cannot be saved: it holds {type(value).__name__}")
    return {"do": name, "of": [written(a) for a in value.args]}


def _tabled(value: Any) -> str | None:
    return next((f"{_TABLED}{name}" for name, entry in TABLE.items() if entry.sympy is type(value)), None)


def _operation(word: Any, count: int) -> Callable[..., sp.Expr] | None:
    """What is done to so many parts; None for a word that is none."""
    if isinstance(word, str) and word.startswith(_TABLED):
        entry = TABLE.get(word.removeprefix(_TABLED))
        return entry.sympy if entry is not None and count == entry.nargs else None
    return _OPERATIONS.get(word)


def read_number(stored: Any, depth: int = 0) -> Number:
    """A coefficient from what was stored."""
    return number(_read(stored, depth))


def read_size(stored: Any) -> Any:
    """A size: a whole number from 1, or an expression of sizes."""
    value = _read(stored, 0)
    if isinstance(value, (int, sp.Integer)):
        if value < 1:
            raise DataError(f"the stored size {value} is not positive")
        return int(value)
    if not isinstance(value, sp.Expr) or value.is_integer is False or not value.free_symbols:
        raise DataError(f"{stored!r:.60} is not a size")
    return value


def _read(stored: Any, depth: int) -> Any:
    if depth > MAX_DEPTH:
        raise DataError("a stored number is nested too deeply")
    if isinstance(stored, int) and not isinstance(stored, bool):
        return sp.Integer(stored) if depth else stored
    if isinstance(stored, str):
        top, _, bottom = stored.partition("/")
        if not (top.lstrip("-").isdigit() and bottom.isdigit() and int(bottom)) or len(stored) > 4000:
            raise DataError(f"{stored!r:.60} is not a stored number")
        return sp.Rational(int(top), int(bottom)) if depth else Fraction(int(top), int(bottom))
    if isinstance(stored, dict) and set(stored) == {"size"}:
        return dims(check_name(stored["size"], "size"))
    if isinstance(stored, dict) and set(stored) == {"constant"} and stored["constant"] in _CONSTANTS:
        return _CONSTANTS[stored["constant"]]
    if isinstance(stored, dict) and set(stored) == {"do", "of"} and isinstance(stored["of"], list) and _operation(stored["do"], len(stored["of"])):
        parts = [_read(part, depth + 1) for part in stored["of"]]
        if stored["do"] == "^" and (len(parts) != 2 or (parts[1].is_number and abs(parts[1]) > 4096)):
            raise DataError("a stored power is too high")
        if len(parts) > 1000 or not parts:
            raise DataError("a stored number has too many parts")
        return _operation(stored["do"], len(parts))(*parts)  # type: ignore[misc]
    raise DataError(f"{str(stored)[:60]!r} is not a stored number")
