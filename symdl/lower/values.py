"""Numbers that come in: as arrays of float64 or float32, finite, or one clear line."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from symdl.errors import DataError
from symdl.functions.given import shown
from symdl.lower.precision import DOUBLE, SINGLE

FLOAT = np.dtype(np.float64)
_TYPES = {DOUBLE: FLOAT, SINGLE: np.dtype(np.float32)}


def as_array(name: str, value: Any, dtype: str = DOUBLE) -> Any:
    """A C-contiguous array of the dtype, or a Python float for a scalar (rounded to the dtype); no copy when it is one already.

    Raises
    ------
    DataError
        For what is not real numbers, is empty, or is not finite.
    """
    if isinstance(value, np.memmap):
        value = value.view(np.ndarray)  # stays on disk until it is read
    if type(value) is np.ndarray and value.dtype is _TYPES[dtype] and value.flags.c_contiguous and value.ndim and value.size:
        # The sum of squares is finite when all elements are, unless they are huge: then look at each.
        flat = value.ravel()
        with np.errstate(over="ignore", invalid="ignore"):
            squares = flat.dot(flat)
        if math.isfinite(squares) or np.isfinite(value).all():
            return value
        where = tuple(int(k) for k in np.argwhere(~np.isfinite(value))[0])
        raise DataError(f"{name}[{', '.join(map(str, where))}] is {float(value[where])}: give finite numbers")
    if type(value) is float:
        if math.isfinite(value):
            return value if dtype == DOUBLE else _rounded(name, value)
        raise DataError(f"{name} is {value}: give finite numbers")
    array = _converted(name, value)
    if array.shape == ():
        return as_array(name, float(array), dtype)
    if array.size == 0:
        raise DataError(f"{name} is empty: its shape is {array.shape}")
    return as_array(name, array if dtype == DOUBLE else _narrowed(name, array), dtype)


def _rounded(name: str, value: float) -> float:
    return float(_narrowed(name, np.array(value)))


def _narrowed(name: str, array: np.ndarray) -> np.ndarray:
    """The nearest numbers of 32 bits; what is finite must stay so."""
    with np.errstate(over="ignore", under="ignore"):
        narrow = array.astype(np.float32)
    lost = np.isinf(narrow) & np.isfinite(array)
    if lost.any():
        raise DataError(f"{name}: {float(array[lost].flat[0])!r} is too large for float32; leave out dtype, or scale the data")
    return narrow


def _converted(name: str, value: Any) -> np.ndarray:
    if np.ma.is_masked(value):
        raise DataError(f"{name} is a masked array with masked entries: fill them, or leave those samples out")
    try:
        array = _read(name, value)
        if array.dtype.kind not in "biuf":
            if array.dtype.kind != "O":
                raise TypeError
            array = np.frompyfunc(_real, 1, 1)(array)
        return np.array(array, dtype=FLOAT, order="C")
    except (TypeError, ValueError, OverflowError):
        raise DataError(f"{name}: {_described(value)} is not an array of real numbers") from None


#: Kinds of NumPy's dtypes that are no real numbers, as people call them.
_KINDS = {"U": "texts", "S": "bytes", "T": "texts", "c": "complex numbers", "M": "dates", "m": "durations", "V": "records"}


def _described(value: Any) -> str:
    """What it is that is no real number: of an array the kind and its first such entry."""
    if not isinstance(value, np.ndarray) or not value.size:
        return shown(value)
    kind = value.dtype.kind
    if kind != "O":
        return f"an array of {_KINDS.get(kind, value.dtype)}, of which the first is {shown(value.flat[0].item(), 40)},"
    for at, entry in np.ndenumerate(value):
        try:
            _real(entry)
        except (TypeError, ValueError, OverflowError):
            return f"an array of objects, of which {shown(entry, 40)}{f' at {list(at)}' if at else ''},"
    return shown(value)


def _read(name: str, value: Any) -> np.ndarray:
    """The value as an array of whatever it holds; a class of the user's, or of another package, may refuse in any way it likes."""
    try:
        return np.asarray(value)
    except (TypeError, ValueError, OverflowError):
        raise
    except Exception as error:
        said = (str(error).splitlines() or [""])[0]
        raise DataError(f"{name}: a {type(value).__name__} cannot be read as an array: {said or type(error).__name__}") from None


def _real(value: Any) -> float:
    if isinstance(value, (str, bytes)) or value is None:
        raise TypeError
    return float(value)
