"""Pieces of a larger array are put into their places after a product, not before: no multiplications by zeros, no large arrays of zeros."""

import numpy as np
import pytest

import symdl as sd
from symdl.lower.compiled import Compiled
from symdl.lower.placed_late import placed_late

m, n, p, q = sd.dims("m n p q")
i, j = sd.indices("i j")
A, E, v = sd.tensor("A", n, m), sd.tensor("E", q, n), sd.tensor("v", n)
B, C = sd.tensor("B", n, p), sd.tensor("C", n, q)
SIZES = {m: 5, n: 90, p: 20, q: 7}
BOTH = sd.concat([B, C], 1)

#: Name -> expression, and whether something is left to be multiplied that holds both.
CASES = {
    "on the right": (A.T @ BOTH, False),
    "on the left": (BOTH.T @ A, False),
    "with coefficients": (2 * A.T @ BOTH / 3, False),
    "three factors": (A.T @ (v[:, None] * BOTH), False),
    "a vector": (v @ BOTH, False),
    "below each other": (sd.concat([B.T, C.T], 0) @ A, False),
    "summed over the places": (BOTH @ sd.tensor("w", p + q), True),
    "used elsewhere": (A.T @ BOTH + sd.sum(sd.exp(BOTH)), True),
    "a result larger than what is put together": (sd.tensor("L", n, 500).T @ BOTH, True),
}


def size(s):
    return int(s.subs(SIZES)) if hasattr(s, "subs") else s


def compiled(expr):
    made = Compiled([expr])
    rng = np.random.default_rng(0)
    return made, {name: rng.standard_normal([size(s) for s in shape]) for name, shape in made.shapes.items()}


@pytest.mark.parametrize("name", CASES)
def test_values_and_what_is_multiplied(name, monkeypatch):
    expr, holds_both = CASES[name]
    made, values = compiled(expr)
    (found,) = made(values)
    program = made.program({k: np.shape(a) for k, a in values.items()})
    large = any(90 in step.shape and 27 in step.shape for step in program.code)
    assert large == holds_both
    monkeypatch.setattr("symdl.lower.plan.placed_late", lambda roots, size_of: roots)
    made, values = compiled(expr)
    (plain,) = made(values)
    np.testing.assert_allclose(found, plain, rtol=1e-12, atol=1e-12)


@pytest.mark.parametrize("name", CASES)
def test_the_rewrite_is_proved(name):
    expr, stays = CASES[name]
    (term,) = placed_late([expr.term], size)
    after = type(expr)(term, expr.shape)
    assert (term.node is expr.node) == stays
    assert sd.prove(expr, after).verdict == "PROVED"
    assert sd.prove(2 * expr, after).verdict == "REFUTED"


@pytest.mark.parametrize(("kind", "gates"), [("gru", 3), ("lstm", 4)])
def test_gradients_of_gates(kind, gates):
    """Nothing is made that has all steps, all samples and all gates."""
    steps, count, width, h = 11, 13, 3, 7
    X, W, U = sd.tensor("X", steps, count, width), sd.tensor("W", gates * h, width), sd.tensor("U", gates * h, h)
    zero = sd.zeros(count, h)
    _, last = getattr(sd, kind)(X, (zero, zero) if kind == "lstm" else zero, W, U)
    loss = sd.sum((last[0] if kind == "lstm" else last) ** 2)
    made = Compiled([loss, *sd.derive(loss, [W, U]).gradients.values()])
    program = made.program({"X": (steps, count, width), "W": (gates * h, width), "U": (gates * h, h)})
    assert not [step for step in program.code if step.op != "scan" and np.prod(step.shape) >= steps * count * gates * h]
    rng = np.random.default_rng(1)
    values = {"X": rng.normal(size=(steps, count, width)), "W": rng.normal(size=(gates * h, width)), "U": rng.normal(size=(gates * h, h)) / 3}
    _, by_w, by_u = made(values)
    for name, gradient in (("W", by_w), ("U", by_u)):
        way = rng.normal(size=gradient.shape)
        ends = [made(values | {name: values[name] + s * 1e-5 * way})[0] for s in (1, -1)]
        assert abs((ends[0] - ends[1]) / 2e-5 - np.sum(way * gradient)) < 1e-6 * np.abs(way * gradient).sum()
