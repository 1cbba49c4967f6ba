"""The order of axes in which results are made: long ones last beside short ones."""

from __future__ import annotations

import numpy as np

import symdl as sd
from symdl.lower.compiled import Compiled


def cross(a, b):
    return sd.stack([a[:, 1] * b[:, 2] - a[:, 2] * b[:, 1], a[:, 2] * b[:, 0] - a[:, 0] * b[:, 2], a[:, 0] * b[:, 1] - a[:, 1] * b[:, 0]], axis=1)


def test_many_small_vectors():
    p, k = sd.dims("p k")
    a, b, s = sd.tensor("a", p, k), sd.tensor("b", p, k), sd.tensor("s", p)
    value = s[:, None] * cross(sd.tensor("a", p, 3), sd.tensor("b", p, 3))
    rng = np.random.default_rng(0)
    given = {"a": rng.normal(size=(2000, 3)), "b": rng.normal(size=(2000, 3)), "s": rng.normal(size=2000)}
    np.testing.assert_allclose(sd.evaluate(value, **given), given["s"][:, None] * np.cross(given["a"], given["b"]), rtol=1e-14)
    made = Compiled([value]).program({n: v.shape for n, v in given.items()})
    fresh = [i.shape for i in made.code if i.op in ("multiply", "add", "scatter") and len(i.shape) > 1]
    assert fresh and all(shape[-1] == 2000 for shape in fresh)

    pairs = a[:, :, None] * b[:, None, :] * s[:, None, None]
    np.testing.assert_allclose(sd.evaluate(pairs, **given), np.einsum("pi,pj,p->pij", *given.values()), rtol=1e-14)
    diagonals = sd.eye(3) * given_by_rows(p)
    np.testing.assert_array_equal(sd.evaluate(diagonals, a=given["a"]), np.eye(3) * given["a"][:, None, :])


def given_by_rows(p):
    return sd.tensor("a", p, 3)[:, None, :]


def test_short_arrays_keep_their_order():
    p, k = sd.dims("p k")
    value = sd.tensor("a", p, k) * sd.tensor("s", p)[:, None]
    made = Compiled([value]).program({"a": (100, 3), "s": (100,)})
    assert [i.shape for i in made.code if i.op == "multiply"] == [(100, 3)]
