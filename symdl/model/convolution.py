"""Convolutions (cross-correlations, as torch.nn and most of deep learning call them) over any number of axes, and their transposes.

y[n, o, i] = Sum over c, u of w[o, c, u] x[n, c, stride*i + dilation*u - padding] + b[o], zeros outside (Dumoulin and Visin 2016, "A guide to convolution
arithmetic for deep learning").
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sympy as sp

from symdl.errors import DomainError, ShapeError
from symdl.expr.dims import as_size
from symdl.expr.tensor import Expr, as_expr, describe, join_letters
from symdl.expr.windows import reshape, window
from symdl.graph import build
from symdl.graph.node import Size
from symdl.graph.number import number
from symdl.model.shapes import along, need, need_shape, plain, same_size, share, tuple_of


def conv1d(x: Any, w: Any, b: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: Any = 1) -> Expr:
    """Convolution over one axis: y[n, o, i] = Sum over c, u of w[o, c, u]*x[n, c, stride*i + dilation*u - padding] + b[o].

    Parameters
    ----------
    x : Expr, shape (N, C, n), or (C, n)
    w : Expr, shape (O, C/groups, k)
    b : Expr, shape (O,), optional
    stride : int
        A whole number from 1.
    padding : int, size, "same" or "valid"
        Zeros before and after; "same" as many as keep the size (with stride 1).
    dilation : int
        As the stride.
    groups : int or size
        Channels in as many groups, each with filters of its own.

    Returns
    -------
    Expr, shape (N, O, (n + 2*padding - dilation*(k - 1) - 1)//stride + 1)

    Raises
    ------
    ShapeError
        When the shapes do not go together.
    DomainError
        When a stride or dilation is no whole number from 1.

    Notes
    -----
    torch.nn.functional.conv1d: a cross-correlation, as deep learning has it.

    References
    ----------
    Dumoulin and Visin 2016, "A guide to convolution arithmetic for deep learning", chapter 2; Goodfellow et al., Deep Learning, section 9.1.

    Examples
    --------
    >>> x, w = sd.tensor("x", 1, 1, 4), sd.tensor("w", 1, 1, 2)
    >>> sd.evaluate(sd.conv1d(x, w), x=[[[1, 2, 3, 4]]], w=[[[1, -1]]])
    array([[[-1., -1., -1.]]])
    """
    return _convolution("conv1d", 1, x, w, b, stride, padding, dilation, groups)


def conv2d(x: Any, w: Any, b: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: Any = 1) -> Expr:
    """Convolution over two axes: y[n, o, i, j] = Sum over c, u, v of w[o, c, u, v]*x[n, c, ...] + b[o].

    Parameters
    ----------
    x : Expr, shape (N, C, n, m), or (C, n, m)
    w : Expr, shape (O, C/groups, k, l)
    b : Expr, shape (O,), optional
    stride : int
        A whole number from 1; one for all axes, or a tuple.
    padding : int, size, "same" or "valid"
        Zeros before and after; "same" as many as keep the size (with stride 1).
    dilation : int
        As the stride.
    groups : int or size
        Channels in as many groups, each with filters of its own.

    Returns
    -------
    Expr, shape (N, O, ...)
        Along each axis (n + 2*padding - dilation*(k - 1) - 1)//stride + 1 positions.

    Raises
    ------
    ShapeError
        When the shapes do not go together.
    DomainError
        When a stride or dilation is no whole number from 1.

    Notes
    -----
    torch.nn.functional.conv2d: a cross-correlation, as deep learning has it.
    The positions read are stride*i + dilation*u - padding along each axis; zeros outside.

    References
    ----------
    Dumoulin and Visin 2016, "A guide to convolution arithmetic for deep learning", chapter 2; Goodfellow et al., Deep Learning, section 9.1.

    Examples
    --------
    >>> x, w = sd.tensor("x", 1, 1, 2, 3), sd.tensor("w", 1, 1, 2, 2)
    >>> sd.evaluate(sd.conv2d(x, w), x=[[[[1, 2, 3], [4, 5, 6]]]], w=[[[[1, 0], [0, 1]]]])
    array([[[[6., 8.]]]])
    """
    return _convolution("conv2d", 2, x, w, b, stride, padding, dilation, groups)


def conv3d(x: Any, w: Any, b: Any = None, stride: Any = 1, padding: Any = 0, dilation: Any = 1, groups: Any = 1) -> Expr:
    """Convolution over three axes: y[n, o, i, j, k] = Sum over c, r, s, t of w[o, c, r, s, t]*x[n, c, ...] + b[o].

    Parameters
    ----------
    x : Expr, shape (N, C, n, m, l), or (C, n, m, l)
    w : Expr, shape (O, C/groups, k1, k2, k3)
    b : Expr, shape (O,), optional
    stride : int
        A whole number from 1; one for all axes, or a tuple.
    padding : int, size, "same" or "valid"
        Zeros before and after; "same" as many as keep the size (with stride 1).
    dilation : int
        As the stride.
    groups : int or size
        Channels in as many groups, each with filters of its own.

    Returns
    -------
    Expr, shape (N, O, ...)
        Along each axis (n + 2*padding - dilation*(k - 1) - 1)//stride + 1 positions.

    Raises
    ------
    ShapeError
        When the shapes do not go together.
    DomainError
        When a stride or dilation is no whole number from 1.

    Notes
    -----
    torch.nn.functional.conv3d: a cross-correlation, as deep learning has it.
    The positions read are stride*i + dilation*r - padding along each axis; zeros outside.

    References
    ----------
    Dumoulin and Visin 2016, "A guide to convolution arithmetic for deep learning", chapter 2; Goodfellow et al., Deep Learning, section 9.1.

    Examples
    --------
    >>> x, w = sd.tensor("x", "N", 3, 8, 8, 8), sd.tensor("w", 5, 3, 3, 3, 3)
    >>> sd.conv3d(x, w, stride=2, padding=1).shape
    (N, 5, 4, 4, 4)
    """
    return _convolution("conv3d", 3, x, w, b, stride, padding, dilation, groups)


def conv_transpose1d(x: Any, w: Any, b: Any = None, stride: Any = 1, padding: Any = 0, output_padding: Any = 0, groups: Any = 1, dilation: Any = 1) -> Expr:
    """The transpose of a convolution over one axis: what the gradient of a convolution by its input does.

    Parameters
    ----------
    x : Expr, shape (N, C, n), or (C, n)
    w : Expr, shape (C, O/groups, k)
    b : Expr, shape (O,), optional
    stride : int
        A whole number from 1.
    padding : int or size
        Elements that are left away at both ends.
    output_padding : int
        Elements more at the end.
    groups : int or size
        Channels in as many groups, each with filters of its own.
    dilation : int
        As the stride.

    Returns
    -------
    Expr, shape (N, O, (n - 1)*stride - 2*padding + dilation*(k - 1) + output_padding + 1)

    Raises
    ------
    ShapeError
        When the shapes do not go together.
    DomainError
        When a stride or dilation is no whole number from 1.

    Notes
    -----
    torch.nn.functional.conv_transpose1d. y[n, o, t] = Sum over c, i, u with t = stride*i + dilation*u - padding of x[n, c, i]*w[c, o, u] + b[o].

    References
    ----------
    Dumoulin and Visin 2016, "A guide to convolution arithmetic for deep learning", chapter 4.

    Examples
    --------
    >>> x, w = sd.tensor("x", 1, 1, 2), sd.tensor("w", 1, 1, 2)
    >>> sd.evaluate(sd.conv_transpose1d(x, w, stride=2), x=[[[1, 2]]], w=[[[1, -1]]])
    array([[[ 1., -1.,  2., -2.]]])
    """
    return _transposed("conv_transpose1d", 1, x, w, b, stride, padding, output_padding, groups, dilation)


def conv_transpose2d(x: Any, w: Any, b: Any = None, stride: Any = 1, padding: Any = 0, output_padding: Any = 0, groups: Any = 1, dilation: Any = 1) -> Expr:
    """The transpose of a convolution over two axes: what the gradient of a convolution by its input does.

    Parameters
    ----------
    x : Expr, shape (N, C, n, m), or (C, n, m)
    w : Expr, shape (C, O/groups, k, l)
    b : Expr, shape (O,), optional
    stride : int
        A whole number from 1; one for all axes, or a tuple.
    padding : int or size
        Elements that are left away at both ends.
    output_padding : int
        Elements more at the end.
    groups : int or size
        Channels in as many groups, each with filters of its own.
    dilation : int
        As the stride.

    Returns
    -------
    Expr, shape (N, O, ...)
        Along each axis (n - 1)*stride - 2*padding + dilation*(k - 1) + output_padding + 1 positions.

    Raises
    ------
    ShapeError
        When the shapes do not go together.
    DomainError
        When a stride or dilation is no whole number from 1.

    Notes
    -----
    torch.nn.functional.conv_transpose2d. See :func:`conv_transpose1d` for the sum.

    References
    ----------
    Dumoulin and Visin 2016, "A guide to convolution arithmetic for deep learning", chapter 4.

    Examples
    --------
    >>> x, w = sd.tensor("x", "N", 3, 4, 4), sd.tensor("w", 3, 5, 2, 2)
    >>> sd.conv_transpose2d(x, w, stride=2).shape
    (N, 5, 8, 8)
    """
    return _transposed("conv_transpose2d", 2, x, w, b, stride, padding, output_padding, groups, dilation)


def conv_transpose3d(x: Any, w: Any, b: Any = None, stride: Any = 1, padding: Any = 0, output_padding: Any = 0, groups: Any = 1, dilation: Any = 1) -> Expr:
    """The transpose of a convolution over three axes: what the gradient of a convolution by its input does.

    Parameters
    ----------
    x : Expr, shape (N, C, n, m, l), or (C, n, m, l)
    w : Expr, shape (C, O/groups, k1, k2, k3)
    b : Expr, shape (O,), optional
    stride : int
        A whole number from 1; one for all axes, or a tuple.
    padding : int or size
        Elements that are left away at both ends.
    output_padding : int
        Elements more at the end.
    groups : int or size
        Channels in as many groups, each with filters of its own.
    dilation : int
        As the stride.

    Returns
    -------
    Expr, shape (N, O, ...)
        Along each axis (n - 1)*stride - 2*padding + dilation*(k - 1) + output_padding + 1 positions.

    Raises
    ------
    ShapeError
        When the shapes do not go together.
    DomainError
        When a stride or dilation is no whole number from 1.

    Notes
    -----
    torch.nn.functional.conv_transpose3d. See :func:`conv_transpose1d` for the sum.

    References
    ----------
    Dumoulin and Visin 2016, "A guide to convolution arithmetic for deep learning", chapter 4.

    Examples
    --------
    >>> x, w = sd.tensor("x", "N", 3, 4, 4, 4), sd.tensor("w", 3, 5, 2, 2, 2)
    >>> sd.conv_transpose3d(x, w, stride=2).shape
    (N, 5, 8, 8, 8)
    """
    return _transposed("conv_transpose3d", 3, x, w, b, stride, padding, output_padding, groups, dilation)


def steps_of(layer: str, nd: int, **options: Any) -> list[tuple[int, ...]]:
    """Strides and dilations, one an axis: whole numbers from 1."""
    found = []
    for what, value in options.items():
        values = tuple_of(value, nd, layer, what)
        for v in values:
            if not isinstance(v, (int, sp.Integer)) or isinstance(v, bool) or v < 1:
                raise DomainError(f"{layer}: the {what} {v!r:.40} must be a whole number from 1")
        found.append(tuple(map(int, values)))
    return found


def _checked(layer: str, nd: int, x: Any, w: Any) -> tuple[Expr, Expr, bool]:
    """Input with an axis of samples, filters, and whether that axis was added."""
    value, weight = as_expr(x), as_expr(w)
    positions = ", ".join("nmlkji"[:nd])
    need(
        value.ndim in (nd + 1, nd + 2) and weight.ndim == nd + 2,
        layer,
        [value, weight],
        f"x must have the shape (N, C, {positions}) or (C, {positions}), and the filters w {nd + 2} axes",
    )
    alone = value.ndim == nd + 1
    return (value[None] if alone else value), weight, alone


def _pads(layer: str, padding: Any, x: Expr, weight: Expr, stride: Sequence[int], dilation: Sequence[int]) -> tuple[list[Size], list[Size | None]]:
    """Zeros before each axis, and how many windows (None: as many as fit)."""
    nd = len(stride)
    if padding == "valid":
        return [0] * nd, [None] * nd
    if padding == "same":
        if any(s != 1 for s in stride):
            raise ShapeError(f"{layer}: padding 'same' needs stride 1, and the stride is {', '.join(map(str, stride))}")
        spans = [d * (sp.sympify(k) - 1) for d, k in zip(dilation, weight.shape[2:], strict=True)]
        return [plain(sp.floor(span / 2)) for span in spans], list(x.shape[2:])
    if isinstance(padding, str):
        raise ShapeError(f"{layer}: the padding {padding!r:.20} is unknown: use a whole number, a size, 'same' or 'valid'")
    return paddings_of(layer, padding, nd), [None] * nd


def paddings_of(layer: str, padding: Any, nd: int, what: str = "padding") -> list[Size]:
    """Zeros at the ends of each axis: whole numbers from 0, or sizes."""
    return [0 if isinstance(p, (int, sp.Integer)) and p == 0 else as_size(p, f"{layer}: the {what}") for p in tuple_of(padding, nd, layer, what)]


def windows(x: Expr, sizes: Sequence[Size], stride: Sequence[int], dilation: Sequence[int], pads: Sequence[Size], out: Sequence[Size | None]) -> Expr:
    """The last axes of x, each as two: (..., i, j, u, v) with windows i, j and places in them u, v.

    ``out`` says how many windows; None for as many as fit.
    """
    nd = len(sizes)
    lead = x.ndim - nd
    done = x
    for k in range(nd):
        done = window(done, sizes[k], lead + 2 * k, stride[k], dilation[k], pads[k], out[k])
    order = [*range(lead), *(lead + 2 * k for k in range(nd)), *(lead + 2 * k + 1 for k in range(nd))]
    return done.transpose(*order)


def _convolution(layer: str, nd: int, x: Any, w: Any, b: Any, stride: Any, padding: Any, dilation: Any, groups: Any) -> Expr:
    value, weight, alone = _checked(layer, nd, x, w)
    steps, spread = steps_of(layer, nd, stride=stride, dilation=dilation)
    pads, out = _pads(layer, padding, value, weight, steps, spread)
    channels, filters = value.shape[1], weight.shape[0]
    each = share(channels, groups, layer, "the number of channels")
    need(
        same_size(weight.shape[1], each),
        layer,
        [value, weight],
        f"every filter must have {each} channels ({channels} in {groups} groups), and has {weight.shape[1]}"
        if groups != 1
        else f"x has {channels} channels and the filters {weight.shape[1]}",
    )
    seen = windows(value, weight.shape[2:], steps, spread, pads, out)
    at, taps = "ijk"[:nd], "uvw"[:nd]
    if groups == 1:
        y = contracted(layer, seen, f"nc{at}{taps}", weight, f"oc{taps}", f"no{at}")
    else:
        own = share(filters, groups, layer, "the number of filters")
        split = reshape(seen, seen.shape[0], groups, each, *seen.shape[2:])
        kernels = reshape(weight, groups, own, *weight.shape[1:])
        y = contracted(layer, split, f"ngc{at}{taps}", kernels, f"goc{taps}", f"ngo{at}")
        y = reshape(y, y.shape[0], filters, *y.shape[3:])
    return _finished(layer, y, b, alone)


def contracted(layer: str, a: Expr, axes_a: str, b: Expr, axes_b: str, out: str) -> Expr:
    """Sum of a product over all letters that are not in ``out``, as ``numpy.einsum`` has it."""
    sizes = dict(zip(axes_b + axes_a, b.shape + a.shape, strict=True))
    place: dict[str, Any] = {s: out.index(s) if s in out else build.fresh() for s in sizes}
    terms = [build.rename(e.term, {k: place[s] for k, s in enumerate(axes)}) for e, axes in ((a, axes_a), (b, axes_b))]
    term = build.mul(1, terms, (), {place[s]: n for s, n in sizes.items() if s not in out})
    return Expr(term, [sizes[s] for s in out], join_letters([a, b], layer))


def _finished(layer: str, y: Expr, b: Any, alone: bool) -> Expr:
    if b is not None:
        bias = as_expr(b)
        need_shape(layer, bias, (y.shape[1],), "the bias")
        y = y + along(bias, 1, y.ndim)
    return y[0] if alone else y


def _transposed(layer: str, nd: int, x: Any, w: Any, b: Any, stride: Any, padding: Any, output_padding: Any, groups: Any, dilation: Any) -> Expr:
    value, weight, alone = _checked(layer, nd, x, w)
    steps, spread = steps_of(layer, nd, stride=stride, dilation=dilation)
    pads, more = paddings_of(layer, padding, nd), paddings_of(layer, output_padding, nd, "output_padding")
    for extra, s, d in zip(more, steps, spread, strict=True):
        if isinstance(extra, int) and extra >= max(s, d):
            raise ShapeError(f"{layer}: the output_padding {extra} must be smaller than the stride {s} or the dilation {d}")
    need(same_size(weight.shape[0], value.shape[1]), layer, [value, weight], f"x has {value.shape[1]} channels and the filters are for {weight.shape[0]}")
    at, taps = "ijk"[:nd], "uvw"[:nd]
    n, filters = value.shape[0], weight.shape[1]
    if groups == 1:
        z = contracted(layer, value, f"nc{at}", weight, f"co{taps}", f"no{at}{taps}")
    else:
        each = share(value.shape[1], groups, layer, "the number of channels")
        split = reshape(value, n, groups, each, *value.shape[2:])
        kernels = reshape(weight, groups, each, *weight.shape[1:])
        z = contracted(layer, split, f"ngc{at}", kernels, f"gco{taps}", f"ngo{at}{taps}")
        filters = plain(sp.sympify(groups) * filters)
        z = reshape(z, n, filters, *z.shape[3:])
    y = overlap_added(layer, z, nd, steps, spread, pads, more)
    return _finished(layer, y, b, alone)


def overlap_added(layer: str, z: Expr, nd: int, stride: Sequence[int], dilation: Sequence[int], pads: Sequence[Size], more: Sequence[Size]) -> Expr:
    """Windows (..., i, j, u, v) laid over each other: element t of the result is the sum of all with stride*i + dilation*u - padding = t."""
    lead = z.ndim - 2 * nd
    place: dict[Any, Any] = {k: k for k in range(lead)}
    sums: dict[Any, Size] = {}
    equations = []
    out: list[Size] = []
    for k in range(nd):
        i, u = build.fresh(), build.fresh()
        n, width = z.shape[lead + k], z.shape[lead + nd + k]
        place |= {lead + k: i, lead + nd + k: u}
        sums |= {i: n, u: width}
        size = plain((sp.sympify(n) - 1) * stride[k] - 2 * sp.sympify(pads[k]) + dilation[k] * (sp.sympify(width) - 1) + sp.sympify(more[k]) + 1)
        out.append(as_size(size, f"{layer} of {describe(z)}: the result"))
        t, p, q = build.position(out[-1], lead + k), build.position(n, i), build.position(width, u)
        affine = build.add([1, number(pads[k]), -stride[k], -dilation[k]], [t, build.constant(1), p, q])
        equations.append(build.fn("iszero", [affine]))
    term = build.mul(1, [build.rename(z.term, place), *equations], (), sums)
    return Expr(term, (*z.shape[:lead], *out), z.open)
