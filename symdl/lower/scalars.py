"""Functions of one Python float, ten times as fast as NumPy's on a single number, with NumPy's values at overflow and outside the domain."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np

from symdl.functions import TABLE
from symdl.functions import stable as arrays
from symdl.lower.stabilise import COSIGMOID, COSOFTPLUS

Scalar = Callable[[float], float]


def _guarded(function: Scalar, overflow: float = math.inf) -> Scalar:
    """ValueError becomes NaN, OverflowError an infinity."""

    def apply(z: float) -> float:
        try:
            return function(z)
        except ValueError:
            return math.nan
        except OverflowError:
            return math.copysign(overflow, z) if function in (math.sinh,) else overflow

    return apply


def _log(z: float) -> float:
    if z > 0.0:
        return math.log(z)
    return -math.inf if z == 0.0 else math.nan


def _sigmoid(z: float) -> float:
    if z >= 0.0:
        return 1.0 / (1.0 + math.exp(-z))
    e = math.exp(z)
    return e / (1.0 + e)


def _softplus(z: float) -> float:
    return max(z, 0.0) + math.log1p(math.exp(-abs(z)))


def power(base: float, exponent: float) -> float:
    """base**exponent as ``numpy.power``."""
    try:
        return math.pow(base, exponent)
    except OverflowError:
        return -math.inf if base < 0 and exponent % 2 == 1 else math.inf
    except ValueError:
        return math.nan if base < 0 else math.inf


def _through_numpy(name: str) -> Callable[..., float]:
    function = TABLE[name].numpy
    return lambda *z: float(function(*(np.float64(a) for a in z)))


_FAST: dict[str, Callable[..., float]] = {
    "exp": _guarded(math.exp),
    "log": _log,
    "sin": _guarded(math.sin),
    "cos": _guarded(math.cos),
    "tan": _guarded(math.tan),
    "arctan": math.atan,
    "sinh": _guarded(math.sinh),
    "cosh": _guarded(math.cosh),
    "tanh": math.tanh,
    "erf": math.erf,
    "abs": abs,
    "sigmoid": _sigmoid,
    "softplus": _softplus,
    "silu": lambda z: z * _sigmoid(z),
    "relu": lambda z: z if z > 0.0 or z != z else 0.0,
    COSIGMOID: lambda z: _sigmoid(-z),
    COSOFTPLUS: lambda z: _softplus(-z),
    "pow": power,
}


def scalar_function(name: str) -> Callable[..., float]:
    """The function on Python floats."""
    return _FAST.get(name) or _through_numpy(name)


def array_function(name: str) -> Callable[..., Any]:
    """The function on arrays."""
    if name == COSIGMOID:
        return lambda z: arrays.sigmoid(-z)
    if name == COSOFTPLUS:
        return lambda z: arrays.softplus(-z)
    return TABLE[name].numpy
