"""Builders of models, and initial values."""

import numpy as np
import pytest

import symdl as sd
from symdl.model.layers import dense, network
from symdl.model.losses import binary_cross_entropy_of_logits, cross_entropy_of_logits
from symdl.train.init import initial


def test_dense_is_the_array_style_layer():
    N, p, h = sd.dims("N p h")
    X, W, b = sd.tensor("X", N, p), sd.tensor("W", p, h), sd.tensor("b", h)
    assert dense(X, W, b, "sigmoid") == sd.sigmoid(X @ W + b)
    assert dense(X, W) == X @ W
    assert dense(X, W, b, sd.tanh) == sd.tanh(X @ W + b)


def test_network_shapes_and_names():
    made = network([64, 30, 10])
    assert list(made.params) == ["W1", "b1", "W2", "b2"]
    assert made.shapes["W1"] == (64, 30) and made.shapes["b2"] == (10,)
    assert made.output.shape == (sd.dims("N"), 10)
    p, h = sd.dims("p h")
    assert network([p, h, 3], ["tanh", "softmax"]).output.shape[1] == 3


def test_network_gradients_have_their_parameters_shapes():
    p, h, m = sd.dims("p h m")
    made = network([p, h, m])
    loss = sd.least_squares(made.output, sd.tensor("T", "N", m))
    gradients = sd.grad(loss, list(made.params.values()))
    assert {k: g.shape for k, g in gradients.items()} == made.shapes


def test_losses_of_logits_equal_the_plain_losses():
    z, t = sd.tensor("z", "N", 3), sd.tensor("t", "N", 3)
    rng = np.random.default_rng(0)
    values = {"z": rng.normal(size=(4, 3)), "t": np.eye(3)[[0, 2, 1, 1]]}
    plain = sd.evaluate(sd.cross_entropy(sd.softmax(z), t), **values)
    assert sd.evaluate(cross_entropy_of_logits(z, t), **values) == pytest.approx(plain, rel=1e-12)
    a = sd.sigmoid(z)
    both = -sd.sum(t * sd.log(a) + (1 - t) * sd.log(1 - a))
    assert sd.evaluate(binary_cross_entropy_of_logits(z, t), **values) == pytest.approx(sd.evaluate(both, **values), rel=1e-12)


def test_wrong_models_are_refused_by_name():
    with pytest.raises(sd.NameError_, match="wobble"):
        network([2, 2], "wobble")
    with pytest.raises(sd.ShapeError, match="at least two"):
        network([2])
    with pytest.raises(sd.ShapeError, match="2 activations for 1 layers"):
        network([2, 2], ["tanh", "tanh"])
    with pytest.raises(sd.ShapeError, match="shapes must be equal"):
        cross_entropy_of_logits(sd.tensor("z", 4, 3), sd.tensor("t", 4))


def test_initial_values():
    first = initial({"W1": (64, 30), "b1": (30,)}, seed=1)
    assert np.array_equal(first["W1"], initial({"W1": (64, 30), "b1": (30,)}, seed=1)["W1"])
    assert not first["b1"].any()
    assert np.abs(first["W1"]).max() <= np.sqrt(6 / 94)
    h = sd.dims("h")
    assert initial({"W": (4, h)}, dims={"h": 5})["W"].shape == (4, 5)
    with pytest.raises(sd.ShapeError, match="the size h of W has no value"):
        initial({"W": (4, h)})
    with pytest.raises(sd.NameError_, match="scheme"):
        initial({"W": (4, 2)}, scheme="magic")
    with pytest.raises(sd.DataError, match="seed"):
        initial({"W": (4, 2)}, seed=-1)
