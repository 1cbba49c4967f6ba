"""Saving as JSON: what is loaded is equal to what was saved, in another session too; damaged or hostile files are refused in one line."""

from __future__ import annotations

import json
import random
import subprocess
import sys

import numpy as np
import pytest
import sympy as sp

import symdl as sd

n, p, h = sd.dims("n p h")
i, j = sd.indices("i j")
X, w, y, A = sd.tensor("X", n, p), sd.tensor("w", p), sd.tensor("y", n), sd.tensor("A", p, p, facts="posdef")
W = sd.tensor("W", h, p, p)
STATES = sd.recur("a", w, lambda prev, step: sd.tanh(W[step] @ prev), h)
LOSS = sd.sum((sd.let("s", sd.sigmoid(X @ w)) - y) ** 2) / 2

EXPRESSIONS = {
    "gradient": sd.grad(LOSS, w),
    "hessian": sd.hessian(LOSS, w),
    "matrix": sd.logdet(A) + sd.trace(sd.inv(A).T),
    "softmax": sd.softmax(X @ w),
    "window": sd.window(y, 3, stride=2, padding=1),
    "gather": X[y],
    "letters": X[i, j] * w[j],
    "position": w[1] + X[0, 2],
    "numbers": sd.norm(w) ** 3 / sd.sqrt(2 * n * sp.pi) + sp.Rational(1, 3) + 10**30,
    "function": sd.elu(w, 0.3),
    "maximum": sd.max(X, axis=0),
    "broadcast": X + w,
    "recurrence": STATES[-1],
    "its gradient": sd.grad(sd.sum(STATES[-1]), W),
    "diagonal": sd.diag(w) - sd.outer(w, w),
    "scalar": sd.tensor("b"),
    "sizes": sd.tensor("B", n - p + 1, 2 * h),
}


@pytest.mark.parametrize("name", EXPRESSIONS)
def test_expressions_load_back_equal(name):
    expr = EXPRESSIONS[name]
    text = sd.to_json(expr)
    found = sd.from_json(text)
    assert found == expr and found.shape == expr.shape and found.open == expr.open
    assert sd.to_json(found) == text
    assert json.loads(text)["symdl"] == 1


def test_what_sympy_brought_comes_back():
    z = sp.Symbol("z", real=True)
    assert sd.from_json(sd.to_json(sd.sigmoid(z) * z)).sympy == sd.sigmoid(z) * z


def test_files_mappings_lists_derivations_and_networks(tmp_path):
    assert sd.load(sd.save(EXPRESSIONS, tmp_path / "all.json")) == EXPRESSIONS
    assert sd.load(sd.save([X, w], tmp_path / "two.json")) == [X, w]
    derived = sd.derive(LOSS, [w, X])
    again = sd.load(sd.save(derived, tmp_path / "derived.json"))
    assert again[w] == derived[w] and again[X] == derived[X] and str(again) == str(derived)
    net = sd.network([3, 4, 2])
    found = sd.load(sd.save(net, tmp_path / "net.json"))
    assert found.output == net.output and found.params == net.params and found.activations == net.activations


def test_another_session_gets_the_same_function(tmp_path):
    path = sd.save(EXPRESSIONS["gradient"], tmp_path / "g.json")
    code = (
        "import symdl as sd, numpy as np, sys\n"
        "y, w, X = sd.tensor('y', *sd.dims('n,')), sd.tensor('w', *sd.dims('p,')), sd.tensor('X', 'n', 'p')\n"
        "other = w @ X.T @ y\n"
        f"e = sd.load({str(path)!r})\n"
        "print(repr(sd.evaluate(e, X=[[1.0, 2.0], [3.0, -1.0]], w=[0.5, -0.25], y=[0.0, 1.0]).tolist()))\n"
        "s = sd.sigmoid(X @ w)\n"
        "print(sd.prove(e, X.T @ ((s - y) * s * (1 - s))).verdict)\n"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=True).stdout.split("\n")
    here = sd.evaluate(EXPRESSIONS["gradient"], X=[[1.0, 2.0], [3.0, -1.0]], w=[0.5, -0.25], y=[0.0, 1.0])
    np.testing.assert_allclose(json.loads(out[0]), here, rtol=1e-14)
    assert out[1] == "PROVED"


def holding(node: str) -> str:
    """A file with a single node."""
    return f'{{"symdl":1,"kind":"expression","nodes":[{node}],"expressions":{{"":{{"node":0,"map":[],"shape":[],"open":[]}}}}}}'


HOSTILE = [
    *["", "[]", "{}", "null", "nan", "{" * 100_000, '{"symdl": 2}', '{"symdl": 1}', '{"symdl": 1, "kind": "expression", "nodes": [], "expressions": {}}'],
    holding('{"op":"input","shape":[],"name":"__class__.x; import os","facts":[],"kind":"tensor","assumed":{}}'),
    holding('{"op":"const","shape":[],"value":{"do":"^","of":[9,{"do":"^","of":[9,{"do":"^","of":[9,9]}]}]}}'),
    holding('{"op":"const","shape":[],"value":"__import__(1)/1"}'),
    holding('{"op":"fn","shape":[],"function":"eval","args":[[0]]}'),
    holding('{"op":"__reduce__","shape":[]}'),
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_hostile_files_are_refused(text):
    with pytest.raises(sd.SymdlError) as caught:
        sd.from_json(text)
    assert "\n" not in str(caught.value) and len(str(caught.value)) < 300


def test_files_that_are_none(tmp_path):
    with pytest.raises(sd.DataError, match="cannot be read"):
        sd.load(tmp_path / "nothing.json")
    (tmp_path / "bytes.json").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(sd.DataError, match="not a text file"):
        sd.load(tmp_path / "bytes.json")
    with pytest.raises(sd.DataError, match=r"writes \.json"):
        sd.save(X, tmp_path / "x.pkl")
    with pytest.raises(sd.DataError, match="cannot be saved"):
        sd.to_json(print)


def damaged(value, rng):
    """One leaf of a JSON value replaced, dropped or doubled."""
    if isinstance(value, dict) and value:
        key = rng.choice(sorted(value))
        if rng.random() < 0.1:
            return {k: v for k, v in value.items() if k != key}
        return {**value, key: damaged(value[key], rng)}
    if isinstance(value, list) and value:
        at = rng.randrange(len(value))
        if rng.random() < 0.1:
            return value[:at] + value[at + 1 :]
        return [*value[:at], damaged(value[at], rng), *value[at + 1 :]]
    return rng.choice([0, -1, 7, 10**30, "x", "1/0", "", None, True, 0.5, [], {}, {"size": "n"}, "lambda", [0, 1, 2], {"do": "^", "of": [2, 9999]}])


@pytest.mark.parametrize("name", ["gradient", "window", "recurrence", "matrix", "letters"])
def test_damaged_files_are_refused_or_make_sense(name):
    stored = json.loads(sd.to_json(EXPRESSIONS[name]))
    rng = random.Random(3)
    for _ in range(200):
        try:
            found = sd.from_json(json.dumps(damaged(stored, rng)))
        except sd.SymdlError as error:
            assert "\n" not in str(error)
            continue
        str(found)
