"""Sums, means, matrix functions and the elementwise functions, for symdl and for plain SymPy arguments alike."""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Hashable
from typing import Any

import sympy as sp

from symdl.errors import ShapeError, UnsupportedError
from symdl.expr.dims import as_size, is_letter
from symdl.expr.tensor import Expr, as_expr, describe, fitted, matmul, multiply, raise_to
from symdl.expr.wrapped import function
from symdl.functions.given import given
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
    if not keepdims:
        return result
    gone = _axes(expr, axis, operation)
    return result[tuple(None if k in gone else slice(None) for k in range(expr.ndim))]


def sum_(value: Any, *over: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Sum over index letters, ``sum(W[j,i]*x[i], i)``, or over axes, ``sum(X, axis=0)``; without either, over all axes.

    A plain SymPy expression with limits ``(i, lo, hi)`` gives a plain ``sympy.Sum``.
    """
    if over and all(isinstance(o, (tuple, sp.Tuple)) for o in over):
        return sp.Sum(given("sum", value), *[tuple(given("sum", part) for part in limits) for limits in over])
    expr = fitted(as_expr(value), over)
    summed, place, shape = _selected(expr, over, axis, "sum")
    term = build.mul(1, [build.rename(expr.term, place)], (), summed)
    letters = {s: n for s, n in expr.open.items() if s not in summed}
    return _keepdims(expr, Expr(term, shape, letters), axis, "sum", keepdims)


def mean(value: Any, *over: Any, axis: Any = None, keepdims: bool = False) -> Any:
    """Sum divided by the number of elements."""
    expr = fitted(as_expr(value), over)
    summed, _, _ = _selected(expr, over, axis, "mean")
    count: Any = 1
    for size in summed.values():
        count = count * to_sympy(number(size))
    return sum_(expr, *over, axis=axis, keepdims=keepdims) / number(sp.sympify(count))


def _reduction(kind: str) -> Callable[..., Expr]:
    def apply(value: Any, *over: Any, axis: Any = None, keepdims: bool = False) -> Expr:
        expr = fitted(as_expr(value), over)
        summed, place, shape = _selected(expr, over, axis, kind)
        term = build.reduce_(kind, build.rename(expr.term, place), summed)
        letters = {s: n for s, n in expr.open.items() if s not in summed}
        return _keepdims(expr, Expr(term, shape, letters), axis, kind, keepdims)

    apply.__name__ = kind
    apply.__doc__ = f"{kind} over index letters or axes; over all axes when neither is given."
    return apply


logsumexp = _reduction("logsumexp")
max_ = _reduction("max")


def softmax(value: Any, *over: Any, axis: Any = -1) -> Expr:
    """exp(z - logsumexp(z)) over an axis (the last one; of a SymPy column vector the first) or an index letter."""
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
    """The square root, at every element."""
    return raise_to(value, sp.Rational(1, 2)) if isinstance(value, Expr) else sp.sqrt(given("sqrt", value))


# --- vectors and matrices -----------------------------------------------------------------------------------


def _square(value: Any, operation: str) -> Expr:
    expr = as_expr(value)
    if expr.ndim != 2 or expr.shape[0] != expr.shape[1]:
        raise ShapeError(f"{operation} of {describe(expr)}: a square matrix is needed")
    return expr


def trace(value: Any) -> Expr:
    """Sum of the diagonal of a square matrix."""
    expr = _square(value, "trace")
    label = build.fresh()
    return Expr(build.mul(1, [build.rename(expr.term, {0: label, 1: label})], (), {label: expr.shape[0]}), (), expr.open)


def diag(value: Any) -> Expr:
    """The diagonal of a matrix, or the diagonal matrix of a vector, as numpy.diag."""
    expr = as_expr(value)
    if expr.ndim == 1:
        return Expr(build.mul(1, [expr.term], [Delta(0, 1, expr.shape[0])]), expr.shape * 2, expr.open)
    expr = _square(expr, "diag")
    return Expr(build.rename(expr.term, {1: 0}), expr.shape[:1], expr.open)


def outer(a: Any, b: Any) -> Expr:
    """a_i b_j of two vectors."""
    left, right = as_expr(a), as_expr(b)
    if left.ndim != 1 or right.ndim != 1:
        raise ShapeError(f"outer of {describe(left)} and {describe(right)}: two vectors are needed")
    return left[:, None] * right[None, :]


def dot(a: Any, b: Any) -> Expr:
    """Matrix product, or the sum of products of two vectors; with a scalar, the product."""
    left, right = as_expr(a), as_expr(b)
    return multiply(left, right) if not left.shape or not right.shape else matmul(left, right)


def transpose(value: Any) -> Expr:
    """Axes in reverse order."""
    return as_expr(value).T


def _matrix_function(kind: str) -> Callable[[Any], Expr]:
    def apply(value: Any) -> Expr:
        expr = _square(value, kind)
        if expr.map not in ((0, 1), (1, 0)):
            raise UnsupportedError(f"{kind} of {describe(expr)}: only of whole matrices, without index letters")
        # det(X.T) = det(X) and inv(X.T) = inv(X).T: the function is of the node as it stands.
        term = build.matrix(kind, Term(expr.node, expr.map))
        return Expr(term, expr.shape if kind == "inv" else (), expr.open)

    apply.__name__ = kind
    apply.__doc__ = {"inv": "The inverse", "det": "The determinant", "logdet": "The logarithm of the determinant"}[kind] + " of a square matrix."
    return apply


inv, det, logdet = map(_matrix_function, ["inv", "det", "logdet"])


def eye(size: Any) -> Expr:
    """The identity matrix."""
    n = as_size(size, "eye")
    return Expr(build.mul(1, [], [Delta(0, 1, n)]), (n, n))


def ones(*sizes: Any) -> Expr:
    """A tensor of ones."""
    return Expr(build.constant(1), tuple(as_size(s, "ones") for s in sizes))


def zeros(*sizes: Any) -> Expr:
    """A tensor of zeros."""
    return Expr(build.constant(0), tuple(as_size(s, "zeros") for s in sizes))


def delta(i: Any, j: Any, size: Any) -> Expr:
    """Kronecker's delta of two index letters that run over ``size`` positions."""
    n = as_size(size, "delta")
    for letter in (i, j):
        if not is_letter(letter):
            raise ShapeError(f"delta: {letter} is not an index; make one with sd.indices")
    return Expr(build.mul(1, [], [Delta(i, j, n)]), (), {i: n, j: n})


# --- losses of the text language -----------------------------------------------------------------------------


def least_squares(prediction: Any, target: Any) -> Expr:
    """1/2 Sum (prediction - target)^2 over all elements (Wakui, section 2-11; Gauss)."""
    residual = as_expr(prediction) - as_expr(target)
    return sum_(residual**2) / 2 if residual.shape else residual**2 / 2


def cross_entropy(probability: Any, target: Any) -> Expr:
    """-Sum target log(probability) over all elements; targets are probabilities of classes, one-hot or not."""
    weighted = as_expr(target) * log(as_expr(probability))
    return -sum_(weighted) if weighted.shape else -weighted
