"""Activations with cases: each is one entry (definition, derivatives, evaluation, LaTeX, kinks).

At a kink the derivative is the one that PyTorch takes; the definition's cases are closed on the side where that derivative holds.

Sources: Clevert et al. 2016 (ELU); Barron 2017 (CELU); Klambauer et al. 2017 (SELU); Maas et al. 2013 (leaky ReLU); He et al. 2015 (PReLU, by the
slope); Howard et al. 2019 (hard sigmoid and hard swish); Krizhevsky 2010 (ReLU6); Donoho 1995 (soft and hard thresholds).
"""

from __future__ import annotations

from typing import Any

import sympy as sp

from symdl.functions import stable_activations as stable
from symdl.functions.activations import positive
from symdl.functions.entry import Kink, function
from symdl.functions.extremes import minimum
from symdl.functions.select import where

Half = sp.Rational(1, 2)

#: The constants of PyTorch (Klambauer et al. 2017, appendix): fixed point at mean 0 and variance 1.
SELU_ALPHA = sp.Rational("1.6732632423543772")
SELU_SCALE = sp.Rational("1.0507009873554805")


def _cases(*pieces: Any) -> Any:
    return sp.Piecewise(*pieces)


def _below(z: sp.Expr) -> Any:
    """z where it is negative, else 0: what keeps exp from overflowing where it is not wanted."""
    return minimum(z, 0)


_elu = function(
    "elu",
    "derivative of the ELU",
    lambda z, alpha: _cases((z, z > 0), (alpha * (sp.exp(z) - 1), True)),
    (lambda z, alpha: where(z, 1, alpha * sp.exp(_below(z))), lambda z, alpha: sp.exp(_below(z)) - 1),
    stable.elu,
    r"\operatorname{ELU}",
    (Kink(0.0, "0", "alpha (from below)"),),
    {"alpha": 1},
    source="Clevert et al. 2016 (ELU).",
    equals="torch.nn.functional.elu",
)

_celu = function(
    "celu",
    "derivative of the CELU",
    lambda z, alpha: _cases((z, z > 0), (alpha * (sp.exp(z / alpha) - 1), True)),
    (
        lambda z, alpha: where(z, 1, sp.exp(_below(z) / alpha)),
        lambda z, alpha: sp.exp(_below(z) / alpha) * (1 - _below(z) / alpha) - 1,
    ),
    stable.celu,
    r"\operatorname{CELU}",
    (Kink(0.0, "0", "1 (differentiable; the second derivative jumps)"),),
    {"alpha": 1},
    source="Barron 2017 (CELU).",
    equals="torch.nn.functional.celu",
)

_selu = function(
    "selu",
    "derivative of the SELU",
    lambda z: _cases((SELU_SCALE * z, z > 0), (SELU_SCALE * SELU_ALPHA * (sp.exp(z) - 1), True)),
    lambda z: where(z, SELU_SCALE, SELU_SCALE * SELU_ALPHA * sp.exp(_below(z))),
    stable.selu,
    r"\operatorname{SELU}",
    (Kink(0.0, "0", "scale*alpha = 1.758 (from below)"),),
    source="Klambauer et al. 2017 (SELU); the constants are those of PyTorch.",
    equals="torch.nn.functional.selu",
)

_leaky_relu = function(
    "leaky_relu",
    "derivative of the leaky ReLU",
    lambda z, a: _cases((z, z > 0), (a * z, True)),
    (lambda z, a: where(z, 1, a), lambda z, a: _below(z)),
    stable.leaky_relu,
    r"\operatorname{LeakyReLU}",
    (Kink(0.0, "0", "negative_slope (from below)"),),
    {"negative_slope": sp.Rational(1, 100)},
    source="Maas et al. 2013; He et al. 2015 (PReLU, by the slope).",
    equals="torch.nn.functional.leaky_relu",
)

_relu6 = function(
    "relu6",
    "derivative of the ReLU6",
    lambda z: _cases((0, z <= 0), (6, z >= 6), (z, True)),
    lambda z: positive(z) * positive(6 - z),
    stable.relu6,
    r"\operatorname{ReLU6}",
    (Kink(0.0, "0", "0"), Kink(6.0, "6", "0")),
    source="Krizhevsky 2010.",
    equals="torch.nn.functional.relu6",
)

_hardtanh = function(
    "hardtanh",
    "derivative of the hard tanh",
    lambda z, m, M: _cases((m, z <= m), (M, z >= M), (z, True)),
    (lambda z, m, M: positive(z - m) * positive(M - z), lambda z, m, M: 1 - positive(z - m), lambda z, m, M: positive(z - m) * (1 - positive(M - z))),
    stable.hardtanh,
    r"\operatorname{Hardtanh}",
    (Kink("min_val", "min_val", "0"), Kink("max_val", "max_val", "0")),
    {"min_val": -1, "max_val": 1},
    equals="torch.nn.functional.hardtanh",
)

_clip = function(
    "clip",
    "derivative of clipping",
    lambda z, m, M: _cases((m, z < m), (M, z > M), (z, True)),
    (
        lambda z, m, M: (1 - positive(m - z)) * (1 - positive(z - M)),
        lambda z, m, M: positive(m - z),
        lambda z, m, M: (1 - positive(m - z)) * positive(z - M),
    ),
    stable.clip,
    r"\operatorname{clip}",
    (Kink("min", "min", "1 (the bound counts as inside, as torch.clamp takes it)"), Kink("max", "max", "1 (the same)")),
    {"min": None, "max": None},
    equals="numpy.clip and torch.clamp",
)
clip: Any = _clip.sympy

_hardsigmoid = function(
    "hardsigmoid",
    "derivative of the hard sigmoid",
    lambda z: _cases((0, z <= -3), (1, z >= 3), (z / 6 + Half, True)),
    lambda z: positive(z + 3) * positive(3 - z) / 6,
    stable.hardsigmoid,
    r"\operatorname{Hardsigmoid}",
    (Kink(-3.0, "0", "0"), Kink(3.0, "1", "0")),
    source="Howard et al. 2019.",
    equals="torch.nn.functional.hardsigmoid",
)

_hardswish = function(
    "hardswish",
    "derivative of the hard swish",
    lambda z: _cases((0, z <= -3), (z, z >= 3), (z * (z + 3) / 6, True)),
    lambda z: where(z + 3, where(3 - z, z / 3 + Half, 1), 0),
    stable.hardswish,
    r"\operatorname{Hardswish}",
    (Kink(-3.0, "0", "0 (from below)"), Kink(3.0, "3", "1 (from above)")),
    source="Howard et al. 2019.",
    equals="torch.nn.functional.hardswish",
)

_threshold = function(
    "threshold",
    "derivative of the threshold",
    lambda z, theta, v: _cases((z, z > theta), (v, True)),
    (lambda z, theta, v: positive(z - theta), lambda z, theta, v: sp.S.Zero, lambda z, theta, v: 1 - positive(z - theta)),
    stable.threshold,
    r"\operatorname{Threshold}",
    (Kink("threshold", "value", "0 (from below; by the threshold itself 0 everywhere)"),),
    {"threshold": None, "value": None},
    equals="torch.nn.functional.threshold",
)

_hardshrink = function(
    "hardshrink",
    "derivative of the hard shrink",
    lambda z, b: _cases((z, z > b), (z, z < -b), (0, True)),
    (lambda z, b: where(z - b, 1, positive(-z - b)), lambda z, b: sp.S.Zero),
    stable.hardshrink,
    r"\operatorname{Hardshrink}",
    (Kink("-lambd", "0", "0 (by lambd 0 everywhere)"), Kink("lambd", "0", "0")),
    {"lambd": Half},
    source="Donoho 1995 (hard threshold).",
    equals="torch.nn.functional.hardshrink",
)

_softshrink = function(
    "softshrink",
    "derivative of the soft shrink",
    lambda z, b: _cases((z - b, z > b), (z + b, z < -b), (0, True)),
    (lambda z, b: where(z - b, 1, positive(-z - b)), lambda z, b: where(z - b, -1, positive(-z - b))),
    stable.softshrink,
    r"\operatorname{Softshrink}",
    (Kink("-lambd", "0", "0"), Kink("lambd", "0", "0")),
    {"lambd": Half},
    source="Donoho 1995 (soft threshold).",
    equals="torch.nn.functional.softshrink",
)

ENTRIES = (
    _elu,
    _celu,
    _selu,
    _leaky_relu,
    _relu6,
    _hardtanh,
    _clip,
    _hardsigmoid,
    _hardswish,
    _threshold,
    _hardshrink,
    _softshrink,
)
