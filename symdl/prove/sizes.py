"""Which concrete sizes a proof is carried out at."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from itertools import islice, product
from typing import Any

import sympy as sp

from symdl.graph.labels import Term, is_fixed
from symdl.graph.node import Node
from symdl.prove.stop import Unreadable

#: So many sizes below those wanted are tried where none above fit.
SMALLER = 600


def size_choices(dims: list[sp.Symbol], nodes: Iterable[Node], shape: tuple[Any, ...], looks: Iterable[Term] = ()) -> list[dict[sp.Symbol, int]]:
    """Small concrete sizes: unlike ones, all ones, unlike ones the other way round; large enough for fixed positions, those of ``looks`` included."""
    if not dims:
        return [{}]
    least = _least([*looks, *(term for node in nodes for term in node.terms())], nodes)
    bases = ([2 + k % 2 for k in range(len(dims))], [1] * len(dims), [3 - k % 2 for k in range(len(dims))])
    chosen = []
    for base in bases:
        sizes = mended({d: max(n, least.get(d, 1)) for d, n in zip(dims, base, strict=True)}, nodes, shape, least)
        if sizes not in chosen:
            chosen.append(sizes)
    while len(chosen) < 3:
        chosen.append(mended({d: n + 1 for d, n in max(chosen, key=lambda c: sum(c.values())).items()}, nodes, shape, least))
    return chosen


def mended(sizes: dict[sp.Symbol, int], nodes: Iterable[Node], shape: tuple[Any, ...], least: Mapping[sp.Symbol, int] | None = None) -> dict[sp.Symbol, int]:
    """Sizes at which composite ones (n - k + 1, n/2) are whole numbers from 1: single dims are raised until they are, or lowered, not below ``least``.

    Raises
    ------
    Unreadable
        When there are none near.
    """
    raised = sizes
    for _ in range(40):
        bad = _misfit(raised, nodes, shape)
        if bad is None:
            return raised
        raised = min(({**raised, d: n + 1} for d, n in raised.items() if d in bad.free_symbols), key=lambda more: _badness(bad, more))
    below = [range(n, (least or {}).get(d, 1) - 1, -1) for d, n in sizes.items()]
    for numbers in islice(product(*below), SMALLER):  # m - m*n + 3 fits nowhere above
        lowered = dict(zip(sizes, numbers, strict=True))
        if _misfit(lowered, nodes, shape) is None:
            return lowered
    raise Unreadable("no sizes were found at which every axis has a length")


def _badness(size: sp.Expr, sizes: Mapping[Any, int]) -> tuple[float, float, int]:
    value = size.xreplace({d: sp.Integer(n) for d, n in sizes.items()})
    return (max(0.0, 1.0 - float(value)), float(value) % 1.0, sum(sizes.values()))


def _least(terms: Iterable[tuple[Node, tuple[Any, ...]]], nodes: Iterable[Node]) -> dict[sp.Symbol, int]:
    """A fixed position c on an axis asks for a size above c."""
    least: dict[sp.Symbol, int] = {}
    for arg, entries in terms:
        for size, entry in zip(arg.shape, entries, strict=True):
            if is_fixed(entry) and isinstance(size, sp.Symbol):
                least[size] = max(least.get(size, 1), ~entry + 1)
    for node in nodes:
        for a, b in node.attr.deltas if node.op == "mul" else ():
            size = node.sizes()[a if a >= 0 else b]
            if (a < 0 or b < 0) and isinstance(size, sp.Symbol):
                least[size] = max(least.get(size, 1), ~min(a, b) + 1)
    return least


def _misfit(sizes: Mapping[Any, int], nodes: Iterable[Node], shape: tuple[Any, ...]) -> sp.Expr | None:
    """A composite size that is no positive integer."""
    found = {s for shapes in (*(node.sizes() for node in nodes), shape) for s in shapes if isinstance(s, sp.Expr) and not isinstance(s, sp.Symbol)}
    point = {d: sp.Integer(n) for d, n in sizes.items()}
    return next((s for s in sorted(found, key=str) if s.free_symbols & set(sizes) and not ((v := s.xreplace(point)).is_Integer and v >= 1)), None)
