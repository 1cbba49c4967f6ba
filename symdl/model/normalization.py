"""Normalisation layers: (x - mean)/sqrt(variance + eps) over some axes, scaled and shifted.

The variance is the mean of squares about the mean (divided by the number of elements, not by one less), as in the papers and in torch.nn.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from symdl.errors import ShapeError
from symdl.expr.ops import mean, sqrt
from symdl.expr.tensor import Expr, as_expr
from symdl.expr.windows import reshape
from symdl.functions.given import shown
from symdl.graph.node import Size
from symdl.model.shapes import along, clash, need, need_shape, share

#: torch.nn's default.
EPS = 1e-5


def standardize(x: Any, axis: Any = None, eps: Any = 0) -> Expr:
    """(x - mean)/sqrt(variance + eps) over axes.

    Parameters
    ----------
    x : Expr
    axis : int or tuple of int, optional
        All axes when none is given.
    eps : number or scalar Expr
        Added to the variance.

    Returns
    -------
    Expr
        Of x's shape.

    Raises
    ------
    ShapeError
        For an axis that does not occur.

    Notes
    -----
    The variance divides by the number of elements, not by one less.

    Examples
    --------
    >>> x = sd.tensor("x", 2)
    >>> sd.evaluate(sd.standardize(x), x=[1, 3])
    array([-1.,  1.])
    """
    value = as_expr(x)
    centred = value - mean(value, axis=axis, keepdims=True)
    return centred / sqrt(mean(centred**2, axis=axis, keepdims=True) + as_expr(eps))


def batch_norm(x: Any, weight: Any = None, bias: Any = None, running_mean: Any = None, running_var: Any = None, eps: Any = EPS) -> Expr:
    """Batch normalisation: every channel less its mean over the batch, divided by its standard deviation, scaled and shifted.

    Parameters
    ----------
    x : Expr, shape (N, C) or (N, C, ...)
    weight, bias : Expr, shape (C,), optional
        Scale gamma and shift beta.
    running_mean, running_var : Expr, shape (C,), optional
        With both, the statistics are these (evaluation); without, those of the batch (training).
    eps : number or scalar Expr
        Added to the variance.

    Returns
    -------
    Expr
        Of x's shape.

    Raises
    ------
    ShapeError
        When the shapes do not go together.

    Notes
    -----
    torch.nn.functional.batch_norm. The variance divides by the number of elements.

    References
    ----------
    Ioffe and Szegedy 2015, algorithm 1.

    Examples
    --------
    >>> x = sd.tensor("x", 2, 1)
    >>> sd.evaluate(sd.batch_norm(x, eps=0), x=[[1], [3]])
    array([[-1.],
           [ 1.]])
    """
    value = as_expr(x)
    if value.ndim < 2:
        raise clash("batch_norm", [value], "x must have the shape (N, C) or (N, C, ...)")
    if (running_mean is None) != (running_var is None):
        raise ShapeError("batch_norm: give both running_mean and running_var, or neither")
    over = tuple(k for k in range(value.ndim) if k != 1)
    if running_mean is None:
        return _affine("batch_norm", standardize(value, over, eps), weight, bias, 1)
    mu, var = (_vector("batch_norm", v, value, 1, what) for v, what in ((running_mean, "running_mean"), (running_var, "running_var")))
    return _affine("batch_norm", (value - mu) / sqrt(var + as_expr(eps)), weight, bias, 1)


def layer_norm(x: Any, weight: Any = None, bias: Any = None, eps: Any = EPS, axes: int | None = None) -> Expr:
    """Layer normalisation: (x - mean)/sqrt(variance + eps) over the last axes, scaled and shifted.

    Parameters
    ----------
    x : Expr, shape (..., *s)
        Of which the last axes, of shape s, are normalised.
    weight, bias : Expr, shape s, optional
    eps : number or scalar Expr
        Added to the variance.
    axes : int, optional
        How many axes s has: those of the weight or bias, else 1.

    Returns
    -------
    Expr
        Of x's shape.

    Raises
    ------
    ShapeError
        When the shapes do not go together.

    Notes
    -----
    torch.nn.functional.layer_norm.

    References
    ----------
    Ba, Kiros, Hinton 2016, equation 4.

    Examples
    --------
    >>> x = sd.tensor("x", 2, 2)
    >>> sd.evaluate(sd.layer_norm(x, eps=0), x=[[1, 3], [5, 9]])
    array([[-1.,  1.],
           [-1.,  1.]])
    """
    value = as_expr(x)
    over = _last("layer_norm", value, weight, bias, axes)
    return _scaled("layer_norm", standardize(value, over, eps), weight, bias, value.shape[over[0] :])


def rms_norm(x: Any, weight: Any = None, eps: Any = EPS, axes: int | None = None) -> Expr:
    """x/sqrt(mean of x^2 + eps) over the last axes, scaled.

    Parameters
    ----------
    x : Expr, shape (..., *s)
        Of which the last axes, of shape s, are normalised.
    weight : Expr, shape s, optional
    eps : number or scalar Expr
        Added to the mean of squares.
    axes : int, optional
        How many axes s has: those of the weight, else 1.

    Returns
    -------
    Expr
        Of x's shape.

    Raises
    ------
    ShapeError
        When the shapes do not go together.

    Notes
    -----
    torch.nn.functional.rms_norm, which takes the float's epsilon where no eps is given; here it is 1e-5 as in the other layers.

    References
    ----------
    Zhang and Sennrich 2019, equation 4.

    Examples
    --------
    >>> x = sd.tensor("x", 2)
    >>> sd.evaluate(sd.rms_norm(x, eps=0), x=[1, 7])
    array([0.2, 1.4])
    """
    value = as_expr(x)
    over = _last("rms_norm", value, weight, None, axes)
    normal = value / sqrt(mean(value**2, axis=over, keepdims=True) + as_expr(eps))
    return _scaled("rms_norm", normal, weight, None, value.shape[over[0] :])


def group_norm(x: Any, groups: Any, weight: Any = None, bias: Any = None, eps: Any = EPS) -> Expr:
    """Normalisation over groups of channels and all positions, scaled and shifted.

    Parameters
    ----------
    x : Expr, shape (N, C, ...)
    groups : int or size
        C must be a multiple: with a symbolic size, groups*d.
    weight, bias : Expr, shape (C,), optional
    eps : number or scalar Expr
        Added to the variance.

    Returns
    -------
    Expr
        Of x's shape.

    Raises
    ------
    ShapeError
        When the shapes do not go together.

    Notes
    -----
    torch.nn.functional.group_norm.

    References
    ----------
    Wu and He 2018.

    Examples
    --------
    >>> x = sd.tensor("x", 1, 4)
    >>> sd.evaluate(sd.group_norm(x, 2, eps=0), x=[[1, 3, 5, 9]])
    array([[-1.,  1., -1.,  1.]])
    """
    value = as_expr(x)
    if value.ndim < 2:
        raise clash("group_norm", [value], "x must have the shape (N, C, ...)")
    n, c, *rest = value.shape
    each = share(c, groups, "group_norm", "the number of channels")
    split = reshape(value, n, groups, each, *rest)
    normal = standardize(split, tuple(range(2, split.ndim)), eps)
    return _affine("group_norm", reshape(normal, n, c, *rest), weight, bias, 1)


def instance_norm(x: Any, weight: Any = None, bias: Any = None, eps: Any = EPS) -> Expr:
    """Normalisation of every channel of every sample over its positions, scaled and shifted.

    Parameters
    ----------
    x : Expr, shape (N, C, ...)
        With at least one axis of positions.
    weight, bias : Expr, shape (C,), optional
    eps : number or scalar Expr
        Added to the variance.

    Returns
    -------
    Expr
        Of x's shape.

    Raises
    ------
    ShapeError
        When the shapes do not go together.

    Notes
    -----
    torch.nn.functional.instance_norm.

    References
    ----------
    Ulyanov et al. 2016.

    Examples
    --------
    >>> x = sd.tensor("x", 1, 1, 2)
    >>> sd.evaluate(sd.instance_norm(x, eps=0), x=[[[1, 3]]])
    array([[[-1.,  1.]]])
    """
    value = as_expr(x)
    if value.ndim < 3:
        raise clash("instance_norm", [value], "x must have the shape (N, C, ...) with at least one axis of positions")
    return _affine("instance_norm", standardize(value, tuple(range(2, value.ndim)), eps), weight, bias, 1)


def _last(layer: str, x: Expr, weight: Any, bias: Any, axes: int | None) -> tuple[int, ...]:
    """The axes that are normalised."""
    given = [as_expr(v).ndim for v in (weight, bias) if v is not None]
    count = axes if axes is not None else given[0] if given else 1
    need(isinstance(count, int) and 1 <= count <= x.ndim, layer, [x], f"it has no {shown(count)} last axes")
    return tuple(range(x.ndim - count, x.ndim))


def _scaled(layer: str, normal: Expr, weight: Any, bias: Any, shape: Sequence[Size]) -> Expr:
    """weight*normal + bias over the last axes."""
    for what, value in (("weight", weight), ("bias", bias)):
        if value is not None:
            need_shape(layer, as_expr(value), shape, f"the {what}")
    scaled = normal if weight is None else normal * as_expr(weight)
    return scaled if bias is None else scaled + as_expr(bias)


def _affine(layer: str, normal: Expr, weight: Any, bias: Any, axis: int) -> Expr:
    """weight*normal + bias with a number a channel."""
    scaled = normal if weight is None else normal * _vector(layer, weight, normal, axis, "the weight")
    return scaled if bias is None else scaled + _vector(layer, bias, normal, axis, "the bias")


def _vector(layer: str, value: Any, x: Expr, axis: int, what: str) -> Expr:
    vector = as_expr(value)
    need_shape(layer, vector, (x.shape[axis],), what)
    return along(vector, axis, x.ndim)
