"""The activations of torch.nn on float arrays, right at saturated, huge and tiny arguments. NumPy only.

Every function here is self-contained (it may call those of this file and of ``stable.py``): printed programs bring along its source.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from symdl.functions.stable import sigmoid, softplus

Array = Any


def log_sigmoid(z: Array) -> Array:
    return -softplus(-np.asarray(z))


def mish(z: Array) -> Array:
    """z*tanh(softplus(z)), with tanh(log(1 + e)) = e(e + 2)/(e(e + 2) + 2)."""
    h = np.exp(-0.5 * np.abs(z))  # half the exponent: e itself may be so small that it has lost digits
    e = h * h
    return np.where(np.asarray(z) >= 0, z * ((1.0 + 2.0 * e) / (1.0 + 2.0 * e + 2.0 * e * e)), (z * h) * (h * (e + 2.0) / (e * (e + 2.0) + 2.0)))


def gelu_tanh(z: Array) -> Array:
    """z/2*(1 + tanh(u)) = z*sigmoid(2u)."""
    return z * sigmoid(1.5957691216057308 * (z + 0.044715 * z * z * z))


def tanhshrink(z: Array) -> Array:
    """z - tanh(z); near 0 by the continued fraction tanh(z) = z/(1 + z^2/(3 + z^2/(5 + ...))), where nothing cancels."""
    small = np.where(np.abs(z) < 1.0, z, 0.0)
    square = small * small
    tail = 21.0 + 0.0 * square
    for odd in (19.0, 17.0, 15.0, 13.0, 11.0, 9.0, 7.0, 5.0, 3.0):
        tail = odd + square / tail
    ratio = square / tail
    return np.where(np.abs(z) < 1.0, small * ratio / (1.0 + ratio), z - np.tanh(z))


def softsign(z: Array) -> Array:
    return z / (1.0 + np.abs(z))


def elu(z: Array, alpha: Array = 1.0) -> Array:
    return np.where(np.asarray(z) > 0, z, alpha * np.expm1(np.minimum(z, 0.0)))


def celu(z: Array, alpha: Array = 1.0) -> Array:
    return np.where(np.asarray(z) > 0, z, alpha * np.expm1(np.minimum(z, 0.0) / alpha))


def selu(z: Array) -> Array:
    return 1.0507009873554805 * np.where(np.asarray(z) > 0, z, 1.6732632423543772 * np.expm1(np.minimum(z, 0.0)))


def relu6(z: Array) -> Array:
    return np.minimum(np.maximum(z, 0.0), 6.0)


def hardtanh(z: Array, min_val: Array = -1.0, max_val: Array = 1.0) -> Array:
    return np.where(np.asarray(z) <= min_val, min_val, np.where(np.asarray(z) >= max_val, max_val, z))


def clip(z: Array, min: Array, max: Array) -> Array:
    return np.where(np.asarray(z) < min, min, np.where(np.asarray(z) > max, max, z))


def hardsigmoid(z: Array) -> Array:
    return np.minimum(np.maximum(z + 3.0, 0.0), 6.0) / 6.0


def hardswish(z: Array) -> Array:
    return z * (np.minimum(np.maximum(z + 3.0, 0.0), 6.0) / 6.0)


def leaky_relu(z: Array, negative_slope: Array = 0.01) -> Array:
    return np.where(np.asarray(z) > 0, z, negative_slope * z)


def threshold(z: Array, threshold: Array, value: Array) -> Array:
    return np.where(np.isnan(z), z, np.where(np.asarray(z) > threshold, z, value))


def hardshrink(z: Array, lambd: Array = 0.5) -> Array:
    return np.where((np.asarray(z) >= -lambd) & (np.asarray(z) <= lambd), 0.0, z)


def softshrink(z: Array, lambd: Array = 0.5) -> Array:
    return np.where(np.asarray(z) > lambd, z - lambd, np.where(np.asarray(z) < -lambd, z + lambd, 0.0 * z))


def huber(z: Array, delta: Array = 1.0) -> Array:
    """z^2/2 up to delta, then the tangent."""
    inside = np.minimum(np.abs(z), delta)
    return inside * (np.abs(z) - 0.5 * inside)


def xlogx(z: Array) -> Array:
    """z*log(z), 0 at 0."""
    return z * np.log(np.where(np.asarray(z) == 0, 1.0, z))


def clamped_log(z: Array, min: Array = -100.0) -> Array:
    """max(log z, min)."""
    return np.log(np.maximum(z, np.exp(min)))
