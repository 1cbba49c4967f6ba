"""The ways in which a loop's expressions can be rewritten so that a step costs less, each with its price in operations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp

from symdl.errors import SymdlError
from symdl.expr.dims import show_shape
from symdl.expr.tensor import Expr
from symdl.graph import build
from symdl.graph import node as kinds
from symdl.graph.build import Term
from symdl.graph.node import InputInfo, Node, Size
from symdl.graph.resize import resized
from symdl.graph.walk import inputs, topological
from symdl.lower.compiled import Compiled
from symdl.lower.compress import compressed, factor_operations
from symdl.lower.directions import Fewer
from symdl.lower.invariants import taken_out
from symdl.lower.native.show import operations
from symdl.lower.rotation import Column, NotLinearError, rotated
from symdl.lower.sizes import bind_sizes


@dataclass
class Hoisted:
    """Expressions of the same values, of other data, and of parameters that may be kept in fewer directions."""

    exprs: list[Expr]
    arrays: dict[str, Any]
    fewer: Fewer | None = None


class Search:
    """Rewrites of one set of expressions, each priced."""

    def __init__(self, exprs: Sequence[Expr], start: Mapping[str, Any], arrays: Mapping[str, Any], steps: int) -> None:
        self.exprs, self.start, self.arrays, self.steps = exprs, start, arrays, steps
        self.roots = [e.term for e in exprs]
        self.nodes = {str(n.name): n for n in inputs(t.node for t in self.roots)}
        self.parameters = [n for name, n in self.nodes.items() if name in start]
        shapes = {name: np.shape(v) for name, v in (dict(arrays) | dict(start)).items()}
        self.sizes = bind_sizes([(name, n.shape) for name, n in self.nodes.items()], {n: shapes[n] for n in self.nodes})

    def size(self, size: Size) -> int:
        return int(size.subs(self.sizes)) if isinstance(size, sp.Expr) else int(size)

    def best(self) -> Way | None:
        """The cheapest way; None when no rewrite changes anything."""
        ways = [w for w in (self._way(n) for n in (None, *self._samples())) if w is not None]
        return min(ways, key=lambda w: w.once + self.steps * w.after, default=None)

    def _samples(self) -> list[Size]:
        """Sizes that may count samples: no parameter has them."""
        taken = {s for n in self.parameters for s in n.shape}
        found = {s for n in self.nodes.values() for s in n.shape if s not in taken and (isinstance(s, (int, sp.Symbol)))}
        return sorted(found, key=self.size, reverse=True)

    def _way(self, size: Size | None) -> Way | None:
        way = Way(self)
        try:
            if size is not None:
                way.rotate(size)
            way.take_out()
        except (NotLinearError, SymdlError):
            return None
        return way if way.price() else None


class Way:
    """One rewrite, and what it costs."""

    def __init__(self, search: Search) -> None:
        self._search = search
        self._roots = list(search.roots)
        self._rows = sp.Dummy("rows", integer=True, positive=True)
        self._samples: Size = 0
        self._columns: dict[Column, Node] = {}
        self._parts: dict[Node, Node] = {}
        self.once = self.after = 0
        self.why = ""

    def rotate(self, size: Size) -> None:
        self._samples = size
        self._roots = rotated(self._roots, size, self._search.parameters, self._turned, self._rows)
        if not self._columns:
            raise NotLinearError

    def take_out(self) -> None:
        search = self._search
        parameters = [n for n in inputs(t.node for t in self._roots) if str(n.name) in search.start]
        self._roots = taken_out(self._roots, parameters, lambda s: self._size(s), self._named)
        if isinstance(self._samples, sp.Symbol):
            self._roots = [resized(t, {self._samples: search.size(self._samples)}) for t in self._roots]

    def _size(self, size: Size) -> int:
        return int(size.subs({self._rows: self._width(), **self._search.sizes})) if isinstance(size, sp.Expr) else int(size)

    def _width(self) -> int:
        """Numbers a sample has, in all columns: the rows that are left."""
        total = 0
        for node, axis in self._columns:
            wide = 1
            for k, n in enumerate(node.shape if node is not None else ()):
                wide *= 1 if k == axis else self._search.size(n)
            total += wide
        return max(2, total)

    def _turned(self, column: Column) -> Node:
        node, axis = column
        if column not in self._columns:
            shape = (self._rows,) if node is None else tuple(self._rows if k == axis else n for k, n in enumerate(node.shape))
            self._columns[column] = self._input(f"rotated_{len(self._columns)}", shape)
        return self._columns[column]

    def _named(self, node: Node) -> Node:
        if any(n.op == kinds.INPUT and n in self._columns.values() for n in topological([node])):
            return node  # made of rotated data: rather little, and not known before the loop is planned
        if node not in self._parts:
            self._parts[node] = self._input(f"once_{len(self._parts)}", node.shape)
        return self._parts[node]

    def _input(self, name: str, shape: tuple[Size, ...]) -> Node:
        while name in self._search.nodes:
            name += "_"
        return build.input_node(InputInfo(name, sp.Symbol(name), frozenset()), shape)

    # --- the price ----------------------------------------------------------------------------------------------

    def price(self) -> bool:
        """Count operations; False when nothing was rewritten."""
        search = self._search
        if not self._columns and not self._parts:
            return False
        rows = {self._rows: self._width()} if self._columns else {}
        if self._columns and self._width() >= search.size(self._samples):
            return False
        exprs = self._exprs()
        shapes = {str(n.name): tuple(self._size(s) for s in n.shape) for n in inputs(e.node for e in exprs)}
        self.after = operations(Compiled(exprs).program(shapes))
        before = self._preparation()
        if before is not None:
            self.once += operations(before.program({n: np.shape(search.arrays[n]) for n in before.names}, self._loose(before)))
        if self._columns:
            self.once += factor_operations(search.size(self._samples), rows[self._rows])
        self.why = "; ".join(self._said())
        return True

    def _said(self) -> list[str]:
        found = []
        if self._columns:
            names = ", ".join(_called(node) for node, _ in self._columns)
            count = f"{self._search.size(self._samples):,} samples"
            found.append(f"the sums over {count}, with A = [{names}], need A'A only: kept as the R of A = QR, R'R = A'A, in {self._width():,} rows")
        if self._parts:
            what = ", ".join(f"{_called(n)} of shape {show_shape(tuple(map(self._search.size, n.shape))) if n.shape else '()'}" for n in list(self._parts)[:4])
            found.append(f"computed once: {what}" + (f", and {len(self._parts) - 4} more" if len(self._parts) > 4 else ""))
        return found

    def _exprs(self) -> list[Expr]:
        return [Expr(t, e.shape) for t, e in zip(self._roots, self._search.exprs, strict=True)]

    def _needed(self) -> list[Node]:
        """What must be computed before the loop, or before the rotation."""
        columns = [node for node, _ in self._columns if node is not None and node.op != kinds.INPUT]
        return [*self._parts, *columns]

    def _preparation(self) -> Compiled | None:
        needed = self._needed()
        return Compiled([Expr(Term(n, tuple(range(n.rank))), n.shape) for n in needed]) if needed else None

    def _loose(self, prepared: Compiled) -> dict[Any, int]:
        return {s: self._search.sizes[s] for s in prepared.dims.values() if s in self._search.sizes}

    # --- carried out --------------------------------------------------------------------------------------------

    def hoisted(self) -> Hoisted:
        """The expressions, and their data."""
        search = self._search
        exprs = self._exprs()
        arrays = dict(search.arrays)
        prepared = self._preparation()
        values: dict[Node, Any] = {}
        if prepared is not None:
            given = {n: search.arrays[n] for n in prepared.names}
            sizes = {str(s): v for s, v in self._loose(prepared).items() if str(s) not in given}
            values = dict(zip(self._needed(), prepared(given | sizes), strict=True))
        arrays |= {str(place.name): values[node] for node, place in self._parts.items()}
        if self._columns:
            columns = [(None if n is None else search.arrays[str(n.name)] if n.op == kinds.INPUT else values[n], axis) for n, axis in self._columns]
            few = compressed(columns, search.size(self._samples))
            arrays |= {str(place.name): array for place, array in zip(self._columns.values(), few, strict=True)}
        used = {str(n.name) for n in inputs(e.node for e in exprs)}
        return Hoisted(exprs, {name: a for name, a in arrays.items() if name in used})


def _called(node: Node | None) -> str:
    if node is None:
        return "1"
    if node.name:
        return str(node.name)
    return f"({'*'.join(sorted({str(n.name) for n in inputs([node])})) or 'positions'})"
