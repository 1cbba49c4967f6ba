"""The complex step: Im f(x + ih)/h is the derivative, with no difference taken and so no digit lost.

h is 1e-100, so small that the real parts are what they are without it. Source: Squire and Trapp, Using complex variables to estimate derivatives of real
functions, SIAM Review 40 (1998). Functions must be analytic; where they are piecewise (relu, maximum, cases) the piece is chosen by the real part.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import mpmath
import numpy as np

from symdl.expr.tensor import Expr, of_node
from symdl.graph import node as kinds
from symdl.graph.walk import topological
from symdl.prove.arrays import ByEntry, Carrier
from symdl.prove.lanes import lanes_that_fit
from symdl.prove.numeric import Walker, bind_sizes
from symdl.prove.tape import Tape

STEP = 1e-100
#: Slopes below this are lost: times the step they are smaller than floats.
BLIND = 1e-200


def _sigmoid(z: Any) -> Any:
    """Without an overflow on either side."""
    small = np.exp(np.where(z.real >= 0, -z, z))
    return np.where(z.real >= 0, 1.0, small) / (1.0 + small)


def _softplus(z: Any) -> Any:
    """max(z, 0) + log(1 + exp(-|z|))."""
    flipped = z.real >= 0
    return np.where(flipped, z, 0.0) + np.log1p(np.exp(np.where(flipped, -z, z)))


def _with_digits(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A function that NumPy does not have for complex numbers, with so many digits that the tiny imaginary part is among them."""

    def one(z: complex) -> complex:
        with mpmath.workdps(140):
            return complex(function(mpmath.mpc(z)))

    return np.vectorize(one, otypes=[complex])


_erf, _erfc = _with_digits(mpmath.erf), _with_digits(mpmath.erfc)


def _tanh(z: Any) -> Any:
    """NumPy's has an imaginary part of 0 where tanh has long been 1: here from exp(-2|z|)."""
    signed = np.where(z.real >= 0, z, -z)
    small = np.exp(-2.0 * signed)
    out = (1.0 - small) / (1.0 + small)
    return np.where(np.abs(z.real) < 0.5, np.sinh(_small(z)) / np.cosh(_small(z)), np.where(z.real >= 0, out, -out))


def _small(z: Any) -> Any:
    return np.where(np.abs(z.real) < 0.5, z, 0.0)


def _flag(holds: Callable[[Any], Any]) -> Callable[[Any], Any]:
    return lambda z: np.where(holds(z.real), 1.0, 0.0).astype(complex)


class Complex(ByEntry):
    """Complex numbers in NumPy's arrays."""

    xp = np
    functions: Mapping[str, Callable[..., Any]] = {
        **{name: getattr(np, name) for name in ("exp", "sin", "cos", "sinh", "cosh", "expm1", "tan")},
        "log": lambda z: np.where(z.real > 0, np.log(np.where(z.real > 0, z, 1.0)), np.nan),
        "log1p": lambda z: np.where(z.real > -1, np.log1p(np.where(z.real > -1, z, 0.0)), np.nan),
        "arctan": np.arctan,
        "tanh": _tanh,
        "erf": _erf,
        "abs": lambda z: np.where(z.real > 0, z, np.where(z.real < 0, -z, 0.0)),
        "sign": lambda z: np.sign(z.real).astype(complex),
        "positive": _flag(lambda x: x > 0),
        "step": lambda z: np.where(z.real > 0, 1.0, np.where(z.real < 0, 0.0, np.nan)).astype(complex),
        "iszero": _flag(lambda x: x == 0),
        "where": lambda c, a, b: np.where(c.real > 0, a, b),
        "sigmoid": _sigmoid,
        "softplus": _softplus,
        "relu": lambda z: np.where(z.real > 0, z, 0.0),
        "silu": lambda z: z * _sigmoid(z),
        "gelu": lambda z: 0.5 * z * _erfc(-z / math.sqrt(2.0)),
        "minimum": lambda a, b: np.where(a.real < b.real, a, np.where(a.real > b.real, b, (a + b) / 2)),
        "maximum": lambda a, b: np.where(a.real > b.real, a, np.where(a.real < b.real, b, (a + b) / 2)),
        "pow": lambda a, b: np.where(a.real > 0, np.exp(b * np.log(np.where(a.real > 0, a, 1.0))), np.nan),
    }

    def number(self, value: Any) -> Any:
        return np.asarray(float(value), dtype=complex)

    def array(self, value: Any) -> Any:
        return np.asarray(value, dtype=complex)

    def plain(self, value: Any) -> Any:
        return np.real(value)

    def power(self, a: Any, exponent: Any) -> Any:
        e = float(exponent)
        if e == int(e) and abs(e) <= 64:
            return _whole_power(a, int(e))
        inside = a.real > 0
        return np.where(inside, np.exp(e * np.log(np.where(inside, a, 1.0))), np.where((a.real == 0) & (e > 0), 0.0, np.nan))

    def chosen(self, mask: Any, a: Any, b: Any) -> Any:
        return np.where(mask, a, b)

    def maximum(self, a: Any, axes: tuple[int, ...]) -> Any:
        """Ties share, as on the tape."""
        ties = (a.real == a.real.max(axis=axes, keepdims=True)).astype(float)
        return np.asarray((a * ties).sum(axis=axes) / ties.sum(axis=axes))

    def logsumexp(self, a: Any, axes: tuple[int, ...]) -> Any:
        top = a.real.max(axis=axes, keepdims=True)
        total = np.exp(a - top).sum(axis=axes, keepdims=True)
        return np.asarray((np.log(total) + top).squeeze(axis=axes))

    def matrix(self, kind: str, a: Any) -> Any:
        if kind == "inv":
            return np.linalg.inv(a)
        if kind == "det":
            return np.asarray(np.linalg.det(a))
        det = np.linalg.slogdet(a)
        # log det of a real matrix with a positive determinant, moved by a tiny imaginary part: the phase carries the derivative.
        return np.where(det.sign.real > 0, det.logabsdet + 1j * np.angle(det.sign), np.nan)


def _whole_power(a: Any, exponent: int) -> Any:
    """By multiplications: exp and log would lose digits."""
    out, base, left = np.ones_like(a), a, abs(exponent)
    while left:
        if left & 1:
            out = out * base
        base, left = base * base, left >> 1
    return 1.0 / out if exponent < 0 else out


def complex_gradient(loss: Expr, wrt: Sequence[Expr], values: Mapping[str, Any]) -> dict[str, Any]:
    """Gradients by name: a lane for every entry of what is differentiated by, some at a time."""
    sizes = Walker(Tape(), values, bind_sizes(topological([loss.node, *(e.node for e in wrt)]), values))
    field = Complex()
    block = lanes_that_fit([loss], sizes)
    found = {}
    with np.errstate(all="ignore"):
        for one in wrt:
            base = Carrier(field, values, sizes).value(of_node(one.node))[0, ...]
            columns = []
            for first in range(0, base.size, block):
                places = np.arange(first, min(first + block, base.size))
                moved = np.repeat(base.reshape((1, -1)), len(places), axis=0)
                moved[np.arange(len(places)), places] += 1j * STEP
                out = _carried(field, values, sizes, one, moved.reshape((-1, *base.shape)), loss)
                columns.append(np.broadcast_to(np.imag(out) / STEP, (len(places), *out.shape[1:])))
            out = np.moveaxis(np.concatenate(columns), 0, -1) if columns else np.zeros((0,))
            found[str(one.node.name)] = out.reshape((*out.shape[:-1], *base.shape))
    return found


def _carried(field: Complex, values: Mapping[str, Any], sizes: Walker, one: Expr, moved: Any, loss: Expr) -> Any:
    """The loss with an input or a named result moved."""
    given = {str(one.node.name): moved} if one.node.op == kinds.INPUT else {}
    return Carrier(field, values, sizes, {} if given else {one.node: moved}, given).value(loss)
