"""Logarithms, and differences of functions, on float arrays, where the plain form overflows or cancels. NumPy only.

Sources: Maechler 2012 (log(1 - exp), two forms); Knuth, TAOCP 2, section 4.2.2, theorem B (the rounding error of a sum); Kahan, quoted by Higham 2002,
"Accuracy and stability of numerical algorithms", section 1.14 (differences through an exact one). What is an identity, is proved as one
(``symdl/lower/stable_identities.py``).

Every function here is self-contained (it may call those of its neighbours): printed programs bring along its source.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from symdl.functions.stable import sigmoid, softplus
from symdl.functions.stable_normal import erf, erfc, gauss, gauss_plain, normal, scaled_tail

Array = Any


def log_cosh(z: Array) -> Array:
    """log(cosh(z)) = log(1 + 2 sinh(z/2)^2)."""
    a = np.abs(z)
    s = np.sinh(0.5 * np.minimum(a, 1.0))
    return np.where(a < 1.0, np.log1p(2.0 * s * s), a + (np.log1p(np.exp(-2.0 * a)) - 0.6931471805599453))


def log_sinh(z: Array) -> Array:
    """log(sinh(z)), z > 0."""
    far = z + (np.log1p(-np.exp(-2.0 * np.maximum(z, 1.0))) - 0.6931471805599453)
    return np.where(np.asarray(z) < 1.5, np.log(np.sinh(np.minimum(z, 1.5))), far)


def log_tanh(z: Array) -> Array:
    """log(tanh(z)), z > 0: log((1 - e)/(1 + e)) with e = exp(-2z)."""
    e = np.exp(-2.0 * np.maximum(z, 0.5))
    return np.where(np.asarray(z) < 0.5, np.log(np.tanh(np.minimum(z, 0.5))), np.log1p(-2.0 * e / (1.0 + e)))


def log_erfc(z: Array) -> Array:
    """log(1 - erf(z))."""
    x = np.maximum(z, 0.25)
    return np.where(np.asarray(z) < 0.25, np.log1p(-erf(np.minimum(z, 0.25))), np.log(scaled_tail(x)) - x * x)


def log_normal(z: Array) -> Array:
    """The logarithm of the normal distribution function."""
    x = np.maximum(np.abs(z), 1.0)
    tail = np.log(0.5 * scaled_tail(0.7071067811865476 * x)) - 0.5 * x * x
    near = np.maximum(np.minimum(z, 0.0), -1.0)
    return np.where(np.asarray(z) > 0.0, np.log1p(-normal(-np.abs(z))), np.where(np.asarray(z) < -1.0, tail, np.log(normal(near))))


def log_softplus(z: Array) -> Array:
    """log(log(1 + exp(z)))."""
    return np.where(np.asarray(z) < -40.0, z, np.log(softplus(np.maximum(z, -40.0))))


def log_near_one(f: Array, rest: Array, log: Array) -> Array:
    """log(f), where rest = 1 - f; ``log`` is right where f is not close to 1."""
    return np.where(np.asarray(f) > 0.5, np.log1p(-np.minimum(rest, 0.5)), log)


def log_one_plus(u: Array, log: Array) -> Array:
    """log(1 + u) for u >= 0 with this logarithm; u itself may have overflowed."""
    return np.where(np.asarray(log) < 30.0, np.log1p(u), softplus(log))


def log_twice_sigmoid(z: Array) -> Array:
    """log(2*sigmoid(z)) = log(1 + tanh(z/2))."""
    return np.where(np.asarray(z) > -0.5, np.log1p(np.tanh(0.5 * np.maximum(z, -0.5))), 0.6931471805599453 - softplus(-np.asarray(z)))


def arcsinh(z: Array) -> Array:
    """log(z + sqrt(1 + z^2))."""
    x = np.abs(z)
    small = np.minimum(x, 1e8)
    near = np.log1p(small + small * small / (1.0 + np.sqrt(1.0 + small * small)))
    return np.sign(z) * np.where(x > 1e8, np.log(np.maximum(x, 1.0)) + 0.6931471805599453, near)


def log_quotient(a: Array, b: Array, d: Array) -> Array:
    """log(a/b), where d = a - b."""
    q = d / b
    return np.where(np.asarray(q) > 0.0, np.log1p(q), -np.log1p(-(d / a)))


def exp_of_sum(a: Array, b: Array) -> Array:
    """exp(a)*exp(b), with the rounding error of a + b made good."""
    s = a + b
    c = s - a
    # What a compiler must not rearrange: the part of a + b that rounding lost.
    return np.exp(s) * (1.0 + ((a - (s - c)) + (b - c)))


def gauss_over_erfc(z: Array) -> Array:
    """exp(-z^2)/(1 - erf(z)): the inverse of Mills' ratio."""
    x = np.maximum(z, 0.0)
    return np.where(np.asarray(z) > 0.0, 1.0 / scaled_tail(x), gauss_plain(z) / erfc(np.minimum(z, 0.0)))


def gauss_over_normal(z: Array) -> Array:
    """exp(-z^2/2) over the normal distribution function."""
    x = np.maximum(-np.asarray(z), 0.0)
    return np.where(np.asarray(z) < 0.0, 2.0 / scaled_tail(0.7071067811865476 * x), gauss(z) / normal(np.maximum(z, 0.0)))


def sech(z: Array) -> Array:
    """1/cosh(z)."""
    e = np.exp(-np.abs(z))
    return (e + e) / (1.0 + e * e)


def reciprocal_expm1(z: Array) -> Array:
    """1/(exp(z) - 1)."""
    m = np.expm1(-np.abs(z))
    return np.where(np.asarray(z) > 0.0, -(np.exp(-np.abs(z)) / m), 1.0 / m)


def power_difference(a: Array, b: Array, e: Array) -> Array:
    """a - b, where a = b*exp(e)."""
    return np.where(np.abs(e) < 0.5, b * np.expm1(np.maximum(np.minimum(e, 0.5), -0.5)), a - b)


def expm1_over(z: Array) -> Array:
    """(exp(z) - 1)/z = h*(h + 2)/z with h = exp(z/2) - 1."""
    h = np.expm1(0.5 * z)
    return h / z * (h + 2.0)


def root_less(r: Array, b: Array, d: Array) -> Array:
    """r - b, where d = r^2 - b^2 and r >= 0."""
    return np.where(np.asarray(b) > 0.0, d / (r + np.abs(b)), r - b)


def arctan_difference(a: Array, b: Array, d: Array) -> Array:
    """arctan(a) - arctan(b), where d = a - b."""
    below = 1.0 + a * b
    return np.where(below > 0.0, np.arctan(d / np.where(below > 0.0, below, 1.0)), np.arctan(a) - np.arctan(b))


def sigmoid_difference(a: Array, b: Array, d: Array) -> Array:
    """sigmoid(a) - sigmoid(b), where d = a - b."""
    return np.tanh(0.5 * d) * (sigmoid(a) * sigmoid(-b) + sigmoid(b) * sigmoid(-a))


def softplus_difference(a: Array, b: Array, d: Array) -> Array:
    """softplus(a) - softplus(b), where d = a - b: log(1 + sigmoid(b)*(exp(d) - 1)) where d > 0."""
    near = np.log1p(sigmoid(np.where(np.asarray(d) > 0.0, b, a)) * np.expm1(np.minimum(np.abs(d), 1.0)))
    return np.where(np.abs(d) > 1.0, softplus(a) - softplus(b), np.where(np.asarray(d) > 0.0, near, -near))


def hypot(a: Array, b: Array) -> Array:
    """sqrt(a^2 + b^2)."""
    m = np.maximum(np.abs(a), np.abs(b))
    r = np.minimum(np.abs(a), np.abs(b)) / np.where(m == 0.0, 1.0, m)
    return m * np.sqrt(1.0 + r * r)


def over(a: Array, b: Array) -> Array:
    """a/b, where 1/b may overflow."""
    return a / b


def nonzero(z: Array) -> Array:
    """What a norm is scaled by: z, and 1 for 0."""
    return np.where(np.asarray(z) == 0.0, 1.0, z)
