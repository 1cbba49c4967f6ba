"""Gradients of naive input keep their digits too: all forms of ``naive_forms.py`` but those in ``KNOWN``, at the points of ``test_stability_naive.py``."""

from __future__ import annotations

from fractions import Fraction

import mpmath
import numpy as np
import pytest
import sympy as sp
from naive_forms import POSITIVE, REAL, VECTOR, reference_digits, ulps
from random_forms import errors, expression, point
from test_stability_naive import INHERENT, LIMIT, LOST, _printed, worst

import symdl as sd
from symdl.lower import power_series, stable_series
from symdl.lower.machine import EXPM1_OVER, GAUSS, OVER_EXPM1, RECIPROCAL_EXPM1, SECH

#: What falls short of it.
KNOWN = {
    "z*s(1.702z)": INHERENT,
    "exp(z)^(1/3)": INHERENT,
    "log(1-softmax)": LOST,
    "p/(1-p)": LOST,
    "exp(v)/norm(exp(v))": LOST,
    "two softmaxes": LOST,
    "difference of log sums": LOST,
    "ratio of sums": LOST,
    "log ratio of sums": LOST,
    "(exp(w)-1)/w": "at 710 exp(w) is infinite, and the quotient is not",
}
ALL = {**{("real", n): f for n, f in REAL.items()}, **{("positive", n): f for n, f in POSITIVE.items()}, **{("vector", n): f for n, f in VECTOR.items()}}
CASES = [key for key in ALL if key[1] not in KNOWN]


@pytest.mark.parametrize("key", CASES, ids=lambda k: k[1])
def test_gradient_of_naive_input(key):
    off, at = worst(ALL[key], key[0], "float64", order=1)
    assert off <= LIMIT, (key, at, off)


def test_there_are_no_more_exceptions_than_there_were():
    assert len(CASES) >= 244
    assert len(KNOWN) <= 10


# --- where a quantity is small -------------------------------------------------------------------------------------------------

SMALL = [5e-324, 1e-310, 1e-160, 1e-20, 1e-8, 1e-3, 0.03, 0.3, 0.7, 1.3, 2.1, 5.0]
#: Removable singularities: their derivatives are differences of poles.
REMOVABLE = {
    "sin(w)/w": lambda w: sd.sin(w) / w,
    "tanh(w)/w": lambda w: sd.tanh(w) / w,
    "w/(exp(w)-1)": lambda w: w / (sd.exp(w) - 1),
    "log(1+w)/w": lambda w: sd.log(1 + w) / w,
    "arctan(w)/w": lambda w: sd.arctan(w) / w,
    "(1-cos(w))/w^2": lambda w: (1 - sd.cos(w)) / w**2,
    "(exp(w)-1-w)/w^2": lambda w: (sd.exp(w) - 1 - w) / w**2,
    "langevin": lambda w: sd.cosh(w) / sd.sinh(w) - 1 / w,
    "w - sin(w)": lambda w: w - sd.sin(w),
    "w cosh(w) - sinh(w)": lambda w: w * sd.cosh(w) - sd.sinh(w),
    "exp(w)-1-w-w^2/2": lambda w: sd.exp(w) - 1 - w - w**2 / 2,
    "log(1+w)-w": lambda w: sd.log(1 + w) - w,
    "swish over w": lambda w: (2 * sd.sigmoid(w) - 1) / w,
}


@pytest.mark.parametrize("order", [0, 1])
@pytest.mark.parametrize("name", REMOVABLE)
def test_removable_singularities(name, order):
    w, x = sd.tensor("z"), sd.tensor("x", sd.dims("n"))
    expr, many = REMOVABLE[name](w), REMOVABLE[name](x)
    if order:
        expr, many = sd.grad(expr, w), sd.grad(sd.sum(many), x)
    points = [s * p for p in SMALL if p > 1e-300 or not ("swish" in name or "cos(w))" in name) for s in (1, -1)]  # w/2 has no digits left there
    points = [p for p in points if not (order and "exp" in name and abs(p) < 1e-300)]  # 1/(exp(w) - 1) is infinite there
    points = [p for p in points if p > -1 or "log" not in name]
    printed, array, one = _printed(expr, "float64"), sd.lambdify(x, many)(np.array(points)), sd.lambdify(w, expr)
    for p, from_array in zip(points, array, strict=True):
        true = reference_digits(expr, {"z": p}).item()
        with mpmath.workdps(60):
            assert max(ulps(float(g), true) for g in (one(p), from_array, printed(p))) <= LIMIT, (p, float(true))


def test_undefined_points_stay_undefined():
    w = sd.tensor("w")
    for form in (sd.sin(w) / w, sd.grad(sd.sin(w) / w, w), sd.grad(w / (sd.exp(w) - 1), w)):
        with pytest.raises(sd.DomainError):
            sd.evaluate(form, w=0.0)
    assert sd.evaluate(w - sd.sin(w), w=0.0) == 0.0


def test_about_another_point_than_0():
    w = sd.tensor("w")
    slope = sd.grad(sd.log(w) / (w - 1), w)
    for h in (1e-12, -1e-9, 1e-5, 0.01, -0.2, 0.3):
        p = 1 + h
        true = reference_digits(slope, {"w": p}, 80).item()
        assert ulps(sd.evaluate(slope, w=p), true) <= LIMIT


def test_a_wrong_series_is_caught(monkeypatch):
    right, much = stable_series._polynomial, Fraction(10**14 + 1, 10**14)

    def wrong(series):
        found = right(series)
        return found and found._replace(coefficients=[found.coefficients[0] * much, *found.coefficients[1:]])

    monkeypatch.setattr(stable_series, "_polynomial", wrong)
    off, _ = worst(POSITIVE["sin/w"], "positive", "float64", order=1)
    assert off > LIMIT


_Z = sp.Symbol("z")
SERIES = {
    "exp": sp.exp(_Z), "expm1": sp.exp(_Z) - 1, "sin": sp.sin(_Z), "cos": sp.cos(_Z), "sinh": sp.sinh(_Z), "cosh": sp.cosh(_Z), "tanh": sp.tanh(_Z),
    "tanhshrink": _Z - sp.tanh(_Z), "sigmoid": 1 / (1 + sp.exp(-_Z)), "cosigmoid": 1 / (1 + sp.exp(_Z)), "log1p": sp.log(1 + _Z), "arctan": sp.atan(_Z),
    "log": sp.log(_Z), "gauss_plain": sp.exp(-(_Z**2)), GAUSS: sp.exp(-(_Z**2) / 2), SECH: 1 / sp.cosh(_Z), EXPM1_OVER: (sp.exp(_Z) - 1) / _Z,
    OVER_EXPM1: _Z / (sp.exp(_Z) - 1), RECIPROCAL_EXPM1: 1 / (sp.exp(_Z) - 1),
}  # fmt: skip


@pytest.mark.parametrize("name", sorted(power_series.KNOWN - {"exp_of_sum", "over"}))
@pytest.mark.parametrize("inner", [_Z, 2 * _Z, -(_Z**2) / 3, _Z - _Z**2])
def test_power_series(name, inner):
    """Against SymPy's: of multiples, of squares, and of sums."""
    start = 1 if name == "log" else 0
    poly = sp.Poly(inner + start, _Z)
    terms = [Fraction(int(c.p), int(c.q)) for k in range(8) for c in [sp.Rational(poly.coeff_monomial(_Z**k))]]
    given = power_series._trimmed(0, terms)
    found = power_series.of_function(name, [given])
    want = sp.series(SERIES[name].subs(_Z, inner + start), _Z, 0, max(found.known, 1)).removeO()
    got = sum(sp.Rational(c.numerator, c.denominator) * _Z ** (found.lowest + k) for k, c in enumerate(found.terms))
    assert found.known >= 5
    assert sp.expand(want - got) == 0


# --- inner products and norms ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("scale", [1.0, 1e200, 1e-200, 1e150])
@pytest.mark.parametrize("other", [1.0, 1e200, 1e-200])
def test_cosine_similarity_neither_overflows_nor_underflows(scale, other):
    n = sd.dims("n")
    x, y, X, Y = sd.tensor("x", n), sd.tensor("y", n), sd.tensor("X", n, 3), sd.tensor("Y", n, 3)
    rows = sd.sum(X * Y, axis=1) / (sd.norm(X, axis=1) * sd.norm(Y, axis=1))
    one = sd.sum(x * y) / (sd.norm(x) * sd.norm(y))
    a, b = np.array([[3.0, 4.0, 1.0], [-1.0, 2.0, 7.0]]), np.array([[1.0, -2.0, 0.5], [2.0, 2.0, 3.0]])
    want = (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)
    np.testing.assert_allclose(sd.evaluate(rows, X=a * scale, Y=b * other), want, rtol=1e-14)
    assert sd.evaluate(one, x=a[0] * scale, y=b[0] * other) == pytest.approx(want[0], rel=1e-14)
    slopes = b / np.linalg.norm(a, axis=1)[:, None] / np.linalg.norm(b, axis=1)[:, None] - a * (want / (a**2).sum(1))[:, None]
    found = sd.evaluate(sd.grad(sd.sum(rows), X), X=a * scale, Y=b * other)
    np.testing.assert_allclose(found * scale, slopes, rtol=1e-12)
    np.testing.assert_allclose(sd.evaluate(sd.grad(one, x), x=a[0] * scale, y=b[0] * other) * scale, slopes[0], rtol=1e-12)


def test_a_coefficient_of_regression_stays_one():
    """sum(x*y)/sum(x^2) is no product of unit vectors; its value is what it was."""
    n = sd.dims("n")
    x, y = sd.tensor("x", n), sd.tensor("y", n)
    assert sd.evaluate(sd.sum(x * y) / sd.sum(x**2), x=[1.0, 2.0], y=[3.0, 5.0]) == pytest.approx(13 / 5)
    assert sd.evaluate(sd.sum(x * y) / sd.norm(x), x=[3.0, 4.0], y=[3.0, 5.0]) == pytest.approx(29 / 5)
    assert sd.evaluate(sd.sum(x**2 * y) / sd.norm(x), x=[3.0, 4.0], y=[3.0, 5.0]) == pytest.approx(107 / 5)


# --- softmaxes as weights --------------------------------------------------------------------------------------------------------


def test_rows_of_softmaxes():
    """The same in every row, whichever axis the softmax is along."""
    n, k = sd.dims("n k")
    X = sd.tensor("X", n, k)
    p, q = sd.softmax(X, axis=1), sd.softmax(X, axis=0)
    entropies = [sd.grad(-sd.sum(p * sd.log(p)), X), sd.grad(sd.sum(q * sd.log(q)), X)]
    forms = [*entropies, sd.grad(sd.sum(sd.log(p)), X), 1 - sd.sum(q**2, axis=0), sd.grad(sd.sum(p**2), X), sd.max(X, axis=1) - sd.logsumexp(X, axis=1)]
    forms.append(sd.grad(sd.sum(forms[-1]), X))
    for at in ([[40.0, 0.0, -20.0], [1e-9, 0.0, 5e-9]], [[0.0, 0.0, 0.0], [1.0, 2.0, 700.0]]):
        for form in forms:
            true = reference_digits(form, {"X": at})
            got = np.asarray(sd.evaluate(form, X=at)).ravel()
            with mpmath.workdps(60):
                assert max(ulps(a, b) for a, b in zip(got, true.ravel(), strict=True)) <= 2 * LIMIT, str(form)  # a difference of logits is rounded


@pytest.mark.parametrize("seed", range(7000, 7040))
def test_no_rewrite_does_harm_to_a_gradient(seed):
    """As for values: never four times as far off as the plain evaluation, beyond 16 units and what the last digits of the inputs are worth."""
    rng = np.random.default_rng(seed)
    expr = expression(rng, 1 + seed % 2)
    name = min({str(i) for i in expr.inputs}, default=None)
    at = point(rng)
    found = errors(sd.grad(expr, sd.tensor(name)), at) if name else None
    if found is not None:
        mine, plain, worth = found
        assert mine <= max(LIMIT, 4 * plain, 4 * worth), (str(expr), found)


def test_what_overflows_inside_is_no_harm():
    """Found by random expressions: u/(1 + u) and roots of 1 + u where u is infinite."""
    x, y = sd.tensor("x"), sd.tensor("y")
    at = {"x": 64.0, "y": -37.0}
    for form, true in [
        (sd.log(sd.sigmoid(x * y)) / (sd.exp(-x * y) ** 2 + 1) - sd.log(sd.sigmoid(x * y)), 64.0 * 37),
        (1 - 1 / (sd.expm1(9 * x) ** 2 + 1), 1.0),
        (1 / (1 + sd.abs(sd.sqrt(sd.exp(-x * y) ** 2 + 1) - 1)), 0.0),
        (1 - sd.exp(-((sd.sqrt(sd.exp(9 * x) ** 2 / sd.exp(y) ** 2 + 1) - 1) ** 2)), 1.0),
        (4 * (sd.sqrt(1 + (1e160 * x / 2) ** 2) - 1), 2e160 * 64),
    ]:
        given = {k: at[k] for k in map(str, form.inputs)}
        assert sd.evaluate(form, **given) == pytest.approx(true, rel=1e-14)
    assert sd.evaluate(1 / (1 + sd.exp(y) + sd.exp(sd.exp(x))), x=800.0, y=1.0) == 0.0
    assert sd.evaluate(1 / ((x + 1) ** 2 + 3) - sd.cosh(y), x=1.0, y=0.0) == pytest.approx(1 / 7 - 1)
    assert sd.evaluate(sd.cosh(x) / ((x + 1) ** 2 + 3) - sd.cosh(x), x=1.0) == pytest.approx(np.cosh(1.0) * (1 / 7 - 1))
