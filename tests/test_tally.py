"""The last line of a verification says what was proved, and never that something holds and is unknown."""

import re

import pytest

from symdl.render.html import report_table
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


@pytest.mark.parametrize(("verdicts", "line"), CASES)
def test_pages_say_the_same(verdicts, line):
    report = Report("", [Check("gradient", "somehow", v) for v in verdicts])
    told, verdict = line.rsplit(": ", 1)
    page = report_table(report, "en")
    title = re.sub("<[^>]*>", " ", page.splitlines()[0]).split()
    assert title == ["Verification:", *told.split(), verdict]
    assert ("hold" in page) == (verdict == "PROVED")


@pytest.mark.parametrize(("verdicts", "line"), CASES)
def test_pages_say_it_in_chinese(verdicts, line):
    title = report_table(Report("", [Check("gradient", "somehow", v) for v in verdicts]), "zh").splitlines()[0]
    shown = re.sub("<[^>]*>", "", title)
    assert not re.search("[A-Za-z]", shown)
    assert sorted(re.findall(r"\d+", shown)) == sorted({"2"} if "hold" in line else re.findall(r"\d+", line))
    assert ("成立" in shown) == ("hold" in line)
