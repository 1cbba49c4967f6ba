"""Evaluating the node table on values: an own reading of every kind of node, shared by the modular and the interval prover.

Independent of ``diff`` and ``lower``: derivatives are forward mode, and a local partial is read off the single operation it is of.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import sympy as sp

from symdl.expr.tensor import Expr
from symdl.graph import node as kinds
from symdl.graph.node import Node, Size
from symdl.graph.static import static_values
from symdl.graph.walk import between, topological
from symdl.prove.evaluated import assemble, constant, entry, makers, reshape, squeeze, take
from symdl.prove.functions import Functions, exact
from symdl.prove.largest import largest
from symdl.prove.recurrences import Known, exact_part, exact_positions
from symdl.prove.softmax import softmax_of
from symdl.prove.stop import Clock, TooLarge, Unreadable
from symdl.prove.value import MAX_ENTRIES, Value, spread

#: Entries that a local partial works on at a time.
BLOCK = 4_000_000


class Evaluator:
    """Evaluates nodes at concrete sizes.

    Parameters
    ----------
    algebra : Functions
    inputs : mapping
        Name -> Value.
    sizes : mapping
        Dim -> int.
    seeds : mapping
        Node -> the offset of its entries among the directions: derivatives are taken by these nodes.
    directions : int
        How many directions there are; used with ``seeds`` only.
    """

    def __init__(
        self,
        algebra: Functions,
        inputs: Mapping[str, Value],
        sizes: Mapping[Any, int],
        clock: Clock,
        seeds: Mapping[Node, int] | None = None,
        directions: Sequence[int] = (),
    ) -> None:
        self.algebra, self.inputs, self.sizes, self.clock = algebra, inputs, sizes, clock
        self.seeds = seeds or {}
        self.directions = list(directions)
        self.done: dict[Node, Value] = {}
        self._sizes: dict[Any, int] = {}
        self._recurrences = Known()

    def size(self, value: Size) -> int:
        if isinstance(value, int):
            return value
        if value not in self._sizes:
            self._sizes[value] = int(value.xreplace({s: sp.Integer(n) for s, n in self.sizes.items()}))
        return self._sizes[value]

    def expr(self, expr: Expr, letters: Sequence[Any]) -> Value:
        """The value of an expression; axes: the letters in this order, then those of its shape."""
        order = topological([expr.node], stop=self.done.__contains__)
        if order:
            # Of the whole expression: a node is static when all under it is, that which is done included.
            self._know_static(topological([expr.node]))
        for node in order:
            if node not in self.done:
                self.clock.look()
                self.done[node] = self._seeded(node, self._make(node))
        return self.view(self.done[expr.node], expr, letters)

    def explore(self, exprs: Sequence[Expr]) -> None:
        """Evaluate only what a discovery learns from: what makes generators, and all that lies under it, in the order of ``expr``."""
        needed = makers(topological([e.node for e in exprs]))
        seen: set[Node] = set()
        self._know_static(topological([e.node for e in exprs]))
        for expr in exprs:
            for node in topological([expr.node], stop=seen.__contains__):
                if node not in seen:
                    seen.add(node)
                    self.clock.look()
                    if node in needed and node not in self.done:
                        self.done[node] = self._make(node)

    def _know_static(self, order: list[Node]) -> None:
        """Windows and masks are whole numbers: nothing is asked of the field for them."""
        for node, array in static_values(order, self.size, lambda c: q if (q := exact(c, self.sizes)) is not None else float("nan")).items():
            self.done.setdefault(node, Value(self.algebra.ring.integers(np.array(array))))

    def view(self, value: Value, expr: Expr, letters: Sequence[Any]) -> Value:
        """A node's value as an expression looks at it."""
        place = {letter: k for k, letter in enumerate(letters)}
        entries = [e if type(e) is int and e < 0 else place[e] if e in place else len(letters) + e for e in expr.map]
        return spread(value, entries, len(letters) + expr.ndim)

    def _seeded(self, node: Node, value: Value) -> Value:
        offset = self.seeds.get(node)
        return value if offset is None else self.unit_directions(value, offset, self.directions)

    def unit_directions(self, value: Value, offset: int, directions: Sequence[int]) -> Value:
        """The value with derivative 1 by its own entry in each direction that is its, else 0."""
        count = int(np.prod(value.shape))
        dot = self.algebra.ring.zeros((count, len(directions)))
        for r, at in enumerate(directions):
            if 0 <= at - offset < count:
                dot[at - offset, r] = self.algebra.ring.number(1)
        dot = dot.reshape((*value.shape, *dot.shape[1:]))
        return Value(value.val, dot, value.bound, value.slope, value.positive)

    def _make(self, node: Node) -> Value:
        if node.op == kinds.INPUT:
            return self.inputs[node.attr.name]
        if node.op == kinds.PARTIAL:
            return self._partial(node)
        if node.op == kinds.RECUR:
            found = self._recurrences.positions(node, lambda: exact_positions(self, node, [self.done[a] for a in node.args]))
            return exact_part(self, node, found)
        return self._operation(node, [self.done[a] for a in node.args])

    def _operation(self, node: Node, args: list[Value]) -> Value:
        """One operation, axes in the node's order."""
        made = getattr(self, f"_op_{node.op}", None)
        if made is None:
            raise Unreadable(f"a node of kind {node.op}")
        return self._full(made(node, args), [self.size(s) for s in node.shape])

    def _full(self, value: Value, shape: list[int]) -> Value:
        """Broadcast axes written out, so that sums over them count."""
        if list(value.shape) == shape:
            return value
        val = np.broadcast_to(value.val, (*shape, value.val.shape[-1]))
        dot = value.dot
        if dot is not None:
            dot = np.broadcast_to(dot, (*shape, *dot.shape[-2:]))
        return Value(val, dot, value.bound, value.slope, value.positive)

    def _spread(self, node: Node, args: list[Value], rank: int) -> list[Value]:
        return [spread(a, m, rank) for a, m in zip(args, node.maps, strict=True)]

    # --- one method for every kind of node ----------------------------------------------------------------------

    def _op_const(self, node: Node, args: list[Value]) -> Value:
        return self.algebra.constant(node.attr, self.sizes)

    def _op_add(self, node: Node, args: list[Value]) -> Value:
        coefs = [c if type(c) is int else self.algebra.constant(c, self.sizes) for c in node.attr]
        if any(type(c) is int and abs(c) > 2**30 for c in coefs):
            coefs = [self.algebra.constant(c, self.sizes) if type(c) is int else c for c in coefs]
        return self.algebra.add(coefs, self._spread(node, args, node.rank))

    def _op_pow(self, node: Node, args: list[Value]) -> Value:
        return self.algebra.constant_power(self._spread(node, args, node.rank)[0], node.attr, self.sizes)

    def _op_fn(self, node: Node, args: list[Value]) -> Value:
        spreads = self._spread(node, args, node.rank)
        if len(spreads) > 1:
            spreads = [self._full(a, [self.size(s) for s in node.shape]) for a in spreads]
        return self.algebra.apply(node.attr, spreads)

    def _op_recur(self, node: Node, args: list[Value]) -> Value:
        return exact_part(self, node, exact_positions(self, node, args))

    def _op_let(self, node: Node, args: list[Value]) -> Value:
        return self._spread(node, args, node.rank)[0]

    def _op_mul(self, node: Node, args: list[Value]) -> Value:
        """Factor by factor; an index is summed as soon as no later factor has it."""
        alls = [self.size(s) for s in node.sizes()]
        rank, total = node.rank, len(alls)
        pieces = [self._delta(pair, alls) for pair in node.attr.deltas] + self._spread(node, args, total)
        uses = [set(pair) for pair in node.attr.deltas] + [set(m) for m in node.maps]
        out = self.algebra.constant(node.attr.coef, self.sizes)
        out = Value(out.val.reshape((1,) * total + out.val.shape), None, out.bound, out.slope, out.positive)
        waiting = set(range(rank, total))
        for k, piece in enumerate(pieces):
            out = self.algebra.times(out, piece)
            ready = tuple(sorted(waiting - set().union(*uses[k + 1 :])))
            waiting -= set(ready)
            out = self._sum(out, ready, alls)
        out = self._sum(out, tuple(sorted(waiting)), alls)
        return squeeze(out, rank)

    def _sum(self, value: Value, axes: tuple[int, ...], alls: list[int]) -> Value:
        """Sum over axes, which stay with size 1."""
        if not axes:
            return value
        shape = [alls[k] if k in axes else n for k, n in enumerate(value.shape)]
        summed = self.algebra.total(self._full(value, shape), axes)
        kept = [1 if k in axes else n for k, n in enumerate(shape)]
        return reshape(summed, kept)

    def _delta(self, pair: tuple[int, int], alls: list[int]) -> Value:
        """Kronecker's delta as an array of 0 and 1."""
        a, b = pair
        grids = [np.arange(alls[e]).reshape([-1 if k == e else 1 for k in range(len(alls))]) if e >= 0 else np.array(~e) for e in (a, b)]
        mask = (grids[0] == grids[1]).astype(np.int64)
        mask = mask.reshape((1,) * (len(alls) - mask.ndim) + mask.shape)
        return Value(self.algebra.ring.integers(mask))

    def _op_reduce(self, node: Node, args: list[Value]) -> Value:
        alls = [self.size(s) for s in node.sizes()]
        inner = self._full(self._spread(node, args, len(alls))[0], alls)
        axes = tuple(range(node.rank, len(alls)))
        if node.attr.kind == "logsumexp":
            return self.algebra.log(self.algebra.total(self.algebra.exp(inner), axes))
        return self._maximum(inner, node.rank)

    def _maximum(self, inner: Value, rank: int) -> Value:
        flat = reshape(inner, [*inner.shape[:rank], -1])
        top, gaps = largest([take(flat, rank, k) for k in range(flat.shape[rank])], self.algebra)
        for gap in gaps:
            self.algebra.ring.assume_positive(gap)
        return top

    def _op_matrix(self, node: Node, args: list[Value]) -> Value:
        inverse, determinant = self._eliminate(args[0])
        if node.attr == "inv":
            return inverse
        return determinant if node.attr == "det" else self.algebra.log(determinant)

    def _eliminate(self, a: Value) -> tuple[Value, Value]:
        """Inverse and determinant by Gauss and Jordan, on values with derivatives."""
        alg = self.algebra
        n = a.shape[0]
        if n > 12:
            raise TooLarge(f"a symbolic inverse or determinant of a {n} x {n} matrix")
        one, zero = alg.number(1), alg.number(0)
        rows = [[entry(a, i, j) for j in range(n)] + [one if i == j else zero for j in range(n)] for i in range(n)]
        determinant = one
        for k in range(n):
            pivot = next((i for i in range(k, n) if self.algebra.ring.usable(rows[i][k].val)), k)
            if pivot != k:
                rows[k], rows[pivot] = rows[pivot], rows[k]
                determinant = alg.times(alg.number(-1), determinant)
            determinant = alg.times(determinant, rows[k][k])
            scale = alg.inverse(rows[k][k])
            rows[k] = [alg.times(scale, x) for x in rows[k]]
            for i in range(n):
                if i != k:
                    factor = rows[i][k]
                    rows[i] = [alg.add([1, -1], [x, alg.times(factor, y)]) for x, y in zip(rows[i], rows[k], strict=True)]
        return assemble([row[n:] for row in rows], self.algebra.ring), determinant

    def _varied(self, outer: Node, inner: Node, varied: Value) -> Value:
        """outer with inner's value replaced: the single operation, or all between where inner is no argument of it (a softmax)."""
        if inner in outer.args:
            return self._operation(outer, [varied if a is inner else constant(self.done[a]) for a in outer.args])
        parts = softmax_of(outer, inner)
        if parts is not None:
            return self._softmax(outer, spread(varied, parts.entries, outer.rank), parts.over)
        known = {inner: varied}
        for node in between(outer, inner):
            known[node] = self._operation(node, [known[a] if a in known else constant(self.done[a]) for a in node.args])
        return known[outer]

    def _softmax(self, outer: Node, z: Value, over: tuple[int, ...]) -> Value:
        exps = self.algebra.exp(z)
        total = self._sum(exps, over, [self.size(s) for s in outer.shape])
        return self._full(self.algebra.times(exps, self.algebra.inverse(total)), [self.size(s) for s in outer.shape])

    def _partial(self, node: Node) -> Value:
        """d args[0] / d args[1]: the single operation, its argument's entries varied one by one."""
        outer, inner = node.args
        leaf = self.done[inner]
        count = int(np.prod(leaf.shape))
        if count * int(np.prod([self.size(s) for s in node.shape])) > MAX_ENTRIES:
            raise TooLarge("a local partial would not fit")
        fixed = constant(leaf)
        blocks = []
        step = max(1, BLOCK // (int(np.prod([self.size(s) for s in (outer.shape if outer.op == kinds.RECUR else outer.sizes())])) * leaf.val.shape[-1]))
        for first in range(0, count, step):
            self.clock.look()
            directions = range(first, min(first + step, count))
            varied = self.unit_directions(fixed, 0, directions)
            slope = self._varied(outer, inner, varied)
            dot = slope.dot if slope.dot is not None else self.algebra.ring.zeros((*slope.shape, len(directions)))
            blocks.append(np.broadcast_to(dot, (*slope.shape, len(directions), dot.shape[-1])))
        whole = np.concatenate(blocks, axis=-2)
        shape = tuple(self.size(s) for s in node.shape)
        return Value(whole.reshape((*shape, whole.shape[-1])), None, slope.slope)
