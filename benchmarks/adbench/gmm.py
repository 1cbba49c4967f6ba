"""Gaussian mixture: the log posterior of n points under K Gaussians of d dimensions, with a Wishart prior on the precisions.

    L = -n d/2 log(2 pi) + Sum_i logsumexp_k(alpha_k + Sum_j q_kj - |Q_k (x_i - mu_k)|^2 / 2) - n logsumexp(alpha) + prior

Q_k is lower triangular: its diagonal is exp(q_k), what lies below it is l_k, filled column by column; row k of ``icf`` is (q_k, l_k).
"""

from __future__ import annotations

from typing import Any

import sympy as sp

import symdl as sd

#: What the gradient is taken by, in ADBench's order.
BY = ("alphas", "means", "icf")


def triangle(icf: Any, d: Any) -> tuple[Any, Any, Any]:
    """(q, Q, l): logarithms of the diagonals (K, d), the matrices (K, d, d), what lies below the diagonals (K, d*(d - 1)/2)."""
    i, j = sd.position(d)[:, None], sd.position(d)
    q, below = icf[:, :d], icf[:, d:]
    # Column j begins behind the columns before it, which have d - 1, d - 2, ..., d - j elements.
    place = j * (d - 1) - j * (j - 1) / 2 + (i - j - 1)
    return q, sd.exp(q)[:, None, :] * sd.equal(i, j) + below[:, place] * sd.positive(i - j), below


def log_multigamma(a: Any, d: Any) -> Any:
    """log Gamma_d(a) = d (d - 1)/4 log(pi) + Sum_{j=1..d} log Gamma(a + (1 - j)/2)."""
    j = sp.Symbol("j", integer=True)
    return d * (d - 1) * sp.log(sp.pi) / 4 + sp.Sum(sp.loggamma(a + (1 - j) / sp.Integer(2)), (j, 1, d))


def objective(gamma: Any = 1, m: int = 0) -> Any:
    """The log posterior, a scalar expression of alphas (K), means (K, d), icf (K, d*(d + 1)/2) and x (n, d); all sizes symbolic."""
    n, d, K = sd.dims("n d K")
    alphas, means, x = sd.tensor("alphas", K), sd.tensor("means", K, d), sd.tensor("x", n, d)
    q, Q, below = triangle(sd.tensor("icf", K, d * (d + 1) / 2), d)
    k, i, a, b = sd.indices("k i a b")
    whitened = sd.sum(Q[k, a, b] * (x[i, b] - means[k, b]), b)
    exponent = alphas[k] + sd.sum(q[k, a], a) - sd.sum(whitened**2, a) / 2
    likelihood = sd.sum(sd.logsumexp(exponent, k), i) - n * sd.logsumexp(alphas) - n * d * sp.log(2 * sp.pi) / 2
    scale = (d + m + 1) * d * (sp.log(gamma) - sp.log(2) / 2) - log_multigamma((d + m + 1) / sp.Integer(2), d)
    prior = gamma**2 * (sd.sum(sd.exp(q) ** 2) + sd.sum(below**2)) / 2 - m * sd.sum(q) - K * scale
    return likelihood + prior
