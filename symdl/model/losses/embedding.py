"""Losses of distances between embeddings. Names and defaults are those of torch.nn.functional."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import sympy as sp

from symdl.errors import DomainError, ShapeError
from symdl.expr.ops import abs_, max_, sqrt, sum_
from symdl.expr.tensor import Expr, as_expr, describe, raise_to
from symdl.expr.windows import where
from symdl.functions import TABLE
from symdl.functions.given import flag
from symdl.graph.number import number
from symdl.model.losses.common import equal_shapes, last_axis, reduced, same_shape

_hinge, _minimum = (TABLE[name].sympy for name in ("hinge", "minimum"))

#: What PyTorch adds to each sum of squares, so that the cosine of a vector of zeros is 0.
COSINE_EPS = 1e-12


def pairwise_distance(x1: Any, x2: Any, p: Any = 2, eps: Any = 1e-6) -> Expr:
    """The p-norm of x1 - x2 + eps over the last axis.

    Parameters
    ----------
    x1, x2 : Expr, shape (..., D)
    p : positive number, or ``math.inf``
    eps : number
        Keeps the norm from having no derivative where x1 = x2.

    Returns
    -------
    Expr, shape (...)

    Raises
    ------
    ShapeError
        When the shapes do not go together.
    DomainError
        When p is not positive.

    Notes
    -----
    torch.nn.functional.pairwise_distance.

    Examples
    --------
    >>> a, b = sd.tensor("a", 2), sd.tensor("b", 2)
    >>> round(sd.evaluate(sd.pairwise_distance(a, b), a=[3, 4], b=[0, 0]), 4)
    5.0
    """
    a, b = same_shape("pairwise_distance", x1, x2)
    last_axis("pairwise_distance", a)
    difference = a - b + eps
    if p is sp.oo or (isinstance(p, float) and p == math.inf):
        return max_(abs_(difference), axis=-1)
    if not isinstance(p, (int, float, sp.Expr)) or p is sp.nan or not p > 0:
        raise DomainError(f"pairwise_distance: p is {p}, and must be positive")
    exact = number(p)
    powers = difference**exact if type(exact) is int and exact % 2 == 0 else abs_(difference) if exact == 1 else raise_to(abs_(difference), exact)
    return raise_to(sum_(powers, axis=-1), number(1 / sp.sympify(exact)))


def cosine_similarity(x1: Any, x2: Any) -> Expr:
    """Sum(x1*x2)/sqrt((Sum(x1^2) + e)*(Sum(x2^2) + e)) over the last axis, e = 1e-12.

    Parameters
    ----------
    x1, x2 : Expr, shape (..., D)

    Returns
    -------
    Expr, shape (...)

    Raises
    ------
    ShapeError
        When the shapes do not go together.

    Notes
    -----
    torch.nn.functional.cosine_similarity, with what torch.nn.CosineEmbeddingLoss adds to the squares: 0 for a vector of zeros.

    Examples
    --------
    >>> a, b = sd.tensor("a", 2), sd.tensor("b", 2)
    >>> round(sd.evaluate(sd.cosine_similarity(a, b), a=[1, 0], b=[1, 1]), 4)
    0.7071
    """
    a, b = same_shape("cosine_similarity", x1, x2)
    last_axis("cosine_similarity", a)
    lengths = [sum_(v**2, axis=-1) + COSINE_EPS for v in (a, b)]
    return sum_(a * b, axis=-1) / sqrt(lengths[0] * lengths[1])


def cosine_embedding_loss(input1: Any, input2: Any, target: Any, margin: Any = 0, reduction: str = "mean") -> Expr:
    """The mean of 1 - cos where target is 1, max(0, cos - margin) where it is -1.

    Parameters
    ----------
    input1, input2 : Expr, shape (N, D) or (D,)
    target : Expr, shape (N,) or ()
        1 and -1.
    margin : number or scalar Expr
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
    torch.nn.functional.cosine_embedding_loss. At the margin the derivative is that from above, as PyTorch takes it.

    Examples
    --------
    >>> a, b, t = sd.tensor("a", 2), sd.tensor("b", 2), sd.tensor("t")
    >>> round(sd.evaluate(sd.cosine_embedding_loss(a, b, t), a=[1, 0], b=[1, 1], t=1), 4)
    0.2929
    """
    cosine = cosine_similarity(input1, input2)
    y = as_expr(target)
    if y.shape and not equal_shapes(cosine, y):
        raise ShapeError(f"cosine_embedding_loss of {describe(as_expr(input1))}: the target {describe(y)} must have a number for each pair")
    return reduced("cosine_embedding_loss", where(y, 1 - cosine, _hinge(cosine - margin)), reduction)


def triplet_margin_loss(
    anchor: Any, positive: Any, negative: Any, margin: Any = 1, p: Any = 2, eps: Any = 1e-6, swap: bool = False, reduction: str = "mean"
) -> Expr:
    """The mean of max(0, d(anchor, positive) - d(anchor, negative) + margin), d the p-norm of the difference.

    Parameters
    ----------
    anchor, positive, negative : Expr, shape (..., D)
    margin : number or scalar Expr
    p : positive number, or ``math.inf``
    eps : number
        As in :func:`pairwise_distance`.
    swap : bool
        Take the smaller of d(anchor, negative) and d(positive, negative).
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
        When p is not positive.

    Notes
    -----
    torch.nn.functional.triplet_margin_loss.

    References
    ----------
    Balntas et al. 2016.

    Examples
    --------
    >>> a, p, n = (sd.tensor(s, 2) for s in "apn")
    >>> round(sd.evaluate(sd.triplet_margin_loss(a, p, n), a=[0, 0], p=[3, 4], n=[0, 2]), 4)
    4.0
    """
    return _triplet("triplet_margin_loss", lambda a, b: pairwise_distance(a, b, p, eps), (anchor, positive, negative), margin, swap, reduction)


def triplet_margin_with_distance_loss(
    anchor: Any,
    positive: Any,
    negative: Any,
    *,
    distance_function: Callable[[Expr, Expr], Expr] | None = None,
    margin: Any = 1,
    swap: bool = False,
    reduction: str = "mean",
) -> Expr:
    """The mean of max(0, d(anchor, positive) - d(anchor, negative) + margin) with any distance d.

    Parameters
    ----------
    anchor, positive, negative : Expr, shape (..., D)
    distance_function : callable, optional
        Two expressions of shape (..., D) -> an expression of shape (...); :func:`pairwise_distance` when not given.
    margin : number or scalar Expr
    swap : bool
        Take the smaller of d(anchor, negative) and d(positive, negative).
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
    torch.nn.functional.triplet_margin_with_distance_loss.

    References
    ----------
    Balntas et al. 2016.

    Examples
    --------
    >>> a, p, n = (sd.tensor(s, 2) for s in "apn")
    >>> loss = sd.triplet_margin_with_distance_loss(a, p, n, distance_function=lambda u, v: sd.sum((u - v)**2, axis=-1))
    >>> sd.evaluate(loss, a=[0, 0], p=[3, 4], n=[0, 2])
    22.0
    """
    distance = pairwise_distance if distance_function is None else distance_function
    return _triplet("triplet_margin_with_distance_loss", distance, (anchor, positive, negative), margin, swap, reduction)


def _triplet(loss: str, distance: Callable[[Expr, Expr], Expr], three: tuple[Any, Any, Any], margin: Any, swap: bool, reduction: str) -> Expr:
    a, p, n = same_shape(loss, *three)
    far = distance(a, n)
    if flag(loss, "swap", swap):
        far = _minimum(far, distance(p, n))
    return reduced(loss, _hinge(margin + distance(a, p) - far), reduction)
