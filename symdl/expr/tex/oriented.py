"""Values as linear algebra sees them: a vector is a column, its transpose a row; a product without a sign is the matrix product."""

from __future__ import annotations

from typing import NamedTuple

from symdl.errors import ShapeError
from symdl.expr import ops
from symdl.expr.dims import show_shape
from symdl.expr.tensor import Expr, as_expr, describe, matmul, multiply


class Value(NamedTuple):
    """An expression; ``row``: a vector that was transposed; ``ones``: the vector of ones, of whatever size its neighbour asks for."""

    expr: Expr
    row: bool = False
    ones: bool = False


def transposed(value: Value) -> Value:
    if value.expr.ndim == 1 or value.ones:
        return value._replace(row=not value.row)
    return Value(value.expr.T)


def product(a: Value, b: Value) -> Value:
    """a b."""
    if a.ones or b.ones:
        return _with_ones(a, b)
    x, y = a.expr, b.expr
    if not x.shape or not y.shape:
        return Value(multiply(x, y), a.row if x.shape else b.row)
    if x.ndim == 1 and not a.row and y.ndim == 1 and b.row:
        return Value(ops.outer(x, y))
    if x.ndim == 1 and not a.row:
        hint = r"write x^\top y for the inner product, x \odot y for the elementwise one" if y.ndim == 1 else "transpose the vector"
        raise ShapeError(f"the product of {describe(x)} and {describe(y)}: a column stands left of {'another' if y.ndim == 1 else 'a matrix'}; {hint}")
    if y.ndim == 1 and b.row:
        raise ShapeError(f"the product of {describe(x)} and the row {describe(y)}: only a column stands left of a row")
    return Value(matmul(x, y), row=a.row and y.ndim > 1)


def _with_ones(a: Value, b: Value) -> Value:
    """1^T x is a sum down the columns, X 1 one along the rows."""
    if a.ones and a.row and not b.ones and b.expr.shape:
        return Value(ops.sum_(b.expr, axis=0), row=b.expr.ndim > 1)
    if b.ones and not b.row and not a.ones and (a.expr.ndim > 1 or a.row):
        return Value(ops.sum_(a.expr, axis=a.expr.ndim - 1))
    if a.ones and not a.row and b.row:  # 1 b^T: the row b, repeated
        return Value(b.expr[None, :])
    if b.ones and b.row and a.expr.ndim == 1 and not a.row:
        return Value(a.expr[:, None])
    if (a.ones and not b.expr.shape) or (b.ones and not a.expr.shape):
        raise ShapeError(r"\mathbf{1}: its size is not known here; write the sum, or a number")
    raise ShapeError(r"\mathbf{1} stands where it has no meaning: it is a column of ones, \mathbf{1}^\top a row")


def elementwise(a: Value, b: Value, divide: bool = False) -> Value:
    """a \\odot b, or a \\oslash b."""
    _same_way(a, b, "the elementwise product")
    if a.ones or b.ones:
        other = b if a.ones else a
        return other if not divide or b.ones else Value(1 / b.expr, b.row)
    return Value(multiply(a.expr, b.expr) if not divide else a.expr / b.expr, a.row or b.row)


def quotient(a: Value, b: Value) -> Value:
    """a/b: by a number, or elementwise."""
    if b.expr.shape and a.expr.shape and a.expr.shape != b.expr.shape:
        raise ShapeError(f"the quotient of {describe(a.expr)} and {describe(b.expr)}: divide by a number, or by a tensor of the same shape")
    return Value(a.expr / b.expr, a.row or b.row)


def added(a: Value, b: Value, sign: int) -> Value:
    """a + b or a - b."""
    _same_way(a, b, "the sum")
    x, y = (as_expr(1) if v.ones else v.expr for v in (a, b))
    return Value(x + y if sign > 0 else x - y, a.row or b.row)


def _same_way(a: Value, b: Value, what: str) -> None:
    if a.expr.ndim == b.expr.ndim == 1 and a.row != b.row:
        raise ShapeError(
            f"{what} of the {'row' if a.row else 'column'} {describe(a.expr)} and the {'row' if b.row else 'column'} {describe(b.expr)}: transpose one"
        )


def power(base: Value, exponent: Expr) -> Value:
    """Of a square matrix the matrix power for whole numbers (-1: the inverse), else elementwise."""
    x = base.expr
    whole = exponent.node.attr if exponent.node.op == "const" and not exponent.shape else None
    if x.ndim == 2 and type(whole) is int and x.shape[0] == x.shape[1]:
        if abs(whole) > 64:
            raise ShapeError(f"the power {whole} of a matrix is too high to be written out")
        inner = ops.inv(x) if whole < 0 else x
        out = inner
        for _ in range(abs(whole) - 1):
            out = matmul(out, inner)
        return Value(out if whole else ops.eye(x.shape[0]))
    if x.ndim == 2 and whole == -1:
        raise ShapeError(f"the inverse of {describe(x)}: it is not square but {show_shape(x.shape)}")
    return Value(x**exponent, base.row)
