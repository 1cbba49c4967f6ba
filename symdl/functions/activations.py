"""Activations: SymPy functions of our own, with closed-form derivatives.

Sources: Wakui, Y. and S., section 2-2 (unit step, sigmoid); Goodfellow et al., Deep Learning, section 3.10 (softplus, sigma' =
sigma(1 - sigma)); Hendrycks and Gimpel 2016 (GELU, both forms); Elfwing et al. 2018 (SiLU); Misra 2019 (Mish); Turian et al. 2009 (softsign).
Activations with cases are in ``rectifiers.py``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sympy as sp

from symdl.errors import UnsupportedError
from symdl.functions import stable, stable_activations, stable_normal
from symdl.functions.entry import Elementwise, Kink, Option, function, sympy_class
from symdl.functions.given import shown


def _activation(
    name: str,
    derivative: Callable[[sp.Expr], sp.Expr],
    definition: Callable[[sp.Expr], sp.Expr],
    numpy: Callable[..., Any],
    latex: str,
    rule: str,
    at_number: Callable[[sp.Expr], sp.Expr | None] = lambda z: None,
    kinks: tuple[Kink, ...] = (),
    otherwise: Callable[..., Any] | None = None,
    further: tuple[Option, ...] = (),
    source: str = "",
    equals: str = "",
) -> Elementwise:
    made = sympy_class(name, derivative, definition, numpy, latex, at_number, otherwise=otherwise)
    return Elementwise(name, made, (derivative,), rule, numpy, definition, latex, kinks, further=further, source=source, equals=equals)


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
    equals="numpy.heaviside(z, 0)",
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
    source="Wakui, Y. and S., section 2-2 (unit step).",
    equals="numpy.heaviside(z, nan)",
)

_sigmoid = _activation(
    "sigmoid",
    lambda z: sigmoid(z) * (1 - sigmoid(z)),
    lambda z: 1 / (1 + sp.exp(-z)),
    stable.sigmoid,
    r"\sigma",
    "derivative of the sigmoid",
    _sigmoid_at,
    source="Wakui, Y. and S., section 2-2; Goodfellow et al., Deep Learning, section 3.10 (sigma' = sigma*(1 - sigma)).",
    equals="scipy.special.expit and torch.sigmoid",
)
sigmoid: Any = _sigmoid.sympy


def _sharper(z: Any, beta: Any = 1, threshold: Any = 20) -> Any:
    """softplus with PyTorch's arguments; its threshold switches to z where the float value is z already, and changes nothing here.

    Below 20 it would change the function, by log(1 + exp(-threshold)) at the threshold.
    """
    if not (isinstance(threshold, (int, float, sp.Integer, sp.Rational)) and threshold >= 20):
        other = f"with the threshold {shown(threshold)} it is another function"
        raise UnsupportedError(f"softplus: {other}; write sd.where(beta*z - threshold, z, sd.softplus(z, beta))")
    if isinstance(beta, (int, float)) and not beta > 0:
        raise UnsupportedError(f"softplus: beta is {beta}, and must be positive")
    if hasattr(beta, "__len__"):
        raise UnsupportedError(f"softplus: beta is {shown(beta)}, and must be a number")
    beta = sp.Rational(repr(beta)) if isinstance(beta, float) else beta
    return softplus(z) if beta == 1 else softplus(beta * z) / beta


_softplus = _activation(
    "softplus",
    lambda z: sigmoid(z),
    lambda z: sp.log(1 + sp.exp(z)),
    stable.softplus,
    r"\operatorname{softplus}",
    "derivative of the softplus",
    otherwise=_sharper,
    further=(
        Option("beta", 1, "softplus(beta*z)/beta: the larger, the nearer to the ReLU."),
        Option("threshold", 20, "As PyTorch has it, which gives z where beta*z is larger; from 20 on that changes no digit, below it is refused."),
    ),
    source="Goodfellow et al., Deep Learning, section 3.10.",
    equals="torch.nn.functional.softplus",
)
softplus: Any = _softplus.sympy

_relu = _activation(
    "relu",
    lambda z: positive(z),
    lambda z: sp.Piecewise((z, z > 0), (0, True)),
    stable.relu,
    r"\operatorname{ReLU}",
    "derivative of the ReLU",
    _by_sign(0, 0, lambda z: z),
    (Kink(0.0, "0", "0 (as PyTorch takes it)"),),
    source="Nair and Hinton 2010; Goodfellow et al., Deep Learning, section 6.3.",
    equals="torch.nn.functional.relu",
)

relu: Any = _relu.sympy

_silu = _activation(
    "silu",
    lambda z: sigmoid(z) * (1 + z * (1 - sigmoid(z))),
    lambda z: z / (1 + sp.exp(-z)),
    stable.silu,
    r"\operatorname{SiLU}",
    "derivative of the SiLU",
    source="Elfwing et al. 2018 (SiLU), also called swish.",
    equals="torch.nn.functional.silu",
)


def _gelu_form(z: Any, approximate: str = "none") -> Any:
    """GELU with PyTorch's argument: the exact one, or the one by tanh."""
    if not isinstance(approximate, str) or approximate not in ("none", "tanh"):
        raise UnsupportedError(f"gelu: approximate is {shown(approximate)}, and must be 'none' or 'tanh'")
    return gelu(z) if approximate == "none" else gelu_tanh(z)


_gelu = _activation(
    "gelu",
    lambda z: (1 + sp.erf(z / sp.sqrt(2))) / 2 + z * sp.exp(-(z**2) / 2) / sp.sqrt(2 * sp.pi),
    lambda z: z * (1 + sp.erf(z / sp.sqrt(2))) / 2,
    stable_normal.gelu,
    r"\operatorname{GELU}",
    "derivative of the GELU",
    otherwise=_gelu_form,
    further=(Option("approximate", "none", '"tanh" gives gelu_tanh(z).'),),
    source="Hendrycks and Gimpel 2016 (GELU).",
    equals="torch.nn.functional.gelu",
)
gelu: Any = _gelu.sympy

#: sqrt(2/pi) and the coefficient of the cubic term, which Hendrycks and Gimpel fitted.
_ROOT = sp.sqrt(2 / sp.pi)
_CUBIC = sp.Rational("0.044715")

_gelu_tanh = function(
    "gelu_tanh",
    "derivative of the GELU by tanh",
    lambda z: z * (1 + sp.tanh(_ROOT * (z + _CUBIC * z**3))) / 2,
    # sigmoid(2u) = (1 + tanh u)/2 keeps its digits in the left tail.
    lambda z: _gate(z) + z * _gate(z) * (1 - _gate(z)) * 2 * _ROOT * (1 + 3 * _CUBIC * z**2),
    stable_activations.gelu_tanh,
    r"\operatorname{GELU}_{\tanh}",
    source="Hendrycks and Gimpel 2016 (GELU, the form by tanh).",
    equals='torch.nn.functional.gelu(z, approximate="tanh")',
)
gelu_tanh: Any = _gelu_tanh.sympy


def _gate(z: sp.Expr) -> sp.Expr:
    return sigmoid(2 * _ROOT * (z + _CUBIC * z**3))


_log_sigmoid = function(
    "log_sigmoid",
    "derivative of the log-sigmoid",
    lambda z: -softplus(-z),
    lambda z: 1 - sigmoid(z),
    stable_activations.log_sigmoid,
    r"\log\sigma",
    source="Goodfellow et al., Deep Learning, section 3.10.",
    equals="torch.nn.functional.logsigmoid",
)

_mish = function(
    "mish",
    "derivative of the Mish",
    lambda z: z * sp.tanh(softplus(z)),
    lambda z: sp.tanh(softplus(z)) + z * sigmoid(z) * (1 - sp.tanh(softplus(z)) ** 2),
    stable_activations.mish,
    r"\operatorname{Mish}",
    source="Misra 2019 (Mish).",
    equals="torch.nn.functional.mish",
)

_softsign = function(
    "softsign",
    "derivative of the softsign",
    lambda z: z / (1 + sp.Abs(z)),
    lambda z: (1 + sp.Abs(z)) ** -2,
    stable_activations.softsign,
    r"\operatorname{softsign}",
    (Kink(0.0, "0", "1 (differentiable; the second derivative jumps)"),),
    source="Turian et al. 2009.",
    equals="torch.nn.functional.softsign",
)

_tanhshrink = function(
    "tanhshrink",
    "derivative of the tanhshrink",
    lambda z: z - sp.tanh(z),
    lambda z: sp.tanh(z) ** 2,
    stable_activations.tanhshrink,
    r"\operatorname{Tanhshrink}",
    equals="torch.nn.functional.tanhshrink",
)

ENTRIES = (_positive, _step, _sigmoid, _softplus, _relu, _silu, _gelu, _gelu_tanh, _log_sigmoid, _mish, _softsign, _tanhshrink)
