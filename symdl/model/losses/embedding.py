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
from symdl.graph.number import number
from symdl.model.losses.common import equal_shapes, last_axis, reduced, same_shape

_hinge, _minimum = (TABLE[name].sympy for name in ("hinge", "minimum"))

#: What PyTorch adds to each sum of squares, so that the cosine of a vector of zeros is 0.
COSINE_EPS = 1e-12


def pairwise_distance(x1: Any, x2: Any, p: Any = 2, eps: Any = 1e-6) -> Expr:
    """The p-norm of x1 - x2 + eps over the last axis; p may be ``math.inf``."""
    a, b = same_shape("pairwise_distance", x1, x2)
    last_axis("pairwise_distance", a)
    difference = a - b + eps
    if p == math.inf or p is sp.oo:
        return max_(abs_(difference), axis=-1)
    if not isinstance(p, (int, float, sp.Expr)) or p is sp.nan or not p > 0:
        raise DomainError(f"pairwise_distance: p is {p}, and must be positive")
    exact = number(p)
    powers = difference**exact if type(exact) is int and exact % 2 == 0 else abs_(difference) if exact == 1 else raise_to(abs_(difference), exact)
    return raise_to(sum_(powers, axis=-1), number(1 / sp.sympify(exact)))


def cosine_similarity(x1: Any, x2: Any) -> Expr:
    """Sum(x1*x2)/sqrt((Sum(x1^2) + e)*(Sum(x2^2) + e)) over the last axis, e = 1e-12."""
    a, b = same_shape("cosine_similarity", x1, x2)
    last_axis("cosine_similarity", a)
    lengths = [sum_(v**2, axis=-1) + COSINE_EPS for v in (a, b)]
    return sum_(a * b, axis=-1) / sqrt(lengths[0] * lengths[1])


def cosine_embedding_loss(input1: Any, input2: Any, target: Any, margin: Any = 0, reduction: str = "mean") -> Expr:
    """1 - cos where target is 1, max(0, cos - margin) where it is -1.

    Parameters
    ----------
    input1, input2 : Expr, shape (N, D) or (D,)
    target : Expr, shape (N,) or ()
    """
    cosine = cosine_similarity(input1, input2)
    y = as_expr(target)
    if y.shape and not equal_shapes(cosine, y):
        raise ShapeError(f"cosine_embedding_loss of {describe(as_expr(input1))}: the target {describe(y)} must have a number for each pair")
    return reduced("cosine_embedding_loss", where(y, 1 - cosine, _hinge(cosine - margin)), reduction)


def triplet_margin_loss(
    anchor: Any, positive: Any, negative: Any, margin: Any = 1, p: Any = 2, eps: Any = 1e-6, swap: bool = False, reduction: str = "mean"
) -> Expr:
    """max(0, d(anchor, positive) - d(anchor, negative) + margin) with the p-norm (Balntas et al. 2016).

    Parameters
    ----------
    anchor, positive, negative : Expr, shape (..., D)
    swap : bool
        Take the smaller of d(anchor, negative) and d(positive, negative).
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
    """The same with any distance: two expressions of shape (..., D) -> an expression of shape (...)."""
    return _triplet("triplet_margin_with_distance_loss", distance_function or pairwise_distance, (anchor, positive, negative), margin, swap, reduction)


def _triplet(loss: str, distance: Callable[[Expr, Expr], Expr], three: tuple[Any, Any, Any], margin: Any, swap: bool, reduction: str) -> Expr:
    a, p, n = same_shape(loss, *three)
    far = distance(a, n)
    if swap:
        far = _minimum(far, distance(p, n))
    return reduced(loss, _hinge(margin + distance(a, p) - far), reduction)
