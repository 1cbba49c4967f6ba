"""Functions that losses are made of: the hinge, Huber's function, z log z with its limit at 0, and the logarithm cut off.

Sources: Huber 1964 (robust estimation of a location parameter); Cover and Thomas, section 2.1 (0 log 0 = 0).
"""

from __future__ import annotations

import sympy as sp

from symdl.functions import stable_activations as stable
from symdl.functions.activations import positive, relu
from symdl.functions.entry import Kink, function
from symdl.functions.extremes import maximum
from symdl.functions.rectifiers import clip
from symdl.functions.stable import relu as _relu_numpy

_hinge = function(
    "hinge",
    "derivative of the hinge",
    lambda z: sp.Piecewise((0, z < 0), (z, True)),
    lambda z: 1 - positive(-z),
    _relu_numpy,
    r"\operatorname{hinge}",
    (Kink(0.0, "0", "1 (from above: the margin's bound counts as violated, as PyTorch's losses take it; the ReLU takes 0)"),),
    source="Cortes and Vapnik 1995.",
    equals="torch.clamp(z, min=0)",
)

_huber = function(
    "huber",
    "derivative of Huber's function",
    lambda z, d: sp.Piecewise((d * (-z - d / 2), z < -d), (d * (z - d / 2), z > d), (z**2 / 2, True)),  # in clip's order
    (lambda z, d: clip(z, -d, d), lambda z, d: relu(z - d) + relu(-z - d)),
    stable.huber,
    r"\operatorname{Huber}",
    (Kink("|z| = delta", "delta**2/2", "z (differentiable; the second derivative jumps, and counts the bound as inside)"),),
    {"delta": 1},
    source="Huber 1964 (robust estimation of a location parameter).",
    equals='torch.nn.functional.huber_loss(z, 0, reduction="none")',
)

_xlogx = function(
    "xlogx",
    "derivative of z log z",
    lambda z: sp.Piecewise((0, sp.Eq(z, 0)), (z * sp.log(z), True)),
    lambda z: 1 + sp.log(z),
    stable.xlogx,
    r"\operatorname{xlogx}",
    (Kink(0.0, "0 (the limit)", "-oo (from above)"),),
    domain="z >= 0",
    at_number=lambda z: sp.S.Zero if z in (0, 1) else None,
    source="Cover and Thomas, section 2.1 (0 log 0 = 0).",
    equals="torch.special.xlogy(z, z)",
)

#: max(log z, m), by comparing z with exp(m): in floats 1 - x is compared without loss where x is near 1.
_clamped_log = function(
    "clamped_log",
    "derivative of the logarithm cut off below",
    lambda z, m: sp.Piecewise((sp.log(z), z > sp.exp(m)), (m, True)),
    (lambda z, m: positive(z - sp.exp(m)) / maximum(z, sp.exp(m)), lambda z, m: 1 - positive(z - sp.exp(m))),
    stable.clamped_log,
    r"\operatorname{log}_{\geq}",
    (Kink("exp(min)", "min", "0 (from below)"),),
    {"min": -100},
    at_number=lambda z, m: sp.S.Zero if z == 1 and m.is_negative else None,
    source="PyTorch's documentation of BCELoss, which keeps logarithms above -100.",
    equals="torch.clamp(torch.log(z), min=min)",
)

ENTRIES = (_hinge, _huber, _xlogx, _clamped_log)
