"""The node: what a model is made of.

A node is an operation on other nodes *in index notation*. Its free indices are numbered 0..rank-1 and have the
sizes in ``shape``; indices that are summed over are numbered from rank up. Every argument comes with a map that says
which index stands on each of its axes, so that ``Sum(W[j,i]*x[k,i], i)`` is

    Node(op=MUL, args=(W, x), maps=((1, 2), (0, 2)), shape=(N, h), attr=(coefficient 1, sizes (p,), no deltas))

A transpose, a diagonal and a broadcast are maps and need no node. A negative entry ``~c`` in a map is the fixed position c.

Nodes are hash-consed: the same operation on the same nodes *is* the same object, so equality is ``is`` and common
subexpressions are shared from birth.
"""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Iterator
from typing import Any, NamedTuple, Union

import sympy as sp

from symdl.graph.row import NO_ROW, ROWS

Size = Union[int, sp.Expr]

# What an operation's ``attr`` holds:
INPUT = "input"  # (name, sympy atom, facts)
CONST = "const"  # a Number
POSITION = "position"  # None: the vector 0, 1, ..., size - 1 of an axis; what windows, gathers and masks are made of
ADD = "add"  # a tuple of coefficients, one an argument
MUL = "mul"  # Product: coefficient, sizes of the summed indices, Kronecker deltas
POW = "pow"  # a Number, the exponent
FN = "fn"  # the name of an elementwise function, symdl.functions.TABLE
REDUCE = "reduce"  # Reduction: kind ("logsumexp", "max"), sizes of the reduced indices
MATRIX = "matrix"  # the name of a matrix function of a square argument: "inv", "det", "logdet"
LET = "let"  # Definition: a name given to an intermediate result, and its role
RECUR = "recur"  # Recurrence: states that step by step follow from their predecessors
PARTIAL = "partial"  # None: the local partial d args[0] / d args[1], not carried out (stands in derivations only)


class Product(NamedTuple):
    """What MUL holds: coef * Sum over the summed indices of the product of the arguments and the deltas."""

    coef: Any
    summed: tuple[Size, ...]
    deltas: tuple[tuple[int, int], ...]


class Reduction(NamedTuple):
    """What REDUCE holds."""

    kind: str
    summed: tuple[Size, ...]


class Definition(NamedTuple):
    """What LET holds. ``role`` is "let" for the user's names and "adjoint" for derivatives that symdl named."""

    name: str
    role: str = "let"


class Recurrence(NamedTuple):
    """What RECUR holds: states s_0, s_1, ... that go through ``length`` steps together, and which part of which the node is.

    Going up, state[l+1] = body(state[l], arguments at l) for l = 0, ..., length - 1; going down, state[l] = body(state[l+1], arguments at l) for
    l = length - 1, ..., 0. The node's arguments are the initial states, then what the steps use. The bodies are closed graphs: they mention
    nothing but their inputs "#0", "#1", ..., which stand for the states before the step and for the arguments of a single step.

    ``batch``: so many leading axes are the same ones in all states, and a step takes every position of them for itself.
    ``part``: "all" (length + 1 positions), "before" or "after" (the state before or after every step, by step), "final".
    ``summed``: the sizes of the indices beyond the free ones: the step, the axes of the initial states, the arguments' own axes.
    """

    names: tuple[str, ...]
    length: Size
    down: bool
    batch: int
    shapes: tuple[tuple[Size, ...], ...]
    bodies: tuple[tuple[Node, tuple[int, ...]], ...]
    summed: tuple[Size, ...]
    state: int
    part: str


class InputInfo(NamedTuple):
    """What INPUT holds: the name, the SymPy Symbol or IndexedBase it is printed as, and declared facts."""

    name: str
    atom: sp.Basic
    facts: frozenset[str]


class Node:
    """One operation. Made by :func:`intern` only; compared by identity."""

    __slots__ = ("__weakref__", "args", "attr", "maps", "op", "row", "serial", "shape")

    op: str
    args: tuple[Node, ...]
    maps: tuple[tuple[int, ...], ...]
    shape: tuple[Size, ...]
    attr: Any
    serial: int
    row: bytes  # of a scalar: what it is in whole numbers, for whoever reads very many nodes (``symdl.graph.row``)

    @property
    def rank(self) -> int:
        return len(self.shape)

    @property
    def name(self) -> str | None:
        """The name of an input, of a named definition or of a whole recurrence; None for all else."""
        op = self.op
        if op in (INPUT, LET):
            return self.attr.name
        return self.attr.names[self.attr.state] if op == RECUR and self.attr.part == "all" else None

    def sizes(self) -> tuple[Size, ...]:
        """Sizes of all indices of the node: the free ones, then the summed ones."""
        return self.shape + (self.attr.summed if self.op in (MUL, REDUCE, RECUR) else ())

    def terms(self) -> Iterator[tuple[Node, tuple[int, ...]]]:
        """The arguments with their maps."""
        return zip(self.args, self.maps, strict=True)

    def __repr__(self) -> str:
        inside = ", ".join(f"#{a.serial}{list(m)}" for a, m in self.terms())
        return f"#{self.serial} {self.op}({inside}) {self.attr!r} shape {self.shape}"


class _Reference(weakref.ref):  # type: ignore[type-arg]
    """A weak reference that knows where it stands in the table."""

    __slots__ = ("key",)

    key: tuple[Any, ...]


_table: dict[tuple, _Reference] = {}
_serials = itertools.count()
_new = Node.__new__

#: The maps of scalars, by the number of arguments: nearly all nodes of a large graph share these.
PLAIN_MAPS = tuple(((),) * k for k in range(65))


def _forget(reference: _Reference) -> None:
    """Nobody holds the node any more: its place in the table is given up, unless a new node has it."""
    if _table.get(reference.key) is reference:
        del _table[reference.key]


def intern(
    op: str,
    args: tuple[Node, ...] = (),
    maps: tuple[tuple[int, ...], ...] = (),
    shape: tuple[Size, ...] = (),
    attr: Any = None,
) -> Node:
    """The one node with these contents. Knows no algebra: see :mod:`symdl.graph.build`."""
    key = (op, args, maps, shape, attr)
    reference = _table.get(key)
    if reference is not None:
        found: Node | None = reference()
        if found is not None:
            return found
    node = _new(Node)
    node.op, node.args, node.maps, node.shape, node.attr = key
    node.serial = serial = next(_serials)
    packed = None if shape else ROWS.get(op)
    node.row = NO_ROW if packed is None else packed(serial, args, attr)
    reference = _Reference(node, _forget)
    reference.key = key
    _table[key] = reference
    return node


def plain_maps(count: int) -> tuple[tuple[int, ...], ...]:
    """The maps of ``count`` scalar arguments."""
    return PLAIN_MAPS[count] if count < len(PLAIN_MAPS) else ((),) * count
