"""The four objectives in symdl, ready to run: each gives a function of arrays, and knows ADBench's order of its derivative."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import ba
import gmm
import hand
import lstm
import numpy as np
from instances import Arrays

import symdl as sd

#: A function of arrays by name that gives arrays.
Run = Callable[[Arrays], list[np.ndarray]]


def _ready(names: Sequence[str], outputs: Sequence[Any], backend: str) -> Run:
    function = sd.lambdify(list(names), list(outputs), backend=backend)
    return lambda arrays: function(*(arrays[name] for name in names))


def gmm_symdl(backend: str = "numpy") -> Run:
    value = gmm.objective()
    slopes = sd.grad(value, list(gmm.BY))
    return _ready([*gmm.BY, "x"], [value, *(slopes[name] for name in gmm.BY)], backend)


def lstm_symdl(backend: str = "numpy") -> Run:
    value = lstm.objective()
    slopes = sd.grad(value, list(lstm.BY))
    return _ready([*lstm.BY, "state", "sequence"], [value, *(slopes[name] for name in lstm.BY)], backend)


def ba_symdl(backend: str = "numpy") -> Run:
    return _ready([*ba.BY, "feature"], ba.blocks(), backend)


_MODEL = ["theta", "relative", "inverse", "rest", "weight", "measured"]


def simple_symdl(backend: str = "numpy") -> Run:
    residual = hand.simple()
    return _ready([*_MODEL, "vertex"], [residual, hand.forwards(residual, "theta")], backend)


def complicated_symdl(backend: str = "numpy") -> Run:
    residual = hand.complicated()
    return _ready([*_MODEL, "corners", "us"], [residual, hand.by_own_us(residual), hand.forwards(residual, "theta")], backend)


# --- ADBench's order -------------------------------------------------------------------------------------------------


def gradient(found: Sequence[Any]) -> tuple[Any, np.ndarray]:
    """The value, and all gradients one behind the other, row by row."""
    value, *slopes = found
    return float(value), np.concatenate([np.ravel(g) for g in slopes])


def ba_blocks(found: Sequence[Any]) -> tuple[Any, np.ndarray]:
    """Blocks (p, 3, 15): the two errors and that of the weight, by camera, point, weight."""
    cam0, X0, w0, cam1, X1, w1, w2 = (np.asarray(f) for f in found)
    rows = [np.concatenate([c, x, w[:, None]], axis=1) for c, x, w in ((cam0, X0, w0), (cam1, X1, w1), (0 * cam0, 0 * X0, w2))]
    return None, np.stack(rows, axis=1)


def simple_jacobian(found: Sequence[Any]) -> tuple[Any, np.ndarray]:
    """(3n, 26)."""
    residual, directions = found
    return np.ravel(residual), np.reshape(directions, (26, -1)).T


def complicated_jacobian(found: Sequence[Any]) -> tuple[Any, np.ndarray]:
    """(3n, 2n + 26): the columns of all us, each point's its own, then those of theta. ``us`` is (3, n, 2)."""
    residual, us, directions = (np.asarray(f) for f in found)
    n = residual.shape[0]
    own = np.zeros((n, 3, n, 2))
    own[np.arange(n), :, np.arange(n)] = us.transpose(1, 0, 2)
    return np.ravel(residual), np.concatenate([own.reshape(3 * n, 2 * n), directions.reshape(26, -1).T], axis=1)


def difference(found: Any, known: Any) -> float:
    """ADBench's measure: the largest of |a - b| / max(1, |b|)."""
    a, b = np.asarray(found, dtype=float), np.asarray(known, dtype=float)
    return float(np.max(np.abs(a - b) / np.maximum(1.0, np.abs(b)))) if a.shape == b.shape else float("inf")
