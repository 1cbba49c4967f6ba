"""Elementwise functions that are more than one instruction on tensors, written so that no digit is lost and work is shared."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from symdl.lower.contract import Factor, sum_axes
from symdl.lower.emit import Emitter
from symdl.lower.machine import COSIGMOID, COSOFTPLUS


def _cosigmoid(out: Emitter, z: Factor, sizes: Mapping[int, int]) -> Factor:
    return Factor(out.emit("cosigmoid", _logistic(out, z), None, out.shape(z.value)), z.axes)


def _sigmoid(out: Emitter, z: Factor, sizes: Mapping[int, int]) -> Factor:
    """exp(z) * sigmoid(-z): both factors keep their relative accuracy on both sides of 0, and the slope needs both."""
    other = _cosigmoid(out, z, sizes)
    return Factor(out.emit("sigmoid", (*_logistic(out, z), other.value), None, out.shape(z.value)), z.axes)


def _logistic(out: Emitter, z: Factor) -> tuple[Any, Any, Any]:
    """z, exp(z), and the flag that some of it is too large to be reckoned with."""
    power = out.unary("exp", z)
    return z.value, power.value, out.emit("overflowed", (power.value,))


def _tail(out: Emitter, z: Factor) -> Factor:
    """log(1 + exp(-|z|))."""
    return out.unary("log1p", out.unary("exp", out.unary("negative", out.unary("absolute", z))))


def _softplus(out: Emitter, z: Factor, sizes: Mapping[int, int]) -> Factor:
    return out.binary("add", out.binary("maximum", z, Factor(0.0, ()), sizes), _tail(out, z), sizes)


def _cosoftplus(out: Emitter, z: Factor, sizes: Mapping[int, int]) -> Factor:
    return out.binary("subtract", _tail(out, z), out.binary("minimum", z, Factor(0.0, ()), sizes), sizes)


def _silu(out: Emitter, z: Factor, sizes: Mapping[int, int]) -> Factor:
    return out.binary("multiply", z, _sigmoid(out, z, sizes), sizes)


def emit_rest(out: Emitter, z: Factor, top: Factor, rank: int, sizes: Mapping[int, int]) -> Factor:
    """Sum of exp(z - top) over the indices from ``rank`` on, less 1, where top is the maximum.

    With s = sign(z - top), -1 below the maximum and 0 at it: exp(z - top) = 1 + s - s*exp(z - top), and the sum is that of the terms below the
    maximum and the number of its further occurrences. The 1 of the maximum would swallow the digits of a small rest.
    """
    below = out.binary("subtract", z, top, sizes)
    sign = out.unary("sign", below)
    over = frozenset(i for i in below.axes if i >= rank)
    ties = sum_axes(out, sign, over)
    others = sum_axes(out, out.binary("multiply", sign, out.unary("exp", below), sizes), over)
    count = 1.0
    for i in over:
        count *= sizes[i]
    if not ties.axes:
        again = out.emit("linear", (ties.value,), ((1.0,), count - 1.0))  # a whole number, and first: see above
        return Factor(out.emit("linear", (again, others.value), ((1.0, -1.0), 0.0)), ())
    return out.binary("subtract", out.binary("add", ties, Factor(count - 1.0, ()), sizes), others, sizes)


def _plain(op: str) -> Callable[..., Factor]:
    return lambda out, z, sizes: out.unary(op, z)


#: Name of the function -> how it is written; all others are one instruction.
FUNCTIONS: dict[str, Callable[..., Factor]] = {
    "sigmoid": _sigmoid,
    "softplus": _softplus,
    "silu": _silu,
    COSIGMOID: _cosigmoid,
    COSOFTPLUS: _cosoftplus,
    "relu": lambda out, z, sizes: out.binary("maximum", z, Factor(0.0, ()), sizes),
    "positive": lambda out, z, sizes: out.binary("heaviside", z, Factor(0.0, ()), sizes),
    "abs": _plain("absolute"),
    **{name: _plain(name) for name in ("exp", "expm1", "log", "log1p", "sin", "cos", "tan", "arctan", "sinh", "cosh", "tanh", "sign")},
}
