"""Induction: recurrences that are equal for every number of steps, backpropagation through them, and that a slip is caught."""

from __future__ import annotations

from typing import Any

import pytest

import symdl as sd
from symdl.prove.claims import check
from symdl.steps.step import Step

L, T, h, p = sd.dims("L T h p")
W, b = sd.tensor("W", L, h, h), sd.tensor("b", L, h)
x, y = sd.tensor("x", h), sd.tensor("y", h)
U, V, X, Y = sd.tensor("U", h, h), sd.tensor("V", p, h), sd.tensor("X", T, p), sd.tensor("Y", T, h)


def network(name: str = "a", body: Any = None) -> sd.Expr:
    return sd.recur(name, x, body or (lambda prev, l: sd.sigmoid(W[l] @ prev + b[l])), L)


def through(loss: sd.Expr, wrt: list[sd.Expr]) -> list[Step]:
    """The steps that go through a recurrence."""
    return [s for s in sd.derive(loss, wrt).steps if s.rule.name == "backpropagation through the recurrence"]


def test_the_same_recurrence_in_other_words() -> None:
    other = network("c", lambda prev, l: 1 - sd.sigmoid(-(b[l] + W[l] @ prev)))
    for left, right in ((network()[-1], other[-1]), (sd.sum(network() ** 2), sd.sum(other * network())), (network()[1:], other[1:])):
        verdict = sd.prove(left, right)
        assert verdict.verdict == "PROVED" and "induction over the steps, for every number of them" in verdict.method
        assert "base" in verdict.method and "step" in verdict.method


def test_another_start_or_another_step_is_refuted() -> None:
    wrong_step = network("c", lambda prev, l: sd.sigmoid(W[l] @ prev - b[l]))
    assert sd.prove(network()[-1], wrong_step[-1]).verdict == "REFUTED"
    wrong_start = sd.recur("c", 2 * x, lambda prev, l: sd.sigmoid(W[l] @ prev + b[l]), L)
    assert sd.prove(network()[-1], wrong_start[-1]).verdict == "REFUTED"
    assert sd.prove(network()[1:], network()[:-1]).verdict == "REFUTED"


def rnn_losses() -> dict[str, tuple[sd.Expr, list[sd.Expr]]]:
    s = sd.recur("s", x, lambda prev, t: sd.tanh(sd.let("z", U @ prev + X[t] @ V)), T)
    a = network()
    return {
        "final": (sd.sum((a[-1] - y) ** 2) / 2, [W, b, x]),
        "all": (sd.sum(a**3), [W, b, x]),
        "after": (sd.sum((s[1:] - Y) ** 2) / 2, [U, x]),
        "before": (sd.sum(s[:-1] ** 2), [U, x]),
        "with another use": (sd.sum((s[1:] - Y) ** 2) + sd.sum(U**2), [U]),
    }


@pytest.mark.parametrize("name", rnn_losses())
def test_backpropagation_is_proved_by_induction(name: str) -> None:
    steps = through(*rnn_losses()[name])
    assert steps
    for step in steps:
        verdict = sd.prove(step.before, step.after)
        assert verdict.verdict == "PROVED" and verdict.method.startswith("induction"), (step.of, str(verdict))
        assert "base" in verdict.method and "step" in verdict.method and "conclusion" in verdict.method


@pytest.mark.parametrize("name", ["final", "after"])
def test_a_corrupted_gradient_is_refuted(name: str) -> None:
    loss, wrt = rnn_losses()[name]
    for step in through(loss, wrt):
        for wrong in (2 * step.after, -step.after):
            assert sd.prove(step.before, wrong).verdict == "REFUTED"


def error_terms(sign: int, start: Any) -> sd.Expr:
    """The derivative by the states, written by hand, with a sign that may be wrong."""
    a = network()
    return sd.recur("e", start, lambda after, l: sign * W[l].T @ (after * a[1:][l] * (1 - a[1:][l])), L, reverse=True)


def test_a_recurrence_written_by_hand() -> None:
    a = network()
    loss = sd.sum((a[-1] - y) ** 2) / 2
    e = error_terms(1, a[-1] - y)
    claim = e[1:] * a[1:] * (1 - a[1:])
    assert sd.check(loss, b, claim).verdict == "PROVED"
    (step,) = through(loss, [b])
    verdict = sd.prove(step.before, claim)
    assert verdict.verdict == "PROVED" and verdict.method.startswith("induction")
    assert sd.check(loss, x, e[0]).verdict == "PROVED"


@pytest.mark.parametrize("slip", ["sign", "start", "shifted"])
def test_a_slip_in_a_recurrence_written_by_hand(slip: str) -> None:
    a = network()
    loss = sd.sum((a[-1] - y) ** 2) / 2
    e = error_terms(-1 if slip == "sign" else 1, y - a[-1] if slip == "start" else a[-1] - y)
    claim = (e[:-1] if slip == "shifted" else e[1:]) * a[1:] * (1 - a[1:])
    (step,) = through(loss, [b])
    assert sd.prove(step.before, claim).verdict == "REFUTED"
    assert sd.check(loss, b, claim).verdict == "REFUTED"


def test_verified_as_a_whole() -> None:
    report = sd.derive(rnn_losses()["final"][0], [b]).verify()
    assert report.ok and report.verdict == "PROVED"
    assert any("induction" in c.how for c in report)


def test_every_step_of_a_derivation_holds_for_every_size() -> None:
    """The steps beside the recurrence do not depend on what the states are."""
    for step in sd.derive(rnn_losses()["final"][0], [W, b, x]).steps:
        verdict = sd.prove(step.before, step.after)
        assert verdict.verdict == "PROVED" and "every" in verdict.method, (step.of, str(verdict))


def test_powers_of_states_that_are_products() -> None:
    """(u v)**2 is opened where it is a factor; the partial by it is a partial still."""
    states = sd.recur("s", x, lambda prev, t: sd.sigmoid(U @ prev) * sd.tanh(prev), T)
    steps = sd.derive(sd.sum(states[1:] ** 2), [U]).steps
    before = [s for s in steps if s.rule.name == "chain rule"]
    assert before
    for step in (*before[:1], *through(sd.sum(states[1:] ** 2), [U])):
        verdict = sd.prove(step.before, step.after)
        assert verdict.verdict == "PROVED", str(verdict)


def whole_losses() -> dict[str, tuple[sd.Expr, list[sd.Expr]]]:
    s = sd.recur("s", x, lambda prev, t: sd.tanh(U @ prev + X[t] @ V), T)
    out = s[1:]
    second = sd.recur("q", x, lambda prev, t: sd.tanh(W[0] @ prev + out[t]), T)
    decoder = sd.recur("d", s[-1], lambda prev, k: sd.sigmoid(W[k] @ prev + b[k]), L)
    N = sd.dims("N")
    xs, start, cell = sd.tensor("xs", T, N, p), sd.tensor("start", N, h), sd.tensor("cell", N, h)
    Wx, Wh = sd.tensor("Wx", 4 * h, p), sd.tensor("Wh", 4 * h, h)
    lstm = sd.lstm(xs, (start, cell), Wx, Wh)[0]
    return rnn_losses() | {
        "cross-entropy at every step": (-sd.sum(Y * sd.log_softmax(out, axis=1)), [U, V, X, x]),
        "all states, inside a function": (sd.sum(sd.tanh(network())), [W, b, x]),
        "two layers": (sd.sum((second[1:] - Y) ** 2), [U, V, W, x]),
        "two layers, final": (sd.sum((second[-1] - y) ** 2), [U, V, x]),
        "one starts where the other ends": (sd.sum((decoder[-1] - y) ** 2), [U, V, W, b, x]),
        "lstm": (sd.mse_loss(lstm, sd.tensor("target", T, N, h)), [Wx, Wh]),
    }


@pytest.mark.parametrize("name", whole_losses())
def test_a_gradient_through_recurrences_is_proved_as_a_whole(name: str) -> None:
    loss, wrt = whole_losses()[name]
    for by, gradient in zip(wrt, (sd.derive(loss, wrt)[v] for v in wrt), strict=True):
        verdict = sd.check(loss, by, gradient)
        assert verdict.verdict == "PROVED" and verdict.method.startswith("induction over the steps, for every number of them"), (by, str(verdict))
        assert "at sizes" not in verdict.method


@pytest.mark.parametrize("name", ["after", "all", "two layers", "one starts where the other ends"])
def test_a_wrong_gradient_through_recurrences_is_refuted(name: str) -> None:
    loss, wrt = whole_losses()[name]
    for by in wrt[:2]:
        right = sd.derive(loss, by)[by]
        for wrong in (2 * right, -right, right + 1e-9 * by, right * (1 + 1e-12)):
            assert check(loss, by, wrong).verdict == "REFUTED"


@pytest.mark.parametrize("slip", ["sign", "start", "shifted"])
def test_a_slip_in_the_error_terms_is_refuted_as_a_whole(slip: str) -> None:
    a = network()
    e = error_terms(-1 if slip == "sign" else 1, y - a[-1] if slip == "start" else a[-1] - y)
    claim = (e[:-1] if slip == "shifted" else e[1:]) * a[1:] * (1 - a[1:])
    assert check(sd.sum((a[-1] - y) ** 2) / 2, b, claim).verdict == "REFUTED"
