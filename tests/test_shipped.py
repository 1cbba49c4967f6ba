"""What symdl ships is proved, and a wrong rule, rewrite or layer is caught."""

import dataclasses

import pytest
import sympy as sp

import symdl as sd
from symdl import shipped
from symdl.cli import main
from symdl.functions import TABLE
from symdl.lower.stabilise import Identity, identities
from symdl.shipped import Sample

#: Before any test has added one.
BUILT_IN = frozenset(TABLE)

LINES = {c.what: c for part in (shipped.rules, shipped.rewrites, shipped.layers_and_losses) for c in part()}


def test_all_of_it_is_proved():
    assert not [f"{c.what}: {c.verdict} {c.note}" for c in LINES.values() if c.verdict != "PROVED"]
    assert len(LINES) >= 170


def test_every_function_rewrite_and_argument_is_there():
    for name, entry in TABLE.items():
        if name not in BUILT_IN:  # added by another test
            continue
        assert sum(f", {name}" in what and entry.rule in what for what in LINES) >= entry.nargs, name
    assert all(f"rewrite: {i.name}" in LINES for i in identities())


def test_layers_and_losses_hold_for_every_size():
    assert not [c.what for c in LINES.values() if c.what.startswith("gradient of") and "every size" not in c.how]


@pytest.mark.parametrize("name", ["sigmoid", "tanh", "softplus", "gelu", "elu", "mish", "erf", "log", "hardtanh"])
def test_a_wrong_derivative_in_the_table_is_caught(monkeypatch, name):
    entry = TABLE[name]
    wrong = dataclasses.replace(entry, derivatives=(lambda *z: entry.derivatives[0](*z) * (1 + sp.Rational(1, 10**12)), *entry.derivatives[1:]))
    monkeypatch.setitem(TABLE, name, wrong)
    found = [c for c in shipped.rules() if c.what.startswith(f"{entry.rule}, {name}")]
    assert found[0].verdict == "REFUTED"


def test_a_wrong_rewrite_is_caught(monkeypatch):
    z = sp.Symbol("z", real=True)
    monkeypatch.setattr(shipped, "identities", lambda: [Identity("wrong", sp.log(1 + sp.exp(z)), TABLE["relu"].sympy(z))])
    assert [c.verdict for c in shipped.rewrites()] == ["REFUTED"]


def test_a_wrong_layer_is_caught(monkeypatch):
    n = sd.dims("n")
    x = sd.tensor("x", n)
    right = shipped.differentiator.derivation

    def wrong(loss, targets):
        made = right(loss, targets)
        return dataclasses.replace(made, gradients={k: g * 2 for k, g in made.gradients.items()})

    monkeypatch.setattr(shipped, "samples", lambda: [Sample("a square", lambda: sd.sum(x**2), ("x",))])
    monkeypatch.setattr(shipped.differentiator, "derivation", wrong)
    assert [c.verdict for c in shipped.layers_and_losses()] == ["REFUTED"]


def test_the_command_prints_the_table(capsys, monkeypatch):
    monkeypatch.setattr(shipped, "layers_and_losses", lambda budget: iter(()))
    assert main(["verify", "--rules"]) == 0
    out = capsys.readouterr().out
    assert "derivative of the sigmoid, sigmoid" in out and "hold: PROVED" in out
