"""SymPy templates as terms: a small expression in placeholders, with terms put in their places."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from typing import Any

import sympy as sp

from symdl.errors import UnsupportedError
from symdl.functions import BY_CLASS
from symdl.graph import build
from symdl.graph.build import Term
from symdl.graph.number import number


@cache
def placeholders(count: int) -> tuple[sp.Symbol, ...]:
    """The symbols that stand for a template's arguments."""
    return tuple(sp.Dummy(f"z{k}", real=True) for k in range(count))


def instantiate(template: sp.Expr, args: Sequence[Term]) -> Term:
    """A template in ``placeholders(len(args))`` with terms in their places. Templates are small, so this may recurse.

    Raises
    ------
    UnsupportedError
        When the template uses a function that is not in the table.
    """
    known = dict(zip(placeholders(len(args)), args, strict=True))

    def make(part: Any) -> Term:
        if part in known:
            return known[part]
        if part.is_number:
            return build.constant(part)
        inner = [make(a) for a in part.args]
        if isinstance(part, sp.Add):
            return build.add([1] * len(inner), inner)
        if isinstance(part, sp.Mul):
            return build.mul(1, inner)
        if isinstance(part, sp.Pow):
            return build.pow_(inner[0], number(part.exp)) if part.exp.is_number else build.fn("pow", inner)
        if type(part) in BY_CLASS:
            return build.fn(BY_CLASS[type(part)], inner)
        raise UnsupportedError(f"{template} uses {type(part).__name__}, which is not in the function table")

    return make(template)
