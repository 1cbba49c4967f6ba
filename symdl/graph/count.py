"""How much arithmetic a graph is: scalar operations at given sizes, each shared node counted once.

What counts as one operation is what ``sympy.count_ops`` counts as one: an addition or subtraction, a multiplication, a power, an
elementary function. A function of the table that has a definition counts as its definition (the sigmoid, 1/(1 + exp(-z)),
as 4), so that the number can be held against SymPy's for the same formula. Names, transposes, diagonals and
broadcasts cost nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cache
from math import prod
from typing import Any

import sympy as sp

from symdl.errors import NameError_, UnsupportedError
from symdl.functions import TABLE
from symdl.graph import node as kinds
from symdl.graph.node import Node, Size
from symdl.graph.recurrence import system_of
from symdl.graph.walk import topological


def operations(roots: Iterable[Node], sizes: Mapping[Any, int] | None = None) -> int:
    """Scalar operations that the graph under ``roots`` needs when every node is computed once.

    A sum of products is taken apart one summed index at a time, the cheapest first, as one would by hand:
    a factor that does not depend on the index stays outside its sum.

    Parameters
    ----------
    roots : iterable of Node
        What is to be computed, together: what several roots share is counted once.
    sizes : mapping
        Size symbol (or its name) -> int, for every symbolic size under the roots.

    Raises
    ------
    NameError_
        When a size has no number.
    UnsupportedError
        For local partials that are not carried out: they are not computed.
    """
    known = {sp.Symbol(s, integer=True, positive=True) if isinstance(s, str) else s: n for s, n in (sizes or {}).items()}

    def size(value: Size) -> int:
        number = sp.sympify(value).subs(known)
        if not number.is_Integer:
            raise NameError_(f"the size {value} has no number: give {', '.join(sorted(map(str, number.free_symbols)))} in sizes")
        return int(number)

    order = topological(roots)
    loops = {system_of(node): node for node in order if node.op == kinds.RECUR}
    steps = sum(size(node.attr.length) * operations([body for body, _ in node.attr.bodies], sizes) for node in loops.values())
    return steps + sum(_of(node, [size(s) for s in _sizes(node)]) for node in order)


def _sizes(node: Node) -> tuple[Size, ...]:
    """What the cost depends on: the sizes of the node's indices; for a matrix function, of its argument."""
    if node.op == kinds.RECUR:
        return ()
    return node.args[0].shape if node.op == kinds.MATRIX else node.sizes()


def _of(node: Node, sizes: list[int]) -> int:
    """The node's own operations."""
    count = _COUNTERS.get(node.op)
    if count is None:
        raise UnsupportedError(f"a {node.op} is not computed and has no number of operations")
    return count(node, sizes)


def _nothing(node: Node, sizes: list[int]) -> int:
    return 0


def _addition(node: Node, sizes: list[int]) -> int:
    scaled = sum(c not in (1, -1) for c, a in zip(node.attr, node.args, strict=True) if a.op != kinds.CONST)
    all_minus = all(c == -1 for c in node.attr)  # -x - y: the first minus is an operation of its own
    return prod(sizes) * (len(node.args) - 1 + scaled + all_minus)


def _power(node: Node, sizes: list[int]) -> int:
    return prod(sizes)


def _function(node: Node, sizes: list[int]) -> int:
    return prod(sizes) * _function_cost(node.attr)


@cache
def _function_cost(name: str) -> int:
    entry = TABLE[name]
    arguments = sp.symbols(f"z:{entry.nargs}", real=True)
    formula = entry.definition(*arguments) if entry.definition else entry.sympy(*arguments)
    return max(1, int(sp.count_ops(formula)))


def _product(node: Node, sizes: list[int]) -> int:
    """coef * Sum of factors, summed index by summed index."""
    factors = [frozenset(e for e in m if e >= 0) for m in node.maps]
    factors += [frozenset(e for e in delta if e >= 0) for delta in node.attr.deltas]
    left = set(range(node.rank, len(sizes)))
    total = 0
    while left:
        cost, index, joined = min(_summing(k, factors, sizes) for k in left)
        factors = [f for f in factors if index not in f] + [frozenset(joined)]
        left.remove(index)
        total += cost
    total += _multiplying(factors, sizes)[0]
    return total + (0 if node.attr.coef == 1 else prod(sizes[: node.rank]))


def _summing(index: int, factors: list[frozenset[int]], sizes: list[int]) -> tuple[int, int, list[int]]:
    """Multiply the factors that depend on the index, and sum it out: the cost, the index, what the result depends on."""
    cost, joined = _multiplying([f for f in factors if index in f], sizes)
    rest = sorted(joined - {index})
    return cost + prod(sizes[k] for k in rest) * (sizes[index] - 1), index, rest


def _multiplying(factors: list[frozenset[int]], sizes: list[int]) -> tuple[int, frozenset[int]]:
    """Multiply factors, the small ones first: the cost, and what the product depends on."""
    ordered = sorted(factors, key=lambda f: (prod(sizes[k] for k in f), sorted(f)))
    joined: frozenset[int] = ordered[0] if ordered else frozenset()
    cost = 0
    for factor in ordered[1:]:
        joined = joined | factor
        cost += prod(sizes[k] for k in joined)
    return cost, joined


def _reduction(node: Node, sizes: list[int]) -> int:
    """max: comparisons. logsumexp: exponentials, additions, one logarithm."""
    free, over = prod(sizes[: node.rank]), prod(sizes[node.rank :])
    return free * (over - 1 if node.attr.kind == "max" else 2 * over)


def _matrix(node: Node, sizes: list[int]) -> int:
    """By Gaussian elimination (Golub and Van Loan, sections 3.1 and 3.2)."""
    n = sizes[0]
    elimination = sum((n - k) + 2 * (n - k) ** 2 for k in range(1, n))
    return {"inv": 2 * n**3 - 2 * n**2 + n, "det": elimination + n - 1, "logdet": elimination + 2 * n - 1}[node.attr]


_COUNTERS: dict[str, Callable[[Node, list[int]], int]] = {
    kinds.INPUT: _nothing,
    kinds.CONST: _nothing,
    kinds.POSITION: _nothing,
    kinds.LET: _nothing,
    kinds.RECUR: _nothing,  # its steps are counted by ``operations``
    kinds.ADD: _addition,
    kinds.MUL: _product,
    kinds.POW: _power,
    kinds.FN: _function,
    kinds.REDUCE: _reduction,
    kinds.MATRIX: _matrix,
}
