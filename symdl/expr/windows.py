"""Index maps: windows, slices, padding, gathers, concatenation, reshaping. All are sums of products with index equations:

    x[s*i + d*u - p] = Sum over q of x[q]*iszero(q - (s*i + d*u - p)),    0 outside the range of q,

so that everything that holds for sums of products (derivatives, proofs, printing) holds for them.
"""

from __future__ import annotations

import reprlib
from collections.abc import Sequence
from numbers import Integral
from typing import Any

import sympy as sp

from symdl.errors import ShapeError, UnsupportedError
from symdl.expr.dims import as_size, show_shape
from symdl.expr.tensor import Expr, as_expr, describe, elementwise, join_letters
from symdl.functions.given import given
from symdl.graph import build
from symdl.graph.build import Term
from symdl.graph.node import Size
from symdl.graph.number import number


def position(size: Any) -> Expr:
    """The vector 0, 1, ..., size - 1.

    Parameters
    ----------
    size : int or size

    Returns
    -------
    Expr
        Of shape (size,).

    Raises
    ------
    ShapeError
        When the size cannot be one.

    Notes
    -----
    numpy.arange(size).

    Examples
    --------
    >>> sd.evaluate(sd.position(3))
    array([0., 1., 2.])
    """
    n = as_size(size, "position")
    return Expr(build.position(n), (n,))


def iszero(value: Any) -> Expr:
    """1 where the value is 0, else 0.

    Parameters
    ----------
    value : Expr
        Of any shape; meant for whole numbers.

    Returns
    -------
    Expr
        Of the value's shape.

    Notes
    -----
    numpy.equal(value, 0), as a number. The derivative is 0.

    Examples
    --------
    >>> x = sd.tensor("x", 3)
    >>> sd.evaluate(sd.iszero(x), x=[-1, 0, 2])
    array([0., 1., 0.])
    """
    return elementwise("iszero", value)


def equal(a: Any, b: Any) -> Expr:
    """1 where a equals b, else 0.

    Parameters
    ----------
    a, b : Expr or number
        Shapes broadcast; meant for whole numbers.

    Returns
    -------
    Expr
        Of the shape of both, broadcast.

    Raises
    ------
    ShapeError
        When the shapes do not broadcast.

    Notes
    -----
    numpy.equal, as a number. The derivative is 0.

    Examples
    --------
    >>> c = sd.tensor("c", 2)
    >>> sd.evaluate(sd.equal(c[:, None], sd.position(3)), c=[0, 2])
    array([[1., 0., 0.],
           [0., 0., 1.]])
    """
    return iszero(as_expr(a) - b)


def where(condition: Any, a: Any, b: Any) -> Any:
    """a where the condition is positive, else b.

    Parameters
    ----------
    condition : Expr; or a relation of SymPy
        Of a relation the answer is SymPy's Piecewise.
    a, b : Expr or number
        Shapes broadcast.

    Returns
    -------
    Expr, or sympy.Piecewise
        Of the shape of all three, broadcast.

    Raises
    ------
    ShapeError
        When the shapes do not broadcast.

    Notes
    -----
    numpy.where(condition > 0, a, b). The derivative by a is 1 where a is taken, by b where b is; by the condition 0.

    Examples
    --------
    >>> x = sd.tensor("x", 2)
    >>> sd.evaluate(sd.where(x, x, -2 * x), x=[-1, 3])
    array([2., 3.])
    """
    if isinstance(condition, (sp.Rel, sp.logic.boolalg.Boolean)) and not isinstance(condition, sp.Symbol):
        return sp.Piecewise((a, condition), (b, True))
    return elementwise("where", condition, a, b)


def taken(x: Expr, axis: int, at: Expr, sizes: Sequence[Size]) -> Expr:
    """x with the axis replaced by the axes of ``at``, a tensor of positions (shape ``sizes``): NumPy's ``take``; 0 outside the range."""
    over = build.fresh()
    before, after = x.shape[:axis], x.shape[axis + 1 :]
    place: dict[Any, Any] = {k: k if k < axis else k + len(sizes) - 1 for k in range(x.ndim) if k != axis}
    place[axis] = over
    inside = build.rename(at.term, {k: axis + k for k in range(at.ndim)})
    q = build.position(x.shape[axis], over)
    equation = build.fn("iszero", [build.add([1, -1], [q, inside])])
    term = build.mul(1, [build.rename(x.term, place), equation], (), {over: x.shape[axis]})
    return Expr(term, (*before, *sizes, *after), join_letters([x, at], "indexing"))


def gather(x: Any, index: Any, axis: int = 0) -> Expr:
    """Rows of x chosen by a tensor of whole numbers.

    Parameters
    ----------
    x : Expr, shape (..., n, ...)
    index : Expr
        Whole numbers from 0, of any shape. A number outside the range gives zeros.
    axis : int
        The axis of size n.

    Returns
    -------
    Expr
        Of x's shape, the axis replaced by the index's axes.

    Raises
    ------
    ShapeError
        For an axis that does not occur.

    Notes
    -----
    numpy.take(x, index, axis). Nothing flows back to the index: its derivative is 0.

    Examples
    --------
    >>> W, c = sd.tensor("W", 3), sd.tensor("c", 2)
    >>> sd.evaluate(sd.gather(W, c), W=[10, 20, 30], c=[2, 0])
    array([30., 10.])
    """
    whole, at = as_expr(x), as_expr(index)
    k = _axis(whole, axis, "gather")
    return taken(whole, k, at, at.shape)


def window(x: Any, size: Any, axis: int = -1, stride: Any = 1, dilation: Any = 1, padding: Any = 0, out: Any = None) -> Expr:
    """Sliding windows: axis ``axis`` of size n becomes two axes, (windows, size).

    Element [.., i, u, ..] is x[.., stride*i + dilation*u - padding, ..], and 0 outside the range.

    Parameters
    ----------
    x : Expr
    size : int or dim
        Elements of a window.
    axis : int
    stride, dilation : int or size
    padding : int or size
        Zeros before the first element, and after the last.
    out : size, optional
        How many windows; as many as fit when not given: (n + 2*padding - dilation*(size - 1) - 1)//stride + 1.

    Returns
    -------
    Expr
        Of one axis more than x.

    Raises
    ------
    ShapeError
        When no window fits, or the axis does not occur.

    Notes
    -----
    numpy.lib.stride_tricks.sliding_window_view, with stride, dilation and padding; torch.Tensor.unfold.

    Examples
    --------
    >>> x = sd.tensor("x", 4)
    >>> sd.evaluate(sd.window(x, 2), x=[1, 2, 3, 4])
    array([[1., 2.],
           [2., 3.],
           [3., 4.]])
    """
    whole = as_expr(x)
    k = _axis(whole, axis, "window")
    width = as_size(size, "window")
    count = windows_that_fit(whole.shape[k], width, stride, dilation, padding) if out is None else as_size(out, "window")
    i, u = position(count), position(width)
    at = (stride * i)[:, None] + dilation * u - padding
    return taken(whole, k, at, (count, width))


def windows_that_fit(n: Size, width: Size, stride: Any = 1, dilation: Any = 1, padding: Any = 0) -> Size:
    """(n + 2*padding - dilation*(width - 1) - 1)//stride + 1, as PyTorch has it.

    Raises
    ------
    ShapeError
        When no window fits.
    """
    span = sp.expand(given("window", n) + 2 * given("window", padding) - given("window", dilation) * (given("window", width) - 1) - 1)
    count = span + 1 if stride == 1 else sp.floor(span / given("window", stride)) + 1
    if count.is_Integer:
        if count < 1 or span < 0:
            raise ShapeError(f"a window of {width} (dilation {dilation}) does not fit an axis of {n} with padding {padding}: make it smaller or pad more")
        return int(count)
    return count


def sliced(x: Expr, axis: int, key: slice) -> Expr:
    """x[..., start:stop:step, ...] with bounds that are ints or sizes."""
    n = x.shape[axis]
    step = _whole(key.step, 1, x)
    if step == 0:
        raise ShapeError(f"indexing {describe(x)}: the step of a slice is 0")
    backwards = isinstance(step, int) and step < 0
    start = _bound(key.start, n, (sp.sympify(n) - 1 if backwards else 0), x, backwards)
    stop = _bound(key.stop, n, (-1 if backwards else n), x, backwards)
    span = sp.expand(sp.sympify(stop) - start)
    count = sp.ceiling(span / sp.sympify(step)) if step not in (1, -1) else span * step
    if count.is_Integer and count < 1:
        raise ShapeError(f"indexing {describe(x)}: the slice {_show(key)} of an axis of size {n} is empty")
    size = as_size(int(count) if count.is_Integer else sp.expand(count), f"the slice {_show(key)} of {describe(x)}")
    return taken(x, axis, step * position(size) + start, (size,))


def _whole(value: Any, default: Any, x: Expr) -> Any:
    if value is None:
        return default
    if hasattr(value, "__index__") and not isinstance(value, (bool, sp.Basic)):
        return int(value)
    if isinstance(value, sp.Expr) and value.is_integer:
        return int(value) if value.is_Integer else value
    raise UnsupportedError(f"{describe(x)}: {value!r:.40} cannot bound a slice: use integers or sizes")


def _bound(value: Any, n: Size, default: Any, x: Expr, backwards: bool) -> Any:
    """A bound as NumPy reads it: negative numbers count from the end, numbers beyond the end are the end."""
    bound = _whole(value, default, x)
    if value is None:
        return bound
    if isinstance(bound, int):
        if isinstance(n, int):
            return slice(bound, None, -1 if backwards else 1).indices(n)[0]
        return bound if bound >= 0 else n + bound
    return bound


def _show(key: slice) -> str:
    return ":".join("" if v is None else str(v) for v in (key.start, key.stop, key.step)).rstrip(":") or ":"


def pad(x: Any, before: Any, after: Any = None, axis: int = -1, value: Any = 0) -> Expr:
    """``before`` elements of a value (zeros) before the first of an axis, and ``after`` behind the last.

    Parameters
    ----------
    x : Expr
        Of at least one axis.
    before : int or size
    after : int or size, optional
        As many as before when not given.
    axis : int
        The last one, unless told.
    value : Expr or number
        A scalar.

    Returns
    -------
    Expr
        The axis longer by before + after.

    Raises
    ------
    ShapeError
        For an axis that does not occur.

    Notes
    -----
    numpy.pad with mode "constant", along one axis.

    Examples
    --------
    >>> x = sd.tensor("x", 2)
    >>> sd.evaluate(sd.pad(x, 1, 2), x=[5, 6])
    array([0., 5., 6., 0., 0.])
    """
    whole = as_expr(x)
    k = _axis(whole, axis, "pad")
    behind = before if after is None else after
    size = as_size(sp.expand(given("pad", whole.shape[k]) + given("pad", before) + given("pad", behind)), "pad")
    made = taken(whole, k, position(size) - before, (size,))
    if as_expr(value).node is as_expr(0).node:
        return made
    inside = taken(Expr(build.constant(1), (whole.shape[k],)), 0, position(size) - before, (size,))
    return made + value * (1 - inside[(slice(None), *[None] * (whole.ndim - 1 - k))])


def concat(parts: Sequence[Any], axis: int = 0) -> Expr:
    """Tensors one after another along an axis.

    Parameters
    ----------
    parts : sequence of Expr
        All axes but that one are equal.
    axis : int

    Returns
    -------
    Expr
        Along the axis as long as all parts together.

    Raises
    ------
    ShapeError
        When other axes differ, or there is nothing to join.

    Notes
    -----
    numpy.concatenate and torch.cat.

    Examples
    --------
    >>> a, b = sd.tensor("a", "n"), sd.tensor("b", 2)
    >>> sd.concat([a, b]).shape
    (n + 2,)
    """
    exprs = [as_expr(p) for p in parts]
    if not exprs:
        raise ShapeError("concat needs at least one tensor")
    k = _axis(exprs[0], axis, "concat")
    for e in exprs[1:]:
        if e.ndim != exprs[0].ndim or any(a != b for m, (a, b) in enumerate(zip(e.shape, exprs[0].shape, strict=True)) if m != k):
            raise ShapeError(f"concat of {describe(exprs[0])} and {describe(e)}: all axes but axis {axis} must be equal")
    size = as_size(sp.expand(sp.Add(*[sp.sympify(e.shape[k]) for e in exprs])), "concat")
    done: Any = 0
    start: Any = 0
    for e in exprs:
        done = taken(e, k, position(size) - start, (size,)) + done
        start = sp.expand(start + sp.sympify(e.shape[k]))
    return done


def stack(parts: Sequence[Any], axis: int = 0) -> Expr:
    """Tensors of one shape along a new axis.

    Parameters
    ----------
    parts : sequence of Expr
        Of one shape.
    axis : int
        Where the new axis stands.

    Returns
    -------
    Expr
        Of one axis more, of as many positions as there are parts.

    Raises
    ------
    ShapeError
        When the shapes differ, or there is nothing to join.

    Notes
    -----
    numpy.stack and torch.stack.

    Examples
    --------
    >>> a, b = sd.tensor("a", 2), sd.tensor("b", 2)
    >>> sd.evaluate(sd.stack([a, b]), a=[1, 2], b=[3, 4])
    array([[1., 2.],
           [3., 4.]])
    """
    exprs = [as_expr(p) for p in parts]
    if not exprs:
        raise ShapeError("stack needs at least one tensor")
    k = axis if axis >= 0 else axis + exprs[0].ndim + 1
    keys = (*[slice(None)] * k, None)
    return concat([e[keys] for e in exprs], k)


def reshape(x: Any, *shape: Any) -> Expr:
    """The same elements, row by row, in another shape.

    Parameters
    ----------
    x : Expr
        Of any shape.
    *shape : int or size
        The new shape, or a tuple of it; one size may be -1.

    Returns
    -------
    Expr
        Of that shape.

    Raises
    ------
    ShapeError
        When the sizes do not multiply to as many elements.

    Notes
    -----
    numpy.reshape (order "C").

    Examples
    --------
    >>> x = sd.tensor("x", "n", 6)
    >>> sd.reshape(x, "n", 2, -1).shape
    (n, 2, 3)
    """
    whole = as_expr(x)
    given = list(shape[0]) if len(shape) == 1 and isinstance(shape[0], (tuple, list)) else list(shape)
    wanted = _completed(whole, given)
    groups = _groups(whole, wanted)
    term, sums, factors = whole.term, {}, []
    place: dict[Any, Any] = {}
    for old, new in groups:
        if len(old) == len(new) == 1:
            place[old[0]] = new[0]
            continue
        labels = {a: build.fresh() for a in old}
        place.update(labels)
        sums.update({labels[a]: whole.shape[a] for a in old})
        left = _rows([whole.shape[a] for a in old], [labels[a] for a in old])
        right = _rows([wanted[b] for b in new], new)
        factors.append(build.fn("iszero", [build.add([1, -1], [left, right])]))
    term = build.mul(1, [build.rename(term, place), *factors], (), sums)
    return Expr(term, tuple(wanted), whole.open)


def _completed(x: Expr, given: list[Any]) -> list[Size]:
    total = sp.Mul(*[sp.sympify(s) for s in x.shape])
    known = [s for s in given if not (isinstance(s, int) and s == -1)]
    if len(known) < len(given) - 1:
        raise ShapeError(f"reshape of {describe(x)}: only one size can be -1")
    rest = sp.cancel(total / sp.Mul(*[sp.Integer(s) if isinstance(s, int) else s for s in (as_size(s, "reshape") for s in known)]))
    sizes = [as_size(_plain(rest) if isinstance(s, int) and s == -1 else s, f"reshape of {describe(x)}") for s in given]
    if sp.expand(sp.Mul(*[sp.sympify(s) for s in sizes]) - total) != 0:
        raise ShapeError(f"reshape of {describe(x)} to {show_shape(tuple(sizes))}: the numbers of elements, {total} and {sp.Mul(*sizes)}, differ")
    return sizes


def _plain(size: sp.Expr) -> Size:
    return int(size) if size.is_Integer else size


def _groups(x: Expr, wanted: list[Size]) -> list[tuple[list[int], list[int]]]:
    """Axes that belong together: old and new axes with the same product of sizes, as few as possible at a time."""
    groups: list[tuple[list[int], list[int]]] = []
    a = b = 0
    while a < x.ndim or b < len(wanted):
        old: list[int] = []
        new: list[int] = []
        ratio: Any = sp.S.One  # elements of the old axes over elements of the new ones
        while True:
            if a < x.ndim and (not old or b == len(wanted) or sp.fraction(ratio)[0] == 1):
                old.append(a)
                ratio = sp.cancel(ratio * sp.sympify(x.shape[a]))
                a += 1
            elif b < len(wanted):
                new.append(b)
                ratio = sp.cancel(ratio / sp.sympify(wanted[b]))
                b += 1
            if (ratio == 1 and old and new) or (a == x.ndim and b == len(wanted)):
                break
        groups.append((old, new))
    return groups


def _rows(sizes: Sequence[Size], labels: Sequence[Any]) -> Term:
    """The row-by-row number of an element: ((i*n + j)*m + k)."""
    coefs: list[Any] = []
    stride: Any = 1
    for size in reversed(sizes):
        coefs.append(stride)
        stride = number(sp.expand(sp.sympify(stride) * sp.sympify(size)))
    terms = [build.position(n, label) for n, label in zip(sizes, labels, strict=True)]
    return build.add([*reversed(coefs)], terms) if terms else build.constant(0)


def _axis(x: Expr, axis: int, what: str) -> int:
    if not isinstance(axis, Integral) or not -x.ndim <= axis < x.ndim:
        raise ShapeError(f"{what} of {describe(x)}: it has no axis {reprlib.repr(axis)}")
    return axis % x.ndim


__all__ = ["concat", "equal", "gather", "iszero", "pad", "position", "reshape", "sliced", "stack", "taken", "where", "window", "windows_that_fit"]
