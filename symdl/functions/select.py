"""Selection: the indicator of zero, and choice by a condition. With the positions 0, 1, 2, ... of an axis they are all index maps there are."""

from __future__ import annotations

from typing import Any

import numpy as np
import sympy as sp

from symdl.functions.entry import Elementwise, Kink, sympy_class


def _iszero(z: Any) -> Any:
    return np.where(np.isnan(z), np.nan, np.where(np.asarray(z) == 0, 1.0, 0.0))


def _where(c: Any, a: Any, b: Any) -> Any:
    return np.where(np.asarray(c) > 0, a, b)


def _zero_at(z: sp.Expr) -> sp.Expr | None:
    if z.is_number and z.is_zero is not None:
        return sp.S.One if z.is_zero else sp.S.Zero
    return None


_iszero_entry = Elementwise(
    "iszero",
    sympy_class(
        "iszero",
        lambda z: sp.S.Zero,
        lambda z: sp.Piecewise((1, sp.Eq(z, 0)), (0, True)),
        _iszero,
        r"\mathbf{1}_{=0}",
        _zero_at,
    ),
    (lambda z: sp.S.Zero,),
    "derivative of the indicator of zero",
    _iszero,
    lambda z: sp.Piecewise((1, sp.Eq(z, 0)), (0, True)),
    r"\mathbf{1}_{=0}",
    (Kink(0.0, "1", "0 (undefined there; 0 on both sides)"),),
    equals="numpy.equal(z, 0), as a number",
)
iszero: Any = _iszero_entry.sympy


class where(sp.Function):  # noqa: N801
    """where(c, a, b): a where c > 0, else b."""

    nargs = 3

    def __new__(cls, *args: Any, **options: Any) -> Any:
        first = next((a for a in args if hasattr(a, "_apply_elementwise")), None)
        if first is not None:
            return first._apply_elementwise("where", *args)
        return sp.Function.__new__(cls, *args, **options)

    @classmethod
    def eval(cls, c: sp.Expr, a: sp.Expr, b: sp.Expr) -> sp.Expr | None:
        if a == b:
            return a
        if c.is_number and c.is_extended_positive is not None:
            return a if c.is_extended_positive else b
        return None

    def fdiff(self, argindex: int = 1) -> sp.Expr:
        return sp.sympify(_WHERE_SLOPES[argindex - 1](*self.args))

    def _eval_rewrite(self, rule: Any, args: Any, **hints: Any) -> sp.Expr:
        return _where_definition(*args)

    def _eval_evalf(self, prec: int) -> sp.Expr | None:
        chosen = _where_definition(*self.args)
        return None if isinstance(chosen, sp.Piecewise) else chosen._eval_evalf(prec)

    def _latex(self, printer: Any, exp: str | None = None) -> str:
        shown = printer._print(_where_definition(*self.args))
        return rf"\left({shown}\right)^{{{exp}}}" if exp else shown


where._imp_ = staticmethod(_where)  # type: ignore[attr-defined]  # what sympy.lambdify calls


def _where_definition(c: sp.Expr, a: sp.Expr, b: sp.Expr) -> sp.Expr:
    return sp.Piecewise((a, c > 0), (b, True))


def _positive(z: sp.Expr) -> sp.Expr:
    from symdl.functions.activations import positive

    return positive(z)


_WHERE_SLOPES = (lambda c, a, b: sp.S.Zero, lambda c, a, b: _positive(c), lambda c, a, b: 1 - _positive(c))

_where_entry = Elementwise(
    "where",
    where,
    _WHERE_SLOPES,
    "derivative of a choice",
    _where,
    _where_definition,
    r"\operatorname{where}",
    (Kink(0.0, "the last argument", "0 by the condition (undefined there; 0 on both sides)"),),
    equals="torch.where(c > 0, a, b)",
)

ENTRIES = (_iszero_entry, _where_entry)
