"""Arguments and results as the caller nests them: lists, tuples, SymPy's matrices."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import sympy as sp

from symdl.errors import DataError, NameError_, UnsupportedError
from symdl.expr.dims import is_dim
from symdl.expr.tensor import Expr, as_expr, describe
from symdl.graph.node import INPUT


def collect(exprs: Any, leaves: list[Expr]) -> Any:
    """The expressions in order; the answer is their nesting."""
    if isinstance(exprs, sp.MatrixBase):
        return ("matrix", exprs.shape, [collect(e, leaves) for e in exprs])
    if isinstance(exprs, (list, tuple, sp.Tuple)):
        return ("tuple" if isinstance(exprs, tuple) else "list", None, [collect(e, leaves) for e in exprs])
    leaves.append(as_expr(exprs))
    return None


def nest(shape: Any, results: Any, dtype: str) -> Any:
    """The results in the nesting that ``collect`` found."""
    if shape is None:
        return next(results)
    kind, size, inside = shape
    found = [nest(s, results, dtype) for s in inside]
    if kind == "matrix":
        return np.array(found, dtype=dtype).reshape(size)
    return tuple(found) if kind == "tuple" else found


def arguments(args: Any) -> tuple[dict[str, None], dict[str, tuple[Any, ...]]]:
    """Names in order, and the shapes that are known from the arguments themselves."""
    names: dict[str, None] = {}
    declared: dict[str, tuple[Any, ...]] = {}
    for arg in _flat(args):
        name, shape = _argument(arg)
        if name in names:
            raise NameError_(f"lambdify: {name} stands twice among the arguments")
        names[name] = None
        if shape is not None:
            declared[name] = shape
    return names, declared


def _flat(args: Any) -> list[Any]:
    if isinstance(args, (list, tuple, sp.Tuple)):
        return [leaf for arg in args for leaf in _flat(arg)]
    return [args]


def _argument(arg: Any) -> tuple[str, tuple[Any, ...] | None]:
    if isinstance(arg, str):
        return arg, None
    if isinstance(arg, sp.IndexedBase):
        return str(arg.label), None
    if isinstance(arg, sp.MatrixSymbol):
        return arg.name, as_expr(arg).shape
    if isinstance(arg, sp.Symbol):
        return arg.name, None if is_dim(arg) else ()
    if isinstance(arg, Expr):
        if arg.node.op == INPUT and arg.name is not None:
            return arg.name, arg.shape
        raise UnsupportedError(f"lambdify: {describe(arg)} cannot be an argument: use a tensor")
    raise UnsupportedError(f"lambdify: {arg!r:.40} cannot be an argument: use a tensor, a SymPy symbol, or a name")


def match(args: Sequence[Any], values: Sequence[Any], given: dict[str, Any]) -> None:
    """Put the values, nested as the arguments are, into ``given`` by name."""
    if len(args) != len(values):
        raise DataError(f"{len(values)} values given, and the function takes {len(args)}: {', '.join(str(a) for a in args)}")
    for arg, value in zip(args, values, strict=True):
        if isinstance(arg, (list, tuple, sp.Tuple)):
            if not isinstance(value, (list, tuple, np.ndarray)):
                raise DataError(f"for the arguments {arg} a list of {len(arg)} values is expected")
            match(arg, list(value), given)
        else:
            given[_argument(arg)[0]] = value
