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


def test_a_stack_of_products_and_its_transpose_are_made_once():
    """The derivative of a softmax takes the products of all gradients with all values in two orders."""
    n, length, width, heads = 3, 7, 8, 2
    x, p = sd.tensor("x", n, length, width), sd.attention_parameters(width)
    y = sd.multi_head_attention(x, x, x, heads, p["in_proj_weight"], p["in_proj_bias"], p["out_proj.weight"], p["out_proj.bias"], is_causal=True)
    loss = sd.sum((y - x) ** 2)
    made = Compiled([loss, *sd.derive(loss, list(p.values())).gradients.values()])
    rng = np.random.default_rng(0)
    values = {name: rng.normal(size=shape) for name, shape in made.shapes.items()}
    program = made.program({name: value.shape for name, value in values.items()})
    assert sum(step.op == "matmul" and step.shape == (n, heads, length, length) for step in program.code) == 2
    _, *gradients = made(values)
    for name, gradient in zip(p, gradients, strict=True):
        way = rng.normal(size=gradient.shape)
        ends = [made(values | {name: values[name] + s * 1e-5 * way})[0] for s in (1, -1)]
        assert abs((ends[0] - ends[1]) / 2e-5 - np.sum(way * gradient)) < 1e-6 * np.abs(way * gradient).sum()
