"""Graphs of scalars: the short way of building them gives the same nodes as the general one, and large ones cost in proportion to their size."""

from __future__ import annotations

import gc
import itertools
import math
import random
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import symdl as sd
from symdl.diff import naming
from symdl.diff import scalars as sweeping
from symdl.errors import SymdlError
from symdl.graph import build, scalars
from symdl.graph import node as kinds
from symdl.graph.walk import topological

INPUTS = [sd.tensor(f"x{k}").term for k in range(4)] + [sd.sum(sd.tensor("v", 3) * sd.tensor("u", 3)).term, sd.tensor("v", 3)[1].term]
COEFS = st.sampled_from([0, 1, -1, 2, -3, Fraction(1, 2)])
OPERATIONS = st.lists(
    st.tuples(st.sampled_from(["add", "mul", "pow", "exp", "log", "sigmoid", "positive"]), COEFS, COEFS, st.integers(0, 99), st.integers(0, 99)),
    min_size=1,
    max_size=25,
)


def _calculate(operations):
    """The nodes of a random calculation; what is not defined is left out."""
    found = [*INPUTS, build.constant(2)]
    for name, c, d, k, m in operations:
        a, b = found[k % len(found)], found[m % len(found)]
        try:
            if name == "add":
                made = build.add([c, d], [a, b])
            elif name == "mul":
                made = build.mul(c, [a, b, a] if d == 2 else [a, b])
            elif name == "pow":
                made = build.pow_(a, c)
            else:
                made = build.fn(name, [a])
        except SymdlError:
            continue
        found.append(made)
    return found


@settings(max_examples=150, deadline=None)
@given(OPERATIONS)
def test_the_short_way_gives_the_same_nodes(operations):
    quick = _calculate(operations)
    with pytest.MonkeyPatch.context() as patch:
        for name in ("add", "mul", "pow_", "fn"):
            patch.setattr(scalars, name, lambda *args: None)
        general = _calculate(operations)
    assert len(quick) == len(general)
    assert all(a.node is b.node and a.map == b.map for a, b in zip(quick, general, strict=True))


FUNCTIONS = ["exp", "log", "sin", "tanh", "sigmoid", "relu", "softplus", "gelu", "silu", "abs", "arctan"]
STEPS = st.lists(st.tuples(st.sampled_from(["+", "-", "*", "/", "**", "let", *FUNCTIONS]), st.integers(0, 99), st.integers(0, 99)), min_size=1, max_size=20)


def _loss(steps):
    """A random scalar calculation in sd.* operators; every result is used in the loss."""
    found = [sd.tensor(f"x{k}") for k in range(4)]
    for count, (what, k, m) in enumerate(steps):
        a, b = found[-1 - k % min(6, len(found))], found[m % len(found)]
        try:
            if what in FUNCTIONS:
                made = sd.abs(a) if what == "abs" else getattr(sd, what)(a)
            elif what == "let":
                made = sd.let(f"r{count}", a)
            else:
                made = {"+": a + b, "-": a - 2 * b, "*": a * b, "/": a / b if b != 0 else a, "**": a**2}[what]
        except SymdlError:
            continue
        found.append(made)
    total = found[4] * 1 if len(found) > 4 else found[0]
    for one in found[5:]:
        total = total + one
    return total


@settings(max_examples=40, deadline=None)
@given(STEPS)
def test_the_sweep_over_scalars_is_the_general_sweep(steps):
    loss = _loss(steps)
    names = [name for name in ("x0", "x1", "x2", "x3") if name in loss.inputs]
    if not names:
        return
    quick = sd.derive(loss, names)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sweeping, "concerns", lambda nodes: False)
        general = sd.derive(loss, names)
    for name in names:
        assert quick[name].node is general[name].node
    assert quick.names == general.names
    assert [(line.of, line.adjoint) for line in quick.lines] == [(line.of, line.adjoint) for line in general.lines]
    assert list(map(str, quick.steps)) == list(map(str, general.steps))


def test_elements_of_tensors_go_the_general_way():
    v = sd.tensor("v", 3)
    product = (v[0] * v[1]).node
    assert scalars.mul(2, (product,)) is None and scalars.pow_(product, 2) is None
    assert (2 * (v[0] * v[1])).node.attr.coef == 2


def test_minus_a_long_sum():
    xs = [sd.tensor(f"s{k}") for k in range(40)]
    total = xs[0]
    for x in xs[1:]:
        total = total + x
    assert (-1) * (-total) == total
    assert sd.evaluate(-total, **{f"s{k}": float(k) for k in range(40)}) == -780.0


def test_a_power_of_a_long_product():
    x = sd.tensor("x")
    y = x
    for k in range(10_000):
        y = y * sd.sin(y) if k % 2 else sd.sigmoid(y) * y
    assert (y**2).node.op in (kinds.POW, kinds.MUL)
    assert (1 / y).node.op in (kinds.POW, kinds.MUL)


def test_a_deep_chain_is_taken_down_without_recursion():
    y = sd.tensor("x_deep")
    for _ in range(100_000):
        y = sd.sin(y)
    before = len(kinds._table)
    del y
    gc.collect()
    assert len(kinds._table) <= before - 100_000


# --- cost in proportion to size -----------------------------------------------------------------------------------


def _size(gradients):
    return len(topological(g.node for g in gradients.values()))


def _random(n, seed=1):
    draw = random.Random(seed)
    nodes = [sd.tensor(f"r{k}") for k in range(10)]
    for _ in range(n):
        what = draw.choice(["+", "*", "/", "sin", "exp", "sigmoid"])
        a, b = (nodes[-1 - draw.randrange(min(50, len(nodes)))] for _ in range(2))
        made = {"+": lambda: a + b, "*": lambda: a * b, "/": lambda: a / (1 + b * b), "sin": lambda: sd.sin(a)}  # noqa: B023
        nodes.append(made[what]() if what in made else getattr(sd, what)(-a * a if what == "exp" else a))
    total = nodes[-1]
    for node in nodes[-50:-1]:
        total = total + node
    return total, [x for x in nodes[:10] if x.name in total.inputs]


@pytest.mark.parametrize("make", ["chain", "random"])
def test_a_gradient_has_nodes_in_proportion(make):
    sizes = []
    for n in (500, 4000):
        if make == "random":
            loss, wrt = _random(n)
        else:
            loss = sd.tensor("x")
            wrt = [loss]
            for _ in range(n):
                loss = sd.sigmoid(loss)
        sizes.append(_size(sd.grad(loss, wrt)) / len(topological([loss.node])))
    assert sizes[1] < 6 and sizes[1] < 1.3 * sizes[0]


def test_a_hundred_thousand_nodes():
    loss, wrt = _random(100_000)
    d = sd.derive(loss, wrt)
    count, made = len(topological([loss.node])), _size(d.gradients)
    assert 100_000 < count < made < 6 * count
    assert all(d[x].node.op != kinds.CONST for x in wrt)
    assert len(repr(d)) < 300  # nobody reads it written out
    small = sd.grad(sd.let("deep", loss) ** 2 * wrt[0], "deep")
    assert "deep" in str(small)


def test_a_sum_of_many_addends_and_a_value_used_often():
    """A neuron of five thousand inputs that share a weight: one adjoint has five thousand parts."""
    w = sd.tensor("w")
    xs = [sd.tensor(f"x{k}") for k in range(5000)]
    total = w * xs[0]
    for x in xs[1:]:
        total = total + sd.sin(w * x)
    g = sd.grad(sd.sigmoid(total), [w, *xs[:3]])
    assert _size(g) < 12 * len(xs)
    values = {f"x{k}": 0.001 * k for k in range(5000)}
    one, two = (sd.evaluate(total, w=v, **values) for v in (0.3 + 1e-6, 0.3 - 1e-6))
    at = 1 / (1 + math.exp(-sd.evaluate(total, w=0.3, **values)))
    assert float(sd.evaluate(g["w"], w=0.3, **values)) == pytest.approx(at * (1 - at) * (one - two) / 2e-6, rel=1e-4, abs=1e-12)


def test_thousands_of_targets_are_differentiated_and_run():
    ws = [sd.tensor(f"w{k}") for k in range(3000)]
    total = sd.sin(ws[0])
    for a, b in itertools.pairwise(ws):
        total = total + sd.tanh(a * b)
    run = sd.value_and_grad(total, ws)
    rng = np.random.default_rng(0)
    values = rng.normal(size=3000)
    _, found = run(**{f"w{k}": v for k, v in enumerate(values)})
    slopes = 1 / np.cosh(values[:-1] * values[1:]) ** 2
    expected = np.concatenate([[np.cos(values[0])], np.zeros(2999)])
    expected[:-1] += slopes * values[1:]
    expected[1:] += slopes * values[:-1]
    assert np.allclose([found[f"w{k}"] for k in range(3000)], expected, rtol=1e-12)


def test_a_network_of_many_layers_is_named_in_linear_time(monkeypatch):
    """Every node is looked at a few times when names are given, however many layers there are."""
    asked = []
    plain = naming._composite
    monkeypatch.setattr(naming, "_composite", lambda node: asked.append(node) or plain(node))
    loss = sd.tensor("x")
    for k in range(2000):
        loss = sd.sigmoid(loss + sd.tensor(f"b{k}"))
    d = sd.derive(loss, ["b0"])
    assert len(asked) <= 2100
    assert sum(name[0] == "z" for name in d.names.values()) == 1999
