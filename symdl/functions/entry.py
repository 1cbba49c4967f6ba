"""What one elementwise function is, and the SymPy class made from it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import sympy as sp


@dataclass(frozen=True)
class Kink:
    """A point where a function jumps or has no derivative, and what symdl does there."""

    at: float
    value: str  # "undefined", or the value taken there, as text
    derivative: str  # "undefined", or the value taken there, as text


@dataclass(frozen=True)
class Elementwise:
    """An elementwise function.

    Attributes
    ----------
    name : str
        As in the text language and in generated code.
    sympy : type
        SymPy's class of the function.
    derivatives : tuple of callables
        One an argument: SymPy arguments -> the partial derivative, as a SymPy expression.
    rule : str
        How the derivative is called in a derivation: "derivative of the sigmoid".
    numpy : callable
        Stable evaluation on float arrays.
    definition : callable or None
        SymPy arguments -> the function in terms of simpler ones; None for those that are basic.
    latex : str
        How the function's name is written.
    kinks : tuple of Kink
        Where the derivative's table entry is a policy and not a theorem.
    domain : str
        "" for all reals, else the condition in words ("z > 0").
    """

    name: str
    sympy: Any
    derivatives: tuple[Callable[..., sp.Expr], ...]
    rule: str
    numpy: Callable[..., Any]
    definition: Callable[..., sp.Expr] | None = None
    latex: str = ""
    kinks: tuple[Kink, ...] = field(default=())
    domain: str = ""

    @property
    def nargs(self) -> int:
        return len(self.derivatives)


def sympy_class(
    name: str,
    derivative: Callable[[sp.Expr], sp.Expr],
    definition: Callable[[sp.Expr], sp.Expr],
    numpy: Callable[..., Any],
    latex: str,
    at_number: Callable[[sp.Expr], sp.Expr | None] = lambda z: None,
) -> type[sp.Function]:
    """A SymPy function that knows its derivative, definition, numeric value and LaTeX.

    ``diff``, ``rewrite(exp)``, ``evalf``, ``latex`` and ``lambdify`` work on it as on SymPy's own.
    """

    def new(cls: type, *args: Any, **options: Any) -> Any:
        # An expression of symdl answers for itself, so that sd.sigmoid is one name for both worlds.
        if args and hasattr(args[0], "_apply_elementwise"):
            return args[0]._apply_elementwise(name)
        return sp.Function.__new__(cls, *args, **options)

    def fdiff(self: sp.Function, argindex: int = 1) -> sp.Expr:
        return derivative(self.args[0])

    def eval_(cls: type, z: sp.Expr) -> sp.Expr | None:
        return at_number(z)

    def rewrite_as(self: sp.Function, z: sp.Expr, **hints: Any) -> sp.Expr:
        return definition(z)

    def evalf_(self: sp.Function, prec: int) -> sp.Expr | None:
        z = self.args[0]
        if not z.is_number:
            return None
        # Twice the digits: definitions such as 1/(1 + exp(-z)) lose some by cancellation.
        value = definition(z)._eval_evalf(2 * prec + 64)
        return None if value is None else value._eval_evalf(prec)

    def latex_(self: sp.Function, printer: Any, exp: str | None = None) -> str:
        power = f"^{{{exp}}}" if exp else ""
        return rf"{latex}{power}\left({printer._print(self.args[0])}\right)"

    def is_real(self: sp.Function) -> bool | None:
        return self.args[0].is_real

    body = {
        "nargs": 1,
        "__new__": new,
        "fdiff": fdiff,
        "eval": classmethod(eval_),
        "_eval_rewrite": lambda self, rule, args, **hints: definition(args[0]),
        "_eval_rewrite_as_exp": rewrite_as,
        "_eval_evalf": evalf_,
        "_eval_is_real": is_real,
        "_latex": latex_,
        "_imp_": staticmethod(numpy),
        "__module__": "symdl.functions",
        "__doc__": f"The function {name}; see symdl.functions.TABLE[{name!r}].",
    }
    return type(sp.Function)(name, (sp.Function,), body)
