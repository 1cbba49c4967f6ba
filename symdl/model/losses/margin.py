"""Losses that ask for a margin between scores. Names and defaults are those of torch.nn.functional; targets are +1 and -1, or classes."""

from __future__ import annotations

from typing import Any

from symdl.errors import DomainError, ShapeError
from symdl.expr.ops import mean, relu, softplus, sum_
from symdl.expr.tensor import Expr, as_expr, describe
from symdl.expr.windows import equal, iszero, position, where
from symdl.functions import TABLE
from symdl.functions.given import shown
from symdl.model.losses.common import equal_shapes, last_axis, reduced, same_shape

_hinge, _positive = (TABLE[name].sympy for name in ("hinge", "positive"))


def margin_ranking_loss(input1: Any, input2: Any, target: Any, margin: Any = 0, reduction: str = "mean") -> Expr:
    """The mean of max(0, -target*(input1 - input2) + margin).

    Parameters
    ----------
    input1, input2, target : Expr, of one shape
        Target 1: the first shall be ranked higher; -1: the second.
    margin : number or scalar Expr
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
    torch.nn.functional.margin_ranking_loss. At the margin the derivative is that from above, as PyTorch takes it.

    Examples
    --------
    >>> a, b, t = (sd.tensor(s, 2) for s in "abt")
    >>> sd.evaluate(sd.margin_ranking_loss(a, b, t), a=[1, 2], b=[3, 1], t=[1, 1])
    1.0
    """
    a, b, y = same_shape("margin_ranking_loss", input1, input2, target)
    return reduced("margin_ranking_loss", _hinge(margin - y * (a - b)), reduction)


def hinge_embedding_loss(input: Any, target: Any, margin: Any = 1, reduction: str = "mean") -> Expr:
    """The mean of input where target is 1, max(0, margin - input) where it is -1.

    Parameters
    ----------
    input, target : Expr, of the same shape
        Distances, and 1 or -1.
    margin : number or scalar Expr
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
    torch.nn.functional.hinge_embedding_loss. At the margin the derivative is that from above, as PyTorch takes it.

    References
    ----------
    Hadsell et al. 2006, with distances.

    Examples
    --------
    >>> x, t = sd.tensor("x", 2), sd.tensor("t", 2)
    >>> sd.evaluate(sd.hinge_embedding_loss(x, t), x=[0.5, 0.5], t=[1, -1])
    0.5
    """
    x, y = same_shape("hinge_embedding_loss", input, target)
    return reduced("hinge_embedding_loss", where(y, x, _hinge(margin - x)), reduction)


def soft_margin_loss(input: Any, target: Any, reduction: str = "mean") -> Expr:
    """The mean of log(1 + exp(-target*input)): the logistic loss.

    Parameters
    ----------
    input, target : Expr, of the same shape
        Scores, and 1 or -1.
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
    torch.nn.functional.soft_margin_loss.

    Examples
    --------
    >>> x, t = sd.tensor("x", 2), sd.tensor("t", 2)
    >>> round(sd.evaluate(sd.soft_margin_loss(x, t), x=[0, 1000], t=[1, 1]), 4)
    0.3466
    """
    x, y = same_shape("soft_margin_loss", input, target)
    return reduced("soft_margin_loss", softplus(-y * x), reduction)


def multilabel_soft_margin_loss(input: Any, target: Any, weight: Any = None, reduction: str = "mean") -> Expr:
    """The mean over classes and samples of softplus(input) - target*input: one logistic loss a class.

    Parameters
    ----------
    input, target : Expr, shape (..., classes)
        Targets are 0 and 1.
    weight : Expr, shape (classes,), optional
    reduction : {"mean", "sum", "none"}
        Over the samples; "none": one loss a sample.

    Returns
    -------
    Expr
        A scalar; with reduction "none" one loss a sample.

    Raises
    ------
    ShapeError
        When the shapes do not go together.
    UnsupportedError
        When the reduction is not known.

    Notes
    -----
    torch.nn.functional.multilabel_soft_margin_loss.

    Examples
    --------
    >>> x, t = sd.tensor("x", 2), sd.tensor("t", 2)
    >>> round(sd.evaluate(sd.multilabel_soft_margin_loss(x, t), x=[0, 1000], t=[1, 1]), 4)
    0.3466
    """
    x, y = same_shape("multilabel_soft_margin_loss", input, target)
    last_axis("multilabel_soft_margin_loss", x)
    losses = softplus(x) - y * x
    return reduced("multilabel_soft_margin_loss", mean(losses if weight is None else losses * weight, axis=-1), reduction)


def multi_margin_loss(input: Any, target: Any, p: int = 1, margin: Any = 1, weight: Any = None, reduction: str = "mean") -> Expr:
    """The mean of 1/C Sum over i other than c of w[c]*max(0, margin - x[c] + x[i])^p, c the class of the sample.

    Parameters
    ----------
    input : Expr, shape (N, C) or (C,)
        The scores x.
    target : Expr, shape (N,) or ()
        The class c of each sample, a whole number from 0.
    p : 1 or 2
    margin : number or scalar Expr
    weight : Expr, shape (C,), optional
    reduction : {"mean", "sum", "none"}
        Over the samples; "none": one loss a sample.

    Returns
    -------
    Expr
        A scalar; with reduction "none" one loss a sample.

    Raises
    ------
    ShapeError
        When the shapes do not go together.
    UnsupportedError
        When the reduction is not known.
    DomainError
        When p is neither 1 nor 2.

    Notes
    -----
    torch.nn.functional.multi_margin_loss.

    References
    ----------
    Crammer and Singer 2001.

    Examples
    --------
    >>> z, c = sd.tensor("z", 3), sd.tensor("c")
    >>> round(sd.evaluate(sd.multi_margin_loss(z, c), z=[1, 0, 3], c=0), 4)
    1.0
    """
    x, c = as_expr(input), as_expr(target)
    if x.ndim not in (1, 2) or not equal_shapes(c, sum_(x, axis=-1)):
        raise ShapeError(f"multi_margin_loss of {describe(x)} and {describe(c)}: scores of shape (N, C) and classes of shape (N,) are needed")
    if not isinstance(p, (int, float)) or p not in (1, 2):
        raise DomainError(f"multi_margin_loss: p is {shown(p)}, and must be 1 or 2")
    chosen = equal(position(x.shape[-1]), c[..., None])
    own = sum_(x * chosen, axis=-1)[..., None]
    losses = relu(margin - own + x) ** p * (1 - chosen)
    if weight is not None:
        losses = losses * sum_(as_expr(weight) * chosen, axis=-1)[..., None]
    return reduced("multi_margin_loss", mean(losses, axis=-1), reduction)


def multilabel_margin_loss(input: Any, target: Any, reduction: str = "mean") -> Expr:
    """The mean of 1/C Sum over labels j and all i that are none of max(0, 1 - (x[j] - x[i])).

    Parameters
    ----------
    input : Expr, shape (N, C) or (C,)
        The scores x.
    target : Expr, of the same shape
        The labels of each sample first, then -1; what stands behind the first negative number is not read.
    reduction : {"mean", "sum", "none"}
        Over the samples; "none": one loss a sample.

    Returns
    -------
    Expr
        A scalar; with reduction "none" one loss a sample.

    Raises
    ------
    ShapeError
        When the shapes do not go together.
    UnsupportedError
        When the reduction is not known.

    Notes
    -----
    torch.nn.functional.multilabel_margin_loss.

    Examples
    --------
    >>> z, c = sd.tensor("z", 3), sd.tensor("c", 3)
    >>> round(sd.evaluate(sd.multilabel_margin_loss(z, c), z=[1, 0, 3], c=[0, -1, -1]), 4)
    1.0
    """
    x, labels = same_shape("multilabel_margin_loss", input, target)
    if x.ndim not in (1, 2) or labels.ndim != x.ndim:
        raise ShapeError(f"multilabel_margin_loss of {describe(x)} and {describe(labels)}: scores of shape (N, C) and labels of the same shape are needed")
    place = position(x.shape[-1])
    later = _positive(place[None, :] - place[:, None])  # [j, q]: q stands behind j
    ended = sum_(_positive(-labels)[..., None, :] * (1 - later), axis=-1)
    read = iszero(ended)  # no label so far is negative
    is_label = read[..., :, None] * equal(labels[..., :, None], place)  # [j, i]
    other = iszero(sum_(is_label, axis=-2))
    own = sum_(is_label * x[..., None, :], axis=-1)
    losses = relu(1 - own[..., :, None] + x[..., None, :]) * read[..., :, None] * other[..., None, :]
    return reduced("multilabel_margin_loss", sum_(losses, axis=(-2, -1)) / x.shape[-1], reduction)
