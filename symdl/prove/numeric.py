"""Expressions on numbers, through the tape: values and gradients that use neither the differentiator nor the backends."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import sympy as sp

from symdl.errors import DataError, DomainError, UnsupportedError
from symdl.expr.dims import show_shape
from symdl.expr.tensor import Expr
from symdl.graph import node as kinds
from symdl.graph.labels import check_fixed
from symdl.graph.node import Node, Size
from symdl.graph.number import to_sympy
from symdl.graph.static import static_values
from symdl.graph.walk import between, topological
from symdl.prove.definitions import defined_on_tape
from symdl.prove.recurrences import Known, on_tape, tape_part
from symdl.prove.tape import FUNCTIONS, Tape, Var

Arrays = Mapping[str, Any]

#: Numbers in what a walk back with several seeds carries at a time.
ROWS = 2_000_000


def bind_sizes(nodes: Iterable[Node], values: Arrays) -> dict[sp.Symbol, int]:
    """The symbolic sizes, from the shapes of the arrays; one that stands on no input may be given under its symbol.

    Raises
    ------
    DataError
        When a value is missing, or shapes do not fit together.
    """
    sizes: dict[sp.Symbol, int] = {key: int(value) for key, value in values.items() if isinstance(key, sp.Symbol)}
    for node in (n for n in nodes if n.op == kinds.INPUT):
        name = node.attr.name
        if name not in values:
            raise DataError(f"there is no value for {name}")
        given = np.shape(values[name])
        if len(given) != node.rank:
            raise DataError(f"{name} has the shape {show_shape(node.shape)}; its value has the shape {given}")
        for size, number in zip(node.shape, given, strict=True):
            if isinstance(size, sp.Symbol):
                if sizes.setdefault(size, number) != number:
                    raise DataError(f"{name}: {size} is {sizes[size]} elsewhere and {number} here")
            elif isinstance(size, int) and size != number:
                raise DataError(f"{name} has the shape {show_shape(node.shape)}; its value has the shape {given}")
    return sizes


class Walker:
    """Puts nodes on a tape."""

    def __init__(self, tape: Tape, values: Arrays, sizes: Mapping[sp.Symbol, int]) -> None:
        self.tape, self.values, self.sizes = tape, values, sizes
        self.done: dict[Node, Var] = {}
        self.leaves: dict[str, Var] = {}
        self._sizes: dict[Any, int] = {}
        self._recurrences = Known()

    def size(self, size: Size) -> int:
        if isinstance(size, int):
            return size
        if size not in self._sizes:
            value = self.number(size)
            if value < 0 or value != int(value):
                raise DataError(f"the size {size} is {value:g} at these values: sizes are whole numbers")
            self._sizes[size] = int(value)
        return self._sizes[size]

    def number(self, value: Any) -> float:
        try:
            return float(self.exact(value))
        except TypeError:  # a complex number, or n/(n - 1) at n = 1
            raise DomainError(f"the coefficient {str(value)[:60]} is no real number at these sizes") from None

    def exact(self, value: Any) -> Any:
        """A coefficient with the sizes put in: int, Fraction, float or a SymPy number."""
        if not isinstance(value, sp.Basic):
            return value
        found = to_sympy(value).xreplace({s: sp.Integer(n) for s, n in self.sizes.items()})
        if found.free_symbols:
            raise DataError(f"the size {', '.join(map(str, found.free_symbols))} is not known from the values given")
        return found

    def expr(self, expr: Expr) -> Var:
        """The value of an expression; axes: its open letters by name, then its shape."""
        base = self.base(expr.node)
        letters = sorted(expr.open, key=str)
        place = {s: k for k, s in enumerate(letters)}
        entries = [e if type(e) is int and e < 0 else place[e] if e in place else len(letters) + e for e in expr.map]
        check_fixed(entries, self.tape.shape(base))
        shape = [self.size(expr.open[s]) for s in letters] + [self.size(s) for s in expr.shape]
        return self.tape.fill(self.tape.look(base, entries, len(shape)), shape)

    def base(self, node: Node) -> Var:
        """The value of a whole node, one that the walk so far has not met included."""
        order = topological([node], stop=self.done.__contains__)
        if any(n.op == kinds.POSITION for n in order):
            self._know_static(topological([node]))
        for below in order:
            if below not in self.done:
                self.done[below] = self.make(below, [self.done[a] for a in below.args])
        return self.done[node]

    def _know_static(self, order: list[Node]) -> None:
        """Windows and masks are whole numbers and exact: a disturbed one would put an index equation out of true."""
        for node, array in static_values(order, self.size, self.number).items():
            if node not in self.done:
                self.done[node] = self.tape.constant(array)

    def make(self, node: Node, args: list[Var]) -> Var:
        """One operation."""
        tape = self.tape
        if node.op == kinds.INPUT:
            name = node.attr.name
            if name not in self.leaves:
                self.leaves[name] = tape.var(self.values[name])
            return self.leaves[name]
        if node.op == kinds.CONST:
            return tape.constant(self.number(node.attr))
        if node.op == kinds.POSITION:
            return tape.constant(np.arange(self.size(node.shape[0]), dtype=float))
        if node.op == kinds.MATRIX:
            return tape.matrix(node.attr, args[0])
        if node.op == kinds.PARTIAL:
            return tape.var(self._partial(node))
        if node.op == kinds.RECUR:
            return tape_part(self, node, self._recurrences.positions(node, lambda: on_tape(self, node, args)))
        alls = [self.size(s) for s in node.sizes()]
        for arg, entries in zip(args, node.maps, strict=True):
            check_fixed(entries, tape.shape(arg))
        if node.op == kinds.MUL:
            return self._product(node, args, alls)
        if node.op == kinds.REDUCE:
            if 0 in alls:
                raise DataError("the maximum over no positions: larger arrays are needed")
            inner = tape.fill(tape.look(args[0], node.maps[0], len(alls)), alls)
            over = tuple(range(node.rank, len(alls)))
            return tape.logsumexp(inner, over) if node.attr.kind == "logsumexp" else tape.maximum(inner, over)
        spread = [tape.look(a, m, node.rank) for a, m in zip(args, node.maps, strict=True)]
        return tape.fill(self._elementwise(node, spread), alls)

    def _elementwise(self, node: Node, args: list[Var]) -> Var:
        if node.op == kinds.ADD:
            return self.tape.add([self.number(c) for c in node.attr], args)
        if node.op == kinds.POW:
            return self.tape.power(args[0], self.number(node.attr))
        if node.op == kinds.LET:
            return args[0]
        if node.op != kinds.FN:
            raise UnsupportedError(f"the tape has no operation for a node of kind {node.op!r}")
        if node.attr in FUNCTIONS:
            return self.tape.apply(node.attr, args)
        return defined_on_tape(node.attr, args, self.tape)

    def _product(self, node: Node, args: list[Var], alls: list[int]) -> Var:
        looked, labels = [], []
        for a, m in zip(args, node.maps, strict=True):
            distinct = sorted({e for e in m if e >= 0})
            place = {e: k for k, e in enumerate(distinct)}
            looked.append(self.tape.look(a, [e if e < 0 else place[e] for e in m], len(distinct)))
            labels.append(distinct)
        for a, b in node.attr.deltas:
            (fixed, free) = (a, b) if a < 0 else (b, a)
            if fixed < 0:
                looked.append(self.tape.constant(np.arange(alls[free]) == ~fixed))
                labels.append([free])
            else:
                looked.append(self.tape.constant(np.eye(alls[a], alls[b])))
                labels.append([a, b])
        return self.tape.contract(self.number(node.attr.coef), looked, labels, alls, node.rank)

    def _partial(self, node: Node) -> Any:
        """d args[0] / d args[1], a single operation: on a tape of its own."""
        outer, inner = node.args
        walker = Walker(Tape(lanes=self.tape.lanes), self.values, self.sizes)
        leaf = walker.tape.var(self.done[inner].value)
        known = {inner: leaf}
        for step in [outer] if inner in outer.args else between(outer, inner):
            known[step] = walker.make(step, [known[a] if a in known else walker.tape.var(self.done[a].value) for a in step.args])
        out = known[outer]
        return _rows(walker.tape, out, [leaf])[0]


def _rows(tape: Tape, out: Var, leaves: Sequence[Var]) -> list[Any]:
    """The Jacobian by each leaf: lanes, then out.shape + leaf.shape; some rows at a time."""
    shape = tape.shape(out)
    count = math.prod(shape)
    block = max(1, ROWS // max(math.prod(v.value.shape) for v in (out, *leaves)))
    found: list[list[Any]] = [[] for _ in leaves]
    for first in range(0, count, block):
        rows = np.arange(first, min(first + block, count))
        seed = np.zeros((len(rows), count))
        seed[np.arange(len(rows)), rows] = 1.0
        tape.backward(out, seed.reshape((len(rows), *(1,) * tape.lead, *shape)))
        for parts, leaf in zip(found, leaves, strict=True):
            parts.append(_filled(tape, leaf, (len(rows),)))
    return [_as_jacobian(tape, np.concatenate(parts) if parts else np.zeros((0, *leaf.value.shape)), shape) for parts, leaf in zip(found, leaves, strict=True)]


def _filled(tape: Tape, leaf: Var, before: tuple[int, ...] = ()) -> Any:
    """A leaf's gradient written out, lanes too; 0 where nothing flowed."""
    grad = np.zeros(()) if leaf.grad is None else leaf.grad
    lanes = () if tape.lanes is None else (len(tape.lanes),)
    return np.array(np.broadcast_to(grad, (*before, *lanes, *tape.shape(leaf))))


def _as_jacobian(tape: Tape, rows: Any, shape: tuple[int, ...]) -> Any:
    """Rows to the axes of what was differentiated, behind the lanes."""
    if tape.lead:
        rows = np.moveaxis(rows, 0, 1)
    return rows.reshape((*rows.shape[: tape.lead], *shape, *rows.shape[tape.lead + 1 :]))


def evaluate(expr: Expr, values: Arrays, tape: Tape | None = None, beside: Sequence[Expr] = ()) -> Any:
    """The value of an expression on arrays; axes: open letters by name, then the shape.

    Sizes are read off the values of the tensors in the expression, and in those ``beside`` it: a gradient that is 0 mentions none itself.

    Raises
    ------
    DataError
        When a value is missing or has the wrong shape.
    """
    sizes = bind_sizes(topological([expr.node, *(e.node for e in beside)]), values)
    with np.errstate(all="ignore"):
        return Walker(tape or Tape(), values, sizes).expr(expr).value


def evaluate_all(exprs: Sequence[Expr], values: Arrays) -> tuple[Any, ...]:
    """The values of several expressions, on one tape; sizes are read off the tensors in all of them."""
    walker = Walker(Tape(), values, bind_sizes(topological([e.node for e in exprs]), values))
    with np.errstate(all="ignore"):
        return tuple(walker.expr(e).value for e in exprs)


def tape_gradient(loss: Expr, wrt: Sequence[Expr], values: Arrays, tape: Tape | None = None) -> tuple[Any, dict[str, Any]]:
    """Value and gradients by numeric backpropagation.

    Parameters
    ----------
    loss : Expr
        For a tensor, each gradient is a Jacobian, of shape loss.shape + wrt.shape.
    wrt : sequence of Expr
        Whole inputs or named results.
    values : mapping
        Name -> array.

    Returns
    -------
    value : array
    gradients : dict
        Name -> array.
    """
    nodes = topological([loss.node, *(e.node for e in wrt)])
    walker = Walker(tape or Tape(), values, bind_sizes(nodes, values))
    with np.errstate(all="ignore"):
        out = walker.expr(loss)
        # What the loss does not mention is put on the tape beside it: nothing flows there, and its gradient is 0.
        leaves = [walker.base(e.node) for e in wrt]
        if not out.value.shape:
            walker.tape.backward(out, 1.0)
            grads = [_filled(walker.tape, v) for v in leaves]
        else:
            grads = _rows(walker.tape, out, leaves)
    return out.value, {str(e.node.name): g for e, g in zip(wrt, grads, strict=True)}
