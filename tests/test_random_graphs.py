"""Random graphs of every kind of node: the program, the tape and PyTorch agree on values and gradients; text and JSON come back equal."""

from __future__ import annotations

import itertools
import os

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from reference import evaluate as plain

import symdl as sd
from symdl.errors import SymdlError
from symdl.prove.numeric import evaluate as on_tape
from symdl.prove.problem import dims_of

n, m = sd.dims("n m")
SIZES = {n: 3, m: 2}
INPUTS = {
    "x": sd.tensor("x", n),
    "y": sd.tensor("y", n),
    "A": sd.tensor("A", n, n),
    "B": sd.tensor("B", n, m),
    "s": sd.tensor("s"),
    "z": sd.tensor("z", m),
    "c": sd.tensor("c", m),
}

#: No two named results of one name.
NAMES = itertools.count()

UNARY = ["sin", "tanh", "sigmoid", "softplus", "relu", "gelu", "arctan", "elu", "silu", "mish", "abs"]


def grow(draw, depth):
    """A random expression, and what it is made of; class numbers stand where rows are chosen, and nowhere else."""
    if depth == 0:
        return INPUTS[draw(st.sampled_from(sorted(set(INPUTS) - {"c"})))]
    kind = draw(
        st.sampled_from(
            [
                "unary",
                "sum",
                "product",
                "matmul",
                "reduce",
                "softmax",
                "maximum",
                "window",
                "slice",
                "index",
                "square",
                "transpose",
                "let",
                "where",
                "inverse",
                "concat",
                "recur",
                "gather",
                "det",
                "cumsum",
            ]
        )
    )
    a = grow(draw, depth - 1)
    if kind == "unary":
        return getattr(sd, draw(st.sampled_from(UNARY)))(a)
    if kind in ("sum", "product", "where"):
        b = grow(draw, depth - 1)
        if a.shape != b.shape and a.shape and b.shape:
            b = sd.sum(b)
        return a + draw(st.sampled_from([1, -2, 0.5])) * b if kind == "sum" else a * b if kind == "product" else sd.where(a, b, a * b)
    if kind == "matmul":
        return matmul(a, grow(draw, depth - 1))
    if kind == "reduce" and a.shape:
        return draw(st.sampled_from([sd.sum, sd.mean, sd.logsumexp]))(a, axis=draw(st.integers(0, a.ndim - 1)))
    if kind == "softmax" and a.shape:
        return sd.softmax(a, axis=a.ndim - 1)
    if kind == "maximum" and a.shape:
        return sd.max(a, axis=0)
    if kind == "window" and a.shape and a.shape[-1] == n:
        return sd.sum(sd.window(a, 2, axis=-1, padding=draw(st.integers(0, 1)), stride=draw(st.integers(1, 2))) ** 2, axis=-1)[..., 0]
    if kind == "slice" and a.shape:
        return sd.pad(a[1:], 0, 1, axis=0) if a.shape[0] == n else a[::-1]
    if kind == "index" and a.shape:
        return a[draw(st.integers(0, 1))]
    if kind == "square":
        return (1 + a**2) ** draw(st.sampled_from([-1, 2, -0.5]))
    if kind == "transpose":
        return a.T
    if kind == "let":
        return sd.let(f"v{next(NAMES)}", a)
    if kind == "inverse" and a.shape == (n, n):
        return draw(st.sampled_from([sd.inv, sd.logdet]))(a @ a.T + 3 * sd.eye(n))
    if kind == "concat" and a.shape == (n,):
        return sd.concat([a, INPUTS["y"]])[1 : n + 1]
    if kind == "recur" and a.shape == (n,):
        return sd.recur("h", a, lambda before, step: sd.tanh(INPUTS["A"] @ before + INPUTS["z"][step]), m)[-1]
    if kind == "gather" and a.shape and a.shape[0] == n:
        return sd.gather(a, INPUTS["c"])
    if kind == "det" and a.shape == (n, n):
        return sd.det(a + 2 * sd.eye(n)) / 9
    if kind == "cumsum" and a.shape:
        return sd.cumsum(a, axis=0)
    return sd.sin(a)


def matmul(a, b):
    for left in (a, a.T):
        for right in (b, b.T):
            if left.shape and right.shape and left.shape[-1] == right.shape[0]:
                return left @ right
    return a * sd.sum(b)


@st.composite
def graphs(draw):
    return sd.sum(grow(draw, draw(st.integers(1, 4))))


def draw_values(seed):
    rng = np.random.default_rng(seed)
    shapes = {"x": 3, "y": 3, "A": (3, 3), "B": (3, 2), "s": (), "z": 2}
    return {name: np.asarray(rng.normal(size=shape)) for name, shape in shapes.items()} | {"c": rng.integers(0, 3, size=2).astype(float)}


def used(expr, values):
    sizes = {str(d): v for d, v in SIZES.items()}
    told = {str(d) for name in expr.inputs for size in INPUTS[name].shape for d in [size]}
    inside = {str(s) for s in dims_of([expr])}
    return {name: values[name] for name in expr.inputs} | {d: v for d, v in sizes.items() if d in inside - told}


def finite(expr, values):
    try:
        with np.errstate(all="ignore"):
            value = np.asarray(plain(expr, values, SIZES))
    except (FloatingPointError, np.linalg.LinAlgError):
        return None
    return value if np.all(np.isfinite(value)) and np.all(np.abs(value) < 1e6) else None


common = settings(
    deadline=None,
    max_examples=int(os.environ.get("SYMDL_EXAMPLES", "60")),
    suppress_health_check=[HealthCheck.filter_too_much, HealthCheck.too_slow, HealthCheck.data_too_large],
)


@common
@given(graphs(), st.integers(0, 1000))
def test_program_tape_and_reference_agree(expr, seed):
    values = draw_values(seed)
    expected = finite(expr, values)
    assume(expected is not None)
    got = sd.evaluate(expr, **used(expr, values))
    np.testing.assert_allclose(got, expected, rtol=1e-9, atol=1e-10)
    np.testing.assert_allclose(on_tape(expr, used(expr, values)), expected, rtol=1e-9, atol=1e-10)


@common
@given(graphs(), st.integers(0, 1000))
def test_gradients_agree_with_pytorch(expr, seed):
    pytest.importorskip("torch")
    from symdl.prove.framework import torch_gradient

    values = draw_values(seed)
    assume(finite(expr, values) is not None and expr.inputs)
    targets = [INPUTS[name] for name in expr.inputs]
    expected = torch_gradient(expr, targets, used(expr, values))
    derived = sd.derive(expr, targets)
    for name in expr.inputs:
        assume(np.all(np.isfinite(expected[name])) and np.all(np.abs(expected[name]) < 1e6))
        got = plain(derived[name], values, SIZES)
        np.testing.assert_allclose(got, expected[name], rtol=1e-7, atol=1e-8)
        if derived[name].inputs:
            sizes = {str(d): SIZES[d] for d in derived[name].shape if d not in {s for k in derived[name].inputs for s in INPUTS[k].shape}}
            np.testing.assert_allclose(sd.evaluate(derived[name], **used(derived[name], values) | sizes), got, rtol=1e-8, atol=1e-9)


@common
@given(graphs())
def test_texts_and_files_come_back(expr):
    again = sd.from_json(sd.to_json(expr))
    assert again == expr and hash(again) == hash(expr)
    shown = str(expr)
    assert shown
    try:
        found = sd.parse(shown, **{name: INPUTS[name] for name in expr.inputs})
    except SymdlError:
        return  # index notation, names: not all that is shown is of the text language
    assert found == expr or sd.prove(found, expr).verdict != "REFUTED"
