"""The two kinds of floats that programs are made for, and what is said of them in words.

A program of float32 holds tensors in 32 bits. Its scalars are carried in 64 bits and rounded where they come out, and so are the functions that are more
than one call of NumPy (``in_double``): their constants are those of 64 bits, and the result is the nearest float32, or the next to it.
"""

from __future__ import annotations

import reprlib
from collections.abc import Callable
from typing import Any

import numpy as np

from symdl.errors import DataError

DOUBLE, SINGLE = "float64", "float32"


def precision_named(dtype: Any) -> str:
    """ "float64" or "float32", from a word, a type of NumPy, PyTorch or JAX, or None (which is float64).

    Raises
    ------
    DataError
        For every other type.
    """
    if dtype is None:
        return DOUBLE
    try:
        found = np.dtype(str(dtype).removeprefix("torch.") if not isinstance(dtype, (str, type, np.dtype)) else dtype).name
    except (TypeError, ValueError, RecursionError):
        found = ""
    if found not in (DOUBLE, SINGLE):
        raise DataError(f"dtype {reprlib.repr(dtype):.40} is not one that symdl computes with: give {DOUBLE!r} or {SINGLE!r}")
    return found


def bits(dtype: str) -> str:
    """As errors say it."""
    return "64-bit" if dtype == DOUBLE else "32-bit"


def rounded(value: float, dtype: str) -> Any:
    """A scalar result: a Python float, or a float32 of NumPy."""
    return float(value) if dtype == DOUBLE else np.float32(value)


def in_double(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of arrays, evaluated in 64 bits; whoever takes the result rounds it."""
    return lambda *z: function(*(np.asarray(a, dtype=float) for a in z))
