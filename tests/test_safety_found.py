"""What the fuzzers found, each mended where it belonged: positions beyond an array, equations with two signs, numbers as tables, damaged recurrences."""

from __future__ import annotations

import json
import subprocess
import sys

import numpy as np
import pytest

import symdl as sd
from symdl.graph.windows import leads_with_minus
from symdl.prove.numeric import evaluate, tape_gradient

n, m = sd.dims("n m")
i, j, k = sd.indices("i j k")
x, y, z, c = sd.tensor("x", n), sd.tensor("y", n), sd.tensor("z", m), sd.tensor("c", m)
A = sd.tensor("A", n, n)


# --- a fixed position beyond a smaller array ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    "expr", [x[5] * 2 + sd.sum(x), sd.sum(sd.exp(x[1:] - x[5])), sd.sum(A[4, i] * x[i], i), sd.recur("h", x, lambda h, _: h * h[4], 2)[-1]], ids=range(4)
)
@pytest.mark.parametrize("backend", ["numpy", "native"])
def test_positions_beyond_an_array_are_refused(expr, backend):
    """Native code would read what lies behind the array."""
    if backend == "native":
        from symdl.lower.native.toolchain import compiler

        if compiler() is None:
            pytest.skip("no C compiler")
    small = {"x": np.ones(3), "A": np.ones((3, 3))}
    large = {"x": np.ones(6), "A": np.ones((6, 6))}
    f = sd.lambdify(list(expr.inputs), expr, backend=backend)
    with pytest.raises(sd.SymdlError, match="position") as caught:
        f(*[small[name] for name in expr.inputs])
    assert "\n" not in str(caught.value)
    assert np.all(np.isfinite(f(*[large[name] for name in expr.inputs])))
    with pytest.raises(sd.SymdlError):
        evaluate(expr, {name: small[name] for name in expr.inputs})


def test_a_size_that_is_none_is_refused_by_the_tape():
    short = sd.sum(x[2:] ** 2)
    for values in (np.ones(1), np.ones(3)):
        if len(values) == 1:
            with pytest.raises(sd.SymdlError):
                evaluate(short, {"x": values})
        else:
            assert evaluate(short, {"x": values}) == 1.0
    with pytest.raises(sd.SymdlError, match="no positions"):
        evaluate(sd.max(x[2:]), {"x": np.ones(2)})


def test_a_table_of_one_number():
    """What depends on positions only, and is a single number, is no table."""
    states = sd.recur("r0", c, lambda h, _: h / 2, m)
    expr = sd.sum(states[c[j], i] * x[j + k], i, j, k)
    for sizes in ((1, 1), (2, 3), (1, 3), (2, 2)):
        values = {"c": np.zeros(sizes[0]), "x": np.arange(1.0, sizes[1] + 1)}
        assert sd.evaluate(expr, **values) == pytest.approx(float(evaluate(expr, values)))


# --- the sign of an index equation -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "terms", [[("n", 1), ("n", -2)], [("n", 1), ("n", 1), ("n", -1)], [("n", 1), ("n", -1), ("k", 1)], [("n", 2 * n), ("n", -n)], [("a", 1), ("b", 1)]]
)
@pytest.mark.parametrize("offset", [0, 3, -1])
def test_exactly_one_of_two_signs_leads(terms, offset):
    turned = [(key, -c) for key, c in terms]
    assert leads_with_minus(terms, offset) != leads_with_minus(turned, -offset)
    assert leads_with_minus(list(reversed(terms[:2])) + terms[2:], offset) == leads_with_minus(terms, offset) or terms[0][0] != terms[1][0]


def test_equal_positions_decide_nothing():
    assert leads_with_minus([("n", 1), ("n", -1)], -1) and not leads_with_minus([("n", 1), ("n", -1)], 1)


ROUND = [
    sd.sum(z[i] * z[2 * i + 1], i),
    sd.sum(z[i + 1] * z[3 * i] * sd.exp(z[i]), i),
    sd.sum(sd.window(x, 3, stride=2) ** 2, axis=-1),
    sd.sum(A[i, j] * x[i + j], i, j),
    sd.reshape(A, -1)[::-1],
    sd.kron(A, x),
    sd.cumsum(x) * x[::2][0],
    sd.grad(sd.sum(sd.window(x, 2, padding=1) ** 3), x),
    sd.tril(A) + sd.concat([A[:1], A[1:]]),
    sd.gather(A, c) + sd.parse("gelu(1)"),
    sd.sum(x) * sd.parse("arctan(2)*erf(1)*sinh(3)"),
    sd.let("v", sd.logdet(A @ A.T + sd.eye(n))) * sd.inv(A + sd.eye(n))[0],
    sd.recur("h", x, lambda h, t: sd.tanh(A @ h + z[t]), m),
    sd.grad(sd.sum(sd.recur("h", x, lambda h, t: sd.tanh(A @ h + z[t]), m)[-1]), A),
    sd.tensor("P", n, n, facts="posdef") @ sd.tensor("q", n, facts="positive"),
    sd.tensor("p", facts="unit") ** 2 + sd.sum(sd.tensor("h", n, facts="onehot") * sd.tensor("g", n, facts="simplex")),
    sd.maximum(x, y) + sd.where(x, y, x * y) + sd.minimum(x, 2),
]


@pytest.mark.parametrize("expr", ROUND, ids=range(len(ROUND)))
def test_what_is_loaded_is_equal_and_has_the_same_hash(expr):
    again = sd.from_json(sd.to_json(expr))
    assert again == expr and hash(again) == hash(expr) and again.node is expr.node


SCRIPT = """
import sys
import symdl as sd
from symdl.graph.node import intern
# Everything is made in another order than in the session that saved.
n, m = sd.dims("n m")
i, j, k = sd.indices("i j k")
for size in (m, n) if {turned} else (n, m):
    sd.tensor("waste", size) ** 2
held = [sd.position(m), sd.tensor("c", m) * 3, sd.tensor("z", m), sd.position(n)] if {turned} else []
first = sd.load({path!r}) if {turned} else None
z, c, y, x, A = sd.tensor("z", m), sd.tensor("c", m), sd.tensor("y", n), sd.tensor("x", n), sd.tensor("A", n, n)
made = {{
    "window": sd.sum(sd.window(x, 3, stride=2) ** 2, axis=-1),
    "strided": sd.sum(z[i] * z[2 * i + 1], i),
    "diagonals": sd.sum(A[i, j] * x[i + j], i, j),
    "states": sd.recur("h", x, lambda h, t: sd.tanh(A @ h + z[t]), m),
    "gradient": sd.grad(sd.sum(sd.sin(A @ x) * sd.sigmoid(A.T @ y)), A),
    "kron": sd.kron(A, x),
    "facts": sd.tensor("P", n, n, facts="posdef") @ sd.let("v", x * y),
}}
if {turned}:
    again = sd.load({path!r})
    assert again == first
    for name in made:
        assert again[name] == made[name] and hash(again[name]) == hash(made[name]), name
    print("equal")
else:
    sd.save(made, {path!r})
"""


def test_another_session_that_makes_things_in_another_order(tmp_path):
    path = str(tmp_path / "all.json")
    for turned in (False, True):
        code = SCRIPT.format(turned=turned, path=path)
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=200)
        assert done.returncode == 0, done.stderr[-600:]
    assert "equal" in done.stdout


def test_networks_and_derivations_load_back_equal():
    net = sd.network([3, 4, 2])
    found = sd.from_json(sd.to_json(net))
    assert (found.output, found.input, found.params, found.activations) == (net.output, net.input, net.params, net.activations)
    derived = sd.derive(sd.sum(sd.softmax(A @ x) * y), [x, A])
    again = sd.from_json(sd.to_json(derived))
    assert again.loss == derived.loss and again.gradients == derived.gradients


# --- damaged files ------------------------------------------------------------------------------------------------------------


def test_a_letter_whose_range_is_open_is_not_saved():
    with pytest.raises(sd.DataError, match="how far the index j runs"):
        sd.to_json(sd.sum(x[i] * y[i + j], i))


def test_damaged_recurrences_and_functions():
    stored = json.loads(sd.to_json(ROUND[12]))
    place = next(k for k, record in enumerate(stored["nodes"]) if record["op"] == "recur")
    for batch in (10**30, -1, 1.5, "1", None, True):
        stored["nodes"][place]["batch"] = batch
        with pytest.raises(sd.DataError):
            sd.from_json(json.dumps(stored))
    called = json.loads(sd.to_json(sd.maximum(x, y)))
    called["nodes"][-1]["args"].pop()
    with pytest.raises(sd.DataError):
        sd.from_json(json.dumps(called))


# --- who reaches a maximum ---------------------------------------------------------------------------------------------------


def test_a_maximum_over_states_in_the_step_that_runs_back():
    """max(f(r)) - f(r[l]) has to be 0 where l is the largest: its two sides are not rewritten apart."""
    states = sd.recur("r", A @ x, lambda h, _: h / 2, 2)
    loss = sd.sum(sd.max(sd.layer_norm(states * 1000), axis=0) ** 3)
    rng = np.random.default_rng(0)
    values = {"A": rng.normal(size=(3, 3)), "x": np.array([0.3, 0.2, -1.0])}
    derived = sd.derive(loss, [x, A])
    _, right = tape_gradient(loss, [x, A], values)
    for name in ("x", "A"):
        got = evaluate(derived[name], values)
        scale = np.max(np.abs(right[name]))
        assert np.max(np.abs(got - right[name])) <= 1e-4 * scale + 1e-10
