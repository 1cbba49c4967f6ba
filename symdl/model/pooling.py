"""Pooling: means and maxima over windows.

Where elements of a window tie for the maximum they share its gradient equally (torch gives it all to the first).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sympy as sp

from symdl.errors import DomainError, ShapeError, UnsupportedError
from symdl.expr.dims import as_size
from symdl.expr.ops import max_, mean, ones, sum_
from symdl.expr.tensor import Expr, as_expr, describe, elementwise
from symdl.expr.windows import position, where, window, windows_that_fit
from symdl.functions.given import shown
from symdl.graph.node import Size
from symdl.model.convolution import paddings_of, steps_of, windows
from symdl.model.shapes import need, plain, tuple_of


def avg_pool1d(x: Any, size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False, count_include_pad: bool = True) -> Expr:
    """Means over windows of the last axis.

    Parameters
    ----------
    x : Expr, shape (..., n)
    size : int or size
        Elements of a window.
    stride : int, optional
        The size of a window when not given.
    padding : int or size
        Zeros before and after, at most half a window.
    ceil_mode : bool
        A last window that begins inside but does not end there counts too (sizes must be whole numbers).
    count_include_pad : bool
        Whether the zeros count.

    Returns
    -------
    Expr
        Of shape (..., (n + 2*padding - size)//stride + 1).

    Raises
    ------
    ShapeError
        When the shapes do not go together.
    DomainError
        When the padding is more than half a window, or a stride is no whole number from 1.
    UnsupportedError
        For ceil_mode with symbolic sizes.

    Notes
    -----
    torch.nn.functional.avg_pool1d.

    References
    ----------
    Goodfellow et al., Deep Learning, section 9.3.

    Examples
    --------
    >>> x = sd.tensor("x", 4)
    >>> sd.evaluate(sd.avg_pool1d(x, 2), x=[1, 3, 5, 9])
    array([2., 7.])
    """
    return _average("avg_pool1d", 1, x, size, stride, padding, ceil_mode, count_include_pad)


def avg_pool2d(x: Any, size: Any, stride: Any = None, padding: Any = 0, ceil_mode: bool = False, count_include_pad: bool = True) -> Expr:
    """Means over windows of the last two axes.

    Parameters
    ----------
    x : Expr, shape (..., n, m)
    size : int or size
        Elements of a window; one for both axes, or a pair.
    stride : int, optional
        The size of a window when not given.
    padding : int or size
        Zeros before and after, at most half a window.
    ceil_mode : bool
        A last window that begins inside but does not end there counts too (sizes must be whole numbers).
    count_include_pad : bool
        Whether the zeros count.

    Returns
    -------
    Expr
        Along each of the axes (n + 2*padding - size)//stride + 1 positions.

    Raises
    ------
    ShapeError
        When the shapes do not go together.
    DomainError
        When the padding is more than half a window, or a stride is no whole number from 1.
    UnsupportedError
        For ceil_mode with symbolic sizes.

    Notes
    -----
    torch.nn.functional.avg_pool2d.

    References
    ----------
    Goodfellow et al., Deep Learning, section 9.3.

    Examples
    --------
    >>> x = sd.tensor("x", 2, 4)
    >>> sd.evaluate(sd.avg_pool2d(x, 2), x=[[1, 2, 0, 0], [3, 6, 0, 4]])
    array([[3., 1.]])
    """
    return _average("avg_pool2d", 2, x, size, stride, padding, ceil_mode, count_include_pad)


def max_pool1d(x: Any, size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False) -> Expr:
    """Maxima over windows of the last axis; padding never wins.

    Parameters
    ----------
    x : Expr, shape (..., n)
    size : int or size
        Elements of a window.
    stride : int, optional
        The size of a window when not given.
    padding : int or size
        Elements before and after that do not count, at most half a window.
    dilation : int
        The distance between elements of a window.
    ceil_mode : bool
        A last window that begins inside but does not end there counts too (sizes must be whole numbers).

    Returns
    -------
    Expr
        Of shape (..., (n + 2*padding - dilation*(size - 1) - 1)//stride + 1).

    Raises
    ------
    ShapeError
        When the shapes do not go together.
    DomainError
        When the padding is more than half a window, or a stride is no whole number from 1.
    UnsupportedError
        For ceil_mode with symbolic sizes.

    Notes
    -----
    torch.nn.functional.max_pool1d. Elements that tie for a maximum share its gradient equally (torch gives it all to the first).

    References
    ----------
    Goodfellow et al., Deep Learning, section 9.3.

    Examples
    --------
    >>> x = sd.tensor("x", 4)
    >>> sd.evaluate(sd.max_pool1d(x, 2), x=[1, 3, 5, 9])
    array([3., 9.])
    """
    return _maximum("max_pool1d", 1, x, size, stride, padding, dilation, ceil_mode)


def max_pool2d(x: Any, size: Any, stride: Any = None, padding: Any = 0, dilation: Any = 1, ceil_mode: bool = False) -> Expr:
    """Maxima over windows of the last two axes; padding never wins.

    Parameters
    ----------
    x : Expr, shape (..., n, m)
    size : int or size
        Elements of a window; one for both axes, or a pair.
    stride : int, optional
        The size of a window when not given.
    padding : int or size
        Elements before and after that do not count, at most half a window.
    dilation : int
        The distance between elements of a window.
    ceil_mode : bool
        A last window that begins inside but does not end there counts too (sizes must be whole numbers).

    Returns
    -------
    Expr
        Along each of the axes (n + 2*padding - dilation*(size - 1) - 1)//stride + 1 positions.

    Raises
    ------
    ShapeError
        When the shapes do not go together.
    DomainError
        When the padding is more than half a window, or a stride is no whole number from 1.
    UnsupportedError
        For ceil_mode with symbolic sizes.

    Notes
    -----
    torch.nn.functional.max_pool2d. Elements that tie for a maximum share its gradient equally (torch gives it all to the first).

    References
    ----------
    Goodfellow et al., Deep Learning, section 9.3.

    Examples
    --------
    >>> x = sd.tensor("x", 2, 4)
    >>> sd.evaluate(sd.max_pool2d(x, 2), x=[[1, 2, 0, 0], [3, 6, 0, 4]])
    array([[6., 4.]])
    """
    return _maximum("max_pool2d", 2, x, size, stride, padding, dilation, ceil_mode)


def adaptive_avg_pool1d(x: Any, size: Any) -> Expr:
    """Means over ``size`` windows that share the last axis evenly, from floor(i*n/size) to ceil((i + 1)*n/size).

    Parameters
    ----------
    x : Expr, shape (..., n)
    size : int or size
        How many windows.

    Returns
    -------
    Expr
        Of shape (..., size).

    Raises
    ------
    ShapeError
        When the shapes do not go together.

    Notes
    -----
    torch.nn.functional.adaptive_avg_pool1d.

    Examples
    --------
    >>> x = sd.tensor("x", 5)
    >>> sd.evaluate(sd.adaptive_avg_pool1d(x, 2), x=[1, 2, 3, 4, 5])
    array([2., 4.])
    """
    return _adaptive_average("adaptive_avg_pool1d", 1, x, size)


def adaptive_avg_pool2d(x: Any, size: Any) -> Expr:
    """Means over ``size`` windows that share the last two axes evenly, from floor(i*n/size) to ceil((i + 1)*n/size).

    Parameters
    ----------
    x : Expr, shape (..., n, m)
    size : int or size
        How many windows; one for both axes, or a pair.

    Returns
    -------
    Expr
        Of shape (..., size, size).

    Raises
    ------
    ShapeError
        When the shapes do not go together.

    Notes
    -----
    torch.nn.functional.adaptive_avg_pool2d.

    Examples
    --------
    >>> x = sd.tensor("x", 2, 4)
    >>> sd.evaluate(sd.adaptive_avg_pool2d(x, (1, 2)), x=[[1, 2, 0, 0], [3, 6, 0, 4]])
    array([[3., 1.]])
    """
    return _adaptive_average("adaptive_avg_pool2d", 2, x, size)


def adaptive_max_pool1d(x: Any, size: Any) -> Expr:
    """Maxima over ``size`` windows that share the last axis evenly, from floor(i*n/size) to ceil((i + 1)*n/size).

    Parameters
    ----------
    x : Expr, shape (..., n)
    size : int or size
        How many windows.

    Returns
    -------
    Expr
        Of shape (..., size).

    Raises
    ------
    ShapeError
        When the shapes do not go together.

    Notes
    -----
    torch.nn.functional.adaptive_max_pool1d. Elements that tie for a maximum share its gradient equally.

    Examples
    --------
    >>> x = sd.tensor("x", 5)
    >>> sd.evaluate(sd.adaptive_max_pool1d(x, 2), x=[1, 2, 3, 4, 5])
    array([3., 5.])
    """
    return _adaptive_maximum("adaptive_max_pool1d", 1, x, size)


def adaptive_max_pool2d(x: Any, size: Any) -> Expr:
    """Maxima over ``size`` windows that share the last two axes evenly, from floor(i*n/size) to ceil((i + 1)*n/size).

    Parameters
    ----------
    x : Expr, shape (..., n, m)
    size : int or size
        How many windows; one for both axes, or a pair.

    Returns
    -------
    Expr
        Of shape (..., size, size).

    Raises
    ------
    ShapeError
        When the shapes do not go together.

    Notes
    -----
    torch.nn.functional.adaptive_max_pool2d.
    The maximum is taken axis by axis: columns that tie share its gradient equally, and in each of them the elements that tie.

    Examples
    --------
    >>> x = sd.tensor("x", 2, 4)
    >>> sd.evaluate(sd.adaptive_max_pool2d(x, (1, 2)), x=[[1, 2, 0, 0], [3, 6, 0, 4]])
    array([[6., 4.]])
    """
    return _adaptive_maximum("adaptive_max_pool2d", 2, x, size)


def global_avg_pool(x: Any, axes: int = 2) -> Expr:
    """The mean over the last axes, which go.

    Parameters
    ----------
    x : Expr, shape (N, C, ...)
    axes : int
        How many.

    Returns
    -------
    Expr
        Of x's shape without them.

    Raises
    ------
    ShapeError
        When x has not so many axes.

    Notes
    -----
    torch's AdaptiveAvgPool2d(1), flattened, for two axes.

    Examples
    --------
    >>> sd.global_avg_pool(sd.tensor("x", "N", "C", 4, 4)).shape
    (N, C)
    """
    value = as_expr(x)
    need(isinstance(axes, int) and 1 <= axes <= value.ndim, "global_avg_pool", [value], f"it has no {shown(axes)} last axes")
    return mean(value, axis=tuple(range(value.ndim - axes, value.ndim)))


def global_max_pool(x: Any, axes: int = 2) -> Expr:
    """The maximum over the last axes, which go.

    Parameters
    ----------
    x : Expr, shape (N, C, ...)
    axes : int
        How many.

    Returns
    -------
    Expr
        Of x's shape without them.

    Raises
    ------
    ShapeError
        When x has not so many axes.

    Notes
    -----
    torch's AdaptiveMaxPool2d(1), flattened, for two axes. Elements that tie share the gradient equally.

    Examples
    --------
    >>> sd.global_max_pool(sd.tensor("x", "N", "C", 4, 4)).shape
    (N, C)
    """
    value = as_expr(x)
    need(isinstance(axes, int) and 1 <= axes <= value.ndim, "global_max_pool", [value], f"it has no {shown(axes)} last axes")
    return max_(value, axis=tuple(range(value.ndim - axes, value.ndim)))


class _Windows:
    """Where the windows lie."""

    def __init__(self, layer: str, nd: int, x: Any, size: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool) -> None:
        self.x = value = as_expr(x)
        need(value.ndim >= nd, layer, [value], f"it needs {nd} axes to pool over")
        self.nd = nd
        self.sizes = [as_size(s, f"{layer}: the window") for s in tuple_of(size, nd, layer, "the size")]
        given = tuple(self.sizes) if stride is None else stride
        if stride is None and not all(isinstance(s, int) for s in self.sizes):
            raise ShapeError(f"{layer}: windows of a symbolic size need a stride that is a whole number")
        self.steps, self.spread = steps_of(layer, nd, stride=given, dilation=dilation)
        self.pads = paddings_of(layer, padding, nd)
        for p, k in zip(self.pads, self.sizes, strict=True):
            if isinstance(p, int) and isinstance(k, int) and 2 * p > k:
                raise DomainError(f"{layer}: the padding {p} is more than half the window {k}: there would be windows of padding only")
        self.out = [self._count(layer, k, ceil_mode) for k in range(nd)]
        self.partial = ceil_mode or any(p != 0 for p in self.pads)

    def _count(self, layer: str, k: int, ceil_mode: bool) -> Size:
        """How many windows; with ``ceil_mode`` those that begin inside and end outside too, as torch counts them."""
        n, width, s, d, p = self.x.shape[self.x.ndim - self.nd + k], self.sizes[k], self.steps[k], self.spread[k], self.pads[k]
        if not ceil_mode:
            return windows_that_fit(n, width, s, d, p)
        if not all(isinstance(v, int) for v in (n, width, p)):
            raise UnsupportedError(f"{layer} of {describe(self.x)}: ceil_mode needs sizes that are whole numbers")
        span = int(n) + 2 * int(p) - d * (int(width) - 1) - 1
        count = -(-span // s) + 1
        if (count - 1) * s >= int(n) + int(p):
            count -= 1
        return as_size(count, f"{layer} of {describe(self.x)}: the number of windows")

    def of(self, x: Expr) -> Expr:
        """Another tensor's elements in the same windows: (..., i, j, u, v)."""
        return windows(x, self.sizes, self.steps, self.spread, self.pads, self.out)

    @property
    def inside(self) -> Expr:
        """1 where an element of a window is one of x, 0 where it is padding: (i, j, u, v)."""
        return self.of(ones(*self.x.shape[self.x.ndim - self.nd :]))

    @property
    def axes(self) -> tuple[int, ...]:
        """The axes within the windows, from the end."""
        return tuple(range(-self.nd, 0))


def _average(layer: str, nd: int, x: Any, size: Any, stride: Any, padding: Any, ceil_mode: bool, count_include_pad: bool) -> Expr:
    at = _Windows(layer, nd, x, size, stride, padding, 1, ceil_mode)
    total = sum_(at.of(at.x), axis=at.axes)
    if not at.partial or (count_include_pad and not ceil_mode):
        return total / sp.Mul(*map(sp.sympify, at.sizes))
    if not count_include_pad:
        return total / sum_(at.inside, axis=at.axes)
    # Zeros count, but not what lies beyond them: windows of x with its zeros, which have none of their own.
    count: Any = 1
    for k in range(nd):
        n, p = at.x.shape[at.x.ndim - nd + k], at.pads[k]
        reach = at.steps[k] * position(at.out[k])[:, None] + position(at.sizes[k])
        kept = sum_(elementwise("positive", as_expr(sp.sympify(n) + 2 * sp.sympify(p)) - reach), axis=-1)
        count = count * kept[(slice(None), *[None] * (nd - 1 - k))]
    return total / count


def _maximum(layer: str, nd: int, x: Any, size: Any, stride: Any, padding: Any, dilation: Any, ceil_mode: bool) -> Expr:
    at = _Windows(layer, nd, x, size, stride, padding, dilation, ceil_mode)
    seen = at.of(at.x)
    if not at.partial:
        return max_(seen, axis=at.axes)
    return max_(filled(seen, at.inside, at.axes), axis=at.axes)


def filled(seen: Expr, inside: Expr, axes: Sequence[int]) -> Expr:
    """Elements that are not inside, replaced by something that is less than the largest inside: the mean there, less 1.

    There is no infinity in a graph (nothing could be proved of it); this value is finite, never wins and never ties.
    """
    lower = sum_(seen * inside, axis=axes, keepdims=True) / sum_(inside, axis=axes, keepdims=True) - 1
    return where(inside, seen, lower)


def _shares(layer: str, nd: int, x: Expr, size: Any) -> list[tuple[Size, Size | None, Expr | None]]:
    """For each of the last axes: how many windows; their width where all are as wide; else which elements are in which, (windows, elements)."""
    need(x.ndim >= nd, layer, [x], f"it needs {nd} axes to pool over")
    found: list[tuple[Size, Size | None, Expr | None]] = []
    for n, given in zip(x.shape[x.ndim - nd :], tuple_of(size, nd, layer, "the size"), strict=True):
        count = as_size(given, f"{layer}: the size")
        width = sp.cancel(sp.sympify(n) / sp.sympify(count))
        if width.is_integer and width.is_positive:
            found.append((count, plain(width), None))
            continue
        i, q = position(count)[:, None], position(n)[None, :]
        # floor(i*n/count) <= q < ceil((i + 1)*n/count), in whole numbers.
        begun = elementwise("positive", as_expr(sp.sympify(count)) * (q + 1) - as_expr(sp.sympify(n)) * i)
        not_over = elementwise("positive", as_expr(sp.sympify(n)) * (i + 1) - as_expr(sp.sympify(count)) * q)
        found.append((count, None, begun * not_over))
    return found


def _to_end(x: Expr, axis: int) -> Expr:
    return x.transpose(*(k for k in range(x.ndim) if k != axis), axis)


def _from_end(x: Expr, axis: int) -> Expr:
    return x.transpose(*range(axis), x.ndim - 1, *range(axis, x.ndim - 1))


def _adaptive_average(layer: str, nd: int, x: Any, size: Any) -> Expr:
    value = as_expr(x)
    shares = _shares(layer, nd, value, size)
    if all(count == 1 for count, _, _ in shares):
        return mean(value, axis=tuple(range(value.ndim - nd, value.ndim)), keepdims=True)
    done = value
    for axis, (count, width, inside) in enumerate(shares, start=value.ndim - nd):
        if inside is not None:
            done = _from_end(_to_end(done, axis) @ (inside / sum_(inside, axis=1, keepdims=True)).T, axis)
        else:
            done = mean(window(done, width, axis, width, out=count), axis=axis + 1)
    return done


def _adaptive_maximum(layer: str, nd: int, x: Any, size: Any) -> Expr:
    """Axis by axis: the largest of the largest. (Of windows that overlap, a tie is then shared by rows first.)"""
    value = as_expr(x)
    done = value
    for axis, (count, width, inside) in enumerate(_shares(layer, nd, value, size), start=value.ndim - nd):
        if inside is not None:
            rows = _to_end(done, axis)[..., None, :]
            done = _from_end(max_(filled(rows, inside, (-1,)), axis=-1), axis)
        else:
            done = max_(window(done, width, axis, width, out=count), axis=axis + 1)
    return done
