"""Linear layers, embeddings, dropout and normalisation against PyTorch."""

import numpy as np
import pytest
import torch
from layer_check import agree, arrays

import symdl as sd

F = torch.nn.functional


@pytest.mark.parametrize(("lead", "p", "h"), [((), 3, 2), ((4,), 3, 5), ((2, 3), 1, 4), ((1,), 1, 1), ((3,), 4, 1)])
def test_linear(lead, p, h):
    values = arrays(np.random.default_rng(p + h), x=(*lead, p), W=(h, p), b=(h,))
    agree(sd.linear, lambda x, W, b: F.linear(x, W, b), values)
    agree(lambda x, W: sd.linear(x, W), lambda x, W: F.linear(x, W), {k: values[k] for k in "xW"})


def test_linear_with_symbolic_sizes_is_the_array_formula():
    values = arrays(np.random.default_rng(0), x=(4, 3), W=(5, 3), b=(5,))
    y = agree(sd.linear, lambda x, W, b: F.linear(x, W, b), values, symbolic={"x": ("N", "p"), "W": ("h", "p"), "b": ("h",)})
    assert str(y) == "x @ W.T + b"


@pytest.mark.parametrize(("lead", "p", "q", "h"), [((4,), 3, 2, 5), ((2, 3), 1, 1, 1), ((), 2, 3, 1)])
def test_bilinear(lead, p, q, h):
    values = arrays(np.random.default_rng(1), x=(*lead, p), z=(*lead, q), W=(h, p, q), b=(h,))
    agree(lambda x, z, W, b: sd.bilinear(x, z, W, b), lambda x, z, W, b: F.bilinear(x, z, W, b), values)


@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (1, 1)])
def test_embedding_sends_the_gradient_to_the_rows_taken(shape):
    rng = np.random.default_rng(2)
    values = {**arrays(rng, W=(5, 3)), "c": rng.integers(0, 5, size=shape)}
    agree(lambda W, c: sd.embedding(c, W), lambda W, c: F.embedding(c, W), values, fixed=["c"])
    agree(lambda W, c: sd.embedding(c, W), lambda W, c: F.embedding(c, W), values, fixed=["c"], symbolic={"W": ("v", "d")})


def test_dropout_is_torch_with_the_same_mask():
    x = np.random.default_rng(3).normal(size=(4, 5))
    torch.manual_seed(0)
    mask = (F.dropout(torch.ones(4, 5, dtype=torch.float64), 0.3) > 0).double().numpy()
    agree(
        lambda x, mask: sd.dropout(x, mask, 0.3),
        lambda x, mask: (torch.manual_seed(0), F.dropout(x, 0.3))[1],
        {"x": x, "mask": mask},
        fixed=["mask"],
    )
    with pytest.raises(sd.DomainError, match="probability of dropping"):
        sd.dropout(sd.tensor("x", 3), sd.tensor("mask", 3), 1)


BATCHES = [(4, 3), (1, 2, 3), (4, 3, 1), (2, 1, 2, 3), (3, 2, 1, 1)]


@pytest.mark.parametrize("shape", BATCHES)
def test_batch_norm_by_the_batch(shape):
    values = arrays(np.random.default_rng(4), x=shape, w=shape[1:2], b=shape[1:2])
    agree(lambda x, w, b: sd.batch_norm(x, w, b), lambda x, w, b: F.batch_norm(x, None, None, w, b, training=True), values)
    plain = {"x": values["x"]}
    agree(lambda x: sd.batch_norm(x, eps=0.1), lambda x: F.batch_norm(x, None, None, training=True, eps=0.1), plain)


@pytest.mark.parametrize("shape", [(1, 3), *BATCHES])
def test_batch_norm_by_given_statistics(shape):
    rng = np.random.default_rng(5)
    values = arrays(rng, x=shape, w=shape[1:2], b=shape[1:2], m=shape[1:2])
    values["v"] = rng.uniform(0.5, 2, size=shape[1:2])
    agree(lambda x, w, b, m, v: sd.batch_norm(x, w, b, m, v), lambda x, w, b, m, v: F.batch_norm(x, m.detach(), v.detach(), w, b), values, fixed=["m", "v"])


def test_a_batch_of_one_element_is_its_shift():
    x, b = sd.tensor("x", 1, 3), sd.tensor("b", 3)
    y = sd.batch_norm(x, None, b)
    assert np.allclose(sd.evaluate(y, x=np.ones((1, 3)), b=np.arange(3.0)), [[0, 1, 2]])
    assert np.allclose(sd.evaluate(sd.grad(sd.sum(y**2), x), x=np.ones((1, 3)), b=np.arange(3.0)), 0)


@pytest.mark.parametrize("shape", [(4, 5), (5,), (2, 3, 4), (2, 1), (1, 1, 3)])
def test_layer_norm(shape):
    values = arrays(np.random.default_rng(6), x=shape, w=shape[-1:], b=shape[-1:])
    agree(lambda x, w, b: sd.layer_norm(x, w, b), lambda x, w, b: F.layer_norm(x, shape[-1:], w, b), values)
    agree(lambda x: sd.layer_norm(x, axes=len(shape)), lambda x: F.layer_norm(x, shape), {"x": values["x"]})


def test_layer_norm_over_two_axes_and_with_symbolic_sizes():
    values = arrays(np.random.default_rng(7), x=(2, 3, 4), w=(3, 4), b=(3, 4))
    agree(lambda x, w, b: sd.layer_norm(x, w, b, eps=0.01), lambda x, w, b: F.layer_norm(x, (3, 4), w, b, eps=0.01), values)
    symbolic = {"x": ("N", "T", "d"), "w": ("T", "d"), "b": ("T", "d")}
    agree(lambda x, w, b: sd.layer_norm(x, w, b), lambda x, w, b: F.layer_norm(x, (3, 4), w, b), values, symbolic=symbolic)


@pytest.mark.parametrize("shape", [(4, 5), (5,), (2, 3, 1)])
def test_rms_norm(shape):
    values = arrays(np.random.default_rng(8), x=shape, w=shape[-1:])
    agree(lambda x, w: sd.rms_norm(x, w), lambda x, w: F.rms_norm(x, shape[-1:], w, eps=1e-5), values)
    agree(lambda x: sd.rms_norm(x, eps=0.25), lambda x: F.rms_norm(x, shape[-1:], eps=0.25), {"x": values["x"]})


@pytest.mark.parametrize(("shape", "groups"), [((2, 6, 5), 3), ((3, 4), 2), ((1, 4, 2, 3), 4), ((2, 4, 3), 1), ((2, 4, 1), 4)])
def test_group_norm(shape, groups):
    values = arrays(np.random.default_rng(9), x=shape, w=shape[1:2], b=shape[1:2])
    agree(lambda x, w, b: sd.group_norm(x, groups, w, b), lambda x, w, b: F.group_norm(x, groups, w, b), values)


def test_group_norm_with_symbolic_sizes():
    values = arrays(np.random.default_rng(10), x=(2, 6, 5), w=(6,), b=(6,))
    C = 3 * sd.dims("d")
    symbolic = {"x": ("N", C, "L"), "w": (C,), "b": (C,)}
    agree(lambda x, w, b: sd.group_norm(x, 3, w, b), lambda x, w, b: F.group_norm(x, 3, w, b), values, symbolic=symbolic)


@pytest.mark.parametrize("shape", [(2, 3, 5), (1, 2, 2, 3), (2, 1, 4)])
def test_instance_norm(shape):
    values = arrays(np.random.default_rng(11), x=shape, w=shape[1:2], b=shape[1:2])
    agree(lambda x, w, b: sd.instance_norm(x, w, b), lambda x, w, b: F.instance_norm(x, None, None, w, b), values)


def test_wrong_shapes_are_named_with_the_mend():
    x = sd.tensor("x", 4, 3)
    with pytest.raises(sd.ShapeError, match=r"linear of x of shape \(4, 3\) and W of shape \(3, 5\): x has 3 features and W takes 5"):
        sd.linear(x, sd.tensor("W", 3, 5))
    with pytest.raises(sd.ShapeError, match=r"the bias must have the shape \(5,\)"):
        sd.linear(x, sd.tensor("W", 5, 3), sd.tensor("b", 3))
    with pytest.raises(sd.ShapeError, match="bilinear"):
        sd.bilinear(x, x, sd.tensor("W", 2, 3, 4))
    with pytest.raises(sd.ShapeError, match="embedding"):
        sd.embedding(sd.tensor("c", 2), sd.tensor("W", 3))
    with pytest.raises(sd.ShapeError, match=r"layer_norm: the weight must have the shape \(3,\)"):
        sd.layer_norm(x, sd.tensor("g", 4))
    with pytest.raises(sd.ShapeError, match="must be a multiple of 2"):
        sd.group_norm(sd.tensor("x", 2, 3, 4), 2)
    with pytest.raises(sd.ShapeError, match=r"must be a multiple of 2: give it as 2\*d"):
        sd.group_norm(sd.tensor("x", 2, "C", 4), 2)
    with pytest.raises(sd.ShapeError, match="give both running_mean and running_var"):
        sd.batch_norm(x, running_mean=sd.tensor("m", 3))
    with pytest.raises(sd.ShapeError, match="at least one axis of positions"):
        sd.instance_norm(x)
