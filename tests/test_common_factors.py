"""Sums of products with common factors become one product: fewer operations, the same values; what would not gain, or is used elsewhere, stays."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import symdl as sd
from symdl.lower.common import together
from symdl.lower.compiled import Compiled

m, n, p, q = sd.dims("m n p q")
A, E, B, C, D, F = (sd.tensor(x, *s) for x, s in (("A", (m, n)), ("E", (m, n)), ("B", (n, p)), ("C", (n, p)), ("D", (n, p)), ("F", (p, q))))
X, w, v, y, S = sd.tensor("X", m, n), sd.tensor("w", n), sd.tensor("v", n), sd.tensor("y", m), sd.tensor("S", n, n)
SIZES = {m: 50, n: 60, p: 70, q: 40}

#: Name -> expression, and how many products of matrices are left.
CASES: dict[str, tuple[Any, int]] = {
    "left factor": (A @ B + A @ C, 1),
    "right factor": (A @ B + E @ B, 1),
    "three, with coefficients": (2 * A @ B - 3 * (A @ C) + A @ D / 7, 1),
    "three factors": (A @ B @ F + A @ C @ F, 2),
    "both sides": (A @ B @ F + E @ B @ F - A @ C @ F, 4),
    "vectors": (sd.sum(A @ w) + sd.sum(A @ v), 1),
    "data once, behind": (X.T @ y + X.T @ (X @ w), 2),
    "a symbolic coefficient": (A @ B / m + A @ C / n, 1),
    "nothing in common": (A @ B + E @ C, 2),
    "another transpose": (S @ w + S.T @ v, 2),
    "a sum as large as the product": (S @ w + S.T @ w, 2),
    "used elsewhere": (A @ B + A @ C + sd.exp(A @ B), 2),
    "a name stays": (sd.let("z", A @ B) + A @ C, 2),
}


def compiled(expr: Any) -> tuple[Compiled, dict[str, Any]]:
    made = Compiled([expr])
    rng = np.random.default_rng(0)
    return made, {name: rng.standard_normal([SIZES[s] for s in shape]) for name, shape in made.shapes.items()}


def products(expr: Any) -> int:
    made, values = compiled(expr)
    return sum(step.op == "dot" for step in made.program({k: np.shape(a) for k, a in values.items()}).code)


@pytest.mark.parametrize("name", CASES)
def test_products_left_and_values(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    expr, left = CASES[name]
    made, values = compiled(expr)
    (found,) = made(values)
    assert products(expr) <= left
    monkeypatch.setattr("symdl.lower.plan.together", lambda roots, size_of: roots)
    made, values = compiled(expr)
    (plain,) = made(values)
    assert np.max(np.abs(np.asarray(found) - plain)) <= 1e-13 * np.max(np.abs(plain))


def test_the_rewrite_is_proved() -> None:
    for expr, left in CASES.values():
        term = together([expr.term], lambda s: SIZES.get(s, s))[0]
        other = type(expr)(term, expr.shape)
        assert left > 2 or sd.prove(expr, other).verdict == "PROVED"


def test_a_wrong_rewrite_is_refuted() -> None:
    term = together([(A @ B + A @ C).term], lambda s: SIZES.get(s, s))[0]
    assert sd.prove(A @ B + 2 * A @ C, type(A)(term, (m, p))).verdict == "REFUTED"


def test_gradients_of_two_losses_read_the_data_twice() -> None:
    loss = sd.sum(sd.softplus(X @ w)) + sd.sum((X @ w - y) ** 2) / 2
    assert products(sd.grad(loss, w)) == 2


def test_small_ones_stay() -> None:
    small = sd.tensor("a", 3, 3) @ sd.tensor("b", 3) + sd.tensor("a", 3, 3) @ sd.tensor("c", 3)
    made = Compiled([small])
    shapes = {k: (3, 3) if k == "a" else (3,) for k in "abc"}
    assert sum(step.op == "dot" for step in made.program(shapes).code) == 2


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(st.sampled_from([-2, -1, 1, 3]), st.sampled_from("AE"), st.sampled_from("BCD"), st.booleans()), min_size=2, max_size=6))
def test_random_sums(addends: list[tuple[int, str, str, bool]]) -> None:
    tensors = {"A": A, "E": E, "B": B, "C": C, "D": D}
    expr = sum(c * (sd.tanh(tensors[a]) if bent else tensors[a]) @ tensors[b] for c, a, b, bent in addends)
    rng = np.random.default_rng(len(addends))
    values = {x: rng.standard_normal([SIZES[s] for s in t.shape]) for x, t in tensors.items()}
    wanted = sum(c * (np.tanh(values[a]) if bent else values[a]) @ values[b] for c, a, b, bent in addends)
    scale = sum(abs(c) * (np.abs(values[a]) @ np.abs(values[b])) for c, a, b, _ in addends)
    if not isinstance(expr, sd.Expr) or not expr.inputs:
        return  # everything cancels
    (found,) = Compiled([expr])({k: values[k] for k in expr.inputs})
    assert np.max(np.abs(found - wanted) / scale) < 1e-14
