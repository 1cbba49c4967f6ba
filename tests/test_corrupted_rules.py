"""A rule of the differentiator that is wrong by a billionth: every oracle sees it, and so do the proofs. The oracles read no rule of the table."""

import dataclasses
from fractions import Fraction

import pytest

import symdl as sd
from symdl.diff import local
from symdl.functions import TABLE
from symdl.prove.oracles import ORACLES, compare
from symdl.prove.verify import verify_gradients, verify_steps

n = sd.dims("n")
x, y, z = sd.tensor("x", n), sd.tensor("y", n), sd.tensor("z")
WRONG = 1 + Fraction(1, 10**9)


@pytest.fixture
def corrupted(monkeypatch):
    """A way to make the derivative of a function wrong; what was cached of it is forgotten before and after."""

    def corrupt(name):
        right = TABLE[name].derivatives
        wrong = tuple(lambda *args, rule=rule: rule(*args) * WRONG.numerator / WRONG.denominator for rule in right)
        monkeypatch.setitem(TABLE, name, dataclasses.replace(TABLE[name], derivatives=wrong))
        local.slope_pieces.cache_clear()

    yield corrupt
    monkeypatch.undo()
    local.slope_pieces.cache_clear()


LOSSES = {
    "tanh": sd.sum(sd.tanh(x * y) * x),
    "softplus": sd.sum(sd.softplus(x) * y),
    "erf": sd.sum(sd.erf(x) * y**2),
    "log": sd.sum(sd.log(1 + x**2) * y),
}  # fmt: skip


@pytest.mark.parametrize("name", LOSSES)
def test_a_corrupted_rule_is_caught_by_everybody(corrupted, name):
    corrupted(name)
    derived = sd.derive(LOSSES[name], x)
    for oracle, source in ORACLES.items():
        if source.needs:
            pytest.importorskip(source.needs)
        (said,) = compare(derived.loss, derived.gradients, derived.wrt, 6, oracles=oracle)
        assert said.verdict == "FAILED" and said.error > 1e-12, (oracle, said)
    assert verify_gradients(derived.loss, derived.gradients, derived.wrt, oracles="tape")[0].verdict == "REFUTED"
    assert "REFUTED" in {c.verdict for c in verify_steps(derived.steps)}


def test_the_right_rule_holds_again():
    assert sd.derive(LOSSES["tanh"], x).verify(oracles="all").verdict == "PROVED"
