"""Linear and bilinear layers, and embeddings, with the parameter layout of torch.nn."""

from __future__ import annotations

from typing import Any

from symdl.expr.tensor import Expr, as_expr, join_letters
from symdl.expr.windows import gather
from symdl.graph import build
from symdl.model.shapes import need, need_shape, same_size


def linear(x: Any, W: Any, b: Any = None) -> Expr:
    """x W' + b: y[.., j] = Sum over i of W[j, i]*x[.., i] + b[j].

    Parameters
    ----------
    x : Expr, shape (..., p)
    W : Expr, shape (h, p)
        A row a unit. (``dense`` takes a column a unit.)
    b : Expr, shape (h,), optional

    Returns
    -------
    Expr, shape (..., h)

    Raises
    ------
    ShapeError
        When the shapes do not go together.

    Notes
    -----
    torch.nn.functional.linear.

    Examples
    --------
    >>> x, W = sd.tensor("x", "n", 3), sd.tensor("W", 2, 3)
    >>> sd.linear(x, W)
    x @ W.T
    """
    value, weight = as_expr(x), as_expr(W)
    need(value.ndim >= 1 and weight.ndim == 2, "linear", [value, weight], "x must have the shape (..., p) and W the shape (h, p)")
    need(
        same_size(value.shape[-1], weight.shape[1]),
        "linear",
        [value, weight],
        f"x has {value.shape[-1]} features and W takes {weight.shape[1]}; W has the shape (outputs, inputs)",
    )
    return with_bias(value @ weight.T, b, weight.shape[0], "linear")


def with_bias(z: Expr, b: Any, size: Any, layer: str) -> Expr:
    """z + b along the last axis, where b is given."""
    if b is None:
        return z
    bias = as_expr(b)
    need_shape(layer, bias, (size,), "the bias")
    return z + bias


def bilinear(x1: Any, x2: Any, W: Any, b: Any = None) -> Expr:
    """y[.., k] = Sum over i, j of x1[.., i]*W[k, i, j]*x2[.., j] + b[k].

    Parameters
    ----------
    x1, x2 : Expr, shapes (..., p) and (..., q)
    W : Expr, shape (h, p, q)
    b : Expr, shape (h,), optional

    Returns
    -------
    Expr, shape (..., h)

    Raises
    ------
    ShapeError
        When the shapes do not go together.

    Notes
    -----
    torch.nn.functional.bilinear.

    Examples
    --------
    >>> a, b, W = sd.tensor("a", 2), sd.tensor("b", 2), sd.tensor("W", 1, 2, 2)
    >>> sd.evaluate(sd.bilinear(a, b, W), a=[1, 2], b=[3, 4], W=[[[1, 0], [0, 1]]])
    array([11.])
    """
    left, right, weight = as_expr(x1), as_expr(x2), as_expr(W)
    given = [left, right, weight]
    need(weight.ndim == 3 and left.ndim == right.ndim >= 1, "bilinear", given, "x1, x2 and W must have the shapes (..., p), (..., q) and (h, p, q)")
    fits = all(same_size(a, b) for a, b in zip((*left.shape[:-1], *weight.shape[1:]), (*right.shape[:-1], left.shape[-1], right.shape[-1]), strict=True))
    need(fits, "bilinear", given, "x1, x2 and W must have the shapes (..., p), (..., q) and (h, p, q)")
    stack = left.ndim - 1
    i, j = build.fresh(), build.fresh()
    parts = [build.rename(left.term, {stack: i}), build.rename(weight.term, {0: stack, 1: i, 2: j}), build.rename(right.term, {stack: j})]
    term = build.mul(1, parts, (), {i: left.shape[-1], j: right.shape[-1]})
    z = Expr(term, (*left.shape[:-1], weight.shape[0]), join_letters(given, "bilinear"))
    return with_bias(z, b, weight.shape[0], "bilinear")


def embedding(c: Any, W: Any) -> Expr:
    """Rows of a table: y[.., k] = W[c[..], k].

    Parameters
    ----------
    c : Expr, any shape
        Whole numbers from 0, the rows; a number that is no row gives zeros.
    W : Expr, shape (rows, width)

    Returns
    -------
    Expr, shape (..., width)

    Raises
    ------
    ShapeError
        When the shapes do not go together.

    Notes
    -----
    torch.nn.functional.embedding. Nothing flows back to c.

    Examples
    --------
    >>> c, W = sd.tensor("c", 2), sd.tensor("W", 3, 2)
    >>> sd.evaluate(sd.embedding(c, W), c=[2, 0], W=[[1, 2], [3, 4], [5, 6]])
    array([[5., 6.],
           [1., 2.]])
    """
    index, table = as_expr(c), as_expr(W)
    need(table.ndim == 2, "embedding", [index, table], "the table W must have the shape (rows, width)")
    return gather(table, index, axis=0)
