"""Which concrete sizes a proof is carried out at."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import sympy as sp

from symdl.graph.node import Node


def size_choices(dims: list[sp.Symbol], nodes: Iterable[Node], shape: tuple[Any, ...]) -> list[dict[sp.Symbol, int]]:
    """Small concrete sizes: unlike ones, all ones, unlike ones the other way round; large enough for fixed positions."""
    if not dims:
        return [{}]
    least = _least(nodes)
    bases = ([2 + k % 2 for k in range(len(dims))], [1] * len(dims), [3 - k % 2 for k in range(len(dims))])
    chosen = []
    for base in bases:
        sizes = {d: max(n, least.get(d, 1)) for d, n in zip(dims, base, strict=True)}
        for _ in range(6):
            if _fits(sizes, nodes, shape):
                break
            sizes = {d: n + 1 for d, n in sizes.items()}
        if sizes not in chosen:
            chosen.append(sizes)
    while len(chosen) < 3:
        chosen.append({d: n + 1 for d, n in max(chosen, key=lambda c: sum(c.values())).items()})
    return chosen


def _least(nodes: Iterable[Node]) -> dict[sp.Symbol, int]:
    """A fixed position c on an axis asks for a size above c."""
    least: dict[sp.Symbol, int] = {}
    for node in nodes:
        for arg, entries in node.terms():
            for size, entry in zip(arg.shape, entries, strict=True):
                if entry < 0 and isinstance(size, sp.Symbol):
                    least[size] = max(least.get(size, 1), ~entry + 1)
        for a, b in node.attr.deltas if node.op == "mul" else ():
            size = node.sizes()[a if a >= 0 else b]
            if (a < 0 or b < 0) and isinstance(size, sp.Symbol):
                least[size] = max(least.get(size, 1), ~min(a, b) + 1)
    return least


def _fits(sizes: Mapping[Any, int], nodes: Iterable[Node], shape: tuple[Any, ...]) -> bool:
    """Whether all composite sizes (n - 1, 2*n) are positive integers."""
    found = {s for node in nodes for s in node.sizes() if isinstance(s, sp.Expr)} | {s for s in shape if isinstance(s, sp.Expr)}
    values = [s.xreplace({d: sp.Integer(n) for d, n in sizes.items()}) for s in found]
    return all(v.is_Integer and v >= 1 for v in values)
