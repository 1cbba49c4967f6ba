"""Products that a recurrence makes at every step, and that its gradient asks for again, are kept: made once, the same values."""

import numpy as np
import pytest

import symdl as sd
from symdl.graph import node as kinds
from symdl.graph.walk import topological
from symdl.lower.compiled import Compiled
from symdl.lower.products_kept import products_kept

STEPS, COUNT, WIDTH, H = 6, 5, 3, 4
GATES = {"rnn": 1, "gru": 3, "lstm": 4}


def network(kind, layers=1):
    value, params = sd.tensor("X", STEPS, COUNT, WIDTH), []
    for k in range(layers):
        rows, width = GATES[kind] * H, value.shape[-1]
        W, U, b = sd.tensor(f"W{k}", rows, width), sd.tensor(f"U{k}", rows, H), sd.tensor(f"b{k}", rows)
        zero = sd.zeros(COUNT, H)
        value, last = getattr(sd, kind)(value, (zero, zero) if kind == "lstm" else zero, W, U, b)
        params += [W, U, b]
    return sd.sum(value**2) + sd.sum(sd.tensor("Y", COUNT, H) * (last[0] if kind == "lstm" else last)), params


def numbers(made, seed=0):
    rng = np.random.default_rng(seed)
    return {name: rng.normal(size=shape) / 2 for name, shape in made.shapes.items()}


def both(exprs, monkeypatch):
    """Results with products kept and without, and the programs."""
    found = []
    for keep in (True, False):
        if not keep:
            monkeypatch.setattr("symdl.lower.plan.products_kept", lambda roots, size_of: roots)
        made = Compiled(exprs)
        values = numbers(made)
        found.append((made(values), made.program({k: v.shape for k, v in values.items()})))
    (kept, program), (plain, other) = found
    for a, b in zip(kept, plain, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-12, atol=1e-13)
    return program, other


def products(program):
    return sum(step.op in ("dot", "matmul", "einsum") for step in program.code)


@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("kind", ["gru", "lstm"])
def test_each_gate_is_multiplied_once(kind, layers, monkeypatch):
    loss, params = network(kind, layers)
    program, plain = both([loss, *sd.derive(loss, params).gradients.values()], monkeypatch)
    assert products(plain) - products(program) == GATES[kind] * layers
    states = [len(step.attr.shapes) for step in program.code if step.op == "scan"]
    assert sorted(states)[-layers:] == [GATES[kind] + (2 if kind == "lstm" else 1)] * layers


def test_what_is_not_asked_for_is_not_kept(monkeypatch):
    loss, params = network("rnn")  # the slope of tanh needs the state alone
    program, plain = both([loss, *sd.derive(loss, params).gradients.values()], monkeypatch)
    assert [step.attr.shapes for step in program.code if step.op == "scan"] == [step.attr.shapes for step in plain.code if step.op == "scan"]
    loss, _ = network("lstm")
    program, plain = both([loss], monkeypatch)
    assert program.code == plain.code


def test_a_product_that_a_person_asks_for(monkeypatch):
    """Not of a gradient: x[t] A at all steps, the axes in another order."""
    A, start = sd.tensor("A", 7, 7), sd.tensor("s", 5, 7)
    states = sd.recur("s", start, lambda before, t: sd.tanh(before @ A), 9)
    asked = [states[-1], sd.exp(states[:-1] @ A), (states[:-1] @ A).transpose(2, 0, 1)]
    program, plain = both(asked, monkeypatch)
    assert products(plain) == 1 and products(program) == 0
    (scan,) = [step for step in program.code if step.op == "scan"]
    assert len(scan.attr.shapes) == 2


def test_symbolic_lengths_and_second_derivatives(monkeypatch):
    T, n = sd.dims("T n")
    x, U = sd.tensor("x", T, n, 3), sd.tensor("U", 12, 3)
    W = sd.tensor("W", 12, 3)
    zero = sd.zeros(n, 3)
    _, (last, _) = sd.lstm(x, (zero, zero), W, U)
    loss = sd.sum(last**2)
    along = sd.sum(sd.grad(loss, U) * sd.tensor("V", 12, 3))
    exprs = [loss, sd.grad(loss, U), sd.grad(along, U)]
    rng = np.random.default_rng(2)
    values = {"x": rng.normal(size=(4, 2, 3)), "U": rng.normal(size=(12, 3)), "W": rng.normal(size=(12, 3)), "V": rng.normal(size=(12, 3))}
    kept = Compiled(exprs)({k: values[k] for k in Compiled(exprs).names})
    monkeypatch.setattr("symdl.lower.plan.products_kept", lambda roots, size_of: roots)
    plain = Compiled(exprs)({k: values[k] for k in Compiled(exprs).names})
    for a, b in zip(kept, plain, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-11, atol=1e-12)


def test_the_graph_has_one_recurrence_for_one():
    loss, params = network("gru")
    terms = [loss.term, *(g.term for g in sd.derive(loss, params).gradients.values())]
    after = products_kept(terms, int)
    count = [len({n.attr.names for n in topological(t.node for t in ts) if n.op == kinds.RECUR}) for ts in (terms, after)]
    assert count[0] == count[1] == 2
