"""Numeric backpropagation on a tape, from scratch: NumPy and the standard library, nothing else.

An oracle for gradients that shares no line with what it judges. Every operation notes how a derivative by its value is passed on to its arguments;
``Tape.backward`` plays the notes backwards. Derivatives of saturating functions are written so that they keep their relative accuracy (sigma'(z)
= sigma(z) sigma(-z), not a(1 - a)).

With ``noise`` every result is changed in its last bit at random; how far repeated runs then differ is what rounding alone can do
to a result (Vignes 1993, discrete stochastic arithmetic), and is the tolerance of a comparison.

With ``lanes`` the first axis of every value counts independent computations (points, repetitions with noise), of size 1 where all are the same; one walk
over a graph serves all. Derivatives may have further axes before that: several seeds played back at once.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

Array = Any
EPS = 2.0**-53
_ULPS = EPS * np.array([-2.0, -1.0, 1.0, 2.0])


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
        Take the derivatives of sigmoid and tanh from their outputs, a(1 - a) and 1 - a^2, as frameworks do; may be changed between two backward runs.
    lanes : array of bool, optional
        The first axis of values counts lanes; which of them are disturbed.
    """

    def __init__(self, noise: int | None = None, from_output: bool = False, lanes: Array | None = None) -> None:
        self._rng = None if noise is None else np.random.default_rng(noise)
        self.from_output = from_output
        self.lanes = lanes
        #: Whether ``from_output`` makes a difference to what has been recorded.
        self.two_ways = False
        #: How many axes of a value are not its own.
        self.lead = 0 if lanes is None else 1
        self._vars: list[Var] = []

    def beside(self) -> Tape:
        """An empty tape with the same habits."""
        tape = Tape(None, self.from_output, self.lanes)
        tape._rng = self._rng
        return tape

    def var(self, value: Array, parents: Sequence[tuple[Var, Callable[[Array], Array]]] = ()) -> Var:
        value = np.asarray(value, dtype=float)
        if parents and self._rng is not None:
            value = self._rounded(value, value.ndim - self.lead)
        made = Var(value, len(self._vars), parents)
        self._vars.append(made)
        return made

    def constant(self, value: Array) -> Var:
        """A value that is the same in all lanes."""
        value = np.asarray(value, dtype=float)
        return self.var(value[None] if self.lead else value)

    def shape(self, a: Var) -> tuple[int, ...]:
        """The value's shape without lanes."""
        return a.value.shape[self.lead :]

    def _rounded(self, value: Array, rank: int) -> Array:
        return value if self._rng is None else value * (1.0 + self._ulps(value.shape, rank))

    def _ulps(self, shape: tuple[int, ...], rank: int) -> Array:
        """A relative error for every entry; 0 in lanes without noise."""
        assert self._rng is not None
        if self.lanes is not None:
            shape = (*shape[: len(shape) - rank - 1], len(self.lanes), *shape[len(shape) - rank :])
        found = _ULPS[self._rng.integers(0, 4, size=shape, dtype=np.uint8)]
        return found if self.lanes is None else found * self.lanes.reshape((-1,) + (1,) * rank)

    def backward(self, out: Var, seed: Array) -> None:
        """Set ``grad`` of everything under ``out`` to the derivative of sum(seed*out); axes of ``seed`` before those of ``out`` count seeds."""
        for var in self._vars:
            var.grad = None
        seed = np.asarray(seed, dtype=float)
        out.grad = np.broadcast_to(seed, np.broadcast_shapes(seed.shape, out.value.shape))
        noisy = self._rng is not None
        for var in reversed(self._vars[: out.serial + 1]):
            if var.grad is None:
                continue
            for parent, pull in var.parents:
                part = np.asarray(pull(var.grad))
                rank = parent.value.ndim - self.lead
                if noisy:
                    part = self._rounded(part, rank)
                if parent.grad is not None:
                    part = parent.grad + part
                    if noisy:
                        part = self._rounded(part, rank)
                parent.grad = part

    # --- operations ------------------------------------------------------------------------------------------

    def look(self, a: Var, entries: Sequence[int], rank: int) -> Var:
        """a seen on ``rank`` axes: entry k >= 0 puts an axis there (twice: the diagonal), ~c takes position c; other axes have size 1."""
        own = self.shape(a)
        if list(entries) == list(range(rank)) and len(own) == rank:
            return self._same(a)
        if len(set(entries)) == len(entries) and all(e >= 0 for e in entries):
            return self._turned(a, entries, rank)
        index, labels = _indexer(own, entries)
        taken = a.value[(..., *index)]
        shape = [1] * rank
        for label, size in zip(labels, taken.shape[self.lead :], strict=True):
            shape[label] = size
        sizes = taken.shape[self.lead :]

        def pull(g: Array) -> Array:
            before = g.shape[: g.ndim - rank]
            out = np.zeros((*before, *own))
            out[(..., *index)] = g.reshape((*before, *sizes))
            return out

        return self.var(taken.reshape((*taken.shape[: self.lead], *shape)), [(a, pull)])

    def _turned(self, a: Var, entries: Sequence[int], rank: int) -> Var:
        """Axes in another order, and new ones of size 1: what most looks are."""
        own, lead = self.shape(a), self.lead
        order = sorted(range(len(entries)), key=entries.__getitem__)
        back = [order.index(k) for k in range(len(order))]
        sizes = tuple(own[k] for k in order)
        shape = [1] * rank
        for k in order:
            shape[entries[k]] = own[k]

        def pull(g: Array) -> Array:
            first = g.ndim - rank
            return g.reshape((*g.shape[:first], *sizes)).transpose((*range(first), *(first + k for k in back)))

        turned = a.value.transpose((*range(lead), *(lead + k for k in order)))
        return self.var(turned.reshape((*a.value.shape[:lead], *shape)), [(a, pull)])

    def _same(self, a: Var) -> Var:
        """What is looked at is disturbed, too: results that depend much on the last bits of an input show it."""
        return a if self._rng is None else self.var(a.value, [(a, lambda g: g)])

    def fill(self, a: Var, shape: Sequence[int]) -> Var:
        """a broadcast to a shape of the same rank."""
        own = self.shape(a)
        if own == tuple(shape):
            return self._same(a)
        return self.var(np.broadcast_to(a.value, (*a.value.shape[: self.lead], *shape)), [(a, lambda g: _reduced(g, own))])

    def add(self, coefs: Sequence[float], args: Sequence[Var]) -> Var:
        """Linear combination; the arguments have one rank and broadcast."""
        total = sum(c * a.value for c, a in zip(coefs, args, strict=True))
        return self.var(total, [(a, _times(c, self.shape(a))) for c, a in zip(coefs, args, strict=True)])

    def contract(self, coef: float, args: Sequence[Var], labels: Sequence[Sequence[int]], sizes: Sequence[int], rank: int) -> Var:
        """coef * Sum of products. ``labels``: the indices on each argument's axes, all different; indices below ``rank`` stay."""
        operands = [a.value for a in args]
        kept = list(range(rank))
        value = coef * _einsum(operands, labels, kept, sizes, self.lead)

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
        self.two_ways = self.two_ways or name in FROM_OUTPUT

        def pull(k: int) -> Callable[[Array], Array]:
            def back(g: Array) -> Array:
                if self.from_output and name in FROM_OUTPUT:
                    return g * FROM_OUTPUT[name](made.value)
                return _reduced(g * slopes[k](*xs), self.shape(args[k]))

            return back

        made = self.var(value, [(a, pull(k)) for k, a in enumerate(args)])
        return made

    def logsumexp(self, a: Var, axes: tuple[int, ...]) -> Var:
        axes = self._from_the_end(a, axes)
        top = a.value.max(axis=axes, keepdims=True)
        shifted = np.exp(a.value - top)
        total = shifted.sum(axis=axes, keepdims=True)
        value = (np.log(total) + top).squeeze(axis=axes)
        return self.var(value, [(a, lambda g: np.expand_dims(g, axes) * shifted / total)])

    def maximum(self, a: Var, axes: tuple[int, ...]) -> Var:
        """The largest element; elements that tie share the derivative equally."""
        axes = self._from_the_end(a, axes)
        top = a.value.max(axis=axes, keepdims=True)
        ties = (a.value == top).astype(float)
        share = ties / ties.sum(axis=axes, keepdims=True)
        return self.var(top.squeeze(axis=axes), [(a, lambda g: np.expand_dims(g, axes) * share)])

    def _from_the_end(self, a: Var, axes: tuple[int, ...]) -> tuple[int, ...]:
        """Last axes counted from the end, where lanes and seeds do not shift them."""
        return tuple(k - len(self.shape(a)) for k in axes)

    def matrix(self, kind: str, a: Var) -> Var:
        """inv, det, logdet of a square matrix (Giles 2008, collected matrix derivative results)."""
        x = self._as_eliminated(a.value)
        inverse = np.linalg.inv(x)
        turned = np.swapaxes(inverse, -1, -2)
        if kind == "inv":
            return self.var(inverse, [(a, lambda g: -turned @ g @ turned)])
        if kind == "det":
            det = np.linalg.det(x)
            return self.var(det, [(a, lambda g: (g * det)[..., None, None] * turned)])
        sign, size = np.linalg.slogdet(x)
        return self.var(np.where(sign > 0, size, np.nan), [(a, lambda g: g[..., None, None] * turned)])

    def stack(self, args: Sequence[Var], shape: Sequence[int]) -> Var:
        """Values of one shape on a new first axis."""
        if not args:
            return self.constant(np.zeros((0, *shape)))
        rank = len(shape)
        value = np.stack(np.broadcast_arrays(*(a.value for a in args)), axis=self.lead)

        def layer(k: int) -> Callable[[Array], Array]:
            return lambda g: np.take(g, k, axis=-1 - rank)

        return self.var(value, [(a, layer(k)) for k, a in enumerate(args)])

    def _as_eliminated(self, a: Array) -> Array:
        """What elimination with rounding solves exactly is a matrix whose entries are all out by the rounding of the largest (Higham 2002, theorem 9.3)."""
        if self._rng is None or not a.size:
            return a
        return a + np.max(np.abs(a), axis=(-1, -2), keepdims=True) * self._ulps(a.shape, 2)


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


def _einsum(operands: Sequence[Array], labels: Sequence[Sequence[int]], out: list[int], sizes: Sequence[int], lead: int = 0) -> Array:
    """numpy.einsum over all indices, axes before them as they come; an index that stands on no operand counts its size."""
    used = {e for on in labels for e in on}
    flat: list[Any] = []
    for operand, on in zip(operands, labels, strict=True):
        flat += [operand, [..., *on]]
    for e in range(len(sizes)):
        if e not in used:
            flat += [np.ones(sizes[e]), [e]]
    if not flat:
        return np.ones((1,) * lead)
    # Looking for a good order of pairs pays for large arrays only.
    lanes = max((operand.shape[0] for operand, on in zip(operands, labels, strict=True) if operand.ndim > len(on)), default=1)
    found = np.einsum(*flat, [..., *out], optimize=len(flat) > 4 and lanes * math.prod(sizes) > 20_000)
    return found if operands else found.reshape((1,) * lead + found.shape)


def _reduced(g: Array, shape: tuple[int, ...]) -> Array:
    """Sum over what was broadcast, lanes and seeds aside."""
    first = g.ndim - len(shape)
    axes = tuple(first + k for k, n in enumerate(shape) if g.shape[first + k] != n)
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
