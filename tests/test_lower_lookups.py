"""Rows looked up by data: values and gradients equal to the tape's, in every combination with windows, diagonals and other rows."""

import time

import numpy as np
import pytest
import reference

import symdl as sd

RNG = np.random.default_rng(0)
W, V, c, d, x = sd.tensor("W", 5, 3), sd.tensor("V", 5, 2), sd.tensor("c", 4), sd.tensor("d", 5), sd.tensor("x", 4, 5)
VALUES = {
    "W": RNG.normal(size=(5, 3)),
    "V": RNG.normal(size=(5, 2)),
    "c": np.array([4.0, 0.0, 4.0, 2.0]),
    "d": np.array([1.0, 3.0, 3.0, 0.0, 4.0]),
    "x": RNG.normal(size=(4, 5)),
    "y": RNG.normal(size=4),
}
i, j, k, u = sd.indices("i j k u")
CASES = {
    "rows": W[c],
    "rows with others": sd.sum(W[c] * sd.tensor("y", 4)[:, None], axis=0),
    "one of each row": sd.let("r", sd.sum(x[i, j] * sd.equal(sd.position(5)[j], c[i]), j), i),
    "two tables": sd.sum(W[c][:, :, None] * V[c][:, None, :], axis=0),
    "rows of rows": W[d[c]],
    "rows and a vector": sd.let("r", sd.sum(sd.equal(sd.position(5)[j], c[i]) * sd.equal(sd.position(5)[k], d[j]) * V[j, u] * W[k, 1], j, k), i, u),
    "rows of a slice": W[c[1:3]],
    "windows of rows": sd.window(W[c], 2, axis=0),
    "a slice of rows": W[c][1:],
    "a shifted row": W[c - 1],
    "outside": W[c + 3],
    "between": W[c / 4],
    "free on both sides": sd.let("r", sd.equal(sd.position(5)[j], c[i]) * W[j, k], i, j, k),
    "twice the same row": sd.let("r", sd.sum(sd.equal(sd.position(5)[j], c[i]) * sd.equal(sd.position(5)[j], d[k]) * W[j, u], j), i, k, u),
    "one fixed row": W[c[2]],
}


@pytest.mark.parametrize("name", CASES)
def test_rows(name):
    expr = CASES[name]
    values = {n: VALUES[n] for n in expr.inputs}
    assert np.allclose(sd.evaluate(expr, **values), reference.evaluate(expr, values, {}), rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("name", CASES)
def test_gradients_of_rows(name):
    expr = CASES[name]
    loss = sd.sum(expr**2)
    for by in ("W", "V", "x"):
        if by in expr.inputs:
            gradient = sd.grad(loss, by)
            values = {n: VALUES[n] for n in loss.inputs}
            assert np.allclose(sd.evaluate(gradient, **values), reference.evaluate(gradient, values, {}), rtol=1e-12, atol=1e-13)


def test_a_vocabulary_of_fifty_thousand_words_is_looked_up():
    table, words = sd.tensor("table", 50_000, 16), sd.tensor("words", 32, 20)
    loss = sd.sum(table[words] ** 2)
    f = sd.lambdify([table, words], [loss, sd.grad(loss, table)])
    values, numbers = RNG.normal(size=(50_000, 16)), RNG.integers(0, 50_000, size=(32, 20))
    f(values, numbers)
    begin = time.process_time()
    total, gradient = f(values, numbers)
    assert time.process_time() - begin < 0.3
    expected = np.zeros_like(values)
    np.add.at(expected, numbers.ravel(), 2 * values[numbers.ravel()])
    assert total == pytest.approx((values[numbers] ** 2).sum())
    assert np.allclose(gradient, expected)
