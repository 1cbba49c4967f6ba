"""Random expressions of two numbers in which the rewrites before lowering have much to find, and what evaluating them costs in digits."""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np
import reference
from naive_forms import reference_digits, ulps

import symdl as sd

x, y = sd.tensor("x"), sd.tensor("y")
exp, log, sqrt, tanh, sigmoid = sd.exp, sd.log, sd.sqrt, sd.tanh, sd.sigmoid


def atom(rng: np.random.Generator) -> Any:
    return [x, y, -x, x - y, 2 * x, x + 1, y - 1, x / 2, x * y, x**2, x + y, 1 - y, 3 * x - y][rng.integers(13)]


def leaf(rng: np.random.Generator) -> Any:
    a = atom(rng)
    kinds = [exp, lambda t: exp(-t), sigmoid, tanh, sd.softplus, sd.cosh, sd.sinh, sd.erf, sd.cos, sd.sin, sd.arctan, sd.abs, sd.expm1,
             lambda t: log(1 + exp(t)), lambda t: 1 / (1 + exp(-t)), lambda t: exp(-(t**2)), lambda t: sqrt(1 + t**2), lambda t: log(1 + t**2),
             lambda t: log(sigmoid(t)), lambda t: 1 / (1 + t**2), lambda t: t, lambda t: sqrt(exp(t)), lambda t: exp(t) / (1 + exp(t)),
             lambda t: exp(-(t**2) / 2),
             lambda t: sqrt(2 + t**2), lambda t: 1 / (2 + exp(t))]  # fmt: skip
    return kinds[rng.integers(len(kinds))](a)


def expression(rng: np.random.Generator, depth: int = 2) -> Any:
    if depth == 0:
        return leaf(rng)
    f, a, b = expression(rng, depth - 1), atom(rng), atom(rng)
    g = expression(rng, depth - 1) if rng.random() < 0.5 else leaf(rng)
    joins = [
        lambda: f + g,
        lambda: f - g,
        lambda: f * g,
        lambda: f * (1 - g),
        lambda: 1 - f,
        lambda: f - 1,
        lambda: f**2,
        lambda: 1 - f**2,
        lambda: 1 / (1 + f**2),
        lambda: sqrt(1 + f**2) - 1,
        lambda: sqrt(1 + f**2) - f,
        lambda: log(1 + f**2),
        lambda: g / (1 + f**2) - g,
        lambda: exp(a) / (exp(a) + exp(b)) * f,
        lambda: exp(a) / (1 + exp(a) + exp(b)),
        lambda: (exp(a) * f + exp(b) * g) / (exp(a) + exp(b)),
        lambda: log(exp(a) + exp(b)) - f,
        lambda: log(exp(a) + 2 * exp(b) + 1),
        lambda: exp(a) * exp(-b) * f,
        lambda: sigmoid(a + 1) - sigmoid(a),
        lambda: sd.arctan(a + 1) - sd.arctan(a),
        lambda: log(2 + a**2) - log(1 + a**2),
        lambda: f / (1 + sd.abs(g)),
        lambda: (exp(a) - 1) * f,
        lambda: (1 + tanh(a)) * f,
        lambda: f * sigmoid(a) / sigmoid(-a),
        lambda: 2 * f - 1,
        lambda: f**2 - 2 * f + 1,
        lambda: sd.where(a, f, g),
        lambda: log(sd.cosh(a)) * f,
    ]
    return joins[rng.integers(len(joins))]()


def point(rng: np.random.Generator) -> dict[str, float]:
    size = [1.0, 1.0, 30.0, 400.0, 1e-6][rng.integers(5)]
    return {"x": float(rng.normal() * size), "y": float(rng.normal() * size)}


def errors(expr: Any, at: dict[str, float], dtype: str = "float64", digits: int = 1300) -> tuple[float, float, float] | None:
    """Units in the last place that symdl is off, that the plain evaluation is off, and that the last digits of the inputs are worth; None where there is no
    true value."""
    given = {k: v for k, v in at.items() if k in {str(i) for i in expr.inputs}}
    kind = np.dtype(dtype).type
    given = {k: float(kind(v)) for k, v in given.items()}
    true = reference_digits(expr, given, digits).item()
    if not mpmath.isfinite(true) or abs(true) > float(np.finfo(dtype).max):
        return None
    eps = float(np.finfo(dtype).eps)
    moved = [abs(reference_digits(expr, {**given, k: v * (1 + s * eps)}, digits).item() - true) for k, v in given.items() for s in (1, -1)]
    unit = mpmath.mpf(float(np.spacing(kind(abs(true))) if kind(abs(true)) else np.finfo(dtype).smallest_subnormal))
    worth = float(sum(moved) / unit)
    try:
        got = sd.lambdify(list(given), expr, dtype=dtype)(*given.values()) if given else sd.evaluate(expr)
    except sd.DomainError:
        got = np.nan
    with np.errstate(all="ignore"):
        plain = kind(reference.evaluate(expr, given, {}))
    return ulps(float(got), true, dtype), ulps(float(plain), true, dtype), worth
