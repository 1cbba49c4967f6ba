"""ADBench's instances with the values that are known of them, and larger ones of the same kind for timing.

The values published with ADBench stand in ``data/*.json``; so do the formulas, the layouts, and where they are from.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

DATA = Path(__file__).parent / "data"

Arrays = dict[str, np.ndarray]


class Instance(NamedTuple):
    """Arrays by name; the objective's value (or residuals) and its derivative in ADBench's order, None where they are not known."""

    name: str
    arrays: Arrays
    value: Any = None
    derivative: Any = None


def read(name: str) -> Any:
    return json.loads((DATA / f"{name}.json").read_text())


def gmm() -> Iterator[Instance]:
    for one in read("gmm")["instances"]:
        arrays = {k: np.array(one[k], dtype=float) for k in ("alphas", "means", "icf", "x")}
        yield Instance(one["name"], arrays, one["objective"], np.array(one["gradient"]))


def gmm_of(n: int, d: int, k: int) -> Instance:
    """Points and parameters drawn as for ADBench's generated files: all normal, the triangle smaller."""
    rng = np.random.default_rng(n + d + k)
    arrays = {
        "alphas": rng.normal(size=k),
        "means": rng.normal(size=(k, d)),
        "icf": rng.normal(size=(k, d * (d + 1) // 2)) / d,
        "x": rng.normal(size=(n, d)),
    }
    return Instance(f"n={n} d={d} K={k}", arrays)


def ba() -> Iterator[Instance]:
    one = read("ba")
    arrays = {"cam": [one["cam"]], "X": [one["X"]], "w": [one["w"]], "feature": [one["feat"]]}
    yield Instance("published", {k: np.array(v, dtype=float) for k, v in arrays.items()}, np.array(one["residual"]), np.array(one["jacobian"])[None])


def ba_of(p: int) -> Instance:
    """The published observation p times over, each number of it a little different."""
    (one,) = ba()
    rng = np.random.default_rng(p)
    return Instance(f"p={p}", {k: np.repeat(v, p, 0) * rng.uniform(0.9, 1.1, (p, *v.shape[1:])) for k, v in one.arrays.items()})


def lstm() -> Iterator[Instance]:
    one = read("lstm")
    layers, bits = one["layers"], one["bits"]
    arrays = {
        "main": np.reshape(one["main"], (layers, 2, 4, bits)),
        "extra": np.array(one["extra"]),
        "state": np.reshape(one["state"], (layers, 2, bits)),
    }
    short, full = np.array(one["sequence"], dtype=float), np.loadtxt(DATA / "lstm_full_sequence.csv", delimiter=",")
    for known, sequence in (*((k, short) for k in one["instances"]), (one["published_full"], full)):
        chars = known["chars"]
        yield Instance(f"chars={chars}", arrays | {"sequence": sequence[:chars]}, known["objective"], np.array(known["gradient"]))


def hand(variant: str, repeated: int = 1) -> Instance:
    """The two points of a variant, "simple" or "complicated"; ``repeated`` makes more points of them, all alike."""
    one = read("hand")
    numbers = {int(name): place for place, name in enumerate(one["vertices"])}
    weight = np.zeros((len(numbers), len(one["parents"])))
    for place, vertex in enumerate(one["vertices"].values()):
        for bone, share in vertex["weights"].items():
            weight[place, int(bone)] = share
    part = one[variant]
    arrays = {
        "theta": np.array(part["theta"]),
        "relative": np.array(one["relative"]),
        "inverse": np.array(one["inverse_absolute"]),
        "rest": np.array([[*vertex["pos"], 1.0] for vertex in one["vertices"].values()]),
        "weight": weight,
        "measured": np.repeat(np.array(part["points"]), repeated, 0),
    }
    if variant == "simple":
        arrays["vertex"] = np.repeat([numbers[v] for v in part["vertex"]], repeated)
    else:
        arrays["corners"] = np.repeat([[numbers[v] for v in three] for three in part["triangles"]], repeated, 0)
        arrays["us"] = np.repeat(np.array(part["us"]), repeated, 0)
    count = len(arrays["measured"])
    if repeated > 1:
        return Instance(f"points={count}", arrays)
    return Instance(f"points={count}", arrays, np.array(part["residual"]), np.array(part["jacobian"]))
