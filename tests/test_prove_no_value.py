"""Claims without a value, sizes that fit only below, sums in coefficients, certificates of claims; and that what is right is seen at once."""

import sys
import time

import pytest
import sympy as sp

import symdl as sd
from symdl.errors import SymdlError
from symdl.model import losses
from symdl.model.normalization import group_norm
from symdl.model.recurrent import lstm_cell
from symdl.mutants.gradients import made
from symdl.mutants.judge import CAUGHT, judge
from symdl.mutants.make import Mutant
from symdl.prove.claims import named_parts
from symdl.prove.sizes import mended
from symdl.prove.stop import Unreadable
from symdl.prove.written import written_out

n, m, p, h = sd.dims("n m p h")
x, t = sd.tensor("x", n), sd.tensor("t", n)


# --- a claim that divides by zero ------------------------------------------------------------------------------------


def test_a_claim_that_divides_by_zero_is_refuted():
    verdict = sd.check(sd.sum(x**2), x, 2 * x / (sd.relu(x) - sd.maximum(x, 0)))
    assert verdict.verdict == "REFUTED", verdict
    assert "divides by zero" in verdict.detail
    assert verdict.sides[1] == "no value"
    assert verdict.sides[0] == 2 * verdict.witness["x"][0]


def test_so_is_one_that_has_a_value_in_a_far_corner_only():
    """The mutant of the clamped cross-entropy: 1/(1/2 + 0 - 1/2) wherever x > exp(-100)."""
    gradient = made("binary cross-entropy, clamped")
    tiny = sp.exp(-100)
    inputs = named_parts(gradient.loss)
    y, target = inputs["x"], inputs["t"]
    nothing = sp.Rational(1, 2) + sd.positive(tiny - y) / 2 - sd.positive(y - tiny) / 2
    claim = (-target * sd.positive(y - tiny) / nothing - sd.positive((1 - tiny) - y) * (target - 1) / sd.maximum(1 - y, tiny)) / n
    assert judge(gradient, Mutant("derivative", claim)).outcome == CAUGHT


@pytest.mark.parametrize("claim", [(x**2 - t**2) / (x - t) + x - t, 2 * x * (t - 1) / (t - 1)])
def test_a_quotient_that_is_undefined_at_single_points_is_right(claim):
    assert sd.check(sd.sum(x**2), x, claim).verdict == "PROVED"


# --- sizes ---------------------------------------------------------------------------------------------------------------


def test_sizes_that_fit_below_only():
    shape = (m - m * n + 3,)
    assert mended({m: 2, n: 3}, [], shape) in ({m: 2, n: 2}, {m: 1, n: 3}, {m: 2, n: 1})
    a = sd.tensor("a", *shape)
    assert sd.prove(sd.sigmoid(a), 1 - sd.sigmoid(-a)).verdict == "PROVED"
    assert sd.prove(sd.sigmoid(a), sd.sigmoid(-a)).verdict == "REFUTED"


def test_no_sizes_at_all():
    shape = (m - m * n,)
    with pytest.raises(Unreadable):
        mended({m: 2, n: 3}, [], shape)
    a = sd.tensor("a", *shape)
    assert sd.prove(sd.sin(a) * sd.sigmoid(a), sd.cos(a)).verdict == "UNKNOWN"


def test_least_sizes_are_kept():
    with pytest.raises(Unreadable):
        mended({m: 3, n: 3}, [], (m - m * n + 3,), {m: 3, n: 3})


# --- sums in coefficients ------------------------------------------------------------------------------------------------


def test_sums_in_coefficients_are_written_out():
    j, k = sp.symbols("j k", integer=True)
    assert written_out(sp.Sum(j**2, (j, 1, 4))) == 30
    assert written_out(sp.Sum(j * k, (j, 1, k), (k, 1, 3))) == 1 + 6 + 18
    assert written_out(sp.Product(j, (j, 1, 5))) == 120
    for wrong in (sp.Sum(j, (j, 1, n)), sp.Sum(j, (j, 1, 10**9)), sp.Sum(j, (j, 1, sp.oo))):
        with pytest.raises(Unreadable):
            written_out(wrong)


def test_a_coefficient_with_a_sum():
    j = sp.Symbol("j", integer=True)
    gamma = sp.Sum(sp.loggamma((n + 1 - j) / 2), (j, 1, n))
    loss = sd.sum(sd.exp(x)) * gamma - sd.sum(x) * sd.sum(x**2)
    assert sd.derive(loss, x).verify().verdict == "PROVED"
    assert sd.prove(gamma * sd.sin(x + t), gamma * (sd.sin(x) * sd.cos(t) + sd.cos(x) * sd.sin(t))).verdict == "PROVED"
    assert sd.prove(gamma * sd.sin(x + t), 2 * gamma * sd.sin(x + t)).verdict == "REFUTED"


# --- certificates ----------------------------------------------------------------------------------------------------------


def test_a_claim_is_certified():
    pytest.importorskip("flint")
    a, b = sd.tensor("a"), sd.tensor("b")
    loss, claim = sd.sin(a + b), sd.cos(a) * sd.cos(b) - sd.sin(a) * sd.sin(b)
    assert "error < 1e-30" in sd.check(loss, a, claim).method
    assert "over the rational numbers, by python-flint" in sd.check(loss, a, claim, exact=True).method
    assert sd.check(loss, a, claim + sp.Rational(1, 10**40), exact=True).verdict == "REFUTED"
    second = -sd.sin(a) * sd.cos(b) - sd.cos(a) * sd.sin(b)
    assert "over the rational numbers, by python-flint" in sd.check(loss, [a, b], second, exact=True).method
    said = sd.check(loss, a, r"\cos a \cos b - \sin a \sin b", exact=True)
    assert said.verdict == "PROVED"


def test_what_to_install_is_said(monkeypatch):
    monkeypatch.setitem(sys.modules, "flint", None)
    with pytest.raises(SymdlError, match=r"python-flint: pip install 'symdl\[prove\]'"):
        sd.check(sd.sum(x**2), x, 2 * x, exact=True)
    assert sd.check(sd.sum(x**2), x, 2 * x).proved


# --- what is right is seen at once --------------------------------------------------------------------------------------------


def test_verifying_an_lstm_cell_takes_seconds_at_most():
    """1.6 s of computing; it was five to nine."""
    weights = sd.tensor("W", 4 * h, p), sd.tensor("U", 4 * h, h), sd.tensor("b", 4 * h), sd.tensor("d", 4 * h)
    out, _ = lstm_cell(sd.tensor("x", n, p), (sd.tensor("s", n, h), sd.tensor("c", n, h)), *weights)
    derived = sd.derive(sd.sum(sd.tensor("G", n, h) * out), ["W", "U", "b"])
    start = time.process_time()
    report = derived.verify(oracles=["tape"])
    assert time.process_time() - start < 10
    assert report.verdict == "PROVED"


@pytest.mark.parametrize("loss", ["mse_loss", "binary_cross_entropy_with_logits", "cross_entropy_loss", "poisson_nll_loss"])
def test_gradients_of_layers_under_losses_take_little(loss):
    """100 ms typically; 12 ms as measured."""
    inputs, target = sd.tensor("x", n, p), sd.tensor("t", n, h, facts="simplex")
    out = getattr(losses, loss)(sd.tanh(inputs @ sd.tensor("V", p, h) + sd.tensor("b", h)), target)
    found = sd.grad(out, ["V", "b", "x"])
    start = time.process_time()
    for name, gradient in found.items():
        verdict = sd.check(out, name, gradient)
        assert verdict.proved and "every size" in verdict.method
    assert time.process_time() - start < 0.1 * len(found) * 5


def test_a_large_wrong_claim_is_refuted_all_the_same():
    weights = sd.tensor("W", 4 * h, p), sd.tensor("U", 4 * h, h), sd.tensor("b", 4 * h), sd.tensor("d", 4 * h)
    out, _ = lstm_cell(sd.tensor("x", n, p), (sd.tensor("s", n, h), sd.tensor("c", n, h)), *weights)
    loss = sd.sum(sd.tensor("G", n, h) * out)
    right = sd.grad(loss, "U")
    assert sd.check(loss, "U", right).verdict == "PROVED"
    for wrong in (-right, right * sp.Rational(10**6 + 1, 10**6), right + sd.tensor("U", 4 * h, h) / 10**12):
        assert sd.check(loss, "U", wrong).verdict == "REFUTED"


def test_group_norm_with_the_mean_squared_error():
    y, target = sd.tensor("y", n, 6, m), sd.tensor("t", n, 6, m)
    loss = losses.mse_loss(group_norm(y, 2, sd.tensor("g", 6), sd.tensor("b", 6)), target)
    found = sd.grad(loss, ["y", "g", "b"])
    for name, gradient in found.items():
        verdict = sd.check(loss, name, gradient)
        assert verdict.proved and "for every size" in verdict.method, name
    assert sd.check(loss, "y", 2 * found["y"]).verdict == "REFUTED"
