"""The kind of a question: what is asked in plain SymPy is answered in plain SymPy, what is asked in its matrices in its matrices."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import sympy as sp
from sympy.matrices.expressions import FunctionMatrix

from symdl.errors import UnsupportedError
from symdl.expr.ops import trace
from symdl.expr.sympy_in.indices import parts_of, with_dims
from symdl.expr.sympy_in.reading import from_sympy, lower_limit
from symdl.expr.sympy_out.elements import opened, to_sympy
from symdl.expr.sympy_out.matrices import to_matrices
from symdl.expr.sympy_out.squeeze import squeezed
from symdl.expr.tensor import Expr, as_expr


@dataclass(frozen=True)
class Kind:
    """How a question was asked, and so how it is answered.

    Attributes
    ----------
    plain : bool
        In plain SymPy.
    start : SymPy expression
        Where its indices start.
    matrices : dict
        Name -> MatrixSymbol, of those that stand in it.
    sizes : dict
        Size -> what the user wrote for it.
    """

    plain: bool = False
    start: Any = 0
    matrices: dict[str, sp.MatrixSymbol] = field(default_factory=dict)
    sizes: dict[Any, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, *questions: Any) -> Kind:
        """The kind of a question, by all its parts; anything of symdl's own in it makes it symdl's."""
        if not questions or not isinstance(questions[0], (sp.Basic, sp.MatrixBase)):
            return cls()
        plain = sp.Tuple(*[q.as_immutable() if isinstance(q, sp.MatrixBase) else q for q in questions if isinstance(q, (sp.Basic, sp.MatrixBase))])
        asked_for, sizes = with_dims(plain)
        return cls(True, lower_limit(questions[0]), {m.name: m for m in parts_of(asked_for, sp.MatrixSymbol)}, sizes)

    def meet(self, expr: Expr) -> None:
        """Take a tensor that was made for the question, a direction given by name, among the matrices."""
        if self.matrices and expr.ndim == 2 and expr.name:
            self.matrices[expr.name] = sp.MatrixSymbol(expr.name, *expr.shape)

    def answer(self, expr: Expr) -> Any:
        """The answer in the question's words.

        Of matrices: a scalar, or a matrix; where the answer has more than two axes those of size 1 are dropped (the Jacobian of a column by
        a column is a matrix). What SymPy's matrices have no word for is a FunctionMatrix of the element in index notation; with more than two
        axes it is the element, with the letters i, j, k, ... on them.
        """
        if not self.plain:
            return expr
        found = self._answer(expr)
        return found.xreplace(self.sizes) if self.sizes else found

    def _answer(self, expr: Expr) -> Any:
        if not self.matrices:
            return to_sympy(expr, self.start)
        expr = _few_axes(expr)
        try:
            if expr.open or expr.ndim > 2:
                return self._elements(expr)
            return to_matrices(expr, self.matrices)
        except UnsupportedError:
            return self._elements(expr)

    def _elements(self, expr: Expr) -> Any:
        """Index notation, on elements of the user's matrices."""
        element, letters = opened(expr)
        shown = to_sympy(element, self.start)
        own = {e for e in shown.atoms(sp.Indexed) if str(e.base.label) in self.matrices}
        shown = shown.xreplace({e: self.matrices[str(e.base.label)][e.indices] for e in own})
        return FunctionMatrix(*expr.shape, sp.Lambda(letters, shown)) if expr.ndim == 2 else shown


def _few_axes(expr: Expr) -> Expr:
    """Without the axes of size 1, when there are more than a matrix has."""
    thin = squeezed(expr)
    return thin if thin.ndim <= 2 else thin[tuple(0 if n == 1 else slice(None) for n in thin.shape)]


def asked(question: Any, scalar: bool = False, context: Any = None) -> Expr:
    """The expression that a question is about; with ``scalar``, a SymPy matrix of one element is that element.

    ``context`` is plain SymPy that it belongs to, from which the sizes of its tensors may be known.
    """
    if not isinstance(question, (sp.Basic, sp.MatrixBase)):
        return as_expr(question)
    expr = from_sympy(question, context if isinstance(context, sp.Basic) else None)
    if scalar and expr.shape == (1, 1):
        return trace(expr)
    return expr
