"""Verification of derivations: numeric oracles and steps hold for what is right, and catch what is wrong by 1e-9 anywhere."""

import sys

import numpy as np
import pytest

import symdl as sd
from symdl.graph import build
from symdl.prove import oracles
from symdl.prove.oracles import POINTS, compare, sample
from symdl.prove.precise import evaluate_precisely
from symdl.prove.samples import samples
from symdl.prove.verify import verify_gradients, verify_steps
from symdl.steps.step import Rule, Step

n, p, h, m = sd.dims("n p h m")
i = sd.indices("i")
X, W1, b1, W2, T = sd.tensor("X", n, p), sd.tensor("W1", p, h), sd.tensor("b1", h), sd.tensor("W2", h, m), sd.tensor("T", n, m)
H = sd.let("H", sd.sigmoid(X @ W1 + b1))
LOSS = sd.sum((sd.sigmoid(H @ W2) - T) ** 2) / 2
z, t = sd.tensor("z"), sd.tensor("t")
x, y = sd.tensor("x", n), sd.tensor("y", n, facts="onehot")


def by_tape(loss, gradients, wrt):
    return compare(loss, gradients, wrt, oracles="tape")


def test_a_network_agrees_with_the_oracles():
    derived = sd.derive(LOSS, [W1, b1, W2])
    checks = compare(LOSS, derived.gradients, derived.wrt)
    tape = [c for c in checks if c.how == "NumPy tape"]
    assert [c.verdict for c in tape] == ["ok"] * 3
    assert all(c.points >= 20 and c.error < 1e-12 for c in tape)
    assert all(c.ok for c in checks)


def test_pytorch_agrees():
    pytest.importorskip("torch")
    for loss, wrt in ((LOSS, [W1, b1]), (sd.cross_entropy(sd.softmax(x), y), [x]), (sd.gelu(z) * sd.tanh(t) + sd.softplus(z * t), [z, t])):
        derived = sd.derive(loss, wrt)
        checks = [c for c in compare(loss, derived.gradients, derived.wrt) if c.how == "PyTorch"]
        assert [c.verdict for c in checks] == ["ok"] * len(wrt), checks
        assert all(c.points >= 20 for c in checks)


def test_pytorch_catches_an_error_too():
    pytest.importorskip("torch")
    wrong = sd.grad(LOSS, W2) * (1 + 1e-9)
    assert [c.verdict for c in compare(LOSS, {"W2": wrong}, {"W2": W2})] == ["FAILED", "FAILED"]


def test_without_pytorch_the_check_is_skipped(monkeypatch):
    monkeypatch.setitem(sys.modules, "torch", None)
    checks = compare(z**2, {"z": 2 * z}, {"z": z})
    assert [(c.how, c.verdict) for c in checks] == [("NumPy tape", "ok"), ("PyTorch", "skipped")]


O = sd.sigmoid(H @ W2)
DELTA = (O - T) * O * (1 - O)
G1 = X.T @ ((DELTA @ W2.T) * H * (1 - H))
e = 1 + 1e-9
PLANTED = {
    "whole": G1 * e,
    "output": X.T @ ((((O - T * e) * O * (1 - O)) @ W2.T) * H * (1 - H)),
    "slope": X.T @ ((((O - T) * O * (1 - O * e)) @ W2.T) * H * (1 - H)),
    "hidden": X.T @ ((DELTA @ W2.T) * H * (1 - e * H)),
    "one entry": G1 + 1e-9 * sd.outer(sd.eye(p)[0], sd.eye(h)[0]) * G1,
    "one sample": G1 + 1e-9 * sd.outer(X[0], ((DELTA @ W2.T) * H * (1 - H))[0]),
}  # fmt: skip


@pytest.mark.parametrize("where", PLANTED)
def test_a_planted_error_of_one_in_a_thousand_million_is_caught(where):
    (check,) = by_tape(LOSS, {"W1": PLANTED[where]}, {"W1": W1})
    assert check.verdict == "FAILED"
    assert check.error > 1e-12


@pytest.mark.parametrize("loss, right, wrong", [
    (sd.sigmoid(z), sd.sigmoid(z) * sd.sigmoid(-z), sd.sigmoid(z) * sd.sigmoid(-z) * e),
    (sd.softplus(z) ** 2, 2 * sd.softplus(z) * sd.sigmoid(z), 2 * sd.softplus(z) * sd.sigmoid(z) + 1e-9 * sd.sigmoid(z)),
    (sd.relu(z) * z, 2 * sd.relu(z), 2 * sd.relu(z) * e),
    (sd.tanh(z) * 3, 3 * (1 - sd.tanh(z) ** 2), 3 * (1 - sd.tanh(z) ** 2 * e)),
    (sd.exp(-(z**2)), -2 * z * sd.exp(-(z**2)), -2 * z * e * sd.exp(-(z**2))),
    (sd.log(1 + z**2), 2 * z / (1 + z**2), 2 * z / (1 + z**2 * e)),
])  # fmt: skip
def test_scalars(loss, right, wrong):
    assert by_tape(loss, {"z": right}, {"z": z})[0].verdict == "ok"
    assert by_tape(loss, {"z": wrong}, {"z": z})[0].verdict == "FAILED"


def test_an_error_at_saturated_inputs_only_is_caught():
    """The wrong part is 0 in floats wherever |z| is moderate, and all there is at z = 40."""
    wrong = sd.sigmoid(z) * sd.sigmoid(-z) + 1e-3 * sd.sigmoid(z - 36) * sd.sigmoid(-z)
    assert by_tape(sd.sigmoid(z), {"z": wrong}, {"z": z})[0].verdict == "FAILED"


def test_samples_saturate_and_obey_facts():
    at = sample(LOSS, {"W1": G1}, {"W1": W1})
    assert len(at) == POINTS >= 20
    assert {s.kind for s in at} >= {"normal", "saturated", "tiny", "huge", "near zero"}
    assert max(float(np.max(np.abs(s.values["X"] @ s.values["W1"] + s.values["b1"]))) for s in at) > 40
    assert {s.values["X"].shape for s in at} >= {(1, 1)}
    facts = {
        "a": ("positive", lambda v: np.all(v > 0)),
        "b": ("orthogonal", lambda v: np.allclose(v @ v.T, np.eye(3))),
        "c": ("posdef", lambda v: np.all(np.linalg.eigvalsh(v) > 0) and np.allclose(v, v.T)),
        "d": ("onehot", lambda v: set(v.ravel()) == {0.0, 1.0} and np.all(v.sum(axis=1) == 1)),
        "e": ("diagonal", lambda v: np.all(v == np.diag(np.diag(v)))),
        "f": ("unit", lambda v: np.all((v > 0) & (v < 1))),
        "h": ("simplex", lambda v: np.allclose(v.sum(axis=-1), 1) and np.all(v > 0)),
        "i": (("symmetric", "positive"), lambda v: np.all(v == v.T) and np.all(v > 0)),
        "j": (("diagonal", "posdef"), lambda v: np.all(v == np.diag(np.diag(v))) and np.all(np.diag(v) > 0)),
        "g": ("symmetric", lambda v: np.all(v == v.T)),
    }
    nodes = [sd.tensor(name, 3, 3, facts=fact).node for name, (fact, _) in facts.items()]
    for sampled in samples(nodes, [], 20, lambda values: True):
        for name, (_, holds) in facts.items():
            assert holds(sampled.values[name]), name


def test_logarithms_get_positive_inputs():
    loss = sd.sum(sd.log(x)) + sd.sqrt(z)
    gradients = {"x": 1 / x, "z": 1 / (2 * sd.sqrt(z))}
    checks = by_tape(loss, gradients, {"x": x, "z": z})
    assert [c.verdict for c in checks] == ["ok", "ok"] and checks[0].points >= 20


def test_nothing_to_compare_is_a_failure():
    (check,) = by_tape(sd.log(-sd.exp(z)), {"z": sd.tensor("z") * 0 + 1}, {"z": z})
    assert check.verdict == "FAILED" and "finite" in check.note


def test_precise_values_of_what_floats_cannot_compute():
    a = sd.sigmoid(z)
    assert evaluate_precisely(a * (1 - a), {"z": 40.0}) == pytest.approx(np.exp(-40.0), rel=1e-15, abs=0)
    assert evaluate_precisely(a * (1 - a), {"z": 600.0}) == pytest.approx(np.exp(-600.0), rel=1e-13, abs=0)


# --- reports ---------------------------------------------------------------------------------------------------------


def test_gradients_are_proved_and_compared():
    derived = sd.derive(LOSS, [W1, W2])
    checks = verify_gradients(LOSS, derived.gradients, derived.wrt)
    assert [c.verdict for c in checks[:2]] == ["PROVED", "PROVED"]
    assert all(c.ok for c in checks)
    wrong = verify_gradients(LOSS, {"W2": derived.gradients["W2"] * 2}, {"W2": W2})
    assert wrong[0].verdict == "REFUTED" and wrong[1].verdict == "FAILED"


DERIVATIONS = {
    "network": (LOSS, [W1, b1, W2]),
    "cross-entropy": (sd.cross_entropy(sd.softmax(x), y), [x]),
    "maximum": (sd.max(x) * sd.sum(x), [x]),
    "matrix": (sd.logdet(sd.tensor("A", 3, 3)) + sd.sum(sd.inv(sd.tensor("A", 3, 3)) ** 2), ["A"]),
    "power": (z**t + sd.gelu(z) * sd.arctan(t), [z, t]),
    "kinks": (sd.sum(sd.relu(x) * sd.abs(x)), [x]),
}  # fmt: skip


@pytest.mark.parametrize("name", DERIVATIONS)
def test_every_step_is_proved(name):
    loss, wrt = DERIVATIONS[name]
    checks = verify_steps(sd.derive(loss, wrt).steps)
    assert checks and [c for c in checks if c.verdict != "PROVED"] == []


@pytest.mark.parametrize("name", ["network", "cross-entropy", "matrix", "power"])
def test_a_corrupted_step_is_caught(name):
    loss, wrt = DERIVATIONS[name]
    steps = sd.derive(loss, wrt).steps
    assert any(step.before.node.op == "partial" for step in steps)
    for number, step in enumerate(steps):
        wrong = Step(step.rule, step.before, step.after * (1 + 1e-12), step.of)
        corrupted = [*steps[:number], wrong, *steps[number + 1 :]]
        checks = verify_steps([corrupted[number]])
        zero = step.after.node.op == "const" and step.after.node.attr == 0
        assert zero or checks[0].verdict == "REFUTED", step


def test_a_wrong_rule_for_a_local_partial_is_caught():
    node = build.partial(sd.sigmoid(x).node, x.node)
    before = sd.Expr(build.Term(node, (0, 1)), node.shape)
    a = sd.sigmoid(x)
    right, wrong = sd.diag(a * (1 - a)), sd.diag(a * (1 + a))
    assert [c.verdict for c in verify_steps([Step(Rule("r"), before, right), Step(Rule("r"), before, wrong)])] == ["PROVED", "REFUTED"]


def test_a_step_between_different_shapes_is_not_proved():
    (check,) = verify_steps([Step(Rule("r"), X, W1)])
    assert check.verdict == "UNKNOWN" and not check.ok


def test_the_margin_is_measured_not_assumed(monkeypatch):
    """Without the disturbed runs there is no room at all: the tolerance alone holds at well-conditioned inputs."""
    monkeypatch.setattr(oracles, "MARGIN", 0.0)
    monkeypatch.setattr(sys.modules["symdl.prove.samples"], "KINDS", ("normal",))
    assert by_tape(sd.sum(sd.sigmoid(x)), {"x": sd.sigmoid(x) * sd.sigmoid(-x)}, {"x": x})[0].verdict == "ok"


def test_a_size_that_stands_on_no_input():
    n, p, s = *sd.dims("n p"), sd.tensor("s")
    report = sd.derive(sd.sum(sd.ones(n, p)) * s**2, s).verify()
    assert report.ok, str(report)
