"""UNKNOWN names what was tried and the strongest evidence."""

import symdl as sd
from symdl.prove.claims import check
from symdl.prove.equal import prove

n, p = sd.dims("n p")
x, X, z = sd.tensor("x", n), sd.tensor("X", n, p), sd.tensor("z")


def test_agreement_in_floats_is_told_with_points_and_sizes():
    verdict = prove(sd.sum(sd.arctan(x) + sd.arctan(1 / x)) * sd.sum(x), sd.sum(sd.sign(x)) * sd.sum(x) * sd.arctan(1 + 0 * z) * 2)
    assert verdict.verdict == "UNKNOWN"
    assert "tried" in str(verdict) and "evidence: in floats the sides agree to" in str(verdict)
    assert "points" in verdict.detail and "n = " in verdict.detail


def test_no_time_leaves_the_evidence():
    heavy = sd.sum(sd.tanh(sd.softmax(X, axis=1) @ sd.softmax(X, axis=1).T) ** 3)
    verdict = check(heavy, X, sd.derive(heavy, X)[X], time_budget=0.0)
    assert verdict.verdict == "UNKNOWN"
    assert "time budget" in verdict.method and "evidence: in floats the sides agree to" in verdict.detail


def test_a_wrong_claim_that_is_not_decided_is_said_to_differ():
    heavy = sd.sum(sd.tanh(sd.softmax(X, axis=1) @ sd.softmax(X, axis=1).T) ** 3)
    verdict = check(heavy, X, 2 * sd.derive(heavy, X)[X], time_budget=0.0)
    assert verdict.verdict == "UNKNOWN" and "differ by up to" in verdict.detail


def test_where_nothing_can_be_evaluated_that_is_said():
    verdict = prove(sd.log(-sd.exp(z)), sd.log(-sd.exp(z)) + z - sd.abs(z))
    assert verdict.verdict == "UNKNOWN" and "no point was found" in verdict.detail
