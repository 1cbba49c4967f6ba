"""Native code in blocks of samples: the same numbers, less memory."""

import numpy as np
import pytest

import symdl as sd
from symdl.lower.compiled import Compiled
from symdl.lower.listing import operations
from symdl.lower.native import cutting, toolchain
from symdl.lower.native.backend import compile_program
from symdl.lower.native.cutting import in_blocks
from symdl.lower.native.prepare import prepared
from symdl.lower.numpy_backend import compile_program as by_numpy
from symdl.lower.program import Instruction, Output, Program, Ref

pytestmark = pytest.mark.skipif(toolchain.compiler() is None, reason="no C compiler")
n, m = sd.dims("n m")
X, Y, v, w = sd.tensor("X", n, 5), sd.tensor("Y", n, 3), sd.tensor("v", n), sd.tensor("w", 5)
W, b, U, c = sd.tensor("W", 5, 7), sd.tensor("b", 7), sd.tensor("U", 7, 3), sd.tensor("c", 3)
HIDDEN = sd.tanh(X @ W + b)
OUT = HIDDEN @ U + c

#: Losses that are sums over samples, and what is trained in them.
LOSSES = {
    "logistic": (sd.sum(sd.softplus(X @ w) - v * (X @ w)), ["w"]),
    "with a penalty": (sd.sum(sd.softplus(X @ w) - v * (X @ w)) / n + sd.sum(w**2) / 3, ["w"]),
    "two layers": (sd.sum((sd.sigmoid(OUT) - Y) ** 2) / 2, ["W", "b", "U", "c"]),
    "softmax": (-sd.sum(Y * sd.log_softmax(OUT, axis=1)) / n, ["W", "b", "U", "c"]),
    "weighted": (sd.sum(v * sd.sum((OUT - Y) ** 2, axis=1)) * sd.sum(b**2), ["W", "b", "U"]),
    "squared sum": (sd.sum(sd.relu(X @ w - v)) ** 2 + sd.exp(-sd.sum(w)), ["w"]),
    "rows normed": (sd.sum(sd.norm(OUT - Y, axis=1) ** 3), ["W", "U"]),
    "largest of a row": (sd.sum(sd.max(OUT, axis=1) * v), ["W", "U", "c"]),
}


@pytest.fixture
def small(monkeypatch):
    """Blocks of small data."""
    for name, value in {"BLOCK": 640, "CUT_FROM": 1024, "LEAST": 8}.items():
        monkeypatch.setattr(cutting, name, value)


def numbers(loss, names, rows, seed=0):
    rng = np.random.default_rng(seed)
    shapes = {"X": (rows, 5), "Y": (rows, 3), "v": (rows,), "w": (5,), "W": (5, 7), "b": (7,), "U": (7, 3), "c": (3,)}
    given = {name: rng.normal(size=shapes[name]) for name in Compiled([loss]).names}
    return {k: given[k] for k in given if k in names}, {k: a for k, a in given.items() if k not in names}


@pytest.mark.parametrize("rows", [500, 512, 1001])
@pytest.mark.parametrize("name", LOSSES)
def test_a_step_is_that_of_numpy(small, name, rows):
    loss, names = LOSSES[name]
    params, data = numbers(loss, names, rows)
    for method in ("gd", "momentum", "adam"):
        given = {"lr": 1e-6, "epochs": 1, "method": method, "progress": False, "hoist": False}
        native, plain = (sd.train(loss, dict(params), data, backend=k, **given) for k in ("native", "numpy"))
        assert "blocks of" in str(native.plan)
        for k in params:
            assert np.max(np.abs(native.params[k] - plain.params[k])) <= 1e-12 * max(1.0, np.max(np.abs(plain.params[k]))), k
        assert np.allclose(native.history, plain.history, rtol=1e-12, atol=0)


@pytest.mark.parametrize("threads", ["2", "3"])
def test_threads_take_blocks(monkeypatch, small, threads):
    monkeypatch.setenv("SYMDL_THREADS", threads)
    monkeypatch.setattr("symdl.lower.native.loop_plan.THREADS_FROM", 100.0)
    monkeypatch.setattr("symdl.lower.native.loop_plan.THREAD_WORK", 100.0)
    for name in ("two layers", "softmax", "weighted"):
        loss, names = LOSSES[name]
        params, data = numbers(loss, names, 1001)
        given = {"lr": 1e-7, "epochs": 20, "progress": False}
        native, again, plain = (sd.train(loss, dict(params), data, backend=k, **given) for k in ("native", "native", "numpy"))
        assert "blocks of" in str(native.plan) and "sums of the threads" in str(native.plan)
        for k in params:
            assert np.allclose(native.params[k], plain.params[k], rtol=1e-10, atol=1e-12)
            assert np.array_equal(native.params[k], again.params[k])  # whoever takes a block, it is added in the same order


@pytest.mark.parametrize("name", LOSSES)
def test_functions(small, name):
    loss, names = LOSSES[name]
    derived = [*sd.derive(loss, [t for t in (w, W, b, U, c) if str(t) in names]).gradients.values()]
    compiled = Compiled([loss, *derived])
    params, data = numbers(loss, names, 777, seed=1)
    given = [(params | data)[k] for k in compiled.names]
    program = compiled.program({k: np.shape(a) for k, a in (params | data).items()})
    native, plain = compile_program(program), by_numpy(program)
    assert "blocks of" in str(native)
    for _ in range(2):  # sums begin at zero every time
        for found, wanted in zip(native(*given), plain(*given), strict=True):
            assert np.max(np.abs(found - wanted)) <= 1e-12 * max(1.0, np.max(np.abs(wanted)))


@pytest.mark.parametrize(
    "expr",
    [
        sd.sum((OUT - sd.mean(OUT, axis=0)) ** 2),  # what is subtracted needs all samples
        sd.sum(sd.max(OUT, axis=0)),
        sd.sum((X @ X.T) ** 2),  # samples meet samples
        sd.sum((sd.sigmoid(X @ W) @ (sd.sigmoid(X @ W).T @ X)) ** 2) / n,  # all samples, and then each again
        sd.tanh(X @ w),  # a result for every sample
        sd.sum(sd.softmax(X @ w, axis=0) * v),
        sd.sum(sd.inv(X.T @ X) @ (X.T @ v)) + sd.sum(sd.exp(X @ sd.inv(X.T @ X) @ w)),
    ],
)
def test_what_mixes_samples_stays_whole(small, expr):
    compiled = Compiled([expr])
    _, data = numbers(expr, [], 640, seed=2)
    program = compiled.program({k: a.shape for k, a in data.items()})
    native = compile_program(program)
    assert "blocks of" not in str(native)
    given = [data[k] for k in compiled.names]
    assert np.allclose(native(*given)[0], by_numpy(program)(*given)[0], rtol=1e-10, atol=1e-12)


def test_a_value_beside_the_samples_of_their_size(small):
    """As many columns as samples: a vector beside is taken whole, or nothing is cut."""
    rows = 640
    code = [
        Instruction("input", (), ("X",), (rows, rows)),
        Instruction("input", (), ("w",), (rows,)),
        Instruction("exp", (Ref(0),), None, (rows, rows)),
        Instruction("dot", (Ref(2), Ref(1)), None, (rows,)),
        Instruction("multiply", (Ref(3), Ref(1)), None, (rows,)),
        Instruction("dot", (Ref(4), Ref(4)), None, ()),
    ]
    program = Program((("X", (rows, rows)), ("w", (rows,))), tuple(code), (Output(Ref(5), ()),))
    rng = np.random.default_rng(3)
    given = rng.normal(size=(rows, rows)) / 10, rng.normal(size=rows)
    wanted = by_numpy(program)(*given)[0]
    assert np.isclose(compile_program(program)(*given)[0], wanted, rtol=1e-12)
    assert in_blocks(prepared(program), ["X"]) == prepared(program)  # w would be cut in the product and whole in the sum


def test_large_data_are_read_once_and_nothing_of_their_size_is_held():
    rng = np.random.default_rng(4)
    data = {"X": rng.normal(size=(60_000, 5)), "Y": rng.uniform(size=(60_000, 3))}
    loss, names = LOSSES["two layers"]
    params = {k: rng.normal(size=s) for k, s in {"W": (5, 7), "b": (7,), "U": (7, 3), "c": (3,)}.items()}
    native, plain = (sd.train(loss, dict(params), data, lr=1e-6, epochs=3, backend=k, progress=False) for k in ("native", "numpy"))
    for k in names:
        assert np.allclose(native.params[k], plain.params[k], rtol=1e-12, atol=1e-13)
    f = sd.value_and_grad(loss, [W, b, U, c], backend="native")
    f(**params, **data)
    held = next(line for line in str(f).split("\n") if "of buffers" in line)
    assert "kB of buffers" in held


def test_the_plan_shows_a_block(small):
    loss, names = LOSSES["two layers"]
    params, data = numbers(loss, names, 1001)
    given = {"lr": 1e-6, "epochs": 1, "progress": False, "hoist": False}
    shown = str(sd.train(loss, dict(params), data, backend="native", **given).plan)
    assert "runs, block by block" in shown and "tanh" in shown and "product" in shown.split("native steps")[1]
    program = Compiled([loss]).program({k: a.shape for k, a in (params | data).items()})
    assert operations(in_blocks(prepared(program), data)) == operations(prepared(program))


@pytest.mark.parametrize("name", LOSSES)
def test_large_batches(small, name):
    """Rows of a batch are gathered, and then taken in blocks; the smaller last batch is NumPy's."""
    loss, names = LOSSES[name]
    params, data = numbers(loss, names, 1701)
    given = {"lr": 1e-7, "epochs": 3, "batch": 801, "progress": False, "seed": 5}
    native, plain = (sd.train(loss, dict(params), data, backend=k, **given) for k in ("native", "numpy"))
    assert "blocks of" in str(native.plan)
    for k in params:
        assert np.max(np.abs(native.params[k] - plain.params[k])) <= 1e-11 * max(1.0, np.max(np.abs(plain.params[k]))), k
