"""What layers check of their arguments: every error names the layer, the shapes and the mend."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sympy as sp

from symdl.errors import ShapeError
from symdl.expr.dims import show_shape
from symdl.expr.tensor import Expr, describe
from symdl.functions.given import given
from symdl.graph.node import Size


def clash(layer: str, given: Sequence[Expr], mend: str) -> ShapeError:
    """The error of a layer whose arguments do not fit."""
    return ShapeError(f"{layer} of {' and '.join(map(describe, given))}: {mend}")


def same_size(a: Size, b: Size) -> bool:
    """Whether two sizes are equal for all values of their symbols, however they are written."""
    return bool(a == b or sp.expand(sp.sympify(a) - sp.sympify(b)) == 0)


def need(good: bool, layer: str, given: Sequence[Expr], mend: str) -> None:
    """The error unless ``good``."""
    if not good:
        raise clash(layer, given, mend)


def need_shape(layer: str, x: Expr, wanted: Sequence[Size], what: str) -> None:
    """The error unless x has the shape."""
    if x.ndim != len(wanted) or not all(same_size(a, b) for a, b in zip(x.shape, wanted, strict=True)):
        raise ShapeError(f"{layer}: {what} must have the shape {show_shape(tuple(wanted))}, and is {describe(x)}")


def plain(size: Any) -> Size:
    """A size in its shortest form: an int where it is one."""
    found = sp.expand(sp.sympify(size))
    return int(found) if found.is_Integer else found


def share(size: Size, parts: Size, layer: str, what: str) -> Size:
    """size/parts.

    Raises
    ------
    ShapeError
        When that is not known to be a whole number.
    """
    each = sp.cancel(given(layer, size) / given(layer, parts))
    if not each.is_integer or each.is_positive is False:
        raise ShapeError(f"{layer}: {what}, {size}, must be a multiple of {parts}: give it as {parts}*d with a size d")
    return plain(each)


def along(value: Expr, axis: int, ndim: int) -> Expr:
    """A vector as a tensor of rank ``ndim`` whose axis ``axis`` it is."""
    return value[tuple(slice(None) if k == axis else None for k in range(ndim))]


def tuple_of(value: Any, count: int, layer: str, what: str) -> tuple[Any, ...]:
    """One for each of ``count`` axes, from one for all or a sequence."""
    if isinstance(value, (tuple, list)):
        if len(value) != count:
            raise ShapeError(f"{layer}: {len(value)} values of {what} for {count} axes; give one, or one an axis")
        return tuple(value)
    return (value,) * count
