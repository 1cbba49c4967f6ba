"""Sums, means, matrix functions and the elementwise functions, for symdl and for plain SymPy arguments alike."""

from __future__ import annotations

import reprlib
from collections.abc import Hashable
from typing import Any

import sympy as sp

from symdl.errors import ShapeError, UnsupportedError
from symdl.expr.dims import as_size, is_letter
from symdl.expr.tensor import Expr, as_expr, describe, fitted, matmul, multiply, raise_to
from symdl.expr.wrapped import function
from symdl.functions.given import flag, given
from symdl.graph import build
from symdl.graph.build import Delta, Term
from symdl.graph.node import Size
from symdl.graph.number import number, to_sympy


def _axes(expr: Expr, axis: Any, operation: str) -> list[int]:
    if axis is None:
        return list(range(expr.ndim))
    chosen = [axis] if not isinstance(axis, (tuple, list)) else list(axis)
    out = []
    for a in chosen:
        if not isinstance(a, int) or not -expr.ndim <= a < expr.ndim:
            raise ShapeError(f"{operation} of {describe(expr)}: there is no axis {reprlib.repr(a):.40}")
        out.append(a % expr.ndim)
    return out


def _selected(expr: Expr, over: tuple[Any, ...], axis: Any, operation: str) -> tuple[dict[Any, Size], dict[Any, Any], list[Size]]:
    """Which labels are summed (with sizes), where the other axes go, and the shape without the summed ones."""
    summed: dict[Any, Size] = {}
    for letter in over:
        if not isinstance(letter, Hashable) or letter not in expr.open:
            raise ShapeError(f"{operation} over {reprlib.repr(letter):.40}: the index does not occur in {describe(expr)}")
        summed[letter] = expr.open[letter]
    if over and axis is None:
        gone: list[int] = []
    elif not over and not expr.shape and expr.open:
        letters = ", ".join(sorted(map(str, expr.open)))
        raise ShapeError(f"{operation} of {describe(expr)}: name the index to sum over, one of {letters}")
    else:
        gone = _axes(expr, axis, operation)
    place: dict[Any, Any] = {}
    for k in gone:
        place[k] = label = build.fresh()
        summed[label] = expr.shape[k]
    kept = [k for k in range(expr.ndim) if k not in gone]
    place.update({old: new for new, old in enumerate(kept)})
    return summed, place, [expr.shape[k] for k in kept]


def _keepdims(expr: Expr, result: Expr, axis: Any, operation: str, keepdims: bool) -> Expr:
    if not flag(operation, "keepdims", keepdims):
        return result
    gone = _axes(expr, axis, operation)
    return result[tuple(None if k in gone else slice(None) for k in range(expr.ndim))]


def sum_(value: Any, *over: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The sum over index letters, ``sum(W[j,i]*x[i], i)``, or over axes, ``sum(X, axis=0)``; over all axes when neither is given.

    Parameters
    ----------
    value : Expr, or SymPy expression
        Of any shape.
    *over : index letters
        Letters that occur in the value. Or SymPy's limits ``(i, lo, hi)``: then the answer is a plain ``sympy.Sum``.
    axis : int or tuple of int, optional
    keepdims : bool
        Whether the axes stay, with one position each.

    Returns
    -------
    Expr, or sympy.Sum
        Without the axes and letters that were summed.

    Raises
    ------
    ShapeError
        For a letter or an axis that does not occur, or letters that are open and none is named.

    Notes
    -----
    numpy.sum for axes, numpy.einsum for letters. The derivative by every summand is 1.

    Examples
    --------
    >>> i, j = sd.indices("i j")
    >>> W, x = sd.tensor("W", 2, 3), sd.tensor("x", 3)
    >>> sd.sum(W[j, i] * x[i], i)
    sum(W[j, i]*x[i], i)
    >>> sd.sum(W, axis=0).shape
    (3,)
    """
    if over and all(isinstance(o, (tuple, sp.Tuple)) for o in over):
        return sp.Sum(given("sum", value), *[tuple(given("sum", part) for part in limits) for limits in over])
    expr = fitted(as_expr(value), over)
    summed, place, shape = _selected(expr, over, axis, "sum")
    term = build.mul(1, [build.rename(expr.term, place)], (), summed)
    letters = {s: n for s, n in expr.open.items() if s not in summed}
    return _keepdims(expr, Expr(term, shape, letters), axis, "sum", keepdims)


def mean(value: Any, *over: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """The mean: the sum divided by the number of elements, over index letters or axes; over all axes when neither is given.

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
    numpy.mean. Of a symbolic size n the factor is 1/n, exactly.

    Examples
    --------
    >>> x = sd.tensor("x", "n")
    >>> sd.mean(x)
    sum(x)/n
    >>> sd.evaluate(sd.mean(x), x=[1, 2, 6])
    3.0
    """
    expr = fitted(as_expr(value), over)
    summed, _, _ = _selected(expr, over, axis, "mean")
    count: Any = 1
    for size in summed.values():
        count = count * to_sympy(number(size))
    return sum_(expr, *over, axis=axis, keepdims=keepdims) / number(sp.sympify(count))


def _reduced(kind: str, value: Any, over: tuple[Any, ...], axis: Any, keepdims: bool) -> Expr:
    expr = fitted(as_expr(value), over)
    summed, place, shape = _selected(expr, over, axis, kind)
    term = build.reduce_(kind, build.rename(expr.term, place), summed)
    letters = {s: n for s, n in expr.open.items() if s not in summed}
    return _keepdims(expr, Expr(term, shape, letters), axis, kind, keepdims)


def logsumexp(value: Any, *over: Any, axis: Any = None, keepdims: bool = False) -> Expr:
    """log(Sum exp(z)), over index letters or axes; over all axes when neither is given.

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
    scipy.special.logsumexp and torch.logsumexp. Computed as max(z) + log(Sum exp(z - max(z))), which does not overflow (Goodfellow et al., Deep
    Learning, section 4.1). The derivative is softmax(z).

    Examples
    --------
    >>> z = sd.tensor("z", 2)
    >>> sd.grad(sd.logsumexp(z), z)
    softmax(z)
    >>> round(sd.evaluate(sd.logsumexp(z), z=[1000, 1000]), 4)
    1000.6931
    """
    return _reduced("logsumexp", value, over, axis, keepdims)


def max_(value: Any, *over: Any, axis: Any = None, keepdims: bool = False) -> Expr:
    """The maximum, over index letters or axes; over all axes when neither is given.

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
    numpy.max and torch.amax. Elements that tie share the derivative equally, as in torch.amax. Of two tensors: ``sd.maximum``.

    Examples
    --------
    >>> x = sd.tensor("x", 3)
    >>> g = sd.grad(sd.max(x), x)
    >>> sd.evaluate(g, x=[5, 2, 5])
    array([0.5, 0. , 0.5])
    """
    return _reduced("max", value, over, axis, keepdims)


#: Python's own names are theirs in symdl: help and signatures show them so.
sum_.__name__, max_.__name__ = "sum", "max"


def softmax(value: Any, *over: Any, axis: Any = -1) -> Expr:
    """exp(z)/Sum exp(z) over an axis or an index letter, computed as exp(z - logsumexp(z)), which does not overflow.

    Parameters
    ----------
    value : Expr, or SymPy expression
        Of any shape.
    *over : index letters
        Instead of an axis.
    axis : int
        The last one, unless told; of a SymPy column vector the first.

    Returns
    -------
    Expr
        Of the value's shape; along the axis it sums to 1.

    Raises
    ------
    ShapeError
        For a letter or an axis that does not occur.

    Notes
    -----
    torch.softmax and scipy.special.softmax. The derivative of element i by z[j] is s[i]*(delta(i, j) - s[j]).

    References
    ----------
    Goodfellow et al., Deep Learning, section 6.2.2.3.

    Examples
    --------
    >>> z = sd.tensor("z", 2)
    >>> sd.evaluate(sd.softmax(z), z=[0, 0])
    array([0.5, 0.5])
    """
    expr = as_expr(value)
    if isinstance(value, sp.MatrixExpr) and value.shape[1] == 1 and axis == -1:
        axis = 0
    if over:
        return exp(expr - logsumexp(expr, *over))
    return exp(expr - logsumexp(expr, axis=axis, keepdims=True))


exp, log, sin, cos, tan, arctan, sinh, cosh, tanh, erf, abs_, sign = map(
    function, ["exp", "log", "sin", "cos", "tan", "arctan", "sinh", "cosh", "tanh", "erf", "abs", "sign"]
)
sigmoid, relu, softplus, gelu, silu, step = map(function, ["sigmoid", "relu", "softplus", "gelu", "silu", "step"])


def sqrt(value: Any) -> Any:
    """The square root z^(1/2), at every element.

    Parameters
    ----------
    value : Expr, or SymPy expression or number
        Of any shape; its values must not be negative.

    Returns
    -------
    Expr
        Of the value's shape; for a SymPy expression a SymPy expression.

    Raises
    ------
    UnsupportedError
        For text.

    Notes
    -----
    numpy.sqrt and torch.sqrt. The derivative is z^(-1/2)/2, which is not finite at 0.

    Examples
    --------
    >>> x = sd.tensor("x")
    >>> sd.grad(sd.sqrt(x), x)
    1/(2*sqrt(x))
    """
    return raise_to(value, sp.Rational(1, 2)) if isinstance(value, Expr) else sp.sqrt(given("sqrt", value))


# --- vectors and matrices -----------------------------------------------------------------------------------


def _square(value: Any, operation: str) -> Expr:
    expr = as_expr(value)
    if expr.ndim != 2 or expr.shape[0] != expr.shape[1]:
        raise ShapeError(f"{operation} of {describe(expr)}: a square matrix is needed")
    return expr


def trace(value: Any) -> Expr:
    """The trace: Sum over i of A[i,i].

    Parameters
    ----------
    value : Expr or SymPy matrix expression, shape (n, n)

    Returns
    -------
    Expr
        A scalar.

    Raises
    ------
    ShapeError
        When the matrix is not square.

    Notes
    -----
    numpy.trace. The derivative of tr(A X) by X is A' (Matrix Cookbook, equation 100).

    Examples
    --------
    >>> A, X = sd.tensor("A", "n", "n"), sd.tensor("X", "n", "n")
    >>> sd.grad(sd.trace(A @ X), X)
    A.T
    """
    expr = _square(value, "trace")
    label = build.fresh()
    return Expr(build.mul(1, [build.rename(expr.term, {0: label, 1: label})], (), {label: expr.shape[0]}), (), expr.open)


def diag(value: Any) -> Expr:
    """The diagonal of a matrix, or the diagonal matrix of a vector.

    Parameters
    ----------
    value : Expr or SymPy matrix expression, shape (n, n) or (n,)

    Returns
    -------
    Expr
        Of the shape (n,) or (n, n).

    Raises
    ------
    ShapeError
        For anything but a vector or a square matrix.

    Notes
    -----
    numpy.diag and torch.diag.

    Examples
    --------
    >>> x = sd.tensor("x", 2)
    >>> sd.evaluate(sd.diag(x), x=[1, 2])
    array([[1., 0.],
           [0., 2.]])
    """
    expr = as_expr(value)
    if expr.ndim == 1:
        return Expr(build.mul(1, [expr.term], [Delta(0, 1, expr.shape[0])]), expr.shape * 2, expr.open)
    expr = _square(expr, "diag")
    return Expr(build.rename(expr.term, {1: 0}), expr.shape[:1], expr.open)


def outer(a: Any, b: Any) -> Expr:
    """The outer product of two vectors: element (i, j) is a[i]*b[j].

    Parameters
    ----------
    a : Expr, shape (m,)
    b : Expr, shape (n,)

    Returns
    -------
    Expr
        Of the shape (m, n).

    Raises
    ------
    ShapeError
        For anything but two vectors.

    Notes
    -----
    numpy.outer and torch.outer.

    Examples
    --------
    >>> a, b = sd.tensor("a", 2), sd.tensor("b", 2)
    >>> sd.evaluate(sd.outer(a, b), a=[1, 2], b=[3, 4])
    array([[3., 4.],
           [6., 8.]])
    """
    left, right = as_expr(a), as_expr(b)
    if left.ndim != 1 or right.ndim != 1:
        raise ShapeError(f"outer of {describe(left)} and {describe(right)}: two vectors are needed")
    return left[:, None] * right[None, :]


def dot(a: Any, b: Any) -> Expr:
    """The product ``a @ b``: of matrices, of a matrix and a vector, of two vectors Sum a[i]*b[i]; with a scalar ``a * b``.

    Parameters
    ----------
    a, b : Expr, or SymPy expressions
        The last size of ``a`` is that of ``b``'s last axis but one (or its only one).

    Returns
    -------
    Expr

    Raises
    ------
    ShapeError
        When the sizes differ.

    Notes
    -----
    numpy.dot for vectors and matrices; with more axes numpy.matmul.

    Examples
    --------
    >>> a, b = sd.tensor("a", 2), sd.tensor("b", 2)
    >>> sd.evaluate(sd.dot(a, b), a=[1, 2], b=[3, 4])
    11.0
    """
    left, right = as_expr(a), as_expr(b)
    return multiply(left, right) if not left.shape or not right.shape else matmul(left, right)


def transpose(value: Any) -> Expr:
    """The transpose: axes in reverse order, as ``value.T``.

    Parameters
    ----------
    value : Expr, or SymPy matrix expression

    Returns
    -------
    Expr
        Of the reversed shape.

    Notes
    -----
    numpy.transpose without an order of axes; with one, ``value.transpose(1, 0, 2)``.

    Examples
    --------
    >>> sd.transpose(sd.tensor("X", "n", "p")).shape
    (p, n)
    """
    return as_expr(value).T


def _matrix_function(kind: str, value: Any) -> Expr:
    expr = _square(value, kind)
    if expr.map not in ((0, 1), (1, 0)):
        raise UnsupportedError(f"{kind} of {describe(expr)}: only of whole matrices, without index letters")
    # det(X.T) = det(X) and inv(X.T) = inv(X).T: the function is of the node as it stands.
    term = build.matrix(kind, Term(expr.node, expr.map))
    return Expr(term, expr.shape if kind == "inv" else (), expr.open)


def inv(value: Any) -> Expr:
    """The inverse of a square matrix.

    Parameters
    ----------
    value : Expr or SymPy matrix expression, shape (n, n)
        A whole matrix, without index letters.

    Returns
    -------
    Expr
        Of the shape (n, n).

    Raises
    ------
    ShapeError
        When the matrix is not square.
    UnsupportedError
        When index letters are open.
    DomainError (when evaluated)
        When the numbers are a singular matrix.

    Notes
    -----
    numpy.linalg.inv. The differential of X^-1 is -X^-1 dX X^-1 (Matrix Cookbook, equation 59).

    Examples
    --------
    >>> X = sd.tensor("X", 2, 2)
    >>> sd.evaluate(sd.inv(X), X=[[2, 0], [0, 4]])
    array([[0.5 , 0.  ],
           [0.  , 0.25]])
    """
    return _matrix_function("inv", value)


def det(value: Any) -> Expr:
    """The determinant of a square matrix.

    Parameters
    ----------
    value : Expr or SymPy matrix expression, shape (n, n)
        A whole matrix, without index letters.

    Returns
    -------
    Expr
        A scalar.

    Raises
    ------
    ShapeError
        When the matrix is not square.
    UnsupportedError
        When index letters are open.

    Notes
    -----
    numpy.linalg.det. The derivative is det(X) X^-T (Matrix Cookbook, equation 49).

    Examples
    --------
    >>> X = sd.tensor("X", 2, 2)
    >>> round(sd.evaluate(sd.det(X), X=[[1, 2], [3, 4]]), 4)
    -2.0
    """
    return _matrix_function("det", value)


def logdet(value: Any) -> Expr:
    """The logarithm of the determinant of a square matrix, which must be positive.

    Parameters
    ----------
    value : Expr or SymPy matrix expression, shape (n, n)
        A whole matrix, without index letters.

    Returns
    -------
    Expr
        A scalar.

    Raises
    ------
    ShapeError
        When the matrix is not square.
    UnsupportedError
        When index letters are open.
    DomainError (when evaluated)
        When the determinant is not positive.

    Notes
    -----
    torch.logdet and the second part of numpy.linalg.slogdet. The derivative is X^-T (Boyd and Vandenberghe, section A.4.1; Matrix Cookbook,
    equation 57).

    Examples
    --------
    >>> X = sd.tensor("X", 2, 2)
    >>> round(sd.evaluate(sd.logdet(X), X=[[2, 0], [0, 3]]), 4)
    1.7918
    """
    return _matrix_function("logdet", value)


def eye(size: Any) -> Expr:
    """The identity matrix.

    Parameters
    ----------
    size : int or size

    Returns
    -------
    Expr
        Of the shape (size, size).

    Raises
    ------
    ShapeError
        When the size cannot be one.

    Notes
    -----
    numpy.eye.

    Examples
    --------
    >>> sd.evaluate(sd.eye(2))
    array([[1., 0.],
           [0., 1.]])
    """
    n = as_size(size, "eye")
    return Expr(build.mul(1, [], [Delta(0, 1, n)]), (n, n))


def ones(*sizes: Any) -> Expr:
    """A tensor of ones.

    Parameters
    ----------
    *sizes : int or size
        One an axis; none for the number 1.

    Returns
    -------
    Expr
        Of the shape ``sizes``.

    Raises
    ------
    ShapeError
        When a size cannot be one.

    Notes
    -----
    numpy.ones.

    Examples
    --------
    >>> sd.ones("n", 3).shape
    (n, 3)
    """
    return Expr(build.constant(1), tuple(as_size(s, "ones") for s in sizes))


def zeros(*sizes: Any) -> Expr:
    """A tensor of zeros.

    Parameters
    ----------
    *sizes : int or size
        One an axis; none for the number 0.

    Returns
    -------
    Expr
        Of the shape ``sizes``.

    Raises
    ------
    ShapeError
        When a size cannot be one.

    Notes
    -----
    numpy.zeros.

    Examples
    --------
    >>> sd.zeros("n", 3).shape
    (n, 3)
    """
    return Expr(build.constant(0), tuple(as_size(s, "zeros") for s in sizes))


def delta(i: Any, j: Any, size: Any) -> Expr:
    """Kronecker's delta: 1 where i = j, else 0.

    Parameters
    ----------
    i, j : index letters
        Made by ``sd.indices``.
    size : int or size
        How far both run.

    Returns
    -------
    Expr
        A scalar with the open letters i and j.

    Raises
    ------
    ShapeError
        When i or j is no index letter, or the size cannot be one.

    Examples
    --------
    >>> i, j = sd.indices("i j")
    >>> x = sd.tensor("x", "n")
    >>> sd.sum(sd.delta(i, j, "n") * x[j], j)
    x[i]
    """
    n = as_size(size, "delta")
    for letter in (i, j):
        if not is_letter(letter):
            raise ShapeError(f"delta: {letter} is not an index; make one with sd.indices")
    return Expr(build.mul(1, [], [Delta(i, j, n)]), (), {i: n, j: n})


# --- losses of the text language -----------------------------------------------------------------------------


def least_squares(prediction: Any, target: Any) -> Expr:
    """1/2 Sum (prediction - target)^2 over all elements.

    Parameters
    ----------
    prediction, target : Expr, or SymPy expressions
        Shapes broadcast.

    Returns
    -------
    Expr
        A scalar.

    Raises
    ------
    ShapeError
        When the shapes do not broadcast.

    Notes
    -----
    Half of ``sd.mse_loss(prediction, target, reduction="sum")``. The derivative by the prediction is prediction - target.

    References
    ----------
    Gauss; Wakui, Y. and S., section 2-11.

    Examples
    --------
    >>> y, t = sd.tensor("y", 2), sd.tensor("t", 2)
    >>> sd.evaluate(sd.least_squares(y, t), y=[1, 2], t=[0, 4])
    2.5
    """
    residual = as_expr(prediction) - as_expr(target)
    return sum_(residual**2) / 2 if residual.shape else residual**2 / 2


def cross_entropy(probability: Any, target: Any) -> Expr:
    """-Sum target log(probability) over all elements; targets are probabilities of classes, one-hot or not."""
    weighted = as_expr(target) * log(as_expr(probability))
    return -sum_(weighted) if weighted.shape else -weighted
