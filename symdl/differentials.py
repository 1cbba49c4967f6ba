"""Differentials: derivatives along a direction, as Magnus and Neudecker write them, d tr(A X) = tr(A dX)."""

from __future__ import annotations

from typing import Any

import sympy as sp

from symdl.diff import forward
from symdl.diff.targets import Targets
from symdl.errors import NameError_, ShapeError
from symdl.expr.dims import check_name
from symdl.expr.in_kind import Kind, asked
from symdl.expr.tensor import Expr, as_expr, describe, of_node
from symdl.graph import build
from symdl.graph.node import INPUT, InputInfo, Node
from symdl.graph.walk import inputs
from symdl.higher import several

#: What is true of a tensor is true of its differential.
_INHERITED = {"symmetric": "symmetric", "posdef": "symmetric", "diagonal": "diagonal"}


def differential(value: Any, wrt: Any, direction: Any = None) -> Any:
    """The differential of an expression: its derivative along ``dX``, an expression linear in ``dX``.

    Parameters
    ----------
    value : Expr or SymPy expression
        Of any shape; index letters may be open.
    wrt : tensor, name or SymPy symbol, or a list of these
        For several the total differential, the sum of the differentials by each.
    direction : Expr or name, optional; for a list, as many
        The differential of ``wrt``, of its shape. When it is not given, a new tensor: "dX" for X; symmetric or diagonal where X is declared so.

    Returns
    -------
    Expr, or SymPy expression
        Of the value's shape.

    Raises
    ------
    NameError_
        When a target does not occur in the value, or the name of a new direction is taken.
    ShapeError
        When a direction has not the shape of its tensor.

    References
    ----------
    Magnus and Neudecker, Matrix Differential Calculus, chapter 8; the Matrix Cookbook, equations 33-47.

    Examples
    --------
    >>> X = sd.tensor("X", "n", "n")
    >>> sd.differential(sd.inv(X), X)
    -inv(X) @ dX @ inv(X)
    """
    expr = asked(value)
    many = several(wrt)
    targets = many if many is not None else [wrt]
    along = (several(direction) or []) if many is not None and direction is not None else [direction] * len(targets)
    if len(along) != len(targets):
        raise ShapeError("differential: give one direction for every tensor, in the same order")
    kind = Kind.of(value, *targets, *(d for d in along if d is not None))
    found = Targets(expr, kind.start)
    directions: dict[Node, Expr] = {}
    for one, given in zip(targets, along, strict=True):
        target = found.find(one)
        whole, shown = target.whole, one if isinstance(one, Expr) else target.whole
        made = _direction(given, shown, expr, kind)
        directions[whole.node] = made if shown.map == whole.map else _spread(made, shown)
    return kind.answer(forward.differential(expr, directions))


def _direction(given: Any, like: Expr, expr: Expr, kind: Kind) -> Expr:
    """The differential of a tensor: given, or a new tensor."""
    if given is not None and not isinstance(given, str):
        made = as_expr(given)
        if made.shape != like.shape or made.open.keys() - like.open.keys():
            raise ShapeError(f"differential: {describe(made)} must have the shape of {describe(like)}")
        return made
    name = given if given is not None else f"d{like.node.name}"
    if name in {str(n.name) for n in inputs([expr.node])}:
        raise NameError_(f"differential: {name} is a tensor of the expression already; give the direction as sd.tensor, or choose another name")
    facts = {_INHERITED[f] for f in like.node.attr.facts if f in _INHERITED} if like.node.op == INPUT else set()
    check_name(name)
    atom = sp.IndexedBase(name, shape=like.shape) if like.shape else sp.Symbol(name)
    made = of_node(build.input_node(InputInfo(name, atom, frozenset(facts)), like.shape))
    kind.meet(made)
    return made


def _spread(made: Expr, like: Expr) -> Expr:
    """The differential of a whole tensor, of which ``like`` is a transpose."""
    if sorted(map(str, like.map)) != [str(k) for k in range(like.ndim)]:
        raise ShapeError(f"differential: {describe(like)} is not a whole tensor; give the tensor itself")
    return made.transpose(*like.map)


__all__ = ["differential"]
