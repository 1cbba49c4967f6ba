"""Index maps: windows, slices, padding, gathers, concatenation, reshaping; their derivatives, proofs, printing and evaluation."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import sympy as sp
from reference import evaluate as plain

import symdl as sd

n, k, h, d, m = sd.dims("n k h d m")
x, w, y = sd.tensor("x", n), sd.tensor("w", k), sd.tensor("y", n)
i, j, u, v = sd.indices("i j u v")
rng = np.random.default_rng(5)


def both(expr, sizes, **arrays):
    """The value, the same by two evaluators."""
    quick = sd.evaluate(expr, **arrays)
    slow = plain(expr, arrays, sizes)
    np.testing.assert_allclose(quick, slow, rtol=1e-12, atol=1e-13)
    return quick


def finite_differences(f, at, step=1e-6):
    found = np.zeros_like(at)
    for place in np.ndindex(at.shape):
        moved = [at.copy(), at.copy()]
        moved[0][place] += step
        moved[1][place] -= step
        found[place] = (f(moved[0]) - f(moved[1])) / (2 * step)
    return found


@pytest.mark.parametrize("stride,dilation,padding,width", list(itertools.product([1, 2, 3], [1, 2], [0, 1, 3], [1, 2, 4])))
def test_windows_are_those_of_a_padded_array(stride, dilation, padding, width):
    at = rng.normal(size=8)
    padded = np.pad(at, padding)
    count = (8 + 2 * padding - dilation * (width - 1) - 1) // stride + 1
    expected = [[padded[stride * a + dilation * b] for b in range(width)] for a in range(count)]
    made = sd.window(sd.tensor("x", 8), width, stride=stride, dilation=dilation, padding=padding)
    assert made.shape == (count, width)
    np.testing.assert_array_equal(both(made, {}, x=at), expected)
    symbolic = sd.window(x, k, stride=stride, dilation=dilation, padding=padding)
    weights = rng.normal(size=width)
    np.testing.assert_allclose(both(symbolic @ w, {n: 8, k: width}, x=at, w=weights), np.array(expected) @ weights, rtol=1e-13, atol=1e-14)


@pytest.mark.parametrize("stride,dilation,padding", [(1, 1, 0), (2, 1, 1), (1, 2, 2), (3, 2, 1)])
def test_gradients_of_windows(stride, dilation, padding):
    made = sd.sum(sd.tanh(sd.window(x, k, stride=stride, dilation=dilation, padding=padding) @ w) ** 3)
    at = {"x": rng.normal(size=9), "w": rng.normal(size=3)}
    for name in at:
        gradient = sd.evaluate(sd.grad(made, name), **at)
        np.testing.assert_allclose(gradient, finite_differences(lambda a, name=name: sd.evaluate(made, **{**at, name: a}), at[name]), rtol=1e-6, atol=1e-8)
    assert sd.derive(made, [x, w]).verify().ok


def test_a_window_that_does_not_fit_is_named():
    with pytest.raises(sd.ShapeError, match=r"a window of 5 .* does not fit an axis of 4"):
        sd.window(sd.tensor("x", 4), 5)


SLICES = [
    slice(1, None),
    slice(None, -1),
    slice(2, 5),
    slice(None, None, 2),
    slice(1, 6, 2),
    slice(None, None, -1),
    slice(-3, None),
    slice(5, 1, -1),
    slice(2, 99),
]


@pytest.mark.parametrize("key", SLICES, ids=str)
def test_slices_are_numpys(key):
    at = rng.normal(size=(7, 2))
    for size in (7, n):
        if size is n and (key.stop == 99 or (key.start or 0) == 5):
            continue
        made = sd.tensor("A", size, 2)[key]
        np.testing.assert_array_equal(both(made, {n: 7}, A=at), at[key])


def test_slices_by_sizes_and_letters():
    assert x[:k].shape == (k,) and x[k:].shape == (n - k,)
    at = rng.normal(size=6)
    np.testing.assert_array_equal(sd.evaluate(x[k:], x=at, k=2), at[2:])
    smooth = sd.sum((x[1:] - x[:-1]) ** 2) / 2
    np.testing.assert_allclose(sd.evaluate(sd.grad(smooth, x), x=at), np.r_[at[0] - at[1], 2 * at[1:-1] - at[:-2] - at[2:], at[-1] - at[-2]], rtol=1e-12)
    with pytest.raises(sd.ShapeError, match="is empty"):
        sd.tensor("x", 3)[2:1]
    with pytest.raises(sd.ShapeError, match="step"):
        x[::0]


def test_sums_of_letters_run_as_far_as_they_fit():
    z = sd.let("z", sd.sum(w[u] * x[i + u], u), i)
    assert z.shape == (n - k + 1,)
    assert z == sd.let("z", sd.window(x, k) @ w)
    strided = sd.let("z", sd.sum(sd.tensor("w", 3)[u] * sd.tensor("x", 9)[2 * i + u], u), i)
    assert strided.shape == (4,)
    pairs = sd.sum(x[i] * x[i + 1], i)
    at = rng.normal(size=5)
    assert sd.evaluate(pairs, x=at) == pytest.approx(at[1:] @ at[:-1])
    np.testing.assert_allclose(sd.evaluate(sd.grad(pairs, x), x=at), np.r_[at[1:], 0] + np.r_[0, at[:-1]])
    assert str(sd.grad(pairs, x)) in ("x[i - 1] + x[i + 1]", "x[i + 1] + x[i - 1]")
    a, b = sd.indices("a b", n - k + 1, k)
    assert sd.sum(w[b] * x[a + b], b).open == {a: n - k + 1}


def test_letters_whose_range_is_not_known_are_named():
    with pytest.raises(sd.ShapeError, match=r"indices\('i u'"):
        sd.sum(x[i + u], u)
    with pytest.raises(sd.UnsupportedError, match="cannot be indexed with"):
        x[i * u + 1]


def test_a_convolution_in_two_dimensions_reads_as_in_the_books():
    size, channels, out, width, samples = sd.dims("H C D K N")
    image, kernel = sd.tensor("X", samples, channels, size, size), sd.tensor("w", out, channels, width, width)
    b, c, s = sd.indices("b c s")
    y = sd.let("y", sd.sum(kernel[b, c, u, v] * image[s, c, i + u, j + v], c, u, v), s, b, i, j)
    assert y.shape == (samples, out, size - width + 1, size - width + 1)
    shown = str(sd.derive(sd.sum(y**2) / 2, [kernel, image]))
    assert "w[q, j, l - t, m - u]*y[i, q, t, u]" in shown or "w[" in shown
    torch = pytest.importorskip("torch")
    at = {"X": rng.normal(size=(2, 3, 6, 6)), "w": rng.normal(size=(4, 3, 3, 3))}
    tensors = {name: torch.tensor(value, requires_grad=True) for name, value in at.items()}
    loss = (torch.nn.functional.conv2d(tensors["X"], tensors["w"]) ** 2).sum() / 2
    for name, expected in zip(at, torch.autograd.grad(loss, list(tensors.values())), strict=True):
        np.testing.assert_allclose(sd.evaluate(sd.grad(sd.sum(y**2) / 2, name), **at), expected.numpy(), rtol=1e-10, atol=1e-12)


def numbers(expr, arrays):
    """A SymPy expression in elements, at numbers."""
    return float(expr.doit().replace(lambda e: isinstance(e, sp.Indexed), lambda e: arrays[str(e.base)][tuple(int(q) for q in e.indices)]))


def test_sympy_sums_with_windows():
    base, weights = sp.IndexedBase("x", shape=(n,)), sp.IndexedBase("w", shape=(k,))
    loss = sp.Sum(sp.Sum(weights[u] * base[i + u], (u, 0, k - 1)) ** 2, (i, 0, n - k)) / 2
    gradient = sd.grad(loss, weights[u])
    assert isinstance(gradient, sp.Expr)
    at = {"x": rng.normal(size=6), "w": rng.normal(size=2)}
    windows = np.lib.stride_tricks.sliding_window_view(at["x"], 2)
    found = [numbers(gradient.subs({u: p, n: 6, k: 2}), at) for p in range(2)]
    np.testing.assert_allclose(found, windows.T @ (windows @ at["w"]), rtol=1e-12)


def test_what_is_written_means_the_same_at_the_edges():
    """The adjoint of a slice is 0 at one end: a reading as x[i] - x[i - 1] there would be wrong."""
    gradient = sd.grad(sd.sum((x[1:] - x[:-1]) ** 2) / 2, x)
    assert "delta(" in str(gradient)
    at = {"x": rng.normal(size=4)}
    read = gradient.sympy
    (letter,) = [s for s in read.free_symbols if s.name == "i"]
    found = [numbers(read.subs({letter: p, n: 4}), at) for p in range(4)]
    np.testing.assert_allclose(found, sd.evaluate(gradient, **at), rtol=1e-12)


def test_gather_and_its_gradient():
    rows, chosen = sd.tensor("W", n, h), sd.tensor("c", m)
    table, picks = rng.normal(size=(5, 2)), np.array([0, 3, 3, 1])
    made = rows[chosen]
    assert made.shape == (m, h) and made == sd.gather(rows, chosen)
    np.testing.assert_array_equal(both(made, {n: 5, h: 2, m: 4}, W=table, c=picks.astype(float)), table[picks])
    assert "W[c[i], j]" in str(made)
    expected = np.zeros_like(table)
    np.add.at(expected, picks, 2 * table[picks])
    np.testing.assert_allclose(sd.evaluate(sd.grad(sd.sum(made**2), rows), W=table, c=picks.astype(float)), expected)
    np.testing.assert_array_equal(sd.evaluate(sd.grad(sd.sum(made**2), chosen), m=4), np.zeros(4))


def test_a_wrong_gradient_of_a_gather_is_not_proved():
    rows, chosen = sd.tensor("W", n, h), sd.tensor("c", m)
    loss = sd.sum(rows[chosen] ** 2) / 2
    right = sd.grad(loss, rows)
    assert sd.check(loss, rows, right).verdict == "PROVED"
    for wrong in (2 * right, right - rows, 0 * right):
        assert sd.check(loss, rows, wrong).verdict == "REFUTED"


def test_reshape_and_concat():
    whole = sd.tensor("X", n, h * d)
    split = sd.reshape(whole, n, h, d)
    assert split.reshape(n, h * d) == whole and split.reshape(-1, d).shape == (n * h, d)
    at = rng.normal(size=(2, 6))
    np.testing.assert_array_equal(sd.evaluate(split, X=at, h=2), at.reshape(2, 2, 3))
    fixed = sd.tensor("A", 2, 3, 4)
    array = rng.normal(size=(2, 3, 4))
    for shape in [(6, 4), (2, 12), (24,), (4, 6), (3, 8), (1, 24), (2, 2, 6), (-1, 2)]:
        np.testing.assert_array_equal(both(fixed.reshape(*shape), {}, A=array), array.reshape(shape))
    np.testing.assert_array_equal(
        both(sd.concat([x, w, x]), {n: 2, k: 3}, x=array[0, 0, :2], w=array[0, 0, :3]), np.r_[array[0, 0, :2], array[0, 0, :3], array[0, 0, :2]]
    )
    np.testing.assert_array_equal(both(sd.stack([x, y], 1), {n: 4}, x=array[0, 0], y=array[0, 1]), np.stack([array[0, 0], array[0, 1]], 1))
    np.testing.assert_array_equal(both(sd.pad(x, 1, 2, value=7), {n: 4}, x=array[0, 0]), np.pad(array[0, 0], (1, 2), constant_values=7))
    with pytest.raises(sd.ShapeError, match="numbers of elements"):
        fixed.reshape(5, 5)
    with pytest.raises(sd.ShapeError, match="all axes but axis 0"):
        sd.concat([sd.tensor("B", 2, 3), sd.tensor("E", 2, 4)])


def test_masks_and_choices():
    square = sd.tensor("A", n, n)
    lower = sd.where(sd.position(n)[:, None] - sd.position(n) + 1, square, 0)
    at = rng.normal(size=(4, 4))
    np.testing.assert_array_equal(both(lower, {n: 4}, A=at), np.tril(at))
    np.testing.assert_array_equal(sd.evaluate(sd.grad(sd.sum(lower**2) / 2, square), A=at), np.tril(at))
    huge = sd.where(x, sd.exp(-x), sd.exp(x))
    np.testing.assert_allclose(sd.evaluate(huge, x=np.array([-800.0, 0.0, 800.0, 1.0])), [0, 1, 0, np.exp(-1)])


def test_proofs_of_index_maps():
    assert sd.prove(sd.sum(sd.window(x, k) @ w), sd.sum(sd.window(x, k), axis=0) @ w).verdict == "PROVED"
    assert sd.prove(x[::-1][::-1], x).verdict == "PROVED"
    assert sd.prove(sd.concat([x, w])[:n], x).verdict == "PROVED"
    assert sd.prove(x[1:], x[:-1]).verdict == "REFUTED"


def test_long_vectors_are_not_made_into_tables():
    long = np.arange(200_000.0)
    assert sd.evaluate(sd.sum((x[1:] - x[:-1]) ** 2), x=long) == 199_999.0
