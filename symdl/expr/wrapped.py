"""SymPy's own functions, taking expressions of symdl too: ``sd.exp`` of an Expr is an Expr, of a SymPy expression SymPy's."""

from __future__ import annotations

import inspect
from typing import Any

import sympy as sp

from symdl.expr.tensor import Expr, elementwise
from symdl.functions import TABLE
from symdl.functions.described import Doc
from symdl.functions.entry import over_elements
from symdl.functions.given import given


class Both:
    """A function of the table whose class is SymPy's own. Its docstring is written when somebody asks for it, which a plain function's cannot be."""

    def __init__(self, name: str) -> None:
        self.__name__ = self.__qualname__ = name
        self.__module__ = "symdl"
        self._sympy = TABLE[name].sympy

    def __call__(self, z: Any, /) -> Any:
        if isinstance(z, Expr):
            return elementwise(self.__name__, z)
        if isinstance(z, (sp.MatrixExpr, sp.MatrixBase)):
            return over_elements(self._sympy, z)
        return self._sympy(given(self.__name__, z))

    def __get__(self, instance: object, owner: type | None = None) -> Both:
        """As an attribute of a class it stays what it is; and for what has this method, ``help`` shows a signature."""
        return self

    def __repr__(self) -> str:
        return f"<function {self.__name__}>"

    @property
    def __signature__(self) -> inspect.Signature:
        return inspect.Signature([inspect.Parameter("z", inspect.Parameter.POSITIONAL_ONLY)])

    __doc__ = Doc()  # type: ignore[assignment]


def function(name: str) -> Any:
    """The function of the table, for both worlds: our own classes take both kinds of argument as they are."""
    made = TABLE[name].sympy
    return made if made.__module__ == "symdl.functions" else Both(name)
