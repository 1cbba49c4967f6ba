"""Axes made of others row by row: r = i*p + k, as reshapes and Kronecker products have them. Read off the index equations of a product."""

from __future__ import annotations

from functools import lru_cache
from typing import NamedTuple

import sympy as sp

from symdl.graph import node as kinds
from symdl.graph.affine import Affine
from symdl.graph.equations import is_count
from symdl.graph.labels import Term
from symdl.graph.node import Node
from symdl.graph.number import times
from symdl.graph.windows import equation_of, is_equation


class Unravelled(NamedTuple):
    """A product whose equations only say how its axes are made of others.

    Attributes
    ----------
    digits : dict
        Free axis -> the summed indices that count it, the slowest first.
    factors : tuple of Term
        The factors that are no equations, in the product's own index numbers.
    """

    digits: dict[int, tuple[int, ...]]
    factors: tuple[Term, ...]

    @property
    def all_digits(self) -> set[int]:
        return {k for found in self.digits.values() for k in found}


@lru_cache(maxsize=10_000)
def unravelled(node: Node) -> Unravelled | None:
    """The product as one whose axes are counted by others; None for all else."""
    if node.op != kinds.MUL or not node.attr.summed:
        return None
    digits: dict[int, tuple[int, ...]] = {}
    factors: list[Term] = []
    for arg, entries in node.terms():
        term = Term(arg, entries)
        if not is_equation(term):
            factors.append(term)
            continue
        equation = equation_of(term)
        found = None if equation is None else _counted(equation, node)
        if found is None or found[0] in digits:
            return None
        digits[found[0]] = found[1]
    every = [k for found in digits.values() for k in found]
    return Unravelled(digits, tuple(factors)) if digits and len(set(every)) == len(every) else None


def _counted(equation: Affine, node: Node) -> tuple[int, tuple[int, ...]] | None:
    """The free axis of an equation, and the summed indices that count its positions."""
    whole = [k for k in equation.coefs if isinstance(k, int) and k < node.rank]
    digits = [k for k in equation.coefs if k not in whole]
    if len(whole) != 1 or len(digits) < 2 or equation.offset != 0 or not is_count(equation, whole[0], digits):
        return None
    ordered: list[int] = []
    stride = sp.sympify(times(-1, equation.coefs[whole[0]]))
    while len(ordered) < len(digits):
        following = next(k for k in digits if k not in ordered and sp.expand(sp.sympify(equation.coefs[k]) - stride) == 0)
        ordered.append(following)  # type: ignore[arg-type]
        stride = stride * sp.sympify(equation.sizes[following])
    return whole[0], tuple(reversed(ordered))  # type: ignore[return-value]


def moves_only(node: Node) -> bool:
    """Every element of the product is one product of elements: opening it repeats no sum."""
    found = unravelled(node)
    return found is not None and len(found.all_digits) == len(node.attr.summed)


class Kronecker(NamedTuple):
    """coef * kron(left, right): the factors and deltas of each side, and its axes, one for every axis of the product."""

    left: tuple[Term, ...]
    right: tuple[Term, ...]
    left_deltas: tuple[tuple[int, int], ...]
    right_deltas: tuple[tuple[int, int], ...]
    rows: tuple[tuple[int, int], ...]


@lru_cache(maxsize=10_000)
def kronecker_of(node: Node) -> Kronecker | None:
    """The product as a Kronecker product of vectors or matrices; None for all else."""
    found = unravelled(node)
    if found is None or sorted(found.digits) != list(range(node.rank)) or any(len(d) != 2 for d in found.digits.values()):
        return None
    side: dict[int, int] = {k: place for d in found.digits.values() for place, k in enumerate(d)}
    links = [{e for e in t.map if e >= 0} for t in found.factors] + [set(d) for d in node.attr.deltas]
    if any(e < node.rank for joined in links for e in joined):  # what stands on an axis itself is on neither side
        return None
    for _ in links:  # what hangs together is on one side
        for joined in links:
            here = {side[e] for e in joined if e in side}
            if len(here) > 1:
                return None
            if here:
                side.update(dict.fromkeys(joined, here.pop()))
    parts: tuple[list[Term], list[Term]] = ([], [])
    for term, joined in zip(found.factors, links, strict=False):
        place = {side.get(e) for e in joined}
        if None in place:
            return None
        parts[place.pop() or 0 if place else 0].append(term)
    deltas: tuple[list[tuple[int, int]], list[tuple[int, int]]] = ([], [])
    for delta in node.attr.deltas:
        if delta[0] not in side or min(delta) < 0:
            return None
        deltas[side[delta[0]]].append(delta)
    rows = tuple(found.digits[axis] for axis in range(node.rank))
    return Kronecker(tuple(parts[0]), tuple(parts[1]), tuple(deltas[0]), tuple(deltas[1]), rows)  # type: ignore[arg-type]
