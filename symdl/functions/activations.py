"""Activations: SymPy functions of our own, with closed-form derivatives.

Sources: Wakui, Y. and S., section 2-2 (unit step, sigmoid); Goodfellow et al., Deep Learning, section 3.10 (softplus, sigma' =
sigma(1 - sigma)); Hendrycks and Gimpel 2016 (GELU); Elfwing et al. 2018 (SiLU).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sympy as sp

from symdl.functions import stable
from symdl.functions.entry import Elementwise, Kink, sympy_class


def _activation(
    name: str,
    derivative: Callable[[sp.Expr], sp.Expr],
    definition: Callable[[sp.Expr], sp.Expr],
    numpy: Callable[..., Any],
    latex: str,
    rule: str,
    at_number: Callable[[sp.Expr], sp.Expr | None] = lambda z: None,
    kinks: tuple[Kink, ...] = (),
) -> Elementwise:
    made = sympy_class(name, derivative, definition, numpy, latex, at_number)
    return Elementwise(name, made, (derivative,), rule, numpy, definition, latex, kinks)


def _by_sign(below: Any, at_zero: Any, above: Callable[[sp.Expr], Any]) -> Callable[[sp.Expr], sp.Expr | None]:
    """Automatic evaluation at numbers whose sign is known."""

    def at_number(z: sp.Expr) -> sp.Expr | None:
        if z.is_number:
            if z.is_positive:
                return sp.sympify(above(z))
            if z.is_negative:
                return sp.sympify(below)
            if z.is_zero:
                return sp.sympify(at_zero)
        return None

    return at_number


def _sigmoid_at(z: sp.Expr) -> sp.Expr | None:
    return {sp.S.Zero: sp.S.Half, sp.oo: sp.S.One, -sp.oo: sp.S.Zero}.get(z)


_positive = _activation(
    "positive",
    lambda z: sp.S.Zero,
    lambda z: sp.Piecewise((1, z > 0), (0, True)),
    stable.positive,
    r"\mathbf{1}_{>0}",
    "derivative of the indicator of z > 0",
    _by_sign(0, 0, lambda z: 1),
    (Kink(0.0, "0", "0 (undefined there; 0 on both sides)"),),
)
positive: Any = _positive.sympy

_step = _activation(
    "step",
    lambda z: sp.S.Zero,
    lambda z: sp.Piecewise((0, z < 0), (1, z > 0), (sp.nan, True)),
    stable.step,
    "u",
    "derivative of the unit step",
    _by_sign(0, sp.nan, lambda z: 1),
    (Kink(0.0, "undefined", "undefined (0 on both sides)"),),
)

_sigmoid = _activation(
    "sigmoid",
    lambda z: sigmoid(z) * (1 - sigmoid(z)),
    lambda z: 1 / (1 + sp.exp(-z)),
    stable.sigmoid,
    r"\sigma",
    "derivative of the sigmoid",
    _sigmoid_at,
)
sigmoid: Any = _sigmoid.sympy

_softplus = _activation(
    "softplus",
    lambda z: sigmoid(z),
    lambda z: sp.log(1 + sp.exp(z)),
    stable.softplus,
    r"\operatorname{softplus}",
    "derivative of the softplus",
)

_relu = _activation(
    "relu",
    lambda z: positive(z),
    lambda z: sp.Piecewise((z, z > 0), (0, True)),
    stable.relu,
    r"\operatorname{ReLU}",
    "derivative of the ReLU",
    _by_sign(0, 0, lambda z: z),
    (Kink(0.0, "0", "0 (as PyTorch takes it)"),),
)

_silu = _activation(
    "silu",
    lambda z: sigmoid(z) * (1 + z * (1 - sigmoid(z))),
    lambda z: z / (1 + sp.exp(-z)),
    stable.silu,
    r"\operatorname{SiLU}",
    "derivative of the SiLU",
)

_gelu = _activation(
    "gelu",
    lambda z: (1 + sp.erf(z / sp.sqrt(2))) / 2 + z * sp.exp(-(z**2) / 2) / sp.sqrt(2 * sp.pi),
    lambda z: z * (1 + sp.erf(z / sp.sqrt(2))) / 2,
    stable.gelu,
    r"\operatorname{GELU}",
    "derivative of the GELU",
)

ENTRIES = (_positive, _step, _sigmoid, _softplus, _relu, _silu, _gelu)
