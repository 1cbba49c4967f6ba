"""The derivation scripts of the tensor calculus: they hold, and a claim that is off by a sign or a term is refuted."""

from __future__ import annotations

import pytest
import sympy as sp
from scripts import assert_both_languages, assert_holds_and_prints, page

import symdl as sd
from symdl.steps.page import Claim

NAMES = ("sigmoid_powers", "sigmoid_regression", "softmax", "logistic_regression", "normalization", "attention", "gaussian")


@pytest.mark.parametrize("name", NAMES)
def test_page_has_both_languages(name: str) -> None:
    assert_both_languages(name)


@pytest.mark.parametrize("name", NAMES)
def test_page_holds_and_prints(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert_holds_and_prints(name, capsys)


def is_zero(value: object) -> bool:
    return value == 0 if isinstance(value, (int, sp.Basic)) else sd.prove(value, 0 * value).verdict == "PROVED"  # type: ignore[operator]


@pytest.mark.parametrize("name", NAMES)
def test_wrong_claims_are_refuted(name: str) -> None:
    claims = [b for b in page(name).blocks if isinstance(b, Claim)]
    assert claims
    for claim in claims:
        for wrong in (-claim.rhs, claim.rhs + 1):  # type: ignore[operator]
            if not (wrong == -claim.rhs and is_zero(claim.rhs)):
                assert sd.prove(claim.lhs, wrong).verdict == "REFUTED", (claim.rule.name, wrong)
