"""Values as linear algebra sees them: a vector is a column, its transpose a row; a product without a sign is the matrix product."""

from __future__ import annotations

from typing import NamedTuple

from symdl.errors import ShapeError
from symdl.expr import ops
from symdl.expr.dims import show_shape
from symdl.expr.tensor import Expr, describe, matmul, multiply


class Value(NamedTuple):
    """An expression; ``row``: a vector that was transposed.

    ``ones``, ``eye``: the expression, a number, times the vector of ones, times the identity matrix, of whatever size its neighbour asks for.
    """

    expr: Expr
    row: bool = False
    ones: bool = False
    eye: bool = False

    @property
    def loose(self) -> bool:
        return self.ones or self.eye


def transposed(value: Value) -> Value:
    if value.eye:
        return value
    if value.expr.ndim == 1 or value.ones:
        return value._replace(row=not value.row)
    return Value(value.expr.T)


def product(a: Value, b: Value, dotted: bool = False) -> Value:
    """a b; ``dotted``: with a dot between them, which of two columns is the inner product."""
    if a.eye or b.eye:
        return _with_eye(a, b)
    if a.ones or b.ones:
        return _with_ones(a, b)
    x, y = a.expr, b.expr
    if not x.shape or not y.shape:
        return Value(multiply(x, y), a.row if x.shape else b.row)
    if dotted and x.ndim == y.ndim == 1 and a.row == b.row:
        return Value(matmul(x, y))
    if x.ndim == 1 and not a.row and y.ndim == 1 and b.row:
        return Value(ops.outer(x, y))
    if x.ndim == 1 and not a.row and y.ndim == 1:
        hint = r"write x^\top y for the inner product, x \odot y for the elementwise one"
        raise ShapeError(f"the product of {describe(x)} and {describe(y)}: a column stands left of another; {hint}")
    if x.ndim == 1 and not a.row and x.shape[0] != y.shape[0]:
        raise ShapeError(f"the product of {describe(x)} and {describe(y)}: a column stands left of a matrix; transpose the vector")
    if y.ndim == 1 and b.row:
        raise ShapeError(f"the product of {describe(x)} and the row {describe(y)}: only a column stands left of a row")
    # x W with W of as many rows: who writes vectors as rows means the row.
    return Value(matmul(x, y), row=x.ndim == 1 and y.ndim > 1)


def _with_eye(a: Value, b: Value) -> Value:
    eye, other = (a, b) if a.eye else (b, a)
    scaled = multiply(eye.expr, other.expr)
    return other._replace(expr=scaled) if other.expr.shape or other.loose else Value(scaled, eye=True)


def _with_ones(a: Value, b: Value) -> Value:
    """1^T x is a sum down the columns, X 1 one along the rows; a number times 1 stays the ones."""
    if a.ones and b.ones:
        raise ShapeError(r"\mathbf{1}: its size is not known here; write the number, or \mathbf{1}_n with n the size")
    ones, other = (a, b) if a.ones else (b, a)
    x = other.expr
    if not x.shape:
        return ones._replace(expr=multiply(ones.expr, x))
    if a.ones and a.row and not (x.ndim == 1 and b.row):
        return Value(multiply(a.expr, ops.sum_(x, axis=0)), row=x.ndim > 1)
    if b.ones and not b.row and (x.ndim > 1 or a.row):
        return Value(multiply(ops.sum_(x, axis=x.ndim - 1), b.expr))
    if a.ones and not a.row and b.row:  # 1 b^T: the row b, repeated
        return Value(multiply(a.expr, x)[None, :])
    if b.ones and b.row and x.ndim == 1 and not a.row:
        return Value(multiply(b.expr, x)[:, None])
    raise ShapeError(r"\mathbf{1} stands where it has no meaning: it is a column of ones, \mathbf{1}^\top a row")


def elementwise(a: Value, b: Value, divide: bool = False) -> Value:
    """a \\odot b, or a \\oslash b."""
    _same_way(a, b, "the elementwise product")
    if a.eye or b.eye:
        raise ShapeError("the identity matrix in an elementwise product: write I_n with n its size")
    return Value(multiply(a.expr, b.expr) if not divide else a.expr / b.expr, a.row or b.row, ones=a.ones and b.ones)


def quotient(a: Value, b: Value) -> Value:
    """a/b: by a number, or elementwise."""
    x, y = a.expr, b.expr
    if b.eye:
        raise ShapeError("the identity matrix cannot stand below a fraction stroke")
    if a.loose and not y.shape:
        return a._replace(expr=x / y)
    if y.shape and x.shape and x.shape != y.shape and not _fits(x, y):
        raise ShapeError(f"the quotient of {describe(x)} and {describe(y)}: divide by a number, or by a tensor of the same shape")
    return Value(x / y, a.row or b.row)


def _fits(x: Expr, y: Expr) -> bool:
    """A row or column repeated beside a matrix: an axis of size 1."""
    return x.ndim == y.ndim and all(m == n or 1 in (m, n) for m, n in zip(x.shape, y.shape, strict=True))


def added(a: Value, b: Value, sign: int) -> Value:
    """a + b or a - b."""
    _same_way(a, b, "the sum")
    x, y = a.expr, b.expr
    if a.eye != b.eye:
        x, y = (_eye_like(a, y), y) if a.eye else (x, _eye_like(b, x))
    made = x + y if sign > 0 else x - y
    return Value(made, a.row or b.row, ones=a.ones and (b.ones or not y.shape) and not made.shape, eye=a.eye and b.eye)


def _eye_like(eye: Value, other: Expr) -> Expr:
    if other.ndim != 2 or other.shape[0] != other.shape[1]:
        raise ShapeError(f"the identity matrix is added to {describe(other)}, which is no square matrix")
    return multiply(eye.expr, ops.eye(other.shape[0]))


def _same_way(a: Value, b: Value, what: str) -> None:
    if a.expr.ndim == b.expr.ndim == 1 and a.row != b.row:
        raise ShapeError(
            f"{what} of the {'row' if a.row else 'column'} {describe(a.expr)} and the {'row' if b.row else 'column'} {describe(b.expr)}: transpose one"
        )


def inner(a: Value, b: Value) -> Value:
    """<a, b>: the sum of the products of the entries."""
    if a.expr.shape != b.expr.shape:
        raise ShapeError(f"the inner product of {describe(a.expr)} and {describe(b.expr)}: the shapes differ")
    return Value(ops.sum_(multiply(a.expr, b.expr)))


def power(base: Value, exponent: Expr) -> Value:
    """Of a square matrix the matrix power for whole numbers (-1: the inverse), else elementwise."""
    x = base.expr
    whole = exponent.node.attr if exponent.node.op == "const" and not exponent.shape else None
    if base.eye and type(whole) is int:
        return Value(x**exponent, eye=True)
    if x.ndim == 2 and type(whole) is int and x.shape[0] == x.shape[1]:
        if abs(whole) > 64:
            raise ShapeError(f"the power {whole} of a matrix is too high to be written out")
        inverse = ops.inv(x) if whole < 0 else x
        out = inverse
        for _ in range(abs(whole) - 1):
            out = matmul(out, inverse)
        return Value(out if whole else ops.eye(x.shape[0]))
    if x.ndim == 2 and whole == -1:
        raise ShapeError(f"the inverse of {describe(x)}: it is not square but {show_shape(x.shape)}")
    return Value(x**exponent, base.row)


def sized(value: Value, size: object = None) -> Value:
    """The value as an expression of its own: what has no size of its own gets one, when it is known.

    Raises
    ------
    ShapeError
        When it is not.
    """
    if not value.loose:
        return value
    if size is None:
        what, write = ("the identity matrix", "I_n") if value.eye else (r"\mathbf{1}", r"\mathbf{1}_n")
        raise ShapeError(f"{what}: its size is not known here; write {write}, with n its size")
    return Value(multiply(value.expr, ops.eye(size) if value.eye else ops.ones(size)), value.row)
