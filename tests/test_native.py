"""The native backend against NumPy's: functions and whole training loops."""

import itertools
import os
import subprocess
import sys

import numpy as np
import pytest

import symdl as sd
from symdl.errors import DomainError, MissingExtraError, UnsupportedError
from symdl.lower.compiled import Compiled
from symdl.lower.native import toolchain
from symdl.lower.native.backend import compile_program
from symdl.lower.native.places import Place, dense, reshaped
from symdl.lower.native.products import KERNELS, Matrix, Product
from symdl.lower.native.updates import UPDATES
from symdl.lower.numpy_backend import compile_program as by_numpy
from symdl.lower.program import Instruction, Output, Program, Ref

needs_compiler = pytest.mark.skipif(toolchain.compiler() is None, reason="no C compiler")
n, p, h, m = sd.dims("n p h m")


def both(exprs, shapes, seed=0, positive=False):
    """Results of the two backends on the same numbers."""
    compiled = Compiled(exprs)
    program = compiled.program({name: shapes[name] for name in compiled.names})
    rng = np.random.default_rng(seed)
    # In alphabetical order: the order of declaration is another when other test files were read before.
    drawn = {name: rng.normal(size=shapes[name]) if shapes[name] else float(rng.normal()) for name in sorted(compiled.names)}
    args = [drawn[name] for name in compiled.names]
    if positive:
        args = [np.abs(a) + 0.1 for a in args]
    native, plain = compile_program(program), by_numpy(program)
    with np.errstate(all="ignore"):
        expected = plain(*args)
    for _ in range(2):  # nothing is left over from the run before
        found = native(*args)
    assert len(found) == len(expected)
    for a, b in zip(found, expected, strict=True):
        assert np.shape(a) == np.shape(b)
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-12)
    return native


def T(name, *sizes):
    return sd.tensor(name, *sizes)


X, Y, w, v, s = T("X", n, p), T("Y", n, p), T("w", p), T("v", n), T("s")
SHAPES = {
    "X": (13, 7),
    "Y": (13, 7),
    "w": (7,),
    "v": (13,),
    "s": (),
    "W": (7, 5),
    "A": (6, 6),
    "Q": (3, 5, 9),
    "I4": (2, 3, 9, 8),
    "K4": (4, 3, 3, 2),
    "R": (3, 9, 4),
}

WINDOWS = [sd.conv2d(T("I4", 2, 3, 9, 8), T("K4", 4, 3, 3, 2))]
WINDOWS.append(sd.grad(sd.sum(WINDOWS[0] ** 2), T("K4", 4, 3, 3, 2)))
EXPRESSIONS = {
    "elementwise": [X * Y + 2 * X - Y / (1 + X**2), X**3 + X**4, sd.exp(X - 3) * sd.tanh(Y)],
    "broadcast": [X * w + s, X.T * v, s * X - 1],
    "functions": [sd.sigmoid(X), sd.softplus(X), sd.relu(X), sd.log(1 + X**2), sd.sin(X) * sd.cos(Y), sd.erf(X), sd.gelu(X), sd.silu(X), abs(X)],
    "sums": [sd.sum(X), sd.sum(X, axis=0), sd.sum(X, axis=1), sd.sum(X * Y), sd.sum(X**2, axis=1)],
    "maximum": [sd.max(X, axis=1), sd.max(X, axis=0), sd.max(X)],
    "logsumexp": [sd.logsumexp(X, axis=1), sd.logsumexp(X, axis=0), sd.softmax(X)],
    "products": [X @ w, v @ X, X @ T("W", p, m), X.T @ X, X @ X.T, X.T @ v, w @ w],
    "stacked": [T("Q", 3, 5, h) @ T("R", 3, h, m), sd.sum(X * Y, axis=1), sd.sum(X * Y, axis=0)],
    "transposed": [X.T + 1, X.T * Y.T, sd.exp(X).T @ sd.tanh(Y)],
    "diagonal": [sd.trace(T("A", m, m)), T("A", m, m) + T("A", m, m).T],
    "scatter": [sd.diag(w), sd.diag(w) @ X.T],
    "windows": WINDOWS,
    "scalars": [s**2 + sd.sin(s), sd.sigmoid(s) * s, sd.sum(X) * s - sd.sum(w)],
    "constant": [0 * s + 3, X, X.T],
}


@needs_compiler
@pytest.mark.parametrize("name", EXPRESSIONS)
def test_values(name):
    both(EXPRESSIONS[name], SHAPES)


@needs_compiler
@pytest.mark.parametrize("sizes", [(1, 1, 1, 1), (8, 8, 8, 8), (5, 17, 9, 3), (33, 2, 31, 1), (64, 40, 70, 12)])
def test_network_and_gradients(sizes):
    a, b, c, d = sizes
    W1, b1, W2, b2, t = T("W1", p, h), T("b1", h), T("W2", h, m), T("b2", m), T("T", n, m)
    loss = sd.sum((sd.sigmoid(sd.tanh(X @ W1 + b1) @ W2 + b2) - t) ** 2) / (2 * n)
    found = sd.derive(loss, [W1, b1, W2, b2]).gradients
    native = both([loss, *found.values()], {"X": (a, b), "W1": (b, c), "b1": (c,), "W2": (c, d), "b2": (d,), "T": (a, d)})
    text = str(native)
    assert "native steps" in text and "operations" in text and "loop" in text and "product" in text


@needs_compiler
def test_softmax_cross_entropy_and_second_derivatives():
    W, t = T("W", p, m), T("T", n, m)
    z = X @ W
    loss = sd.sum(sd.logsumexp(z, axis=1)) - sd.sum(t * z)
    shapes = {"X": (11, 5), "W": (5, 4), "T": (11, 4), "V": (5, 4)}
    both([loss, sd.grad(loss, W), sd.hvp(loss, W, T("V", p, m))], shapes)


@needs_compiler
@pytest.mark.parametrize("kernel", KERNELS)
@pytest.mark.parametrize("size", [(1, 1, 1), (3, 9, 4), (16, 8, 24), (13, 30, 7), (50, 33, 120)])
@pytest.mark.parametrize("update", [None, "0.25"])
def test_products(kernel, size, update):
    import ctypes

    from symdl.lower.native.source import file

    rows, columns, inner = size
    rng = np.random.default_rng(0)
    a, b, c = rng.normal(size=(rows, inner)), rng.normal(size=(inner, columns)), rng.normal(size=(rows, columns))
    if kernel == "mirrored":
        sides = a.copy("F"), b.copy("F"), c.copy("F")
    elif kernel == "along":
        if rows * columns > 320:
            pytest.skip("a line of source for every result")
        sides = a.copy(), b.copy("F"), c.copy()
    else:
        sides = a.copy(), b.copy(), c.copy()
    A, B, C = (Matrix(f"e[{q}]", x.strides[0] // 8, x.strides[1] // 8) for q, x in enumerate(sides))
    lines = KERNELS[kernel](Product(rows, columns, inner, A, B, C, update), False)
    run = toolchain.library(file([], [], "\n".join(["void run(double *const *e) {", *lines, "}"]))).run
    run((ctypes.c_void_p * 3)(*[x.ctypes.data for x in sides]))
    np.testing.assert_allclose(sides[2], a @ b if update is None else c - 0.25 * (a @ b), rtol=1e-12, atol=1e-12)


def test_reshaped_places():
    rng = np.random.default_rng(0)
    for shape, new in [((4, 6), (24,)), ((4, 6), (2, 2, 6)), ((4, 6), (8, 3)), ((1, 4), (4, 1, 1)), ((2, 3, 4), (6, 4))]:
        found = reshaped(Place("p", 0, shape, dense(shape, range(len(shape)))), new)
        assert found is not None and found.shape == new
        flat = rng.normal(size=24)
        view = np.lib.stride_tricks.as_strided(flat, new, [8 * q for q in found.strides])
        np.testing.assert_array_equal(view, flat[: int(np.prod(shape))].reshape(new))
    assert reshaped(Place("p", 0, (4, 6), (1, 4)), (24,)) is None


@needs_compiler
def test_lambdify_and_value_and_grad():
    loss = sd.sum((sd.sigmoid(X @ w) - v) ** 2) / 2
    f = sd.lambdify([X, w, v], [loss, sd.grad(loss, w)], backend="native")
    g = sd.lambdify([X, w, v], [loss, sd.grad(loss, w)], backend="numpy")
    rng = np.random.default_rng(0)
    for rows in (5, 20, 700):
        args = rng.normal(size=(rows, 7)), rng.normal(size=7), rng.normal(size=rows)
        for a, b in zip(f(*args), g(*args), strict=True):
            np.testing.assert_allclose(a, b, rtol=1e-12)
    first = f(*args)[1]
    again = f(*args)[1]
    assert first is not again  # results are fresh
    _, slopes = sd.value_and_grad(loss, [w], backend="native")(X=args[0], w=args[1], v=args[2])
    np.testing.assert_allclose(slopes["w"], first, rtol=1e-12)


@needs_compiler
def test_unsupported_is_one_line():
    program = Program((("A", (3, 3)),), (Instruction("input", (), ("A",), (3, 3)), Instruction("schur", (Ref(0),), None, (3, 3))), (Output(Ref(1), (3, 3)),))
    with pytest.raises(UnsupportedError, match="native code does not know the instruction schur"):
        compile_program(program)


@needs_compiler
def test_not_finite_is_named():
    with pytest.raises(DomainError):
        sd.lambdify([s], sd.log(s), backend="native")(-1.0)


# --- training ------------------------------------------------------------------------------------------------------


def network(*sizes):
    t = T("T", n, sizes[-1])
    a, params = T("X", n, sizes[0]), []
    for q, (rows, columns) in enumerate(itertools.pairwise(sizes), 1):
        W, b = T(f"W{q}", rows, columns), T(f"b{q}", columns)
        params += [W, b]
        a = sd.sigmoid(a @ W + b)
    return sd.sum((a - t) ** 2) / 2, params


def start(params, rng):
    return {str(q.name): rng.normal(size=q.shape) / 3 if q.shape else 0.1 for q in params}


def trained(loss, first, data, **options):
    return {b: sd.train(loss, params=first, data=data, backend=b, progress=False, **options) for b in ("numpy", "native")}


def same(found, rtol=1e-10):
    for name, value in found["numpy"].params.items():
        np.testing.assert_allclose(found["native"].params[name], value, rtol=rtol, atol=rtol)
    np.testing.assert_allclose(found["native"].history, found["numpy"].history, rtol=rtol)
    assert found["native"].backend == "native" and found["numpy"].backend == "numpy"


@needs_compiler
@pytest.mark.parametrize("method", ["gd", "momentum", "adam"])
@pytest.mark.parametrize("batch", [None, 8, 7])
def test_training_takes_the_same_steps(method, batch):
    rng = np.random.default_rng(0)
    loss, params = network(12, 3, 2)
    data = {"X": rng.normal(size=(30, 12)), "T": rng.uniform(size=(30, 2))}
    same(trained(loss, start(params, rng), data, lr=0.05, epochs=6, batch=batch, method=method))


@needs_compiler
def test_training_of_one_neuron_and_scalars():
    rng = np.random.default_rng(1)
    b = T("b")
    loss = sd.sum((sd.sigmoid(X @ w + b) - v) ** 2) / 2 + s * sd.sum(w**2) + b**2 / 10
    first = {"w": rng.normal(size=10), "b": 0.3}
    for options in ({}, {"batch": 16}, {"order": "given"}, {"method": "adam", "batch": 10}):
        same(trained(loss, first, {"X": rng.normal(size=(100, 10)), "v": rng.uniform(size=100), "s": 0.01}, lr=0.02, epochs=20, **options))


@needs_compiler
def test_training_digits_shape():
    rng = np.random.default_rng(2)
    loss, params = network(64, 30, 10)
    data = {"X": rng.uniform(size=(203, 64)), "T": np.eye(10)[rng.integers(0, 10, 203)]}
    same(trained(loss, start(params, rng), data, lr=0.02, epochs=2, batch=32))


@needs_compiler
def test_one_gradient_for_two_parameters_and_constants():
    a, b, c = T("a", p), T("b", p), T("c", p)
    loss = sd.sum((X @ (a + b) - v) ** 2) / 2 + sd.sum(c)
    rng = np.random.default_rng(3)
    first = {q: rng.normal(size=7) for q in "abc"}
    for method in ("gd", "momentum"):
        same(trained(loss, first, {"X": rng.normal(size=(20, 7)), "v": rng.normal(size=20)}, lr=0.001, epochs=5, method=method))


@needs_compiler
def test_several_threads(monkeypatch):
    rng = np.random.default_rng(4)
    loss, params = network(120, 64, 10)
    data = {"X": rng.uniform(size=(100, 120)), "T": rng.uniform(size=(100, 10))}
    first = start(params, rng)
    monkeypatch.setattr("symdl.lower.native.loop_plan.THREADS_FROM", 0.0)
    for threads in ("2", "3"):
        monkeypatch.setenv("SYMDL_THREADS", threads)
        same(trained(loss, first, data, lr=0.01, epochs=3))
        same(trained(loss, first, data, lr=0.01, epochs=2, batch=30, method="adam"))


@needs_compiler
def test_memory_is_bounded():
    a, t = sd.sigmoid(T("X", n, 4) @ T("W", 4, 40)), T("T", n, 40)
    data = {"X": np.zeros((800_000, 4)), "T": np.zeros((800_000, 40))}
    given = {"params": {"W": np.zeros((4, 40))}, "data": data, "lr": 1e-9, "epochs": 1, "backend": "native", "progress": False}
    with pytest.raises(UnsupportedError, match="train in batches"):  # what every sample is compared with needs all samples
        sd.train(sd.sum((a - sd.mean(a, axis=0) - t) ** 2), **given)
    assert "blocks of" in str(sd.train(sd.sum((a - t) ** 2), **given).plan)  # sample by sample it needs no memory


@needs_compiler
def test_divergence_is_noticed_as_by_numpy():
    rng = np.random.default_rng(5)
    loss = sd.sum((X @ w - v) ** 2)
    data = {"X": rng.normal(size=(50, 7)), "v": rng.normal(size=50)}
    said = []
    for backend in ("numpy", "native"):
        with pytest.raises(DomainError) as caught:
            sd.train(loss, params={"w": np.zeros(7)}, data=data, lr=10.0, epochs=500, backend=backend, progress=False)
        said.append(str(caught.value))
    assert said[0] == said[1]


@needs_compiler
def test_resume_is_bit_for_bit(tmp_path):
    rng = np.random.default_rng(6)
    loss, params = network(12, 5, 2)
    data = {"X": rng.normal(size=(40, 12)), "T": rng.uniform(size=(40, 2))}
    options = {"params": start(params, rng), "data": data, "lr": 0.05, "batch": 8, "backend": "native", "method": "adam", "progress": False}
    whole = sd.train(loss, epochs=6, **options)
    sd.train(loss, epochs=2, checkpoint=tmp_path / "c.npz", **options)
    rest = sd.train(loss, epochs=6, checkpoint=tmp_path / "c.npz", resume=True, **options)
    for name in whole.params:
        np.testing.assert_array_equal(whole.params[name], rest.params[name])
    assert whole.history == rest.history


@needs_compiler
def test_auto_falls_back_with_a_reason(monkeypatch):
    loss = sd.sum((X @ w - v) ** 2)
    rng = np.random.default_rng(5)
    options = {"params": {"w": np.zeros(7)}, "data": {"X": rng.normal(size=(50, 7)), "v": rng.normal(size=50)}, "lr": 1e-4, "progress": False, "epochs": 3}
    monkeypatch.setattr(sys.modules["symdl.train.engines"], "WORTH", 0.0)
    monkeypatch.delitem(UPDATES, "gd")
    found = sd.train(loss, **options)
    assert found.backend == "numpy, for native code does not know the method gd"
    with pytest.raises(UnsupportedError):
        sd.train(loss, backend="native", **options)


def test_auto_takes_the_native_loop_only_where_it_pays(monkeypatch):
    loss = sd.sum((X @ w - v) ** 2)
    rng = np.random.default_rng(5)
    options = {"params": {"w": np.zeros(7)}, "data": {"X": rng.normal(size=(50, 7)), "v": rng.normal(size=50)}, "lr": 1e-4, "progress": False}
    assert sd.train(loss, epochs=3, **options).backend == "numpy"
    if toolchain.compiler() is not None:
        assert sd.train(loss, epochs=200_000, **options).backend == "native"


# --- the compiler ----------------------------------------------------------------------------------------------------


def test_without_a_compiler_one_line(monkeypatch):
    monkeypatch.setattr(toolchain, "compiler", lambda: None)
    with pytest.raises(MissingExtraError, match="symdl\\[fast\\]"):
        toolchain.library("int x;")


@needs_compiler
def test_a_source_that_is_refused(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    with pytest.raises(UnsupportedError, match="does not take the program"):
        toolchain.library("int x")
    assert not [f for f in (tmp_path / "symdl" / "native").iterdir() if f.is_file()]


@needs_compiler
@pytest.mark.skipif(sys.platform == "win32", reason="folders of Linux and macOS")
def test_the_cache(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    toolchain.library("int one(void) { return 1; }")
    (made,) = (f for f in (tmp_path / "symdl" / "native").iterdir() if f.is_file())
    monkeypatch.setattr(toolchain, "_compile", lambda *a: pytest.fail("compiled again"))
    assert toolchain.library("int one(void) { return 1; }").one() == 1
    assert made.parent.stat().st_mode & 0o077 == 0


@needs_compiler
def test_a_spoilt_library_is_made_anew(monkeypatch, tmp_path):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    source = "int two(void) { return 2; }"
    real = toolchain._compile
    monkeypatch.setattr(toolchain, "_compile", lambda tool, text, path: path.write_bytes(b"no library"))
    with pytest.raises(UnsupportedError, match="cannot be loaded"):
        toolchain.library(source)
    monkeypatch.setattr(toolchain, "_compile", real)
    assert toolchain.library(source).two() == 2


@needs_compiler
def test_no_word_of_the_user_gets_into_the_source():
    q = T("evil_name", p)
    compiled = Compiled([sd.sum(sd.exp(q))])
    assert "evil" not in compile_program(compiled.program({"evil_name": (4,)})).source


@needs_compiler
def test_interrupted():
    """Ctrl-C ends a long native loop within a second."""
    script = (
        "import os, signal, threading, time, numpy as np, symdl as sd\n"
        "n = sd.dims('n'); X = sd.tensor('X', n, 7); w = sd.tensor('w', 7); v = sd.tensor('v', n)\n"
        "loss = sd.sum((X @ w - v)**2)\n"
        "r = np.random.default_rng(0)\n"
        "threading.Timer(1.5, lambda: os.kill(os.getpid(), signal.SIGINT)).start()\n"
        "try:\n"
        "    sd.train(loss, params={'w': np.zeros(7)}, data={'X': r.normal(size=(50, 7)), 'v': r.normal(size=50)}, lr=1e-9, epochs=10**9,"
        " backend='native', progress=False)\n"
        "except KeyboardInterrupt:\n"
        "    print('stopped')\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60, env=dict(os.environ))
    assert done.stdout.strip() == "stopped", done.stderr


@needs_compiler
@pytest.mark.parametrize("columns", [2, 8, 9, 33, 100])
def test_products_of_matrices_whose_columns_lie_apart(columns):
    """More vectors wide than one: the columns of B are strided, as those of a transposed stack of matrices are."""
    k, a, b, c = sd.indices("k a b c")
    A, B = sd.tensor("A", "K", p, h), sd.tensor("B", m, h, "K")
    both([sd.let("y", sd.sum(A[k, a, b] * B[c, b, k], b), k, a, c)], {"A": (3, 2, 4), "B": (columns, 4, 3)})


@needs_compiler
def test_a_computed_number_in_one_place_of_a_matrix():
    x, e = sd.tensor("x", 3), sd.eye(3)
    both([sd.outer(e[0], e[2]) * (x[0] * x[1]) + sd.outer(e[1], e[2]) * x[2], e[1] * (x[0] + x[2])], {"x": (3,)})
