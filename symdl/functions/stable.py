"""Evaluation on float arrays that is right at saturated, huge and tiny arguments. NumPy only."""

from __future__ import annotations

import math
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
    return np.maximum(z, 0.0) + np.log1p(np.exp(-np.abs(z)))


def silu(z: Array) -> Array:
    return z * sigmoid(z)


_erf = np.vectorize(math.erf, otypes=[float])
_erfc = np.vectorize(math.erfc, otypes=[float])


def erf(z: Array) -> Array:
    return _erf(z)


def gelu(z: Array) -> Array:
    """z * Phi(z); by erfc, for full accuracy in the left tail."""
    return 0.5 * np.asarray(z) * _erfc(-np.asarray(z) / math.sqrt(2.0))


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
