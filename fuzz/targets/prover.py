"""The prover: of two expressions that differ at a point with 60 digits it never says PROVED, of two that are equal by construction never REFUTED."""

from __future__ import annotations

from typing import Any

import mpmath
import numpy as np

import symdl as sd
from fuzz import graphs
from fuzz.draws import Draws
from fuzz.targets.refusals import said_well
from symdl.errors import SymdlError
from symdl.expr.tensor import elementwise
from symdl.prove.differences import Differences

DIGITS = 60
#: Of what is equal, 60 digits leave no more than this, relative to the largest number met.
SAME = mpmath.mpf(10) ** -40
#: What differs by more, relatively, is not equal.
FAR = mpmath.mpf(10) ** -15
BUDGET = 1.0


def one(data: bytes) -> None:
    draws = Draws(data)
    left = graphs.expression(draws, 8)
    if left.open:
        left = graphs.closed(left)
    change = draws.below(2)
    try:
        right = _rewritten(draws, left) if change else _changed(draws, left)
        verdict = sd.prove(left, right, time_budget=BUDGET)
    except SymdlError as error:
        said_well(error)
        return
    if verdict.verdict == "UNKNOWN":
        return
    # Equal by construction: at points where a side has no value, or rounding decides, nothing is said.
    differing = [seed for seed in range(4) if _differ(left, right, seed)]
    if verdict.verdict == "PROVED":
        assert not differing, f"proved, and different at point {differing}: {left} and {right}: {verdict}"
    elif change:
        assert differing or not all(_same(left, right, seed) for seed in range(4)), f"refuted, and equal by construction: {left} and {right}: {verdict}"


def _rewritten(draws: Draws, e: Any) -> Any:
    """The same, said otherwise."""
    x = e
    for _ in range(1 + draws.below(2)):
        x = _SAME[draws.below(len(_SAME))](x)
    return x


_SAME = [
    lambda e: (e + 1) ** 2 - e**2 - e - 1,
    lambda e: sd.log(sd.exp(e)),
    lambda e: sd.tanh(e) * 0 + e,
    lambda e: e * sd.sigmoid(e) + e * sd.sigmoid(-e),
    lambda e: sd.relu(e) - sd.relu(-e),
    lambda e: sd.softplus(e) - sd.softplus(-e),
    lambda e: sd.sinh(e) + sd.exp(-e) - sd.cosh(e) + e,
    lambda e: (sd.sin(e) ** 2 + sd.cos(e) ** 2) * e,
    lambda e: e.T.T,
    lambda e: sd.maximum(e, -e) * sd.sign(e),
    lambda e: sd.let("same", e),
    lambda e: (e * (1 + e**2)) / (1 + e**2),
]


def _changed(draws: Draws, e: Any) -> Any:
    """A small edit somewhere inside, as people slip."""
    from symdl import edits
    from symdl.graph.walk import topological

    order = topological([e.node])
    node = draws.one_of(order)
    found = [term for source in (edits.signs, edits.dropped, edits.numbers, edits.transposes, edits.indices) for _, term in _all(source, node)]
    if not found:
        return elementwise("sin", e)
    made = edits.put(e, node, draws.one_of(found))
    return e * 2 if made is None or made.shape != e.shape else made


def _all(source: Any, node: Any) -> list[Any]:
    try:
        return list(source(node))
    except SymdlError:
        return []


def _both(left: Any, right: Any, seed: int) -> tuple[Any, Any] | None:
    """Both sides at a point; None where one has no value, or 60 digits are not enough to say what it is."""
    rough, fine = _values(left, right, seed, DIGITS), _values(left, right, seed, 3 * DIGITS)
    if rough is None or fine is None:
        return None
    settled = all(abs(p - q) <= mpmath.mpf(10) ** -30 * (1 + abs(q)) for a, b in zip(rough, fine, strict=True) for p, q in zip(a.flat, b.flat, strict=True))
    return fine if settled else None


def _values(left: Any, right: Any, seed: int, digits: int) -> tuple[Any, Any] | None:
    with mpmath.workdps(digits):
        try:
            near = Differences([left, right], {**graphs.values(seed), graphs.n: 3, graphs.m: 2})
            largest = _watched(near)
            a, b = (np.asarray(near.value(e), dtype=object) for e in (left, right))
            if max(largest) > mpmath.mpf(10) ** (digits // 2):  # sinh(e) + exp(-e) - cosh(e) of a large e is lost at both lengths, in the same way
                return None
        except (SymdlError, ArithmeticError, np.linalg.LinAlgError, TypeError, OverflowError):
            return None
        real = all(isinstance(v, mpmath.mpf) and mpmath.isfinite(v) for v in (*a.flat, *b.flat))
        return (a, b) if real and all(abs(v) < mpmath.mpf(10) ** 12 for v in (*a.flat, *b.flat)) else None


def _watched(near: Differences) -> list[Any]:
    """The sizes that exponentials come to from now on."""
    sizes = [mpmath.mpf(0)]

    def watched(function: Any) -> Any:
        def seen(*args: Any) -> Any:
            made = function(*args)
            sizes.extend(abs(v) for v in np.asarray(made, dtype=object).flat if mpmath.isfinite(v))
            return made

        return seen

    for name in ("exp", "expm1", "sinh", "cosh"):
        near.field.functions[name] = watched(near.field.functions[name])
    return sizes


def _differ(left: Any, right: Any, seed: int) -> bool:
    found = _both(left, right, seed)
    pairs = [] if found is None else zip(*(v.flat for v in found), strict=True)
    return any(abs(p - q) > FAR * (abs(p) + abs(q)) + FAR**2 for p, q in pairs)


def _same(left: Any, right: Any, seed: int) -> bool:
    found = _both(left, right, seed)
    return found is not None and all(abs(p - q) <= SAME * (1 + abs(p) + abs(q)) for p, q in zip(*(v.flat for v in found), strict=True))
