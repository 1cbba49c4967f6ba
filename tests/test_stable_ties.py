"""Who reaches a maximum is found whatever the rounding: the gradient of max(a sum) is 1 at the largest element, never 0/0."""

import numpy as np
import pytest
import sympy as sp

import symdl as sd
from symdl.lower.native import toolchain

n = sd.dims("n")
X, W, b, c, v = sd.tensor("X", n, 5), sd.tensor("W", 5, 7), sd.tensor("b", 7), sd.tensor("c", n), sd.tensor("v", n)
BACKENDS = ["numpy", *(["native"] if toolchain.compiler() is not None else [])]

#: A matrix of sums or products, and the same in NumPy.
INSIDE = {
    "bias": (X @ W + b, lambda X, W, b, c: X @ W + b),
    "both sides": (X @ W + b - c[:, None], lambda X, W, b, c: X @ W + b - c[:, None]),
    "scaled": (3 * (X @ W) / 7, lambda X, W, b, c: 3 * (X @ W) / 7),
    "product": (sd.tanh(X @ W) * b * sp.pi, lambda X, W, b, c: np.tanh(X @ W) * b * np.pi),
    "sum in a sum": ((X @ W + b) * 2 - sd.tanh(X @ W + b) / 3, lambda X, W, b, c: (X @ W + b) * 2 - np.tanh(X @ W + b) / 3),
}


def numbers(rows=300, seed=0):
    rng = np.random.default_rng(seed)
    return {"X": rng.normal(size=(rows, 5)), "W": rng.normal(size=(5, 7)), "b": rng.normal(size=7), "c": rng.normal(size=rows), "v": rng.normal(size=rows)}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("smallest", [False, True])
@pytest.mark.parametrize("axis", [0, 1])
@pytest.mark.parametrize("name", INSIDE)
def test_somebody_reaches_the_maximum(name, axis, smallest, backend):
    z, by_numpy = INSIDE[name]
    weight, reduce = (b if axis == 0 else v), (sd.min if smallest else sd.max)
    loss = sd.sum(reduce(z + X @ W * 0 + sd.tensor("E", n, 7), axis=axis) * weight)
    given = numbers() | {"E": np.zeros((300, 7))}
    names = {str(t) for t in loss.inputs}
    found = sd.value_and_grad(loss, [sd.tensor("E", n, 7)], backend=backend)(**{k: a for k, a in given.items() if k in names})[1]["E"]
    values = by_numpy(*(given[k] for k in "XWbc"))
    at = (np.argmin if smallest else np.argmax)(values, axis=axis)
    wanted = np.zeros((300, 7))
    np.put_along_axis(wanted, np.expand_dims(at, axis), np.expand_dims(given["b" if axis == 0 else "v"], axis), axis)
    assert np.array_equal(found, wanted)


@pytest.mark.parametrize("backend", BACKENDS)
def test_ties_share(backend):
    u, d = sd.tensor("u", 4), sd.tensor("d", 4)
    f = sd.value_and_grad(sd.max(u + d), [u], backend=backend)
    found = f(u=np.array([0.1, 0.2, 0.2, 0.0]), d=np.array([0.3, 0.2, 0.2, 0.0]))[1]["u"]
    assert np.allclose(found, [1 / 3, 1 / 3, 1 / 3, 0])


@pytest.mark.parametrize("backend", BACKENDS)
def test_maxima_of_maxima(backend):
    """Layers of maxima: what is compared holds maxima itself, and their gradients ask for all of them."""
    given = numbers()
    pooled = sd.max(X @ W + b, axis=1)
    loss = sd.max(pooled * v - c) + sd.sum(sd.max(pooled[:, None] * b + X @ W, axis=0) ** 2)
    found = sd.value_and_grad(loss, [b], backend=backend)(**given)[1]["b"]
    f = sd.lambdify([X, W, b, c, v], loss)
    for k in range(7):
        step = 1e-6 * np.eye(7)[k]
        there, back = (f(given["X"], given["W"], given["b"] + s, given["c"], given["v"]) for s in (step, -step))
        assert np.isclose(found[k], (there - back) / 2e-6, rtol=1e-6, atol=1e-6)


def test_what_compares_with_something_else_is_left_alone():
    z = X @ W + b
    f = sd.lambdify([X, W, b], sd.sum(sd.step(sd.max(z, axis=1, keepdims=True) - z - 1)))
    given = numbers()
    values = given["X"] @ given["W"] + given["b"]
    assert f(given["X"], given["W"], given["b"]) == np.sum(values.max(axis=1, keepdims=True) - values - 1 >= 0)
