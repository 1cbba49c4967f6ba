"""ADBench's objectives: values and derivatives are the published ones, by ADBench's measure; a wrong one is noticed."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import numpy as np
import pytest

import symdl as sd

FOLDER = Path(__file__).parent.parent / "benchmarks" / "adbench"
if not FOLDER.is_dir():
    pytest.skip("benchmarks/ is not here", allow_module_level=True)

#: ADBench's tolerance.
CLOSE = 1e-6


@pytest.fixture(scope="module")
def bench():
    """The benchmark's modules, imported as its command does."""
    sys.path.insert(0, str(FOLDER))
    try:
        yield {name: importlib.import_module(name) for name in ("instances", "objectives", "formulas", "gmm", "lstm", "ba", "hand", "by_hand")}
    finally:
        sys.path.remove(str(FOLDER))


def agrees(bench, order, run, instance):
    value, derivative = order(run(instance.arrays))
    measure = bench["objectives"].difference
    assert value is None or measure(value, instance.value) < CLOSE
    assert measure(derivative, instance.derivative) < CLOSE
    wrong = np.array(instance.derivative, dtype=float)
    wrong.flat[3] += 1e-4
    assert measure(derivative, wrong) > CLOSE


def test_gaussian_mixture(bench):
    run = bench["objectives"].gmm_symdl()
    for instance in bench["instances"].gmm():
        agrees(bench, bench["objectives"].gradient, run, instance)


def test_gaussian_mixture_with_another_prior(bench):
    """gamma and m do not stand in the published files."""
    instance = next(bench["instances"].gmm())
    lower, diagonal = triangle(2)
    expected = bench["formulas"].gmm(np, **instance.arrays, lower=lower, diagonal=diagonal, gamma=0.7, m=3)
    found = sd.evaluate(bench["gmm"].objective(gamma=0.7, m=3), **instance.arrays)
    assert found == pytest.approx(float(expected), rel=1e-12)


def triangle(d):
    places = np.full((d, d), d * (d - 1) // 2)
    places.T[np.triu_indices(d, 1)] = np.arange(d * (d - 1) // 2)
    return places.ravel(), np.eye(d)


def test_bundle_adjustment(bench):
    objectives = bench["objectives"]
    run = objectives.ba_symdl()
    (published,) = bench["instances"].ba()
    agrees(bench, objectives.ba_blocks, run, published)
    errors = sd.evaluate(sd.let("errors", bench["ba"].residual(), sd.indices("o")), **published.arrays)
    assert objectives.difference(errors[0], published.value[:2]) < CLOSE
    # Blocks of many observations are those of each.
    several = bench["instances"].ba_of(3)
    _, blocks = objectives.ba_blocks(run(several.arrays))
    for k in range(3):
        _, alone = objectives.ba_blocks(run({name: a[k : k + 1] for name, a in several.arrays.items()}))
        np.testing.assert_allclose(blocks[k], alone[0], rtol=1e-12, atol=1e-12)


def test_lstm(bench):
    run = bench["objectives"].lstm_symdl()
    instances = list(bench["instances"].lstm())
    assert [len(i.arrays["sequence"]) for i in instances] == [2, 3, 5, 9, 17, 1024]
    for instance in instances:
        agrees(bench, bench["objectives"].gradient, run, instance)


def test_hand(bench):
    objectives = bench["objectives"]
    agrees(bench, objectives.simple_jacobian, objectives.simple_symdl(), bench["instances"].hand("simple"))
    agrees(bench, objectives.complicated_jacobian, objectives.complicated_symdl(), bench["instances"].hand("complicated"))


def test_formulas_for_the_peers(bench):
    """What JAX and PyTorch differentiate is the same objective."""
    formulas, instances, difference = bench["formulas"], bench["instances"], bench["objectives"].difference
    for one in instances.gmm():
        lower, diagonal = triangle(one.arrays["x"].shape[1])
        assert difference(formulas.gmm(np, **one.arrays, lower=lower, diagonal=diagonal), one.value) < CLOSE
    for one in list(instances.lstm())[:5]:
        assert difference(formulas.lstm(np, **one.arrays), one.value) < CLOSE
    (one,) = instances.ba()
    assert difference(formulas.ba(np, **{k: v[0] for k, v in one.arrays.items()}), one.value[:2]) < CLOSE
    for variant in ("simple", "complicated"):
        one = instances.hand(variant)
        assert difference(getattr(formulas, f"hand_{variant}")(np, **one.arrays).ravel(), one.value) < CLOSE


@pytest.mark.parametrize(("name", "order"), [("ba", "ba_blocks"), ("simple", "simple_jacobian"), ("complicated", "complicated_jacobian")])
def test_what_is_derived_on_paper_is_right_too(bench, name, order):
    known = list(bench["instances"].ba()) if name == "ba" else [bench["instances"].hand(name)]
    for instance in known:
        agrees(bench, getattr(bench["objectives"], order), getattr(bench["by_hand"], name), instance)
