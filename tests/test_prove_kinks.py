"""Kinks on which a point may lie all around: elements that always tie, a relu that is off inside another. Right is never refuted, wrong never proved."""

import pytest

import symdl as sd
from symdl.prove.claims import check
from symdl.prove.equal import prove

n = sd.dims("n")
a, z, v = (sd.tensor(c) for c in "azv")
x = sd.tensor("x", n)

#: Losses in which elements tie, or an argument stays on a kink, on a set that is more than a boundary.
LOSSES = {
    "two elements that always tie": (sd.max(sd.where(sd.position(3) - 1, a, sd.sum(x) - 1)), a),
    "the same, by the other": (sd.max(sd.where(sd.position(3) - 1, a, sd.sum(x) - 1)), x),
    "all elements tie": (sd.max(a * sd.ones(3)), a),
    "a maximum of relus": (sd.max(sd.relu(sd.tensor("y", 3))), sd.tensor("y", 3)),
    "a maximum of clipped numbers": (sd.max(sd.hardtanh(sd.tensor("y", 2))), sd.tensor("y", 2)),
    "the larger of two relus": (sd.max(sd.stack([sd.relu(z), sd.relu(v)])), z),
    "relu6 of relu": (sd.relu6(sd.relu(z)), z),
    "relu6 of relu6": (sd.relu6(sd.relu6(z)), z),
    "hard sigmoid at its bound": (sd.hardsigmoid(3 * sd.hardtanh(z)), z),
    "hard swish at its bound": (sd.hardswish(3 * sd.hardtanh(z)), z),
    "relu of what is always zero": (sd.sum(sd.relu(sd.sin(x) ** 2 + sd.cos(x) ** 2 - 1)), x),
    "abs of what is always zero": (sd.sum(sd.abs(sd.sin(x) ** 2 + sd.cos(x) ** 2 - 1)), x),
}  # fmt: skip


@pytest.mark.parametrize("name", LOSSES)
def test_every_step_over_a_lasting_kink_is_proved(name):
    loss, wrt = LOSSES[name]
    derivation = sd.derive(loss, wrt)
    assert check(loss, wrt, derivation[wrt]).proved
    for step in derivation.steps:
        assert prove(step.before, step.after).proved, f"{step.rule.name}: {step.before} = {step.after}"


@pytest.mark.parametrize("name", LOSSES)
def test_twice_the_gradient_and_more_is_not(name):
    loss, wrt = LOSSES[name]
    right = sd.derive(loss, wrt)[wrt]
    for wrong in (right + sd.ones(*wrt.shape), 2 * right + sd.ones(*wrt.shape) * 1e-12):
        verdict = check(loss, wrt, wrong)
        # Intervals cannot tell that sin(x)**2 + cos(x)**2 - 1 is not just small.
        assert verdict.verdict == "REFUTED" or ("always zero" in name and not verdict.proved)


def test_the_value_on_a_lasting_kink_counts():
    """Conditions are strict or not: at z < 0, relu(z) is 0, where the indicator is 0 and its opposite is 1."""
    assert prove(sd.positive(sd.relu(z)), sd.positive(z)).proved
    assert not prove(1 - sd.positive(-sd.relu(z)), sd.positive(z)).proved
    assert prove(sd.sign(sd.relu(z)), sd.positive(z)).proved
    assert prove(sd.where(sd.relu(z), 2, 3), 3 - sd.positive(z)).proved
