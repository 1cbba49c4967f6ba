"""No result beyond 16 units in the last place, and no NaN or infinity where the true value is finite: 21 points from -1000 to 1000, tiny ones included.

The references are written so that nothing cancels, hence 60 digits are enough for them; ``test_references`` compares them with the definitions as one
writes them down, for which 1,200 digits are needed (1 - tanh(1000)^2 is 1e-868).
"""

from __future__ import annotations

import inspect

import mpmath as mp
import numpy as np
import pytest

import symdl as sd
from symdl.functions import stable_normal
from symdl.lower.machine import MACHINE
from symdl.lower.scalars import scalar_function
from symdl.lower.source import python_source
from symdl.lower.stabilise import identities, stabilised
from symdl.prove.equal import prove

POINTS = [0.0, *(s * p for p in (1000.0, 750.0, 710.0, 100.0, 40.0, 30.0, 20.0, 1.0, 0.1, 1e-5, 1e-20) for s in (1, -1))]
LIMIT = 16.0

z, t, n = sd.tensor("z"), sd.tensor("t"), sd.dims("n")
x, v, w = sd.tensor("x", n), sd.tensor("v", 2), sd.tensor("w", 2)
exp, log = sd.exp, sd.log


def _sig(t):
    return 1 / (1 + mp.exp(-t))


def _soft(t):
    return mp.log1p(mp.exp(t))


def _phi(t):
    return mp.erfc(-t / mp.sqrt(2)) / 2


def _bell(t):
    return mp.exp(-t * t / 2) / mp.sqrt(2 * mp.pi)


def _slope(t):
    return _sig(t) * _sig(-t)


def _curve(t):
    return _slope(t) * (mp.tanh(-t / 2))


def _quotient(t):
    return (exp(t) - exp(-t)) / (exp(t) + exp(-t))


def _naive(t):
    return 1 / (1 + exp(-t))


def _cross(t, label):
    return -(label * log(_naive(t)) + (1 - label) * log(1 - _naive(t)))


def _d(function, order=1):
    """The derivative of a function of one number, or of each element of a vector."""

    def derived(t):
        e = function(t)
        for _ in range(order):
            e = sd.grad(sd.sum(e) if e.shape else e, t)
        return e

    return derived


#: Name -> (expression of z, the true value).
ELEMENTWISE = {
    "sigmoid": (sd.sigmoid, _sig),
    "sigmoid'": (_d(sd.sigmoid), _slope),
    "sigmoid''": (_d(sd.sigmoid, 2), _curve),
    "tanh": (sd.tanh, mp.tanh),
    "tanh'": (_d(sd.tanh), lambda t: mp.sech(t) ** 2),
    "softplus": (sd.softplus, _soft),
    "log sigmoid": (lambda t: log(sd.sigmoid(t)), lambda t: -_soft(-t)),
    "cross-entropy, label 1": (lambda t: -log(sd.sigmoid(t)), lambda t: _soft(-t)),
    "cross-entropy, label 0": (lambda t: -log(1 - sd.sigmoid(t)), _soft),
    "its gradient, label 1": (_d(lambda t: -log(sd.sigmoid(t))), lambda t: -_sig(-t)),
    "its gradient, label 0": (_d(lambda t: -log(1 - sd.sigmoid(t))), _sig),
    "silu": (sd.silu, lambda t: t * _sig(t)),
    "silu'": (_d(sd.silu), lambda t: _sig(t) + t * _slope(t)),
    "gelu": (sd.gelu, lambda t: t * _phi(t)),
    "gelu'": (_d(sd.gelu), lambda t: _phi(t) + t * _bell(t)),
    "log(1 + z^2)": (lambda t: log(1 + t**2), lambda t: mp.log1p(t * t)),
    "erf": (sd.erf, mp.erf),
    "1 + erf": (lambda t: 1 + sd.erf(t), lambda t: mp.erfc(-t)),
    "1 - erf": (lambda t: 1 - sd.erf(t), mp.erfc),
    "erf'": (_d(sd.erf), lambda t: 2 / mp.sqrt(mp.pi) * mp.exp(-t * t)),
    "expm1": (lambda t: exp(t) - 1, mp.expm1),
    "1 - exp": (lambda t: 1 - exp(t), lambda t: -mp.expm1(t)),
    "1 - cos": (lambda t: 1 - sd.cos(t / 1000), lambda t: 2 * mp.sin(mp.mpf(float(t) / 1000) / 2) ** 2),
    "1 - tanh": (lambda t: 1 - sd.tanh(t), lambda t: 2 * _sig(-2 * t)),
    "1 + tanh": (lambda t: 1 + sd.tanh(t), lambda t: 2 * _sig(2 * t)),
    "sinh written out": (lambda t: exp(t / 2) - exp(-t / 2), lambda t: 2 * mp.sinh(t / 2)),
    "softplus written out": (lambda t: log(1 + exp(t)), _soft),
    "sigmoid written out": (_naive, _sig),
    "its slope": (_d(_naive), _slope),
    "its second derivative": (_d(_naive, 2), _curve),
    "sigmoid as a quotient": (lambda t: exp(t) / (1 + exp(t)), _sig),
    "sigmoid as another quotient": (lambda t: exp(t / 2) / (exp(t / 2) + exp(-t / 2)), _sig),
    "s - s^2": (lambda t: sd.sigmoid(t) - sd.sigmoid(t) ** 2, _slope),
    "cross-entropy written out": (lambda t: -log(1 / (1 + exp(-t))), lambda t: _soft(-t)),
    "gradient of it": (_d(lambda t: -log(1 / (1 + exp(-t)))), lambda t: -_sig(-t)),
    "cross-entropy of label 0 written out": (lambda t: -log(1 - 1 / (1 + exp(-t))), _soft),
    "with its two terms, label 1": (lambda t: _cross(t, 1), lambda t: _soft(-t)),
    "tanh written out": (_quotient, mp.tanh),
    "its derivative": (_d(_quotient), lambda t: mp.sech(t) ** 2),
    "tanh by exp(2z)": (lambda t: (exp(2 * t) - 1) / (exp(2 * t) + 1), mp.tanh),
    "tanh by exp(-2z)": (lambda t: (1 - exp(-2 * t)) / (1 + exp(-2 * t)), mp.tanh),
    "sinh over cosh": (lambda t: sd.sinh(t) / sd.cosh(t), mp.tanh),
    "log of two exponentials": (lambda t: log(exp(t) + exp(-t)), lambda t: abs(t) + _soft(-2 * abs(t))),
    "log of three exponentials": (lambda t: log(2 + exp(t) + 3 * exp(-t)), lambda t: mp.log(2 + mp.exp(t) + 3 * mp.exp(-t))),
    "mish": (sd.mish, lambda t: t * mp.tanh(_soft(t))),
    "mish'": (_d(sd.mish), lambda t: mp.tanh(_soft(t)) + t * mp.sech(_soft(t)) ** 2 * _sig(t)),
}

#: Of the vector (z, 0): name -> (expression of v, the true value).
VECTOR = {
    "logsumexp": (sd.logsumexp, _soft),
    "logsumexp written out": (lambda a: log(sd.sum(exp(a))), _soft),
    "softmax": (lambda a: sd.softmax(a)[0], _sig),
    "softmax written out": (lambda a: (exp(a) / sd.sum(exp(a)))[0], _sig),
    "log softmax": (lambda a: log(sd.softmax(a))[0], lambda t: -_soft(-t)),
    "log softmax written out": (lambda a: log(exp(a) / sd.sum(exp(a)))[0], lambda t: -_soft(-t)),
    "its Jacobian": (lambda a: sd.jacobian(sd.softmax(a), a)[0, 0], _slope),
    "off the diagonal": (lambda a: sd.jacobian(sd.softmax(a), a)[0, 1], lambda t: -_slope(t)),
    "Jacobian written out": (lambda a: sd.jacobian(exp(a) / sd.sum(exp(a)), a)[0, 0], _slope),
    "gradient of one softmax": (lambda a: sd.grad(sd.softmax(a)[0], a)[0], _slope),
    "gradient of it by the other": (lambda a: sd.grad(sd.softmax(a)[0], a)[1], lambda t: -_slope(t)),
    "p(1 - p)": (lambda a: (sd.softmax(a) * (1 - sd.softmax(a)))[0], _slope),
    "Hessian of logsumexp": (lambda a: sd.hessian(sd.logsumexp(a), a)[0, 0], _slope),
    "Hessian of it written out": (lambda a: sd.hessian(log(sd.sum(exp(a))), a)[1, 1], _slope),
    "cross-entropy": (lambda a: sd.logsumexp(a) - a[0], lambda t: _soft(-t)),
}


def ulps(got, true):
    """Units in the last place between a float and the true value; infinite for what is not finite and should be."""
    if abs(true) > mp.mpf(np.finfo(float).max):
        return 0.0
    if not np.isfinite(got):
        return np.inf
    unit = np.spacing(abs(float(true))) if float(true) else 5e-324
    return float(abs(mp.mpf(float(got)) - true) / mp.mpf(float(unit)))


def _worst(values, reference):
    with mp.workdps(60):
        found = [(ulps(float(g), reference(mp.mpf(p))), p) for g, p in zip(values, POINTS, strict=True)]
    return max(found)


def _scalars(expr):
    """At every point: by symdl's own evaluation, and by a printed program."""
    f = sd.lambdify(z, expr)
    program = _printed(expr)
    got = []
    for p in POINTS:
        try:
            got.append(f(p))
        except sd.SymdlError:  # an infinity, which may be the true value
            got.append(np.inf)
    with np.errstate(all="ignore"):
        return got, [program(z=p)[0] for p in POINTS]


def _printed(expr):
    space = {}
    exec(python_source(expr, {}), space)
    return space["loss_and_gradients"]


def _arrays(expr_of):
    """On an array: by the NumPy backend."""
    finite = [p for p in POINTS if _fits(expr_of, p)]
    values = dict(zip(finite, sd.lambdify(x, expr_of(x))(np.array(finite)), strict=True))
    return [values.get(p, np.inf) for p in POINTS]


def _fits(expr_of, p):
    try:
        sd.evaluate(expr_of(z), z=p)
    except sd.SymdlError:
        return False
    return True


@pytest.mark.parametrize("name", ELEMENTWISE)
def test_functions_of_one_number(name):
    expr_of, reference = ELEMENTWISE[name]
    ways = dict(zip(("scalar", "printed"), _scalars(expr_of(z)), strict=True)) | {"array": _arrays(expr_of)}
    worst = {way: _worst(got, reference) for way, got in ways.items()}
    print(name, worst)
    assert all(u <= LIMIT for u, _ in worst.values()), worst


@pytest.mark.parametrize("name", VECTOR)
def test_functions_of_a_vector(name):
    expr_of, reference = VECTOR[name]
    expr = expr_of(v)
    program = _printed(expr)
    ways = {"symdl": [sd.evaluate(expr, v=[p, 0.0]) for p in POINTS], "printed": [program(v=[p, 0.0])[0] for p in POINTS]}
    worst = {way: _worst(got, reference) for way, got in ways.items()}
    print(name, worst)
    assert all(u <= LIMIT for u, _ in worst.values()), worst


def test_the_largest_errors_stay_small():
    """What the two tests above allow is 16; this prints what it comes to."""
    found = []
    for name, (expr_of, reference) in ELEMENTWISE.items():
        found.append((*_worst(_scalars(expr_of(z))[0], reference), name))
    for name, (expr_of, reference) in VECTOR.items():
        found.append((*_worst([sd.evaluate(expr_of(v), v=[p, 0.0]) for p in POINTS], reference), name))
    found.sort(reverse=True)
    for error, point, name in found:
        print(f"{error:8.2f} ulp at {point:8g}  {name}")
    assert sum(error <= 4 for error, *_ in found) >= len(found) - 3


NAIVE = {
    "sigmoid": (_sig, lambda t: 1 / (1 + mp.exp(-t))),
    "softplus": (_soft, lambda t: mp.log(1 + mp.exp(t))),
    "slope": (_slope, lambda t: _sig(t) * (1 - _sig(t))),
    "curve": (_curve, lambda t: _sig(t) * (1 - _sig(t)) * (1 - 2 * _sig(t))),
    "normal": (_phi, lambda t: (1 + mp.erf(t / mp.sqrt(2))) / 2),
    "tanh'": (lambda t: mp.sech(t) ** 2, lambda t: 1 - mp.tanh(t) ** 2),
}


@pytest.mark.parametrize("name", NAIVE)
def test_references(name):
    safe, definition = NAIVE[name]
    for p in (1000.0, -1000.0, 30.0, -20.0, 1e-20) if name != "normal" else (-30.0, 30.0, -20.0, 1e-20):
        with mp.workdps(60):
            a = safe(mp.mpf(p))
        with mp.workdps(1200):
            b = definition(mp.mpf(p))
            assert abs(a - b) <= abs(b) * mp.mpf(10) ** -35, (name, p)


@pytest.mark.parametrize("label", [0.0, 1.0])
def test_cross_entropy_with_the_label_as_data(label):
    """The gradient s - t keeps its digits where s comes near t, as number and as array; the loss too."""
    loss_true, slope_true = (lambda q: _soft(-q), lambda q: -_sig(-q)) if label else (_soft, _sig)
    forms = {
        "sigmoid": lambda a, b: -(b * log(sd.sigmoid(a)) + (1 - b) * log(1 - sd.sigmoid(a))),
        "written out": lambda a, b: -(b * log(_naive(a)) + (1 - b) * log(1 - _naive(a))),
        "by logits": lambda a, b: sd.softplus(a) - b * a if not label else sd.softplus(-a) + (1 - b) * a,
    }
    y = sd.tensor("y", n)
    for form in forms.values():
        loss = form(z, t)
        with mp.workdps(60):
            for f, reference in ((sd.lambdify((z, t), loss), loss_true), (sd.lambdify((z, t), sd.grad(loss, z)), slope_true)):
                assert max(ulps(f(p, label), reference(mp.mpf(p))) for p in POINTS) <= LIMIT
            gradient = sd.lambdify((x, y), sd.grad(sd.sum(form(x, y)), x))(np.array(POINTS), np.full(len(POINTS), label))
            assert max(ulps(g, slope_true(mp.mpf(p))) for g, p in zip(gradient, POINTS, strict=True)) <= LIMIT


@pytest.mark.parametrize("hot", [0, 1])
def test_cross_entropy_of_a_softmax_with_the_label_as_data(hot):
    one_hot = np.eye(2)[hot]
    for p in (sd.softmax(v), exp(v) / sd.sum(exp(v))):
        loss = -sd.sum(w * log(p))
        value, gradient, hessian = (sd.lambdify((v, w), e) for e in (loss, sd.grad(loss, v), sd.hessian(loss, v)))
        for q in POINTS:
            with mp.workdps(60):
                true = _sig(mp.mpf(-q)), _sig(mp.mpf(q))  # of the second and of the first
                expected = [-true[0], true[0]] if hot == 0 else [true[1], -true[1]]
                at = [q, 0.0]
                assert ulps(value(at, one_hot), _soft(mp.mpf(q if hot else -q))) <= LIMIT
                assert max(ulps(a, b) for a, b in zip(gradient(at, one_hot), expected, strict=True)) <= LIMIT
                curve = true[0] * true[1]
                assert max(ulps(a, b) for a, b in zip(hessian(at, one_hot).ravel(), (curve, -curve, -curve, curve), strict=True)) <= LIMIT


def test_rows_of_softmaxes_and_their_jacobian():
    """Several rows at once, equal maxima among them: as one row at a time in exact arithmetic."""
    m, k = sd.dims("m k")
    X = sd.tensor("X", m, k)
    rows = np.array([[40.0, 0.0, -40.0], [1.0, 1.0, 1.0], [-100.0, 0.0, 0.0], [1000.0, 0.0, 999.0], [0.0, -800.0, -1e-3]])
    f, total = sd.lambdify(X, sd.jacobian(sd.softmax(X), X)), sd.lambdify(X, sd.logsumexp(X, axis=1))
    got, sums = f(rows), total(rows)
    with mp.workdps(900):
        for r, row in enumerate(rows):
            e = [mp.exp(mp.mpf(float(a))) for a in row]
            p = [a / sum(e) for a in e]
            assert ulps(sums[r], mp.log(sum(e))) <= LIMIT
            for i in range(3):
                for j in range(3):
                    true = p[i] * ((1 if i == j else 0) - p[j])
                    assert ulps(got[r, i, r, j], true) <= LIMIT, (row, i, j)


TAILS = {
    "erf": (stable_normal.erf, mp.erf),
    "erfc": (stable_normal.erfc, mp.erfc),
    "normal": (stable_normal.normal, _phi),
    "gauss": (stable_normal.gauss, lambda t: mp.exp(-t * t / 2)),
    "gauss_plain": (stable_normal.gauss_plain, lambda t: mp.exp(-t * t)),
    "gelu": (stable_normal.gelu, lambda t: t * _phi(t)),
}


@pytest.mark.parametrize("name", TAILS)
def test_the_normal_distribution(name):
    f, reference = TAILS[name]
    rng = np.random.default_rng(0)
    points = np.concatenate([rng.uniform(-8, 8, 400), rng.uniform(-26, 26, 200), rng.normal(size=100) / 3, 10.0 ** rng.uniform(-20, 0, 40), [0.0, -1e3, 1e3]])
    scalar = scalar_function(name)
    with mp.workdps(60):
        for p, a in zip(points, f(points), strict=True):
            true = reference(mp.mpf(float(p)))
            assert ulps(a, true) <= 6, (name, p)
            assert ulps(scalar(float(p)), true) <= 6, (name, p)
    assert np.isnan(f(np.array([np.nan]))).all()


@pytest.mark.parametrize("name", sorted(MACHINE))
def test_the_machine_room_on_numbers_and_on_arrays(name):
    count = len(inspect.signature(MACHINE[name]).parameters)
    points = np.array([-700.0, -30.0, -1.0, -0.5, -1e-9, 1e-9, 0.5, 1.0, 30.0, 700.0])
    with np.errstate(all="ignore"):
        got = MACHINE[name](*[points] * count)
        for a, p in zip(got, points, strict=True):
            assert float(a) == pytest.approx(scalar_function(name)(*[float(p)] * count), rel=2e-15, nan_ok=True)


@pytest.mark.parametrize("identity", identities(), ids=lambda i: i.name)
def test_every_rewrite_is_proved(identity):
    assert prove(identity.lhs, identity.rhs).proved


@pytest.mark.parametrize("identity", identities(), ids=lambda i: i.name)
def test_a_wrong_rewrite_is_not_proved(identity):
    assert not prove(identity.lhs, identity.rhs + 1).proved
    assert not prove(identity.lhs, 2 * identity.rhs).proved


def test_least_squares_are_left_as_they_are():
    """The digits of a small residual are lost in its square: the rewrite of s - t would cost time for nothing."""
    loss = (sd.sigmoid(x) - sd.tensor("y", n)) ** 2
    assert "other labels" not in {getattr(a.attr, "name", "") for e in (loss, sd.grad(sd.sum(loss), x)) for a in _nodes(stabilised([e.term])[0].node)}


def _nodes(node):
    from symdl.graph.walk import topological

    return topological([node])


def _random_expression(rng):
    """A vector expression in which the rewrites have much to find."""
    y, q = sd.tensor("y", n), sd.tensor("q", n)

    def piece(depth):
        a = [x, y, x - y, 2 * x, x + 1, x * y, -x][rng.integers(7)]
        leaves = [
            lambda: exp(a),
            lambda: exp(-a),
            lambda: sd.sigmoid(a),
            lambda: sd.tanh(a),
            lambda: sd.softmax(a),
            lambda: log(sd.softmax(a)),
            lambda: q,
            lambda: sd.erf(a),
            lambda: exp(a) / sd.sum(exp(a)),
            lambda: sd.logsumexp(a) - a,
            lambda: 1 / (1 + exp(a)),
            lambda: exp(-(a**2)),
            lambda: sd.sum(q) * sd.softmax(a) - q,
            lambda: sd.softmax(a)[1] + 0 * x,
            lambda: sd.let("p", sd.softmax(a)),
            lambda: sd.cosh(a),
            lambda: 1 + 0 * x,
        ]
        if depth == 0:
            return leaves[rng.integers(len(leaves))]()
        f, g = piece(depth - 1), piece(depth - 1)
        joins = [
            lambda: f + g,
            lambda: f - g,
            lambda: f * g,
            lambda: f - f * g,
            lambda: 1 - f,
            lambda: f * (1 - g),
            lambda: 1 + f,
            lambda: f - 2 * f**2,
            lambda: log(1 + f * f),
            lambda: f / (1 + g * g),
            lambda: (exp(x) - exp(y)) * f / (exp(x) + exp(y)),
            lambda: (exp(x) * f + exp(y) * g) / (exp(x) + exp(y)),
            lambda: log(exp(x) + 2 * exp(y)) * f,
        ]
        return joins[rng.integers(len(joins))]()

    return piece(2)


@pytest.mark.parametrize("seed", range(150))
def test_rewrites_keep_the_value(seed):
    """Random expressions and their Jacobians, against evaluation without any rewrite."""
    import reference

    rng = np.random.default_rng(seed)
    expr = _random_expression(rng)
    values = {name: rng.normal(size=3) / 2 for name in "xyq"}
    values["x"][0] = values["x"][1]
    cases = [expr, sd.jacobian(expr, x)] if seed % 3 == 0 else [expr]
    for e in cases:
        given = {k: a for k, a in values.items() if k in {str(i) for i in _inputs(e)}}
        expected = reference.evaluate(e, values, {n: 3})
        got = sd.evaluate(e, **(given or {"n": 3}))
        np.testing.assert_allclose(got, np.broadcast_to(expected, np.shape(got)), rtol=1e-8, atol=1e-10 * max(1.0, np.abs(expected).max()))


def _inputs(expr):
    return [node.name for node in _nodes(expr.node) if node.op == "input"]
