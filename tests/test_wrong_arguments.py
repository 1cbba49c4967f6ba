"""What is no tensor, no number, no shape, in every place of every public name: one line that names the thing, never a traceback from deep inside."""

from __future__ import annotations

import datetime
import inspect
import random
import warnings
import zlib

import numpy as np
import pytest
import sympy as sp

import symdl as sd

n = sd.dims("n")
x, A, s = sd.tensor("x", n), sd.tensor("A", n, n), sd.tensor("s")


class Odd:
    """Nothing that anybody knows."""


def deep(levels=200):
    made = []
    for _ in range(levels):
        made = [made]
    return made


WRONG = {
    "None": None,
    "nan": float("nan"),
    "infinity": float("inf"),
    "complex": 1 + 2j,
    "bytes": b"abc",
    "a huge number": 10**400,
    "a huge float": 1e308,
    "-1": -1,
    "0": 0,
    "1/2": 0.5,
    "no list": [],
    "no text": "",
    "text": "__import__('os')",
    "an expression as text": "x + y",
    "an object": Odd(),
    "a class": Odd,
    "a function": lambda *_: 1,
    "an array of objects": np.array([Odd(), None], dtype=object),
    "an object in an array": np.array(Odd(), dtype=object),
    "a masked array": np.ma.masked_array([1.0, 2.0], mask=[0, 1]),
    "an array of texts": np.array(["a", "b"]),
    "an array with nan": np.array([np.nan, 1.0]),
    "a complex array": np.array([1j]),
    "an empty array": np.zeros((0, 3)),
    "a mapping": {},
    "a mapping of names": {"a": 1},
    "a set": {1, 2},
    "a ragged list": [[1.0], [2.0, 3.0]],
    "a deep list": deep(),
    "a list deeper than Python goes": deep(100_000),
    "two numbers": np.ones(2),
    "a negative half": -0.5,
    "a vector": x,
    "a matrix": A,
    "a scalar": s,
    "a letter": sd.indices("i"),
    "a size": n,
    "a SymPy expression": sp.Symbol("q") ** 2,
    "SymPy's nan": sp.nan,
    "SymPy's zoo": sp.zoo,
    "SymPy's I": sp.I,
    "a SymPy matrix": sp.Matrix([[1, 2], [3, 4]]),
    "True": True,
    "a range": range(3),
    "a generator": (k for k in range(2)),
    "a module": np,
    "a slice": slice(0, 2),
    "an ellipsis": ...,
    "an exception": ValueError("x"),
    "a date": datetime.date(2020, 1, 1),
    "a NumPy number": np.int64(3),
    "a small float": np.float16(1.5),
    "an array of booleans": np.array([True, False]),
}
GOOD = [x, A, s, 2, (1, 1), "x", {"x": np.ones(3)}]
#: The class of expressions itself, which is made by sd.tensor and not called.
LEFT_OUT = {"Expr"}
PUBLIC = [name for name in sd.__all__ if callable(getattr(sd, name)) and name not in LEFT_OUT and not name.endswith(("Error", "Error_"))]


def says_well(message):
    return bool(message) and "\n" not in message and len(message) < 700


def tried(name, label, function, /, *args, **options):
    """Anything may be answered, and TypeError is Python's own word."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            made = function(*args, **options)
            if isinstance(made, sd.Expr):
                str(made)
        except sd.SymdlError as error:
            assert says_well(str(error)), (name, label, str(error))
        except TypeError as error:
            assert says_well(str(error)), (name, label, str(error))
        except Exception as error:
            raise AssertionError(f"{name} with {label}: {error!r:.300}") from error


def calls(function, rng):
    """(what is wrong, arguments, options): one wrong argument at a time."""
    known = list(inspect.signature(function).parameters.values())
    plain = [p for p in known if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    needed = [p for p in plain if p.default is p.empty] or plain[:1]
    for label, wrong in WRONG.items():
        others = [rng.choice(GOOD) for _ in needed]
        for k, p in enumerate(needed):
            yield f"{p.name} = {label}", [*others[:k], wrong, *others[k + 1 :]], {}
        for p in known:
            if p.kind == p.VAR_POSITIONAL:
                yield f"*{p.name} = {label}", [*others, wrong], {}
            elif p.kind == p.VAR_KEYWORD:
                yield f"**{p.name} = {label}", [x] * len(needed), {"x": wrong}
            elif p.default is not p.empty or p.kind == p.KEYWORD_ONLY:
                yield f"{p.name} = {label}", [rng.choice(GOOD[:3]) for r in needed if r.name != p.name], {p.name: wrong}


@pytest.mark.parametrize("name", PUBLIC)
def test_wrong_arguments(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)  # some of the words are names of files
    function = getattr(sd, name)
    try:
        inspect.signature(function)
    except (ValueError, TypeError):
        return
    for label, args, options in calls(function, random.Random(zlib.crc32(name.encode()))):
        tried(name, label, function, *args, **options)


@pytest.mark.parametrize("value", [v for k, v in WRONG.items() if k not in ("a generator",)], ids=[k for k in WRONG if k != "a generator"])
def test_wrong_values(value):
    """Where numbers go, none of these is taken for some: wrong in kind, or not finite."""
    loss = sd.sum(sd.sin(x) ** 2)
    f = sd.lambdify([x], loss)
    g = sd.value_and_grad(loss, x)
    for run in (lambda: f(value), lambda: g(x=value), lambda: sd.evaluate(loss, x=value), lambda: sd.evaluate(x, x=value)):
        tried("values", "x", run)


def test_the_test_sees_what_it_is_for():
    def fails(_):
        raise KeyError("x")

    with pytest.raises(AssertionError, match="KeyError"):
        tried("f", "x", fails, 1)
