"""Numeric backpropagation on a tape, from scratch: NumPy and the standard library, nothing else.

An oracle for gradients that shares no line with what it judges. Every operation notes how a derivative by its value is passed on to its arguments;
``Tape.backward`` plays the notes backwards. Derivatives of saturating functions are written so that they keep their relative accuracy (sigma'(z)
= sigma(z) sigma(-z), not a(1 - a)).

With ``noise`` every result is changed in its last bit at random; how far repeated runs then differ is what rounding alone can do
to a result (Vignes 1993, discrete stochastic arithmetic), and is the tolerance of a comparison.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

Array = Any
EPS = 2.0**-53


class Var:
    """A value on the tape."""

    __slots__ = ("grad", "parents", "serial", "value")

    def __init__(self, value: Array, serial: int, parents: Sequence[tuple[Var, Callable[[Array], Array]]] = ()) -> None:
        self.value = value
        self.serial = serial
        self.parents = parents
        self.grad: Array = None


class Tape:
    """Records operations on arrays.

    Parameters
    ----------
    noise : int, optional
        Seed of a disturbance of every result by one rounding error.
    from_output : bool
        Take the derivatives of sigmoid and tanh from their outputs, a(1 - a) and 1 - a^2, as frameworks do.
    """

    def __init__(self, noise: int | None = None, from_output: bool = False) -> None:
        self._rng = None if noise is None else np.random.default_rng(noise)
        self._from_output = from_output
        self._vars: list[Var] = []

    def beside(self) -> Tape:
        """An empty tape with the same habits."""
        tape = Tape(None, self._from_output)
        tape._rng = self._rng
        return tape

    def var(self, value: Array, parents: Sequence[tuple[Var, Callable[[Array], Array]]] = ()) -> Var:
        made = Var(self._rounded(np.asarray(value, dtype=float)) if parents else np.asarray(value, dtype=float), len(self._vars), parents)
        self._vars.append(made)
        return made

    def _rounded(self, value: Array) -> Array:
        if self._rng is None:
            return value
        return value * (1.0 + EPS * self._rng.choice([-2.0, -1.0, 1.0, 2.0], size=value.shape))

    def backward(self, out: Var, seed: Array) -> None:
        """Set ``grad`` of everything under ``out`` to the derivative of sum(seed*out)."""
        for var in self._vars:
            var.grad = None
        out.grad = np.broadcast_to(np.asarray(seed, dtype=float), out.value.shape)
        for var in reversed(self._vars[: out.serial + 1]):
            if var.grad is None:
                continue
            for parent, pull in var.parents:
                part = self._rounded(np.asarray(pull(var.grad)))
                parent.grad = part if parent.grad is None else self._rounded(parent.grad + part)

    # --- operations ------------------------------------------------------------------------------------------

    def look(self, a: Var, entries: Sequence[int], rank: int) -> Var:
        """a seen on ``rank`` axes: entry k >= 0 puts an axis there (twice: the diagonal), ~c takes position c; other axes have size 1."""
        index, labels = _indexer(a.value.shape, entries)
        taken = a.value[index]
        shape = [1] * rank
        for label, size in zip(labels, taken.shape, strict=True):
            shape[label] = size

        def pull(g: Array) -> Array:
            out = np.zeros(a.value.shape)
            out[index] = g.reshape(taken.shape)
            return out

        return self.var(taken.reshape(shape), [(a, pull)])

    def fill(self, a: Var, shape: Sequence[int]) -> Var:
        """a broadcast to a shape of the same rank."""
        axes = tuple(k for k, (m, n) in enumerate(zip(a.value.shape, shape, strict=True)) if m != n)
        return self.var(np.broadcast_to(a.value, tuple(shape)), [(a, lambda g: g.sum(axis=axes, keepdims=True))])

    def add(self, coefs: Sequence[float], args: Sequence[Var]) -> Var:
        """Linear combination; the arguments have one rank and broadcast."""
        total = sum(c * a.value for c, a in zip(coefs, args, strict=True))
        return self.var(total, [(a, _times(c, a.value.shape)) for c, a in zip(coefs, args, strict=True)])

    def contract(self, coef: float, args: Sequence[Var], labels: Sequence[Sequence[int]], sizes: Sequence[int], rank: int) -> Var:
        """coef * Sum of products. ``labels``: the indices on each argument's axes, all different; indices below ``rank`` stay."""
        operands = [a.value for a in args]
        kept = list(range(rank))
        value = coef * _einsum(operands, labels, kept, sizes)

        def pull(k: int) -> Callable[[Array], Array]:
            others, on = [*operands[:k], *operands[k + 1 :]], [*labels[:k], *labels[k + 1 :]]
            return lambda g: coef * _einsum([g, *others], [kept, *on], list(labels[k]), sizes)

        return self.var(value, [(a, pull(k)) for k, a in enumerate(args)])

    def power(self, a: Var, exponent: float) -> Var:
        x = a.value
        value = x**exponent
        return self.var(value, [(a, lambda g: g * exponent * x ** (exponent - 1))])

    def apply(self, name: str, args: Sequence[Var]) -> Var:
        """An elementwise function; the arguments have one rank and broadcast."""
        xs = [a.value for a in args]
        value = FUNCTIONS[name][0](*xs)
        slopes = FUNCTIONS[name][1:]

        def pull(k: int) -> Callable[[Array], Array]:
            def back(g: Array) -> Array:
                if self._from_output and name in FROM_OUTPUT:
                    return g * FROM_OUTPUT[name](made.value)
                return _reduced(g * slopes[k](*xs), xs[k].shape)

            return back

        made = self.var(value, [(a, pull(k)) for k, a in enumerate(args)])
        return made

    def logsumexp(self, a: Var, axes: tuple[int, ...]) -> Var:
        top = a.value.max(axis=axes, keepdims=True)
        shifted = np.exp(a.value - top)
        total = shifted.sum(axis=axes, keepdims=True)
        value = (np.log(total) + top).squeeze(axis=axes)
        return self.var(value, [(a, lambda g: np.expand_dims(g, axes) * shifted / total)])

    def maximum(self, a: Var, axes: tuple[int, ...]) -> Var:
        """The largest element; elements that tie share the derivative equally."""
        top = a.value.max(axis=axes, keepdims=True)
        ties = (a.value == top).astype(float)
        share = ties / ties.sum(axis=axes, keepdims=True)
        return self.var(top.squeeze(axis=axes), [(a, lambda g: np.expand_dims(g, axes) * share)])

    def matrix(self, kind: str, a: Var) -> Var:
        """inv, det, logdet of a square matrix (Giles 2008, collected matrix derivative results)."""
        x = self._as_eliminated(a.value)
        inverse = np.linalg.inv(x)
        if kind == "inv":
            return self.var(inverse, [(a, lambda g: -inverse.T @ g @ inverse.T)])
        if kind == "det":
            det = np.linalg.det(x)
            return self.var(det, [(a, lambda g: g * det * inverse.T)])
        sign, size = np.linalg.slogdet(x)
        return self.var(size if sign > 0 else np.nan, [(a, lambda g: g * inverse.T)])

    def _as_eliminated(self, a: Array) -> Array:
        """What elimination with rounding solves exactly is a matrix whose entries are all out by the rounding of the largest (Higham 2002, theorem 9.3)."""
        if self._rng is None or not a.size:
            return a
        return a + EPS * np.max(np.abs(a)) * self._rng.choice([-2.0, -1.0, 1.0, 2.0], size=a.shape)


def _indexer(shape: Sequence[int], entries: Sequence[int]) -> tuple[tuple[Any, ...], list[int]]:
    """The index that takes fixed positions and diagonals, and the labels of the axes it leaves, in order."""
    labels = sorted({e for e in entries if e >= 0})
    index = []
    for size, entry in zip(shape, entries, strict=True):
        if entry < 0:
            index.append(np.array(~entry).reshape((1,) * len(labels)))
        else:
            index.append(np.arange(size).reshape([-1 if e == entry else 1 for e in labels]))
    return tuple(index), labels


def _einsum(operands: Sequence[Array], labels: Sequence[Sequence[int]], out: list[int], sizes: Sequence[int]) -> Array:
    """numpy.einsum over all indices; one that stands on no operand counts its size."""
    used = {e for on in labels for e in on}
    flat: list[Any] = []
    for operand, on in zip(operands, labels, strict=True):
        flat += [operand, list(on)]
    for e in range(len(sizes)):
        if e not in used:
            flat += [np.ones(sizes[e]), [e]]
    # Looking for a good order of pairs pays for large arrays only.
    return np.einsum(*flat, out, optimize=len(flat) > 4 and math.prod(sizes) > 20_000) if flat else np.asarray(1.0)


def _reduced(g: Array, shape: tuple[int, ...]) -> Array:
    """Sum over what was broadcast."""
    axes = tuple(k for k, (m, n) in enumerate(zip(g.shape, shape, strict=True)) if m != n)
    return g.sum(axis=axes, keepdims=True) if axes else g


def _times(c: float, shape: tuple[int, ...]) -> Callable[[Array], Array]:
    return lambda g: c * _reduced(g, shape)


# --- elementwise functions: value, then the derivative by each argument -------------------------------------------


def _sigmoid(z: Array) -> Array:
    e = np.exp(-np.abs(z))
    return np.where(z >= 0, 1.0, e) / (1.0 + e)


def _sigmoid_slope(z: Array) -> Array:
    e = np.exp(-np.abs(z))
    return e / (1.0 + e) ** 2


def _sech2(z: Array) -> Array:
    return 4.0 * _sigmoid_slope(2.0 * z)


_erfc = np.vectorize(math.erfc, otypes=[float])
_erf = np.vectorize(math.erf, otypes=[float])


def _normal(z: Array) -> Array:
    return np.exp(-(z**2) / 2) / math.sqrt(2 * math.pi)


def _below(z: Array) -> Array:
    """The normal distribution function, accurate in its tail."""
    return 0.5 * _erfc(-z / math.sqrt(2))


def _zero(z: Array) -> Array:
    return np.zeros_like(z)


def _step(z: Array) -> Array:
    return np.where(z > 0, 1.0, np.where(z < 0, 0.0, np.nan))


def _indicator(z: Array) -> Array:
    return np.where(np.isnan(z), np.nan, np.where(z > 0, 1.0, 0.0))


def _first(z: Array) -> Array:
    """1, 1/2 or 0: who is ahead; a tie is shared."""
    return (1.0 + np.sign(z)) / 2.0


FUNCTIONS: dict[str, tuple[Callable[..., Array], ...]] = {
    "exp": (np.exp, np.exp),
    "log": (np.log, lambda z: 1.0 / z),
    "sin": (np.sin, np.cos),
    "cos": (np.cos, lambda z: -np.sin(z)),
    "tan": (np.tan, lambda z: 1.0 / np.cos(z) ** 2),
    "arctan": (np.arctan, lambda z: 1.0 / (1.0 + z**2)),
    "sinh": (np.sinh, np.cosh),
    "cosh": (np.cosh, np.sinh),
    "tanh": (np.tanh, _sech2),
    "erf": (_erf, lambda z: 2.0 / math.sqrt(math.pi) * np.exp(-(z**2))),
    "abs": (np.abs, np.sign),
    "sign": (np.sign, _zero),
    "positive": (_indicator, _zero),
    "step": (_step, _zero),
    "iszero": (lambda z: (z == 0).astype(float), _zero),
    "where": (lambda c, a, b: np.where(c > 0, a, b), lambda c, a, b: _zero(c), lambda c, a, b: _indicator(c), lambda c, a, b: 1.0 - _indicator(c)),
    "sigmoid": (_sigmoid, _sigmoid_slope),
    "softplus": (lambda z: np.maximum(z, 0.0) + np.log1p(np.exp(-np.abs(z))), _sigmoid),
    "relu": (lambda z: np.maximum(z, 0.0), _indicator),
    "silu": (lambda z: z * _sigmoid(z), lambda z: _sigmoid(z) + z * _sigmoid_slope(z)),
    "gelu": (lambda z: z * _below(z), lambda z: _below(z) + z * _normal(z)),
    "minimum": (np.minimum, lambda a, b: _first(b - a), lambda a, b: _first(a - b)),
    "maximum": (np.maximum, lambda a, b: _first(a - b), lambda a, b: _first(b - a)),
    "expm1": (np.expm1, np.exp),
    "log1p": (np.log1p, lambda z: 1.0 / (1.0 + z)),
    "pow": (np.power, lambda a, b: b * np.power(a, b - 1.0), lambda a, b: np.power(a, b) * np.log(a)),
}

#: The same derivatives from the function's value.
FROM_OUTPUT: dict[str, Callable[[Array], Array]] = {"sigmoid": lambda a: a * (1.0 - a), "tanh": lambda a: 1.0 - a**2}
