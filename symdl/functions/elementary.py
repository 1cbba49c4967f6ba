"""Elementary functions: SymPy's own classes, with the derivative each is given by."""

from __future__ import annotations

import numpy as np
import sympy as sp

from symdl.functions import stable_normal
from symdl.functions.entry import Elementwise, Kink, function

ENTRIES = (
    Elementwise("exp", sp.exp, (lambda z: sp.exp(z),), "derivative of exp", np.exp, latex=r"\exp"),
    Elementwise("log", sp.log, (lambda z: 1 / z,), "derivative of log", np.log, latex=r"\log", domain="z > 0"),
    function("expm1", "derivative of exp(z) - 1", lambda z: sp.exp(z) - 1, lambda z: sp.exp(z), np.expm1),
    function("log1p", "derivative of log(1 + z)", lambda z: sp.log(1 + z), lambda z: 1 / (1 + z), np.log1p, domain="z > -1"),
    Elementwise("sin", sp.sin, (lambda z: sp.cos(z),), "derivative of sin", np.sin, latex=r"\sin"),
    Elementwise("cos", sp.cos, (lambda z: -sp.sin(z),), "derivative of cos", np.cos, latex=r"\cos"),
    Elementwise(
        "tan",
        sp.tan,
        (lambda z: 1 + sp.tan(z) ** 2,),
        "derivative of tan",
        np.tan,
        definition=lambda z: sp.sin(z) / sp.cos(z),
        latex=r"\tan",
    ),
    Elementwise("arctan", sp.atan, (lambda z: 1 / (1 + z**2),), "derivative of arctan", np.arctan, latex=r"\arctan"),
    Elementwise(
        "sinh",
        sp.sinh,
        (lambda z: sp.cosh(z),),
        "derivative of sinh",
        np.sinh,
        definition=lambda z: (sp.exp(z) - sp.exp(-z)) / 2,
        latex=r"\sinh",
    ),
    Elementwise(
        "cosh",
        sp.cosh,
        (lambda z: sp.sinh(z),),
        "derivative of cosh",
        np.cosh,
        definition=lambda z: (sp.exp(z) + sp.exp(-z)) / 2,
        latex=r"\cosh",
    ),
    Elementwise(
        "tanh",
        sp.tanh,
        (lambda z: 1 - sp.tanh(z) ** 2,),
        "derivative of tanh",
        np.tanh,
        definition=lambda z: (sp.exp(z) - sp.exp(-z)) / (sp.exp(z) + sp.exp(-z)),
        latex=r"\tanh",
    ),
    Elementwise(
        "erf",
        sp.erf,
        (lambda z: 2 * sp.exp(-(z**2)) / sp.sqrt(sp.pi),),
        "derivative of erf",
        stable_normal.erf,
        latex=r"\operatorname{erf}",
    ),
    Elementwise(
        "abs",
        sp.Abs,
        (lambda z: sp.sign(z),),
        "derivative of the absolute value",
        np.abs,
        definition=lambda z: sp.Piecewise((z, z > 0), (0, sp.Eq(z, 0)), (-z, True)),
        latex=r"\left|\cdot\right|",
        kinks=(Kink(0.0, "0", "0 (the subgradient in the middle)"),),
    ),
    Elementwise(
        "sign",
        sp.sign,
        (lambda z: sp.S.Zero,),
        "derivative of the sign",
        np.sign,
        definition=lambda z: sp.Piecewise((1, z > 0), (0, sp.Eq(z, 0)), (-1, True)),
        latex=r"\operatorname{sign}",
        kinks=(Kink(0.0, "0", "0 (undefined there; 0 on both sides)"),),
    ),
    Elementwise(
        "pow",
        sp.Pow,
        (lambda a, b: b * a ** (b - 1), lambda a, b: a**b * sp.log(a)),
        "derivative of a power",
        np.power,
        definition=lambda a, b: sp.exp(b * sp.log(a), evaluate=False),
        latex=r"\operatorname{pow}",
        domain="z > 0",
    ),
)
