"""Training convolutional nets in native code: NumPy's numbers, in blocks of images and without, with threads and without."""

import numpy as np
import pytest

import symdl as sd
from symdl.lower.native import cutting, toolchain
from symdl.lower.native.samples import Along, MixedError, follow
from symdl.lower.program import Instruction, Output, Program, Ref

pytestmark = pytest.mark.skipif(toolchain.compiler() is None, reason="no C compiler")


def T(name, *shape):
    return sd.tensor(name, *shape)


def softmax_loss(z, rows):
    return -sd.sum(T("t", rows, 3) * sd.log_softmax(z, axis=1)) / rows


def flat(x, rows):
    return sd.reshape(x, rows, -1)


def max_pool(n):
    a = sd.max_pool2d(sd.relu(sd.conv2d(T("x", n, 2, 8, 7), T("w", 4, 2, 3, 3), T("b", 4))), 2)
    return softmax_loss(flat(a, n) @ T("V", 4 * 3 * 2, 3) + T("c", 3), n)


def two_convolutions(n):
    a = sd.tanh(sd.conv2d(T("x", n, 1, 9, 9), T("w", 3, 1, 3, 3), T("b", 3), padding=1))
    b = sd.relu(sd.conv2d(a, T("k", 4, 3, 3, 3), stride=2, padding=1))
    return softmax_loss(flat(sd.avg_pool2d(b, 2), n) @ T("V", 4 * 2 * 2, 3), n)


def overlapping_pools(n):
    a = sd.avg_pool2d(sd.max_pool2d(sd.conv2d(T("x", n, 2, 9, 8), T("w", 3, 2, 2, 2)), 3, stride=2), 2, stride=1)
    return softmax_loss(flat(a, n) @ T("V", 3 * 2 * 2, 3), n)


def transposed(n):
    return sd.sum((sd.conv_transpose2d(sd.sigmoid(T("x", n, 2, 4, 4)), T("w", 2, 3, 3, 3), stride=2) - T("y", n, 3, 9, 9)) ** 2) / n


def sequences(n):
    """Every sample a small attention of its own."""
    i, j, k, m, a, b = sd.indices("i j k m a b")
    x, w, v = T("x", n, 5, 4), T("w", 4, 4), T("V", 4, 3)
    scores = sd.exp(sd.sum(x[i, j, a] * w[a, b] * x[i, k, b], a, b) / 9)
    out = sd.sum(scores * x[i, k, a] * v[a, m], k, a)
    return sd.sum((out - T("y", n, 5, 3)[i, j, m]) ** 2, i, j, m) / n


NETS = {f.__name__: f for f in (max_pool, two_convolutions, overlapping_pools, transposed, sequences)}


@pytest.fixture
def small(monkeypatch):
    """Blocks of a few images."""
    for name, value in {"BLOCK": 2000, "CUT_FROM": 1000, "LEAST": 8, "OFTEN": 0, "LARGEST": 100_000}.items():
        monkeypatch.setattr(cutting, name, value)


def numbers(loss, rows):
    from symdl.graph.walk import inputs

    rng = np.random.default_rng(rows)
    given = {str(leaf.name): rng.normal(size=tuple(int(s) for s in leaf.shape)) / 2 for leaf in inputs([loss.node])}
    data = {k: a for k, a in given.items() if k in "xyt"}
    return {k: a for k, a in given.items() if k not in "xyt"}, data


def agree(loss, params, data, **more):
    given = {"lr": 1e-3, "epochs": 3, "progress": False, "hoist": False} | more
    native, plain = (sd.train(loss, dict(params), data, backend=k, **given) for k in ("native", "numpy"))
    for k in params:
        np.testing.assert_allclose(native.params[k], plain.params[k], rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(native.history, plain.history, rtol=1e-12)
    return str(native.plan)


@pytest.mark.parametrize("rows", [24, 31])
@pytest.mark.parametrize("name", NETS)
def test_in_blocks_of_images(small, name, rows):
    loss = NETS[name](rows)
    said = agree(loss, *numbers(loss, rows))
    assert "blocks of" in said


@pytest.mark.parametrize("name", NETS)
def test_all_at_once_and_with_momentum(name):
    loss = NETS[name](6)
    agree(loss, *numbers(loss, 6))
    agree(loss, *numbers(loss, 6), method="momentum")


@pytest.mark.parametrize("name", ["max_pool", "two_convolutions"])
def test_with_threads(small, name, monkeypatch):
    monkeypatch.setenv("SYMDL_THREADS", "2")
    from symdl.lower.native import loop_plan

    monkeypatch.setattr(loop_plan, "THREADS_FROM", 1.0)
    monkeypatch.setattr(loop_plan, "THREAD_WORK", 1.0)
    loss = NETS[name](24)
    agree(loss, *numbers(loss, 24))


def test_what_mixes_images_is_not_cut(small):
    x, w = T("x", 24, 1, 8, 8), T("w", 2, 1, 3, 3)
    z = sd.conv2d(x, w)
    mixed = sd.sum(sd.tanh(z - sd.mean(z, axis=0)) ** 3)
    params, data = numbers(mixed, 24)
    assert "blocks of" not in agree(mixed, params, data)


# --- which axis counts samples --------------------------------------------------------------------------------------


def found(code, outputs=()):
    shapes = tuple((s.attr[0], s.shape) for s in code if s.op == "input")
    return follow(Program(shapes, tuple(code), tuple(Output(Ref(k), code[k].shape) for k in outputs)), frozenset("x"))


def test_a_sample_may_have_a_run_of_positions():
    code = [Instruction("input", (), ("x",), (6, 4, 5)), Instruction("reshape", (Ref(0),), None, (24, 5)), Instruction("view", (Ref(1),), (1, 0), (5, 24))]
    code += [Instruction("reshape", (Ref(2),), None, (5, 6, 4)), Instruction("dot", (Ref(2), Ref(1)), None, (5, 5))]
    code += [Instruction("reshape", (Ref(1),), None, (1, 6, 20))]
    got = found(code)
    assert got.axis == {0: Along(0), 1: Along(0, 4), 2: Along(1, 4), 3: Along(1, 1), 5: Along(1, 1)}
    assert got.sums == [4]


def test_positions_that_are_selected_are_told_by_labels():
    code = [Instruction("input", (), ("x",), (6, 4, 5)), Instruction("select", (Ref(0),), (7, ~2, 3), (6, 5))]
    code += [Instruction("view", (Ref(0),), (1, 0, 2), (4, 6, 5)), Instruction("select", (Ref(2),), (~0, 9, 4), (6, 5))]
    assert found(code).axis == {0: Along(0), 1: Along(0), 2: Along(1), 3: Along(0)}


@pytest.mark.parametrize(
    "step",
    [
        Instruction("reshape", (Ref(0),), None, (8, 15)),  # two thirds of a sample behind each other
        Instruction("reshape", (Ref(0),), None, (5, 24)),
        Instruction("amax", (Ref(0),), (0,), (4, 5)),
        Instruction("take", (Ref(0),), None, (6, 4, 5)),
        Instruction("matmul", (Ref(1), Ref(1)), None, (4, 6, 6)),
        Instruction("pad", (Ref(0),), ((1, 0, 0), (0, 0, 0), (0, 0, 0)), (7, 4, 5)),
    ],
)
def test_what_mixes_samples_is_said(step):
    code = [Instruction("input", (), ("x",), (6, 4, 5)), Instruction("view", (Ref(0),), (1, 0, 2), (4, 6, 5)), step]
    with pytest.raises(MixedError):
        found(code)
