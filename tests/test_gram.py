"""Weighted Gram matrices by the square roots of their weights: the same values, symmetric to the last bit, half the work."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import symdl as sd
from symdl.expr.tensor import Expr
from symdl.lower.gram import halved
from symdl.lower.stabilise import stabilised

m, n = sd.dims("m n")
X, w, y, s = sd.tensor("X", m, n), sd.tensor("w", n), sd.tensor("y", m), sd.tensor("s", m)

LOSSES = {
    "logistic": sd.sum(sd.log(1 + sd.exp(-y * (X @ w)))),
    "poisson": sd.sum(sd.exp(X @ w) - y * (X @ w)),
    "softplus": sd.mean(sd.softplus(X @ w) - y * (X @ w)) + 3 * sd.sum(w**2),
    "exponential": 2 * sd.sum(sd.exp(-y * (X @ w))),
}


@pytest.mark.parametrize("name", list(LOSSES))
def test_hessians(name: str) -> None:
    rng = np.random.default_rng(0)
    numbers = {"X": rng.standard_normal((90, 40)), "w": rng.standard_normal(40) / 6, "y": np.sign(rng.standard_normal(90))}
    hessian = sd.hessian(LOSSES[name], w)
    found = sd.evaluate(hessian, **{k: numbers[k] for k in hessian.inputs})
    hvp = sd.hvp(LOSSES[name], w, "v")
    for k in range(0, 40, 7):
        direction = np.eye(40)[k]
        column = sd.evaluate(hvp, **{key: (numbers | {"v": direction})[key] for key in hvp.inputs})
        np.testing.assert_allclose(found[:, k], column, rtol=1e-11, atol=1e-12 * np.max(np.abs(found)))
    assert np.array_equal(found, found.T)


def rewritten(expr: Any) -> Any:
    (term,) = halved(stabilised([expr.term]), lambda size: 100)
    return Expr(term, expr.shape)


def test_proved_and_only_where_weights_are_not_negative() -> None:
    plain = X.T @ sd.diag(sd.exp(s)) @ X
    assert rewritten(plain) != plain
    assert sd.prove(plain, rewritten(plain)).verdict == "PROVED"
    for other in (X.T @ sd.diag(s) @ X, X.T @ sd.diag(sd.exp(s) - 1) @ X, X.T @ X):
        assert rewritten(other).node is stabilised([other.term])[0].node
