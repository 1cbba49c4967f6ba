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
from itertools import chain
from operator import attrgetter

import numpy as np

from symdl.graph.node import Node
from symdl.graph.numbering import Numbers
from symdl.graph.row import CALL, FIXED, FUNCTIONS, INPUT, LINEAR, NAME, NAMED, PLAIN, PRODUCT
from symdl.graph.row import CONST as CONST  # for those who read tables
from symdl.graph.row import POWER as POWER

#: Serial numbers that are spread wider than this, by how many they are, are looked up by sorting.
SPREAD = 8

_serial, _row = attrgetter("serial"), attrgetter("row")


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
    packed = list(map(_row, nodes))
    count = len(nodes)
    lengths = np.array(list(map(len, packed))) // 8
    if not lengths[lengths.argmin()]:
        return None
    words = np.frombuffer(b"".join(packed), np.int64)
    begin = lengths.cumsum() - lengths
    by_age = _increasing(words[begin])  # arguments are older than what uses them
    begin, lengths = begin[by_age], lengths[by_age] - FIXED
    serials, heads = words[begin], words[begin + 1]
    start = np.zeros(count + 1, np.int32)
    lengths.cumsum(out=start[1:])
    args = _places(serials, words[ranges(begin + FIXED, lengths)])
    rows = Rows(heads.astype(np.uint8), np.zeros(count, np.int32), start, args, np.zeros(len(args), np.int32))
    tape = Tape(rows, [], Numbers(), Numbers(), serials, [])
    _fill(tape, heads, by_age, nodes)
    return tape


def under(*roots: Node) -> list[Node]:
    """The nodes and all under them, in any order but that the first root comes first."""
    seen = set(roots)
    found = list(dict.fromkeys(roots))
    add, push = seen.add, found.append
    for node in found:
        for arg in node.args:
            if arg not in seen:
                add(arg)
                push(arg)
    return found


def _increasing(serials: np.ndarray) -> np.ndarray:
    """In which order different serial numbers increase."""
    first, last = serials[serials.argmin()], serials[serials.argmax()]
    if last - first >= SPREAD * len(serials):
        return serials.argsort()
    table = np.full(last - first + 1, -1, np.int32)
    table[serials - first] = np.arange(len(serials), dtype=np.int32)
    return table[table >= 0]


def _places(serials: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """Where known serial numbers stand in an increasing list."""
    first, span = serials[0], serials[-1] - serials[0] + 1
    if span > SPREAD * len(serials):
        return np.searchsorted(serials, wanted).astype(np.int32)
    table = np.zeros(span, np.int32)
    table[serials - first] = np.arange(len(serials), dtype=np.int32)
    return table[wanted - first]


def _fill(tape: Tape, heads: np.ndarray, by_age: np.ndarray, nodes: list[Node]) -> None:
    """What the operations hold put into the rows. Most say all in their heads; the nodes of the others are looked at."""
    rows, numbers = tape.rows, tape.numbers
    one, zero = numbers.of(1), numbers.of(0)
    rows.weights[:] = one
    rows.attr[:] = np.array([one if code == PRODUCT else zero for code in range(NAMED + 1)], np.int32)[rows.code]
    plain = heads & PLAIN != 0
    for code in np.bincount(rows.code).nonzero()[0].tolist():
        if code == CALL:
            at = (rows.code == CALL).nonzero()[0]
            rows.attr[at] = _functions(tape, heads[at] >> NAME)
            continue
        at = ((rows.code == code) & ~plain).nonzero()[0]
        found = [nodes[k] for k in by_age[at].tolist()]
        held = [node.attr for node in found]
        if code == INPUT:
            rows.attr[at] = np.arange(len(at))
            tape.inputs.extend(found)
            tape.names.extend([info.name for info in held])
        elif code == NAMED:
            tape.names.extend([definition.name for definition in held if definition.role == "let"])
        elif code == LINEAR:
            rows.weights[ranges(rows.start[at], rows.counts()[at])] = numbers.all_of(list(chain.from_iterable(held)))
        elif code == PRODUCT:
            rows.attr[at] = numbers.all_of([product.coef for product in held])
        else:
            rows.attr[at] = numbers.all_of(held)


def _functions(tape: Tape, numbered: np.ndarray) -> np.ndarray:
    """The tape's numbers of functions that have numbers of the process."""
    names = list(FUNCTIONS)
    own = np.zeros(len(names), np.int32)
    for k in np.bincount(numbered).nonzero()[0].tolist():
        own[k] = tape.functions.of(names[k])
    return own[numbered]


def ranges(starts: np.ndarray, counts: np.ndarray) -> np.ndarray:
    """start, start + 1, ..., start + count - 1 for every pair, one after the other."""
    ends = counts.cumsum()
    return np.arange(ends[-1] if len(ends) else 0) + (starts - ends + counts).repeat(counts)
