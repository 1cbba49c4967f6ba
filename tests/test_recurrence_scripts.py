"""The derivation scripts backprop_any_depth, rnn_through_time, descent_differentiated: proved by induction, in both languages."""

from __future__ import annotations

from functools import cache

import pytest
from scripts import assert_both_languages, page

import symdl as sd
from symdl.steps.page import Claim
from symdl.steps.verdict import Report

NAMES = ("backprop_any_depth", "rnn_through_time", "descent_differentiated")


@cache
def report(name: str) -> Report:
    return sd.verify_page(page(name))


@pytest.mark.parametrize("name", NAMES)
def test_page_holds(name: str) -> None:
    assert report(name).ok and report(name).verdict == "PROVED", str(report(name))
    assert any("induction" in c.how for c in report(name))


@pytest.mark.parametrize("name", NAMES)
def test_page_has_both_languages(name: str) -> None:
    assert_both_languages(name)


def test_a_wrong_factor_is_caught() -> None:
    """BP4 with a factor too much."""
    claim = next(b for b in page("backprop_any_depth").blocks if isinstance(b, Claim) and b.rule.name.startswith("BP4"))
    assert sd.prove(claim.lhs, 2 * claim.rhs).verdict == "REFUTED"
    assert sd.prove(claim.lhs, claim.rhs).verdict == "PROVED"
