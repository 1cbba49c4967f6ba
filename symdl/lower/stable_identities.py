"""The rewrites before lowering as data, for whoever wants to prove them: ``symdl verify --rules`` does, and the tests."""

from __future__ import annotations

from typing import Any, NamedTuple

import sympy as sp

from symdl.functions import TABLE
from symdl.lower.stable_identities_more import further


class Identity(NamedTuple):
    """One rewrite: lhs = rhs for all real numbers (w, T: positive ones) and vectors in it."""

    name: str
    lhs: Any
    rhs: Any


def identities() -> list[Identity]:
    """All rewrites, on plain SymPy where that has a form for them, else as expressions of symdl."""
    return [*_logistic(), *_exponentials(), *_logarithms(), *_normal(), *_softmax(), *(Identity(*t) for t in further())]


def _logistic() -> list[Identity]:
    z, a, b, t = sp.symbols("z a b t", real=True)
    s = TABLE["sigmoid"].sympy
    expm1 = TABLE["expm1"].sympy
    return [
        Identity("one minus sigmoid", 1 - s(z), s(-z)),
        Identity("one minus two sigmoids", 1 - 2 * s(z), -sp.tanh(z / 2)),
        Identity("sigmoid less its square", s(z) - s(z) ** 2, s(z) * s(-z)),
        Identity("reciprocal of 1 + exp", 1 / (1 + sp.exp(-z)), s(z)),
        Identity("logistic quotient", sp.exp(z) / (1 + sp.exp(z)), s(z)),
        Identity("one plus exp cancels", (1 + sp.exp(z)) * s(-z), sp.S.One),
        Identity("quotient of two exponentials", sp.exp(a) / (sp.exp(a) + sp.exp(b)), s(a - b)),
        Identity("slope of tanh", 1 - sp.tanh(z) ** 2, 4 * s(2 * z) * s(-2 * z)),
        Identity("one minus tanh", 1 - sp.tanh(z), 2 * s(-2 * z)),
        Identity("one plus tanh", 1 + sp.tanh(z), 2 * s(2 * z)),
        Identity("tanh as a quotient of exponentials", (sp.exp(a) - sp.exp(b)) / (sp.exp(a) + sp.exp(b)), sp.tanh((a - b) / 2)),
        Identity("tanh as a quotient of expm1", expm1(z) * s(-z), sp.tanh(z / 2)),
        Identity("tanh as sinh over cosh", sp.sinh(z) / sp.cosh(z), sp.tanh(z)),
        Identity("exponential over cosh", sp.exp(z) / sp.cosh(z), 2 * s(2 * z)),
        Identity("sigmoid less a label", s(z) - t, s(z) * (1 - t) - t * s(-z)),
    ]


def _exponentials() -> list[Identity]:
    z = sp.Symbol("z", real=True)
    return [
        Identity("exp minus one", sp.exp(z) - 1, TABLE["expm1"].sympy(z)),
        Identity("difference of exp", sp.exp(z) - sp.exp(-z), 2 * sp.sinh(z)),
        Identity("one minus cosine", 1 - sp.cos(z), 2 * sp.sin(z / 2) ** 2),
    ]


def _logarithms() -> list[Identity]:
    z, a, b = sp.symbols("z a b", real=True)
    w = sp.Symbol("w", positive=True)
    s, softplus, log1p, expm1 = (TABLE[name].sympy for name in ("sigmoid", "softplus", "log1p", "expm1"))
    return [
        Identity("log of 1 + exp", sp.log(1 + sp.exp(z)), softplus(z)),
        Identity("log of sigmoid", sp.log(s(z)), -softplus(-z)),
        Identity("log of one minus sigmoid", sp.log(1 - s(z)), -softplus(z)),
        Identity("log of one plus w", sp.log(1 + w), log1p(w)),
        Identity("log of two exponentials", sp.log(sp.exp(a) + sp.exp(b)), TABLE["maximum"].sympy(a, b) + sp.log(1 + sp.exp(-sp.Abs(a - b)))),
        Identity("log of a multiple of exp", sp.log(w * sp.exp(z) + 1), sp.log(sp.exp(z + sp.log(w)) + 1)),
        Identity("log of exp minus one", sp.log(sp.exp(w) - 1), w + sp.log(1 - sp.exp(-w))),
        Identity("log of one minus exp, near 0", sp.log(1 - sp.exp(-w)), sp.log(-expm1(-w))),
        Identity("log of one minus exp, far from 0", sp.log(1 - sp.exp(-w)), log1p(-sp.exp(-w))),
    ]


def _normal() -> list[Identity]:
    """erfc(z) is 1 - erf(z), and the normal distribution erfc(-z/sqrt(2))/2, by definition."""
    z, a = sp.symbols("z a", real=True)
    return [
        Identity("one plus erf", 1 + sp.erf(z), 1 - sp.erf(-z)),
        Identity("exp of a square in two parts", sp.exp(-(z**2)), sp.exp(-(a**2)) * sp.exp(-(z - a) * (z + a))),
        Identity("half the square in two parts", sp.exp(-(z**2) / 2), sp.exp(-(a**2) / 2) * sp.exp(-(z - a) * (z + a) / 2)),
    ]


def _softmax() -> list[Identity]:
    from symdl.expr.dims import dims
    from symdl.expr.functions import expm1
    from symdl.expr.ops import exp, log, logsumexp, sum_
    from symdl.expr.ops import max_ as largest
    from symdl.expr.tensor import tensor

    n = dims("n")
    x, t = tensor("x", n), tensor("t", n)
    top, d = largest(x), -sp.Abs(sp.Symbol("d", real=True))
    u, label, total_label = sp.symbols("u label total", real=True)
    e = exp(x - top)
    total, p = sum_(e), exp(x - logsumexp(x))
    rest = total - 1
    return [
        Identity("log of a sum of exp", log(sum_(exp(x))), logsumexp(x)),
        Identity("softmax", exp(x) / sum_(exp(x)), p),
        Identity("reciprocal of a sum of exp", 1 / sum_(exp(x)), exp(-logsumexp(x))),
        Identity("logsumexp by the rest", logsumexp(x), top + log(1 + rest)),
        Identity("log softmax by the rest", x - logsumexp(x), (x - top) - log(1 + rest)),
        Identity("softmax by the maximum", p, e / total),
        Identity("one minus softmax", 1 - p, ((1 - e) + rest) / total),
        Identity("a term of the rest", sp.exp(d), 1 + sp.sign(d) - sp.sign(d) * sp.exp(d)),
        Identity("softmax less its square", p - p**2, p * (1 - p)),
        Identity("softmax less a label 1", p - 1, -(1 - p)),
        Identity("softmax in equal shares", 1 - n * p, (sum_(expm1(x - top)) - n * expm1(x - top)) / sum_(exp(x - top))),
        Identity("one minus the squares of a softmax", 1 - sum_(p**2), sum_(p * (1 - p))),
        Identity("logits less their mean", x - sum_(p * x), (x - top) - sum_(p * (x - top))),
        Identity("softmax less labels", sum_(t) * p - t, p * (sum_(t) - t) - t * (1 - p)),
        Identity("a multiple less a label", total_label * u - label, u * (total_label - label) - label * (1 - u)),
    ]
