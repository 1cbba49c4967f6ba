"""Inputs at which gradients are compared: ordinary, saturated, tiny, degenerate; several small sizes; the facts declared of the inputs hold."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import sympy as sp

from symdl.graph.node import Node
from symdl.prove.problem import Variable, variables
from symdl.prove.sizes import size_choices
from symdl.prove.stop import Unreadable

#: Kind -> how large the numbers are. "saturated" drives weighted sums to 40 and beyond; "equal" and "zero" are the degenerate ones: all entries of a tensor the
#: same, so that rows are parallel and maxima tied, or all 0, where training often begins.
KINDS = ("normal", "normal", "saturated", "normal", "tiny", "equal", "huge", "small", "normal", "saturated", "zero", "near zero")
SCALES = {"normal": 1.0, "equal": 1.0, "zero": 0.0, "saturated": 12.0, "huge": 60.0, "small": 0.2, "tiny": 1e-8, "near zero": 1.0}


@dataclass(frozen=True)
class Sample:
    kind: str
    values: dict[str, Any]


def samples(
    nodes: list[Node],
    dims: list[sp.Symbol],
    count: int,
    defined: Callable[[Mapping[str, Any]], bool] = lambda values: True,
    seed: int = 0,
    all_defined: Callable[[list[dict[str, Any]]], list[bool]] | None = None,
) -> list[Sample]:
    """``count`` inputs at which everything is defined; fewer when these cannot be found.

    Parameters
    ----------
    nodes : list of Node
        The graph.
    dims : list of Symbol
        Its symbolic sizes.
    defined : callable
        Values -> whether all results are finite there. Where they are not, positive inputs are tried, then shares between 0 and 1,
        then smaller ones, then large ones: arguments of logarithms and roots are found so.
    all_defined : callable, optional
        The same for many inputs at once.
    """
    known = list(variables(nodes).values())
    choices = size_choices(dims, nodes, ())
    asked = all_defined or (lambda many: [defined(values) for values in many])
    found: dict[int, Sample] = {}
    places = iter(range(3 * count))
    while len(found) < count:
        tried = list(islice(places, count - len(found)))
        if not tried:
            break
        waiting = {k: _attempts(known, choices[k % len(choices)], KINDS[k % len(KINDS)], np.random.default_rng([seed, k])) for k in tried}
        while waiting:
            drawn = {k: values for k, attempts in waiting.items() if (values := next(attempts, None)) is not None}
            good = dict(zip(drawn, asked(list(drawn.values())), strict=True))
            found |= {k: Sample(KINDS[k % len(KINDS)], drawn[k]) for k in drawn if good[k]}
            waiting = {k: attempts for k, attempts in waiting.items() if k in drawn and not good[k]}
    return [found[k] for k in sorted(found)]


def probes(known: list[Variable], sizes: Mapping[Any, int]) -> Iterator[dict[str, Any]]:
    """A few ordinary inputs at given sizes."""
    for seed in range(2):
        yield from _attempts(known, sizes, "normal", np.random.default_rng([99, seed]))


def _attempts(known: list[Variable], sizes: Mapping[Any, int], kind: str, rng: Any) -> Iterator[dict[str, Any]]:
    scale = SCALES[kind]
    # A size that is the length of no axis of an input (ones(n), an axis of 2*d) is told by its symbol.
    told = {size for v in known for size in v.shape if isinstance(size, sp.Symbol)}
    loose: dict[Any, Any] = {d: n for d, n in sizes.items() if d not in told}
    for change in (None, "positive", "share", None, "positive", None, "far"):
        yield {v.name: draw(v, sizes, kind, scale, rng, change) for v in known} | loose
        if change == "share":
            scale = scale / 8


def draw(variable: Variable, sizes: Mapping[Any, int], kind: str, scale: float, rng: Any, change: str | None = None) -> Any:
    """A random array for an input."""
    shape = tuple(s if isinstance(s, int) else int(s.xreplace({d: sp.Integer(n) for d, n in sizes.items()})) for s in variable.shape)
    if any(n < 0 for n in shape):
        raise Unreadable(f"no sizes were found at which {variable.name} has a shape")
    if variable.fixed is not None:
        return np.asarray(variable.fixed, dtype=float)
    if variable.whole is not None and (variable.whole.only or rng.random() < 0.5):
        return rng.choice(np.array(variable.whole.numbers(sizes), dtype=float), size=shape)
    fact = next((f for f in _WITH if f in variable.facts), None)
    if fact is not None and (shape or fact == "unit"):
        made = _WITH[fact](shape, rng, scale or 1.0)
        return np.abs(made) if _no_minus(variable.facts) else made
    value = scale * rng.normal(size=() if kind == "equal" else shape) + np.zeros(shape)
    if kind == "zero" and "positive" in variable.facts:
        value = value + 1.0
    if kind == "near zero" and shape:
        value = np.where(rng.random(size=shape) < 0.3, 1e-30, value)
    if change == "share":
        return rng.uniform(0.02, 0.98, size=shape)
    if change == "far":
        return 4.0 + 16.0 * np.abs(rng.normal(size=shape))
    return np.abs(value) if change == "positive" or "positive" in variable.facts else np.asarray(value)


def _no_minus(facts: frozenset[str]) -> bool:
    """Facts that go together and leave no entry below zero."""
    if "diagonal" in facts:
        return not facts.isdisjoint({"positive", "posdef"})
    return {"symmetric", "positive"} <= facts and "posdef" not in facts


def _one_hot(shape: tuple[int, ...], rng: Any, scale: float) -> Any:
    return np.eye(shape[-1])[rng.integers(shape[-1], size=shape[:-1])]


def _posdef(shape: tuple[int, ...], rng: Any, scale: float) -> Any:
    a = rng.normal(size=shape)
    return min(scale, 10.0) * (a @ a.T + np.eye(shape[0]))


def _symmetric(shape: tuple[int, ...], rng: Any, scale: float) -> Any:
    a = scale * rng.normal(size=shape)
    return (a + a.T) / 2


def _diagonal(shape: tuple[int, ...], rng: Any, scale: float) -> Any:
    return np.diag(scale * rng.normal(size=shape[0]))


def _orthogonal(shape: tuple[int, ...], rng: Any, scale: float) -> Any:
    return np.linalg.qr(rng.normal(size=shape))[0]


def _between(shape: tuple[int, ...], rng: Any, scale: float) -> Any:
    return np.asarray(rng.uniform(0.02, 0.98, size=shape))


def _simplex(shape: tuple[int, ...], rng: Any, scale: float) -> Any:
    a = rng.uniform(0.1, 1.0, size=shape)
    return a / a.sum(axis=-1, keepdims=True)


_WITH: dict[str, Callable[..., Any]] = {
    "onehot": _one_hot,
    "simplex": _simplex,
    "orthogonal": _orthogonal,
    "diagonal": _diagonal,
    "posdef": _posdef,
    "symmetric": _symmetric,
    "unit": _between,
}
