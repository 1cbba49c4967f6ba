"""Sizes beyond those of an exact test. A claim may hold at n = 1, 2, 3 and fail at n = 4, or from where a window of ten positions fits: what is decided at
sizes is looked at, in floats, at larger ones, past every whole number that the graph compares sizes or positions with."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import sympy as sp

from symdl.errors import SymdlError
from symdl.graph import node as kinds
from symdl.graph.node import Node
from symdl.prove.samples import probes
from symdl.prove.sizes import mended
from symdl.prove.stop import Clock, Unreadable

#: Sizes looked at; dims in turn take these, so that no two of the first are equal.
BASES = ((4, 5, 6, 7), (7, 6, 5, 8), (11, 9, 13, 10))
#: Whole numbers above this are not gone past.
FAR = 400
#: A graph with arrays larger than this is not looked at, at the sizes that make them so large.
MAX_ENTRIES = 2_000_000
#: Two sides that agree no better than this differ.
TOLERANCE = 1e-6


def further(problem: Any) -> list[dict[sp.Symbol, int]]:
    """Larger sizes for a problem; those past its largest number only where positions or sizes are counted with."""
    if not problem.dims:
        return []
    top = max(_counted(problem.nodes), default=0)
    bases = [*BASES, *([tuple(top + k for k in (2, 3, 4, 5))] if 2 < top <= FAR else [])]
    found: list[dict[sp.Symbol, int]] = []
    for base in bases:
        try:
            sizes = mended({d: base[k % len(base)] for k, d in enumerate(problem.dims)}, problem.nodes, problem.shape)
        except Unreadable:
            continue
        if sizes not in found and _entries(problem, sizes) <= MAX_ENTRIES:
            found.append(sizes)
    return found


def _counted(nodes: list[Node]) -> Iterator[int]:
    """Whole numbers in polynomials of sizes, and all numbers of a graph that has positions."""
    placed = any(n.op == kinds.POSITION for n in nodes)
    for node in nodes:
        numbers = {kinds.MUL: lambda n: [n.attr.coef], kinds.ADD: lambda n: n.attr, kinds.CONST: lambda n: [n.attr]}.get(node.op, lambda n: [])(node)
        for value in numbers:
            if isinstance(value, sp.Basic):
                yield from (abs(int(q)) for q in value.atoms(sp.Integer))
                yield sum(int(p.exp) for p in value.atoms(sp.Pow) if p.exp.is_Integer and p.exp > 0)
            elif placed and type(value) is int:
                yield abs(value)


def _entries(problem: Any, sizes: dict[sp.Symbol, int]) -> int:
    point = {d: sp.Integer(n) for d, n in sizes.items()}
    known: dict[Any, int] = {}

    def count(shape: Any) -> int:
        return math.prod(known.setdefault(s, int(s.xreplace(point))) if isinstance(s, sp.Basic) else s for s in shape)

    return max([count(problem.shape) ** 2 // 100, *(count(node.sizes()) for node in problem.nodes)])


def disagreement(problem: Any, sizes: dict[sp.Symbol, int], clock: Clock) -> Mapping[str, Any] | bool:
    """Values at which the two sides differ in floats, at these sizes; True when none were found, False when nothing could be evaluated."""
    agreed = False
    counting = any(v.whole is not None for v in problem.variables.values())  # then one point says little
    for values in probes(list(problem.variables.values()), sizes):
        clock.look()
        with np.errstate(all="ignore"):
            try:
                left, right = problem.floats(values)
            except (SymdlError, np.linalg.LinAlgError, OverflowError, MemoryError):
                return agreed
        scale = np.max(np.abs(left), initial=0.0) + np.max(np.abs(right), initial=0.0)
        if not np.isfinite(scale):
            continue
        if np.max(np.abs(left - right), initial=0.0) > TOLERANCE * scale:
            return values
        agreed = True
        if not counting:
            return True
    return agreed
