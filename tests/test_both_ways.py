"""A matrix plus its transpose, times a vector: two products, where nothing else needs the sum."""

from __future__ import annotations

import numpy as np
import pytest

import symdl as sd

n, m = sd.dims("n m")
x, d, A, B = sd.tensor("x", n), sd.tensor("d", n), sd.tensor("A", n, n), sd.tensor("B", n, n)
RNG = np.random.default_rng(5)
N = 40
GIVEN = {"x": RNG.standard_normal(N), "d": RNG.standard_normal(N), "A": RNG.standard_normal((N, N)), "B": RNG.standard_normal((N, N))}


def sums_of_matrices(wanted: object) -> tuple[int, list]:
    """How many matrices are summed in the program, and the results."""
    exprs = wanted if isinstance(wanted, list) else [wanted]
    names = sorted({i for e in exprs for i in e.inputs})
    f = sd.lambdify(names, exprs)
    results = f(*[GIVEN[k] for k in names])
    return sum(" add(" in line and f"{N}x{N}" in line for line in str(f).splitlines()), results


def test_the_gradient_of_a_quadratic_form_and_its_directional_derivative_store_no_matrix() -> None:
    a = GIVEN["A"]
    loss = x @ A @ x
    for wanted, along in ((sd.grad(loss, "x"), "x"), (sd.hvp(loss, "x", d), "d")):
        count, (found,) = sums_of_matrices(wanted)
        assert count == 0
        assert np.allclose(found, (a + a.T) @ GIVEN[along], rtol=1e-12, atol=1e-12)
    count, (value, gradient) = sums_of_matrices([loss, sd.grad(loss, "x")])
    assert count == 0 and value == pytest.approx(GIVEN["x"] @ a @ GIVEN["x"], rel=1e-12)
    assert np.allclose(gradient, (a + a.T) @ GIVEN["x"], rtol=1e-12, atol=1e-12)


def test_the_sum_is_kept_where_it_is_wanted_itself() -> None:
    a = GIVEN["A"]
    loss = x @ A @ x
    count, (gradient, hessian) = sums_of_matrices([sd.grad(loss, "x"), sd.hessian(loss, "x")])
    assert count == 1 and np.array_equal(hessian, a + a.T)
    assert np.allclose(gradient, (a + a.T) @ GIVEN["x"], rtol=1e-12, atol=1e-12)


def test_differences_and_sums_of_different_matrices_are_computed_as_written() -> None:
    near = GIVEN | {"B": -GIVEN["A"] * (1 + 1e-15)}
    for wanted, right in (((A + B) @ x, (near["A"] + near["B"]) @ near["x"]), ((A - A.T) @ x, (near["A"] - near["A"].T) @ near["x"])):
        f = sd.lambdify(["A", "x"] if "B" not in wanted.inputs else ["A", "B", "x"], wanted)
        found = f(*[near[k] for k in (["A", "x"] if "B" not in wanted.inputs else ["A", "B", "x"])])
        assert np.allclose(found, right, rtol=1e-9, atol=1e-28)


@pytest.mark.parametrize("size", [1, 2, 31, 32, 33])
def test_other_places_of_the_vector(size: int) -> None:
    a, v = RNG.standard_normal((size, size)), RNG.standard_normal(size)
    f = sd.lambdify([A, x], [x @ (A + A.T), (A + A.T) @ x, 3 * ((2 * A + 5 * A.T) @ x), (A + A.T)[0] * x])
    left, right, scaled, beside = f(a, v)
    assert np.allclose(left, v @ (a + a.T), rtol=1e-11, atol=1e-12) and np.allclose(right, left, rtol=1e-11, atol=1e-12)
    assert np.allclose(scaled, 3 * (2 * a + 5 * a.T) @ v, rtol=1e-11, atol=1e-12)
    assert np.allclose(beside, (a + a.T)[0] * v, rtol=1e-11, atol=1e-12)
    (alone,) = sd.lambdify([A, x], [3 * ((2 * A + 5 * A.T) @ x)])(a, v)
    assert np.allclose(alone, scaled, rtol=1e-11, atol=1e-12)
