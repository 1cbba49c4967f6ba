"""The identities of tests/data/identities.json, read into symdl and into NumPy.

The syntax is the file's own ("about"): vectors are n x 1 matrices, ``@`` the matrix product, ``*`` a scalar times anything, ``had`` the elementwise
product, and so on. Each expression is read twice from the same syntax tree, so that symdl's answer and the book's meet as numbers.
"""

from __future__ import annotations

import ast
import json
import math
from fractions import Fraction
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

import symdl as sd

FILE = Path(__file__).parent / "data" / "identities.json"

#: What an argument is drawn from, as facts of a tensor.
FACTS = {"sym": ("symmetric",), "spd": ("posdef",), "pos": ("positive",), "dist": ("simplex",), "diag": ("diagonal",)}


class Case(NamedTuple):
    id: str
    kind: str
    vars: dict[str, list[str]]
    assume: dict[str, str]
    f: str
    wrt: str
    expected: str
    dims: list[dict[str, int]]


def cases() -> list[Case]:
    return [Case(**c) for c in json.loads(FILE.read_text())["cases"]]


# --- one syntax tree, two readings ---------------------------------------------------------------------------------


def read(text: str, algebra: Any, names: dict[str, Any]) -> Any:
    """The value of an expression in an algebra; sizes stand among the names."""
    return _visit(ast.parse(text, mode="eval").body, algebra, names)


def _visit(node: ast.AST, algebra: Any, names: dict[str, Any]) -> Any:
    if isinstance(node, ast.Constant):
        return algebra.number(node.value)
    if isinstance(node, ast.Name):
        return names[node.id]
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return algebra.times(algebra.number(-1), _visit(node.operand, algebra, names))
    if isinstance(node, ast.BinOp):
        a, b = _visit(node.left, algebra, names), _visit(node.right, algebra, names)
        return getattr(algebra, {ast.Add: "add", ast.Sub: "sub", ast.Mult: "times", ast.Div: "over", ast.Pow: "pow", ast.MatMult: "matmul"}[type(node.op)])(
            a, b
        )
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
        return algebra.call(node.func.id, [_visit(a, algebra, names) for a in node.args])
    raise AssertionError(ast.dump(node))


class Numbers:
    """Arrays with two axes, and plain numbers."""

    def number(self, value: Any) -> float:
        return float(value)

    def add(self, a: Any, b: Any) -> Any:
        return a + b

    def sub(self, a: Any, b: Any) -> Any:
        return a - b

    def times(self, a: Any, b: Any) -> Any:
        return a * b

    def over(self, a: Any, b: Any) -> Any:
        return a / b

    def pow(self, a: Any, b: Any) -> Any:
        return a**b

    def matmul(self, a: Any, b: Any) -> Any:
        return a @ b

    def call(self, name: str, args: list[Any]) -> Any:
        return getattr(self, "do_" + name)(*args) if hasattr(self, "do_" + name) else _ELEMENTWISE[name](*args)

    def do_T(self, a: Any) -> Any:
        return a.T

    def do_sc(self, a: Any) -> Any:
        assert a.shape == (1, 1)
        return a[0, 0]

    def do_had(self, *factors: Any) -> Any:
        return math.prod(factors)

    def do_hdiv(self, a: Any, b: Any) -> Any:
        return a / b

    def do_hpow(self, a: Any, k: Any) -> Any:
        return a**k

    def do_mpow(self, a: Any, k: Any) -> Any:
        return np.linalg.matrix_power(a, int(k))

    def do_inv(self, a: Any) -> Any:
        return np.linalg.inv(a)

    def do_tr(self, a: Any) -> Any:
        return np.trace(a)

    def do_det(self, a: Any) -> Any:
        return np.linalg.det(a)

    def do_logdet(self, a: Any) -> Any:
        return np.linalg.slogdet(a)[1]

    def do_kron(self, a: Any, b: Any) -> Any:
        return np.kron(a, b)

    def do_diagm(self, v: Any) -> Any:
        return np.diag(np.ravel(v))

    def do_diagv(self, a: Any) -> Any:
        return np.diag(a)[:, None]

    def do_I(self, n: Any) -> Any:
        return np.eye(int(n))

    def do_ones(self, m: Any, n: Any) -> Any:
        return np.ones((int(m), int(n)))

    def do_sum(self, a: Any) -> Any:
        return np.sum(a)

    def do_norm2(self, a: Any) -> Any:
        return np.linalg.norm(a)

    def do_norm1(self, a: Any) -> Any:
        return np.sum(np.abs(a))

    def do_logsumexp(self, a: Any) -> Any:
        return np.log(np.sum(np.exp(a)))

    def do_softmax(self, a: Any) -> Any:
        return np.exp(a) / np.sum(np.exp(a))


_ELEMENTWISE = {
    "exp": np.exp,
    "log": np.log,
    "sqrt": np.sqrt,
    "sin": np.sin,
    "cos": np.cos,
    "tanh": np.tanh,
    "abs": np.abs,
    "sign": np.sign,
    "relu": lambda a: np.maximum(a, 0),
    "step": lambda a: (a > 0).astype(float),
    "sigmoid": lambda a: 1 / (1 + np.exp(-a)),
    "softplus": lambda a: np.log1p(np.exp(a)),
}


class Matrix(NamedTuple):
    """A symdl expression that stands for a matrix. With ``flat``, an axis of one position is not an axis of the expression."""

    expr: Any
    rows: Any
    columns: Any
    flat: bool

    @property
    def axes(self) -> tuple[bool, bool]:
        return not self.flat or self.rows != 1, not self.flat or self.columns != 1


class Symbols:
    """symdl expressions. ``flat``: vectors have one axis, as a user of symdl writes them; else two, as the file writes them."""

    def __init__(self, flat: bool) -> None:
        self.flat = flat

    def matrix(self, expr: Any, rows: Any, columns: Any) -> Matrix:
        return Matrix(expr, rows, columns, self.flat)

    def tensor(self, name: str, shape: tuple[Any, ...], facts: Any = ()) -> Any:
        if not shape:
            return sd.tensor(name, facts=facts)
        made = sd.tensor(name, *[s for s in shape if not (self.flat and s == 1)], facts=facts)
        return self.matrix(made, *shape)

    def number(self, value: Any) -> Any:
        return value

    def like(self, a: Any, expr: Any) -> Any:
        return a._replace(expr=expr) if isinstance(a, Matrix) else expr

    def add(self, a: Any, b: Any) -> Any:
        return self.like(a, plain(a) + plain(b))

    def sub(self, a: Any, b: Any) -> Any:
        return self.like(a, plain(a) - plain(b))

    def times(self, a: Any, b: Any) -> Any:
        return self.like(b if isinstance(b, Matrix) else a, plain(a) * plain(b))

    def over(self, a: Any, b: Any) -> Any:
        if not isinstance(plain(a), sd.Expr) and not isinstance(plain(b), sd.Expr):
            return Fraction(a) / Fraction(b)
        return self.like(a, plain(a) / plain(b))

    def pow(self, a: Any, b: Any) -> Any:
        return a**b

    def matmul(self, a: Matrix, b: Matrix) -> Matrix:
        assert a.columns == b.rows
        if not self.flat:
            return self.matrix(a.expr @ b.expr, a.rows, b.columns)
        if a.columns == 1:
            left = a.expr[:, None] if a.axes[0] and b.axes[1] else a.expr
            right = b.expr
            made = sd.outer(a.expr, b.expr) if a.axes[0] and b.axes[1] else left * right
        else:
            made = a.expr @ b.expr
        return self.matrix(made, a.rows, b.columns)

    def call(self, name: str, args: list[Any]) -> Any:
        if hasattr(self, "do_" + name):
            return getattr(self, "do_" + name)(*args)
        return self.like(args[0], getattr(sd, name)(plain(args[0])))

    def do_T(self, a: Matrix) -> Matrix:
        return self.matrix(a.expr.T, a.columns, a.rows)

    def do_sc(self, a: Matrix) -> Any:
        assert (a.rows, a.columns) == (1, 1)
        return a.expr if self.flat else a.expr[0, 0]

    def do_had(self, *factors: Matrix) -> Matrix:
        return self.like(factors[0], math.prod(f.expr for f in factors))

    def do_hdiv(self, a: Matrix, b: Matrix) -> Matrix:
        return self.like(a, a.expr / b.expr)

    def do_hpow(self, a: Matrix, k: Any) -> Matrix:
        return self.like(a, a.expr**k)

    def do_mpow(self, a: Matrix, k: Any) -> Matrix:
        return self.like(a, sd.matrix_power(a.expr, k))

    def do_inv(self, a: Matrix) -> Matrix:
        return self.like(a, sd.inv(a.expr))

    def do_tr(self, a: Matrix) -> Any:
        return sd.trace(a.expr)

    def do_det(self, a: Matrix) -> Any:
        return sd.det(a.expr)

    def do_logdet(self, a: Matrix) -> Any:
        return sd.logdet(a.expr)

    def do_kron(self, a: Matrix, b: Matrix) -> Matrix:
        return self.matrix(sd.kron(a.expr, b.expr), a.rows * b.rows, a.columns * b.columns)

    def do_diagm(self, v: Matrix) -> Matrix:
        return self.matrix(sd.diag(v.expr if self.flat else v.expr[:, 0]), v.rows, v.rows)

    def do_diagv(self, a: Matrix) -> Matrix:
        made = sd.diag(a.expr)
        return self.matrix(made if self.flat else made[:, None], a.rows, 1)

    def do_I(self, n: Any) -> Matrix:
        return self.matrix(sd.eye(n), n, n)

    def do_ones(self, m: Any, n: Any) -> Matrix:
        return self.matrix(sd.ones(*[s for s in (m, n) if not (self.flat and s == 1)]), m, n)

    def do_sum(self, a: Matrix) -> Any:
        return sd.sum(a.expr)

    def do_norm2(self, a: Matrix) -> Any:
        return sd.norm(a.expr)

    def do_norm1(self, a: Matrix) -> Any:
        return sd.sum(sd.abs(a.expr))

    def do_logsumexp(self, a: Matrix) -> Any:
        return sd.logsumexp(a.expr)

    def do_softmax(self, a: Matrix) -> Matrix:
        return self.like(a, sd.softmax(a.expr) if self.flat else sd.softmax(a.expr, axis=0))


def plain(value: Any) -> Any:
    return value.expr if isinstance(value, Matrix) else value


# --- a case ---------------------------------------------------------------------------------------------------------


def sizes_of(case: Case) -> list[str]:
    return sorted({s for shape in case.vars.values() for s in shape if not s.isdigit()})


def tensors(case: Case, algebra: Symbols) -> dict[str, Any]:
    """The names of a case, and of its sizes, in symdl."""
    names: dict[str, Any] = {}
    for s in sizes_of(case):
        names[s] = sd.dims(s)
    for name, shape in case.vars.items():
        facts: tuple[str, ...] = () if name == case.wrt else FACTS.get(case.assume.get(name, ""), ())
        if not algebra.flat and facts == ("simplex",):  # the fact is about the last axis, which has one position here
            facts = ()
        if name == case.wrt and case.kind in ("grad_sym", "grad_diag"):
            facts = ("symmetric" if case.kind == "grad_sym" else "diagonal",)
        names[name] = algebra.tensor(name, tuple(1 if s == "1" else names[s] for s in shape), facts)
    if case.kind == "diff":
        names["d" + case.wrt] = algebra.tensor("d" + case.wrt, names[case.wrt][1:3])
    return names


def answer(case: Case, names: dict[str, Any], algebra: Symbols) -> Any:
    """symdl's derivative."""
    f = read(case.f, algebra, names)
    wrt = plain(names[case.wrt])
    if case.kind in ("grad", "grad_sym", "grad_diag"):
        return sd.grad(f, wrt)
    if case.kind == "jac":
        return sd.jacobian(plain(f), wrt)
    if case.kind == "hess":
        return sd.hessian(f, wrt)
    if case.kind in ("dscalar", "dscalar2"):
        found = sd.jacobian(plain(f), wrt)
        return sd.jacobian(found, wrt) if case.kind == "dscalar2" else found
    assert case.kind == "diff"
    return sd.differential(plain(f), wrt)


def expected(case: Case, names: dict[str, Any], algebra: Symbols) -> Any:
    return plain(read(case.expected, algebra, names))


def draw(case: Case, sizes: dict[str, int], seed: int) -> dict[str, Any]:
    """Values of the case's names, two axes each, as it assumes them."""
    rng = np.random.default_rng(seed)
    values: dict[str, Any] = {}
    shapes = dict(case.vars)
    if case.kind == "diff":
        shapes["d" + case.wrt] = shapes[case.wrt]
    for name, shape in shapes.items():
        size = tuple(1 if s == "1" else sizes[s] for s in shape)
        values[name] = _drawn(rng, size, case.assume.get(name, ""))
    return values


def _drawn(rng: np.random.Generator, size: tuple[int, ...], what: str) -> Any:
    a = rng.normal(size=size)
    made = {
        "": lambda: a,
        "sym": lambda: a + a.T,
        "spd": lambda: a @ a.T + np.eye(len(a)),
        "inv": lambda: a + 3 * np.eye(len(a)),
        "diag": lambda: np.diag(np.diag(a)),
        "pos": lambda: np.exp(a),
        "pm1": lambda: np.where(a > 0, 1.0, -1.0),
        "dist": lambda: np.exp(a) / np.sum(np.exp(a)),
        "prob": lambda: 1 / (1 + np.exp(-a)),
        "small": lambda: 0.01 * a,
    }[what]()
    return made if size else float(made)


def value_of(expr: Any, values: dict[str, Any], sizes: dict[str, int]) -> Any:
    """The numbers of a symdl expression; values lose the axes that symdl's tensors do not have."""
    from symdl.graph.walk import inputs

    nodes = list(inputs([expr.node]))
    ranks = {n.name: n.rank for n in nodes}
    given: dict[str, Any] = {}
    for name, v in values.items():
        if name in ranks:
            given[name] = np.reshape(v, [s for s in np.shape(v) if s != 1]) if ranks[name] < np.ndim(v) else v
    told = {str(s) for n in nodes for s in n.shape}
    asked = {str(s) for s in expr.shape if not isinstance(s, int)} | {str(d) for d in _dims_in(expr)}
    given |= {s: v for s, v in sizes.items() if s in asked - told}
    return np.asarray(sd.evaluate(expr, **given))


def _dims_in(expr: Any) -> set[Any]:
    """Every size that occurs in the graph of an expression."""
    import sympy as sp

    from symdl.graph.walk import topological

    found: set[Any] = set()
    for node in topological([expr.node]):
        for size in node.sizes():
            found |= sp.sympify(size).free_symbols
        found |= getattr(node.attr if isinstance(node.attr, sp.Basic) else None, "free_symbols", set())
        found |= getattr(getattr(node.attr, "coef", None), "free_symbols", set())
    return found
