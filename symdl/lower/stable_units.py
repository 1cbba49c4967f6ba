"""Rewrites of inner products over norms: x'y/(|x||y|) is the inner product of two unit vectors, which neither overflows nor underflows."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from symdl.graph import build
from symdl.graph import node as kinds
from symdl.graph.build import Term
from symdl.graph.labels import is_fixed
from symdl.graph.node import Node
from symdl.graph.number import plus
from symdl.lower.behind import applied, arguments, inside, named, opened
from symdl.lower.machine import OVER

_HALF = Fraction(1, 2)


def may_have_units(node: Node) -> bool:
    """Whether a product divides by roots."""
    return node.op == kinds.MUL and any(a.op == kinds.POW and _is_reciprocal_root(a.attr) for a in node.args)


def _is_reciprocal_root(exponent: Any) -> bool:
    return isinstance(exponent, Fraction) and exponent.denominator == 2 and exponent < 0


def units(term: Term) -> Term | None:
    """A product of an inner product and powers of norms of what is in it, with unit vectors in their place."""
    if not may_have_units(term.node) or term.node.attr.summed:
        return None
    parts = opened(term)
    norms = {k: f for k, f in enumerate(parts.factors) if f.node.op == kinds.POW and _is_reciprocal_root(f.node.attr)}
    left = {k: f.node.attr for k, f in norms.items()}
    made: list[Term] = []
    drawn = 0
    for k, factor in enumerate(parts.factors):
        whole = opened(inside(factor)) if k not in norms and inside(factor).node.op == kinds.MUL else None
        if whole is not None and whole.summed and not whole.deltas:
            inner = [_unit(f, norms, left) for f in whole.factors]
            drawn += sum(u is not None for u in inner)
            made.append(build.mul(whole.coef, [u or f for u, f in zip(inner, whole.factors, strict=True)], (), whole.summed))
        elif k not in norms:
            made.append(factor)
    if not drawn:
        return None
    if any(left[k] < -_HALF for k in left):  # beside the inner product too
        made = [f if _is_sum(f) else _unit(f, norms, left) or f for f in made]
    rest = [build.pow_(arguments(f)[0], left[k]) for k, f in norms.items() if left[k] != 0]
    return build.mul(parts.coef, [*made, *rest], parts.deltas)


def _is_sum(term: Term) -> bool:
    return inside(term).node.op == kinds.MUL and bool(inside(term).node.attr.summed)


def _unit(f: Term, norms: dict[int, Term], left: dict[int, Any]) -> Term | None:
    """f over its norm, which is taken from those that are left."""
    for k, norm in norms.items():
        if left[k] < 0 and _is_square_of(f, arguments(norm)[0]):
            left[k] = plus(left[k], _HALF)
            return named("unit", applied(OVER, f, build.pow_(arguments(norm)[0], _HALF)))
    return None


def _is_square_of(f: Term, base: Term) -> bool:
    """Whether the base is the sum of f^2 over some of the indices of f."""
    base = inside(base)
    if base.node.op != kinds.MUL or not base.node.attr.summed or base.node.attr.deltas or base.node.attr.coef != 1:
        return False
    parts = opened(base)
    if len(parts.factors) != 1 or parts.factors[0].node.op != kinds.POW or parts.factors[0].node.attr != 2:
        return False
    g, mine = inside(arguments(parts.factors[0])[0]), inside(f)
    if g.node is not mine.node or any(is_fixed(e) for e in (*g.map, *mine.map)) or len(set(mine.map)) != len(mine.map):
        return False
    return all(a in parts.summed or a == b for a, b in zip(g.map, mine.map, strict=True))
