"""Index maps as views: windows, strides, flips, borders and digits of an index, by NumPy and by native code, against the plain evaluator."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from reference import evaluate as plain
from test_native import needs_compiler

import symdl as sd
from symdl.graph.walk import inputs
from symdl.lower.contract import Factor, Liking, contract
from symdl.lower.emit import Emitter
from symdl.lower.numpy_reduce import by_slices, pays, pays_for
from symdl.lower.windows import Window, affine, window

i, u = sd.indices("i u")


def same(expr, arrays, rtol=1e-12):
    """The numbers are those of the plain evaluator."""
    found = sd.lambdify(list(arrays), expr)(*arrays.values())
    expected = plain(expr, arrays, {})
    scale = np.max(np.abs(expected), initial=1.0)
    np.testing.assert_allclose(found, expected, rtol=rtol, atol=rtol * scale)


# --- affine positions -----------------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.integers(1, 4), st.integers(-3, 3)), min_size=1, max_size=3), st.integers(-5, 5))
def test_affine_positions_are_found(axes, start):
    shape = tuple(n for n, _ in axes)
    grid = start + sum(step * np.indices(shape)[k] for k, (_, step) in enumerate(axes))
    found = affine(grid)
    assert found is not None
    first, steps = found
    np.testing.assert_array_equal(first + sum(s * np.indices(shape)[k] for k, s in enumerate(steps)), grid)
    if grid.size > 2 and max(shape) > 2:
        wrong = grid.copy()
        wrong[(-1,) * grid.ndim] += 1
        assert affine(wrong) is None


def test_a_view_of_any_steps():
    x = np.arange(60.0).reshape(3, 4, 5)
    which = Window((2, 0, 4), ((-1, 1, 0), (0, 0, -2), (0, 1, 0)))
    made = window(x, which, (3, 3, 2))
    for a, b, d in np.ndindex(3, 3, 2):
        assert made[a, b, d] == x[2 - a, a + d, 4 - 2 * b]
    assert np.may_share_memory(made, x)
    assert str(which) == "(-i + 2, i + k, -2*j + 4)"


# --- forms ----------------------------------------------------------------------------------------------------------


def T(name, *shape):
    return sd.tensor(name, *shape)


def _image():
    return T("x", 2, 3, 7, 6)


FORMS = {
    "conv2d": lambda: sd.conv2d(_image(), T("w", 4, 3, 3, 2), T("b", 4)),
    "conv2d padded": lambda: sd.conv2d(_image(), T("w", 4, 3, 3, 3), T("b", 4), padding=1),
    "conv2d strided": lambda: sd.conv2d(_image(), T("w", 4, 3, 3, 3), stride=2, padding=1),
    "conv2d dilated": lambda: sd.conv2d(_image(), T("w", 2, 3, 2, 3), dilation=2, padding=2),
    "conv2d of one": lambda: sd.conv2d(T("x", 1, 1, 5, 5), T("w", 1, 1, 5, 5)),
    "conv_transpose2d": lambda: sd.conv_transpose2d(_image(), T("w", 3, 2, 3, 3), stride=2, padding=1),
    "conv1d": lambda: sd.conv1d(T("x", 2, 3, 9), T("w", 4, 3, 4), padding=3),
    "conv3d": lambda: sd.conv3d(T("x", 1, 2, 4, 5, 4), T("w", 2, 2, 2, 2, 3), padding=1),
    "max_pool2d": lambda: sd.max_pool2d(sd.relu(_image()), 2),
    "max_pool2d whole": lambda: sd.max_pool2d(T("x", 2, 3, 6, 6), 3),
    "max_pool2d overlapping": lambda: sd.max_pool2d(_image(), 3, stride=2, padding=1),
    "avg_pool2d": lambda: sd.avg_pool2d(T("x", 2, 3, 6, 4), 2),
    "avg_pool1d overlapping": lambda: sd.avg_pool1d(T("x", 2, 2, 9), 3, stride=2),
    "flatten": lambda: sd.reshape(sd.tanh(_image()), 2, -1) @ T("w", 126, 3),
    "split": lambda: sd.softmax(sd.reshape(T("x", 4, 12), 4, 3, 4), axis=1),
    "flip": lambda: T("x", 5, 4)[::-1, ::-2] ** 2,
    "slice": lambda: sd.tanh(T("x", 5, 6)[1:4, 2::2]) @ T("w", 2),
    "pad": lambda: sd.exp(sd.pad(T("x", 3, 4), 2, 1) * T("w", 7)),
    "concat": lambda: sd.tanh(sd.concat([T("x", 3, 4), T("w", 2, 4)])),
    "correlation": lambda: sd.sum(sd.sum(T("x", 8)[i + u] * T("w", 3)[u], u) * T("y", 6)[i], i),
    "convolution": lambda: sd.sum(sd.sum(T("x", 8)[i - u + 2] * T("w", 3)[u], u) ** 2 * T("y", 6)[i], i),
    "kron": lambda: sd.kron(T("x", 2, 3), T("w", 3, 2)),
    "diagonals": lambda: sd.sum(sd.exp(sd.reshape(T("x", 16), 4, 4)[i, i]) * T("w", 4)[i], i),
    "window of a window": lambda: sd.sum(sd.window(sd.window(T("x", 12), 4, stride=2), 2, axis=0) ** 3, axis=1),
}


def arrays_of(expr, seed=0):
    rng = np.random.default_rng(seed)
    return {name: rng.normal(size=shape) for name, shape in shapes(expr).items()}


def shapes(expr):
    return {str(node.name): tuple(int(s) for s in node.shape) for node in inputs([expr.node])}


def whole(made):
    """A loss of a form, that treats every element otherwise."""
    return sd.sum(sd.tanh(made) * made) if made.shape else sd.tanh(made)


@pytest.mark.parametrize("name", FORMS)
def test_values_and_gradients(name):
    made = FORMS[name]()
    arrays = arrays_of(made)
    same(made, arrays)
    loss = whole(made)
    for parameter in arrays:
        same(sd.grad(loss, parameter), arrays)


@needs_compiler
@pytest.mark.parametrize("name", FORMS)
def test_native_values_and_gradients(name):
    made = FORMS[name]()
    arrays = arrays_of(made)
    loss = whole(made)
    wanted = [made, *(sd.grad(loss, parameter) for parameter in arrays)]
    found = sd.lambdify(list(arrays), wanted, backend="native")(*arrays.values())
    expected = sd.lambdify(list(arrays), wanted)(*arrays.values())
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12 * np.max(np.abs(b), initial=1.0))


# --- plans ----------------------------------------------------------------------------------------------------------


def plan(exprs, arrays):
    f = sd.lambdify(list(arrays), exprs)
    f(*arrays.values())
    return str(f)


@pytest.mark.parametrize("name", FORMS)
def test_nothing_is_gathered_where_positions_are_affine(name):
    made = FORMS[name]()
    arrays = arrays_of(made)
    said = plan([made, *(sd.grad(whole(made), parameter) for parameter in arrays)], arrays)
    assert " take(" not in said


def test_positions_that_are_not_affine_are_gathered():
    arrays = {"x": np.arange(6.0)}
    made = sd.gather(T("x", 6), sd.position(3) ** 2)
    assert " take(" in plan([made], arrays)
    np.testing.assert_array_equal(sd.evaluate(made, **arrays), [0.0, 1.0, 4.0])


def test_a_border_of_zeros_stays_zero_from_call_to_call():
    x = T("x", 3)
    f = sd.lambdify([x], sd.exp(sd.pad(x, 2)))
    for value in (np.ones(3), np.full(3, 5.0)):
        np.testing.assert_allclose(f(value), np.exp(np.pad(value, 2)))


def test_what_is_beyond_the_ends_is_zero_and_no_infinity_gets_in():
    """A border multiplied by what would be read there is 0, and not infinity times 0."""
    x, w = T("x", 4), T("w", 3)
    made = sd.window(x, 3, padding=1) @ w
    np.testing.assert_allclose(sd.evaluate(made, x=np.full(4, 1e200), w=np.array([1e-200, 1.0, 1e-200]))[1], 1e200)


# --- short axes, by NumPy -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape,axes", [((600, 3), (1,)), ((40, 30, 2, 9, 2, 4), (2, 4)), ((900, 1, 2), (1, 2)), ((2, 3, 5000), (0, 1)), ((5000, 16), (1,))])
@pytest.mark.parametrize("operation", [np.add, np.maximum])
def test_slice_by_slice_is_what_reduce_gives(shape, axes, operation):
    values = np.random.default_rng(0).normal(size=shape)
    values.flat[7], values.flat[11] = np.nan, np.inf
    out = np.empty([n for a, n in enumerate(shape) if a not in axes])
    by_slices(operation, values, axes, out)
    np.testing.assert_allclose(out, operation.reduce(values, axes), rtol=1e-13, atol=1e-13)


def test_short_axes_are_reduced_slice_by_slice_and_long_ones_are_not():
    assert pays((32, 13, 2, 13, 2, 8), (2, 4)) and pays((1000, 10), (1,)) and pays((32, 8, 13, 3, 13, 3), (3, 5))
    assert not pays((32, 10), (1,)) and not pays((1000, 100), (1,)) and not pays((13, 2, 13, 2, 32, 8), (1, 3))
    assert pays_for("abc,abc->ab", (100, 50, 4)) == (2,)
    assert pays_for("abc,abc->ba", (100, 50, 4)) is None and pays_for("abc,acb->ab", (100, 50, 50)) is None
    x, y = T("x", 100, 50, 4), T("y", 100, 50, 4)
    arrays = arrays_of(x * y)
    same(sd.sum(x * y, axis=2), arrays)


# --- products that were made in full --------------------------------------------------------------------------------


def test_a_sum_of_a_product_that_is_there_is_only_summed():
    """The gradient by the bias is a sum of that by what it is added to."""
    z = sd.max_pool2d(sd.relu(sd.conv2d(_image(), T("w", 4, 3, 2, 3), T("b", 4))), 2)
    loss = sd.sum(sd.sin(z) * T("y", 2, 4, 3, 2))
    arrays = arrays_of(loss)
    f = sd.value_and_grad(loss, ["w", "b"])
    _, found = f(**arrays)
    assert "einsum" not in str(f)
    for name in ("w", "b"):
        np.testing.assert_allclose(found[name], sd.evaluate(sd.grad(loss, name), **arrays), rtol=1e-12, atol=1e-13)


def test_an_outer_product_is_not_summed_in_full():
    a, b = T("a", 50), T("b", 60)
    arrays = arrays_of(sd.sum(a) + sd.sum(b))
    wanted = [sd.outer(a, b) * 2, sd.sum(sd.outer(a, b))]
    assert "sum(v0)" in plan(wanted, arrays)
    same(wanted[1], arrays)


@pytest.mark.parametrize("first", ["image", "weights", "other net"])
def test_a_convolution_is_pixels_by_channels_whatever_was_made_first(first):
    names = {"image": ("xa", "wa"), "weights": ("xb", "wb"), "other net": ("xc", "wc")}[first]
    kept = []
    if first == "weights":
        kept.append(T(names[1], 4, 1, 3, 3))
    if first == "other net":
        kept.append(sd.conv2d(T(names[0], 2, 1, 9, 9), T(names[1], 4, 1, 3, 3), padding=1))
    made = sd.conv2d(T(names[0], 3, 1, 10, 11), T(names[1], 4, 1, 3, 3), padding=1)
    said = plan([sd.tanh(made)], arrays_of(made))
    assert "330x4 " in said and "4x330 " not in said


def test_a_product_that_is_there_is_known_by_its_factors_and_by_where_their_axes_meet():
    out, sizes = Emitter(), {0: 5, 1: 5}
    a, b = (out.emit("input", (), (name,), (5, 5)) for name in "ab")
    whole = contract(out, [Factor(a, (0, 1)), Factor(b, (0, 1))], frozenset(), sizes, Liking())
    again = contract(out, [Factor(a, (1, 0)), Factor(b, (1, 0))], frozenset([0]), sizes, Liking())
    assert out.code[again.value].op in ("sum", "dot") and whole.value in out.code[again.value].args
    other = contract(out, [Factor(a, (0, 1)), Factor(b, (1, 0))], frozenset([0]), sizes, Liking())
    assert whole.value not in out.code[other.value].args
