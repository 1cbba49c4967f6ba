"""The smaller and the larger of two numbers. Where they tie, each counts half, as PyTorch takes it."""

from __future__ import annotations

from typing import Any

import numpy as np
import sympy as sp

from symdl.functions.activations import positive
from symdl.functions.entry import Elementwise, Kink, function

_TIE = (Kink("a = b", "a", "1/2 by each"),)


def _extreme(name: str, word: str, sign: int, numpy: Any, latex: str) -> Elementwise:
    """``sign`` 1: the larger."""

    def share(mine: sp.Expr, other: sp.Expr) -> sp.Expr:
        # 1, 1/2 or 0. Not with iszero, which is for whole numbers: the prover would take the inputs for class numbers.
        return (1 + positive(sign * (mine - other)) - positive(sign * (other - mine))) / 2

    def definition(a: sp.Expr, b: sp.Expr) -> sp.Expr:
        return sp.Piecewise((a, sign * (a - b) > 0), (b, True))

    return function(
        name, f"derivative of the {word} of two", definition, (share, lambda a, b: share(b, a)), numpy, latex, _TIE, equals=f"numpy.{name} and torch.{name}"
    )


_minimum = _extreme("minimum", "smaller", -1, np.minimum, r"\min")
_maximum = _extreme("maximum", "larger", 1, np.maximum, r"\max")
minimum: Any = _minimum.sympy
maximum: Any = _maximum.sympy

ENTRIES = (_minimum, _maximum)
