"""The last line of a verification says what was proved, and never that something holds and is unknown."""

import pytest

from symdl.steps.verdict import Check, Report

CASES = [
    (["PROVED", "ok"], "2 of 2 hold: PROVED"),
    (["ok"], "of 1: 0 proved, 1 in agreement by numbers only: UNKNOWN"),
    (["PROVED", "UNKNOWN", "ok"], "of 3: 1 proved, 1 in agreement by numbers only, 1 undecided: UNKNOWN"),
    (["PROVED", "FAILED"], "of 2: 1 proved, 1 wrong: REFUTED"),
    (["skipped"], "of 1: 0 proved, 1 skipped: UNKNOWN"),
    ([], "of 0: 0 proved: UNKNOWN"),
]


@pytest.mark.parametrize(("verdicts", "line"), CASES)
def test_the_last_line(verdicts, line):
    report = Report("", [Check("gradient", "somehow", v) for v in verdicts])
    assert str(report).splitlines()[-1] == line
