"""The node table on arrays of any kind of number: complex numbers, many digits, JAX. One operation for every kind of node, in NumPy's words.

Nothing here knows a derivative: the oracles built on it (``complex_step``, ``differences``, ``jax_gradient``) find theirs each in its own way.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np

from symdl.errors import UnsupportedError
from symdl.expr.tensor import Expr
from symdl.graph import node as kinds
from symdl.graph.node import Node, Size
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

    def matrix(self, kind: str, a: Any) -> Any: ...


class Carrier:
    """Carries nodes out over a field.

    Parameters
    ----------
    field : Field
    values : mapping
        Name -> array, for inputs.
    sizes : Walker
        Knows the sizes.
    known : mapping
        Node -> array of the field: what is not computed but given, named results by which is differentiated.
    leaves : mapping
        Name -> array of the field, for inputs that are given as such.
    """

    def __init__(self, field: Field, values: Mapping[str, Any], sizes: Walker, known: Mapping[Node, Any] | None = None,
                 leaves: Mapping[str, Any] | None = None) -> None:  # fmt: skip
        self.field, self.values, self.sizes = field, values, sizes
        self.done: dict[Node, Any] = dict(known or {})
        self.leaves: dict[str, Any] = dict(leaves or {})
        self._recurrences = Known()

    def value(self, expr: Expr) -> Any:
        """The value of an expression; axes: its open letters by name, then its shape."""
        for node in topological([expr.node], stop=self.done.__contains__):
            if node not in self.done:
                self.done[node] = self._make(node, [self.done[a] for a in node.args])
        letters = sorted(expr.open, key=str)
        place = {s: k for k, s in enumerate(letters)}
        entries = [e if type(e) is int and e < 0 else place[e] if e in place else len(letters) + e for e in expr.map]
        shape = [self.sizes.size(expr.open[s]) for s in letters] + [self.sizes.size(s) for s in expr.shape]
        return self.field.xp.broadcast_to(self._look(self.done[expr.node], entries, len(shape)), tuple(shape))

    def _look(self, a: Any, entries: Sequence[int], rank: int) -> Any:
        a = self.field.xp.asarray(a)  # a single object of NumPy's arrays loses its wrapping
        index, labels = _indexer(tuple(a.shape), entries)
        taken = self.field.xp.asarray(a[index]) if index else a
        shape = [1] * rank
        for label, size in zip(labels, taken.shape, strict=True):
            shape[label] = size
        return self.field.xp.reshape(taken, tuple(shape))

    def _number(self, value: Any) -> Any:
        return self.field.number(self.sizes.exact(value))

    def _make(self, node: Node, args: list[Any]) -> Any:
        field = self.field
        if node.op == kinds.INPUT:
            name = node.attr.name
            if name not in self.leaves:
                self.leaves[name] = field.array(np.asarray(self.values[name]))
            return self.leaves[name]
        if node.op == kinds.CONST:
            return self._number(node.attr)
        if node.op == kinds.POSITION:
            return field.array(np.arange(self.sizes.size(node.shape[0]), dtype=float))
        if node.op == kinds.MATRIX:
            return field.matrix(node.attr, args[0])
        if node.op == kinds.RECUR:
            return self._part(node, self._recurrences.positions(node, lambda: self._positions(node, args)))
        alls = tuple(self.sizes.size(s) for s in node.sizes())
        looked = [self._look(a, m, len(alls)) for a, m in zip(args, node.maps, strict=True)]
        over = tuple(range(node.rank, len(alls)))
        if node.op == kinds.MUL:
            return self._product(node, looked, alls, over)
        if node.op == kinds.REDUCE:
            inner = field.xp.broadcast_to(looked[0], alls)
            return field.logsumexp(inner, over) if node.attr.kind == "logsumexp" else field.maximum(inner, over)
        return field.xp.broadcast_to(self._elementwise(node, looked), alls)

    def _product(self, node: Node, looked: list[Any], alls: tuple[int, ...], over: tuple[int, ...]) -> Any:
        out = self.field.xp.reshape(self._number(node.attr.coef), (1,) * len(alls))
        for factor in looked:
            out = out * factor
        for a, b in node.attr.deltas:
            grids = [np.arange(alls[e]).reshape([-1 if k == e else 1 for k in range(len(alls))]) if e >= 0 else np.array(~e) for e in (a, b)]
            out = out * self.field.array((grids[0] == grids[1]).astype(float))
        out = self.field.xp.broadcast_to(out, alls)
        return self.field.xp.asarray(self.field.xp.sum(out, axis=over)) if over else out

    def _elementwise(self, node: Node, looked: list[Any]) -> Any:
        field = self.field
        if node.op == kinds.ADD:
            return sum(self._number(c) * a for c, a in zip(node.attr, looked, strict=True))
        if node.op == kinds.POW:
            return field.power(looked[0], self.sizes.exact(node.attr))
        if node.op == kinds.LET:
            return looked[0]
        if node.op != kinds.FN:
            raise UnsupportedError(f"the oracle has no operation for a node of kind {node.op!r}")
        return by_definition(node.attr, looked, OnField(field))

    def _positions(self, node: Node, args: Sequence[Any]) -> list[list[Any]]:
        def look(value: Any, entries: Sequence[int], shape: Sequence[Size]) -> Any:
            return self.field.xp.broadcast_to(self._look(value, entries, len(shape)), tuple(self.sizes.size(s) for s in shape))

        def body(values: Mapping[str, Any]) -> list[Any]:
            step = Carrier(self.field, {}, self.sizes, leaves=values)
            return [step.value(e) for e in bodies(node)]

        return positions(node, self.sizes.size(node.attr.length), args, look, body)

    def _part(self, node: Node, found: list[list[Any]]) -> Any:
        chosen = part(node, found)
        if not isinstance(chosen, list):
            return chosen
        shape = tuple(self.sizes.size(s) for s in node.attr.shapes[node.attr.state])
        return self.field.xp.stack(chosen) if chosen else self.field.array(np.zeros((0, *shape)))


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
