"""The oracles' judgement: right gradients pass everywhere, wrong ones of any sort fail, and nothing ends in a traceback."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from test_diff import graphs

import symdl as sd
from symdl.prove.framework import torch_gradient
from symdl.prove.numeric import tape_gradient
from symdl.prove.oracles import ENOUGH, compare
from symdl.prove.verify import verify_gradients

n, p, h = sd.dims("n p h")
i, j = sd.indices("i j")
X, Y, W = sd.tensor("X", n, p), sd.tensor("Y", n, h, facts="onehot"), sd.tensor("W", p, h)
x, y, w, z = sd.tensor("x", n), sd.tensor("y", n), sd.tensor("w", p), sd.tensor("z")
A, P = sd.tensor("A", n, n), sd.tensor("P", n, n, facts="posdef")
Q = sd.let("Q", sd.tanh(X @ W))

LOSSES = {
    "least squares": (sd.sum((X @ w - y) ** 2) / (2 * n), [w, X]),
    "cross-entropy": (-sd.sum(Y * sd.log(sd.softmax(X @ W))), [W, X]),
    "logistic": (sd.sum(sd.softplus(X @ w) - y * (X @ w)), [w]),
    "named result": (sd.sum(Q**2 * sd.sigmoid(Q)), [Q, W]),
    "layer norm": (sd.sum(((X - sd.mean(X, axis=1, keepdims=True)) / sd.sqrt(sd.mean(X**2, axis=1, keepdims=True) + 1)) ** 3), [X]),
    "largest": (sd.sum(sd.max(X, axis=1) ** 2) + sd.logsumexp(x), [X, x]),
    "matrix": (sd.logdet(P) + sd.sum(sd.inv(P) @ x), [P, x]),
    "quadratic form": (x @ A @ x + sd.trace(A @ A), [A, x]),
    "activations": (sd.sum(sd.gelu(x) + sd.silu(x) * sd.erf(x) + sd.relu(x) * sd.arctan(x)), [x]),
    "elements": (x[0] ** 3 * sd.sum(X[:, 0]) + sd.sum(sd.diag(A) ** 2), [x, X, A]),
    "powers": (sd.sum((x**2 + 1) ** z) + sd.sqrt(z), [x, z]),
}  # fmt: skip


def by_tape(loss, gradient, wrt, points=24):
    (check,) = compare(loss, {"g": gradient}, {"g": wrt}, points, oracles="tape")
    return check


@pytest.mark.parametrize("name", LOSSES)
def test_right_gradients_pass_at_all_kinds_of_inputs(name):
    loss, wrt = LOSSES[name]
    derived = sd.derive(loss, wrt)
    checks = compare(loss, derived.gradients, derived.wrt)
    assert [c for c in checks if not c.ok] == []
    assert all(c.points >= 20 and c.error <= 1e-12 for c in checks if c.verdict == "ok")


@pytest.mark.parametrize("name", LOSSES)
def test_the_same_gradients_with_one_term_slightly_wrong_fail(name):
    """Every gradient gets a billionth of itself more, in its first entry only."""
    loss, wrt = LOSSES[name]
    derived = sd.derive(loss, wrt)
    for key, gradient in derived.gradients.items():
        wrong = gradient * (1 + 1e-9)
        for size in reversed(gradient.shape[:1]):
            first = sd.eye(size)[0] if gradient.ndim == 1 else sd.eye(size)[0][:, None]
            wrong = gradient + 1e-9 * first * gradient
        check = by_tape(loss, wrong, derived.wrt[key], 12)
        assert check.verdict == "FAILED" and check.error > 1e-12, key


@settings(max_examples=12, deadline=None)
@given(graphs(), st.sampled_from(["X", "s"]))
def test_random_graphs(expr, name):
    loss = sd.sum(sd.sigmoid(expr + X))
    if name not in loss.inputs:
        return
    derived = sd.derive(loss, name)
    right = by_tape(loss, derived[name], derived.wrt[name], 6)
    assert right.ok, right
    # A factor alone would leave a derivative that is 0 (softmax by a shift) right.
    wrong = by_tape(loss, derived[name] * (1 + 1e-9) + 1e-9, derived.wrt[name], 6)
    assert wrong.verdict == "FAILED", wrong


FUNCTIONS = ["exp", "sin", "cos", "tan", "arctan", "sinh", "cosh", "tanh", "erf", "abs", "sigmoid", "softplus", "relu", "silu", "gelu"]
OPERATIONS = {
    "linear": sd.sum((2 * X - 3 * x[:, None] + 1) * X), "product": sd.sum(X @ W), "delta": sd.sum(sd.diag(x) @ X), "power": sd.sum((x**2 + 1) ** -1.5),
    "two arguments": sd.sum((x**2 + 1) ** z), "logsumexp": sd.sum(sd.logsumexp(X, axis=0)), "max": sd.sum(sd.max(X, axis=0) * w), "max of all": sd.max(X) ** 2,
    "ties": sd.max(y[:, None] * y[None, :]), "inverse": sd.sum(sd.inv(A) @ x), "determinant": sd.det(A), "log-determinant": sd.logdet(A @ A.T),
    "named": sd.let("named", X @ w) @ y, "fixed position": x[1] * X[0, 1] + A[1, 1], "diagonal": sd.sum(sd.diag(A) ** 2),
    "a tensor": sd.tanh(X @ w), "summed index": sd.sum(X[i, j] * X[i, j] * x[i], i, j),
    **{f: sd.sum(getattr(sd, f)(x)) for f in FUNCTIONS},
}  # fmt: skip


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_operation_of_the_tape_against_pytorch(name):
    pytest.importorskip("torch")
    loss = OPERATIONS[name]
    shapes = {"X": (3, 2), "W": (2, 4), "x": (3,), "y": (3,), "w": (2,), "z": (), "A": (3, 3)}
    rng = np.random.default_rng(3)
    values = {k: rng.normal(size=shape) for k, shape in shapes.items()} | {n: 3, p: 2, h: 4}
    wrt = [t for t in (X, W, x, y, w, z, A) if str(t.node.name) in loss.inputs]
    assert wrt
    _, ours = tape_gradient(loss, wrt, values)
    for key, theirs in torch_gradient(loss, wrt, values).items():
        assert ours[key].shape == theirs.shape
        assert ours[key] == pytest.approx(theirs, rel=1e-11, abs=1e-13), key


# --- wrong in other ways than by a little -----------------------------------------------------------------------------


def test_a_formula_without_a_value_at_some_inputs_fails_whatever_comes_after():
    nowhere_below_zero = 2 * z + sd.log(z) - sd.log(2 * z) + sd.log(2)
    for wrong, loss, wrt in ((nowhere_below_zero, z**2, z), (2 * x + sd.log(x + 3) - sd.log(2 * x + 6) + sd.log(2), sd.sum(x**2), x)):
        check = by_tape(loss, wrong, wrt)
        assert check.verdict == "FAILED" and "no finite value" in check.note and np.isnan(check.error)


@pytest.mark.parametrize("claim, says", [(2 + 0 * z, r"has the shape \(\), not \(n,\)"), (2 * x[i] / x[i], "open letters i"), (2 * sd.ones(n, n), "not")])
def test_numbers_that_would_broadcast_have_the_wrong_shape(claim, says):
    check = by_tape(sd.sum(2 * x), claim, x)
    assert check.verdict == "FAILED"
    assert re.search(says, check.note), check.note


@pytest.mark.parametrize("loss", [sd.sum(x * 0) + 3, sd.sum(sd.ones(n)) + z, z**2])
def test_what_the_loss_does_not_mention_has_the_gradient_0(loss):
    report = sd.derive(loss, x).verify()
    assert report.verdict == "PROVED", str(report)
    checks = verify_gradients(loss, {"x": sd.ones(n)}, {"x": x})
    assert checks[0].verdict == "REFUTED" and {c.verdict for c in checks[1:]} <= {"FAILED", "skipped"}


def test_a_right_gradient_whose_sizes_stand_in_the_loss_only():
    """In saturation it is evaluated with more bits; the size n is told by x, which the gradient does not mention."""
    a = sd.sigmoid(z)
    assert by_tape(sd.sum(x) * a * (1 - a), sd.ones(n) * a * (1 - a), x).verdict == "ok"


@pytest.mark.parametrize("claim", [sd.inv(sd.outer(x, x)) @ x, x * 10**400], ids=["singular", "huge"])
def test_claims_that_floats_cannot_evaluate_fail_without_a_traceback(claim):
    assert by_tape(sd.sum(x), claim, x).verdict == "FAILED"


def test_numbers_too_small_to_compare_are_not_called_right():
    assert by_tape(z**2 / 10**300, 2 * z / 10**300 * (1 + 1e-9), z).verdict == "skipped"


def test_fewer_inputs_are_said():
    def line(loss):
        return by_tape(loss, 1 / (x - 5), x)

    far = line(sd.sum(sd.log(x - 5)))
    assert far.verdict == "ok" and far.points >= ENOUGH and not far.note
    further = by_tape(sd.sum(sd.log(x - 45)), 1 / (x - 45), x)
    assert further.verdict == "ok" and 0 < further.points < ENOUGH and "no more than" in further.note


def test_a_framework_without_a_value_is_no_warning():
    """JAX computes what is compared twice, with other roundings: where nobody reaches the maximum it divides by zero."""
    pytest.importorskip("jax")
    n = sd.dims("n")
    X, W, b = sd.tensor("X", n, 5), sd.tensor("W", 5, 7), sd.tensor("b", 7)
    derived = sd.derive(sd.sum(sd.max(3 * X @ W + b, axis=0)), [W])
    line = next(c for c in derived.verify(oracles=["jax"]).checks if c.how == "JAX")
    assert line.verdict == "ok"
