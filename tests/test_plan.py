"""The plan that is printed: every instruction with shape, operations and memory; what is shared, fused, moved at once; what it costs."""

import re
import time

import numpy as np
import pytest

import symdl as sd
from symdl.lower.compiled import Compiled
from symdl.lower.listing import amount, cut, duration, operations
from symdl.lower.native import toolchain

needs_compiler = pytest.mark.skipif(toolchain.compiler() is None, reason="no C compiler")
n, p, h = sd.dims("n p h")
X, T, W, b = sd.tensor("X", n, p), sd.tensor("T", n, h), sd.tensor("W", p, h), sd.tensor("b", h)
LOSS = sd.sum((sd.sigmoid(X @ W + b) - T) ** 2) / 2
SHAPES = {"X": (32, 64), "T": (32, 10), "W": (64, 10), "b": (10,)}


def program():
    compiled = Compiled([LOSS, *sd.derive(LOSS, [W, b]).gradients.values()])
    return compiled.program({name: SHAPES[name] for name in compiled.names})


def narrow(text):
    assert max(map(len, text.splitlines())) < 120
    assert not any(line != line.rstrip() for line in text.splitlines())
    return text


def test_a_program_shows_every_instruction():
    made = program()
    text = narrow(str(made))
    lines = text.splitlines()
    assert len([line for line in lines if re.match(r"v\d+ ", line)]) == len(made.code)
    head = lines[0]
    for word in ("value", "instruction", "shape", "operations", "memory"):
        assert word in head
    (product,) = [line for line in lines if "32x10" in line and "dot(" in line]
    assert f"{2 * 32 * 64 * 10:,}" in product and "2.56 kB" in product
    at = head.index("shape")
    assert all(line[at - 1] == " " and line[at] != " " for line in lines[1 : len(made.code) + 1])  # columns below each other
    assert "input X" in text and "shared by 2" in text and "result 0" in text and "result 2" in text and "in v" in text
    counted = sum(int(found.replace(",", "")) for line in lines[1 : len(made.code) + 1] for found in re.findall(r"  ([\d,]+)(?=  |$)", line[at + 6 :])[:1])
    assert counted == operations(made)
    assert f"{operations(made):,} operations" in text and "estimated: about" in text


def test_operations_are_counted():
    A, x = sd.tensor("A", p, p), sd.tensor("x", p)
    count = lambda e, **shapes: operations(Compiled([e]).program(shapes))  # noqa: E731
    assert count(A @ x, A=(7, 7), x=(7,)) == 2 * 49
    assert count(sd.sum(x), x=(7,)) == 7
    assert count(sd.inv(A), A=(6, 6)) == 2 * 216
    steps = sd.recur("h", x, lambda before, t: sd.tanh(A @ before), 20)[-1]
    assert count(steps, A=(5, 5), x=(5,)) == 20 * (2 * 25 + 5)


def test_long_programs_stay_narrow():
    xs = [sd.tensor(f"x{k}") for k in range(60)]
    total = xs[0]
    for x in xs[1:]:
        total = total + x * x
    compiled = Compiled([total, *sd.derive(total, xs).gradients.values()])
    text = narrow(str(compiled.program(dict.fromkeys(compiled.names, ()))))
    assert "..." in text


@pytest.mark.parametrize("backend", ["numpy", pytest.param("native", marks=needs_compiler)])
def test_functions_show_what_they_run(backend):
    rng = np.random.default_rng(0)
    values = {name: rng.normal(size=shape) for name, shape in SHAPES.items()}
    g = sd.value_and_grad(LOSS, [W, b], backend=backend)
    assert "call it once" in str(g)
    g(**values)
    text = narrow(str(g))
    assert "dot(" in text and "operations" in text and "by W, b" in text
    assert ("native steps" in text) == (backend == "native")
    f = sd.lambdify([X, W], sd.exp(X @ W), backend=backend)
    f(values["X"], values["W"])
    f(values["X"][:3], values["W"])
    assert narrow(str(f)).count("float64: ") == 2  # one program for each combination of shapes


@needs_compiler
def test_the_loop_of_a_training_says_what_was_fused_and_what_it_costs():
    rng = np.random.default_rng(0)
    data = {"X": rng.normal(size=(32, 64)), "T": rng.uniform(size=(32, 10))}
    found = sd.train(LOSS, params={"W": np.zeros((64, 10)), "b": np.zeros(10)}, data=data, lr=0.1, epochs=3, backend="native", progress=False)
    text = narrow(str(found.plan))
    assert "hoisting" in text
    assert re.search(r"loop 32x10: .*add, .*sigmoid", text)  # fused
    assert "the update inside" in text and "kernel" in text and "%" in text
    assert re.search(r"estimated [\d.]+ us", text) and "of buffers" in text and "method gd" in text
    shares = [float(s) for s in re.findall(r"([\d.]+) %", text)]
    assert sum(shares) == pytest.approx(100, abs=1)


@needs_compiler
def test_measured_costs_are_shown_once_they_are_measured():
    from symdl.lower.native.training import NativeLoop, Rule, Setting
    from symdl.train.engines import Vector

    rng = np.random.default_rng(0)
    vector = Vector({"W": rng.normal(size=(64, 10)), "b": np.zeros(10)})
    data = {"X": rng.normal(size=(32, 64)), "T": rng.uniform(size=(32, 10))}
    loop = NativeLoop(Setting(program(), vector.places, data, frozenset(), frozenset(data), 32, Rule("gd", {"lr": 0.1}, {})), vector.x)
    assert "measured" not in str(loop)
    before = vector.x.copy()
    steps = loop.measured(None, 20)
    np.testing.assert_array_equal(vector.x, before)
    assert all(took >= 0 for _, took in steps)
    text = narrow(str(loop))
    assert "measured" in text and "estimated" in text
    assert len(steps) == len(re.findall(r"^ +\d+  \S.* %", text, re.M))


def test_amounts_and_times_as_people_write_them():
    assert [amount(x) for x in (0, 12, 999, 1500, 123_456, 5e6, 3.2e10)] == ["0 B", "12 B", "999 B", "1.5 kB", "123 kB", "5 MB", "32 GB"]
    assert [duration(x) for x in (2e-9, 3.21e-7, 4.5e-5, 0.012, 3.0)] == ["2 ns", "321 ns", "45 us", "12 ms", "3 s"]
    assert cut("abcdefgh", 6) == "abc..." and cut("abc", 6) == "abc"


@pytest.mark.parametrize("backend", ["numpy", "native"])
def test_functions_say_what_a_call_takes(backend):
    n = sd.dims("n")
    x = sd.tensor("x", n)
    for made, call in (
        (sd.lambdify([x], sd.sum(sd.exp(x)), backend=backend), lambda f: f(np.zeros(10))),
        (sd.value_and_grad(sd.sum(sd.exp(x)), [x], backend=backend), lambda f: f(x=np.zeros(10))),
    ):
        assert "measured" not in str(made)
        before = call(made)
        assert re.search(r"estimated.*(ns|us|ms)", str(made)) and re.search(r"measured: [\d.]+ (ns|us|ms) a call", str(made))
        assert str(call(made)) == str(before)


def test_what_ones_cannot_be_put_into_is_shown_without_a_measurement():
    X = sd.tensor("X", 3, 3)
    f = sd.lambdify([X], sd.inv(X))
    f(np.eye(3))
    assert "inv" in str(f) and "measured" not in str(f)


@pytest.mark.parametrize("backend", ["numpy", "native"])
def test_trainings_show_their_instructions_and_what_a_step_took(backend):
    n, p = sd.dims("n p")
    X, w, y = sd.tensor("X", n, p), sd.tensor("w", p), sd.tensor("y", n)
    rng = np.random.default_rng(0)
    data = {"X": rng.normal(size=(50, 3)), "y": rng.normal(size=50)}
    for batch in (None, 20):
        result = sd.train(sd.mean((sd.sigmoid(X @ w) - y) ** 2), {"w": np.zeros(3)}, data, lr=0.1, epochs=4, batch=batch, backend=backend)
        text = narrow(str(result.plan))
        steps = 4 * (1 if batch is None else 3)
        assert f"{batch or 50}x3" in text and "operations" in text and "estimated" in text
        assert re.search(rf"measured: [\d.]+ (ns|us|ms) a step, {steps} steps$", text)


def test_buffers_are_those_that_numpy_works_in():
    """The printed numbers tell which values share memory, as the arrays of the running program do."""
    from symdl.lower.buffers import homes
    from symdl.lower.numpy_source import Writer

    made = program()
    places = homes(made)
    writer = Writer(made, [np.empty(out.shape) if out.shape else None for out in made.outputs])
    writer.source()
    assert len(places) > 4 and len(set(places.values())) < len(places)
    for one, first in places.items():
        for other, second in places.items():
            assert np.shares_memory(writer._static[one], writer._static[other]) == (first == second)
    text = str(made)
    assert all(re.search(rf"^v{value} .* in b{place}\b", text, re.M) for value, place in places.items())


def test_numbers_show_their_coefficients():
    """A mean's 1/n and a sum's weights are part of what an instruction does."""
    n, p = sd.dims("n p")
    X, w, y, c = sd.tensor("X", n, p), sd.tensor("w", p), sd.tensor("y", n), sd.tensor("c")
    f = sd.lambdify([X, w, y, c], [sd.sum((X @ w - y) ** 2) / n, 3 * c - sd.sum(w) / 2 + 7, c * sd.sum(y) / sd.sum(w)])
    f(np.ones((4, 2)), np.ones(2), np.ones(4), 1.0)
    shown = str(f)
    assert re.search(r"v\d+ +0\.25\*v\d+ +scalar", shown), shown
    assert re.search(r"v\d+ +(3\*v\d+ - 0\.5\*v\d+|-0\.5\*v\d+ \+ 3\*v\d+) \+ 7 +scalar", shown), shown
    assert re.search(r"v\d+ +v\d+\*v\d+\*v\d+ +scalar", shown), shown


@needs_compiler
def test_the_estimate_of_a_small_function_is_of_a_call():
    """Entering compiled code is most of what a small function takes: what is estimated can be compared with what is measured."""
    n = sd.dims("n")
    x, y = sd.tensor("x", n), sd.tensor("y", n)
    units = {"ns": 1e-9, "us": 1e-6, "ms": 1e-3}
    for results, size, calls in ((sd.sum(sd.exp(x) * y), 10, 2000), ([x * y, x + y, sd.sum(x)], 5, 2000), (sd.sum(sd.exp(x) * y), 100_000, 20)):
        f = sd.lambdify([x, y], results, backend="native")
        given = np.ones(size), np.ones(size)
        f(*given)
        found = re.search(r"estimated: .* of work and .* to enter compiled code, ([\d.]+) (ns|us|ms) a call$", narrow(str(f)), re.M)
        estimated = float(found[1]) * units[found[2]]
        begun = time.process_time()
        for _ in range(calls):
            f(*given)
        took = (time.process_time() - begun) / calls
        assert estimated > 1e-6 and took / 10 < estimated < 10 * took
