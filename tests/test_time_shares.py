"""Slow numeric checks do not take the time of the proofs, nor of each other."""

import time

import pytest

import symdl as sd
from symdl.prove import oracles
from symdl.prove.stop import Clock


def spend(seconds):
    end = time.thread_time() + seconds
    while time.thread_time() < end:
        pass


@pytest.fixture
def slow(monkeypatch):
    """The tape, a second for every point."""
    tape = oracles.ORACLES["tape"]

    def find(question, noise):
        spend(1.0)
        return tape.find(question, noise)

    monkeypatch.setitem(oracles.ORACLES, "tape", tape._replace(find=find, at_once=False))


def verified(oracles, seconds):
    w, X, y = sd.tensor("w", 3), sd.tensor("X", 4, 3), sd.tensor("y", 4)
    return sd.derive(sd.sum((sd.tanh(X @ w) - y) ** 2), w).verify(oracles=oracles, time_budget=seconds)


def test_steps_are_proved_though_numbers_are_slow(slow):
    report = verified(["tape"], 4.0)
    steps = [c for c in report.checks if c.what.startswith("step")]
    assert steps and all(c.verdict == "PROVED" for c in steps)
    assert any("for which there was time" in c.note for c in report.checks)


def test_a_slow_oracle_leaves_time_to_the_next(slow):
    report = verified(["tape", "complex"], 6.0)
    by_tape, by_complex = (next(c for c in report.checks if how in c.how) for how in ("tape", "complex"))
    assert by_complex.verdict == "ok" and by_complex.points > by_tape.points


def test_a_part_of_a_budget():
    clock = Clock(10.0)
    assert 4.0 < clock.part(0.5).seconds <= 5.0
    spent = Clock(0.0)
    spend(0.01)
    assert spent.part(0.5).seconds == 0.0 and spent.part(0.5).left() <= 0.0
