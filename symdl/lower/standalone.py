"""Functions that a printed program brings along, as source text that needs NumPy alone. Each must agree with ``symdl.functions.TABLE``."""

from __future__ import annotations

from typing import Any

import numpy as np
import sympy as sp
from sympy.printing.numpy import NumPyPrinter

from symdl.errors import UnsupportedError
from symdl.functions import TABLE
from symdl.lower.brought import is_plain, source_of
from symdl.lower.machine import evaluation
from symdl.lower.precision import DOUBLE, SINGLE

#: Elementwise functions that NumPy has.
NUMPY = {name: f"np.{name}" for name in ("exp", "log", "sin", "cos", "tan", "arctan", "sinh", "cosh", "tanh", "sign", "abs")} | {"pow": "np.power"}

#: Name -> (source, other names it needs).
HELPERS: dict[str, tuple[str, tuple[str, ...]]] = {
    "sigmoid": (
        """\
def sigmoid(z):
    e = np.exp(-np.abs(z))
    return np.where(np.asarray(z) >= 0, 1.0, e) / (1.0 + e)
""",
        (),
    ),
    "softplus": ("def softplus(z):\n    return np.maximum(z, 0.0) + np.log1p(np.exp(-np.abs(z)))\n", ()),
    "silu": ("def silu(z):\n    return z * sigmoid(z)\n", ("sigmoid",)),
    "relu": ("def relu(z):\n    return np.maximum(z, 0.0)\n", ()),
    "positive": ("def positive(z):\n    return np.heaviside(z, 0.0)\n", ()),
    "step": (
        """\
def step(z):
    if np.any(np.asarray(z) == 0):
        raise ValueError("step is undefined at 0")
    return np.heaviside(z, 0.0)
""",
        (),
    ),
    "rest": (
        """\
def rest(z, axis):  # sum of exp(z - max z), less the 1 of the maximum itself
    below = z - np.max(z, axis=axis, keepdims=True)
    sign = np.sign(below)
    return (np.sum(1.0 + sign, axis=axis) - 1.0) - np.sum(sign * np.exp(below), axis=axis)
""",
        (),
    ),
    "logsumexp": (
        """\
def logsumexp(z, axis):
    return np.max(z, axis=axis) + np.log1p(rest(z, axis))
""",
        ("rest",),
    ),
    "logdet": (
        """\
def logdet(a):
    sign, value = np.linalg.slogdet(a)
    if sign <= 0:
        raise ValueError("logdet: the determinant is not positive")
    return value
""",
        (),
    ),
}


class Library:
    """The helpers that one program uses, in order of need."""

    def __init__(self, dtype: str = DOUBLE) -> None:
        self._source: dict[str, str] = {}
        self._single = dtype == SINGLE

    def use(self, name: str) -> str:
        """What to call for a function of the table (or of the machine room); brings its source along."""
        if name in NUMPY:
            return NUMPY[name]
        if name in HELPERS:
            source, needs = HELPERS[name]
            for other in needs:
                self.use(other)
            self._source.setdefault(name, source)
            return name
        made = evaluation(name)
        if isinstance(made, np.ufunc):
            return f"np.{made.__name__}"
        call = self._bring(made, name) if is_plain(made) else self._from_definition(name)
        return self._through_double(call) if self._single else call

    def _through_double(self, call: str) -> str:
        """A function of float32 that is evaluated in float64, whose constants it has, and rounded."""
        narrow = f"{call}_32"
        self._source.setdefault(narrow, f"def {narrow}(*z):\n    return np.float32({call}(*map(np.float64, z)))\n")
        return narrow

    def _bring(self, function: Any, name: str | None = None) -> str:
        """A function of the table by the source of its evaluation, which is stable."""
        name = name or function.__name__
        if name in HELPERS:
            return self.use(name)
        call = f"f_{name.strip('_')}"
        if call not in self._source:
            source = source_of(function, call, self._bring)
            self._source[call] = source  # behind those that it calls
        return call

    def _from_definition(self, name: str) -> str:
        """A function that was registered from outside: by its definition."""
        call = f"f_{name}"
        if call not in self._source:
            entry = TABLE[name]
            if entry.definition is None:
                raise UnsupportedError(f"{name} has no definition that could be printed as Python")
            body = sp.sympify(entry.definition(*entry.symbols))
            used = {type(part).__name__: self.use(type(part).__name__) for part in body.atoms(sp.Function) if type(part).__name__ in HELPERS}
            self._source[call] = f"def {call}({', '.join(map(str, entry.symbols))}):\n    return {numpy_code(body, used)}\n"
        return call

    def source(self) -> str:
        return "\n\n".join(self._source.values())


def numpy_code(expression: sp.Expr, functions: dict[str, str] | None = None) -> str:
    """A SymPy expression as NumPy source."""
    text = NumPyPrinter({"user_functions": functions or {}, "fully_qualified_modules": True}).doprint(expression)
    if "\n" in text or "#" in text:
        raise UnsupportedError(f"{expression!s:.60} cannot be printed as NumPy source")
    return str(text).replace("numpy.", "np.")
