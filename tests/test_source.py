"""Printed Python: standalone, for every size, and equal to what symdl computes itself."""

import builtins

import numpy as np
import pytest
import sympy as sp

import symdl as sd
from symdl import extend
from symdl.functions import TABLE
from symdl.lower.source import python_source
from symdl.lower.standalone import Library

SHAPES = {"X": "n,p", "Y": "n,p", "w": "p", "y": "n", "A": "p,p", "c": "", "K": "n,p,3"}
TEXTS = [
    "sum((sigmoid(X @ w) - y)**2)/2",
    "mean((X @ w - y)**2) + c*sum(w**2)",
    "sum(tanh(X)*Y + c)**3",
    "sum(exp(X)/Y**2 - 3/(1 + w**2))",
    "trace(A @ A) + sum(diag(A)*w) + sum(A[0, :]) + A[1, 2]",
    "logdet(A @ A.T + eye(p)) + det(A) + sum(inv(A + 5*eye(p)))",
    "sum(logsumexp(X, axis=1)*y) + max(X) + sum(max(X, axis=0)*w)",
    "-sum(Y*log(softmax(X)))",
    "sum(outer(y, w)*X) + norm(X) + sum(X.T @ X)",
    "sum(relu(X) + softplus(Y) + gelu(X) + silu(Y) + abs(X) + erf(X) + sin(X)*cos(Y) + arctan(X) + sinh(w) + cosh(w))",
    "sum(sum(K, axis=2)*X) + sum(K*X[:, :, None]) + sum(K[:, :, 1] @ w)",
    "sum((1 + X**2)**c) + pi*c + sum(1 - sigmoid(X)) + sum(log(1 + exp(X)))",
    "c**2",
    "n*p*c + sum(ones(n)*y) + sum(eye(p) @ w)",
]


def values(rng, n=3, p=4):
    sizes = {"n": n, "p": p, "3": 3}
    drawn = {name: rng.normal(size=tuple(sizes[s] for s in shape.split(",") if s)) for name, shape in SHAPES.items()}
    return {name: np.asarray(v) for name, v in drawn.items()}


def run(source, **inputs):
    names = {"__builtins__": {k: getattr(builtins, k) for k in ("__import__", "float", "str", "ValueError", "round")}}
    exec(compile(source, "printed", "exec"), names)
    return names["loss_and_gradients"](**inputs)


@pytest.mark.parametrize("text", TEXTS)
def test_printed_source_gives_what_symdl_gives(text):
    loss = sd.parse(text, **SHAPES)
    d = sd.derive(loss, list(loss.inputs))
    source = python_source(d.loss, d.gradients)
    assert "symdl" not in source
    for seed, (n, p) in enumerate([(3, 4), (5, 3)]):
        given = {k: v for k, v in values(np.random.default_rng(seed), n, p).items() if k in loss.inputs}
        value, gradients = run(source, **given)
        expected, slopes = sd.value_and_grad(loss, list(loss.inputs))(**given)
        assert value == pytest.approx(expected, rel=1e-12)
        for name, slope in slopes.items():
            assert gradients[name] == pytest.approx(np.asarray(slope), rel=1e-11, abs=1e-12), name
            assert np.shape(gradients[name]) == given[name].shape


@pytest.mark.parametrize("name", sorted(TABLE))
def test_helpers_agree_with_the_function_table(name):
    library = Library()
    call = library.use(name)
    names = {"np": np, "math": __import__("math")}
    exec(library.source(), names)
    at = np.array([-800.0, -40.0, -3.3, -1e-9, 1e-9, 0.7, 12.0, 800.0])
    args = [at, np.roll(at, 3), np.roll(at, 5)][: TABLE[name].nargs]
    with np.errstate(all="ignore"):
        assert np.allclose(eval(call, names)(*args), TABLE[name].numpy(*args), rtol=1e-14, atol=0, equal_nan=True)


def test_saturated_neurons_keep_their_digits():
    x, w = sd.tensor("x", "n"), sd.tensor("w", "n")
    loss = (1 - sd.sigmoid(w @ x)) ** 2
    d = sd.derive(loss, w)
    _, gradients = run(python_source(d.loss, d.gradients), x=[40.0], w=[1.0])
    exact = -2 * sp.exp(-80) * 40 / (1 + sp.exp(-40)) ** 3
    assert gradients["w"][0] == pytest.approx(float(exact.evalf(30)), rel=1e-12)


def test_names_of_the_user_stay_out_of_the_code():
    inputs = [sd.tensor("lambda", "n"), sd.tensor("layer.0.weight", "n"), sd.tensor("w'", "n")]
    loss = sd.sum(inputs[0] * inputs[1] * inputs[2] ** 2)
    d = sd.derive(loss, inputs)
    value, gradients = run(python_source(d.loss, d.gradients), **{"lambda": [1.0, 2.0], "layer.0.weight": [3.0, 4.0], "w'": [1.0, -1.0]})
    assert value == 11.0 and gradients["w'"].tolist() == [6.0, -16.0]


def test_wrong_shapes_are_said_and_sizes_that_nobody_knows_refused():
    x, w = sd.tensor("x", "n"), sd.tensor("w", "n")
    d = sd.derive(sd.sum(w * x), w)
    with pytest.raises(ValueError, match=r"has shape \(\d,\), expected \(n,\)"):
        run(python_source(d.loss, d.gradients), x=[1.0, 2.0], w=[1.0, 2.0, 3.0])
    lost = sd.derive(sd.parse("c*sum(ones(q))", c=""), "c")
    with pytest.raises(sd.UnsupportedError, match="size q has no value"):
        python_source(lost.loss, lost.gradients)


def test_sizes_in_arithmetic_and_registered_functions():
    bend = extend.function("bend_source", definition=lambda z: z * sd.sigmoid(z) + sp.sqrt(1 + z**2), numpy=None,
                           derivative=lambda z: sd.sigmoid(z) * (1 + z * (1 - sd.sigmoid(z))) + z / sp.sqrt(1 + z**2))  # fmt: skip
    v = sd.tensor("v", 2 * sd.dims("q") + 1)
    d = sd.derive(sd.mean(bend(v)), v)
    given = np.array([0.1, -2.0, 5.0])
    value, _ = run(python_source(d.loss, d.gradients), v=given)
    assert value == pytest.approx((given / (1 + np.exp(-given)) + np.sqrt(1 + given**2)).mean(), rel=1e-12)
