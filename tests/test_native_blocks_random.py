"""Random losses that are sums over samples, in blocks: the numbers of NumPy. What the blocks share comes as it is, transposed, sliced, or computed before."""

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from test_lower_windows_random import STEPS
from test_native_images import T, agree, numbers

import symdl as sd
from symdl.lower.native import cutting, loop_plan, toolchain

pytestmark = pytest.mark.skipif(toolchain.compiler() is None, reason="no C compiler")
ROWS = 24
_COUNT = iter(range(10**9))


def leaf(draw, *shape):
    """A parameter of this shape, seen in one of many ways."""
    name = f"p{next(_COUNT) % 1000}"
    way = draw(st.sampled_from(["plain", "plain", "transposed", "sliced", "flipped", "scaled", "tied"]))
    if way == "transposed":
        return sd.transpose(T(name, *shape[::-1]))
    if way == "sliced":
        return T(name, shape[0] + 2, *shape[1:])[1:-1]
    if way == "flipped":
        return T(name, *shape)[::-1]
    if way == "scaled":
        return sd.tanh(T(name, *shape)) * 2
    if way == "tied" and len(shape) == 2 and shape[0] == shape[1]:
        return T("w", *shape) if shape == (4, 4) else T(name, *shape)
    return T(name, *shape)


@st.composite
def losses(draw):
    """Layers on images or rows, then a sum over all."""
    kind = draw(st.sampled_from(["rows", "rows", "images", "sequences"]))
    if kind == "rows":
        a = T("x", ROWS, 4)
    elif kind == "images":
        a = sd.conv2d(T("x", ROWS, 1, 6, 5), leaf(draw, 2, 1, 3, 2))
        if draw(st.booleans()):
            a = sd.max_pool2d(sd.tanh(a), 2)
        a = sd.reshape(a, ROWS, -1)
    else:
        a = sd.reshape(sd.softmax(T("x", ROWS, 3, 4) @ leaf(draw, 4, 4), axis=draw(st.sampled_from([1, 2]))), ROWS, 12)
    for _ in range(draw(st.integers(0, 3))):
        width = int(a.shape[1])
        step = draw(st.sampled_from(["dense", "dense", "square", "bias", "softmax", "normed", "gate", "residual"]))
        if step == "dense":
            a = sd.tanh(a @ leaf(draw, width, draw(st.sampled_from([1, 3, 4, 9]))))
        elif step == "square":
            a = a**2 / 3
        elif step == "bias":
            a = a + leaf(draw, width, width)[0]
        elif step == "softmax":
            a = sd.softmax(a, axis=1)
        elif step == "normed":
            a = a - sd.mean(a, axis=1)[:, None]
        elif step == "gate":
            a = a * sd.sigmoid(a @ leaf(draw, width, width))
        else:
            a = a + sd.relu(a @ leaf(draw, width, width) - 0.3)
    b = a @ leaf(draw, int(a.shape[1]), 2) - T("y", ROWS, 2)
    whole = sd.sum(b**2) / ROWS
    return whole * sd.exp(-whole / 9) if draw(st.booleans()) else whole


@settings(max_examples=25, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(losses(), st.sampled_from([1, 3, 5, 8]), st.sampled_from([1, 1, 2]))
def test_in_blocks(loss, rows, threads):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cutting, "_rows", lambda program, found, samples: rows)
        patch.setenv("SYMDL_THREADS", str(threads))
        patch.setattr(loop_plan, "THREADS_FROM", 1.0 if threads > 1 else 1e18)
        patch.setattr(loop_plan, "THREAD_WORK", 1.0)
        params, data = numbers(loss, ROWS)
        agree(loss, params, data)


@st.composite
def maps(draw):
    """Index maps along the axes of a sample, with weights that all share."""
    made = T("x", ROWS, *draw(st.sampled_from([(7,), (4, 5), (6, 3), (12,)])))
    for _ in range(draw(st.integers(1, 5))):
        assume(made.ndim > 1)
        made = draw(st.sampled_from(STEPS))(draw, made, draw(st.integers(1, made.ndim - 1)))
        assume(made.ndim <= 5 and np.prod([int(n) for n in made.shape]) <= 4000 and int(made.shape[0]) == ROWS)
    width = int(np.prod([int(n) for n in made.shape[1:]]))
    loss = sd.sum((sd.reshape(made, ROWS, width) @ leaf(draw, width, 2) - T("y", ROWS, 2)) ** 2) / ROWS
    params, data = numbers(loss, ROWS)
    assume(params and "x" in data)  # not of zeros of a border alone
    return loss


@settings(max_examples=20, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(maps(), st.sampled_from([1, 3, 5, 8]))
def test_maps_in_blocks(loss, rows):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cutting, "_rows", lambda program, found, samples: rows)
        patch.setenv("SYMDL_THREADS", "1")
        params, data = numbers(loss, ROWS)
        agree(loss, params, data)
