"""Hessians kept as factors equal the dense ones."""

import numpy as np
import pytest

import symdl as sd

RNG = np.random.default_rng(3)
N, M, K = 6, 4, 3


def logistic():
    n, m = sd.dims("n m")
    w = sd.tensor("w", n)
    loss = sd.sum(sd.log(1 + sd.exp(-sd.tensor("y", m) * (sd.tensor("X", m, n) @ w)))) + 2 * sd.sum(w**4)
    return loss, "w", {"w": RNG.standard_normal(N), "y": RNG.standard_normal(M), "X": RNG.standard_normal((M, N))}


def factorisation():
    n, m, k = sd.dims("n m k")
    loss = sd.sum(sd.tensor("O", m, n) * (sd.tensor("T", m, n) - sd.tensor("U", m, k) @ sd.tensor("V", n, k).T) ** 2)
    shapes = {"O": (M, N), "T": (M, N), "U": (M, K), "V": (N, K)}
    return loss, "U", {name: RNG.standard_normal(s) for name, s in shapes.items()}


def quadratic():
    n = sd.dims("n")
    n = n[0] if isinstance(n, (list, tuple)) else n
    x = sd.tensor("x", n)
    return x @ sd.tensor("A", n, n) @ x + sd.sum(x) ** 2, "x", {"x": RNG.standard_normal(N), "A": RNG.standard_normal((N, N))}


def diagonal():
    n = sd.dims("n")
    n = n[0] if isinstance(n, (list, tuple)) else n
    return sd.sum(sd.exp(sd.tensor("x", n))), "x", {"x": RNG.standard_normal(N)}


@pytest.mark.parametrize("problem", [logistic, factorisation, quadratic, diagonal])
def test_factors_equal_the_dense_hessian(problem):
    loss, by, values = problem()
    formula = sd.hessian(loss, by)
    names = list(values)
    dense = sd.evaluate(formula, **{name: values[name] for name in formula.inputs})
    hessian = sd.lambdify(names, formula, factored=True)(*values.values())
    assert hessian.shape == dense.shape
    assert np.allclose(hessian.todense(), dense, rtol=1e-12, atol=1e-12)
    v = RNG.standard_normal(values[by].shape)
    size = v.size
    assert np.allclose((hessian @ v).ravel(), dense.reshape(size, size) @ v.ravel(), rtol=1e-11, atol=1e-12)
    assert np.allclose(hessian.diagonal().ravel(), np.diagonal(dense.reshape(size, size)), rtol=1e-12, atol=1e-12)
    assert np.allclose(hessian @ hessian.solve(v), v, atol=1e-8)
    assert "numbers instead of" in str(hessian)


def test_wrong_inputs_are_refused():
    loss, by, values = logistic()
    call = sd.lambdify(list(values), sd.hessian(loss, by), factored=True)
    with pytest.raises(sd.DataError):
        call(values["w"], values["y"] * np.nan, values["X"])
    with pytest.raises(sd.SymdlError):
        call(values["w"][:-1], values["y"], values["X"])
    with pytest.raises(sd.ShapeError):
        call(*values.values()) @ np.ones(N + 1)
    with pytest.raises(sd.ShapeError):
        sd.lambdify(list(values), sd.grad(loss, by), factored=True)


def test_a_later_call_changes_no_earlier_result():
    loss, by, values = logistic()
    call = sd.lambdify(list(values), sd.hessian(loss, by), factored=True)
    first = call(*values.values())
    before = first.todense()
    call(values["w"] + 1, values["y"], values["X"])
    assert np.array_equal(first.todense(), before)


def test_an_input_that_is_only_kept_is_checked_too():
    loss, by, values = quadratic()
    formula = sd.hessian(loss, by)
    call = sd.lambdify(["A"], formula, factored=True)
    with pytest.raises(sd.DataError):
        call(values["A"] * np.nan)
    with pytest.raises(sd.SymdlError):
        call(values["A"][:-1])


def test_no_solution_of_what_is_singular_but_for_rounding():
    """The norm is linear along its argument: its second derivative has that direction for a kernel."""
    p = sd.dims("p")
    w = sd.tensor("w", p)
    norm = sd.lambdify([w], sd.hessian(sd.sqrt(sd.sum(w**2)), w), factored=True)(np.array([1.0, 2.0, 3.0]))
    with pytest.raises(sd.DomainError, match="singular to within rounding"):
        norm.solve(np.ones(3))
    # Scales that have nothing to do with each other are no reason to refuse.
    scaled = sd.lambdify([w], sd.hessian(sd.sum(w**4) + w[0] * w[1], w), factored=True)(np.array([1e9, 1e-4, 1.0]))
    assert scaled @ scaled.solve(np.ones(3)) == pytest.approx(np.ones(3), rel=1e-6)


def test_what_is_no_vector_is_refused_in_a_line():
    p = sd.dims("p")
    w = sd.tensor("w", p)
    hessian = sd.lambdify([w], sd.hessian(sd.sum(w**4) + sd.sum(w) ** 2, w), factored=True)(np.ones(3))
    for bad in ("a", None, [1.0, np.nan, 2.0], np.ones(4), np.array(["1", "2", "3"]), [[1], [2, 3]]):
        for use in (hessian.solve, hessian.__matmul__):
            with pytest.raises(sd.SymdlError):
                use(bad)


def test_a_factored_function_shows_what_it_runs():
    n, p = sd.dims("n p")
    X, w, y = sd.tensor("X", n, p), sd.tensor("w", p), sd.tensor("y", n)
    f = sd.lambdify([X, w], sd.hessian(sd.sum(sd.softplus(X @ w) - y * (X @ w)), w), factored=True)
    assert "f(X, w), kept as the factors X * X * d" in str(f) and "call it once" in str(f)
    f(np.ones((5, 2)), np.ones(2))
    assert "dot(v0, v1)" in str(f) and "operations" in str(f)
    given = sd.lambdify([X], sd.hessian(sd.sum((X @ w) ** 2) / 2, w), factored=True)
    assert "kept as the factors X * X, all of them given: nothing is computed" in str(given)
