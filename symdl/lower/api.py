"""From expressions to functions of numbers: lambdify, evaluate, value_and_gradients."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import sympy as sp

from symdl.errors import DataError, DomainError, NameError_, ShapeError, UnsupportedError
from symdl.expr.tensor import Expr, as_expr
from symdl.functions.given import flag
from symdl.lower.compiled import Compiled
from symdl.lower.listing import Shown
from symdl.lower.nesting import arguments, collect, match, nest
from symdl.lower.offender import explained


def lambdify(args: Any, exprs: Any, backend: str = "auto", dtype: Any = None, factored: bool = False) -> Callable[..., Any]:
    """A function of numbers, with SymPy's argument order and nesting.

    Parameters
    ----------
    args : tensor, SymPy Symbol, IndexedBase or MatrixSymbol, name, or a (nested) list of these
        What the function takes, in this order. A symbolic size may be among them.
    exprs : expression, or a (nested) list or tuple, or a SymPy matrix of scalars
        What it gives: an expression of symdl or of SymPy.
    backend : str
        "auto", "numpy", "native" (compiled C) or a name that ``symdl.extend.backend`` added.
    dtype : {"float64", "float32"} or a type of NumPy, optional
        In which floats it computes: 64 bits unless 32 are asked for, whatever the arrays are that come in (they are converted).
    factored : bool
        For one square expression, such as a Hessian: the result is a :class:`symdl.lower.factors.Factored`, which keeps the factors of the formula.

    Returns
    -------
    callable
        f(*values) -> float for a scalar, a fresh array for a tensor, or a list of such, nested as ``exprs``. Values are numbers,
        lists or arrays. Of float32: arrays of float32, scalars of ``numpy.float32``. ``print(f)`` shows what it runs.

    Raises
    ------
    NameError_
        When an expression mentions a tensor that is not among the arguments.
    DataError, DomainError (when called)
        For values of the wrong shape or not finite, and for results that are not finite.

    Notes
    -----
    sympy.lambdify, for tensors too.

    Examples
    --------
    >>> X, w = sd.tensor("X", "n", "p"), sd.tensor("w", "p")
    >>> f = sd.lambdify([X, w], X @ w)
    >>> f([[1, 2], [3, 4]], [1, 1])
    array([3., 7.])
    """
    leaves: list[Expr] = []
    try:
        shape = collect(exprs, leaves)
        names, declared = arguments(args)
    except RecursionError:
        raise DataError("lambdify: the lists are nested too deeply") from None
    if flag("lambdify", "factored", factored):
        return _factored(args, shape, leaves, names, declared, backend, dtype)
    compiled = Compiled(leaves, backend, declared, dtype=dtype)
    missing = [name for name in compiled.names if name not in names]
    if missing:
        raise NameError_(f"lambdify: the expression mentions {', '.join(missing)}, not among the arguments {', '.join(names) or '()'}")
    known = {*compiled.names, *declared, *compiled.dims}
    listed = args if isinstance(args, (list, tuple)) else [args]
    nested = len(names) != len(listed) or any(isinstance(arg, (list, tuple, sp.Tuple)) for arg in listed)

    # Called with the inputs alone, one after the other, there is nothing to sort out.
    simple = not nested and set(names) == set(compiled.names)
    standing = {name: k for k, name in enumerate(names)}
    place = [standing[name] for name in compiled.names] if simple else []
    straight, count = place == list(range(len(listed))), len(listed)

    def function(*values: Any) -> Any:
        given: dict[str, Any] = {}
        try:
            if simple and len(values) == count:
                found = compiled.of(values if straight else [values[k] for k in place])
                return found[0] if shape is None else nest(shape, iter(found), compiled.dtype)
            if nested or len(values) != len(listed):
                match(listed, values, given)
            else:
                given |= zip(names, values, strict=True)
            results = compiled({k: v for k, v in given.items() if k in known})
            return nest(shape, iter(results), compiled.dtype)
        except DomainError as error:
            raise explained(error, leaves, given or dict(zip(names, values, strict=True)), compiled.dtype) from None

    function.__doc__ = f"f({', '.join(names)})"
    return Shown(function, function.__doc__, lambda: compiled.made)


def _factored(args: Any, shape: Any, leaves: list[Expr], names: Any, declared: Any, backend: str, dtype: Any) -> Callable[..., Any]:
    """``lambdify`` of one expression that is kept as factors."""
    from symdl.lower.factored import factored_function

    if shape is not None:
        raise UnsupportedError("lambdify: factored=True is for one expression, not for a list of them")
    missing = [name for name in leaves[0].inputs if name not in names]
    if missing:
        raise NameError_(f"lambdify: the expression mentions {', '.join(missing)}, not among the arguments {', '.join(names) or '()'}")
    by_name = factored_function(list(names), declared, leaves[0], backend, dtype)
    listed = args if isinstance(args, (list, tuple)) else [args]
    nested = any(isinstance(arg, (list, tuple, sp.Tuple)) for arg in listed)

    def function(*values: Any) -> Any:
        if not nested and len(values) == len(listed):
            return by_name(dict(zip(names, values, strict=True)))
        given: dict[str, Any] = {}
        match(listed, values, given)
        return by_name(given)

    return by_name.around(function)


def evaluate(expr: Any, /, **values: Any) -> Any:
    """The value of an expression, once.

    Parameters
    ----------
    expr : expression of symdl or of SymPy
    **values : number, list or array
        For every tensor by its name; for a symbolic size that no shape tells, a whole number.

    Returns
    -------
    float for a scalar, else an array

    Raises
    ------
    NameError_, DataError, DomainError, ShapeError
        For names that are unknown, values missing, of the wrong shape or not finite, results not finite, open indices.

    Examples
    --------
    >>> x = sd.tensor("x", 3)
    >>> sd.evaluate(sd.sum(x**2), x=[1, 2, 3])
    14.0
    """
    wanted = as_expr(expr)
    try:
        (result,) = Compiled([wanted])(values)
    except DomainError as error:
        raise explained(error, [wanted], values) from None
    return result


def value_and_gradients(loss: Expr, gradients: Mapping[str, Expr], backend: str = "auto", dtype: Any = None) -> Callable[..., tuple[float, dict[str, Any]]]:
    """One function for a loss and its gradients: g(**arrays) -> (float, {name: array}).

    Parameters
    ----------
    loss : Expr
        A scalar.
    gradients : mapping
        Name -> gradient.
    dtype : optional
        As for :func:`lambdify`.
    """
    labels = [f"the gradient by {name}" for name in gradients]
    compiled = Compiled([loss, *gradients.values()], backend, labels=["the loss", *labels], dtype=dtype)

    def function(**values: Any) -> tuple[float, dict[str, Any]]:
        try:
            value, *found = compiled(values)
        except DomainError as error:
            raise explained(error, [loss, *gradients.values()], values, compiled.dtype) from None
        return value, dict(zip(gradients, found, strict=True))

    return Shown(function, f"the loss and its gradients by {', '.join(gradients)}", lambda: compiled.made)


__all__ = ["ShapeError", "evaluate", "lambdify", "value_and_gradients"]
