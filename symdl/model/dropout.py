"""Dropout with a mask that is given: what is random is drawn outside, so that the layer is a function."""

from __future__ import annotations

from typing import Any

from symdl.errors import DomainError
from symdl.expr.tensor import Expr, as_expr
from symdl.functions.given import shown
from symdl.model.shapes import need


def dropout(x: Any, mask: Any, p: Any = 0.5) -> Expr:
    """x*mask/(1 - p): dropout in training ("inverted dropout"), with a mask that is given.

    Parameters
    ----------
    x : Expr
    mask : Expr, a shape that broadcasts to x's
        1 where an element is kept, 0 where it is dropped.
    p : number or scalar Expr
        The probability of dropping.

    Returns
    -------
    Expr
        Of x's shape.

    Raises
    ------
    DomainError
        When p is a number outside 0 <= p < 1.
    ShapeError
        When the mask does not broadcast to x.

    Notes
    -----
    torch.nn.functional.dropout(training=True), where the mask is drawn.

    References
    ----------
    Srivastava et al. 2014, section 10.

    Examples
    --------
    >>> x, keep = sd.tensor("x", 2), sd.tensor("keep", 2)
    >>> sd.evaluate(sd.dropout(x, keep, 0.5), x=[1, 2], keep=[1, 0])
    array([2., 0.])
    """
    value, kept = as_expr(x), as_expr(mask)
    need(kept.ndim <= value.ndim, "dropout", [value, kept], "the mask must broadcast to x")
    if not isinstance(p, Expr) and getattr(p, "free_symbols", None) in (None, set()) and (hasattr(p, "__len__") or not 0 <= p < 1):
        raise DomainError(f"dropout: p = {shown(p)} is no probability of dropping; give 0 <= p < 1 (where all is dropped write 0*x)")
    return value * kept / (1 - as_expr(p))
