"""Convolutions, their transposes, and pooling against PyTorch: sizes, strides, paddings, dilations, groups, ties."""

import time

import numpy as np
import pytest
import torch
from layer_check import agree, arrays, close

import symdl as sd

F = torch.nn.functional


def lengths(rng, k, d, p):
    """An axis in which at least one window of k with dilation d and padding p fits."""
    return int(max(1, d * (k - 1) + 1 - 2 * p) + rng.integers(0, 5))


@pytest.mark.parametrize("seed", range(14))
def test_conv1d_at_random(seed):
    rng = np.random.default_rng(seed)
    k, s, d, p = int(rng.integers(1, 4)), int(rng.integers(1, 5)), int(rng.integers(1, 4)), int(rng.integers(0, 4))
    groups = int(rng.integers(1, 4))
    cin, cout = groups * int(rng.integers(1, 3)), groups * int(rng.integers(1, 3))
    values = arrays(rng, x=(int(rng.integers(1, 3)), cin, lengths(rng, k, d, p)), w=(cout, cin // groups, k), b=(cout,))
    options = {"stride": s, "padding": p, "dilation": d, "groups": groups}
    agree(lambda x, w, b: sd.conv1d(x, w, b, **options), lambda x, w, b: F.conv1d(x, w, b, **options), values)


@pytest.mark.parametrize("seed", range(10))
def test_conv2d_at_random(seed):
    rng = np.random.default_rng(100 + seed)
    k, s, d, p = (tuple(int(v) for v in rng.integers(low, high, size=2)) for low, high in ((1, 4), (1, 4), (1, 3), (0, 3)))
    groups = int(rng.integers(1, 3))
    cin, cout = groups * int(rng.integers(1, 3)), groups * int(rng.integers(1, 3))
    shape = [lengths(rng, *o) for o in zip(k, d, p, strict=True)]
    values = arrays(rng, x=(int(rng.integers(1, 3)), cin, *shape), w=(cout, cin // groups, *k), b=(cout,))
    options = {"stride": s, "padding": p, "dilation": d, "groups": groups}
    agree(lambda x, w, b: sd.conv2d(x, w, b, **options), lambda x, w, b: F.conv2d(x, w, b, **options), values)


def test_conv3d():
    values = arrays(np.random.default_rng(1), x=(2, 2, 4, 3, 5), w=(3, 2, 2, 1, 3), b=(3,))
    options = {"stride": (1, 2, 2), "padding": (1, 0, 1)}
    agree(lambda x, w, b: sd.conv3d(x, w, b, **options), lambda x, w, b: F.conv3d(x, w, b, **options), values)


@pytest.mark.filterwarnings("ignore:Using padding='same'")
@pytest.mark.parametrize(("k", "d"), [(3, 1), (2, 1), (4, 3), (1, 1)])
def test_padding_same_keeps_the_size(k, d):
    values = arrays(np.random.default_rng(k), x=(2, 3, 7), w=(4, 3, k))
    y = agree(
        lambda x, w: sd.conv1d(x, w, padding="same", dilation=d), lambda x, w: F.conv1d(x, w, padding="same", dilation=d), values, symbolic={"x": ("N", 3, "n")}
    )
    assert y.shape[2] == sd.dims("n")


def test_input_without_samples_and_depthwise():
    values = arrays(np.random.default_rng(2), x=(3, 6, 5), w=(3, 1, 2, 3), b=(3,))
    agree(lambda x, w, b: sd.conv2d(x, w, b, groups=3), lambda x, w, b: F.conv2d(x, w, b, groups=3), values)
    C = sd.dims("C")
    symbolic = {"x": (C, "n", "m"), "w": (C, 1, 2, 3), "b": (C,)}
    agree(lambda x, w, b: sd.conv2d(x, w, b, groups=C), lambda x, w, b: F.conv2d(x, w, b, groups=3), values, symbolic=symbolic)


@pytest.mark.parametrize("options", [{}, {"stride": 2, "padding": 1}, {"dilation": 2}, {"stride": 3}])
def test_conv1d_with_symbolic_sizes(options):
    values = arrays(np.random.default_rng(3), x=(2, 3, 9), w=(4, 3, 3), b=(4,))
    symbolic = {"x": ("N", "C", "n"), "w": ("O", "C", "k"), "b": ("O",)}
    y = agree(lambda x, w, b: sd.conv1d(x, w, b, **options), lambda x, w, b: F.conv1d(x, w, b, **options), values, symbolic=symbolic)
    n, k = sd.dims("n k")
    if not options:
        assert y.shape[2] == n - k + 1
    str(y), sd.derive(sd.sum(y**2), "w").latex()


@pytest.mark.parametrize("seed", range(10))
def test_conv_transpose1d_at_random(seed):
    rng = np.random.default_rng(200 + seed)
    k, s, d = (int(rng.integers(1, 4)) for _ in range(3))
    groups = int(rng.integers(1, 3))
    n = int(rng.integers(1, 5))
    p = int(rng.integers(0, max(1, ((n - 1) * s + d * (k - 1) + 1 + 1) // 2)))
    cin, own = groups * int(rng.integers(1, 3)), int(rng.integers(1, 3))
    values = arrays(rng, x=(2, cin, n), w=(cin, own, k), b=(own * groups,))
    options = {"stride": s, "padding": p, "output_padding": int(rng.integers(0, max(s, d))), "groups": groups, "dilation": d}
    agree(lambda x, w, b: sd.conv_transpose1d(x, w, b, **options), lambda x, w, b: F.conv_transpose1d(x, w, b, **options), values)


@pytest.mark.parametrize("options", [{}, {"stride": 2, "padding": 1, "output_padding": (1, 0)}, {"dilation": (2, 1), "groups": 2}, {"stride": (1, 3)}])
def test_conv_transpose2d(options):
    values = arrays(np.random.default_rng(4), x=(2, 4, 5, 3), w=(4, 3, 3, 2), b=(3 * options.get("groups", 1),))
    agree(lambda x, w, b: sd.conv_transpose2d(x, w, b, **options), lambda x, w, b: F.conv_transpose2d(x, w, b, **options), values)


def test_conv_transpose_is_the_gradient_of_the_convolution():
    x, w, g = sd.tensor("x", 2, 3, 8), sd.tensor("w", 4, 3, 3), sd.tensor("g", 2, 4, 3)
    rng = np.random.default_rng(5)
    values = arrays(rng, w=(4, 3, 3), g=(2, 4, 3))
    by_x = sd.grad(sd.sum(sd.conv1d(x, w, stride=2, dilation=1, padding=0) * g), x)
    back = sd.conv_transpose1d(g, w, stride=2, output_padding=1)
    assert close(sd.evaluate(by_x, **values), sd.evaluate(back, **values))


# --- pooling ------------------------------------------------------------------------------------------------------


POOLS = [
    ((2, 3, 7, 6), 2, {}),
    ((2, 3, 7, 6), 3, {"stride": 2, "padding": 1}),
    ((7, 6), (3, 2), {"stride": (1, 2)}),
    ((1, 1, 1, 1), 1, {}),
    ((2, 5, 5), 2, {"stride": 4}),
    ((2, 3, 7, 6), (3, 2), {"stride": (1, 2), "padding": 1, "ceil_mode": True}),
    ((2, 8, 9), 3, {"stride": 2, "ceil_mode": True}),
]


@pytest.mark.parametrize(("shape", "size", "options"), POOLS)
def test_avg_pool2d(shape, size, options):
    values = arrays(np.random.default_rng(6), x=shape)
    whole = lambda x: x[(None,) * (4 - len(shape))]  # noqa: E731
    for pads_count in (True, False):
        agree(
            lambda x, count=pads_count: sd.avg_pool2d(x, size, **options, count_include_pad=count),
            lambda x, count=pads_count: F.avg_pool2d(whole(x), size, **options, count_include_pad=count).reshape(*_result(shape, size, options)),
            values,
        )


def _result(shape, size, options):
    return F.avg_pool2d(torch.zeros(shape)[(None,) * (4 - len(shape))], size, **options)[(0,) * (4 - len(shape))].shape


@pytest.mark.parametrize(
    ("shape", "size", "options"), [*POOLS, ((2, 9, 8), 2, {"dilation": (3, 2)}), ((1, 9, 9), 3, {"dilation": 2, "padding": 1, "stride": 2})]
)
def test_max_pool2d(shape, size, options):
    values = arrays(np.random.default_rng(7), x=shape)
    values["x"] -= 5  # zeros of the padding would win
    lead = (None,) * max(0, 3 - len(shape))
    agree(lambda x: sd.max_pool2d(x, size, **options), lambda x: F.max_pool2d(x[lead], size, **options)[(0,) * len(lead)], values)


@pytest.mark.parametrize("options", [{"stride": 1}, {"stride": 3}, {"padding": 1}, {"padding": 1, "ceil_mode": True, "stride": 2}])
def test_pooling_of_one_axis(options):
    values = arrays(np.random.default_rng(8), x=(2, 3, 8))
    agree(lambda x: sd.avg_pool1d(x, 3, **options), lambda x: F.avg_pool1d(x, 3, **options), values)
    agree(lambda x: sd.max_pool1d(x, 3, **options), lambda x: F.max_pool1d(x, 3, **options), values)


def test_pooling_with_symbolic_sizes():
    values = arrays(np.random.default_rng(9), x=(2, 3, 8, 7))
    symbolic = {"x": ("N", "C", "n", "m")}
    options = {"stride": 2, "padding": 1}
    agree(lambda x: sd.max_pool2d(x, 3, **options), lambda x: F.max_pool2d(x, 3, **options), values, symbolic=symbolic)
    agree(lambda x: sd.avg_pool2d(x, 3, **options), lambda x: F.avg_pool2d(x, 3, **options), values, symbolic=symbolic)
    agree(lambda x: sd.adaptive_avg_pool2d(x, 3), lambda x: F.adaptive_avg_pool2d(x, 3), values, symbolic=symbolic)


@pytest.mark.parametrize("padding", [0, 1])
def test_elements_that_tie_share_the_gradient(padding):
    """PyTorch gives all of it to the first; symdl has no first."""
    x = sd.tensor("x", 4)
    values = np.array([2.0, 2.0, 2.0, -1.0])
    y = sd.max_pool1d(x, 2, stride=2, padding=padding)
    got = sd.evaluate(sd.grad(sd.sum(y), x), x=values)
    assert np.allclose(got, [0.5, 0.5, 1, 0] if padding == 0 else [1, 0.5, 0.5, 1])
    first = torch.tensor(values[None], requires_grad=True)
    F.max_pool1d(first, 2, 2, padding).sum().backward()
    assert first.grad.tolist() == ([[1, 0, 1, 0]] if padding == 0 else [[1, 1, 0, 1]])


@pytest.mark.parametrize("out", [1, 2, 3, (3, 4), 6, (1, 6)])
def test_adaptive_avg_pool(out):
    values = arrays(np.random.default_rng(10), x=(2, 3, 7, 6))
    agree(lambda x: sd.adaptive_avg_pool2d(x, out), lambda x: F.adaptive_avg_pool2d(x, out), values)
    if isinstance(out, int):
        agree(lambda x: sd.adaptive_avg_pool1d(x, out), lambda x: F.adaptive_avg_pool1d(x, out), {"x": values["x"][0]})


@pytest.mark.parametrize("out", [1, 2, (3, 4)])
def test_adaptive_max_pool(out):
    values = arrays(np.random.default_rng(12), x=(2, 3, 7, 6))
    agree(lambda x: sd.adaptive_max_pool2d(x, out), lambda x: F.adaptive_max_pool2d(x, out), values)


def test_global_pooling():
    values = arrays(np.random.default_rng(11), x=(2, 3, 4, 5))
    agree(lambda x: sd.global_avg_pool(x), lambda x: x.mean((2, 3)), values)
    agree(lambda x: sd.global_max_pool(x, 1), lambda x: x.amax(3), values)


# --- speed and errors ----------------------------------------------------------------------------------------------


def test_a_digit_sized_convolution_is_fast():
    values = arrays(np.random.default_rng(12), x=(8, 3, 28, 28), w=(16, 3, 5, 5), b=(16,))
    x, w, b = sd.tensor("x", 8, 3, 28, 28), sd.tensor("w", 16, 3, 5, 5), sd.tensor("b", 16)
    loss = sd.sum(sd.conv2d(x, w, b) ** 2)
    f = sd.lambdify([x, w, b], [loss, *sd.grad(loss, [x, w, b]).values()])
    found = f(*values.values())
    begin = time.process_time()
    f(*values.values())
    seconds = time.process_time() - begin
    given = [torch.tensor(v, requires_grad=True) for v in values.values()]
    (F.conv2d(*given) ** 2).sum().backward()
    for ours, theirs in zip(found[1:], given, strict=True):
        assert close(ours, theirs.grad.numpy())
    assert seconds < 0.5, seconds


def test_wrong_convolutions_are_named_with_the_mend():
    x, w = sd.tensor("x", 2, 3, 7), sd.tensor("w", 4, 3, 3)
    with pytest.raises(sd.ShapeError, match="x has 3 channels and the filters 2"):
        sd.conv1d(x, sd.tensor("w", 4, 2, 3))
    with pytest.raises(sd.ShapeError, match=r"conv1d of x of shape \(2, 3, 7\) and w of shape \(4, 3\)"):
        sd.conv1d(x, sd.tensor("w", 4, 3))
    with pytest.raises(sd.ShapeError, match="does not fit"):
        sd.conv1d(x, sd.tensor("w", 4, 3, 9))
    with pytest.raises(sd.ShapeError, match="multiple of 2"):
        sd.conv1d(x, w, groups=2)
    with pytest.raises(sd.DomainError, match="stride 0"):
        sd.conv1d(x, w, stride=0)
    with pytest.raises(sd.ShapeError, match="needs stride 1"):
        sd.conv1d(x, w, stride=2, padding="same")
    with pytest.raises(sd.ShapeError, match="'valid'"):
        sd.conv1d(x, w, padding="wide")
    with pytest.raises(sd.ShapeError, match="output_padding"):
        sd.conv_transpose1d(x, sd.tensor("w", 3, 4, 3), output_padding=1)
    with pytest.raises(sd.ShapeError, match="2 values of stride for 1 axes"):
        sd.conv1d(x, w, stride=(1, 2))
    with pytest.raises(sd.DomainError, match="more than half the window"):
        sd.max_pool1d(x, 2, padding=2)
    with pytest.raises(sd.UnsupportedError, match="ceil_mode"):
        sd.avg_pool1d(sd.tensor("x", "n"), 2, ceil_mode=True)
    with pytest.raises(sd.ShapeError, match="needs 2 axes"):
        sd.avg_pool2d(sd.tensor("x", 5), 2)
