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
