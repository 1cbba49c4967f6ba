"""Graphs of scalars: the short way of building them gives the same nodes as the general one, and large ones cost in proportion to their size."""

from __future__ import annotations

import gc
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import symdl as sd
from symdl.diff import scalars as sweeping
from symdl.errors import SymdlError
from symdl.graph import build, scalars
from symdl.graph import node as kinds

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


@settings(max_examples=50, deadline=None)
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
    for _ in range(200_000):
        y = sd.sin(y)
    before = len(kinds._table)
    del y
    gc.collect()
    assert len(kinds._table) <= before - 200_000
