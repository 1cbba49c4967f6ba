"""Where a refuted claim is wrong: the edit that mends it is named, and what it gives is right."""

from __future__ import annotations

import pytest

import symdl as sd
from symdl.mend import find_edit

n, p, h, m = sd.dims("n p h m")
i, j = sd.indices("i j")
X, w, y, A, v = sd.tensor("X", n, p), sd.tensor("w", p), sd.tensor("y", n), sd.tensor("A", p, p), sd.tensor("v", p)
s = sd.sigmoid(X @ w)
LOSS = sd.sum((s - y) ** 2) / 2
RIGHT = X.T @ ((s - y) * s * (1 - s))
W1, W2, T = sd.tensor("W1", p, h), sd.tensor("W2", h, m), sd.tensor("T", n, m)
H = sd.let("H", sd.sigmoid(X @ W1))
O = sd.let("O", sd.sigmoid(H @ W2))
NET = sd.sum((O - T) ** 2) / 2
D2 = (O - T) * O * (1 - O)

CASES = {
    "sign": (LOSS, w, -RIGHT, "the sign is wrong"),
    "sign of a term": (LOSS, w, X.T @ ((s + y) * s * (1 - s)), "the sign of the term y is wrong"),
    "sign inside": (LOSS, w, X.T @ ((s - y) * s * (1 + s)), "the sign of the term sigmoid(X @ w) is wrong"),
    "factor 2": (LOSS, w, 2 * RIGHT, "a factor 2 too many"),
    "half": (LOSS, w, RIGHT / 2, "a factor 2 is missing"),
    "size": (LOSS, w, RIGHT / n, "a factor n is missing"),
    "slope forgotten": (LOSS, w, X.T @ (s - y), "the factor sigmoid(X @ w) * (1 - sigmoid(X @ w)) is missing"),
    "half of the slope forgotten": (LOSS, w, X.T @ ((s - y) * s), "the factor 1 - sigmoid(X @ w) is missing"),
    "a power too many": (LOSS, w, X.T @ ((s - y) * s * s * (1 - s)), "the power of sigmoid(X @ w) should be 1"),
    "quadratic form": (w @ A @ w, w, 2 * A @ w, "right only when A is symmetric"),
    "term forgotten": (w @ A @ w, w, A @ w, "the term A.T @ w is missing"),
    "term too many": (w @ A @ w, w, A @ w + A.T @ w + w, "the term w does not belong there"),
    "transpose": (sd.logdet(A), A, sd.inv(A), "it should be transposed"),
    "transposed factor": (v @ A @ w, w, A @ v, "transposed"),
    "slope of the hidden layer": (NET, W1, X.T @ ((D2 @ W2.T) * H), "the factor 1 - sigmoid(X @ W1) is missing"),
    "slope of the output": (NET, W2, H.T @ (O - T), "is missing at O - T"),
    "power": (sd.sum(w**3), w, 3 * w, "the power of w should be 2"),
    "number": (sd.sum(w**3), w, w**2, "a factor 3 is missing"),
    "another tensor": (sd.sum(sd.exp(w) * v), v, sd.exp(v), "v should be w"),
    "wrong index": (sd.sum(A[i, j] * w[i] * v[j], i, j), A, sd.outer(w, w), "w should be v"),
}


@pytest.mark.parametrize("name", CASES)
def test_the_edit_that_mends_is_named(name):
    loss, wrt, claim, said = CASES[name]
    verdict = sd.check(loss, wrt, claim)
    assert verdict.verdict == "REFUTED" and verdict.witness is not None
    assert said in verdict.detail, verdict.detail
    assert "\n" not in verdict.detail


def test_what_no_single_edit_mends_is_refuted_all_the_same():
    verdict = sd.check(LOSS, w, v * sd.sin(w))
    assert verdict.verdict == "REFUTED" and "right would be" not in verdict.detail


def test_mended_claims_are_right():
    for loss, wrt, claim, _ in CASES.values():
        edit = find_edit(sd.grad(loss, wrt), claim)
        assert edit is not None and sd.check(loss, wrt, edit.claim).verdict == "PROVED"


def test_right_claims_are_left_alone():
    assert sd.check(LOSS, w, RIGHT).detail == ""


def test_lines_of_a_derivation_are_mended_against_the_line_before():
    text = r"\nabla_w C = X^\top((\sigma(Xw) - y) \odot \sigma'(Xw)) \\ = X^\top((\sigma(Xw) - y) \odot \sigma(Xw))"
    verdict = sd.check(LOSS, w, text)
    assert verdict.verdict == "REFUTED" and "line 2" in verdict.detail and "1 - sigmoid(X @ w) is missing" in verdict.detail
