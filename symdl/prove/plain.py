"""Plain SymPy made ready: derivatives carried out on definitions, cases written with indicators, then read as an expression of symdl."""

from __future__ import annotations

from typing import Any

import sympy as sp

from symdl.errors import UnsupportedError
from symdl.expr.in_kind import asked
from symdl.expr.tensor import Expr
from symdl.functions import BY_CLASS, TABLE

_positive = TABLE["positive"].sympy


def ready(value: Any, context: Any = None) -> Expr:
    """The Expr of what the user gave; SymPy's derivatives are carried out by SymPy itself, on definitions.

    Parameters
    ----------
    value : Expr, number, or SymPy expression
    context : the same
        What it is compared with: plain SymPy may know the sizes of tensors, and where indices start, from there.

    Raises
    ------
    UnsupportedError
        For what has no reading.
    """
    if isinstance(value, sp.Basic) and not isinstance(value, sp.MatrixBase):
        value = _without_cases(_without_derivatives(value))
        if value.has(sp.nan, sp.zoo):
            raise UnsupportedError(f"{value!s:.60} is undefined")
    return asked(value, scalar=True, context=context)


def _without_derivatives(value: sp.Basic) -> Any:
    if not value.has(sp.Derivative, sp.Subs):
        return value
    if any(d.has(sp.MatrixExpr) for d in value.atoms(sp.Derivative)):
        raise UnsupportedError(f"{value!s:.60}: SymPy's derivatives of matrix expressions are not relied on; use sd.grad or sd.jacobian")
    return value.replace(lambda e: isinstance(e, sp.Derivative), lambda e: e.replace(_is_ours, _defined).doit()).doit()


def _is_ours(e: Any) -> bool:
    name = BY_CLASS.get(type(e))
    return name is not None and type(e).__module__ == "symdl.functions" and TABLE[name].definition is not None


def _defined(e: Any) -> Any:
    definition = TABLE[BY_CLASS[type(e)]].definition
    assert definition is not None
    return definition(*e.args)


def _without_cases(value: Any) -> Any:
    """Piecewise, Heaviside, Max, Min by the indicator of z > 0; boundaries have measure zero."""
    value = value.replace(lambda e: isinstance(e, sp.Heaviside), lambda e: _positive(e.args[0]))
    value = value.replace(lambda e: isinstance(e, (sp.Max, sp.Min)), _extreme)
    return value.replace(lambda e: isinstance(e, sp.Piecewise), _piecewise)


def _extreme(e: Any) -> Any:
    sign = 1 if isinstance(e, sp.Max) else -1
    top, *rest = e.args
    for other in rest:
        top = (top + other + sign * sp.Abs(top - other)) / 2
    return top


def _piecewise(e: Any) -> Any:
    """Sum of branch x indicator. A branch that is undefined (nan) is left out: equality is meant where both sides are defined."""
    total: Any = sp.S.Zero
    rest: Any = sp.S.One
    for branch, condition in e.args:
        here = _indicator(condition)
        if branch is not sp.nan:
            total += rest * here * branch
        rest *= 1 - here
    return total


def _indicator(condition: Any) -> Any:
    if condition in (True, sp.true):
        return sp.S.One
    if condition in (False, sp.false) or isinstance(condition, sp.Eq):
        return sp.S.Zero
    if isinstance(condition, sp.Ne):
        return sp.S.One
    if isinstance(condition, (sp.StrictGreaterThan, sp.GreaterThan)):
        return _positive(condition.lhs - condition.rhs)
    if isinstance(condition, (sp.StrictLessThan, sp.LessThan)):
        return _positive(condition.rhs - condition.lhs)
    if isinstance(condition, sp.And):
        return sp.Mul(*[_indicator(a) for a in condition.args])
    if isinstance(condition, sp.Or):
        return 1 - sp.Mul(*[1 - _indicator(a) for a in condition.args])
    if isinstance(condition, sp.Not):
        return 1 - _indicator(condition.args[0])
    raise UnsupportedError(f"the condition {condition!s:.60} has no reading: use comparisons of expressions")
