"""Random chains of index maps (slices, flips, borders, windows, reshapes, sums of products) and their gradients: the numbers of the plain evaluator."""

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from reference import evaluate as plain
from test_lower_windows import arrays_of
from test_native import needs_compiler

import symdl as sd

SETTINGS = {"deadline": None, "derandomize": True, "suppress_health_check": list(HealthCheck)}


def _slice(draw, x, axis):
    n = int(x.shape[axis])
    start, step = draw(st.integers(0, n - 1)), draw(st.sampled_from([1, 1, 2, 3, -1, -2]))
    stop = None if draw(st.booleans()) else start + (2 if step > 0 else -2) * draw(st.integers(1, 3))
    key = slice(start, None if stop is not None and stop < 0 else stop, step)
    assume(len(range(n)[key]))
    return x[tuple(key if k == axis else slice(None) for k in range(x.ndim))]


def _window(draw, x, axis):
    n = int(x.shape[axis])
    width, stride = draw(st.integers(1, min(3, n))), draw(st.integers(1, 3))
    dilation, padding = draw(st.integers(1, 2)), draw(st.integers(0, 2))
    assume(n + 2 * padding - dilation * (width - 1) >= 1)
    return sd.window(x, width, axis=axis, stride=stride, dilation=dilation, padding=padding)


def _pad(draw, x, axis):
    return sd.pad(x, draw(st.integers(0, 2)), draw(st.integers(0, 2)), axis=axis)


def _reshape(draw, x, axis):
    sizes = [int(n) for n in x.shape]
    if draw(st.booleans()) and len(sizes) > 1 and axis + 1 < len(sizes):
        return sd.reshape(x, *sizes[:axis], sizes[axis] * sizes[axis + 1], *sizes[axis + 2 :])
    divisor = draw(st.sampled_from([d for d in range(1, sizes[axis] + 1) if sizes[axis] % d == 0]))
    return sd.reshape(x, *sizes[:axis], divisor, sizes[axis] // divisor, *sizes[axis + 1 :])


def _turn(draw, x, axis):
    return sd.transpose(x) if x.ndim == 2 else sd.tanh(x)


def _total(draw, x, axis):
    return sd.sum(x, axis=axis) if x.ndim > 1 else x**2


def _largest(draw, x, axis):
    return sd.max(x, axis=axis) if x.ndim > 1 else -x


def _weighted(draw, x, axis):
    """A sum with weights along an axis, as a convolution has it behind a window."""
    w = sd.tensor(f"w{draw(st.integers(0, 1))}_{x.shape[axis]}", int(x.shape[axis]))
    made = x * _along(w, axis, x.ndim)
    return sd.sum(made, axis=axis) if x.ndim > 1 else made


def _along(w, axis, rank):
    return w[tuple(slice(None) if k == axis else None for k in range(rank))]


def _joined(draw, x, axis):
    return sd.concat([x, sd.tanh(x)], axis=axis)


STEPS = [_slice, _window, _window, _pad, _reshape, _reshape, _turn, _total, _largest, _weighted, _weighted, _joined]


@st.composite
def chains(draw):
    x = sd.tensor("x", *draw(st.sampled_from([(7,), (4, 5), (6, 3), (2, 3, 4), (12,), (8, 2)])))
    made = x
    for _ in range(draw(st.integers(1, 5))):
        step = draw(st.sampled_from(STEPS))
        made = step(draw, made, draw(st.integers(0, made.ndim - 1)))
        assume(made.ndim <= 5 and np.prod([int(n) for n in made.shape]) <= 400)
    loss = sd.sum(sd.sin(made) * made) if made.ndim else sd.sin(made) * made
    assume(arrays_of(loss))  # not of zeros of a border alone
    return loss


def compare(found, expected, rtol=1e-11):
    np.testing.assert_allclose(found, expected, rtol=rtol, atol=rtol * max(1.0, np.max(np.abs(expected), initial=0.0)))


@settings(max_examples=120, **SETTINGS)
@given(chains())
def test_values_and_gradients(loss):
    arrays = arrays_of(loss)
    value, gradients = sd.value_and_grad(loss, list(arrays))(**arrays)
    compare(value, plain(loss, arrays, {}))
    for name in arrays:
        compare(gradients[name], plain(sd.grad(loss, name), arrays, {}))


@needs_compiler
@settings(max_examples=25, **SETTINGS)
@given(chains())
def test_native(loss):
    arrays = arrays_of(loss)
    wanted = [loss, *(sd.grad(loss, name) for name in arrays)]
    found, expected = (sd.lambdify(list(arrays), wanted, backend=backend)(*arrays.values()) for backend in ("native", "numpy"))
    for a, b in zip(found, expected, strict=True):
        compare(a, b, 1e-12)


def test_a_wrong_window_is_noticed(monkeypatch):
    """What compares here does see a view that is off by one."""
    from symdl.lower import windows

    true = windows.Window.offset
    monkeypatch.setattr(windows.Window, "offset", lambda self, strides: max(0, true(self, strides) - strides[-1]))
    x = sd.tensor("x", 6)
    loss = sd.sum(sd.sin(x[2:5]) * x[1:4])
    arrays = arrays_of(loss)
    with pytest.raises(AssertionError):
        compare(sd.lambdify([x], loss)(arrays["x"]), plain(loss, arrays, {}))
