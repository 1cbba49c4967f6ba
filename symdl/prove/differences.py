"""Central differences with many digits: derivatives from nothing but values.

With 300 digits and a step of 1e-100 the central difference has an error of about 1e-200 of the size of the loss and its third derivative: what it says is
the derivative to 50 digits and far more, next to the edge of a domain too, unless a kink stands at the point. A kink shows: the differences to the left and
to the right are not the same.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np
import sympy as sp

from symdl.errors import UnsupportedError
from symdl.expr.tensor import Expr, of_node
from symdl.graph import node as kinds
from symdl.graph.walk import topological
from symdl.prove.arrays import ByEntry, Carrier
from symdl.prove.ball_field import OnBalls
from symdl.prove.lanes import lanes_that_fit
from symdl.prove.numeric import Walker, bind_sizes
from symdl.prove.stop import Stop
from symdl.prove.tape import Tape

DIGITS = 300
STEP = 100
#: Left and right differences that lie further apart, relative to themselves or to the loss, stand at a kink.
SMOOTH, FLAT = mpmath.mpf(10) ** -40, mpmath.mpf(10) ** -50
#: What is smaller, relative to the loss, is lost in the differences.
BLIND = 1e-150
#: In binary: 1400 bits are 420 digits behind the point, the step is 2**-332.
BITS, SHIFT = 1400, 332
#: A whole number of so many digits takes the room of this many floats.
OBJECTS = 40


def _each(function: Callable[..., Any], count: int = 1) -> Callable[..., Any]:
    made = np.frompyfunc(function, count, 1)
    return lambda *args: np.asarray(made(*args), dtype=object)


def _log(z: Any) -> Any:
    return mpmath.log(z) if z > 0 else mpmath.nan


class Digits(ByEntry):
    """mpmath's numbers in NumPy's object arrays."""

    xp = np

    def __init__(self) -> None:
        zero, one, two = mpmath.mpf(0), mpmath.mpf(1), mpmath.mpf(2)
        self.functions: dict[str, Callable[..., Any]] = {
            **{n: _each(getattr(mpmath, n)) for n in ("exp", "sin", "cos", "tan", "sinh", "cosh", "tanh", "erf", "expm1")},
            "log": _each(_log),
            "log1p": _each(lambda z: mpmath.log1p(z) if z > -1 else mpmath.nan),
            "arctan": _each(mpmath.atan),
            "abs": _each(abs),
            "sign": _each(mpmath.sign),
            "positive": _each(lambda z: one if z > 0 else zero),
            "step": _each(lambda z: one if z > 0 else zero if z < 0 else mpmath.nan),
            "iszero": _each(lambda z: one if z == 0 else zero),
            "where": _each(lambda c, a, b: a if c > 0 else b, 3),
            "sigmoid": _each(lambda z: one / (one + mpmath.exp(-z))),
            "softplus": _each(lambda z: mpmath.log1p(mpmath.exp(-abs(z))) + max(z, zero)),
            "relu": _each(lambda z: max(z, zero)),
            "silu": _each(lambda z: z / (one + mpmath.exp(-z))),
            "gelu": _each(lambda z: z * mpmath.erfc(-z / mpmath.sqrt(two)) / two),
            "minimum": _each(min, 2),
            "maximum": _each(max, 2),
            "pow": _each(lambda a, b: mpmath.power(a, b) if a > 0 else mpmath.nan, 2),
        }

    def number(self, value: Any) -> Any:
        out = np.empty((), dtype=object)
        out[()] = _exact(value)
        return out

    def array(self, value: Any) -> Any:
        out = np.empty(np.shape(value), dtype=object)
        out[...] = np.vectorize(_exact, otypes=[object])(np.asarray(value)) if np.size(value) else value
        return out

    def plain(self, value: Any) -> Any:
        return np.vectorize(float, otypes=[float])(value) if np.size(value) else np.zeros(np.shape(value))

    def power(self, a: Any, exponent: Any) -> Any:
        e = _exact(exponent)
        whole = int(e) if mpmath.isint(e) else None

        def raised(x: Any) -> Any:
            if whole is not None:
                return mpmath.nan if x == 0 and whole < 0 else x**whole
            return mpmath.power(x, e) if x > 0 else x if x == 0 and e > 0 else mpmath.nan

        return _each(raised)(a)

    def chosen(self, mask: Any, a: Any, b: Any) -> Any:
        return np.where(mask, a, b)

    def maximum(self, a: Any, axes: tuple[int, ...]) -> Any:
        return np.asarray(np.maximum.reduce(a, axis=axes), dtype=object)

    def logsumexp(self, a: Any, axes: tuple[int, ...]) -> Any:
        top = np.maximum.reduce(a, axis=axes, keepdims=True)
        total = np.sum(self.functions["exp"](a - top), axis=axes, keepdims=True)
        return np.asarray(np.squeeze(self.functions["log"](total) + top, axis=axes), dtype=object)

    def matrix(self, kind: str, a: Any) -> Any:
        found = [eliminated(lane) for lane in a]
        if kind == "inv":
            return np.stack([inverse for inverse, _ in found])
        dets = np.stack([self.number(det) for _, det in found])
        return dets if kind == "det" else self.functions["log"](dets)


def _exact(value: Any) -> Any:
    if isinstance(value, (Fraction, sp.Rational)):
        return mpmath.mpf(int(value.numerator)) / int(value.denominator)
    if isinstance(value, sp.Basic):
        return mpmath.mpf(sp.N(value, DIGITS + 10)._to_mpmath(mpmath.mp.prec))  # type: ignore[attr-defined]
    return value if isinstance(value, mpmath.mpf) else mpmath.mpf(float(value) if isinstance(value, np.generic) else value)


def eliminated(a: Any) -> tuple[Any, Any]:
    """Inverse and determinant of a matrix of objects, by Gauss and Jordan with the largest pivots.

    Raises
    ------
    numpy.linalg.LinAlgError
        When it is singular.
    """
    size = len(a)
    work = np.concatenate([a, Digits().array(np.eye(size))], axis=1)
    det = mpmath.mpf(1)
    for k in range(size):
        pivot = k + int(np.argmax(np.abs(work[k:, k])))
        if work[pivot, k] == 0:
            raise np.linalg.LinAlgError("a singular matrix")
        if pivot != k:
            work[[k, pivot]] = work[[pivot, k]]
            det = -det
        det *= work[k, k]
        work[k] = work[k] / work[k, k]
        for row in range(size):
            if row != k:
                work[row] = work[row] - work[row, k] * work[k]
    return work[:, size:], det


class Differences:
    """The value of an expression near a point.

    Parameters
    ----------
    exprs : sequence of Expr
        What tells the sizes: loss, claim, and what is differentiated by.
    values : mapping
        Name -> array.
    """

    def __init__(self, exprs: Sequence[Expr], values: Mapping[str, Any]) -> None:
        self.values = values
        self.sizes = Walker(Tape(), values, bind_sizes(topological([e.node for e in exprs]), values))
        self.field = Digits()
        self._here: dict[Any, Any] = {}

    def value(self, expr: Expr, moved: Expr | None = None, by: Any = None) -> Any:
        """The value; with ``moved``, an input or a named result, plus ``by``. Within :func:`mpmath.workdps`."""
        walk = Carrier(self.field, self.values, self.sizes)
        if moved is None:
            return walk.value(expr)[0, ...]
        at = np.asarray(self.base(moved) + by, dtype=object)
        if moved.node.op == kinds.INPUT:
            walk.leaves[moved.node.attr.name] = at[None]
        else:
            walk.done[moved.node] = at[None]
        return walk.value(expr)[0, ...]

    def base(self, wrt: Expr) -> Any:
        """The whole input or named result as it stands."""
        return Carrier(self.field, self.values, self.sizes).value(of_node(wrt.node))[0, ...]

    def along(self, loss: Expr, wrt: Expr, direction: Any) -> Any:
        """The derivative along a direction of wrt's shape, an array of loss's shape.

        Raises
        ------
        UnsupportedError
            At a kink.
        """
        step = mpmath.mpf(10) ** -STEP
        low, high = (np.asarray(self.value(loss, wrt, direction * (k * step)), dtype=object) for k in (-1, 1))
        if loss not in self._here:
            self._here[loss] = np.asarray(self.value(loss), dtype=object)
        here = self._here[loss]
        left, right = (here - low) / step, (high - here) / step
        if np.any(abs(right - left) > SMOOTH * (abs(left) + abs(right)) + FLAT * (1 + abs(here))):
            raise UnsupportedError("a kink, or a jump, at the point")
        return (left + right) / 2


def difference_gradient(loss: Expr, wrt: Sequence[Expr], values: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Gradients by name, rounded to floats, and how much they may be wrong.

    Raises
    ------
    UnsupportedError
        At a kink, or for what has no value there.
    """
    try:
        return _by_balls(loss, wrt, values)
    except (Stop, OverflowError):  # numbers too large for these, or a sign that is not certain
        return _by_digits(loss, wrt, values)


def _by_balls(loss: Expr, wrt: Sequence[Expr], values: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """In ball arithmetic: a lane for every entry and side, so that what does not depend on the entry is computed once; the error is known."""
    sizes = Walker(Tape(), values, bind_sizes(topological([loss.node, *(e.node for e in wrt)]), values))
    field = OnBalls(BITS)
    block = max(1, lanes_that_fit([loss], sizes) // OBJECTS)
    still = Carrier(field, values, sizes)
    found, room = {}, {}
    with np.errstate(all="ignore"):
        here = still.value(loss)
        for one in wrt:
            base = still.value(of_node(one.node))
            slopes, errors = [], []
            for first in range(0, base.mid.size, block):
                places = np.arange(first, min(first + block, base.mid.size))
                ends = []
                for way in (-1, 1):
                    moved = np.repeat(base.mid.reshape((1, -1)), len(places), axis=0)
                    moved[np.arange(len(places)), places] += way << (BITS - SHIFT)
                    at = base.like(moved.reshape((-1, *base.shape[1:])), base.rad)
                    given = {str(one.node.name): at} if one.node.op == kinds.INPUT else {}
                    ends.append(Carrier(field, values, sizes, {} if given else {one.node: at}, given).value(loss))
                left, right = (here - ends[0]).scaled(1 << SHIFT), (ends[1] - here).scaled(1 << SHIFT)
                if np.any((right - left).size > float(SMOOTH) * (left.size + right.size) + float(FLAT) * (1 + here.size)):
                    raise UnsupportedError("a kink, or a jump, at the point")
                middle = (left + right).scaled(1, 2)
                full = (len(places), *middle.shape[1:])
                slopes.append(np.broadcast_to(middle.floats(), full))
                errors.append(np.broadcast_to(middle.radius(), full))
            name = str(one.node.name)
            found[name], error = (_on_axes(columns, here.shape[1:], base.shape[1:]) for columns in (slopes, errors))
            room[name] = error + BLIND * max(1.0, float(np.max(here.size, initial=0.0)))
    return found, room


def _on_axes(columns: list[Any], of: tuple[int, ...], by: tuple[int, ...]) -> Any:
    """A column for every entry to the axes of the loss, then those of what it is differentiated by."""
    out = np.moveaxis(np.concatenate(columns), 0, -1) if columns else np.zeros((*of, 0))
    return out.reshape((*of, *by))


def _by_digits(loss: Expr, wrt: Sequence[Expr], values: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """With mpmath's numbers, which may be as large as they like."""
    found, room = {}, {}
    with mpmath.workdps(DIGITS):
        near = Differences([loss, *wrt], values)
        size = np.max(np.abs(near.field.plain(near.value(loss))), initial=1.0)
        for one in wrt:
            shape = near.base(one).shape
            columns = []
            for at in np.ndindex(*shape):
                direction = near.field.array(np.zeros(shape))
                direction[at] = mpmath.mpf(1)
                columns.append(near.field.plain(near.along(loss, one, direction)))
            out = np.moveaxis(np.array(columns), 0, -1) if columns else np.zeros((0,))
            found[str(one.node.name)] = out.reshape((*out.shape[:-1], *shape))
            room[str(one.node.name)] = np.full(found[str(one.node.name)].shape, BLIND * size)
    return found, room
