"""Derivatives of any order and of any shape: jacobian, hessian, hvp, jvp, vjp. All are the one reverse sweep, repeated."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import sympy as sp

from symdl.diff import derive as differentiator
from symdl.diff.targets import Target, Targets
from symdl.errors import NameError_, ShapeError, UnsupportedError
from symdl.expr.in_kind import Kind, asked
from symdl.expr.ops import sum_
from symdl.expr.structured import FULL
from symdl.expr.tensor import Expr, as_expr, describe, tensor
from symdl.functions.given import shown
from symdl.graph.node import INPUT
from symdl.graph.walk import inputs


class Blocks(dict):
    """The blocks of a Hessian by several tensors: ``h["w", "b"]`` is d2 loss / dw db, of shape w.shape + b.shape; ``h["w"]`` is the row, a dict by name.

    Tensors and SymPy symbols serve as keys like their names.
    """

    def __getitem__(self, key: Any) -> Any:
        if isinstance(key, tuple):
            return super().__getitem__(tuple(map(key_of, key)))
        row = {b: block for (a, b), block in self.items() if a == key_of(key)}
        if not row:
            raise KeyError(key)
        return row


def key_of(target: Any) -> str:
    """The name that an answer is found by."""
    if isinstance(target, str):
        return target
    name = target.name if isinstance(target, Expr) else None
    return str(name) if name else shown(target) if isinstance(target, (list, tuple)) else str(target)


def several(wrt: Any) -> list[Any] | None:
    """The targets when there are several; None for one."""
    return list(wrt) if isinstance(wrt, (list, tuple, sp.Tuple)) else None


def scalar(loss: Any, operation: str) -> Expr:
    """The loss, which must be a scalar."""
    expr = asked(loss, scalar=True)
    if expr.shape or expr.open:
        what = describe(expr)
        raise ShapeError(f"{operation}: {what} is not a scalar: sum it first, or use sd.jacobian, which differentiates tensors")
    return expr


def jacobian(value: Any, wrt: Any, structure: Any = None) -> Any:
    """The derivative of a tensor by a tensor, d value / d wrt, of shape value.shape + wrt.shape.

    Parameters
    ----------
    value : Expr or SymPy expression
        A scalar or a tensor of any shape; index letters may be open.
    wrt : tensor, name, SymPy symbol, explicit Matrix of symbols, or a list of these
        Or an element or a transpose of a tensor.
    structure : "symmetric", "diagonal", "full", or a dict of these by name, optional
        Of a matrix declared symmetric or diagonal the derivative is over its independent entries; "full": as if all entries were independent.

    Returns
    -------
    Expr, or SymPy expression
        The Jacobian; for a list a dict by name. Of a SymPy matrix expression by a MatrixSymbol: a matrix where that has at most two axes longer
        than 1 (a column by a column: rows belong to the value), else its element in index notation.

    Raises
    ------
    NameError_
        When ``wrt`` does not occur in the value.
    UnsupportedError
        By an explicit Matrix of symbols, when the value is neither a scalar nor an explicit column.

    Notes
    -----
    jax.jacobian and torch.func.jacrev, as formulas.

    Examples
    --------
    >>> A, x = sd.tensor("A", "m", "n"), sd.tensor("x", "n")
    >>> sd.jacobian(A @ x, x)
    A
    """
    expr = asked(value)
    kind = Kind.of(value, *(several(wrt) or [wrt]))
    if isinstance(wrt, sp.MatrixBase):
        return _by_symbols(expr, wrt, kind)
    many = several(wrt)
    targets = Targets(expr, kind.start)
    if many is not None:
        return {key_of(one): kind.answer(_jacobian(expr, targets.find(one), structure)) for one in some(many)}
    return kind.answer(_jacobian(expr, targets.find(wrt), structure))


def some(targets: list[Any]) -> list[Any]:
    if not targets:
        raise NameError_("there is nothing to differentiate by: name at least one tensor")
    return targets


def _jacobian(expr: Expr, target: Target, structure: Any = None) -> Expr:
    whole = differentiator.jacobian(expr, target.whole, structure)
    return whole if target.look is None else target.look(whole, expr.ndim)


def _by_symbols(expr: Expr, symbols: sp.MatrixBase, kind: Kind) -> sp.MatrixBase:
    """By an explicit matrix of symbols: an explicit matrix of that shape for a scalar; for a column, one row each, as Matrix.jacobian."""
    targets = Targets(expr, kind.start)
    columns = [_jacobian(expr, targets.find(s)) for s in symbols]
    if not expr.shape:
        return sp.ImmutableMatrix(*symbols.shape, [kind.answer(c) for c in columns])
    if len(expr.shape) != 2 or 1 not in expr.shape or not isinstance(expr.shape[0], int) or not isinstance(expr.shape[1], int):
        raise UnsupportedError(f"jacobian of {describe(expr)} by an explicit matrix: the value must be a scalar or an explicit column")
    count = expr.shape[0] * expr.shape[1]
    place = (lambda k: (k, 0)) if expr.shape[1] == 1 else (lambda k: (0, k))
    return sp.ImmutableMatrix(count, len(columns), [kind.answer(c[place(k)]) for k in range(count) for c in columns])


def hessian(loss: Any, wrt: Any, structure: Any = None) -> Any:
    """The second derivatives of a scalar.

    Parameters
    ----------
    loss : Expr or SymPy expression
        A scalar.
    wrt : tensor, name, SymPy symbol, explicit Matrix of symbols, or a list of these
    structure : "symmetric", "diagonal", "full", or a dict of these by name, optional
        As for :func:`jacobian`.

    Returns
    -------
    Expr, or SymPy expression
        Of shape wrt.shape + wrt.shape; for a list the ``Blocks`` of every ordered pair, ``h["w", "b"]`` or ``h["w"]["b"]`` of shape w.shape + b.shape.

    Raises
    ------
    ShapeError
        When the loss is no scalar.
    NameError_
        When a target does not occur in it.

    Notes
    -----
    jax.hessian, as a formula. At kinks the second derivative is that of the formula of the first.

    Examples
    --------
    >>> A, x = sd.tensor("A", "n", "n"), sd.tensor("x", "n")
    >>> sd.hessian(x @ A @ x, x)
    A + A.T
    """
    expr = scalar(loss, "hessian")
    many = several(wrt)
    kind = Kind.of(loss, *(many or [wrt]))
    targets = Targets(expr, kind.start)
    if isinstance(wrt, sp.MatrixBase):
        symbols = [targets.find(s).whole for s in wrt]
        slopes = _gradients(expr, symbols)
        return sp.ImmutableMatrix(len(symbols), len(symbols), [kind.answer(differentiator.jacobian(g, s)) for g in slopes for s in symbols])
    if many is None:
        found = targets.find(wrt)
        return kind.answer(_jacobian(_jacobian(expr, found, structure), found, structure))
    found_all = {key_of(one): targets.find(one) for one in some(many)}
    slopes_by = {name: _jacobian(expr, t, structure) for name, t in found_all.items()}
    return Blocks({(a, b): kind.answer(_jacobian(slope, t, structure)) for a, slope in slopes_by.items() for b, t in found_all.items()})


def hvp(loss: Any, wrt: Any, v: Any) -> Any:
    """The Hessian-vector product: the gradient of (gradient . v), of wrt's shape; the Hessian is never built.

    Parameters
    ----------
    loss : Expr or SymPy expression
        A scalar.
    wrt : tensor, name or SymPy symbol, or a list of these
    v : Expr, or a name for a new tensor of wrt's shape; for a list, as many

    Returns
    -------
    Expr, or SymPy expression
        Of wrt's shape; for a list a dict by name: row a is the sum over b of (d2 loss / da db) v_b.

    Raises
    ------
    ShapeError
        When a direction has not the shape of its tensor, or the loss is no scalar.
    NameError_
        When a target does not occur in the loss, or the name of a new direction is taken.

    References
    ----------
    Pearlmutter 1994.

    Examples
    --------
    >>> A, x = sd.tensor("A", "n", "n"), sd.tensor("x", "n")
    >>> sd.hvp(x @ A @ x, x, "v")
    (A + A.T) @ v
    """
    expr = scalar(loss, "hvp")
    kind = Kind.of(loss, *(several(wrt) or [wrt]), *(several(v) or [v]))
    wholes, directions = _paired(expr, wrt, v, kind, "hvp")
    slopes = _gradients(expr, wholes)
    along = _inner(slopes, directions)
    found = [kind.answer(g) for g in _gradients(along, wholes, None)]
    return dict(zip(map(key_of, wrt), found, strict=True)) if several(wrt) is not None else found[0]


def vjp(value: Any, wrt: Any, u: Any) -> Any:
    """The vector-Jacobian product u . (d value / d wrt), of wrt's shape: backward propagation of u.

    Parameters
    ----------
    value : Expr or SymPy expression
        Of any shape.
    wrt : tensor, name or SymPy symbol, or a list of these
    u : Expr, or a name for a new tensor of the value's shape

    Returns
    -------
    Expr, or SymPy expression
        Of wrt's shape; for a list a dict by name.

    Raises
    ------
    ShapeError
        When u has not the shape of the value.
    NameError_
        When a target does not occur in the value, or the name of a new u is taken.

    Notes
    -----
    jax.vjp and torch.func.vjp, as formulas.

    Examples
    --------
    >>> A, x = sd.tensor("A", "m", "n"), sd.tensor("x", "n")
    >>> sd.vjp(A @ x, x, "u")
    A.T @ u
    """
    expr = asked(value)
    kind = Kind.of(value, *(several(wrt) or [wrt]), u)
    wholes = [Targets(expr, kind.start).find(one).whole for one in (several(wrt) or [wrt])]
    cotangent = _direction(u, expr, expr, kind, "vjp")
    found = [kind.answer(g) for g in _gradients(_inner([expr], [cotangent]), wholes, None)]
    return dict(zip(map(key_of, wrt), found, strict=True)) if several(wrt) is not None else found[0]


def jvp(value: Any, wrt: Any, v: Any) -> Any:
    """The Jacobian-vector product (d value / d wrt) . v, of the value's shape: the derivative along v; the Jacobian is never built.

    Parameters
    ----------
    value : Expr or SymPy expression
        Of any shape.
    wrt : tensor, name or SymPy symbol, or a list of these
    v : Expr, or a name for a new tensor of wrt's shape; for a list, as many

    Returns
    -------
    Expr, or SymPy expression
        Of the value's shape.

    Raises
    ------
    ShapeError
        When a direction has not the shape of its tensor.
    NameError_
        When a target does not occur in the value, or the name of a new direction is taken.

    Notes
    -----
    jax.jvp and torch.func.jvp, as formulas. Two sweeps: u . J is linear in u, and its derivative by u along v is J . v.

    References
    ----------
    Townsend 2017, "A new trick for calculating Jacobian vector products".

    Examples
    --------
    >>> x = sd.tensor("x", "n")
    >>> sd.jvp(sd.sin(x), x, "v")
    v*cos(x)
    """
    expr = asked(value)
    kind = Kind.of(value, *(several(wrt) or [wrt]), *(several(v) or [v]))
    wholes, directions = _paired(expr, wrt, v, kind, "jvp")
    cotangent = tensor(_unused("u", expr, *directions), *expr.shape)
    back = _gradients(_inner([expr], [cotangent]), wholes)
    return kind.answer(_gradients(_inner(back, directions), [cotangent])[0])


def _paired(expr: Expr, wrt: Any, v: Any, kind: Kind, operation: str) -> tuple[list[Expr], list[Expr]]:
    """Targets and directions, one of the shape of the other."""
    many, along = several(wrt), several(v)
    if (many is None) != (along is None) or (many is not None and along is not None and len(many) != len(along)):
        raise ShapeError(f"{operation}: give one direction for every tensor, in the same order")
    targets = Targets(expr, kind.start)
    wholes = [targets.find(one).whole for one in (many if many is not None else [wrt])]
    return wholes, [_direction(one, whole, expr, kind, operation) for one, whole in zip(along if along is not None else [v], wholes, strict=True)]


def _direction(v: Any, like: Expr, expr: Expr, kind: Kind, operation: str) -> Expr:
    if isinstance(v, str):
        if v in {str(n.name) for n in inputs([expr.node])}:
            raise NameError_(f"{operation}: {v} is a tensor of the expression already; give it as sd.tensor, or choose another name")
        made = tensor(v, *like.shape)
        kind.meet(made)
        return made
    direction = as_expr(v)
    if direction.shape != like.shape or direction.open:
        raise ShapeError(f"{operation}: {describe(direction)} must have the shape of {describe(like)}")
    return direction


def _unused(wished: str, *exprs: Expr) -> str:
    taken = {str(n.name) for n in inputs([e.node for e in exprs]) if n.op == INPUT}
    name = wished
    while name in taken:
        name += "_"
    return name


def _gradients(loss: Expr, wholes: Sequence[Expr], structure: Any = FULL) -> list[Expr]:
    """One sweep for all; what is used more than once has a name, so that a later sweep meets it once."""
    targets = {f"{k}": whole for k, whole in enumerate(wholes)}
    return list(differentiator.derivation(loss, targets, structure).gradients.values())


def _inner(left: Sequence[Expr], right: Sequence[Expr]) -> Expr:
    """The sum of all products of elements."""
    total: Any = 0
    for a, b in zip(left, right, strict=True):
        product = a * b
        total = total + (sum_(product) if product.shape else product)
    return as_expr(total)


__all__ = ["Blocks", "hessian", "hvp", "jacobian", "jvp", "key_of", "scalar", "several", "vjp"]
