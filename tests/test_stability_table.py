"""Every elementwise function with its first and second derivative, in float64 and float32: nothing beyond 16 units in the last place."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
from naive_forms import reference_digits, ulps

import symdl as sd
from symdl.functions import TABLE

POINTS = {
    "float64": [0.0, *(s * p for p in (1000.0, 750.0, 710.0, 30.0, 1.0, 1e-5, 1e-20) for s in (1, -1))],
    "float32": [0.0, *(s * p for p in (400.0, 88.5, 17.0, 1.0, 1e-7, 1e-30, 1e-38) for s in (1, -1))],
}
NAMES = [k for k, e in TABLE.items() if e.nargs - len(e.parameters) == 1 and hasattr(sd, k) and k not in ("clip", "threshold", "step", "iszero")]
#: torch's losses of a prediction and a target of one shape.
LOSSES = ["binary_cross_entropy_with_logits", "hinge_embedding_loss", "huber_loss", "l1_loss", "mse_loss", "multilabel_soft_margin_loss", "smooth_l1_loss",
          "soft_margin_loss", "cross_entropy_loss"]  # fmt: skip
DIGITS = 900


def _off(expr, values, dtype):
    given = {k: np.asarray(np.asarray(v, dtype=dtype), dtype=float) for k, v in values.items() if k in expr.inputs}
    true = reference_digits(expr, given, DIGITS)
    try:
        got = sd.lambdify(list(given), expr, dtype=dtype)(*given.values()) if given else sd.evaluate(expr)
    except sd.DomainError:
        got = np.full(true.shape, np.nan)
    with mpmath.workdps(DIGITS):
        return max(ulps(a, b, dtype) for a, b in zip(np.ravel(got), true.ravel(), strict=True))


def _fits(expr, p, dtype):
    """Whether the true value is no infinity in this type."""
    with mpmath.workdps(60):
        (true,) = reference_digits(expr, {"x": [float(np.dtype(dtype).type(p))]}, 60)
        return abs(true) <= float(np.finfo(dtype).max)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", NAMES)
def test_a_function_and_its_derivatives(name, dtype):
    x = sd.tensor("x", sd.dims("n"))
    points = [p for p in POINTS[dtype] if not TABLE[name].domain or p > 0]
    expr = getattr(sd, name)(x)
    for order in range(3):
        if expr.inputs:
            finite = [p for p in points if _fits(expr, p, dtype)]
            assert len(finite) >= 4
            assert _off(expr, {"x": finite}, dtype) <= 16, (name, order)
        expr = sd.grad(sd.sum(expr), x)


@pytest.mark.parametrize("dtype", ["float64", "float32"])
@pytest.mark.parametrize("name", LOSSES)
def test_losses_and_their_gradients(name, dtype):
    x, t = sd.tensor("x", 3), sd.tensor("t", 3)
    loss = getattr(sd, name)(x, t)
    gradient = sd.grad(loss, x)
    for p in (1000.0, -1000.0, 30.0, 1e-5) if dtype == "float64" else (400.0, -88.5, 17.0, 1e-3):
        values = {"x": [p, 0.0, -p / 2], "t": [1.0, 0.0, 1.0]}
        assert _off(loss, values, dtype) <= 16, p
        assert _off(gradient, values, dtype) <= 16, p


@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_softmax_attention_and_normalised_rows(dtype):
    n, k = sd.dims("n k")
    q, keys, v, X = sd.tensor("q", k), sd.tensor("K", n, k), sd.tensor("v", n), sd.tensor("X", n, k)
    size = 1000.0 if dtype == "float64" else 80.0
    scores = keys @ q
    attention = sd.sum(sd.softmax(scores) * v)
    written = sd.sum(sd.exp(scores) * v) / sd.sum(sd.exp(scores))
    values = {"K": [[size, 0.0], [0.0, size], [-size, 1.0]], "q": [1.0, -1.0], "v": [1.0, 2.0, 4.0]}
    for e in (attention, written, sd.grad(attention, v), sd.grad(written, v)):
        assert _off(e, values, dtype) <= 16
    centred = X - sd.mean(X, axis=1, keepdims=True)
    rows = centred / sd.sqrt(sd.mean(centred**2, axis=1, keepdims=True) + 1e-5)
    assert _off(rows, {"X": [[size, -size], [1.0, 3.0], [0.5, 0.5]]}, dtype) <= 16
