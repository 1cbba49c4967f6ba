"""Losses of real targets: distances, and likelihoods of counts and of normal variables. Names and defaults are those of torch.nn.functional."""

from __future__ import annotations

from typing import Any

import sympy as sp

from symdl.errors import DomainError, ShapeError
from symdl.expr.activations import clamp
from symdl.expr.ops import abs_, exp, log, sum_
from symdl.expr.tensor import Expr, as_expr, describe
from symdl.expr.windows import where
from symdl.functions import TABLE
from symdl.functions.given import flag
from symdl.model.losses.common import check_reduction, equal_shapes, reduced, same_shape

_huber, _xlogx = (TABLE[name].sympy for name in ("huber", "xlogx"))


def l1_loss(input: Any, target: Any, reduction: str = "mean", weight: Any = None) -> Expr:
    """The mean of |input - target|.

    Parameters
    ----------
    input, target : Expr, of the same shape
    reduction : {"mean", "sum", "none"}
        Over all elements; "none": the losses one by one.
    weight : Expr, optional
        Of the same shape; the mean is then weighted.

    Returns
    -------
    Expr
        A scalar; with reduction "none" of the input's shape.

    Raises
    ------
    ShapeError
        When the shapes do not go together.
    UnsupportedError
        When the reduction is not known.

    Notes
    -----
    torch.nn.functional.l1_loss. Where the two are equal the derivative is 0.

    Examples
    --------
    >>> x, t = sd.tensor("x", 2), sd.tensor("t", 2)
    >>> sd.evaluate(sd.l1_loss(x, t), x=[1, 2], t=[0, 4])
    1.5
    """
    x, y = same_shape("l1_loss", input, target)
    return _weighted("l1_loss", abs_(x - y), weight, reduction)


def mse_loss(input: Any, target: Any, reduction: str = "mean", weight: Any = None) -> Expr:
    """The mean of (input - target)^2.

    Parameters
    ----------
    input, target : Expr, of the same shape
    reduction : {"mean", "sum", "none"}
        Over all elements; "none": the losses one by one.
    weight : Expr, optional
        Of the same shape; the mean is then weighted.

    Returns
    -------
    Expr
        A scalar; with reduction "none" of the input's shape.

    Raises
    ------
    ShapeError
        When the shapes do not go together.
    UnsupportedError
        When the reduction is not known.

    Notes
    -----
    torch.nn.functional.mse_loss. The derivative by the input is 2*(input - target)/(number of elements).

    Examples
    --------
    >>> x, t = sd.tensor("x", 2), sd.tensor("t", 2)
    >>> sd.evaluate(sd.mse_loss(x, t), x=[1, 2], t=[0, 4])
    2.5
    """
    x, y = same_shape("mse_loss", input, target)
    return _weighted("mse_loss", (x - y) ** 2, weight, reduction)


def huber_loss(input: Any, target: Any, reduction: str = "mean", delta: Any = 1, weight: Any = None) -> Expr:
    """The mean of d^2/2 where |d| <= delta, else delta*(|d| - delta/2), for d = input - target.

    Parameters
    ----------
    input, target : Expr, of the same shape
    reduction : {"mean", "sum", "none"}
        Over all elements; "none": the losses one by one.
    delta : positive number or scalar Expr
    weight : Expr, optional
        Of the same shape; the mean divides by the number of elements all the same.

    Returns
    -------
    Expr
        A scalar; with reduction "none" of the input's shape.

    Raises
    ------
    ShapeError
        When the shapes do not go together.
    UnsupportedError
        When the reduction is not known.
    DomainError
        When delta is a number that is not positive.

    Notes
    -----
    torch.nn.functional.huber_loss.

    References
    ----------
    Huber 1964.

    Examples
    --------
    >>> x, t = sd.tensor("x", 2), sd.tensor("t", 2)
    >>> sd.evaluate(sd.huber_loss(x, t), x=[1, 2], t=[0, 4])
    1.0
    """
    _positive("huber_loss", "delta", delta)
    x, y = same_shape("huber_loss", input, target)
    losses = _huber(x - y, delta)
    return reduced("huber_loss", losses if weight is None else losses * same_shape("huber_loss", x, weight)[1], reduction)


def smooth_l1_loss(input: Any, target: Any, reduction: str = "mean", beta: Any = 1) -> Expr:
    """The mean of d^2/(2*beta) where |d| < beta, else |d| - beta/2, for d = input - target: Huber's loss divided by beta.

    Parameters
    ----------
    input, target : Expr, of the same shape
    reduction : {"mean", "sum", "none"}
        Over all elements; "none": the losses one by one.
    beta : number from 0, or scalar Expr
        0 gives the L1 loss.

    Returns
    -------
    Expr
        A scalar; with reduction "none" of the input's shape.

    Raises
    ------
    ShapeError
        When the shapes do not go together.
    UnsupportedError
        When the reduction is not known.
    DomainError
        When beta is a number below 0.

    Notes
    -----
    torch.nn.functional.smooth_l1_loss.

    References
    ----------
    Girshick 2015, equation 3.

    Examples
    --------
    >>> x, t = sd.tensor("x", 2), sd.tensor("t", 2)
    >>> sd.evaluate(sd.smooth_l1_loss(x, t), x=[1, 2], t=[0, 4])
    1.0
    """
    if isinstance(beta, (int, float)) and beta == 0:
        return l1_loss(input, target, reduction)
    _positive("smooth_l1_loss", "beta", beta)
    x, y = same_shape("smooth_l1_loss", input, target)
    return reduced("smooth_l1_loss", _huber(x - y, beta) / as_expr(beta), reduction)


def poisson_nll_loss(input: Any, target: Any, log_input: bool = True, full: bool = False, eps: Any = 1e-8, reduction: str = "mean") -> Expr:
    """The mean of exp(input) - target*input: the negative log-likelihood of counts, without log(target!).

    Parameters
    ----------
    input : Expr
        The logarithm of the rate; the rate itself when ``log_input`` is False.
    target : Expr, of the same shape
        Counts.
    log_input : bool
    full : bool
        Add Stirling's approximation of log(target!) where target > 1.
    eps : number
        Added to the rate inside the logarithm when ``log_input`` is False.
    reduction : {"mean", "sum", "none"}
        Over all elements; "none": the losses one by one.

    Returns
    -------
    Expr
        A scalar; with reduction "none" of the input's shape.

    Raises
    ------
    ShapeError
        When the shapes do not go together.
    UnsupportedError
        When the reduction is not known.

    Notes
    -----
    torch.nn.functional.poisson_nll_loss.

    Examples
    --------
    >>> x, t = sd.tensor("x", 2), sd.tensor("t", 2)
    >>> sd.evaluate(sd.poisson_nll_loss(x, t), x=[0, 0], t=[1, 2])
    1.0
    """
    x, y = same_shape("poisson_nll_loss", input, target)
    losses = exp(x) - y * x if flag("poisson_nll_loss", "log_input", log_input) else x - y * log(x + eps)
    if flag("poisson_nll_loss", "full", full):
        # Inside the logarithm only what is used: a target of 0 has none.
        count = clamp(y, min=1)
        losses = losses + where(y - 1, _xlogx(count) - count + log(2 * sp.pi * count) / 2, 0)
    return reduced("poisson_nll_loss", losses, reduction)


def gaussian_nll_loss(input: Any, target: Any, var: Any, full: bool = False, eps: Any = 1e-6, reduction: str = "mean") -> Expr:
    """The mean of (log v + (input - target)^2/v)/2, v = max(var, eps): the negative log-likelihood of normal variables.

    Parameters
    ----------
    input, target : Expr, of the same shape
    var : Expr
        Of the shape of the input, or without its last axis, or with one axis of size 1; or a number.
    full : bool
        Add log(2 pi)/2.
    eps : number
        The least variance.
    reduction : {"mean", "sum", "none"}
        Over all elements; "none": the losses one by one.

    Returns
    -------
    Expr
        A scalar; with reduction "none" of the input's shape.

    Raises
    ------
    ShapeError
        When the shapes do not go together.
    UnsupportedError
        When the reduction is not known.

    Notes
    -----
    torch.nn.functional.gaussian_nll_loss. Below eps the derivative by var is 0; PyTorch passes the derivative by v on to var there.

    References
    ----------
    Nix and Weigend 1994.

    Examples
    --------
    >>> x, t = sd.tensor("x", 2), sd.tensor("t", 2)
    >>> sd.evaluate(sd.gaussian_nll_loss(x, t, 1), x=[1, 2], t=[0, 4])
    1.25
    """
    x, y = same_shape("gaussian_nll_loss", input, target)
    v = as_expr(var)
    if v.ndim == x.ndim - 1 and v.shape == x.shape[:-1] and v.shape:
        v = v[..., None]
    ones = v.ndim == x.ndim and all(m == n or m == 1 for m, n in zip(v.shape, x.shape, strict=True))
    if v.shape and not ones and not equal_shapes(x, v):
        raise ShapeError(f"gaussian_nll_loss of {describe(x)}: the variance {describe(as_expr(var))} must have its shape, or lack the last axis")
    v = clamp(v, min=eps)
    losses = (log(v) + (x - y) ** 2 / v) / 2
    return reduced("gaussian_nll_loss", losses + log(2 * sp.pi) / 2 if flag("gaussian_nll_loss", "full", full) else losses, reduction)


def kl_div(input: Any, target: Any, reduction: str = "mean", log_target: bool = False) -> Expr:
    """The mean of target*(log(target) - input), where the input holds log-probabilities; 0 where target is 0.

    Parameters
    ----------
    input, target : Expr, of the same shape
    reduction : {"mean", "batchmean", "sum", "none"}
        "batchmean" divides by the size of the first axis, which is the divergence proper; "mean" divides by the number of elements.
    log_target : bool
        The target holds log-probabilities too.

    Returns
    -------
    Expr
        A scalar; with reduction "none" of the input's shape.

    Raises
    ------
    ShapeError
        When the shapes do not go together.
    UnsupportedError
        When the reduction is not known.

    Notes
    -----
    torch.nn.functional.kl_div.

    References
    ----------
    Kullback and Leibler 1951.

    Examples
    --------
    >>> x, t = sd.tensor("x", 2), sd.tensor("t", 2)
    >>> round(sd.evaluate(sd.kl_div(x, t, "sum"), x=np.log([0.5, 0.5]), t=[0.25, 0.75]), 4)
    0.1308
    """
    check_reduction("kl_div", reduction, ("mean", "batchmean", "sum", "none"))
    x, y = same_shape("kl_div", input, target)
    losses = exp(y) * (y - x) if flag("kl_div", "log_target", log_target) else _xlogx(y) - y * x
    if reduction != "batchmean":
        return reduced("kl_div", losses, reduction)
    return sum_(losses) / x.shape[0] if x.shape else losses


def _weighted(loss: str, losses: Expr, weight: Any, reduction: str) -> Expr:
    if weight is None:
        return reduced(loss, losses, reduction)
    w = as_expr(weight)
    if not equal_shapes(losses, w):
        raise ShapeError(f"{loss}: the weight {describe(w)} must have the shape of the input")
    return reduced(loss, losses * w, reduction, sum_(w) if w.shape else w)


def _positive(loss: str, name: str, value: Any) -> None:
    if isinstance(value, (int, float)) and not value > 0:
        raise DomainError(f"{loss}: {name} is {value}, and must be positive")
