"""Sizes (dims) and index variables: SymPy symbols with the assumptions that symdl reads them by."""

from __future__ import annotations

import re
import reprlib
from itertools import product
from typing import Any

import sympy as sp

from symdl.errors import NameError_, ShapeError
from symdl.graph.node import Size


def dims(names: str) -> Any:
    """Symbolic sizes, as ``sympy.symbols`` makes symbols: positive integers.

    Parameters
    ----------
    names : str
        Names separated by blanks or commas.

    Returns
    -------
    Symbol, or tuple of Symbol for several names

    Raises
    ------
    NameError_
        When there are no names.

    Examples
    --------
    >>> n, p = sd.dims("n p")
    >>> sd.tensor("X", n, 2 * p).shape
    (n, 2*p)
    """
    return _symbols(names, "dims", integer=True, positive=True)


#: SymPy makes a symbol of every number in a range (n1:4); not of a thousand million.
_RANGE = re.compile(r"(\d{4,}\)*:|:\(*\d{4,})|(?:[:].*){4,}")


def _symbols(names: Any, what: str, **assumptions: bool) -> Any:
    try:
        found = None if isinstance(names, str) and (_RANGE.search(names) or len(names) > 10_000) else sp.symbols(names, **assumptions)
    except (TypeError, ValueError, AttributeError, RecursionError):
        found = None
    if found is None:
        raise NameError_(f'{what}: {reprlib.repr(names):.60} holds no names: write them as in sd.{what}("n m")')
    for symbol in found if isinstance(found, tuple) else [found]:
        check_name(getattr(symbol, "name", symbol), "size" if what == "dims" else "index")
    return found


def indices(names: str, *sizes: Any) -> Any:
    """Index variables: integer symbols that stand on the axes of tensors.

    Parameters
    ----------
    names : str
        Names separated by blanks or commas.
    *sizes : int or dim
        How far each runs, one a name: then they are SymPy's ``Idx`` with a range. Needed only for letters that stand
        nowhere alone on an axis, as i in ``sum(w[u]*x[i + u], u)``.

    Returns
    -------
    Symbol, or tuple of Symbol for several names; with sizes Idx

    Raises
    ------
    NameError_
        When there are no names.
    ShapeError
        When there are not as many sizes as names.

    Examples
    --------
    >>> i, j = sd.indices("i j")
    >>> A = sd.tensor("A", 2, 2)
    >>> sd.sum(A[i, j] * A[j, i], i, j)
    trace(A @ A)
    """
    letters = _symbols(names, "indices", integer=True)
    if not sizes:
        return letters
    several = letters if isinstance(letters, tuple) else (letters,)
    if len(sizes) != len(several):
        raise ShapeError(f"indices {names!r:.60}: {len(several)} names and {len(sizes)} sizes")
    found = tuple(sp.Idx(s, as_size(n, f"index {s}")) for s, n in zip(several, sizes, strict=True))
    return found if isinstance(letters, tuple) else found[0]


def is_index(value: Any) -> bool:
    """True for what :func:`indices` makes."""
    return isinstance(value, sp.Symbol) and bool(value.is_integer) and value.is_positive is None


#: What may stand as an index letter in an expression: SymPy users index with plain Symbols and with Idx too.
LETTER = (sp.Symbol, sp.Idx)


def is_letter(value: Any) -> bool:
    """True for an index letter: a symbol or Idx that is not a size."""
    return isinstance(value, LETTER) and not is_dim(value)


def is_dim(value: Any) -> bool:
    """True for what :func:`dims` makes."""
    return isinstance(value, sp.Symbol) and bool(value.is_integer) and bool(value.is_positive)


_NAME = re.compile(r"[^\W\d]\w*(\.\w+)*'*\Z")


def check_name(name: Any, what: str = "tensor") -> str:
    """The name, if it can be one.

    Raises
    ------
    NameError_
        For anything but a letter or underscore followed by letters, digits, underscores (dots between parts).
    """
    if not isinstance(name, str) or not _NAME.match(name) or not f"_{name}".replace(".", "_").rstrip("'").isidentifier() or not name[0].isidentifier():
        shown = repr(name) if isinstance(name, str) else reprlib.repr(name)
        raise NameError_(f"{shown:.80} cannot name a {what}: use a letter followed by letters, digits or _")
    return name


def as_size(value: Any, where: str) -> Size:
    """A size from what the user gave: a positive int, a dim, or a name of one."""
    if isinstance(value, str):
        value = int(value) if value.isascii() and value.isdigit() else dims(check_name(value, "size"))
    if getattr(value, "size", None) == 1 and hasattr(value, "item") and not isinstance(value, sp.Basic):
        value = value.item()
    if isinstance(value, sp.Integer):
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool):
        if value < 1:
            raise ShapeError(f"{where}: the size {value} is not positive: sizes are symbols or integers from 1")
        return value
    if isinstance(value, sp.Expr) and value.is_positive is not False and is_whole(value):
        return value
    raise ShapeError(f"{where}: {reprlib.repr(value):.60} is not a size: use sd.dims or an integer from 1")


#: So many combinations of remainders are gone through at most.
_REMAINDERS = 4096


def is_whole(value: sp.Expr) -> bool:
    """True when the expression is a whole number for all whole values of its symbols: what SymPy knows, and polynomials such as d*(d + 1)/2."""
    if value.is_integer is not None:
        return bool(value.is_integer)
    letters = sorted(value.free_symbols, key=str)
    if not letters or not all(s.is_integer for s in letters) or not value.is_polynomial(*letters):
        return False
    poly = sp.Poly(value, *letters)
    if not poly.domain.is_QQ:
        return False
    # The numerator modulo the denominator depends on the remainders of the letters only.
    denominator, cleared = poly.clear_denoms(convert=True)
    if denominator ** len(letters) > _REMAINDERS:
        return False
    return all(cleared.eval(point) % denominator == 0 for point in product(range(int(denominator)), repeat=len(letters)))


def show_shape(shape: tuple[Size, ...]) -> str:
    """A shape as NumPy prints it."""
    inside = ", ".join(map(str, shape))
    return f"({inside},)" if len(shape) == 1 else f"({inside})"
