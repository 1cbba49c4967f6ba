"""The C functions on vectors against mpmath, in units in the last place."""

import ctypes
import math

import mpmath
import numpy as np
import pytest

from symdl.functions import TABLE
from symdl.lower.native.functions import table_function
from symdl.lower.native.kernels import PRELUDE
from symdl.lower.native.toolchain import compiler, library

pytestmark = pytest.mark.skipif(compiler() is None, reason="no C compiler")

EXACT = {
    "exp": mpmath.exp,
    "log": mpmath.log,
    "log1p": mpmath.log1p,
    "expm1": mpmath.expm1,
    "tanh": mpmath.tanh,
    "sigmoid": lambda z: 1 / (1 + mpmath.exp(-z)),
    "sqrt": mpmath.sqrt,
}


@pytest.fixture(scope="module")
def kernels():
    lines = [f"void {n}(double *y, const double *x, long n) {{ for (long i = 0; i < n; i += 8) store(y + i, f_{n}(load(x + i))); }}" for n in EXACT]
    made = library("\n".join([PRELUDE, *lines]))

    def apply(name, x):
        padded = np.concatenate([x, np.ones(-len(x) % 8)])
        out = np.empty_like(padded)
        getattr(made, name)(ctypes.c_void_p(out.ctypes.data), ctypes.c_void_p(padded.ctypes.data), ctypes.c_long(len(padded)))
        return out[: len(x)]

    return apply


def points(name):
    rng = np.random.default_rng(1)
    edges = [745.2, 709.78, 710.0, 700.0, 1e-310, 5e-324, 1e-300, 1e-17, 0.34657, 0.625, 1.0, 0.5]
    x = np.concatenate(
        [rng.uniform(-1, 1, 400), rng.uniform(-740, 700, 200), rng.normal(size=200) * 1e-8, rng.normal(size=200) * 20, edges, np.negative(edges)]
    )
    if name in ("log", "sqrt"):
        x = np.concatenate([np.abs(x), 1 + rng.normal(size=200) * 1e-3, 10.0 ** rng.uniform(-300, 300, 100)])
    return np.where(x <= -1, -x, x) if name == "log1p" else x


@pytest.mark.parametrize("name", EXACT)
def test_two_ulp(kernels, name):
    mpmath.mp.dps = 40
    x = points(name)
    for a, b in zip(x, kernels(name, x), strict=True):
        true = EXACT[name](mpmath.mpf(float(a)))
        if abs(true) > mpmath.mpf("1.797693134862315e308"):
            assert math.isinf(b), (a, b)
            continue
        ulp = float(np.spacing(abs(float(true)))) or 5e-324
        assert abs(mpmath.mpf(float(b)) - true) <= 2 * mpmath.mpf(ulp), (name, a, b, true)


@pytest.mark.parametrize("name", EXACT)
def test_not_finite_as_numpy(kernels, name):
    x = np.array([np.inf, -np.inf, np.nan, 0.0, -0.0, 1.0, 1e300, -1e300])
    with np.errstate(all="ignore"):
        expected = TABLE[name].numpy(x) if name in TABLE else getattr(np, name)(x)
    np.testing.assert_allclose(kernels(name, x), expected, rtol=1e-15)


@pytest.mark.parametrize("name", sorted(TABLE))
def test_every_function_of_the_table(name):
    """Translated from its NumPy source; where that raises (step at 0), it is not a number here."""
    entry = TABLE[name]
    arity = {"pow": 2, "where": 3, "clip": 3, "threshold": 3, "minimum": 2, "maximum": 2}.get(name, 1)
    helpers = {}
    args = [f"load(x + {k} * n + i)" for k in range(arity)]
    text = table_function(name, args, helpers)
    run = library(
        "\n".join([PRELUDE, *helpers.values(), f"void run(double *y, const double *x, long n) {{ for (long i = 0; i < n; i += 8) store(y + i, {text}); }}"])
    ).run
    rng = np.random.default_rng(2)
    x = np.concatenate(
        [rng.normal(size=(arity, 40)) * 3, rng.normal(size=(arity, 16)) * 1e-5, np.repeat([[0.0] * 4 + [30.0, -30.0, 600.0, -600.0]], arity, 0)], axis=1
    )
    if name == "pow":
        x[0] = np.abs(x[0])
    if name == "clip":
        x[1], x[2] = -1.0, 2.0
    x = np.ascontiguousarray(x)
    out = np.empty(x.shape[1])
    run(ctypes.c_void_p(out.ctypes.data), ctypes.c_void_p(x.ctypes.data), ctypes.c_long(x.shape[1]))
    if name == "step":
        assert np.isnan(out[x[0] == 0]).all() and (x[0] == 0).any()
        x, out = x[:, x[0] != 0], out[x[0] != 0]
    with np.errstate(all="ignore"):
        expected = np.asarray(entry.numpy(*x), dtype=float)
    np.testing.assert_allclose(out, expected, rtol=2e-14, atol=1e-300)
