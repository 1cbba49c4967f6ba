"""Index equations in data, iszero(q - c[k]): rows of a table are looked up, and what flows back to them is added to them, instead of multiplying by 0 and 1."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from symdl.graph import node as kinds
from symdl.graph.labels import Term, inner_terms, is_fixed
from symdl.graph.number import Number, times
from symdl.lower.contract import Factor
from symdl.lower.emit import Emitter
from symdl.lower.program import Table


class Lookup(NamedTuple):
    """q = Sum of coefficient * term, the terms data."""

    q: Any
    parts: tuple[tuple[Number, Term], ...]


class Row(NamedTuple):
    """The same with the data as a value."""

    q: int
    at: Factor


def lookup_of(term: Term) -> Lookup | None:
    """What an index equation says of its position; None when it has no position of its own."""
    (inside,) = inner_terms(term)
    if inside.node.op != kinds.ADD:
        return None
    pairs = list(zip(inside.node.attr, inner_terms(inside), strict=True))
    places = [k for k, (c, t) in enumerate(pairs) if t.node.op == kinds.POSITION and c in (1, -1) and not is_fixed(t.map[0])]
    for k in places:
        coef, (q,) = pairs[k][0], pairs[k][1].map
        rest = [(times(-1, times(coef, c)), t) for n, (c, t) in enumerate(pairs) if n != k]
        if all(q not in t.map for _, t in rest):
            return Lookup(q, tuple(rest))
    return None


def taken(out: Emitter, factors: list[Factor], row: Row, sizes: Mapping[int, int]) -> list[Factor] | None:
    """The factors with rows looked up; None when no factor has the index."""
    if not row.at.axes or not any(row.q in f.axes for f in factors):
        return None
    return [_looked_up(out, f, row, sizes) if row.q in f.axes else f for f in factors]


def _looked_up(out: Emitter, factor: Factor, row: Row, sizes: Mapping[int, int]) -> Factor:
    """factor[c[k], ..]; an index on both is read along the diagonal."""
    axes = row.at.axes
    common = [k for k in axes if k in factor.axes]
    others = [k for k in factor.axes if k != row.q and k not in common]
    arranged = out.arranged(factor, (row.q, *common, *others))
    count = math.prod(sizes[k] for k in common)
    flat = out.reshape(arranged.value, (sizes[row.q] * count, *(sizes[k] for k in others)))
    beside: Any = np.zeros((1,) * len(axes), dtype=np.intp)
    for k in common:
        beside = beside * sizes[k] + np.arange(sizes[k]).reshape([-1 if a == k else 1 for a in axes])
    shape = tuple(sizes[k] for k in (*axes, *others))
    return Factor(out.emit("lookup", (flat, row.at.value), (sizes[row.q], count, Table(beside)), shape), (*axes, *others))


def added(out: Emitter, core: Factor, row: Row, sizes: Mapping[int, int]) -> Factor:
    """Sum over k of iszero(q - c[k])*core[k, ..], for every q."""
    axes = row.at.axes
    others = [k for k in core.axes if k not in axes]
    spread = out.spread(core, (*axes, *others), tuple(sizes[k] for k in (*axes, *others)))
    shape = tuple(sizes[k] for k in (row.q, *others))
    return Factor(out.emit("add_rows", (spread, row.at.value), None, shape), (row.q, *others))


def look_up(table: np.ndarray, at: np.ndarray, rows: int, count: int, beside: np.ndarray, out: np.ndarray) -> None:
    """Elements of the table's first axis, at*count + beside; zeros where at is no row."""
    whole = np.where((at >= 0) & (at < rows) & (at == np.floor(at)), at, -1).astype(np.intp)
    np.take(table, np.maximum(whole, 0) * count + beside, 0, out, "clip")
    out[whole < 0] = 0.0


def add_rows(values: np.ndarray, at: np.ndarray, out: np.ndarray) -> None:
    """out[at[k]] += values[k], where at[k] is a row."""
    out[...] = 0.0
    flat = at.ravel()
    good = (flat >= 0) & (flat < len(out)) & (flat == np.floor(flat))
    rows = values.reshape((len(flat), *out.shape[1:]))
    np.add.at(out, flat[good].astype(np.intp), rows[good])
