"""Matrix functions that are built of others: norms, powers, Kronecker products, triangles, variances."""

from __future__ import annotations

import reprlib
from numbers import Integral
from typing import Any

import sympy as sp

from symdl.errors import DomainError, ShapeError, UnsupportedError
from symdl.expr.dims import as_size
from symdl.expr.functions import positive
from symdl.expr.ops import abs_, eye, inv, max_, mean, sqrt, sum_
from symdl.expr.tensor import Expr, as_expr, describe, matmul, multiply, raise_to
from symdl.expr.windows import position, reshape
from symdl.functions.given import given as number_given
from symdl.functions.given import shown
from symdl.graph.number import number, to_sympy

#: A power up to this exponent is a chain of products; beyond, squares are squared.
CHAIN = 16


def matrix_power(value: Any, exponent: Any) -> Expr:
    """A square matrix to a whole power, A^k.

    Parameters
    ----------
    value : Expr
        A square matrix.
    exponent : int or size
        Negative powers are powers of the inverse. A size (``sd.dims("k")``) gives the last state of the recurrence P[l+1] = P[l] @ A.

    Returns
    -------
    Expr
        Of the matrix's shape.

    Raises
    ------
    ShapeError
        When the matrix is not square.
    UnsupportedError
        When the exponent is no whole number.

    Notes
    -----
    numpy.linalg.matrix_power.

    Examples
    --------
    >>> A = sd.tensor("A", 2, 2)
    >>> sd.evaluate(sd.matrix_power(A, 3), A=[[1, 1], [0, 1]])
    array([[1., 3.],
           [0., 1.]])
    """
    expr = as_expr(value)
    if expr.ndim != 2 or expr.shape[0] != expr.shape[1]:
        raise ShapeError(f"matrix_power of {describe(expr)}: a square matrix is needed")
    power = _exponent(exponent, expr)
    if not isinstance(power, int):
        return _symbolic_power(expr, power)
    if power == 0:
        return eye(expr.shape[0])
    base = inv(expr) if power < 0 else expr
    return _chain(base, abs(power)) if abs(power) <= CHAIN else _by_squares(base, abs(power))


def _exponent(exponent: Any, expr: Expr) -> Any:
    found = to_sympy(as_expr(exponent).node.attr) if isinstance(exponent, Expr) and exponent.node.op == "const" else exponent
    if isinstance(found, bool) or not isinstance(found, (Integral, sp.Expr)):
        raise UnsupportedError(f"matrix_power of {describe(expr)}: the exponent {reprlib.repr(exponent):.40} must be a whole number or a size")
    if isinstance(found, sp.Expr) and not found.is_Integer:
        if not found.is_integer or not found.is_positive:
            raise UnsupportedError(f"matrix_power of {describe(expr)}: the exponent {exponent} must be a whole number or a size made with sd.dims")
        return found
    return int(found)


def _symbolic_power(expr: Expr, power: sp.Expr) -> Expr:
    from symdl.expr.recur import last, recur

    if expr.open:
        raise UnsupportedError(f"matrix_power of {describe(expr)} to the {power}: only of whole matrices, without index letters")
    return last(recur("P", eye(expr.shape[0]), lambda previous, step: previous @ expr, power))


def _chain(base: Expr, power: int) -> Expr:
    made = base
    for _ in range(power - 1):
        made = matmul(made, base)
    return made


def _by_squares(base: Expr, power: int) -> Expr:
    made: Expr | None = None
    square = base
    while power:
        if power & 1:
            made = square if made is None else matmul(made, square)
        power >>= 1
        if power:
            square = matmul(square, square)
    assert made is not None
    return made


def kron(a: Any, b: Any) -> Expr:
    """The Kronecker product: the block matrix of A[i,j]*B, whose element (i*p + k, j*q + l) is A[i,j]*B[k,l] for B of shape (p, q).

    Parameters
    ----------
    a, b : Expr, or SymPy matrix expressions
        A tensor of fewer axes gets axes of one position in front; with a scalar it is the product.

    Returns
    -------
    Expr
        Along every axis of the product of both sizes.

    Notes
    -----
    numpy.kron and torch.kron (Matrix Cookbook, section 10.2).

    Examples
    --------
    >>> a, b = sd.tensor("a", 2), sd.tensor("b", 2)
    >>> sd.evaluate(sd.kron(a, b), a=[1, 10], b=[1, 2])
    array([ 1.,  2., 10., 20.])
    """
    left, right = as_expr(a), as_expr(b)
    if not left.shape or not right.shape:
        return multiply(left, right)
    ndim = max(left.ndim, right.ndim)
    left, right = (e[(*[None] * (ndim - e.ndim), ...)] if e.ndim < ndim else e for e in (left, right))
    rows = left[tuple(key for _ in range(ndim) for key in (slice(None), None))]
    blocks = right[tuple(key for _ in range(ndim) for key in (None, slice(None)))]
    shape = [as_size(sp.expand(sp.sympify(m) * sp.sympify(p)), "kron") for m, p in zip(left.shape, right.shape, strict=True)]
    return reshape(rows * blocks, *shape)


def hadamard(a: Any, b: Any) -> Expr:
    """The elementwise product of two tensors of one shape; ``a * b`` broadcasts.

    Parameters
    ----------
    a, b : Expr, or SymPy matrix expressions
        Of one shape.

    Returns
    -------
    Expr
        Of that shape.

    Raises
    ------
    ShapeError
        When the shapes differ.

    Notes
    -----
    numpy.multiply of equal shapes.

    Examples
    --------
    >>> a, b = sd.tensor("a", 2), sd.tensor("b", 2)
    >>> sd.evaluate(sd.hadamard(a, b), a=[1, 2], b=[3, 4])
    array([3., 8.])
    """
    left, right = as_expr(a), as_expr(b)
    if left.shape != right.shape:
        raise ShapeError(f"hadamard of {describe(left)} and {describe(right)}: the shapes differ; a * b broadcasts")
    return multiply(left, right)


def vec(value: Any) -> Expr:
    """The columns of a matrix one below the other.

    Parameters
    ----------
    value : Expr or SymPy matrix expression, shape (m, n)

    Returns
    -------
    Expr
        A vector, of shape (m*n,).

    Raises
    ------
    ShapeError
        For anything but a matrix.

    Notes
    -----
    NumPy's ``X.flatten("F")``; Magnus and Neudecker, Matrix Differential Calculus, section 2.4.

    Examples
    --------
    >>> X = sd.tensor("X", 2, 2)
    >>> sd.evaluate(sd.vec(X), X=[[1, 2], [3, 4]])
    array([1., 3., 2., 4.])
    """
    expr = as_expr(value)
    if expr.ndim != 2:
        raise ShapeError(f"vec of {describe(expr)}: a matrix is needed")
    return reshape(expr.T, -1)


# --- norms and statistics -----------------------------------------------------------------------------------------


def norm(value: Any, ord: Any = None, axis: Any = None, keepdims: bool = False) -> Expr:
    """The norm of a vector or a matrix: Euclidean, p-norm, largest, Frobenius, column and row sums.

    Parameters
    ----------
    value : Expr
        A vector or a matrix; with ``axis``, vectors along that axis; without both, the Euclidean norm of all elements of any tensor.
    ord : optional
        Of vectors 1, 2 (the Euclidean norm, when nothing is given), ``inf``, ``-inf``, or p >= 1, a number or a symbolic scalar:
        (Sum |x|^p)^(1/p). Of matrices "fro" (when nothing is given), 1 (the largest column sum of |A|), ``inf`` (the largest row sum).
    axis : int, optional
    keepdims : bool
        Whether the axis stays, with one position.

    Returns
    -------
    Expr
        A scalar; with ``axis`` without that axis.

    Raises
    ------
    UnsupportedError
        For the norms that are made of singular values: 2 and "nuc" of a matrix.
    DomainError
        When p < 1, which is no norm.
    ShapeError
        For an axis that does not occur, or an order of a tensor that is neither vector nor matrix.

    Notes
    -----
    numpy.linalg.norm. The Euclidean norm has no derivative at 0: x/|x| is not finite there.

    Examples
    --------
    >>> x = sd.tensor("x", 2)
    >>> sd.evaluate(sd.norm(x), x=[3, 4]), sd.evaluate(sd.norm(x, 1), x=[3, 4])
    (5.0, 7.0)
    """
    expr = as_expr(value)
    kind = _order(ord)
    if kind is None or (kind == "fro" and expr.ndim == 2 and axis is None) or (kind == 2 and (expr.ndim == 1 or axis is not None)):
        return sqrt(sum_(expr**2, axis=axis, keepdims=keepdims)) if expr.shape else abs_(expr)
    if axis is not None or expr.ndim == 1:
        return _vector_norm(expr, kind, axis, keepdims)
    if expr.ndim != 2:
        raise ShapeError(f"norm of {describe(expr)}: order {ord} is of vectors and matrices; name an axis")
    return _matrix_norm(expr, kind, ord)


def _order(given: Any) -> Any:
    """None, "fro", "nuc", a SymPy number, or an expression that is the exponent."""
    if given is None or (isinstance(given, str) and given in ("fro", "nuc")):
        return given
    if isinstance(given, str):
        if given in ("inf", "-inf"):
            return sp.oo if given == "inf" else -sp.oo
        raise UnsupportedError(f"norm: there is no order {given!r}; known are 1, 2, p, 'inf', '-inf' and 'fro'")
    if isinstance(given, Expr):
        return to_sympy(given.node.attr) if given.node.op == "const" else given
    found = number_given("norm", given)
    return sp.nsimplify(found, rational=True) if found.is_Float else found


def _vector_norm(expr: Expr, kind: Any, axis: Any, keepdims: bool) -> Expr:
    if kind in ("fro", "nuc"):
        raise UnsupportedError(f"norm of {describe(expr)}: {kind!r} is a norm of matrices")
    if kind == sp.oo:
        return max_(abs_(expr), axis=axis, keepdims=keepdims)
    if kind == -sp.oo:
        return -max_(-abs_(expr), axis=axis, keepdims=keepdims)
    if kind == 1:
        return sum_(abs_(expr), axis=axis, keepdims=keepdims)
    if not isinstance(kind, Expr) and kind.is_number and not kind >= 1:
        raise DomainError(f"norm of {describe(expr)}: order {kind} is no norm; p must be at least 1")
    even = not isinstance(kind, Expr) and kind.is_even
    powers = raise_to(expr if even else abs_(expr), kind)
    return raise_to(sum_(powers, axis=axis, keepdims=keepdims), 1 / as_expr(kind) if isinstance(kind, Expr) else 1 / kind)


def _matrix_norm(expr: Expr, kind: Any, said: Any) -> Expr:
    if kind in (1, sp.oo):
        return max_(sum_(abs_(expr), axis=0 if kind == 1 else 1))
    if kind in (2, "nuc"):
        raise UnsupportedError(f"norm of {describe(expr)}: order {said} is made of singular values, which symdl does not have; 'fro' is the Frobenius norm")
    raise UnsupportedError(f"norm of {describe(expr)}: a matrix has no norm of order {said}; known are 'fro', 1 and inf; name an axis for norms of rows")


def var(value: Any, *over: Any, axis: Any = None, ddof: Any = 0, keepdims: bool = False) -> Expr:
    """The variance: the mean of the squares of x - mean(x); divided by n - ddof.

    Parameters
    ----------
    value : Expr
    *over : index letters
    axis : int or tuple, optional
    ddof : int
        1 gives the unbiased estimate.
    keepdims : bool
        Whether the axes stay, with one position each.

    Returns
    -------
    Expr
        Without the axes and letters that it runs over.

    Raises
    ------
    ShapeError
        For a letter or an axis that does not occur.
    DomainError
        When n - ddof is 0.

    Notes
    -----
    numpy.var (ddof=0); torch.var has ddof=1.

    Examples
    --------
    >>> x = sd.tensor("x", 3)
    >>> round(sd.evaluate(sd.var(x), x=[1, 2, 6]), 4), round(sd.evaluate(sd.var(x, ddof=1), x=[1, 2, 6]), 4)
    (4.6667, 7.0)
    """
    expr = as_expr(value)
    centred = expr - mean(expr, *over, axis=axis, keepdims=not over)
    squares = centred**2
    if ddof is None or (isinstance(ddof, int) and ddof == 0):
        return mean(squares, *over, axis=axis, keepdims=keepdims)
    ones = sum_(as_expr(1) + 0 * expr, *over, axis=axis) if over else None
    count = _count(expr, axis) if ones is None else to_sympy(as_expr(ones).node.attr)
    left = number(sp.expand(count - number_given("var", ddof)))
    if left == 0:
        raise DomainError(f"var of {describe(expr)}: it divides by n - ddof, which is 0")
    return sum_(squares, *over, axis=axis, keepdims=keepdims) / left


def _count(expr: Expr, axis: Any) -> sp.Expr:
    axes = range(expr.ndim) if axis is None else [axis] if isinstance(axis, int) else axis
    return sp.Mul(*[sp.sympify(expr.shape[k]) for k in axes])


def std(value: Any, *over: Any, axis: Any = None, ddof: Any = 0, keepdims: bool = False) -> Expr:
    """The standard deviation: the square root of the variance.

    Parameters
    ----------
    value : Expr
    *over : index letters
    axis : int or tuple, optional
    ddof : int
        1 gives the root of the unbiased estimate of the variance.
    keepdims : bool
        Whether the axes stay, with one position each.

    Returns
    -------
    Expr
        Without the axes and letters that it runs over.

    Raises
    ------
    ShapeError
        For a letter or an axis that does not occur.
    DomainError
        When n - ddof is 0.

    Notes
    -----
    numpy.std (ddof=0); torch.std has ddof=1. No derivative where all elements are equal.

    Examples
    --------
    >>> x = sd.tensor("x", 2)
    >>> round(sd.evaluate(sd.std(x), x=[1, 5]), 4)
    2.0
    """
    return sqrt(var(value, *over, axis=axis, ddof=ddof, keepdims=keepdims))


def min_(value: Any, *over: Any, axis: Any = None, keepdims: bool = False) -> Expr:
    """The minimum, over index letters or axes; over all axes when neither is given.

    Parameters
    ----------
    value : Expr, or SymPy expression
        Of any shape.
    *over : index letters
    axis : int or tuple of int, optional
    keepdims : bool
        Whether the axes stay, with one position each.

    Returns
    -------
    Expr
        Without the axes and letters that it runs over.

    Raises
    ------
    ShapeError
        For a letter or an axis that does not occur.

    Notes
    -----
    numpy.min and torch.amin. Elements that tie share the derivative equally. Of two tensors: ``sd.minimum``.

    Examples
    --------
    >>> x = sd.tensor("x", 3)
    >>> g = sd.grad(sd.min(x), x)
    >>> sd.evaluate(g, x=[5, 2, 2])
    array([0. , 0.5, 0.5])
    """
    return -max_(-as_expr(value), *over, axis=axis, keepdims=keepdims)


min_.__name__ = "min"  # what help shows


# --- triangles ----------------------------------------------------------------------------------------------------


def tril(value: Any, k: int = 0) -> Expr:
    """The lower triangle of a matrix, zeros above its k-th diagonal.

    Parameters
    ----------
    value : Expr, shape (..., m, n)
    k : int
        0 the main diagonal, above it positive.

    Returns
    -------
    Expr
        Of the value's shape.

    Raises
    ------
    ShapeError
        For anything with fewer than two axes.
    UnsupportedError
        When k is no whole number.

    Notes
    -----
    numpy.tril and torch.tril.

    Examples
    --------
    >>> A = sd.tensor("A", 2, 2)
    >>> sd.evaluate(sd.tril(A), A=[[1, 2], [3, 4]])
    array([[1., 0.],
           [3., 4.]])
    """
    expr = _matrix(value, "tril")
    return expr * _at_most(expr, k)


def triu(value: Any, k: int = 0) -> Expr:
    """The upper triangle of a matrix, zeros below its k-th diagonal.

    Parameters
    ----------
    value : Expr, shape (..., m, n)
    k : int
        0 the main diagonal, above it positive.

    Returns
    -------
    Expr
        Of the value's shape.

    Raises
    ------
    ShapeError
        For anything with fewer than two axes.
    UnsupportedError
        When k is no whole number.

    Notes
    -----
    numpy.triu and torch.triu.

    Examples
    --------
    >>> A = sd.tensor("A", 2, 2)
    >>> sd.evaluate(sd.triu(A, 1), A=[[1, 2], [3, 4]])
    array([[0., 2.],
           [0., 0.]])
    """
    expr = _matrix(value, "triu")
    return expr * (1 - _at_most(expr, _offset(k) - 1))


def _matrix(value: Any, operation: str) -> Expr:
    expr = as_expr(value)
    if expr.ndim < 2:
        raise ShapeError(f"{operation} of {describe(expr)}: a matrix is needed")
    return expr


def _offset(k: Any) -> int:
    if isinstance(k, Expr) and k.node.op == "const" and type(k.node.attr) is int:
        return k.node.attr
    if isinstance(k, bool) or not isinstance(k, Integral):
        raise UnsupportedError(f"the diagonal {reprlib.repr(k):.40} of a triangle must be a whole number")
    return int(k)


def _at_most(expr: Expr, k: Any) -> Expr:
    """1 where column <= row + k, else 0."""
    rows, columns = position(expr.shape[-2]), position(expr.shape[-1])
    return positive(rows[:, None] - columns[None, :] + (_offset(k) + 1))


def cumsum(value: Any, axis: int = 0) -> Expr:
    """Running sums along an axis: y[i] = x[0] + ... + x[i].

    Parameters
    ----------
    value : Expr, or SymPy matrix expression
        Of at least one axis.
    axis : int

    Returns
    -------
    Expr
        Of the value's shape.

    Raises
    ------
    ShapeError
        For an axis that does not occur.

    Notes
    -----
    numpy.cumsum and torch.cumsum with an axis.

    Examples
    --------
    >>> x = sd.tensor("x", 3)
    >>> sd.evaluate(sd.cumsum(x), x=[1, 2, 3])
    array([1., 3., 6.])
    """
    expr = as_expr(value)
    if not expr.shape or not isinstance(axis, int) or not -expr.ndim <= axis < expr.ndim:
        raise ShapeError(f"cumsum of {describe(expr)}: there is no axis {shown(axis)}")
    k = axis % expr.ndim
    places = position(expr.shape[k])
    mask = positive(places[:, None] - places[None, :] + 1)
    last = expr.transpose(*[a for a in range(expr.ndim) if a != k], k)
    summed = (last @ mask.T) if last.ndim > 1 else mask @ last
    return summed.transpose(*range(k), summed.ndim - 1, *range(k, summed.ndim - 1)) if last.ndim > 1 else summed


__all__ = ["cumsum", "hadamard", "kron", "matrix_power", "min_", "norm", "std", "tril", "triu", "var", "vec"]
