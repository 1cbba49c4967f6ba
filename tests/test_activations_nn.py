"""Every activation of torch.nn: values, derivatives, kinks, far arguments, proofs, and every way of saying them.

The data are exact values (torch itself is off by 3e-8 for CELU and 5e-9 for Hardsigmoid, whose kernels hold float32 constants).
"""

import json
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
import sympy as sp

import symdl as sd
from symdl.functions import TABLE
from symdl.prove.definitions import defined_on_tape
from symdl.prove.tape import Tape

DATA = json.loads((Path(__file__).parent / "data" / "torch_nn_activations.json").read_text("utf-8"))

#: Name in the data -> (the function of one argument, the same in torch as text).
ACTIVATIONS = {
    "Threshold": (lambda z: sd.threshold(z, 0.1, 20), "threshold(x, 0.1, 20.0)"),
    "ReLU": (sd.relu, "relu(x)"),
    "RReLU": (sd.rrelu, "rrelu(x, training=False)"),
    "Hardtanh": (sd.hardtanh, "hardtanh(x)"),
    "ReLU6": (sd.relu6, "relu6(x)"),
    "Sigmoid": (sd.sigmoid, "sigmoid(x)"),
    "Hardsigmoid": (sd.hardsigmoid, None),
    "Tanh": (sd.tanh, "tanh(x)"),
    "SiLU": (sd.silu, "silu(x)"),
    "Mish": (sd.mish, "mish(x)"),
    "Hardswish": (sd.hardswish, "hardswish(x)"),
    "ELU": (sd.elu, "elu(x)"),
    "ELU(0.7)": (lambda z: sd.elu(z, alpha=0.7), "elu(x, 0.7)"),
    "CELU": (lambda z: sd.celu(z, alpha=0.6), None),
    "SELU": (sd.selu, "selu(x)"),
    "GELU": (sd.gelu, "gelu(x)"),
    "GELU(tanh)": (lambda z: sd.gelu(z, approximate="tanh"), "gelu(x, approximate='tanh')"),
    "Hardshrink": (sd.hardshrink, "hardshrink(x)"),
    "LeakyReLU": (sd.leaky_relu, "leaky_relu(x)"),
    "LogSigmoid": (sd.log_sigmoid, "logsigmoid(x)"),
    "Softplus": (sd.softplus, "softplus(x)"),
    "Softplus(2)": (lambda z: sd.softplus(z, beta=2), "softplus(x, 2)"),
    "Softshrink": (sd.softshrink, "softshrink(x)"),
    "PReLU": (lambda z: sd.prelu(z, 0.25), "prelu(x, torch.tensor([0.25], dtype=x.dtype))"),
    "Softsign": (sd.softsign, "softsign(x)"),
    "Tanhshrink": (sd.tanhshrink, "tanhshrink(x)"),
}
#: All functions of the table with one argument that is not a parameter, at values of their parameters.
FREE = [n for n, e in TABLE.items() if e.nargs == 1 or e.parameters]
PARAMETERS = {"clip": (-1, 2), "threshold": (sp.Rational(1, 3), 5)}
OVER_AXES = {"Softmax": sd.softmax, "Softmin": sd.softmin, "LogSoftmax": sd.log_softmax, "GLU": sd.glu}
#: torch's softplus is the identity beyond its threshold: 2e-9 off.
LOOSE = {"Softplus", "Softplus(2)"}


def by_name(name):
    return next(e for e in DATA["elementwise"] if e["name"] == name)


def value_and_slope(function, at):
    x = sd.tensor("x", "n")
    return sd.evaluate(function(x), x=at), sd.value_and_grad(sd.sum(function(x)), x)(x=at)[1]["x"]


def at_defaults(name, z):
    entry = TABLE[name]
    given = PARAMETERS.get(name) or [default for _, default in entry.parameters]
    return entry.sympy(z, *given)


def test_the_data_and_the_table_here_name_the_same_activations():
    assert {e["name"] for e in DATA["elementwise"]} == set(ACTIVATIONS)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_value_and_derivative_agree_with_the_data(name):
    entry = by_name(name)
    value, slope = value_and_slope(ACTIVATIONS[name][0], np.array(entry["x"]))
    tolerance = 3e-9 if name in LOOSE else 1e-10
    rounding = 1e-14 if name == "GELU(tanh)" else 1e-15  # the data are of 1 + tanh, which cancels in the left tail
    assert value == pytest.approx(np.array(entry["y"]), rel=tolerance, abs=rounding)
    assert slope == pytest.approx(np.array(entry["dy"]), rel=tolerance, abs=rounding)


@pytest.mark.parametrize("name", [n for n in ACTIVATIONS if by_name(n)["kinks"]])
def test_kinks_have_the_value_and_the_derivative_of_torch(name):
    kinks = by_name(name)["kinks"]
    value, slope = value_and_slope(ACTIVATIONS[name][0], np.array([k["x"] for k in kinks]))
    assert value == pytest.approx([k["value"] for k in kinks], rel=1e-12, abs=1e-15)
    assert slope == pytest.approx([k["torch_grad"] for k in kinks], rel=1e-7 if name == "CELU" else 1e-12)


@pytest.mark.parametrize("name", [n for n, (_, text) in ACTIVATIONS.items() if text])
def test_against_torch_at_random_shapes(name):
    torch = pytest.importorskip("torch")
    function, text = ACTIVATIONS[name]
    rng = np.random.default_rng(7)
    for shape in ((1,), (1, 4), (3, 1, 2)):
        at = 3 * rng.normal(size=shape)
        x = torch.tensor(at, requires_grad=True)
        wanted = eval(f"F.{text}", {"F": torch.nn.functional, "x": x, "torch": torch})
        wanted.sum().backward()
        z = sd.tensor("z", *shape)
        assert sd.evaluate(function(z), z=at) == pytest.approx(wanted.detach().numpy(), rel=1e-10, abs=1e-14)
        assert sd.value_and_grad(sd.sum(function(z)), z)(z=at)[1]["z"] == pytest.approx(x.grad.numpy(), rel=1e-10, abs=1e-14)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_far_arguments_give_numbers(name):
    far = np.array([-1000.0, -745.0, -100.0, -1e-300, 1e-300, 40.0, 709.0, 1000.0])
    x = sd.tensor("x", "n")
    function = ACTIVATIONS[name][0]
    slope = sd.grad(sd.sum(function(x)), x)
    second = sd.grad(sd.sum(slope), x)
    with np.errstate(all="raise", under="ignore"):
        for formula in (function(x), slope, second):
            if formula.inputs:
                assert np.all(np.isfinite(sd.evaluate(formula, x=far)))


@pytest.mark.parametrize("name", sorted({"mish", "log_sigmoid", "gelu_tanh", "tanhshrink", "elu", "celu", "selu", "silu", "softplus", "expm1", "log1p"}))
def test_saturated_and_tiny_values_keep_their_digits(name):
    z = sp.Symbol("z", real=True)
    f = at_defaults(name, z)
    points = [sp.Rational(p, 1024) for p in (-40000, -9000, -1025, -1, 1, 700, 1025, 9000, 40000)]
    points = [p for p in points if name != "log1p" or p > -1]
    found = TABLE[name].numpy(np.array([float(p) for p in points]))
    exact = [float(f.rewrite(sp.exp).subs(z, p).evalf(450)) for p in points]
    assert found == pytest.approx(exact, rel=3e-14, abs=1e-300)


@pytest.mark.parametrize("name", [n for n in FREE if n not in ("step", "iszero")])
def test_derivatives_are_proved_against_definitions(name):
    z = sd.tensor("z")
    f = at_defaults(name, z)
    d = sd.derive(f, z)
    assert sd.check(f, z, d[z]).verdict == "PROVED"
    assert sd.check(f, z, d[z] + z).verdict == "REFUTED"


@pytest.mark.parametrize(("name", "parameters"), [("elu", "a"), ("celu", "a"), ("leaky_relu", "a"), ("softshrink", "a"), ("huber", "a"), ("hardtanh", "ab")])
def test_derivatives_by_parameters_agree_with_differences(name, parameters):
    letters = [sd.tensor(c) for c in parameters]
    z = sd.tensor("z", "n")
    values = {"z": np.array([-4.1, -1.3, -0.2, 0.3, 1.4, 4.2]), **dict(zip(parameters, (0.7, 1.9), strict=False))}
    total = sd.sum(TABLE[name].sympy(z, *letters) * sd.cos(z))
    if name == "hardtanh":
        values["a"] = -0.7
    slopes = sd.value_and_grad(total, letters)(**values)[1]
    for c in parameters:
        ends = [sd.evaluate(total, **{**values, c: values[c] + h}) for h in (1e-6, -1e-6)]
        assert slopes[c] == pytest.approx((ends[0] - ends[1]) / 2e-6, rel=1e-7)


@pytest.mark.parametrize("name", FREE)
def test_every_function_is_at_home_in_sympy(name):
    z = sp.Symbol("z", real=True)
    f = at_defaults(name, z)
    assert sp.latex(f)
    point = sp.Rational(5, 7)
    if not f.diff(z).has(sp.Derivative):  # SymPy's own sign
        assert f.diff(z).subs(z, point).evalf().is_real
    assert float(f.subs(z, point).evalf()) == pytest.approx(float(sp.lambdify(z, f)(float(point))), rel=1e-12)
    if TABLE[name].definition is not None and name != "tan":  # whose exponentials are complex
        assert float(f.rewrite(sp.exp).subs(z, point).evalf()) == pytest.approx(float(f.subs(z, point).evalf()), rel=1e-12)


def test_parameters_may_be_given_by_name_or_place_and_their_floats_are_exact():
    x = sd.tensor("x", "n")
    assert sd.elu(x, 0.7) == sd.elu(x, alpha=0.7) == sd.elu(x, alpha=Fraction(7, 10)) == sd.parse("elu(x, alpha=0.7)", x="n")
    assert sd.parse("hardtanh(x, max_val=2.5)", x="n") == sd.hardtanh(x, max_val=2.5)
    assert sd.parse("gelu(x, approximate=tanh)", x="n") == sd.gelu(x, approximate="tanh") == sd.gelu_tanh(x)
    assert sd.parse("softplus(x, beta=3)", x="n") == sd.softplus(x, 3)
    assert sd.parse("elu(x, a)", x="n", a="") == sd.elu(x, sd.tensor("a"))
    for shown in (sd.elu(x, 0.7), sd.hardtanh(x), sd.leaky_relu(x), sd.mish(x)):
        assert sd.parse(str(shown), x="n") == shown


@pytest.mark.parametrize(
    "text",
    ["elu(x, beta=2)", "elu(x, alpha=b)", "elu(x, 1, 2)", "threshold(x)", "elu(x, alpha=1e999999)", "gelu(x, approximate=no)", "glu(x)", "elu(x, 1, alpha=2)"],
)
def test_wrong_calls_are_one_line(text):
    with pytest.raises(sd.SymdlError) as error:
        sd.parse(text, x="n")
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("entry", [e for e in DATA["vector"] if e["name"].split("(")[0] in OVER_AXES], ids=lambda e: e["name"])
def test_activations_over_an_axis_agree_with_the_data(entry):
    function = OVER_AXES[entry["name"].split("(")[0]]
    at, weights = np.array(entry["x"]), np.array(entry["weights"])
    n = sd.dims("n")
    for z in (sd.tensor("z", *at.shape), sd.tensor("z", "N", 2 * n)):
        f = function(z)
        w = sd.tensor("w", *f.shape)
        assert sd.evaluate(f, z=at) == pytest.approx(np.array(entry["y"]), rel=1e-12)
        assert sd.value_and_grad(sd.sum(w * f), z)(z=at, w=weights)[1]["z"] == pytest.approx(np.array(entry["grad_of_weighted_sum"]), rel=1e-10)


def test_glu_and_prelu_on_other_axes_agree_with_torch():
    torch = pytest.importorskip("torch")
    at = np.random.default_rng(3).normal(size=(4, 3, 2))
    z, a = sd.tensor("z", 4, 3, 2), sd.tensor("a", 3)
    assert sd.evaluate(sd.glu(z, axis=0), z=at) == pytest.approx(torch.nn.functional.glu(torch.tensor(at), 0).numpy(), rel=1e-12)
    slopes = np.array([0.25, -0.5, 2.0])
    t, s = torch.tensor(at, requires_grad=True), torch.tensor(slopes, requires_grad=True)
    wanted = torch.nn.functional.prelu(t, s)
    (wanted**2).sum().backward()
    assert sd.evaluate(sd.prelu(z, a), z=at, a=slopes) == pytest.approx(wanted.detach().numpy(), rel=1e-12)
    found = sd.value_and_grad(sd.sum(sd.prelu(z, a) ** 2), [z, a])(z=at, a=slopes)[1]
    assert found["z"] == pytest.approx(t.grad.numpy(), rel=1e-12)
    assert found["a"] == pytest.approx(s.grad.numpy(), rel=1e-12)
    with pytest.raises(sd.ShapeError):
        sd.prelu(z, sd.tensor("b", 2))
    with pytest.raises(sd.ShapeError):
        sd.glu(sd.tensor("u", 3))


def test_ties_and_bounds():
    x, y = sd.tensor("x", "n"), sd.tensor("y", "n")
    same = {"x": np.array([1.0, 2.0]), "y": np.array([1.0, 3.0])}
    for f, wanted in ((sd.minimum, [0.5, 1.0]), (sd.maximum, [0.5, 0.0])):
        assert sd.value_and_grad(sd.sum(f(x, y)), x)(**same)[1]["x"] == pytest.approx(wanted)
    at = np.array([-1.0, 0.0, 2.0, 2.5])
    for f in (sd.clip(x, -1, 2), sd.clamp(x, min=-1, max=2)):
        assert sd.value_and_grad(sd.sum(f), x)(x=at)[1]["x"] == pytest.approx([1.0, 1.0, 1.0, 0.0])
    assert sd.value_and_grad(sd.sum(sd.clamp(x, min=0)), x)(x=at)[1]["x"] == pytest.approx([0.0, 1.0, 1.0, 1.0])
    assert sd.value_and_grad(sd.sum(sd.clamp(x, max=0)), x)(x=at)[1]["x"] == pytest.approx([1.0, 1.0, 0.0, 0.0])


def test_an_oracle_sees_a_wrong_derivative_of_a_function_that_it_knows_by_definition_only():
    x = sd.tensor("x", "n")
    loss = sd.sum(sd.mish(x) * sd.elu(x))
    right = sd.grad(loss, x)
    assert sd.derive(loss, x).verify().ok
    assert sd.check(loss, x, right).verdict == "PROVED"
    assert sd.check(loss, x, right + sd.positive(x - 3)).verdict == "REFUTED"


def test_a_definition_that_overflows_is_mended_entry_by_entry():
    from symdl import extend

    name = "swish_by_definition"
    if name not in TABLE:
        extend.function(
            name, definition=lambda z: z / (1 + sp.exp(-z)), derivative=lambda z: sd.sigmoid(z) * (1 + z * (1 - sd.sigmoid(z))), numpy=TABLE["silu"].numpy
        )
    tape = Tape()
    x = tape.var(np.array([-800.0, 0.5, 800.0]))
    with np.errstate(all="ignore"):
        out = defined_on_tape(name, [x], tape)
        tape.backward(out, np.ones(3))
    assert out.value == pytest.approx(TABLE["silu"].numpy(x.value), rel=1e-14, abs=1e-300)
    assert np.all(np.isfinite(x.grad)) and x.grad[2] == 1.0


def test_the_page_of_functions_is_that_of_the_table():
    from symdl.functions import listing

    page = (Path(__file__).parent.parent / "docs" / "functions.md").read_text("utf-8")
    own = [line for line in listing.markdown().splitlines() if not line.startswith(("| `swish_by_definition", "| `mish_again"))]
    written = page.splitlines()
    assert [line for line in own if line in written] == written  # tests may have added functions to the table


@pytest.mark.parametrize(
    "call",
    [
        lambda x: sd.sigmoid(x, 3),
        lambda x: sd.relu(x, inplace=True),
        lambda x: sd.relu(sp.Symbol("z"), 2),
        lambda x: sd.elu(x, 1, 2),
        lambda x: sd.elu(),
        lambda x: sd.softplus(x, 2, 5),
        lambda x: sd.softplus(x, beta=float("nan")),
    ],
)
def test_arguments_that_would_be_passed_over_are_refused(call):
    with pytest.raises(sd.SymdlError):
        call(sd.tensor("x", 3))
