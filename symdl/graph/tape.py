"""A calculation with scalars as a flat table: operation codes and operand numbers, no objects.

A network written out in scalars has a hundred thousand nodes, and its gradient has several times as many. As rows of whole numbers they cost some thirty
bytes each, and whoever works on all of them works on arrays. Value number k is row k; operands are numbers of earlier rows.

============ ===========================================================================================
INPUT        attr: which of ``inputs``
CONST        attr: which of ``numbers``
LINEAR       sum of weight x operand, plus an offset; attr: the offset, weights: one an operand (of ``numbers``)
PRODUCT      number x product of the operands; attr: the number
POWER        attr: the exponent
CALL         attr: which of ``functions``, names of the function table
NAMED        the operand itself: a named result
============ ===========================================================================================
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import chain
from operator import attrgetter, itemgetter
from typing import Any

import numpy as np

from symdl.graph import node as kinds
from symdl.graph.node import Node

INPUT, CONST, LINEAR, PRODUCT, POWER, CALL, NAMED = range(7)

#: The row that a node is, by its operation.
CODES = {
    kinds.INPUT: INPUT,
    kinds.CONST: CONST,
    kinds.ADD: LINEAR,
    kinds.MUL: PRODUCT,
    kinds.POW: POWER,
    kinds.FN: CALL,
    kinds.LET: NAMED,
}

_serial = attrgetter("serial")
_contents = attrgetter("contents")


class Numbers(dict[Any, int]):
    """Things that are numbered as they come: exact coefficients, names of functions."""

    def of(self, value: Any) -> int:
        return self.setdefault(value, len(self))

    def _quickly(self, values: Iterable[Any]) -> list[int]:
        """The numbers of values. Fractions are slow to hash and to compare, pairs of whole numbers are not."""
        seen: dict[Any, int] = {}
        found = []
        for value in values:
            key = (value.numerator, value.denominator) if type(value) is Fraction else (type(value), value)
            place = seen.get(key)
            found.append(self.of(value) if place is None else place)
            if place is None:
                seen[key] = found[-1]
        return found

    def listed(self) -> list[Any]:
        """The things, by number."""
        return list(self)

    def all_of(self, values: Sequence[Any]) -> np.ndarray:
        """The numbers of many."""
        # Most that are equal are one object.
        objects = np.fromiter(map(id, values), np.int64, len(values))
        if not len(values) or (objects == objects[0]).all():
            return np.full(len(values), self.of(values[0]) if values else 0, np.int32)
        _, first, which = np.unique(objects, return_index=True, return_inverse=True)
        return np.array(self._quickly([values[k] for k in first.tolist()]), np.int32)[which]


@dataclass
class Rows:
    """Rows of the table: arrays over rows, and over all operands of all rows.

    Attributes
    ----------
    code, attr : array
        One entry a row.
    start : array
        Operands of row k are ``args[start[k]:start[k + 1]]``.
    args, weights : array
        One entry an operand.
    """

    code: np.ndarray
    attr: np.ndarray
    start: np.ndarray
    args: np.ndarray
    weights: np.ndarray

    def __len__(self) -> int:
        return len(self.code)

    def counts(self) -> np.ndarray:
        """Operands of each row."""
        return self.start[1:] - self.start[:-1]

    def part(self, count: int) -> Rows:
        """The first rows."""
        end = int(self.start[count])
        return Rows(self.code[:count], self.attr[:count], self.start[: count + 1], self.args[:end], self.weights[:end])

    @classmethod
    def empty(cls, counts: np.ndarray, weight: int) -> Rows:
        """Rows to be filled in, of so many operands each; ``weight``: the number of the number 1."""
        start = np.zeros(len(counts) + 1, np.int32)
        counts.cumsum(out=start[1:])
        total = int(start[-1])
        return cls(np.zeros(len(counts), np.uint8), np.zeros(len(counts), np.int32), start, np.zeros(total, np.int32), np.full(total, weight, np.int32))

    @classmethod
    def alike(cls, code: int, attr: int | np.ndarray, args: np.ndarray, weights: int | np.ndarray) -> Rows:
        """Rows of one kind: for each row of ``args`` one, with the same weights."""
        count, width = args.shape
        made = cls(np.empty(count, np.uint8), np.empty(count, np.int32), np.arange(count + 1, dtype=np.int32), args.ravel(), np.empty(args.shape, np.int32))
        made.start *= width
        made.code[:], made.attr[:], made.weights[:] = code, attr, weights
        made.weights = made.weights.ravel()
        return made

    @classmethod
    def joined(cls, parts: Sequence[Rows]) -> Rows:
        """One after the other; operand numbers stay as they are."""
        code, attr, args, weights = (np.concatenate([getattr(p, name) for p in parts]) for name in ("code", "attr", "args", "weights"))
        ends = np.cumsum([len(p.args) for p in parts])
        start = [parts[0].start, *(p.start[1:] + end for p, end in zip(parts[1:], ends[:-1].astype(np.int32), strict=True))]
        return cls(code, attr, np.concatenate(start), args, weights)


@dataclass
class Tape:
    """A calculation: its rows, and what they speak of.

    Attributes
    ----------
    rows : Rows
    inputs : list of Node
    numbers, functions : Numbers
    serials : array
        Of the nodes that the first rows are, increasing: a node is found by its serial number.
    names : list of str
        Of the inputs, and those that the user gave to results.
    """

    rows: Rows
    inputs: list[Node]
    numbers: Numbers
    functions: Numbers
    serials: np.ndarray
    names: list[str]

    def places(self, nodes: Iterable[Node]) -> np.ndarray:
        """The row numbers of nodes; -1 for those that are not among them."""
        wanted = np.fromiter(map(_serial, nodes), np.int64)
        if not len(wanted):
            return wanted
        inside = np.clip(wanted, self.serials[0], self.serials[-1])
        found = _places(self.serials, inside)
        return np.where(self.serials[found] == wanted, found, -1)


def taped(root: Node, nodes: list[Node] | None = None) -> Tape | None:
    """The graph under a node as a table; None when there is more in it than scalars made of scalars. ``nodes``: what ``under`` gave."""
    nodes = under(root) if nodes is None else nodes
    serials = np.fromiter(map(_serial, nodes), np.int64, len(nodes))
    by_age = np.argsort(serials)  # arguments are older than what uses them
    if len(nodes) > 1:
        nodes = itemgetter(*by_age.tolist())(nodes)
    # All that a node holds is taken in one look: with so many nodes, the time goes into fetching them from memory.
    held = list(chain.from_iterable(map(_contents, nodes)))
    ops, operands, shapes, attrs = held[0::5], held[1::5], held[3::5], held[4::5]
    if any(shapes) or not CODES.keys() >= set(ops):  # the maps of scalars are plain
        return None
    serials = serials[by_age]
    code = np.fromiter(map(CODES.__getitem__, ops), np.uint8, len(nodes))
    start = np.zeros(len(nodes) + 1, np.int32)
    np.cumsum(np.fromiter(map(len, operands), np.int32, len(nodes)), out=start[1:])
    args = _places(serials, np.fromiter(map(_serial, chain.from_iterable(operands)), np.int64, int(start[-1])))
    rows = Rows(code, np.zeros(len(nodes), np.int32), start, args, np.zeros(len(args), np.int32))
    tape = Tape(rows, [nodes[k] for k in np.flatnonzero(code == INPUT).tolist()], Numbers(), Numbers(), serials, [])
    return tape if _filled(tape, attrs) else None


def under(root: Node) -> list[Node]:
    """The node and all under it, in any order."""
    found = [root]
    seen = {root}
    add, push = seen.add, found.append
    for node in found:
        for arg in node.args:
            if arg not in seen:
                add(arg)
                push(arg)
    return found


def _places(serials: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Where known serial numbers stand in an increasing list."""
    first, span = serials[0], serials[-1] - serials[0] + 1
    if span > 8 * len(serials):
        return np.searchsorted(serials, wanted).astype(np.int32)
    table = np.zeros(span, np.int32)
    table[serials - first] = np.arange(len(serials), dtype=np.int32)
    return table[wanted - first]


def _filled(tape: Tape, attrs: Sequence[Any]) -> bool:
    """What the operations hold put into the rows; False for sums over an index."""
    rows, numbers = tape.rows, tape.numbers
    one, zero = numbers.of(1), numbers.of(0)
    rows.weights[:] = one
    for code in np.bincount(rows.code).nonzero()[0].tolist():
        at = (rows.code == code).nonzero()[0]
        held = [attrs[k] for k in at.tolist()]
        if code == INPUT:
            rows.attr[at] = np.arange(len(at))
            tape.names.extend([info.name for info in held])
        elif code == NAMED:
            rows.attr[at] = zero
            tape.names.extend([definition.name for definition in held if definition.role == "let"])
        elif code == LINEAR:
            rows.attr[at] = zero
            rows.weights[ranges(rows.start[at], rows.counts()[at])] = numbers.all_of(list(chain.from_iterable(held)))
        elif code == PRODUCT:
            if any(product.summed or product.deltas for product in set(held)):
                return False
            rows.attr[at] = numbers.all_of([product.coef for product in held])
        elif code == CALL:
            rows.attr[at] = tape.functions.all_of(held)
        else:
            rows.attr[at] = numbers.all_of(held)
    return True


def ranges(starts: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """start, start + 1, ..., start + count - 1 for every pair, one after the other."""
    ends = counts.cumsum()
    return np.arange(ends[-1] if len(ends) else 0) + (starts - ends + counts).repeat(counts)
