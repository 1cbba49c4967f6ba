"""Activations that are more than one function of the table: those over an axis, and those whose parameter stands on an axis."""

from __future__ import annotations

from typing import Any

import sympy as sp

from symdl.errors import ShapeError
from symdl.expr.ops import exp, logsumexp
from symdl.expr.tensor import Expr, as_expr, describe
from symdl.expr.windows import sliced
from symdl.functions import TABLE
from symdl.functions.given import given, shown

EIGHTH, THIRD = sp.Rational(1, 8), sp.Rational(1, 3)

_leaky_relu, _sigmoid, _where = (TABLE[name].sympy for name in ("leaky_relu", "sigmoid", "where"))


def log_softmax(value: Any, *over: Any, axis: int = -1) -> Expr:
    """z - logsumexp(z), the logarithm of the softmax, over an axis or an index letter.

    Parameters
    ----------
    value : Expr, or SymPy expression
        Of any shape.
    *over : index letters
        Instead of an axis.
    axis : int
        The last one, unless told.

    Returns
    -------
    Expr
        Of the value's shape.

    Raises
    ------
    ShapeError
        For a letter or an axis that does not occur, or a scalar.

    Notes
    -----
    torch.nn.functional.log_softmax. Exact where the softmax itself underflows.

    Examples
    --------
    >>> z = sd.tensor("z", 2)
    >>> sd.evaluate(sd.log_softmax(z), z=[0, 1000])
    array([-1000.,     0.])
    """
    z = _with_axes(value, over, "log_softmax")
    return z - (logsumexp(z, *over) if over else logsumexp(z, axis=axis, keepdims=True))


def softmin(value: Any, *over: Any, axis: int = -1) -> Expr:
    """exp(-z - logsumexp(-z)): the softmax of -z, over an axis or an index letter.

    Parameters
    ----------
    value : Expr, or SymPy expression
        Of any shape.
    *over : index letters
        Instead of an axis.
    axis : int
        The last one, unless told.

    Returns
    -------
    Expr
        Of the value's shape; along the axis it sums to 1.

    Raises
    ------
    ShapeError
        For a letter or an axis that does not occur, or a scalar.

    Notes
    -----
    torch.nn.functional.softmin.

    Examples
    --------
    >>> z = sd.tensor("z", 2)
    >>> sd.evaluate(sd.softmin(z), z=[0, 0])
    array([0.5, 0.5])
    """
    return exp(log_softmax(-_with_axes(value, over, "softmin"), *over, axis=axis))


def glu(value: Any, axis: int = -1) -> Expr:
    """The gated linear unit a*sigmoid(b) of the two halves a and b of an axis.

    Parameters
    ----------
    value : Expr, shape (..., 2n, ...)
    axis : int
        The last one, unless told.

    Returns
    -------
    Expr, shape (..., n, ...)

    Raises
    ------
    ShapeError
        When the axis has no halves.

    Notes
    -----
    torch.nn.functional.glu.

    References
    ----------
    Dauphin et al. 2017.

    Examples
    --------
    >>> x = sd.tensor("x", 4)
    >>> sd.evaluate(sd.glu(x), x=[1, 2, 0, 0])
    array([0.5, 1. ])
    """
    z = _with_axes(value, (), "glu")
    if not isinstance(axis, int) or not -z.ndim <= axis < z.ndim:
        raise ShapeError(f"glu of {describe(z)}: there is no axis {shown(axis)}")
    size = z.shape[axis]
    half = sp.sympify(size) / 2
    if half.is_integer is not True:
        raise ShapeError(f"glu of {describe(z)}: the size {size} of axis {axis} has no half; it must be even, e.g. 2*n")
    k, n = axis % z.ndim, int(half) if half.is_Integer else half
    return sliced(z, k, slice(None, n)) * _sigmoid(sliced(z, k, slice(n, None)))


def prelu(value: Any, weight: Any) -> Expr:
    """max(z, 0) + a*min(z, 0) with learned slopes a: one, or one for each channel, which is axis 1.

    Parameters
    ----------
    value : Expr, shape (N, C, ...)
    weight : Expr, shape () or (1,) or (C,)
        The slopes a.

    Returns
    -------
    Expr
        Of the value's shape.

    Raises
    ------
    ShapeError
        When there is neither one slope nor one for each channel.

    Notes
    -----
    torch.nn.functional.prelu. At z = 0 the derivative is a (from below), as PyTorch takes it.

    References
    ----------
    He et al. 2015.

    Examples
    --------
    >>> x, a = sd.tensor("x", 1, 2), sd.tensor("a", 2)
    >>> sd.evaluate(sd.prelu(x, a), x=[[-1, -1]], a=[0.25, 0.5])
    array([[-0.25, -0.5 ]])
    """
    z, a = as_expr(value), as_expr(weight)
    if a.shape == (1,):
        a = a[0]
    if a.ndim > 1 or (a.shape and (z.ndim == 0 or a.shape != (z.shape[min(1, z.ndim - 1)],))):
        raise ShapeError(f"prelu of {describe(z)}: the slopes {describe(a)} must be one number, or one for each channel (axis 1)")
    if a.shape and z.ndim > 2:
        a = a[(slice(None), *[None] * (z.ndim - 2))]
    return _leaky_relu(z, a)


def rrelu(value: Any, lower: Any = EIGHTH, upper: Any = THIRD) -> Any:
    """The randomised leaky ReLU as it is evaluated: z where z > 0, else z times the mean of the bounds.

    Parameters
    ----------
    value : Expr, or SymPy expression
        Of any shape.
    lower, upper : Expr or number
        Between which the slope is drawn in training.

    Returns
    -------
    Expr
        Of the value's shape; for a SymPy expression a SymPy expression.

    Raises
    ------
    UnsupportedError
        For text.

    Notes
    -----
    torch.nn.functional.rrelu with training=False. At z = 0 the derivative is that from below.

    References
    ----------
    Xu et al. 2015.

    Examples
    --------
    >>> x = sd.tensor("x", 2)
    >>> sd.evaluate(sd.rrelu(x, 0.25, 0.75), x=[-1, 1])
    array([-0.5,  1. ])
    """
    return _leaky_relu(value, (as_expr(lower) + upper) / 2 if isinstance(value, Expr) else (given("rrelu", lower) + given("rrelu", upper)) / 2)


def clamp(value: Any, min: Any = None, max: Any = None) -> Any:
    """The value kept between bounds; one of them may be missing.

    Parameters
    ----------
    value : Expr, or SymPy expression
        Of any shape.
    min, max : Expr or number, optional
        Scalars, or what broadcasts.

    Returns
    -------
    Expr
        Of the value's shape; for a SymPy expression a SymPy expression.

    Raises
    ------
    ShapeError
        When a bound does not broadcast.
    UnsupportedError
        For text.

    Notes
    -----
    torch.clamp and numpy.clip. A bound counts as inside: the derivative there is 1, as in PyTorch.

    Examples
    --------
    >>> x = sd.tensor("x", 3)
    >>> sd.evaluate(sd.clamp(x, min=0), x=[-1, 0, 2])
    array([0., 0., 2.])
    """
    if not isinstance(value, (Expr, sp.Basic, sp.MatrixBase)):
        value = given("clamp", value)
    if min is not None and max is not None:
        return TABLE["clip"].sympy(value, min, max)
    if min is not None:
        least = min if isinstance(min, Expr) else given("clamp", min)
        return _where(least - value, least, value)
    if max is None:
        return value
    most = max if isinstance(max, Expr) else given("clamp", max)
    return _where(value - most, most, value)


def _with_axes(value: Any, over: tuple[Any, ...], operation: str) -> Expr:
    z = as_expr(value)
    if not z.shape and not over:
        raise ShapeError(f"{operation} of {describe(z)}: an axis is needed")
    return z
