"""Evaluation on float arrays that is right at saturated, huge and tiny arguments. NumPy only."""

from __future__ import annotations

from typing import Any

import numpy as np

from symdl.errors import DomainError

Array = Any


def sigmoid(z: Array) -> Array:
    """1/(1 + exp(-z)), without overflow and with full relative accuracy on both sides."""
    e = np.exp(-np.abs(z))
    return np.where(np.asarray(z) >= 0, 1.0, e) / (1.0 + e)


def softplus(z: Array) -> Array:
    """log(1 + exp(z))."""
    return np.maximum(z, 0.0) + softplus_below(z)


def softplus_below(z: Array) -> Array:
    """softplus(-|z|), by which softplus(z) is above max(z, 0)."""
    return np.log1p(np.exp(-np.abs(z)))


def cosigmoid(z: Array) -> Array:
    """1 - sigmoid(z)."""
    return sigmoid(-z)


def cosoftplus(z: Array) -> Array:
    """softplus(-z)."""
    return softplus(-z)


def log_add_exp(a: Array, b: Array) -> Array:
    """log(exp(a) + exp(b))."""
    return np.maximum(a, b) + softplus_below(a - b)


def log_one_minus_exp(z: Array) -> Array:
    """log(1 - exp(z)) for z < 0, by the one of two forms that keeps the digits (Maechler 2012)."""
    near = np.log(-np.expm1(np.maximum(z, -0.6931471805599453)))
    return np.where(np.asarray(z) > -0.6931471805599453, near, np.log1p(-np.exp(np.minimum(z, -0.6931471805599453))))


def silu(z: Array) -> Array:
    """z*sigmoid(z); the exponential in two halves, of which none is so small that it loses digits."""
    h = np.exp(-0.5 * np.abs(z))
    e = h * h
    return np.where(np.asarray(z) >= 0, z / (1.0 + e), (z * h) * (h / (1.0 + e)))


def relu(z: Array) -> Array:
    return np.maximum(z, 0.0)


def positive(z: Array) -> Array:
    """1 where z > 0, else 0."""
    return np.where(np.isnan(z), np.nan, np.where(np.asarray(z) > 0, 1.0, 0.0))


def step(z: Array) -> Array:
    """The unit step; at 0 it is undefined, and says so."""
    if np.any(np.asarray(z) == 0):
        raise DomainError("step is undefined at 0: move the threshold, or use sigmoid")
    return positive(z)
