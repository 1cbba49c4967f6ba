"""Products of products are multiplied in the cheapest order, whatever the parentheses, and give the same."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest

import symdl as sd
from symdl.lower.compiled import Compiled
from symdl.lower.native.show import operations
from symdl.lower.orders import cheapest

n, m, p = sd.dims("n m p")
A, B, C, v = sd.tensor("A", n, n), sd.tensor("B", n, n), sd.tensor("C", n, n), sd.tensor("v", n)
SIZE = 60


def count(expr: Any, **values: Any) -> int:
    compiled = Compiled([expr])
    return operations(compiled.program({name: np.shape(values[name]) for name in compiled.names}))


def numbers() -> dict[str, Any]:
    rng = np.random.default_rng(0)
    return {name: rng.standard_normal((SIZE, SIZE)) for name in "ABC"} | {"v": rng.standard_normal(SIZE)}


@pytest.mark.parametrize("expr", [A @ B @ C @ v, (A @ (B @ C)) @ v, sd.let("T", A @ B) @ (C @ v), v @ (A @ B @ C), ((A @ B) @ (C @ A)) @ v])
def test_chains_of_matrices_and_a_vector(expr: Any) -> None:
    given = numbers()
    plain = sd.evaluate(expr, **{k: given[k] for k in expr.inputs})
    assert count(expr, **given) <= 8 * SIZE**2 + 10 * SIZE
    by_numpy = eval_by_hand(str(expr), given)
    if by_numpy is not None:
        np.testing.assert_allclose(plain, by_numpy, rtol=1e-11)


def eval_by_hand(text: str, given: dict[str, Any]) -> Any:
    a, b, c, x = (given[k] for k in "ABCv")
    return {"A @ B @ C @ v": a @ (b @ (c @ x)), "A @ (B @ C) @ v": a @ (b @ (c @ x))}.get(text)


def test_what_is_shared_stays() -> None:
    given = numbers()
    shared = A @ B
    expr = sd.sum(shared) + sd.sum(shared @ C @ v) + sd.trace(shared)
    assert count(expr, **given) < 2 * SIZE**3 + 20 * SIZE**2
    a, b, c, x = (given[k] for k in "ABCv")
    assert sd.evaluate(expr, **given) == pytest.approx(np.sum(a @ b) + np.sum(a @ b @ c @ x) + np.trace(a @ b), rel=1e-11)


def test_a_product_that_stands_twice_in_another() -> None:
    given = numbers()
    expr = sd.sum((A @ B @ C @ v) * (A @ B @ C @ v))
    assert count(expr, **given) <= 12 * SIZE**2
    a, b, c, x = (given[k] for k in "ABCv")
    assert sd.evaluate(expr, **given) == pytest.approx(np.sum((a @ b @ c @ x) ** 2), rel=1e-11)


def test_rectangles() -> None:
    P, Q, R = sd.tensor("P", n, p), sd.tensor("Q", p, m), sd.tensor("R", m, n)
    rng = np.random.default_rng(1)
    given = {"P": rng.standard_normal((100, 3)), "Q": rng.standard_normal((3, 80)), "R": rng.standard_normal((80, 100))}
    expr = (P @ Q) @ R
    np.testing.assert_allclose(sd.evaluate(expr, **given), given["P"] @ (given["Q"] @ given["R"]), rtol=1e-11, atol=1e-11)
    assert count(expr, **given) <= 2 * 3 * 80 * 100 + 2 * 100 * 3 * 100


def test_eight_factors_are_ordered_optimally() -> None:
    rng = np.random.default_rng(2)
    for _ in range(10):
        sizes = dict(enumerate(int(s) for s in rng.integers(2, 50, 9)))
        sets = [frozenset((k, k + 1)) for k in range(8)]
        assert cheapest(sets, frozenset(range(1, 8)), sizes) == textbook([sizes[k] for k in range(9)])


def textbook(sides: list[int]) -> int:
    """Cormen, Leiserson, Rivest, Stein, Introduction to Algorithms, section 15.2."""
    count = len(sides) - 1
    cost = {(k, k): 0 for k in range(count)}
    for length, i in itertools.product(range(2, count + 1), range(count)):
        j = i + length - 1
        if j < count:
            cost[i, j] = min(cost[i, k] + cost[k + 1, j] + sides[i] * sides[k + 1] * sides[j + 1] for k in range(i, j))
    return cost[0, count - 1]


def test_random_products_keep_their_values() -> None:
    rng = np.random.default_rng(3)
    given = numbers()
    letters = {"A": A, "B": B, "C": C}
    for _ in range(12):
        names = [str(c) for c in rng.choice(list("ABC"), 5)]
        stack = [(letters[c], given[c]) for c in names] + [(v, given["v"])]
        while len(stack) > 1:
            at = int(rng.integers(len(stack) - 1))
            (a, x), (b, y) = stack[at], stack[at + 1]
            stack[at : at + 2] = [((a @ b) * 2, (x @ y) * 2) if rng.random() < 0.3 else (a @ b, x @ y)]
        expr, value = stack[0]
        np.testing.assert_allclose(sd.evaluate(expr, **{k: given[k] for k in expr.inputs}), value, rtol=1e-9, atol=1e-9 * np.max(np.abs(value)))
        assert count(expr, **given) <= 12 * SIZE**2 + 20 * SIZE
