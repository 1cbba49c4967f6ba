"""The derivation scripts least_squares, gradient_descent, textbooks: they hold, and they notice when something does not."""

from __future__ import annotations

import sys
from dataclasses import replace
from functools import cache
from typing import Any

import numpy as np
import pytest
import sympy as sp
from scripts import assert_both_languages, page, script

import symdl as sd
from symdl.steps.page import Claim, Derived, Fact, Figure
from symdl.steps.verdict import Report

NAMES = ("least_squares", "gradient_descent", "textbooks")
SMALL = sp.Rational(1, 10**9)


@pytest.fixture(autouse=True)
def _needs_examples(request: pytest.FixtureRequest) -> None:
    if "least_squares" in str(request.node.name) and "missing" not in request.node.name:
        pytest.importorskip("sklearn")


@cache
def report(name: str) -> Report:
    return sd.verify_page(page(name))


def blocks(name: str, kind: type) -> list[Any]:
    return [b for b in page(name).blocks if isinstance(b, kind)]


@pytest.mark.parametrize("name", NAMES)
def test_page_holds(name: str) -> None:
    assert report(name).ok, str(report(name))
    assert page(name).name == name and page(name).title_zh


@pytest.mark.parametrize("name", NAMES)
def test_page_has_both_languages(name: str) -> None:
    assert_both_languages(name)


@pytest.mark.parametrize("name", NAMES)
def test_page_derives_and_compares(name: str) -> None:
    assert blocks(name, Derived) and blocks(name, Fact)


@pytest.mark.parametrize("name", ["least_squares", "gradient_descent"])
def test_every_claim_corrupted_is_caught(name: str) -> None:
    """Off by one part in 10^9, no claim is proved any more; those of scalars are refuted."""
    for claim in blocks(name, Claim):
        bad = replace(claim, rhs=claim.rhs * (1 + SMALL) + SMALL)
        found = sd.verify_page(sd.Page("corrupted", blocks=[bad]))
        assert not found.ok and found.verdict == "REFUTED", f"{claim.rule.name}: {found}"


@pytest.mark.parametrize("name", NAMES)
def test_every_fact_corrupted_is_caught(name: str) -> None:
    for fact in blocks(name, Fact):
        if isinstance(fact.expected, bool):
            wrong: Any = not fact.expected
        elif isinstance(fact.expected, str):
            wrong = fact.expected + "0"
        else:
            expected = np.asarray(fact.expected, float)
            wrong = expected + 3 * fact.tol * (np.max(np.abs(expected)) or 1)
        assert not sd.verify_page(sd.Page("corrupted", blocks=[replace(fact, expected=wrong)])).ok, fact.what


def test_corrupted_claim_exits_1(capsys: pytest.CaptureFixture[str]) -> None:
    good = blocks("gradient_descent", Claim)[0]
    assert sd.run_page(sd.Page("corrupted", blocks=[replace(good, rhs=good.rhs * (1 + SMALL))])) == 1
    assert "REFUTED" in capsys.readouterr().out


def test_corrupted_fact_exits_1(capsys: pytest.CaptureFixture[str]) -> None:
    assert sd.run_page(sd.Page("corrupted").fact("one", 1.0 + 1e-9, 1.0)) == 1
    assert "FAILED" in capsys.readouterr().out


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("name", NAMES)
def test_page_prints_in_both_languages(name: str, lang: str) -> None:
    from symdl.render.page import page_latex

    shown = page_latex(page(name), lang)
    title = page(name).title if lang == "en" else page(name).title_zh
    assert title in shown
    assert shown.count("{") == shown.count("}")


def test_script_runs_as_a_program() -> None:
    import subprocess

    from scripts import FOLDER

    done = subprocess.run([sys.executable, str(FOLDER / "gradient_descent.py")], capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr
    assert "hold: PROVED" in done.stdout


# --- what the pages are made of ---------------------------------------------------------------------------------


def test_least_squares_line_solution_solves_any_data() -> None:
    names = sp.symbols("a b n S_x S_y S_xx S_xy")
    slope, intercept = script("least_squares").solve_line(*names)
    rng = np.random.default_rng(3)
    x, y = rng.normal(size=17), rng.normal(size=17)
    sums = dict(zip(names[2:], (17, x.sum(), y.sum(), x @ x, x @ y), strict=True))
    assert [float(e.subs(sums)) for e in (slope, intercept)] == pytest.approx(list(np.polyfit(x, y, 1)), rel=1e-12)


def test_missing_scikit_learn_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "sklearn", None)
    monkeypatch.setitem(sys.modules, "sklearn.datasets", None)
    with pytest.raises(sd.MissingExtraError, match=r"scikit-learn: pip install 'symdl\[examples\]'") as caught:
        script("least_squares").diabetes()
    assert "\n" not in str(caught.value)


def test_picture_shows_the_path() -> None:
    figures = blocks("gradient_descent", Figure)
    assert len(figures) == 1 and figures[0].svg.startswith("<svg") and figures[0].svg.rstrip().endswith("</svg>")


@pytest.mark.parametrize(
    ("eigenvalues", "kind"),
    [([1, 2], "minimum"), ([-2, -1], "maximum"), ([-1, 3], "saddle"), ([0, 1], "undecided"), ([-1, 0], "undecided"), ([-1, 0, 1], "saddle")],
)
def test_classify(eigenvalues: list[int], kind: str) -> None:
    assert script("gradient_descent").classify([sp.Integer(e) for e in eigenvalues]) == kind


@pytest.mark.parametrize(("share", "fate"), [(0.1, "tends to 0"), (0.5, "tends to 0"), (0.999, "neither"), (1.001, "neither"), (1.2, "grows without bound")])
def test_stable_learning_rate_of_another_quadratic(share: float, fate: str) -> None:
    """200 steps on a quadratic in three variables whose largest eigenvalue is 9."""
    u = sd.tensor("u", 3)
    rotation = np.linalg.qr(np.random.default_rng(5).normal(size=(3, 3)))[0]
    matrix = rotation @ np.diag([9.0, 4.0, 6.0]) @ rotation.T
    cost = sum((float(matrix[i, j]) * u[i] * u[j] for i in range(3) for j in range(3)), 0 * u[0]) / 2
    path = script("gradient_descent").descend(cost, np.ones(3), share * 2 / 9, 200)
    assert script("gradient_descent").fate(path) == fate


def test_hessian_matrix_is_sympys() -> None:
    u = sd.tensor("u", 3)
    x = sp.symbols("x0:3")
    formula = lambda v: v[0] ** 3 * v[1] + sd.sin(v[1] * v[2]) + v[2] ** 4  # noqa: E731
    ours = script("gradient_descent").hessian_matrix(formula(u), u).subs({u[k].sympy: x[k] for k in range(3)})
    assert (ours - sp.hessian(formula(x), x)).expand() == sp.zeros(3, 3)
