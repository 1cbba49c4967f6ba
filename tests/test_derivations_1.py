"""The derivation scripts unit_step, sigmoid, neuron, receipt, network, cat: they hold, and they notice when something does not."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest
import sympy as sp
from scripts import FOLDER, assert_both_languages, assert_holds_and_prints, page, script

import symdl as sd
from symdl.steps.page import Claim, Fact
from symdl.steps.page import Derived as DerivedBlock

NAMES = ("unit_step", "sigmoid", "neuron", "receipt", "network", "cat")


def facts(name: str) -> dict[str, Fact]:
    return {b.what: b for b in page(name).blocks if isinstance(b, Fact)}


@pytest.mark.parametrize("name", NAMES)
def test_page_has_both_languages(name: str) -> None:
    assert_both_languages(name)


@pytest.mark.parametrize("name", NAMES)
def test_page_holds_and_prints(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert_holds_and_prints(name, capsys)


@pytest.mark.parametrize("name", NAMES)
def test_corrupted_claim_is_refuted(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    """The last claim of the page, off by a tiny factor or term."""
    good = [b for b in page(name).blocks if isinstance(b, Claim)][-1]
    small = sp.Rational(1, 10**9)
    bad = sd.Page("corrupted", blocks=[Claim(good.rule, good.lhs, good.rhs * (1 + small) + small)])
    assert sd.run_page(bad) == 1
    assert "REFUTED" in capsys.readouterr().out


def test_corrupted_fact_exits_1(capsys: pytest.CaptureFixture[str]) -> None:
    good = facts("receipt")["backward: apple_price"]
    assert sd.run_page(sd.Page("corrupted", blocks=[Fact(good.what, good.got, 2.2 * (1 + 1e-9))])) == 1
    assert "FAILED" in capsys.readouterr().out


def run(path: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, str(path)], capture_output=True, text=True, timeout=120, check=False, env={**os.environ, "PYTHONPATH": str(FOLDER.parent)}
    )


def test_run_as_a_program() -> None:
    done = run(FOLDER / "sigmoid.py")
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    assert "hold: PROVED" in done.stdout


@pytest.mark.parametrize(
    ("name", "right", "wrong"),
    [
        ("neuron", "derived[theta], -delta,", "derived[theta], delta,"),  # a sign
        ("sigmoid", 'sd.sigmoid(z) * (1 - sd.sigmoid(z)), "sigmoid', 'sd.sigmoid(z) * (1 - sd.sigmoid(-z)), "sigmoid'),
        ("receipt", '"count": 110.0, "tax"', '"count": 111.0, "tax"'),  # a number
    ],
)
def test_script_with_a_mistake_exits_1(name: str, right: str, wrong: str, tmp_path: Path) -> None:
    text = (FOLDER / f"{name}.py").read_text(encoding="utf-8")
    assert right in text
    (tmp_path / f"{name}.py").write_text(text.replace(right, wrong), encoding="utf-8")
    done = run(tmp_path / f"{name}.py")
    assert done.returncode == 1 and not done.stderr, done.stderr
    assert "REFUTED" in done.stdout


def test_receipt_numbers_of_the_article() -> None:
    one = sd.Graph.of(script("receipt").bill())
    values = dict(price=100, count=2, tax=1.1)
    assert one.forward(**values) == pytest.approx({"subtotal": 200, "total": 220})
    assert one.backward("total", **values) == pytest.approx({"price": 2.2, "count": 110, "tax": 200, "subtotal": 1.1, "total": 1})
    fruit = sd.Graph.of(script("receipt").fruit_bill()).backward("total", **script("receipt").FRUIT)
    wanted = {"apple_price": 2.2, "apple_count": 110, "orange_price": 3.3, "orange_count": 165, "tax": 650}
    assert {k: fruit[k] for k in wanted} == pytest.approx(wanted)


def test_unit_step_is_undefined_at_zero() -> None:
    assert sd.step(sp.Integer(0)) is sp.nan
    with pytest.raises(sd.DomainError):
        sd.evaluate(sd.step(sd.tensor("z")), z=0.0)
    assert sd.evaluate(sd.step(sd.tensor("z")), z=-1e-300) == 0 and sd.evaluate(sd.step(sd.tensor("z")), z=1e-300) == 1


def test_sigmoid_derivation_names_its_rules() -> None:
    z = sp.Symbol("z")
    derived = sd.derive(1 / (1 + sp.exp(-z)), z)
    rules = {s.rule.name for s in derived.steps}
    assert {"quotient rule", "chain rule", "derivative of exp", "written with the sigmoid"} <= rules
    assert derived[z] == sd.sigmoid(z) * (1 - sd.sigmoid(z))


def test_cat_gradients_at_saturation() -> None:
    found = facts("cat")
    assert found["slope of cross-entropy at z = -40, t = 1"].got == pytest.approx(-1)
    assert abs(found["slope of least squares at z = -40, t = 1"].got) == pytest.approx(4.248354255291589e-18, rel=1e-10)


@pytest.mark.parametrize("name", NAMES)
def test_pages_derive(name: str) -> None:
    """Nothing posing as derived: every page but the plain facts holds claims, and all but none a derivation."""
    kinds = {type(b) for b in page(name).blocks}
    assert {Claim, DerivedBlock} <= kinds


# --- what the pages rely on in the engine ----------------------------------------------------------------------


def test_error_term_is_named_after_the_users_own_name() -> None:
    """z named by the user has the error term delta, and sigma(z) is written y: the derivation reads delta = (y - t) y (1 - y)."""
    neuron = script("neuron")
    derived = sd.derive(neuron.C, [neuron.w, neuron.x, neuron.theta])
    shown = derived.latex()
    assert r"\delta = \frac{\partial C}{\partial z}" in shown
    assert r"\left(1 - y\right)" in shown and r"\left(1 - \sigma" not in shown


def test_softmax_gradient_has_no_needless_names() -> None:
    m = sd.dims("m")
    z, t = sd.tensor("z", m), sd.tensor("t", m)
    derived = sd.derive(sd.cross_entropy(sd.softmax(z), t), z)
    assert derived[z] == sd.softmax(z) * sd.sum(t) - t


def test_gradient_that_is_a_constant_has_the_parameters_shape() -> None:
    w = sd.tensor("w", "n")
    for loss, slope in ((sd.sum(w), 1.0), (sd.step(sd.sum(w)), 0.0)):
        _, found = sd.value_and_grad(loss, w)(w=[1.0, 2.0, 3.0])
        assert found["w"].tolist() == [slope] * 3
        assert sd.derive(loss, w).verify().ok
