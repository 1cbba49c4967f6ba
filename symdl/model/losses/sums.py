"""Losses as sums over samples, as the textbooks write them; divide by N for a mean."""

from __future__ import annotations

from typing import Any

from symdl.errors import ShapeError
from symdl.expr.ops import least_squares, logsumexp, softplus, sum_
from symdl.expr.tensor import Expr, as_expr, describe

__all__ = ["binary_cross_entropy_of_logits", "cross_entropy_of_logits", "least_squares"]


def cross_entropy_of_logits(z: Any, target: Any) -> Expr:
    """-Sum target log softmax(z), written with logsumexp so that no probability underflows.

    Parameters
    ----------
    z : Expr, shape (..., classes)
        Pre-activations of the output layer.
    target : Expr, of the same shape
        Probabilities of the classes (one-hot or not), each row summing to 1.
    """
    logits, t = _same_shape(z, target, "cross_entropy_of_logits")
    if not logits.shape:
        raise ShapeError(f"cross_entropy_of_logits of {describe(logits)}: an axis of classes is needed")
    return sum_(t * (logsumexp(logits, axis=-1, keepdims=True) - logits))


def binary_cross_entropy_of_logits(z: Any, target: Any) -> Expr:
    """-Sum t log a + (1 - t) log(1 - a) for a = sigmoid(z): Sum softplus(z) - t z (Goodfellow et al., section 6.2.2.2)."""
    logits, t = _same_shape(z, target, "binary_cross_entropy_of_logits")
    terms = softplus(logits) - t * logits
    return sum_(terms) if terms.shape else terms


def _same_shape(z: Any, target: Any, operation: str) -> tuple[Expr, Expr]:
    """Both as expressions; broadcasting a target over logits is nearly always a mistake."""
    logits, t = as_expr(z), as_expr(target)
    if logits.shape != t.shape:
        raise ShapeError(f"{operation} of {describe(logits)} and {describe(t)}: the shapes must be equal")
    return logits, t
