"""The node table on arrays of any kind of number: complex numbers, many digits, JAX. One operation for every kind of node, in NumPy's words.

Nothing here knows a derivative: the oracles built on it (``complex_step``, ``differences``, ``jax_gradient``) find theirs each in its own way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from symdl.errors import DataError, UnsupportedError
from symdl.expr.tensor import Expr
from symdl.graph import node as kinds
from symdl.graph.labels import check_fixed
from symdl.graph.node import Node, Size
from symdl.graph.static import static_values
from symdl.graph.unroll import part, positions
from symdl.graph.walk import topological
from symdl.prove.definitions import by_definition
from symdl.prove.numeric import Walker
from symdl.prove.recurrences import Known, bodies
from symdl.prove.tape import _indexer


class Field(Protocol):
    """A kind of number: arrays of it, and what is done with them entry by entry."""

    @property
    def xp(self) -> Any:
        """numpy, or a module with its names."""

    @property
    def functions(self) -> Mapping[str, Callable[..., Any]]:
        """What is computed without a look at its definition."""

    def number(self, value: Any) -> Any:
        """An exact number (int, Fraction, SymPy number, float) as an array without axes."""

    def array(self, value: Any) -> Any:
        """An array of floats or whole numbers in this kind."""

    def plain(self, value: Any) -> Any:
        """Its (real parts') values in floats, for comparisons."""

    def power(self, a: Any, exponent: Any) -> Any: ...

    def chosen(self, mask: Any, a: Any, b: Any) -> Any: ...

    def logsumexp(self, a: Any, axes: tuple[int, ...]) -> Any: ...

    def maximum(self, a: Any, axes: tuple[int, ...]) -> Any: ...

    def matrix(self, kind: str, a: Any) -> Any:
        """Of square matrices on the last two axes."""

    def scaled(self, coefficient: Any, a: Any) -> Any:
        """An exact number times an array."""

    def times_total(self, a: Any, b: Any, axes: tuple[int, ...]) -> Any:
        """Products summed over axes, which stay with size 1."""


class ByEntry:
    """What a field of NumPy's arrays does as it stands."""

    xp: Any

    def number(self, value: Any) -> Any:
        raise NotImplementedError

    def scaled(self, coefficient: Any, a: Any) -> Any:
        return self.number(coefficient) * a

    def times_total(self, a: Any, b: Any, axes: tuple[int, ...]) -> Any:
        product = a * b
        return self.xp.sum(product, axis=axes, keepdims=True) if axes else product


class Carrier:
    """Carries nodes out over a field. The first axis of every array counts lanes, independent computations; of size 1 where all are the same.

    Parameters
    ----------
    field : Field
    values : mapping
        Name -> array, for inputs that are the same in all lanes.
    sizes : Walker
        Knows the sizes.
    known : mapping
        Node -> array of the field with lanes: what is not computed but given, named results by which is differentiated.
    leaves : mapping
        Name -> array of the field with lanes, for inputs that are given as such.
    """

    def __init__(self, field: Field, values: Mapping[str, Any], sizes: Walker, known: Mapping[Node, Any] | None = None,
                 leaves: Mapping[str, Any] | None = None, look: Callable[[], None] = lambda: None) -> None:  # fmt: skip
        self.field, self.values, self.sizes = field, values, sizes
        self.done: dict[Node, Any] = dict(known or {})
        self.leaves: dict[str, Any] = dict(leaves or {})
        self._recurrences = Known()
        #: Called before every operation: a clock's.
        self.look = look

    def value(self, expr: Expr) -> Any:
        """The value of an expression; axes: lanes, its open letters by name, then its shape."""
        order = topological([expr.node], stop=self.done.__contains__)
        if any(n.op == kinds.POSITION for n in order):
            for node, array in static_values(topological([expr.node]), self.sizes.size, self.sizes.number).items():
                self.done.setdefault(node, self._same(self.field.array(np.array(array))))
        for node in order:
            if node not in self.done:
                self.look()
                self.done[node] = self._make(node, [self.done[a] for a in node.args])
        letters = sorted(expr.open, key=str)
        place = {s: k for k, s in enumerate(letters)}
        entries = [e if type(e) is int and e < 0 else place[e] if e in place else len(letters) + e for e in expr.map]
        shape = [self.sizes.size(expr.open[s]) for s in letters] + [self.sizes.size(s) for s in expr.shape]
        return self._full(self._look(self.done[expr.node], entries, len(shape)), shape)

    def _same(self, a: Any) -> Any:
        """An array that is the same in all lanes."""
        return self.field.xp.reshape(a, (1, *a.shape))

    def _full(self, a: Any, shape: Sequence[int]) -> Any:
        return self.field.xp.broadcast_to(a, (a.shape[0], *shape))

    def _look(self, a: Any, entries: Sequence[int], rank: int) -> Any:
        xp = self.field.xp
        if len(set(entries)) == len(entries) and all(e >= 0 for e in entries):
            order = sorted(range(len(entries)), key=entries.__getitem__)
            labels, taken = sorted(entries), xp.transpose(a, (0, *(1 + k for k in order)))
        else:
            check_fixed(entries, a.shape[1:])
            index, labels = _indexer(tuple(a.shape[1:]), entries)
            taken = xp.asarray(a[(slice(None), *index)])
        shape = [1] * rank
        for label, size in zip(labels, taken.shape[1:], strict=True):
            shape[label] = size
        return xp.reshape(taken, (taken.shape[0], *shape))

    def _make(self, node: Node, args: list[Any]) -> Any:
        field = self.field
        if node.op == kinds.INPUT:
            name = node.attr.name
            if name not in self.leaves:
                self.leaves[name] = self._same(field.array(np.asarray(self.values[name])))
            return self.leaves[name]
        if node.op == kinds.CONST:
            return self._same(field.number(self.sizes.exact(node.attr)))
        if node.op == kinds.POSITION:
            return self._same(field.array(np.arange(self.sizes.size(node.shape[0]))))
        if node.op == kinds.MATRIX:
            return field.matrix(node.attr, args[0])
        if node.op == kinds.RECUR:
            return self._part(node, self._recurrences.positions(node, lambda: self._positions(node, args)))
        alls = tuple(self.sizes.size(s) for s in node.sizes())
        looked = [self._look(a, m, len(alls)) for a, m in zip(args, node.maps, strict=True)]
        if node.op == kinds.MUL:  # over no positions: 0
            return self._same(field.array(np.zeros(alls[: node.rank]))) if 0 in alls else self._product(node, looked, alls)
        if node.op == kinds.REDUCE:
            if 0 in alls:
                raise DataError("the maximum over no positions: larger arrays are needed")
            over = tuple(range(1 + node.rank, 1 + len(alls)))
            inner = self._full(looked[0], alls)
            return field.logsumexp(inner, over) if node.attr.kind == "logsumexp" else field.maximum(inner, over)
        return self._full(self._elementwise(node, looked), alls)

    def _product(self, node: Node, looked: list[Any], alls: tuple[int, ...]) -> Any:
        """Factor by factor; an index is summed as soon as no later factor has it."""
        deltas = []
        for a, b in node.attr.deltas:
            grids = [np.arange(alls[e]).reshape([-1 if k == e else 1 for k in range(len(alls))]) if e >= 0 else np.array(~e) for e in (a, b)]
            mask = grids[0] == grids[1]
            deltas.append(self._same(self.field.array(mask.reshape((1,) * (len(alls) - mask.ndim) + mask.shape))))
        # Numbers that are the same in all lanes first: what can be summed among them is summed once.
        factors = sorted([*deltas, *looked], key=lambda f: f.shape[0])
        uses = [{k for k, n in enumerate(f.shape[1:]) if n > 1} for f in factors]
        waiting = {k for k in range(node.rank, len(alls)) if alls[k] != 1}
        out = self._same(self.field.xp.reshape(self.field.number(1), (1,) * len(alls)))
        for k, factor in enumerate(factors):
            ready = {e for e in waiting if e in uses[k] or out.shape[1 + e] > 1} - set().union(*uses[k + 1 :])
            waiting -= ready
            axes = tuple(sorted(1 + e for e in ready))
            out = factor if not k and not axes else self.field.times_total(out, factor, axes)
        alone = 1
        for e in waiting:  # an index that stands on no factor counts its size
            alone *= alls[e]
        coefficient = self.sizes.exact(node.attr.coef)
        out = self.field.scaled(coefficient * alone, out)
        keep = tuple(alls[: node.rank])
        return self._full(self.field.xp.reshape(out, (out.shape[0], *out.shape[1 : 1 + node.rank])), keep)

    def _elementwise(self, node: Node, looked: list[Any]) -> Any:
        field = self.field
        if node.op == kinds.ADD:
            return sum(field.scaled(self.sizes.exact(c), a) for c, a in zip(node.attr, looked, strict=True))
        if node.op == kinds.POW:
            return field.power(looked[0], self.sizes.exact(node.attr))
        if node.op == kinds.LET:
            return looked[0]
        if node.op != kinds.FN:
            raise UnsupportedError(f"the oracle has no operation for a node of kind {node.op!r}")
        return by_definition(node.attr, looked, OnField(field))

    def _positions(self, node: Node, args: Sequence[Any]) -> list[list[Any]]:
        def look(value: Any, entries: Sequence[int], shape: Sequence[Size]) -> Any:
            return self._full(self._look(value, entries, len(shape)), [self.sizes.size(s) for s in shape])

        def body(values: Mapping[str, Any]) -> list[Any]:
            step = Carrier(self.field, {}, self.sizes, leaves=values, look=self.look)
            return [step.value(e) for e in bodies(node)]

        return positions(node, self.sizes.size(node.attr.length), args, look, body)

    def _part(self, node: Node, found: list[list[Any]]) -> Any:
        chosen = part(node, found)
        if not isinstance(chosen, list):
            return chosen
        shape = tuple(self.sizes.size(s) for s in node.attr.shapes[node.attr.state])
        if not chosen:
            return self._same(self.field.array(np.zeros((0, *shape))))
        xp = self.field.xp
        full = (max(a.shape[0] for a in chosen), *shape)
        return xp.stack([xp.broadcast_to(a, full) for a in chosen], axis=1)


class OnField:
    """The operations of a field, for definitions."""

    def __init__(self, field: Field) -> None:
        self._field = field

    def number(self, value: Any) -> Any:
        return self._field.number(value)

    def plain(self, value: Any) -> Any:
        return self._field.plain(value)

    def add(self, values: Sequence[Any]) -> Any:
        return sum(values)

    def multiply(self, a: Any, b: Any) -> Any:
        return a * b

    def power(self, a: Any, exponent: Any) -> Any:
        return self._field.power(a, exponent)

    def known(self, name: str) -> bool:
        return name in self._field.functions

    def call(self, name: str, args: Sequence[Any]) -> Any:
        return self._field.functions[name](*args)

    def chosen(self, mask: Any, a: Any, b: Any) -> Any:
        return self._field.chosen(mask, a, b)
