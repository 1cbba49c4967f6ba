"""Functions of numbers of large calculations with scalars: made from their table, whether or not they came from a derivative."""

from __future__ import annotations

import math
import random
import time

import numpy as np
import pytest

import symdl as sd
from symdl.expr.tensor import as_expr
from symdl.lower import tabled
from symdl.lower.compiled import Compiled


def calculation(count, seed=5, functions=("sin", "exp", "sigmoid", "tanh")):
    """Random operations, their arguments kept small; all results in order."""
    draw = random.Random(seed)
    found = [sd.tensor(f"x{k}") for k in range(6)]
    for _ in range(count):
        a, b = (draw.choice(found[-40:]) for _ in range(2))
        what = draw.choice(["+", "*", "/", *functions])
        made = {"+": lambda a=a, b=b: (a + b) / 2, "*": lambda a=a, b=b: a * b, "/": lambda a=a, b=b: a / (1 + b * b)}
        found.append(made[what]() if what in made else getattr(sd, what)(-a * a if what == "exp" else a))
    return found


POINT = {f"x{k}": 0.2 + 0.1 * k for k in range(6)}


def both(monkeypatch, exprs, point=POINT):
    """By the table, and by nodes."""
    compiled = Compiled(exprs)
    assert compiled._table is not None
    found = compiled({name: point[name] for name in compiled.names})
    monkeypatch.setattr(tabled, "SMALL", 10**9)
    other = Compiled(exprs)
    assert other._table is None and set(other.names) == set(compiled.names)
    return found, other({name: point[name] for name in other.names})


def test_one_result_and_several_are_those_of_the_nodes(monkeypatch):
    results = calculation(4000)
    wanted = [sum(results[-50:-1], results[-1]), results[-1], results[0], as_expr(3), results[1500] * 2 - results[7]]
    found, expected = both(monkeypatch, wanted)
    assert np.allclose(found, expected, rtol=1e-12, atol=0) and found[2] == 0.2 and found[3] == 3
    monkeypatch.undo()
    one, other = both(monkeypatch, wanted[:1])
    assert one == pytest.approx(other, rel=1e-12)


def test_named_results(monkeypatch):
    results = calculation(3000)
    loss = sd.let("L", results[-1] ** 2 + sd.let("inner", results[-2] * 3))
    found, expected = both(monkeypatch, [loss])
    assert found == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize(
    "why",
    [
        lambda x: sd.log(1 + sd.exp(x)),  # rewritten so that digits stay
        lambda x: x * sd.dims("n"),  # a size is told at the call
        lambda x: x + sd.sum(sd.tensor("v", 3)),
        lambda x: sd.sin(x * 10**400),
    ],
)
def test_what_no_table_can_hold_goes_by_nodes(why):
    results = calculation(2200)
    assert tabled.results([results[-1]]) is not None
    loss = results[-1] + why(results[-2])
    assert tabled.results([loss]) is None


def test_small_calculations_and_views_go_by_nodes():
    results = calculation(100)
    assert tabled.results([results[-1]]) is None and tabled.results([]) is None
    large = calculation(2500)
    assert tabled.results([large[-1], sd.tensor("v", 3)]) is None


def test_a_large_program_is_shown():
    results = calculation(2500)
    run = sd.lambdify([f"x{k}" for k in range(6)], results[-1] + results[-2])
    value = run(*POINT.values())
    shown = str(run)
    assert math.isfinite(value) and "sigmoid" in shown and "input x0" in shown and shown.count("\n") > 1000


def test_twenty_thousand_nodes_become_a_function_in_a_moment():
    """Some 0.1 seconds; by nodes it took 4."""
    loss = sum(calculation(20_000)[-30:])
    started = time.process_time()
    value = sd.lambdify([f"x{k}" for k in range(6)], loss)(*POINT.values())
    assert time.process_time() - started < 1.5 and math.isfinite(value)


def test_only_what_meets_in_a_product_goes_by_nodes():
    """exp(z) and sigmoid(z) here, exp(v) and sigmoid(v) there, are no reason; exp(z)*sigmoid(z) is one, also in a sum beside another term."""
    z, v, *rest = calculation(2400)[-20:]
    shared = sd.exp(z) * sd.sigmoid(v) + sd.exp(v) * sd.sigmoid(z) + sum(rest)
    assert tabled.results([shared]) is not None
    assert tabled.results([shared + sd.exp(z) * sd.sigmoid(sd.sigmoid(z))]) is not None  # inside a function it is no factor
    for product in (sd.exp(z) * sd.sigmoid(z), sd.exp(-z) * sd.sigmoid(z), (sd.exp(z) + v) * sd.sigmoid(z), (sd.exp(z) + v) * (sd.sigmoid(z) + rest[0])):
        assert tabled.results([shared + product]) is None
