"""Functions added from outside are checked on entry and then are like all others."""

import itertools

import numpy as np
import pytest
import sympy as sp

import symdl as sd
from symdl import extend
from symdl.functions import TABLE, Kink

_count = itertools.count()


def fresh(stem: str) -> str:
    """A name that no test has registered yet: the table has no way back."""
    return f"{stem}_{next(_count)}"


def mish_numpy(z):
    return z * np.tanh(np.logaddexp(0.0, z))


@pytest.fixture(scope="module")
def mish():
    return extend.function(
        "mish_again",
        definition=lambda z: z * sp.tanh(sp.log(1 + sp.exp(z))),
        derivative=lambda z: sp.tanh(sd.softplus(z)) + z * sd.sigmoid(z) * (1 - sp.tanh(sd.softplus(z)) ** 2),
        numpy=mish_numpy,
        latex=r"\operatorname{Mish}",
    )


def test_registered_function_is_like_all_others(mish):
    z = sp.Symbol("z")
    assert sp.latex(mish(z)) == r"\operatorname{Mish}\left(z\right)"
    assert mish(z).diff(z).has(sp.tanh)
    x, w = sd.tensor("x", "n"), sd.tensor("w", "n")
    loss = sd.sum(mish(w * x))
    values = {"x": np.array([1.0, 2.0, -0.5]), "w": np.array([0.3, -0.7, 40.0])}
    assert sd.evaluate(loss, **values) == pytest.approx(mish_numpy(values["w"] * values["x"]).sum(), rel=1e-12)
    _, slope = sd.value_and_grad(loss, w)(**values)
    h = 1e-6
    for k in range(3):
        up, down = (values["w"] + s * h * np.eye(3)[k] for s in (1, -1))
        numeric = (mish_numpy(up * values["x"]).sum() - mish_numpy(down * values["x"]).sum()) / (2 * h)
        assert slope["w"][k] == pytest.approx(numeric, abs=1e-7)


def test_registered_function_parses_and_proves(mish):
    parsed = sd.parse("sum(mish_again(x))", x="n")
    assert parsed == sd.sum(mish(sd.tensor("x", "n")))
    x = sd.tensor("x")
    d = sd.derive(mish(x), x)
    assert d.verify().ok
    assert sd.check(mish(x), x, d[x]).verdict == "PROVED"
    assert all(sd.prove(step.before, step.after).verdict == "PROVED" for step in d.steps)
    assert sd.check(mish(x), x, 2 * d[x]).verdict == "REFUTED"


def test_derivative_may_use_the_functions_own_value():
    made = extend.function(
        fresh("tanh_again"), definition=lambda z: (sp.exp(z) - sp.exp(-z)) / (sp.exp(z) + sp.exp(-z)), derivative=lambda z, y: 1 - y**2, numpy=np.tanh
    )
    z = sp.Symbol("z")
    assert made(z).diff(z) == 1 - made(z) ** 2


@pytest.mark.parametrize(
    "wrong",
    [
        lambda z: sd.sigmoid(z) * (1 + sd.sigmoid(z)),
        lambda z: -sd.sigmoid(z) * (1 - sd.sigmoid(z)),
        lambda z: sd.sigmoid(z) * (1 - sd.sigmoid(z)) * (1 + sp.Rational(1, 10**9)),
    ],
)
def test_wrong_derivative_is_refused(wrong):
    name = fresh("logistic")
    with pytest.raises(sd.DomainError, match="derivative is wrong at z = "):
        extend.function(name, definition=lambda z: 1 / (1 + sp.exp(-z)), derivative=wrong, numpy=TABLE["sigmoid"].numpy)
    assert name not in TABLE


def test_wrong_or_unstable_numeric_evaluation_is_refused():
    good = {"definition": lambda z: sp.log(1 + sp.exp(z)), "derivative": lambda z: sd.sigmoid(z)}
    with pytest.raises(sd.DomainError, match="numeric evaluation is wrong at z = 742"):
        extend.function(fresh("soft"), numpy=lambda z: np.log(1 + np.exp(z)), **good)
    with pytest.raises(sd.DomainError, match="must be elementwise"):
        extend.function(fresh("soft"), numpy=lambda z: np.sum(z), **good)


def test_what_cannot_be_registered_says_why():
    square = {"definition": lambda z: z**2, "derivative": lambda z: 2 * z}
    with pytest.raises(sd.NameError_, match="already"):
        extend.function("sigmoid", **square)
    with pytest.raises(sd.NameError_, match="cannot name a function"):
        extend.function("__import__('os')", **square)
    with pytest.raises(sd.UnsupportedError, match="mentions c"):
        extend.function(fresh("f"), definition=lambda z: sp.Symbol("c") * z, derivative=lambda z: sp.Symbol("c"))
    with pytest.raises(sd.UnsupportedError, match="uses Piecewise"):
        extend.function(fresh("f"), definition=lambda z: sp.Piecewise((z, z > 0), (0, True)), derivative=lambda z: sp.Piecewise((1, z > 0), (0, True)))
    with pytest.raises(sd.DomainError, match="domain='z > 0'"):
        extend.function(fresh("f"), definition=lambda z: sp.log(z), derivative=lambda z: 1 / z)
    assert extend.function(fresh("f"), definition=lambda z: sp.log(z) ** 2, derivative=lambda z: 2 * sp.log(z) / z, domain="z > 0")
    with pytest.raises(sd.UnsupportedError, match="not a SymPy expression"):
        extend.function(fresh("f"), definition=lambda z: "z", derivative=lambda z: 1)
    with pytest.raises(sd.UnsupportedError, match="not a SymPy expression"):
        extend.function(fresh("f"), definition=lambda z: z, derivative=lambda z: "__import__('os').getpid()")


def test_evaluation_made_from_the_definition_holds_far_out():
    made = extend.function(fresh("soft"), definition=lambda z: sp.log(1 + sp.exp(z)), derivative=lambda z: sd.sigmoid(z))
    at = np.array([-800.0, -1.0, 0.0, 1.0, 800.0])
    assert np.allclose(TABLE[made.__name__].numpy(at), np.logaddexp(0.0, at), rtol=1e-12)
    assert TABLE[made.__name__].numpy(np.float64(800.0)) == 800.0


def test_a_kink_without_a_policy_is_named():
    """The definition is looked at; a policy for another point does not count."""
    hinge = {"definition": lambda z: sp.Max(0, 1 - z), "derivative": lambda z: -(1 + sp.sign(1 - z)) / 2, "numpy": lambda z: np.maximum(0, 1 - z)}
    with pytest.raises(sd.DomainError, match=r"kink at z = 1, .*kinks=\[Kink\(1"):
        extend.function(fresh("hinge"), **hinge)
    with pytest.raises(sd.DomainError, match="kink at z = 1"):
        extend.function(fresh("hinge"), **hinge, kinks=[Kink(0.0, "0", "0")])
    made = extend.function(fresh("hinge"), **hinge, kinks=[Kink(1.0, "0", "-1/2 (the mean of both sides)")])
    assert sd.evaluate(sd.grad(made(sd.tensor("v")), "v"), v=1.0) == -0.5
    smooth = extend.function(fresh("smooth"), definition=lambda z: z * sp.Abs(z), derivative=lambda z: 2 * sp.Abs(z), numpy=lambda z: z * np.abs(z))
    assert sd.evaluate(smooth(sd.tensor("v")), v=-3.0) == -9.0
