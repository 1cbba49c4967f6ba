"""Sums over an index that an equation determines, read as people write them: Sum over q of x[q]*iszero(q - 2*i - u) is x[2*i + u]."""

from __future__ import annotations

from collections.abc import Callable, Container
from functools import lru_cache
from typing import Any, NamedTuple

import sympy as sp

from symdl.graph import node as kinds
from symdl.graph.affine import Affine, in_range
from symdl.graph.labels import Term, is_fixed
from symdl.graph.node import Node
from symdl.graph.number import Number, times
from symdl.graph.number import to_sympy as number_to_sympy
from symdl.graph.windows import equation_of, is_equation


class Solved(NamedTuple):
    """A summed index of a product that a factor determines.

    Attributes
    ----------
    factor : int
        Which argument of the product is the equation.
    parts : tuple of (coefficient, Term)
        The index is their sum; terms are in the product's own index numbers.
    inside : bool
        Whether the index always lies on its axis.
    users : tuple of Node
        What it stands on, equations aside.
    """

    factor: int
    parts: tuple[tuple[Number, Term], ...]
    inside: bool
    users: tuple[Node, ...]


@lru_cache(maxsize=10_000)
def solved_indices(node: Node) -> dict[int, Solved]:
    """Summed index -> what it is, for a product; each equation determines one index."""
    if node.op != kinds.MUL or not node.attr.summed:
        return {}
    found: dict[int, Solved] = {}
    fixed = {e for pair in node.attr.deltas for e in pair}
    for place, (arg, entries) in enumerate(node.terms()):
        if not is_equation(Term(arg, entries)):
            continue
        parts = _parts(Term(arg, entries))
        for index in _candidates(node, equation_of(Term(arg, entries)), parts):
            others = [e for s in found.values() for _, t in s.parts for e in t.map]
            if index not in found and index not in others and index not in fixed:
                found[index] = _solve(Term(arg, entries), place, parts, index, _users(node, index))
                break
    # An index that stands in what another was solved for is not free any more.
    bad = [k for k, s in found.items() if any(e in found for _, t in s.parts for e in t.map)]
    for k in bad:
        del found[k]
    return found


def _parts(term: Term) -> list[tuple[Number, Term]]:
    inner = term.node.args[0]
    labels = {k: term.map[e] if e >= 0 else e for k, e in enumerate(term.node.maps[0])}
    if inner.op != kinds.ADD:
        return [(1, Term(inner, tuple(labels[k] for k in range(inner.rank))))]
    return [(c, Term(a, tuple(labels[e] if e >= 0 else e for e in m))) for c, (a, m) in zip(inner.attr, inner.terms(), strict=True)]


def _candidates(node: Node, equation: Affine | None, parts: list[tuple[Number, Term]]) -> list[int]:
    """Summed indices with coefficient 1 or -1 in the equation: best those of data that stay on their axis, then those of data with a name."""
    sizes = node.sizes()
    found = []
    for coef, term in parts:
        if term.node.op != kinds.POSITION or coef not in (1, -1) or is_fixed(term.map[0]) or term.map[0] < node.rank:
            continue
        index = term.map[0]
        if sum(index in t.map for _, t in parts) == 1:
            found.append(index)
    data = {e for a, m in node.terms() for e in m if not is_equation(Term(a, m))}

    def liking(index: int) -> tuple[Any, ...]:
        inside = equation is not None and in_range(equation, index)
        named = all(a.op in (kinds.INPUT, kinds.LET) for a in _users(node, index))
        return index not in data, not inside, not named, isinstance(sizes[index], (int, sp.Symbol)), index

    return sorted(found, key=liking)


def _users(node: Node, index: int) -> tuple[Node, ...]:
    return tuple(a for a, m in node.terms() if index in m and not is_equation(Term(a, m)))


def _solve(term: Term, place: int, parts: list[tuple[Number, Term]], index: int, users: tuple[Node, ...]) -> Solved:
    sign = next(c for c, t in parts if index in t.map)
    rest = tuple((times(-1, times(sign, c)), t) for c, t in parts if index not in t.map)
    equation = equation_of(term)
    return Solved(place, rest, equation is None or in_range(equation, index), users)


def written_indices(node: Node, names: Container[Node]) -> dict[int, Solved]:
    """Those that may be written as what they are, under the convention that a tensor is 0 outside its axes: it holds for what has a name."""
    return {k: s for k, s in solved_indices(node).items() if s.inside or (s.users and all(a.op == kinds.INPUT or a in names for a in s.users))}


def index_expression(solved: Solved, at: Callable[[int], Any], read: Callable[[Node, tuple[Any, ...]], sp.Expr], start: Any = 0) -> sp.Expr:
    """What the index is, as SymPy. ``at``: index number -> letter or ``~c``; ``read``: a node at letters -> its value."""
    total: sp.Expr = sp.sympify(start)
    for coef, term in solved.parts:
        entries = tuple(e if is_fixed(e) else at(e) for e in term.map)
        total += number_to_sympy(coef) * read(term.node, entries)
    return total


def equation_sides(node: Node, at: Callable[[int], Any], read: Callable[[Node, tuple[Any, ...]], sp.Expr], start: Any = 0) -> tuple[sp.Expr, sp.Expr]:
    """The two sides of an equation that stays one, as the indices of a Kronecker delta."""
    left: sp.Expr = sp.sympify(start)
    right: sp.Expr = sp.sympify(start)
    for coef, term in _parts(Term(node, tuple(range(node.rank)))):
        entries = tuple(e if is_fixed(e) else at(e) for e in term.map)
        value = number_to_sympy(coef) * read(term.node, entries)
        if value.could_extract_minus_sign():
            right -= value
        else:
            left += value
    return left, right
