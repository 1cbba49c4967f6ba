"""float32: programs, printed Python, training. In 64 bits unless 32 are asked for; then everything that comes out is float32."""

from __future__ import annotations

import warnings

import numpy as np
import pytest

import symdl as sd
from symdl.functions import TABLE
from symdl.lower.compiled import Compiled
from symdl.lower.source import python_source

n, p, h = sd.dims("n p h")
x, X, W, b, t = sd.tensor("x", n), sd.tensor("X", n, p), sd.tensor("W", p, h), sd.tensor("b", h), sd.tensor("t", n, h)


def _network():
    loss = sd.sum((sd.gelu(sd.sigmoid(X @ W + b)) - t) ** 2) / 2 + sd.logsumexp(W)
    rng = np.random.default_rng(0)
    return loss, {"X": rng.normal(size=(5, 4)), "W": rng.normal(size=(4, 3)), "b": rng.normal(size=3), "t": rng.normal(size=(5, 3))}


def test_value_and_grad():
    loss, values = _network()
    value, gradients = sd.value_and_grad(loss, [W, b])(**values)
    narrow, found = sd.value_and_grad(loss, [W, b], dtype="float32")(**{k: v.astype(np.float32) for k, v in values.items()})
    assert type(narrow) is np.float32
    assert narrow == pytest.approx(value, rel=1e-6)
    for name, g in gradients.items():
        assert found[name].dtype == np.float32
        np.testing.assert_allclose(found[name], g, rtol=1e-5, atol=1e-6)


def test_sixty_four_bits_unless_asked_for():
    f = sd.lambdify(x, sd.exp(x))
    assert f(np.ones(2, np.float32)).dtype == np.float64
    assert sd.lambdify(x, sd.exp(x), dtype="float64")([1.0]).dtype == np.float64


@pytest.mark.parametrize("dtype", ["float32", np.float32, np.dtype("float32"), "single"])
def test_names_of_the_type(dtype):
    assert sd.lambdify(x, sd.exp(x), dtype=dtype)([1.0]).dtype == np.float32


def test_types_of_other_libraries():
    torch = pytest.importorskip("torch")
    assert sd.lambdify(x, sd.exp(x), dtype=torch.float32)([1.0]).dtype == np.float32
    assert sd.lambdify(x, sd.exp(x), dtype=torch.float64)([1.0]).dtype == np.float64


@pytest.mark.parametrize("dtype", ["float16", "int32", int, "nonsense", 3, "complex64"])
def test_other_types_are_refused_in_one_line(dtype):
    with pytest.raises(sd.DataError, match="float32") as caught:
        sd.lambdify(x, x, dtype=dtype)
    assert "\n" not in str(caught.value)


def test_inputs_that_float32_cannot_hold():
    f = sd.lambdify(x, 2 * x, dtype="float32")
    with pytest.raises(sd.DataError, match=r"x: 1e.39 is too large for float32"):
        f([1.0, 1e39])
    with pytest.raises(sd.DataError, match="too large for float32"):
        sd.lambdify("z", sd.tensor("z") * 2, dtype="float32")(-1e300)
    with pytest.raises(sd.DomainError, match="32-bit"):
        f([3e38])
    assert f([1e-50, 1e-45]).tolist() == [0.0, 2 * float(np.float32(1e-45))]


def test_scalars_are_rounded_on_the_way_in_and_out():
    z = sd.tensor("z")
    f = sd.lambdify(z, 3 * z, dtype="float32")
    assert f(0.1) == f(np.float32(0.1)) == np.float32(3 * float(np.float32(0.1)))


def test_nested_results_and_matrices():
    import sympy as sp

    a = sp.Symbol("a")
    got = sd.lambdify(a, [a, (a**2, sp.Matrix([[a, 1]]))], dtype="float32")(0.5)
    assert type(got[0]) is np.float32
    assert got[1][1].dtype == np.float32


@pytest.mark.parametrize(
    "make",
    [
        lambda: sd.softmax(X, axis=1),
        lambda: sd.inv(X.T @ X),
        lambda: sd.logdet(X.T @ X + sd.eye(p)),
        lambda: X[1:, 0] * x[:-1],
        lambda: sd.cumsum(x),
        lambda: x ** sd.tensor("q"),
        lambda: sd.max(X, axis=0) + 0 * X[0],
        lambda: sd.outer(x, x) + sd.diag(x),
        lambda: sd.norm(x) * x,
    ],
)
def test_every_kind_of_instruction(make):
    expr = make()
    rng = np.random.default_rng(1)
    values = {"X": rng.normal(size=(5, 3)), "x": rng.uniform(0.5, 2.0, 5), "q": 1.5}
    given = [values[k] for k in expr.inputs]
    wide, narrow = sd.lambdify(expr.inputs, expr)(*given), sd.lambdify(expr.inputs, expr, dtype="float32")(*given)
    assert np.asarray(narrow).dtype == np.float32
    np.testing.assert_allclose(narrow, wide, rtol=2e-5, atol=1e-6)


def test_recurrences():
    U, s0 = sd.tensor("U", p, p), sd.tensor("s0", p)
    states = sd.recur("s", s0, lambda prev, k: sd.tanh(U @ prev + X[k]), n)
    loss = sd.sum(states**2)
    rng = np.random.default_rng(2)
    values = {"X": rng.normal(size=(6, 3)), "U": rng.normal(size=(3, 3)) / 2, "s0": rng.normal(size=3)}
    wide, narrow = (sd.value_and_grad(loss, [U, s0], dtype=d)(**values) for d in (None, "float32"))
    assert narrow[1]["U"].dtype == np.float32
    np.testing.assert_allclose(narrow[1]["U"], wide[1]["U"], rtol=1e-4, atol=1e-5)
    assert Compiled([loss], dtype="float32").program({k: np.shape(v) for k, v in values.items()}).dtype == "float32"


def test_the_native_backend_declines_or_obeys():
    """A backend that has no float32 says so in one line; it never gives 64 bits instead."""
    try:
        got = sd.lambdify(x, sd.exp(x), backend="native", dtype="float32")([1.0])
    except (sd.UnsupportedError, sd.MissingExtraError) as error:
        assert "\n" not in str(error)
    else:
        assert got.dtype == np.float32


ONE_ARGUMENT = sorted(name for name, e in TABLE.items() if e.nargs - len(e.parameters) == 1 and hasattr(sd, name) and name not in ("clip", "threshold", "step"))


@pytest.mark.parametrize("name", ONE_ARGUMENT)
def test_printed_python(name):
    """The printed function computes in float32 from end to end: no float64 array on the way, and the same numbers as the program's."""
    loss = sd.sum(getattr(sd, name)(x))
    gradient = sd.grad(loss, x)
    at = np.array([0.3, 0.7, 1.4], np.float32)
    space: dict = {}
    source = python_source(loss, {"x": gradient}, dtype="float32")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        exec(source, space)
        value, gradients = space["loss_and_gradients"](x=at)
    assert type(value) is np.float32
    assert gradients["x"].dtype == np.float32
    want, want_gradient = sd.lambdify(x, [loss, gradient])(at)
    assert value == pytest.approx(want, rel=1e-6)
    np.testing.assert_allclose(gradients["x"], want_gradient, rtol=3e-6, atol=1e-7)


def test_printed_python_of_a_network_and_on_the_command_line(capsys):
    from symdl.cli import main

    loss, values = _network()
    space: dict = {}
    exec(python_source(loss, {"W": sd.grad(loss, W)}, dtype="float32"), space)
    _, gradients = space["loss_and_gradients"](**values)
    assert gradients["W"].dtype == np.float32
    np.testing.assert_allclose(gradients["W"], sd.value_and_grad(loss, [W])(**values)[1]["W"], rtol=1e-5, atol=1e-6)
    assert main(["derive", "sum(exp(x))", "--wrt", "x", "--shape", "x:n", "--format", "python", "--dtype", "float32"]) == 0
    assert "dtype=np.float32" in capsys.readouterr().out
    assert main(["derive", "sum(exp(x))", "--wrt", "x", "--shape", "x:n", "--dtype", "float32"]) == 64


def _regression():
    v, c, y = sd.tensor("v", h), sd.tensor("c"), sd.tensor("y", n)
    rng = np.random.default_rng(0)
    loss = sd.mean((sd.tanh(X @ W) @ v + c - y) ** 2)
    return loss, {"W": rng.normal(size=(3, 4)), "v": rng.normal(size=4), "c": 0.1}, {"X": rng.normal(size=(50, 3)), "y": rng.normal(size=50)}


@pytest.mark.parametrize("method", ["gd", "momentum", "adam"])
def test_training(method):
    loss, params, data = _regression()
    settings = {"lr": 0.01, "epochs": 20, "batch": 16, "method": method, "backend": "numpy", "progress": False}
    narrow, wide = sd.train(loss, params, data, dtype="float32", **settings), sd.train(loss, params, data, **settings)
    assert narrow.params["W"].dtype == np.float32
    assert type(narrow.params["c"]) is np.float32
    assert wide.params["W"].dtype == np.float64
    np.testing.assert_allclose(narrow.params["W"], wide.params["W"], atol=2e-5)
    assert narrow.history[-1] == pytest.approx(wide.history[-1], rel=1e-4)


def test_training_goes_on_from_a_checkpoint_of_its_own_type_only(tmp_path):
    loss, params, data = _regression()
    settings = {"lr": 0.01, "batch": 16, "method": "adam", "progress": False, "backend": "numpy"}
    file = tmp_path / "state.npz"
    sd.train(loss, params, data, epochs=2, dtype="float32", checkpoint=file, **settings)
    on = sd.train(loss, params, data, epochs=4, dtype="float32", checkpoint=file, resume=True, **settings)
    through = sd.train(loss, params, data, epochs=4, dtype="float32", **settings)
    assert (on.params["W"] == through.params["W"]).all()
    with pytest.raises(sd.DataError, match="another training"):
        sd.train(loss, params, data, epochs=4, checkpoint=file, resume=True, **settings)
