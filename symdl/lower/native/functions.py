"""Operations on vectors as C: those of the instruction list, and the functions of the table, translated from their NumPy source.

A function of ``symdl.functions.TABLE`` is added in one place, with a NumPy function; what that is written in (arithmetic, where, abs, minimum,
...) is read from its syntax tree here, so that a new activation needs no word in this room. What cannot be read is not native.
"""

from __future__ import annotations

import ast
import hashlib
import inspect
import math
import textwrap
from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

from symdl.errors import UnsupportedError
from symdl.functions import stable, stable_normal
from symdl.lower.machine import COSIGMOID, COSOFTPLUS, evaluation

#: NumPy's name -> the C function on vectors.
_UNARY = {
    "negative": "f_neg", "absolute": "f_abs", "abs": "f_abs", "sqrt": "f_sqrt", "sign": "f_sign", "exp": "f_exp", "log": "f_log", "log1p": "f_log1p",
    "expm1": "f_expm1", "tanh": "f_tanh", "sin": "f_sin", "cos": "f_cos", "tan": "f_tan", "arctan": "f_arctan", "sinh": "f_sinh", "cosh": "f_cosh",
    "sigmoid": "f_sigmoid", "cosigmoid": "f_cosigmoid",
}  # fmt: skip
_BINARY = {"maximum": "f_max", "minimum": "f_min", "power": "f_pow", "heaviside": "f_step"}
_INFIX = {"add": "+", "subtract": "-", "multiply": "*", "divide": "/"}

#: Functions whose NumPy source is not the best way: by themselves and not by name, since somebody else's may have the same.
_OWN: dict[Any, str] = {
    stable.sigmoid: "f_sigmoid", stable.softplus_below: "f_softplus_below", stable_normal.gauss: "f_gauss", stable_normal.gauss_plain: "f_gauss_plain",
}  # fmt: skip


def number(value: float) -> str:
    """A double in C, all digits."""
    if math.isnan(value):
        return "NAN"
    if math.isinf(value):
        return "INF" if value > 0 else "(-INF)"
    text = repr(float(value))
    return f"({text})" if text.startswith("-") else text


def vector(value: float) -> str:
    return f"dup({number(value)})"


def operation(op: str, args: list[str]) -> str:
    """An elementwise instruction as a C expression on vectors; UnsupportedError when there is none."""
    if op in _INFIX:
        return f"{args[0]} {_INFIX[op]} {args[1]}"
    if op == "square":
        return f"{args[0]} * {args[0]}"
    name = _UNARY.get(op) or _BINARY.get(op)
    if name is None:
        raise UnsupportedError(f"native code does not know the operation {op}")
    return f"{name}({', '.join(args)})"


def table_function(name: str, args: list[str], helpers: dict[str, str]) -> str:
    """A call of a table's function as a C expression; what it needs is added to the helpers (C name -> definition)."""
    if name == COSIGMOID:
        return f"f_cosigmoid({args[0]})"
    if name == COSOFTPLUS:
        return table_function("softplus", [f"f_neg({args[0]})"], helpers)
    if name == "pow":
        return f"f_pow({', '.join(args)})"
    return _call(evaluation(name), args, helpers)


def _call(function: Any, args: list[str], helpers: dict[str, str]) -> str:
    if isinstance(function, np.ufunc):
        return operation(function.__name__, args)
    if function in _OWN:
        return f"{_OWN[function]}({', '.join(args)})"
    definition, own, used = _translated(function)
    for other in used:
        _call(other, ["0"] * len(inspect.signature(other).parameters), helpers)
    helpers.setdefault(own, definition)
    missing = list(inspect.signature(function).parameters.values())[len(args) :]
    return f"{own}({', '.join([*args, *(vector(float(p.default)) for p in missing)])})"


@cache
def _translated(function: Any) -> tuple[str, str, tuple[Any, ...]]:
    """C definition, C name, and the functions that it calls."""
    try:
        (tree,) = ast.parse(textwrap.dedent(inspect.getsource(function))).body
    except (OSError, TypeError, ValueError, SyntaxError):
        tree = None  # type: ignore[assignment]
    if not isinstance(tree, ast.FunctionDef):
        raise UnsupportedError("native code needs a function whose source can be read")
    reader = _Reader(function)
    names = list(inspect.signature(function).parameters)
    body = reader.body(tree.body, names)
    params = ", ".join(f"V {reader.local[n]}" for n in names)
    own = "g" + hashlib.sha256(f"{params};{body}".encode()).hexdigest()[:12]
    return f"F V {own}({params}) {{ {body} }}", own, tuple(reader.used)


_COMPARE: dict[type, Callable[[str, str, str, str], str]] = {
    ast.Lt: lambda a, b, x, y: f"sel_lt({a}, {b}, {x}, {y})",
    ast.Gt: lambda a, b, x, y: f"sel_lt({b}, {a}, {x}, {y})",
    ast.LtE: lambda a, b, x, y: f"sel_le({a}, {b}, {x}, {y})",
    ast.GtE: lambda a, b, x, y: f"sel_le({b}, {a}, {x}, {y})",
    ast.Eq: lambda a, b, x, y: f"sel_eq({a}, {b}, {x}, {y})",
    ast.NotEq: lambda a, b, x, y: f"sel_eq({a}, {b}, {y}, {x})",
}
_ARITHMETIC = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Div: "/"}


class _Reader:
    """Reads the syntax tree of a function on arrays."""

    def __init__(self, function: Any) -> None:
        self._space = function.__globals__
        self.local: dict[str, str] = {}
        self.used: list[Any] = []
        self._constant: dict[str, float] = {}
        self._undefined: list[ast.expr] = []  # where NumPy's function raises: not a number here, as threads and loops cannot raise

    def body(self, statements: list[ast.stmt], names: list[str]) -> str:
        for name in names:
            self._name(name)
        return " ".join(self._statement(s) for s in statements)

    def _name(self, name: str) -> str:
        """Names are numbered: no word of a source gets into the C."""
        return self.local.setdefault(name, f"x{len(self.local)}")

    def _statement(self, s: ast.stmt) -> str:
        if isinstance(s, ast.Expr) and isinstance(s.value, ast.Constant):
            return ""  # the docstring
        if isinstance(s, ast.Return) and s.value is not None:
            value = self._value(s.value)
            for condition in self._undefined:
                value = self._where(condition, vector(math.nan), value)
            return f"return {value};"
        if isinstance(s, ast.If) and not s.orelse and all(isinstance(inner, ast.Raise) for inner in s.body) and _is_any(s.test):
            self._undefined.append(s.test.args[0])  # type: ignore[attr-defined]
            return ""
        if isinstance(s, ast.Assign) and len(s.targets) == 1 and isinstance(s.targets[0], ast.Name):
            value = self._value(s.value)
            known = s.targets[0].id in self.local
            return f"{'' if known else 'V '}{self._name(s.targets[0].id)} = {value};"
        if isinstance(s, ast.For) and isinstance(s.target, ast.Name) and isinstance(s.iter, ast.Tuple):
            lines = []
            for item in s.iter.elts:
                self._constant[s.target.id] = float(ast.literal_eval(item))
                lines += [self._statement(inner) for inner in s.body]
            del self._constant[s.target.id]
            return " ".join(lines)
        raise _unread(s)

    def _value(self, e: ast.expr) -> str:
        if isinstance(e, ast.Constant) and isinstance(e.value, (int, float)):
            return vector(float(e.value))
        if isinstance(e, ast.Name):
            return self._read(e.id)
        if isinstance(e, ast.Attribute) and ast.unparse(e) in ("np.nan", "np.inf"):
            return vector(getattr(np, e.attr))
        if isinstance(e, ast.UnaryOp) and isinstance(e.op, ast.USub):
            return f"f_neg({self._value(e.operand)})"
        if isinstance(e, ast.BinOp) and type(e.op) in _ARITHMETIC:
            return f"({self._value(e.left)} {_ARITHMETIC[type(e.op)]} {self._value(e.right)})"
        if isinstance(e, ast.Call):
            return self._called(e)
        raise _unread(e)

    def _read(self, name: str) -> str:
        if name in self._constant:
            return vector(self._constant[name])
        if name in self.local:
            return self.local[name]
        value = self._space.get(name)
        if isinstance(value, (int, float)):
            return vector(float(value))
        raise UnsupportedError("native code met a name it cannot read")

    def _called(self, e: ast.Call) -> str:
        text = ast.unparse(e.func)
        if e.keywords:
            raise _unread(e)
        if text == "np.where":
            return self._where(e.args[0], self._value(e.args[1]), self._value(e.args[2]))
        if text == "np.asarray":
            return self._value(e.args[0])
        if text == "math.sqrt" and isinstance(e.args[0], ast.Constant):
            return vector(math.sqrt(e.args[0].value))  # type: ignore[arg-type]
        args = [self._value(a) for a in e.args]
        if text.startswith("np."):
            return operation(text[3:], args)
        function = self._space.get(text)
        if not inspect.isfunction(function):
            raise _unread(e)
        self.used.append(function)
        return _call(function, args, {})

    def _where(self, c: ast.expr, yes: str, no: str) -> str:
        if isinstance(c, ast.BinOp) and isinstance(c.op, ast.BitAnd):
            return self._where(c.left, self._where(c.right, yes, no), no)
        if isinstance(c, ast.Call) and ast.unparse(c.func) == "np.isnan":
            z = self._value(c.args[0])
            return f"sel_eq({z}, {z}, {no}, {yes})"
        if isinstance(c, ast.Compare) and len(c.ops) == 1 and type(c.ops[0]) in _COMPARE:
            return _COMPARE[type(c.ops[0])](self._value(c.left), self._value(c.comparators[0]), yes, no)
        raise _unread(c)


def _is_any(e: ast.expr) -> bool:
    return isinstance(e, ast.Call) and ast.unparse(e.func) == "np.any" and len(e.args) == 1


def _unread(tree: ast.AST) -> UnsupportedError:
    return UnsupportedError(f"native code cannot read a {type(tree).__name__}")
