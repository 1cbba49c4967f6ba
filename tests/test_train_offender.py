"""Which part of the formula a training breaks down at: named as it was written, with the entry."""

from __future__ import annotations

import numpy as np
import pytest

import symdl as sd
from symdl.lower.offender import NODES, offender

n, p, h = sd.dims("n p h")
X, w, y, W = sd.tensor("X", n, p), sd.tensor("w", p), sd.tensor("y", n), sd.tensor("W", p, h)
XS = np.ones((4, 3))
XS[2] = 1e3
VALUES = {"X": XS, "w": np.array([1.0, 2.0, -0.5]), "y": np.ones(4)}
A, S = sd.tensor("A", p, p), sd.tensor("S", p, p)
BACKENDS = ["numpy", "native"]


@pytest.mark.parametrize(
    ("expr", "said"),
    [
        (sd.sum(sd.exp(X @ w) - y), "exp(X @ w) at [2] is inf"),
        (sd.sum(sd.sqrt(w)) + sd.sum(sd.exp(w)), "sqrt(w) at [2] is nan"),
        (sd.sum(sd.log(sd.let("z", X @ w) - 3)), "log(X @ w - 3) at [0] is nan"),
        (sd.sum(1 / (w - 2)), "1/(w - 2) at [1] is inf"),
        (sd.log(sd.sum(w) - 3), None),  # it is the whole
        (sd.sum(w), None),
        (sd.sum(sd.log(1 + sd.exp(X @ w))) + sd.sum(sd.log(w)), "log(w) at [2] is nan"),  # the exponential overflows, the softplus does not
        (-sd.sum(sd.log(sd.softmax(1000 * (X @ w)))), None),
    ],
)
def test_the_first_part_that_is_not_finite(expr, said):
    found = offender(expr, VALUES)
    assert found == said or (said is not None and found is not None and found.endswith(said))


def test_large_formulas_are_left_alone():
    c = sd.tensor("c")
    chain = c
    for _ in range(NODES):
        chain = sd.sin(chain) + 1
    assert offender(sd.log(chain - 5), {"c": 0.5}) is None


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("batch", [None, 5])
def test_a_logarithm_that_leaves_its_domain(backend, batch):
    rows = np.random.default_rng(0).normal(size=(20, 3))
    with pytest.raises(sd.DivergenceError, match=r"log\(X @ w \+ 3\) at \[\d+\] is nan: training diverged") as caught:
        sd.train(sd.sum(sd.log(X @ w + 3)), {"w": np.zeros(3)}, {"X": rows}, lr=0.05, epochs=200, batch=batch, backend=backend, seed=0)
    assert batch or (rows @ caught.value.params["w"] + 3).min() > 0


@pytest.mark.parametrize("hoist", [True, False])
def test_what_was_hoisted_is_named_as_it_was_written(hoist):
    loss = sd.sum((X @ w - y) ** 2) ** 8
    rows = np.random.default_rng(0).normal(size=(20, 3))
    with pytest.raises(sd.DivergenceError, match=r"there .*X @ w - y.* is inf"):
        sd.train(loss, {"w": np.zeros(3)}, {"X": rows, "y": rows[:, 0]}, lr=1e3, epochs=200, hoist=hoist, backend="numpy")


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("checkpoint", [None, "state.npz"])
def test_a_determinant_that_turns_negative_keeps_the_last_good_parameters(tmp_path, monkeypatch, backend, checkpoint):
    """A covariance whose descent overshoots: NumPy's matrices refuse, and the training must not end in that."""
    monkeypatch.chdir(tmp_path)
    loss = sd.sum(A * S) - sd.logdet(A)
    with pytest.raises(sd.DivergenceError, match=r"in epoch 2: .*logdet: the determinant is not positive: training diverged") as caught:
        sd.train(loss, {"A": np.eye(3)}, {"S": 5 * np.eye(3)}, lr=0.9, epochs=50, backend=backend, checkpoint=checkpoint)
    assert np.array_equal(caught.value.params["A"], np.eye(3)) and caught.value.epoch == 0


@pytest.mark.parametrize("backend", BACKENDS)
def test_first_values_that_are_singular_are_no_matter_of_the_learning_rate(backend):
    with pytest.raises(sd.DivergenceError, match=r"at the first parameters .*a matrix is singular.*: begin with other parameters") as caught:
        sd.train(sd.sum(sd.inv(A)), {"A": np.ones((3, 3))}, {}, lr=0.1, epochs=5, backend=backend)
    assert "learning rate" not in str(caught.value)


@pytest.mark.parametrize(
    ("call", "said"),
    [
        (lambda: sd.evaluate(sd.sum(sd.log(w)), w=VALUES["w"]), "; log(w) at [2] is nan"),
        (lambda: sd.lambdify([X, w], sd.sum(sd.exp(X @ w)))(XS, VALUES["w"]), "; exp(X @ w) at [2] is inf"),
        (lambda: sd.lambdify([[X, w]], [sd.sum(w), sd.sum(sd.exp(X @ w))])([XS, VALUES["w"]]), "; exp(X @ w) at [2] is inf"),
        (lambda: sd.value_and_grad(sd.sum(sd.sqrt(w)), [w])(w=VALUES["w"]), "; sqrt(w) at [2] is nan"),
        (lambda: sd.evaluate(1 / sd.tensor("c"), c=0.0), "64-bit number"),  # nothing more to say
        (lambda: sd.evaluate(10**400), "64-bit number"),
        (lambda: sd.evaluate(10**400 * sd.tensor("c"), c=1.0), "64-bit number"),
        (lambda: sd.evaluate(sd.logdet(A), A=-np.eye(3)), "logdet: the determinant is not positive"),
    ],
)
def test_a_value_that_is_not_finite_names_its_part(call, said):
    with pytest.raises(sd.DomainError) as caught:
        call()
    assert str(caught.value).endswith(said) and str(caught.value).count(said) == 1
