"""What all losses share: checking of shapes, weights, and the reduction to one number."""

from __future__ import annotations

from typing import Any

from symdl.errors import ShapeError, UnsupportedError
from symdl.expr.ops import mean, sum_
from symdl.expr.tensor import Expr, as_expr, describe
from symdl.functions.given import shown
from symdl.model.shapes import same_size

REDUCTIONS = ("mean", "sum", "none")


def same_shape(loss: str, *values: Any) -> tuple[Expr, ...]:
    """All as expressions of the first one's shape; numbers and scalars are let through. A target that broadcasts is nearly always a mistake.

    Raises
    ------
    ShapeError
        When shapes differ.
    """
    exprs = tuple(as_expr(v) for v in values)
    for other in exprs[1:]:
        if other.shape and not equal_shapes(exprs[0], other):
            raise ShapeError(f"{loss} of {describe(exprs[0])} and {describe(other)}: the shapes must be equal")
    return exprs


def equal_shapes(a: Expr, b: Expr) -> bool:
    return a.ndim == b.ndim and all(same_size(m, n) for m, n in zip(a.shape, b.shape, strict=True))


def reduced(loss: str, losses: Expr, reduction: str, count: Any = None) -> Expr:
    """The mean, the sum, or all of them.

    Parameters
    ----------
    losses : Expr
        One an element.
    reduction : {"mean", "sum", "none"}
    count : Expr, optional
        What the mean divides by, if not the number of elements.
    """
    check_reduction(loss, reduction)
    if reduction == "none":
        return losses
    if reduction == "sum" or count is not None:
        total = sum_(losses) if losses.shape else losses
        return total if reduction == "sum" else total / count
    return mean(losses) if losses.shape else losses


def check_reduction(loss: str, reduction: str, known: tuple[str, ...] = REDUCTIONS) -> None:
    if not isinstance(reduction, str) or reduction not in known:
        raise UnsupportedError(f"{loss}: the reduction {shown(reduction)} is not known; known are {', '.join(known)}")


def last_axis(loss: str, x: Expr) -> None:
    if not x.shape:
        raise ShapeError(f"{loss} of {describe(x)}: an axis is needed")
