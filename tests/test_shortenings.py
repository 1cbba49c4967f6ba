"""Every shortening rewrite has examples, all proved; one that is wrong is refuted, one without an example is UNKNOWN."""

import pytest

import symdl as sd
from symdl import shipped, shortenings
from symdl.cli import main
from symdl.diff.shorten import Rewrite
from symdl.diff.shorten.pieces import own
from symdl.diff.shorten.table import AT_ADJOINTS, RECOGNISED
from symdl.graph import build
from symdl.graph.node import FN
from symdl.steps.step import Rule


def test_all_are_proved():
    lines = list(shortenings.shortenings())
    assert [f"{c.what}: {c.verdict} {c.note}" for c in lines if c.verdict != "PROVED"] == []
    assert {c.what for c in lines} == {f"shortening: {r.rule.name}" for r in (*AT_ADJOINTS, *RECOGNISED)}


@pytest.mark.parametrize("factor", [2, -1])
def test_a_wrong_one_is_refuted(monkeypatch, factor):
    wrong = Rewrite(Rule("wrong", "", ""), frozenset({FN}), lambda node: build.mul(factor, [own(node)]), slack=9)
    monkeypatch.setattr(shortenings, "AT_ADJOINTS", (wrong,))
    monkeypatch.setattr(shortenings, "RECOGNISED", ())
    (line,) = shortenings.shortenings()
    assert line.verdict == "REFUTED"


def test_without_an_example_it_is_unknown(monkeypatch, capsys):
    monkeypatch.setattr(shortenings, "AT_ADJOINTS", (Rewrite(Rule("idle", "", ""), frozenset({FN}), lambda node: None),))
    monkeypatch.setattr(shortenings, "RECOGNISED", ())
    (line,) = shortenings.shortenings()
    assert line.verdict == "UNKNOWN" and not line.ok
    for part in ("rules", "rewrites", "layers_and_losses"):
        monkeypatch.setattr(shipped, part, lambda budget: iter(()))
    assert main(["verify", "--rules"]) == 2
    assert "shortening: idle" in capsys.readouterr().out
    assert isinstance(sd.Report().ok, bool)
