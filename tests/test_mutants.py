"""The mutation suite: every mutant that differs is caught with a witness that holds, no right gradient is refuted, equal ones are seen to be equal."""

from __future__ import annotations

import random

import numpy as np
import pytest
import sympy as sp

import symdl as sd
from symdl.cli import main
from symdl.expr.tensor import of_node
from symdl.mutants import judge as judging
from symdl.mutants.gradients import ENTRIES, Gradient, made
from symdl.mutants.judge import CAUGHT, EQUAL, SURVIVED, UNCONFIRMED, UNDECIDED, differs, judge, points
from symdl.mutants.make import PERTURBATIONS, Mutant, mutants
from symdl.mutants.score import MOST, Row, Score, run
from symdl.mutants.tolerances import RULES, Point
from symdl.prove.claims import named_parts
from symdl.steps.verdict import PROVED, REFUTED, Verdict

#: In CI; the rest by the command.
CHOSEN = random.Random(4).sample(list(ENTRIES), 20)
n, p = sd.dims("n p")
X, w, y = sd.tensor("X", n, p), sd.tensor("w", p), sd.tensor("y", n)
LOSS = sd.sum((sd.sigmoid(X @ w) - y) ** 2) / 2
GRADIENT = Gradient("sigmoid regression", LOSS, w, sd.grad(LOSS, w))


def test_the_suite_is_large_enough():
    assert len(ENTRIES) >= 40
    assert sum(len(mutants(made(name).right, MOST)) for name in ENTRIES) >= 1000


def test_kinds_and_sizes():
    found = [m for name in ENTRIES for m in mutants(made(name).right, MOST)]
    assert {m.kind for m in found} == {"sign", "factor", "perturbation", "transpose", "dropped", "index", "derivative", "tensor"}
    assert list(PERTURBATIONS) == list(range(1, 16))
    symbolic = [name for name in ENTRIES if any(not isinstance(s, int) for i in made(name).loss.inputs for s in _shape(made(name).loss, i))]
    assert 20 <= len(symbolic) < len(ENTRIES)


def _shape(loss, name):
    return named_parts(loss)[name].shape


@pytest.mark.parametrize("name", CHOSEN)
def test_every_mutant_that_differs_is_caught(name):
    (row,) = run(quick=True, names=[name], seed=7).rows
    assert row.right == PROVED
    assert [(j.outcome, str(j.mutant.claim)) for j in row.judged if j.outcome not in (CAUGHT, EQUAL)] == []
    assert row.count(CAUGHT) >= 1


def test_right_gradients_are_proved():
    for name in ENTRIES:
        gradient = made(name)
        assert sd.prove(gradient.right, gradient.right).proved
    assert {sd.check(g.loss, g.wrt, g.right).verdict for g in map(made, CHOSEN)} == {PROVED}


@pytest.mark.parametrize("digits", [1, 8, 15])
def test_a_perturbation_is_seen_with_its_witness(digits):
    judged = judge(GRADIENT, Mutant("perturbation", GRADIENT.right * _rational(digits)))
    assert judged.outcome == CAUGHT and judged.verdict.witness is not None


def _rational(digits):
    return 1 + sp.Rational(1, 10**digits)


def test_another_form_of_the_right_one_is_equal_and_not_counted():
    a = sd.sigmoid(X @ w)
    other = X.T @ (a**2 * (1 - a)) - X.T @ (y * a * (1 - a))
    assert judge(GRADIENT, Mutant("form", other)).outcome == EQUAL


def test_the_second_look_sees_what_a_wrong_prover_would_say(monkeypatch):
    wrong = Mutant("factor", 2 * GRADIENT.right)
    monkeypatch.setattr(judging, "check", lambda *_, **__: Verdict(PROVED, "a lie"))
    assert judge(GRADIENT, wrong).outcome == SURVIVED
    monkeypatch.setattr(judging, "check", lambda *_, **__: Verdict(REFUTED, "a lie", {"X": [[1.0]], "w": [1.0], "y": [0.5]}))
    assert judge(GRADIENT, Mutant("form", GRADIENT.right)).outcome == UNCONFIRMED
    monkeypatch.setattr(judging, "check", lambda *_, **__: Verdict("UNKNOWN", "nothing"))
    assert judge(GRADIENT, wrong).outcome == UNDECIDED


def test_differences_with_many_digits_see_one_in_ten_to_fifteen():
    (point,) = points(GRADIENT, GRADIENT.right, 1)
    assert not differs(GRADIENT, GRADIENT.right, point)
    assert differs(GRADIENT, GRADIENT.right * _rational(15), point)
    assert differs(GRADIENT, GRADIENT.right * _rational(60), point)


def test_numeric_tolerances_let_small_errors_pass():
    at = Point(LOSS, w, points(GRADIENT, GRADIENT.right, 1)[0])
    names = [rule.name for rule in RULES]
    assert at.passed(GRADIENT.right) == names
    assert at.passed(GRADIENT.right * _rational(12)) == names
    assert at.passed(2 * GRADIENT.right) == []


def test_the_score_says_what_survived():
    row = Row("a gradient", PROVED, [judging.Judged(Mutant("sign", -w), Verdict(PROVED), SURVIVED, 0.0)])
    score = Score([row])
    assert not score.ok and "survived: a gradient, sign" in str(score)
    row.judged[0] = row.judged[0]._replace(outcome=UNDECIDED)
    assert score.ok and not score.decided and "unknown: a gradient" in str(score)
    row.judged[0] = row.judged[0]._replace(outcome=CAUGHT)
    assert score.ok and score.decided and "1 of 1 mutants caught" in str(score)


def test_the_command(capsys):
    assert main(["mutants", "--quick", "neuron", "quadratic form"]) == 0
    shown = capsys.readouterr()
    assert "mutants caught" in shown.out and "quadratic form" in shown.out and "passes PyTorch" in shown.out
    assert main(["mutants", "no such gradient"]) == 64
    assert "there are: neuron" in capsys.readouterr().err


def test_named_results_too():
    hidden = sd.let("H", sd.tanh(X @ w))
    loss = sd.sum((hidden - y) ** 2)
    gradient = Gradient("by a named result", loss, of_node(hidden.node), sd.grad(loss, "H"))
    assert judge(gradient, Mutant("sign", -gradient.right)).outcome == CAUGHT
    assert np.isfinite(judge(gradient, Mutant("form", gradient.right)).seconds)
