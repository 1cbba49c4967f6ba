"""Rewrites of inner products over norms: x'y/(|x||y|) is the inner product of two unit vectors, which neither overflows nor underflows."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

from symdl.graph import build
from symdl.graph import node as kinds
from symdl.graph.build import Term
from symdl.graph.labels import is_fixed
from symdl.graph.node import Node
from symdl.lower.behind import addends, applied, arguments, inside, named, opened, sum_of
from symdl.lower.machine import OVER

_HALF = Fraction(1, 2)
#: Sums of more terms are not looked into, nor higher powers of norms.
_FEW = 4


def may_have_units(node: Node) -> bool:
    """Whether a product divides by a norm or its square, and has an inner product, or a sum, beside it."""
    if node.op != kinds.MUL or node.attr.summed:
        return False
    below = any(a.op == kinds.POW and _halves(a.attr) and _behind(a.args[0]).op == kinds.MUL and _behind(a.args[0]).attr.summed for a in node.args)
    return below and any(b.op == kinds.ADD or (b.op == kinds.MUL and b.attr.summed) for b in map(_behind, node.args))


def _behind(node: Node) -> Node:
    while node.op == kinds.LET:
        node = node.args[0]
    return node


def _halves(exponent: Any) -> int:
    """How many norms are below the line, for a power of a sum of squares."""
    twice = -2 * exponent if isinstance(exponent, (int, Fraction)) else 0
    return int(twice) if 0 < twice <= _FEW and twice == int(twice) else 0


def units(term: Term) -> Term | None:
    """A product of an inner product and powers of norms of what is in it, with unit vectors in their place."""
    if not may_have_units(term.node):
        return None
    parts = opened(term)
    made = [f for f in parts.factors if not _is_norm(f)]
    rest: list[Term] = []
    drawn = False
    for norm in (f for f in parts.factors if _is_norm(f)):
        base, left = arguments(norm)[0], _halves(norm.node.attr)
        new = list(made)
        # The inner products first: a vector beside one needs its norm only where another is left.
        for k in sorted(range(len(new)), key=lambda k: _rank(made[k])):
            found = _drawn(new[k], base) if left else None
            if found is not None:
                new[k], left = found, left - 1
        if left and type(norm.node.attr) is int:  # half of a square is no gain
            rest.append(norm)
            continue
        drawn = drawn or any(_rank(a) < 2 and a != b for a, b in zip(made, new, strict=True))
        made = new
        rest += [build.pow_(base, Fraction(-left, 2))] if left else []
    return build.mul(parts.coef, [*made, *rest], parts.deltas) if drawn else None


def _is_norm(f: Term) -> bool:
    return f.node.op == kinds.POW and bool(_halves(f.node.attr)) and _behind(f.node.args[0]).op == kinds.MUL


def _rank(term: Term) -> int:
    node = inside(term).node
    return 0 if node.op == kinds.ADD else 1 if node.op == kinds.MUL else 2


def _drawn(term: Term, base: Term, depth: int = _FEW) -> Term | None:
    """The term over the norm, where each of its addends has the vector as a factor, or in an inner product."""
    if _is_square_of(term, base):
        return named("unit", applied(OVER, term, build.pow_(base, _HALF)))
    inner = inside(term)
    if not depth:
        return None
    if inner.node.op == kinds.ADD and len(inner.node.args) <= _FEW:
        made = [(c, _drawn(t, base, depth - 1)) for c, t in addends(inner)]
        return sum_of([(c, t) for c, t in made if t is not None]) if all(t is not None for _, t in made) else None
    if inner.node.op != kinds.MUL or inner.node.attr.deltas:
        return None
    parts = opened(inner)
    for k, f in enumerate(parts.factors):
        found = _drawn(f, base, depth - 1)
        if found is not None:
            return build.mul(parts.coef, [*(t for n, t in enumerate(parts.factors) if n != k), found], (), parts.summed)
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
