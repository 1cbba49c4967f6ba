"""Quotients and differences of exponentials on float arrays, of which the parts overflow, underflow or cancel. NumPy only.

Every function here is self-contained (it may call those of its neighbours): printed programs bring along its source.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from symdl.functions.stable import sigmoid, softplus

Array = Any


def sigmoid_over_softplus(z: Array) -> Array:
    """sigmoid(z)/softplus(z): the derivative of log(softplus(z)), which tends to 1 for z to minus infinity."""
    x = np.maximum(z, -40.0)
    return np.where(np.asarray(z) < -40.0, 1.0, sigmoid(x) / softplus(x))


def over_one_plus(u: Array) -> Array:
    """u/(1 + u), which is 1 where u has overflowed."""
    return np.where(np.abs(u) > 1e300, 1.0, u / (1.0 + u))


def hypotenuse_less_one(v: Array) -> Array:
    """sqrt(1 + v^2) - 1; the square need not fit."""
    x = np.minimum(np.abs(v), 1e150)
    return np.where(np.abs(v) > 1e150, np.abs(v), x * (x / (1.0 + np.sqrt(1.0 + x * x))))


def root_less_one(u: Array) -> Array:
    """sqrt(1 + u) - 1, also where u has overflowed."""
    x = np.minimum(u, 1e300)
    return np.where(np.asarray(u) > 1e300, np.sqrt(u), x / (1.0 + np.sqrt(1.0 + x)))


def over_expm1(z: Array) -> Array:
    """z/(exp(z) - 1); the exponential in two halves, of which none is so small that it loses digits."""
    h = np.exp(-0.5 * np.abs(z))
    m = -np.expm1(-np.abs(z))
    return np.where(np.asarray(z) > 0.0, (z * h) / m * h, -np.asarray(z) / m)


def exp_difference(a: Array, b: Array, d: Array) -> Array:
    """exp(a) - exp(b), where d = a - b."""
    apart = np.exp(np.maximum(a, b)) * np.expm1(-np.abs(d))
    return np.where(np.asarray(d) > 0.0, -apart, apart)
