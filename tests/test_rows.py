"""Scalars as rows of whole numbers: packed when a node is made, and read back as what the node is."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import sympy as sp

import symdl as sd
from symdl.graph import row, tape
from symdl.graph.node import INPUT
from symdl.graph.walk import topological


def read(found):
    """A tape's rows as what nodes hold."""
    rows, numbers, functions = found.rows, found.numbers.listed(), found.functions.listed()
    told = []
    for k, (code, attr) in enumerate(zip(rows.code.tolist(), rows.attr.tolist(), strict=True)):
        operands = slice(rows.start[k], rows.start[k + 1])
        weights = tuple(numbers[w] for w in rows.weights[operands])
        held = {
            row.INPUT: lambda attr=attr: found.inputs[attr].name,
            row.LINEAR: lambda weights=weights: weights,
            row.CALL: lambda attr=attr: functions[attr],
            row.NAMED: lambda: None,
        }.get(code, lambda attr=attr: numbers[attr])()
        told.append((code, rows.args[operands].tolist(), held))
    return told


def expected(root):
    """The same from the nodes."""
    nodes = sorted(topological([root]), key=lambda node: node.serial)
    place = {node: k for k, node in enumerate(nodes)}
    codes = {"input": 0, "const": 1, "add": 2, "mul": 3, "pow": 4, "fn": 5, "let": 6}
    held = {"input": lambda n: n.name, "mul": lambda n: n.attr.coef, "let": lambda n: None}
    return [(codes[n.op], [place[a] for a in n.args], held.get(n.op, lambda n: n.attr)(n)) for n in nodes]


def scalars(count):
    return [sd.tensor(f"v{k}") for k in range(count)]


def every_kind():
    x, y, z = scalars(3)
    named = sd.let("r", x * y / 3 - 2 * z + Fraction(7, 5))
    return sd.sigmoid(named) * sp.pi * sd.exp(-x * x) + (named + y) ** -3 + sd.maximum(x, z) * 4 - sd.sqrt(y) + x * y * z


def wide():
    """A sum and a product of more arguments than there are packers for."""
    many = scalars(150)
    total, product = many[0], many[0]
    for v in many[1:]:
        total, product = total + v, product * v
    return total * product + sd.sin(product)


@pytest.mark.parametrize("make", [every_kind, wide, lambda: scalars(1)[0], lambda: sd.tensor("x") ** sp.pi])
def test_rows_say_what_the_nodes_are(make):
    loss = make()
    found = tape.taped(loss.node)
    assert read(found) == expected(loss.node)
    assert [node.op for node in found.inputs] == [INPUT] * len(found.inputs)


def test_graphs_with_old_and_new_nodes(monkeypatch):
    """Serial numbers that lie close are looked up in a table, others are sorted."""
    x = sd.tensor("x")
    old = sd.sin(x) * x
    kept = [sd.sin(x + k) for k in range(5000)]
    loss = sd.exp(old) + old * kept[-1]
    spread = read(tape.taped(loss.node))
    monkeypatch.setattr(tape, "SPREAD", 10**9)
    assert read(tape.taped(loss.node)) == spread == expected(loss.node)


def test_tensors_and_sums_over_an_index_have_no_row():
    n = sd.dims("n")
    x, c = sd.tensor("x", n), sd.tensor("c")
    i = sp.Symbol("i")
    for loss in (sd.sum(x), sd.sum(x * x) * c, sd.sum(sd.sin(x)) + c):
        assert tape.taped(loss.node) is None
    assert sd.sum(x * x).node.row == x.node.row == (c * x[i]).node.row == row.NO_ROW != c.node.row
    assert sd.grad(sd.sum(x * x) * c, c) == sd.sum(x * x)


def test_numbers_that_are_equal_are_one():
    """Objects that differ, numbers that do not: one entry."""
    numbers = tape.Numbers()
    found = numbers.all_of([1, sp.Integer(1), Fraction(1), Fraction(1, 3), Fraction(2, 6), sp.pi, sp.pi, 10**30, 10**30 + 0])
    assert found.tolist() == [0, 0, 0, 1, 1, 2, 2, 3, 3]
    assert numbers.all_of([]).tolist() == [] and numbers.all_of([1] * 4).tolist() == [0] * 4


def test_many_different_coefficients():
    x = scalars(30)
    total = x[0]
    for k in range(600):
        total = total + sd.sin(x[k % 30] * Fraction(k + 2, 7)) / (k + 3)
    d = sd.derive(total, x)
    at = np.linspace(0.1, 0.9, 30)  # arguments up to 80: their rounding is some 1e-14
    slopes = np.zeros(30)
    slopes[0] = 1
    for k in range(600):
        slopes[k % 30] += np.cos(at[k % 30] * (k + 2) / 7) * (k + 2) / 7 / (k + 3)
    assert np.allclose(sd.lambdify(x, list(d.gradients.values()))(*at), slopes, rtol=1e-12, atol=1e-12)
