"""The error function and the normal distribution on float arrays, right to the last digits in both tails. NumPy only.

erfc(x) = exp(-x^2) g(t)/(1 + 2x) for x >= 0, with t = (x - 7/2)/(x + 7/2) and g nearly constant: Shepherd and Laframboise 1981, "Chebyshev
approximation of (1 + 2x) exp(x^2) erfc(x) in 0 <= x < oo"; the coefficients here are of its Chebyshev expansion up to t^23 (error 3e-17), from 60 digits.
An exponential multiplies the rounding of its argument by the argument, hence exp(-z^2) = exp(-a^2) exp(-(z - a)(z + a)), where a is z rounded to 1/64:
a^2 is exact, and the rest is small. Adding 3*2^45 rounds; a sum of two numbers, which no compiler may rearrange.

Every function here is self-contained (it may call those of this file): printed programs bring along its source.
"""

from __future__ import annotations

from typing import Any

import numpy as np

Array = Any


def gauss(z: Array) -> Array:
    """exp(-z^2/2)."""
    x = np.minimum(np.abs(z), 64.0)
    a = (x + 105553116266496.0) - 105553116266496.0
    return np.exp(-0.5 * (a * a)) * np.exp(-0.5 * ((x - a) * (x + a)))


def gauss_plain(z: Array) -> Array:
    """exp(-z^2)."""
    x = np.minimum(np.abs(z), 64.0)
    a = (x + 105553116266496.0) - 105553116266496.0
    return np.exp(-(a * a)) * np.exp(-((x - a) * (x + a)))


def scaled_tail(x: Array) -> Array:
    """exp(x^2)*erfc(x) for x >= 0."""
    t = (x - 3.5) / (x + 3.5)
    g = -1.1656687889203665e-09
    for c in (
        6.040390099342991e-11,
        1.3624442778701048e-08,
        6.651894382376532e-10,
        -9.64004253144383e-08,
        -8.611571571113718e-09,
        6.014823849950426e-07,
        -4.309237398316666e-08,
        -3.814012584490695e-06,
        2.3273309537791425e-06,
        2.4260300984917994e-05,
        -4.2781739959539994e-05,
        -0.00012151212091980101,
        0.0005643842668705102,
        -0.0003022679534333239,
        -0.004215019879774186,
        0.019099330953271165,
        -0.04882332583088402,
        0.08798315382403678,
        -0.11508959816003075,
        0.09751909515328706,
        -0.010555596332221669,
        -0.1400091801376197,
        1.2423492448711544,
    ):
        g = g * t + c
    return g / (1.0 + 2.0 * x)


def erfc(z: Array) -> Array:
    """1 - erf(z)."""
    x = np.minimum(np.abs(z), 64.0)
    tail = gauss_plain(x) * scaled_tail(x)
    return np.where(np.asarray(z) >= 0, tail, 2.0 - tail)


def erf(z: Array) -> Array:
    """2/sqrt(pi) * integral of exp(-t^2) from 0 to z; the power series below 1/2, where 1 - erfc(z) would cancel."""
    x = np.minimum(np.abs(z), 64.0)
    square = np.minimum(x, 0.5) * np.minimum(x, 0.5)
    near = 9.422759064650411e-11
    for c in (
        -1.2290555301717928e-09,
        1.4807192815879218e-08,
        -1.6365844691234924e-07,
        1.6462114365889248e-06,
        -1.492565035840625e-05,
        0.00012055332981789664,
        -0.0008548327023450853,
        0.005223977625442188,
        -0.026866170645131252,
        0.11283791670955126,
        -0.37612638903183754,
        1.1283791670955126,
    ):
        near = near * square + c
    far = 1.0 - gauss_plain(x) * scaled_tail(x)
    return np.where(x < 0.5, z * near, np.where(np.asarray(z) >= 0, far, -far))


def normal(z: Array) -> Array:
    """The distribution function of the normal distribution, erfc(-z/sqrt(2))/2: z itself goes into the exponential, and not its rounded quotient."""
    x = np.minimum(np.abs(z), 64.0)
    tail = 0.5 * (gauss(x) * scaled_tail(0.7071067811865476 * x))
    return np.where(np.asarray(z) >= 0, 1.0 - tail, tail)


def gelu(z: Array) -> Array:
    """z times the normal distribution function; exp(-z^2/2) comes last, so that nothing is smaller on the way than the result."""
    x = np.minimum(np.abs(z), 64.0)
    below = (0.5 * (x * scaled_tail(0.7071067811865476 * x))) * gauss(x)
    return np.where(np.asarray(z) >= 0, z - below, -below)
