"""From the node table to plain SymPy, in index notation."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from typing import Any

import sympy as sp
from sympy.matrices.expressions.matexpr import MatrixElement

from symdl.expr.dims import indices
from symdl.expr.notation.recur_view import At, place_in, whole_of
from symdl.expr.solved import equation_sides, index_expression, solved_indices
from symdl.expr.tensor import Expr
from symdl.functions import TABLE
from symdl.graph import build
from symdl.graph import node as kinds
from symdl.graph.node import Node
from symdl.graph.number import to_sympy as number_to_sympy
from symdl.graph.walk import topological

_LETTERS = "ijklmnpqrstuv"
#: Parts of an argument, shared ones counted as often as they occur.
LARGE = 500
#: From here on sums and products are not sorted either: SymPy compares shared parts as often as they occur.
HUGE = 5000
#: Elements of inverses of larger matrices are left as such.
WRITTEN_OUT = 3


def letters(avoid: set[str]) -> Iterator[sp.Symbol]:
    """Index letters i, j, k, ... that are not used for something else."""
    names = itertools.chain(_LETTERS, (f"{c}{n}" for n in itertools.count(1) for c in "ijk"))
    return (indices(name) for name in names if name not in avoid)


def taken_names(expr: Expr) -> set[str]:
    """Names of inputs, sizes and open letters: no dummy index may look like one of them."""
    names = set(expr.inputs) | {str(s) for s in expr.open}
    for node in topological([expr.node]):
        for size in node.sizes():
            if isinstance(size, sp.Expr):
                names |= {str(s) for s in size.free_symbols}
    return names


def opened(expr: Expr) -> tuple[Expr, tuple[sp.Symbol, ...]]:
    """The element of a tensor, with the letters i, j, k, ... on its axes."""
    chosen = tuple(itertools.islice(letters(taken_names(expr)), expr.ndim))
    return (expr[chosen] if chosen else expr), chosen


def to_sympy(expr: Expr, start: Any = 0) -> sp.Expr:
    """The SymPy expression of an Expr; the axes of a tensor get letters. Indices run from ``start``."""
    element, chosen = opened(expr)
    avoid = taken_names(element) | {str(s) for s in chosen}
    return Reader([element.node], avoid, start).read(element.node, element.map)


class Reader:
    """Reads nodes at given indices. Without recursion; every (node, indices) once."""

    def __init__(self, roots: list[Node], avoid: set[str], start: Any = 0) -> None:
        self._start = start
        self._pool: list[sp.Symbol] = []
        self._source = letters(avoid)
        self._depth: dict[Node, int] = {}
        for node in topological(roots):
            below = max((self._depth[a] for a in node.args), default=0)
            own = len(node.attr.summed) if node.op in (kinds.MUL, kinds.REDUCE) else 0
            self._depth[node] = below + own
        self._known: dict[tuple[Node, tuple[Any, ...]], sp.Expr] = {}
        self._written: dict[tuple[Node, tuple[Any, ...]], int] = {}

    def read(self, node: Node, at: tuple[Any, ...]) -> sp.Expr:
        stack = [(node, at)]
        while stack:
            key = stack[-1]
            if key in self._known:
                stack.pop()
                continue
            needs = self._arguments(*key)
            missing = [k for k in needs if k not in self._known]
            if missing:
                stack.extend(missing)
                continue
            self._written[key] = min(1 + sum(self._written.get(k, 1) for k in needs), 2 * HUGE)
            self._known[key] = self._make(*key, [self._known[k] for k in needs])
            stack.pop()
        return self._known[node, at]

    def _labels(self, node: Node, at: tuple[Any, ...]) -> list[Any]:
        """The SymPy index of every index of the node: given ones, then dummies chosen by depth of nesting."""
        if node.op not in (kinds.MUL, kinds.REDUCE):
            return list(at)
        top = self._depth[node]
        while len(self._pool) < top:
            self._pool.append(next(self._source))
        labels = [*at, *self._pool[top - len(node.attr.summed) : top]]
        for index, solved in self._solved(node).items():
            labels[index] = index_expression(solved, lambda e: labels[e], self.read, self._start)
        return labels

    def _solved(self, node: Node) -> dict[int, Any]:
        """The indices that are written as what they are; one that may leave its axis stays in a sum, so that SymPy means the same."""
        return {k: s for k, s in solved_indices(node).items() if s.inside}

    def _arguments(self, node: Node, at: tuple[Any, ...]) -> list[tuple[Node, tuple[Any, ...]]]:
        if node.op in (kinds.MATRIX, kinds.RECUR) or (node.op == kinds.FN and node.attr == "iszero"):
            return []
        labels = self._labels(node, at)
        return [(a, tuple(e if e < 0 else labels[e] for e in m)) for a, m in node.terms()]

    def _make(self, node: Node, at: tuple[Any, ...], args: list[sp.Expr]) -> sp.Expr:
        if node.op == kinds.INPUT:
            return node.attr.atom[tuple(map(self._index, at))] if node.shape else node.attr.atom
        if node.op == kinds.CONST:
            return number_to_sympy(node.attr)
        if node.op == kinds.POSITION:
            return self._index(at[0]) - self._start
        if node.op == kinds.FN and node.attr == "iszero":
            return sp.KroneckerDelta(*equation_sides(node, lambda e: at[e], self.read, self._start))
        if node.op == kinds.ADD:
            evaluate = self._written[node, at] <= HUGE
            terms = [a if c == 1 else sp.Mul(number_to_sympy(c), a, evaluate=evaluate) for c, a in zip(node.attr, args, strict=True)]
            return sp.Add(*terms, evaluate=evaluate)
        if node.op == kinds.MUL:
            return self._product(node, at, args)
        if node.op == kinds.POW:
            return args[0] ** number_to_sympy(node.attr)
        if node.op == kinds.FN:
            return _applied(TABLE[node.attr].sympy, args, self._written[node, at])
        if node.op == kinds.REDUCE:
            return self._reduction(node, at, args[0])
        if node.op == kinds.LET:
            return args[0]
        if node.op == kinds.RECUR:
            return _state(node, at, self._index)
        if node.op == kinds.PARTIAL:
            return sp.Function("partial")(args[0], args[1])  # SymPy has no derivative by an expression
        return _matrix_element(node, tuple(map(self._index, at)))

    def _index(self, entry: Any) -> Any:
        return sp.Integer(~entry) + self._start if type(entry) is int else entry

    def _limits(self, node: Node, at: tuple[Any, ...]) -> list[tuple[Any, int, Any]]:
        dummies = self._labels(node, at)[node.rank :]
        solved = self._solved(node)
        return [
            (d, self._start, sp.sympify(n) - 1 + self._start)
            for k, (d, n) in enumerate(zip(dummies, node.attr.summed, strict=True), start=node.rank)
            if k not in solved
        ]

    def _product(self, node: Node, at: tuple[Any, ...], args: list[sp.Expr]) -> sp.Expr:
        labels = self._labels(node, at)
        equations = {s.factor for s in self._solved(node).values()}
        args = [a for k, a in enumerate(args) if k not in equations]
        pairs = [[self._index(e if e < 0 else labels[e]) for e in delta] for delta in node.attr.deltas]
        evaluate = self._written[node, at] <= HUGE
        body = sp.Mul(*args, *[sp.KroneckerDelta(a, b) for a, b in pairs], evaluate=evaluate)
        limits = self._limits(node, at)
        whole = sp.Sum(body, *limits) if limits else body
        return whole if node.attr.coef == 1 else sp.Mul(number_to_sympy(node.attr.coef), whole, evaluate=evaluate)

    def _reduction(self, node: Node, at: tuple[Any, ...], body: sp.Expr) -> sp.Expr:
        limits = self._limits(node, at)
        if node.attr.kind == "logsumexp":
            return sp.log(sp.Sum(sp.exp(body), *limits))
        return sp.Function("Max_over")(body, *[sp.Tuple(*limit) for limit in limits])


def _applied(function: Any, args: list[sp.Expr], written: int) -> sp.Expr:
    """A function of large arguments is left alone: SymPy would walk through them, shared parts as often as they occur, to simplify a sign."""
    if written > LARGE and isinstance(function, type) and issubclass(function, sp.Function):
        return function(*args, evaluate=False)
    return function(*args)


def _state(node: Node, at: tuple[Any, ...], index: Any) -> sp.Expr:
    """An element of the states of a recurrence, by name: ``symdl.recurrences`` says what the name stands for."""
    whole = whole_of(node)
    start = index(~0)
    places = [e.position + start if isinstance(e, At) else index(e) for e in place_in(node, at)]
    return sp.IndexedBase(str(whole.name), shape=whole.shape)[tuple(places)]


def _matrix_element(node: Node, at: tuple[Any, ...]) -> sp.Expr:
    """inv, det, logdet: SymPy's matrix expression of a MatrixSymbol that stands for the argument."""
    inner = node.args[0]
    name = inner.name or str(Expr(build.Term(inner, (0, 1)), inner.shape))
    symbol = sp.MatrixSymbol(name, *inner.shape)
    if node.attr == "inv":
        # SymPy writes out elements of inverses of given sizes by elimination with symbols: for hours from 5 x 5.
        large = isinstance(inner.shape[0], int) and inner.shape[0] > WRITTEN_OUT
        return MatrixElement(sp.Inverse(symbol), *map(sp.sympify, at)) if large else sp.Inverse(symbol)[at]
    determinant = sp.Determinant(symbol)
    return determinant if node.attr == "det" else sp.log(determinant)
