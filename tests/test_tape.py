"""The NumPy tape: an own numeric backpropagation, right in saturation, that knows neither SymPy nor symdl."""

import ast
from pathlib import Path

import numpy as np
import pytest
from reference import evaluate as reference
from reference import numeric_gradient

import symdl as sd
from symdl.functions import TABLE
from symdl.prove import tape as tape_module
from symdl.prove.numeric import evaluate, tape_gradient
from symdl.prove.tape import FROM_OUTPUT, FUNCTIONS, Tape

n, p, h = sd.dims("n p h")
i, j = sd.indices("i j")
X, w, y = sd.tensor("X", n, p), sd.tensor("w", p), sd.tensor("y", n)
A, z = sd.tensor("A", 3, 3), sd.tensor("z")


def test_imports_only_numpy_and_the_standard_library():
    tree = ast.parse(Path(tape_module.__file__).read_text("utf-8"))
    names = {a.name for node in ast.walk(tree) if isinstance(node, ast.Import) for a in node.names}
    names |= {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert names == {"__future__", "collections.abc", "math", "numpy", "typing"}


@pytest.mark.parametrize("name", FUNCTIONS)
def test_derivatives_of_functions_against_differences(name):
    at = np.array([-2.3, -0.7, 0.4, 1.9])
    step = 1e-6
    others = [np.array([0.5, -1.0, 2.0, 3.0]), np.array([1.5, 0.2, -0.9, -3.1])]
    arguments = [np.abs(at) if name in ("log", "log1p", "pow") else at, *others][: TABLE[name].nargs]
    for k in range(len(arguments)):
        tape = Tape()
        args = [tape.var(a) for a in arguments]
        tape.backward(tape.apply(name, args), 1.0)
        ends = []
        for sign in (1, -1):
            moved = [a + sign * step * (q == k) for q, a in enumerate(arguments)]
            ends.append(FUNCTIONS[name][0](*moved))
        assert args[k].grad == pytest.approx((ends[0] - ends[1]) / (2 * step), rel=1e-7, abs=1e-8)


def test_saturated_derivatives_keep_their_accuracy():
    for at in (-700.0, -40.0, 40.0, 300.0):
        tape = Tape()
        v = tape.var(at)
        tape.backward(tape.apply("sigmoid", [v]), 1.0)
        assert v.grad == pytest.approx(np.exp(-abs(at)), rel=1e-14, abs=0)
        tape.backward(tape.apply("tanh", [v]), 1.0)
        assert v.grad == pytest.approx(4 * np.exp(-2 * abs(at)), rel=1e-14, abs=0)
    assert FROM_OUTPUT["sigmoid"](np.float64(1.0)) == 0.0  # as frameworks do it


def test_a_value_used_twice_gets_both_parts():
    tape = Tape()
    v = tape.var(3.0)
    square = tape.contract(1.0, [v, v], [[], []], [], 0)
    tape.backward(tape.add([1.0, 2.0], [square, v]), 1.0)
    assert v.grad == 8.0


def test_noise_shows_what_is_ill_conditioned():
    def cancelled(seed):
        tape = Tape(seed)
        a = tape.apply("sigmoid", [tape.var(36.0)])
        return tape.add([1.0, -1.0], [tape.var(1.0), a]).value

    values = np.array([cancelled(seed) for seed in range(6)])
    assert np.ptp(values) > 0.1 * values.max()  # 1 - sigmoid(36) has one digit at most


LOSSES = {
    "network": (sd.sum((sd.sigmoid(X @ w) - y) ** 2) / 2, {"X": (4, 3), "w": (3,), "y": (4,)}),
    "softmax": (sd.sum(sd.log(sd.softmax(X)) * X), {"X": (4, 3)}),
    "maximum": (sd.sum(sd.max(X, axis=1) ** 3), {"X": (4, 3)}),
    "diagonal and fixed": (sd.sum(sd.diag(A) * A[0]) + A[1, 2] ** 2, {"A": (3, 3)}),
    "matrix functions": (sd.logdet(A @ A.T) + sd.sum(sd.inv(A)) + sd.det(A), {"A": (3, 3)}),
    "convention of axes": (sd.sum(X * w + y[:, None] * 2), {"X": (4, 3), "w": (3,), "y": (4,)}),
    "sum over nothing": (sd.sum(X[i, j], i, j) + sd.sum(sd.ones(n, p) * z), {"X": (4, 3), "z": ()}),
    "delta": (sd.sum(sd.diag(w) @ X.T), {"X": (4, 3), "w": (3,)}),
}  # fmt: skip


@pytest.mark.parametrize("name", LOSSES)
def test_values_and_gradients_of_expressions(name):
    loss, shapes = LOSSES[name]
    rng = np.random.default_rng(5)
    values = {k: rng.normal(size=shape) for k, shape in shapes.items()}
    sizes = {n: 4, p: 3}
    value, grads = tape_gradient(loss, [sd.tensor(k, *t.shape) for k, t in (("X", X), ("w", w), ("y", y), ("A", A), ("z", z)) if k in shapes], values)
    assert value == pytest.approx(reference(loss, values, sizes), rel=1e-12)
    for k, g in grads.items():
        assert g == pytest.approx(numeric_gradient(loss, k, values, sizes), rel=1e-6, abs=1e-7)


def test_gradients_by_named_results_and_jacobians():
    hidden = sd.let("hidden", X @ w)
    rng = np.random.default_rng(6)
    values = {"X": rng.normal(size=(4, 3)), "w": rng.normal(size=3), "y": rng.normal(size=4)}
    _, grads = tape_gradient(sd.sum(hidden**2), [hidden], values)
    assert grads["hidden"] == pytest.approx(2 * values["X"] @ values["w"])
    _, rows = tape_gradient(X @ w, [w], values)
    assert rows["w"] == pytest.approx(values["X"])


def test_missing_and_misshapen_values():
    with pytest.raises(sd.DataError, match="no value for w"):
        evaluate(X @ w, {"X": np.ones((2, 3))})
    with pytest.raises(sd.DataError, match="w: p is 3 elsewhere and 2 here"):
        evaluate(X @ w, {"X": np.ones((2, 3)), "w": np.ones(2)})
    with pytest.raises(sd.DataError, match="shape"):
        evaluate(X @ w, {"X": np.ones((2, 3)), "w": np.ones((3, 1))})


def test_a_chain_of_ten_thousand():
    deep = z
    for _ in range(10_000):
        deep = sd.sin(deep)
    value, grads = tape_gradient(deep, [z], {"z": 0.5})
    assert 0 < value < 0.5 and np.isfinite(grads["z"])
