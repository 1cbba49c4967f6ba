"""Saturated, huge and tiny arguments: right to the last digits, against mpmath."""

import mpmath
import numpy as np
import pytest
import sympy as sp

import symdl as sd
from symdl.lower.api import evaluate, lambdify
from symdl.lower.stabilise import identities, stabilised

POINTS = [s * x for x in (0.0, 1e-20, 1e-3, 1.0, 40.0, 350.0, 690.0, 701.0, 709.5, 710.0, 745.0, 750.0, 1000.0) for s in (1, -1)]
n, k = sd.dims("n k")
z, x = sd.tensor("z"), sd.tensor("x", n)
Z = sd.tensor("Z", n, k)


def _sigmoid(t):
    return 1 / (1 + mpmath.exp(-t))


def _softplus(t):
    return mpmath.log(1 + mpmath.exp(t))


TABLE = {
    "sigmoid": (lambda t: sd.sigmoid(t), _sigmoid),
    "sigmoid, written out": (lambda t: 1 / (1 + sd.exp(-t)), _sigmoid),
    "sigmoid as a quotient": (lambda t: sd.exp(t) / (1 + sd.exp(t)), _sigmoid),
    "one minus sigmoid": (lambda t: 1 - sd.sigmoid(t), lambda t: _sigmoid(-t)),
    "one minus a named sigmoid": (lambda t: 1 - sd.let("a", sd.sigmoid(t)), lambda t: _sigmoid(-t)),
    "slope": (lambda t: sd.sigmoid(t) * (1 - sd.sigmoid(t)), lambda t: _sigmoid(t) * _sigmoid(-t)),
    "slope, twice": (lambda t: 3 - 3 * sd.sigmoid(t), lambda t: 3 * _sigmoid(-t)),
    "square of the sigmoid": (lambda t: sd.exp(2 * t) ** 0 * (1 + sd.exp(-t)) ** -2, lambda t: _sigmoid(t) ** 2),
    "exp over the square": (lambda t: sd.exp(-t) / (1 + sd.exp(-t)) ** 2, lambda t: _sigmoid(t) * _sigmoid(-t)),
    "softplus": (lambda t: sd.softplus(t), _softplus),
    "softplus, written out": (lambda t: sd.log(1 + sd.exp(t)), _softplus),
    "log of sigmoid": (lambda t: sd.log(sd.sigmoid(t)), lambda t: -_softplus(-t)),
    "log of a named sigmoid": (lambda t: sd.log(sd.let("a", sd.sigmoid(t))), lambda t: -_softplus(-t)),
    "log of one minus sigmoid": (lambda t: sd.log(1 - sd.sigmoid(t)), lambda t: -_softplus(t)),
    "slope of tanh": (lambda t: 1 - sd.tanh(t) ** 2, lambda t: mpmath.sech(t) ** 2),
    "silu": (lambda t: sd.silu(t), lambda t: t * _sigmoid(t)),
}


@pytest.mark.parametrize("name", TABLE)
def test_against_mpmath(name):
    build, exact = TABLE[name]
    tensor, scalar = lambdify(x, build(x)), lambdify(z, build(z))
    with mpmath.workdps(700):
        expected = [exact(mpmath.mpf(t)) for t in POINTS]
        for got in (tensor(np.array(POINTS)), [scalar(t) for t in POINTS], [tensor(np.array([t]))[0] for t in POINTS]):
            for t, a, b in zip(POINTS, got, expected, strict=True):
                # 4 units in the last place, or of the smallest number there is (times z, for z*sigmoid(z)).
                tiny = 4 * max(1.0, abs(t)) * mpmath.mpf(2) ** -1074
                assert abs(mpmath.mpf(float(a)) - b) <= max(mpmath.mpf(2) ** -50 * abs(b), tiny), (name, t, float(a), float(b))


def test_one_saturated_element_does_not_change_the_others():
    a, b = np.linspace(-30, 30, 7), np.linspace(-30, 30, 7)
    b[3] = -800.0
    for build in (lambda t: sd.sigmoid(t), lambda t: 1 - sd.sigmoid(t), lambda t: sd.sigmoid(t) * (1 - sd.sigmoid(t))):
        f = lambdify(x, build(x))
        kept = [0, 1, 2, 4, 5, 6]
        assert f(a)[kept].tolist() == f(b)[kept].tolist()


@pytest.mark.parametrize("shift", [0.0, 800.0, -800.0])
def test_softmax_and_logsumexp_written_out(shift):
    values = np.array([[1.0, 2.0, 4.0], [-3.0, 0.0, 0.5]]) + shift
    e = np.exp(values - shift)
    p = e / e.sum(axis=1, keepdims=True)
    total = sd.sum(sd.exp(Z), axis=1, keepdims=True)
    assert np.allclose(evaluate(sd.exp(Z) / total, Z=values), p, rtol=1e-13)
    assert np.allclose(evaluate(sd.exp(Z) / sd.let("s", total), Z=values), p, rtol=1e-13)
    assert np.allclose(evaluate(sd.log(sd.sum(sd.exp(Z), axis=1)), Z=values), np.log(e.sum(axis=1)) + shift, rtol=1e-13)
    assert np.allclose(evaluate(sd.log(sd.sum(sd.exp(Z))), Z=values), np.log(e.sum()) + shift, rtol=1e-13)
    outer = sd.exp(Z)[:, :, None] * sd.exp(Z)[:, None, :] / total[:, :, None] ** 2
    assert np.allclose(evaluate(outer, Z=values), p[:, :, None] * p[:, None, :], rtol=1e-13)
    loss = -sd.sum(sd.tensor("T", n, k) * sd.log(sd.softmax(Z)))
    target = np.eye(3)[:2]
    value = evaluate(loss, Z=values, T=target)
    assert value == pytest.approx(-np.log(p[0, 0]) - np.log(p[1, 1]), rel=1e-12)
    gradient = evaluate(sd.grad(sd.sum(sd.tensor("T", n, k) * (sd.log(total) - Z)), Z), Z=values, T=target)
    assert np.allclose(gradient, p - target, rtol=1e-12)


def test_gradients_at_saturation_keep_their_relative_accuracy():
    y = sd.tensor("y", n)
    loss = sd.sum((sd.sigmoid(x) - y) ** 2) / 2
    points = np.array([-745.0, -400.0, -40.0, 0.1, 30.0])
    got = evaluate(sd.grad(loss, x), x=points, y=np.ones(5) * 0.5)
    with mpmath.workdps(60):
        for t, g in zip(points, got, strict=True):
            s = _sigmoid(mpmath.mpf(t))
            exact = (s - mpmath.mpf(0.5)) * s * _sigmoid(-mpmath.mpf(t))
            assert abs(g - exact) <= max(1e-14 * abs(exact), 1e-323)


@pytest.mark.parametrize("identity", identities(), ids=lambda i: i.name)
def test_the_rewrites_are_identities(identity):
    lhs, rhs = identity.lhs, identity.rhs
    if isinstance(lhs, sp.Expr):
        symbols = sorted(lhs.free_symbols | rhs.free_symbols, key=str)
        for point in (-2.5, -0.1, 0.7, 3.0):
            values = {s: sp.Float(abs(point) if s.is_positive else point, 40) + k for k, s in enumerate(symbols)}
            a, b = (e.rewrite(sp.exp).subs(values).evalf(30) for e in (lhs, rhs))
            assert abs(a - b) < 1e-25
    else:
        import reference

        values = {"x": np.array([0.3, -1.2, 2.0]), "t": np.array([0.2, 1.0, -0.4]), "y": np.array([1.5, 0.1, -0.7]), "q": np.array([0.4, 2.0, 0.6])}
        values |= {"r": 1.7, "m": -0.3}
        a, b = (reference.evaluate(e, values, {n: 3}) for e in (lhs, rhs))
        assert np.allclose(a, b, rtol=1e-13)


def test_rewrites_go_where_they_should():
    a = sd.sigmoid(x)
    done = stabilised([sd.log(1 - a).term])[0]
    assert "softplus" in str(done.node.args[0].attr) or done.node.attr == "softplus"
    untouched = sd.sum((x - 1) ** 2) + sd.tanh(x[0]) + 3
    assert stabilised([untouched.term]) == [untouched.term]
    assert evaluate(2 - a, x=[0.0]).tolist() == [1.5]
    assert evaluate(1 - a * 2, x=[0.0]).tolist() == [0.0]
    assert evaluate(1 + a, x=[0.0]).tolist() == [1.5]
