"""The rewrites of differences, quotients, powers, logarithms and moments as data: see ``stable_identities.py``."""

from __future__ import annotations

from typing import Any

import sympy as sp

from symdl.functions import TABLE

Triple = tuple[str, Any, Any]


def further() -> list[Triple]:
    """Name, left side, right side."""
    return [*_differences(), *_slopes(), *_quotients(), *_powers(), *_more_logarithms(), *_over_indices()]


def _differences() -> list[Triple]:
    z, a, b = sp.symbols("z a b", real=True)
    w, v = sp.symbols("w v", positive=True)
    s, softplus = (TABLE[name].sympy for name in ("sigmoid", "softplus"))
    root = sp.sqrt(1 + z**2)
    return [
        ("softplus less its argument", softplus(z) - z, softplus(-z)),
        ("softplus of both signs", softplus(z) - softplus(-z), z),
        ("difference of sigmoids", s(a) - s(b), sp.tanh((a - b) / 2) * (s(a) * s(-b) + s(b) * s(-a))),
        ("difference of softplus", sp.exp(softplus(a) - softplus(b)), 1 + s(b) * (sp.exp(a - b) - 1)),
        ("difference of tanh", sp.tanh(a) - sp.tanh(b), 2 * (s(2 * a) - s(2 * b))),
        ("difference of logarithms", sp.log(w) - sp.log(v), sp.log(1 + (w - v) / v)),
        ("difference of roots", sp.sqrt(w) - sp.sqrt(v), (w - v) / (sp.sqrt(w) + sp.sqrt(v))),
        ("difference of reciprocal roots", 1 / sp.sqrt(w) - 1 / sp.sqrt(v), (v - w) / (sp.sqrt(w) * sp.sqrt(v) * (sp.sqrt(w) + sp.sqrt(v)))),
        ("a root less a number", root - z, 1 / (root + z)),
        ("over a root, less one", z / root - 1, (z - root) / root),
        ("difference of quotients", a / w - b / v, (a * v - b * w) / (w * v)),
        ("exponentials a number apart", 3 * sp.exp(z + 2) - sp.exp(z), (3 * sp.exp(2) - 1) * sp.exp(z)),
        ("cosh plus sinh", sp.cosh(z) + sp.sinh(z), sp.exp(z)),
        ("cosh squared less sinh squared", sp.cosh(z) ** 2 - sp.sinh(z) ** 2, sp.S.One),
        ("a square with its constant", z**2 - 2 * a * z + a**2, (z - a) ** 2),
    ]


def _slopes() -> list[Triple]:
    z, a, b, u = sp.symbols("z a b u", real=True)
    w = sp.Symbol("w", positive=True)
    s = TABLE["sigmoid"].sympy
    return [
        ("sum of sigmoids of both signs", s(z) + s(-z), sp.S.One),
        ("sum of their reciprocals", 1 / s(z) + 1 / s(-z), 1 / (s(z) * s(-z))),
        ("difference of squares", a**2 - b**2, (a - b) * (a + b)),
        ("difference of slopes", s(a) * s(-a) - s(b) * s(-b), (s(a) - s(b)) * (s(-a) - s(b))),
        ("a quantity and its pole", u + u / (sp.exp(w) - 1), -u / (sp.exp(-w) - 1)),
        ("a quantity and its pole, below 0", u + u / (sp.exp(-w) - 1), -u / (sp.exp(w) - 1)),
        ("z over exp less one, of both signs", z / (sp.exp(z) - 1) + z, -z / (sp.exp(-z) - 1)),
        ("a difference of exponentials by their distance", sp.exp(a) - sp.exp(b), sp.exp(b) * (sp.exp(a - b) - 1)),
        ("exp less one times an exponential", (sp.exp(a) - 1) * sp.exp(b), sp.exp(a + b) - sp.exp(b)),
        ("over a root, by half", (2 * w + 1) / (2 * sp.sqrt(w**2 + w)) - 1, (w + sp.S.Half - sp.sqrt(w**2 + w)) / sp.sqrt(w**2 + w)),
    ]


def _quotients() -> list[Triple]:
    z, a, b = sp.symbols("z a b", real=True)
    w = sp.Symbol("w", positive=True)
    s = TABLE["sigmoid"].sympy
    return [
        ("exponentials in one", sp.exp(a) * sp.exp(b), sp.exp(a + b)),
        ("odds", s(z) / s(-z), sp.exp(z)),
        ("1/cosh", 1 / sp.cosh(z), 2 * sp.exp(-z) / (1 + sp.exp(-2 * z))),
        ("sum of two exponentials", sp.exp(z) + sp.exp(-z), 2 * sp.cosh(z)),
        ("exponential over 1/cosh", sp.exp(z) / sp.cosh(z), 2 * s(2 * z)),
        ("1/(exp - 1)", 1 / (sp.exp(w) - 1), sp.exp(-w) / (1 - sp.exp(-w))),
        ("exp/(exp - 1)", sp.exp(w) / (sp.exp(w) - 1), -1 / (sp.exp(-w) - 1)),
        ("(exp - 1) by half the exponent", sp.exp(z) - 1, (sp.exp(z / 2) - 1) * ((sp.exp(z / 2) - 1) + 2)),
        ("the largest exponent out of a sum", 1 / (w * sp.exp(a) + sp.exp(b)), sp.exp(-z) / (w * sp.exp(a - z) + sp.exp(b - z))),
        ("sigmoids of both signs", s(z) * s(-z), (1 / (2 * sp.cosh(z / 2))) ** 2),
        ("one minus 1/cosh", 1 - 1 / sp.cosh(z), sp.tanh(z) * sp.tanh(z / 2)),
        ("exp(z) less one, plus one", (sp.exp(z) - 1) + 1, sp.exp(z)),
        ("one minus a bell", 1 - sp.exp(-(z**2) / 2), -(sp.exp(-(z**2) / 2) - 1)),
        ("cosh less one", sp.cosh(z) - 1, 2 * sp.sinh(z / 2) ** 2),
    ]


def _powers() -> list[Triple]:
    z = sp.Symbol("z", real=True)
    w, v, u = sp.symbols("w v u", positive=True)
    s = TABLE["sigmoid"].sympy
    return [
        ("one minus a square", 1 - s(z) ** 2, s(-z) * (1 + s(z))),
        ("one minus a cube", 1 - s(z) ** 3, s(-z) * (1 + s(z) + s(z) ** 2)),
        ("reciprocal less one", 1 / s(z) - 1, s(-z) / s(z)),
        ("one minus a squared cosine", 1 - sp.cos(z) ** 2, sp.sin(z) ** 2),
        ("root of 1 + u, less one", sp.sqrt(1 + u) - 1, u / (1 + sp.sqrt(1 + u))),
        ("hypotenuse of 1 and z, less one", sp.sqrt(1 + z**2) - 1, z * (z / (1 + sp.sqrt(1 + z**2)))),
        ("powers of a quotient", z**2 * u**-2, (z / u) ** 2),
        ("reciprocal of 1 + u, less one", 1 / (1 + u) - 1, -u / (1 + u)),
        ("square of 1 + u, less one", (1 + u) ** 2 - 1, u * (1 + (1 + u))),
        ("cube of 1 + u, less one", (1 + u) ** 3 - 1, u * (1 + (1 + u) + (1 + u) ** 2)),
        ("reciprocal square, less one", (1 + u) ** -2 - 1, -u / (1 + u) * (1 + 1 / (1 + u))),
        ("reciprocal cube, less one", (1 + u) ** -3 - 1, -u / (1 + u) * (1 + 1 / (1 + u) + (1 + u) ** -2)),
        ("reciprocal root, less one", 1 / sp.sqrt(1 + u) - 1, -u / (1 + u) / (1 + 1 / sp.sqrt(1 + u))),
        ("a multiple over 1 + u, less itself", z / (1 + u) - z, z * (-u / (1 + u))),
        ("power of 1 + u by its logarithm", (1 + u) ** sp.Rational(2, 3), sp.exp(sp.log(1 + u) * 2 / 3)),
        ("constant out of a power", sp.sqrt(w + u), sp.sqrt(w) * sp.sqrt(1 + u / w)),
        ("root of a product", sp.sqrt(w * v), sp.sqrt(w) * sp.sqrt(v)),
        ("root of an exponential", sp.sqrt(sp.exp(z)), sp.exp(z / 2)),
        ("root of a square", sp.sqrt(z**2), sp.Abs(z)),
        ("hypotenuse", sp.sqrt(w**2 + z**2), w * sp.sqrt(1 + (z / w) ** 2)),
    ]


def _more_logarithms() -> list[Triple]:
    z = sp.Symbol("z", real=True)
    w, v = sp.symbols("w v", positive=True)
    s, softplus = (TABLE[name].sympy for name in ("sigmoid", "softplus"))
    e = sp.exp(-2 * w)
    return [
        ("log of a product", sp.log(w * v), sp.log(w) + sp.log(v)),
        ("log of a power", sp.log(w**3), 3 * sp.log(w)),
        ("log of cosh", sp.cosh(z), sp.exp(z) * (1 + sp.exp(-2 * z)) / 2),
        ("log of cosh, near 0", sp.cosh(z), 1 + 2 * sp.sinh(z / 2) ** 2),
        ("log of sinh", sp.sinh(w), sp.exp(w) * (1 - e) / 2),
        ("log of tanh", sp.tanh(w), 1 - 2 * e / (1 + e)),
        ("log of twice a sigmoid", 2 * s(z), 1 + sp.tanh(z / 2)),
        ("log of a difference of sigmoids", s(z + w) - s(z), s(z + w) * s(-z) * (1 - sp.exp(-w))),
        ("log of 1 + exp by log1p", sp.log(1 + sp.exp(z)), softplus(z)),
        ("arcsinh", z + sp.sqrt(1 + z**2), 1 + (z + z**2 / (1 + sp.sqrt(1 + z**2)))),
        ("arcsinh is odd", (z + sp.sqrt(1 + z**2)) * (-z + sp.sqrt(1 + z**2)), sp.S.One),
        ("exp of minus a softplus", sp.exp(-softplus(z)), s(-z)),
    ]


def _over_indices() -> list[Triple]:
    """For every size."""
    from symdl.expr.dims import dims
    from symdl.expr.functions import expm1
    from symdl.expr.ops import abs_, exp, log, logsumexp, mean, sqrt, sum_
    from symdl.expr.ops import max_ as largest
    from symdl.expr.tensor import tensor

    n = dims("n")
    x, y, q = tensor("x", n), tensor("y", n), tensor("q", n, facts="positive")
    norm_x, norm_y = sqrt(sum_(x**2)), sqrt(sum_(y**2))
    top, scale, m = largest(x), tensor("r", facts="positive"), tensor("m")
    return [
        ("mean of a product, less the product of means", mean(x * y) - mean(x) * mean(y), mean((x - mean(x)) * (y - mean(y)))),
        ("mean of squares, less the square of the mean", mean(x**2) - mean(x) ** 2, mean((x - mean(x)) ** 2)),
        ("inner product over norms", sum_(x * y) / (norm_x * norm_y), sum_((x / norm_x) * (y / norm_y))),
        ("projection by a unit vector", sum_(x * y) * x / sum_(x**2), sum_((x / norm_x) * y) * (x / norm_x)),
        ("norm by a scale", sqrt(sum_(x**2)), scale * sqrt(sum_((x / scale) ** 2))),
        ("log of a weighted sum of exp", sum_(q * exp(x)), sum_(exp(x + log(q)))),
        ("log of a mean of exp", mean(exp(x)), exp(m) * (1 + mean(expm1(x - m)))),
        ("weighted mean by a softmax", sum_(y * exp(x)) / sum_(exp(x)), sum_(y * exp(x - logsumexp(x)))),
        ("maximum less logsumexp", top - logsumexp(x), -log(1 + (sum_(exp(x - top)) - 1))),
        ("absolute value of a square", abs_(x) ** 2, x**2),
    ]
