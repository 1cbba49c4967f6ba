"""What to differentiate by: tensors, names, elements, transposes, in symdl's words or SymPy's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property
from operator import attrgetter
from typing import Any, NamedTuple

import sympy as sp

from symdl.errors import NameError_, UnsupportedError
from symdl.expr.dims import LETTER
from symdl.expr.tensor import Expr, as_expr, describe, of_node
from symdl.graph.labels import is_fixed
from symdl.graph.node import INPUT, LET
from symdl.graph.walk import topological


class Target(NamedTuple):
    """A whole tensor, its name, and how to look at the gradient by it (None: as it is), or at a Jacobian: look(jacobian, axes before)."""

    whole: Expr
    name: str
    look: Callable[..., Expr] | None = None


class Targets:
    """Finds targets in a loss.

    Parameters
    ----------
    loss : Expr
    start : int or SymPy expression
        Where the indices of a plain SymPy question start.
    """

    def __init__(self, loss: Expr, start: Any = 0) -> None:
        self._loss = loss
        self._start = start

    @cached_property
    def _named(self) -> dict[str, Expr]:
        """Inputs and named results; of two with one name, the first."""
        named: dict[str, Expr] = {}
        for node in topological([self._loss.node]):
            if node.op in (INPUT, LET):
                named.setdefault(str(node.name), of_node(node))
        return named

    def find(self, one: Any) -> Target:
        """The target that a user's word stands for.

        Raises
        ------
        NameError_
            When a name does not occur in the loss.
        UnsupportedError
            When it is neither an input nor a named result, nor a look at one.
        """
        if isinstance(one, str):
            return Target(self._by_name(one), one)
        if isinstance(one, (sp.Indexed, sp.IndexedBase)):
            return self._indexed(one)
        expr = as_expr(one)
        if not expr.map and not expr.shape and not expr.open and expr.node.op in (INPUT, LET):
            return Target(expr, str(expr.node.name))
        if expr.node.op not in (INPUT, LET):
            raise UnsupportedError(f"cannot differentiate by {describe(expr)}: name it with sd.let first, or use an input")
        whole, name = of_node(expr.node), str(expr.node.name)
        if expr.map == whole.map and not expr.open:
            return Target(whole, name)
        return Target(whole, name, lambda gradient, before=0: look(gradient, expr, before))

    def _by_name(self, name: str) -> Expr:
        if name not in self._named:
            raise NameError_(f"{name} does not occur in the expression; it mentions {', '.join(self._loss.inputs) or 'no tensor'}")
        return self._named[name]

    def _indexed(self, one: Any) -> Target:
        base = one.base if isinstance(one, sp.Indexed) else one
        name = str(base.label)
        whole = self._by_name(name)
        if isinstance(one, sp.IndexedBase):
            return Target(whole, name)
        element = whole[tuple(i - self._start if i.is_number else i for i in one.indices)]
        return Target(whole, name, lambda gradient, before=0: look(gradient, element, before))


_node, _shape, _op, _name = (attrgetter(name) for name in ("node", "shape", "op", "attr.name"))


def inputs_among(loss: Any, wrt: Sequence[Any]) -> dict[str, Expr] | None:
    """Name -> tensor, when all of many targets of an expression are scalar inputs; None when each must be looked at by itself."""
    if not isinstance(loss, Expr):
        return None
    if set(map(type, wrt)) != {Expr}:
        return None
    nodes = list(map(_node, wrt))
    if any(map(_shape, nodes)) or set(map(_op, nodes)) != {INPUT}:
        return None
    found = dict(zip(map(_name, nodes), wrt, strict=True))
    return found if len(found) == len(wrt) else None


def look(gradient: Expr, like: Expr, before: int = 0) -> Expr:
    """The gradient by a view (element, transpose) of a tensor, from the gradient by the whole, whose axes come after ``before`` others."""
    moving = [e for e in like.map if not is_fixed(e)]
    if len(set(moving)) < len(moving) or len(like.map) != like.node.rank:
        raise UnsupportedError(f"cannot differentiate by {describe(like)}: an element stands there twice")
    keys = tuple(e if isinstance(e, LETTER) else (~e if e < 0 else slice(None)) for e in like.map)
    element = gradient[(slice(None),) * before + keys] if keys else gradient
    axes = [e for e in like.map if type(e) is int and e >= 0]
    order = [axes.index(k) for k in range(len(axes))]
    if order == sorted(order):
        return element
    return element.transpose(*range(before), *[before + k for k in order])
