"""The reverse sweep over scalars on a flat table: all local partials and all adjoints as rows, written at once.

What the adjoint of a node is made of is known from the graph alone: a term for each of its uses, (adjoint of the user) x (local partial). So the rows of all
can be laid out together by operations on whole arrays, in an order in which what is used comes first.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from operator import attrgetter

import numpy as np

from symdl.diff.few import Few, has_rows
from symdl.diff.partials import Edges, Partials
from symdl.graph.node import Node
from symdl.graph.tape import CONST, LINEAR, NAMED, PRODUCT, Rows, Tape, ranges, taped, under

#: After so many rounds rows are looked at one by one.
_ROUNDS = 4

#: Calculations of fewer nodes are differentiated row by row.
FEW = 400

#: Products of more factors than this are left to the general sweep: each factor's derivative has a row as long.
MAX_FACTORS = 1000


@dataclass(frozen=True)
class Gradient:
    """A scalar calculation and its derivatives, in one table.

    Attributes
    ----------
    make : callable
        Gives the table: the rows of the calculation, then those of the derivatives.
    root : int
        The row that was differentiated.
    by : array
        For each target the row of the derivative; -1 where it is 0.
    """

    make: Callable[[], Tape]
    root: int
    by: np.ndarray

    @cached_property
    def tape(self) -> Tape:
        """The table."""
        return self.make()


def gradient(root: Node, targets: Sequence[Node]) -> Gradient | None:
    """The derivatives of a scalar by inputs or named results; None when there is something in the graph that the table has no rows for."""
    if any([t.shape for t in targets[:1]]):
        return None
    nodes = under(root)
    return _gradient_of_few(nodes, targets) if len(nodes) < FEW else _gradient_of_many(nodes, targets)


def _gradient_of_few(nodes: list[Node], targets: Sequence[Node]) -> Gradient | None:
    root = nodes[0]
    nodes.sort(key=attrgetter("serial"))
    if not has_rows(nodes, MAX_FACTORS) or any([t.shape for t in targets]):
        return None
    few = Few(nodes, targets)
    return Gradient(lambda: few.onto(taped(root, [*nodes])), len(nodes) - 1, np.array(few.by, np.int32)) if few.known else None  # type: ignore[arg-type]


def _gradient_of_many(nodes: list[Node], targets: Sequence[Node]) -> Gradient | None:
    tape = taped(nodes[0], nodes)
    if tape is None or len(set(tape.names)) < len(tape.names):  # two of one name: the general way says which
        return None
    rows = tape.rows
    products = rows.counts()[rows.code == PRODUCT]
    places = tape.places(targets)
    if any([targets[k].shape for k in (places < 0).nonzero()[0].tolist()]):
        return None
    edges = _edges(rows, _live(rows, places))
    partials = Partials(tape, edges)
    if (products.size and products.max() > MAX_FACTORS) or not partials.found():
        return None
    adjoints = _Adjoints(tape, edges, partials)
    tape.rows = Rows.joined([rows, *partials.made, adjoints.rows()])
    return Gradient(lambda: tape, len(rows) - 1, np.where(places >= 0, adjoints.of[places], -1))


# --- the way back ---------------------------------------------------------------------------------------------------


def _edges(rows: Rows, live: np.ndarray) -> Edges:
    place = live[rows.args].nonzero()[0]
    place = place[np.argsort(-rows.args[place], kind="stable")]
    user = np.repeat(np.arange(len(rows), dtype=np.int32), rows.counts())[place]
    code = rows.code[user]
    return Edges(user, rows.args[place], place, place - rows.start[user], (code == LINEAR) | (code == NAMED))


def _live(rows: Rows, targets: np.ndarray) -> np.ndarray:
    """Which rows depend on a target."""
    live = np.zeros(len(rows), bool)
    live[targets[targets >= 0]] = True
    inner = rows.code > CONST
    # What depends on no target: numbers, other inputs, and what is made of these. Mostly little, and then few rounds find it.
    gone = ~(live | inner)
    for _ in range(_ROUNDS):
        lost = np.zeros(len(rows.args) + 1, np.int32)
        np.cumsum(gone[rows.args], out=lost[1:])
        more = inner & ~live & ~gone & ((lost[rows.start[1:]] - lost[rows.start[:-1]]) == rows.counts())
        if not more.any():
            return ~gone
        gone |= more
    found = live.tolist()
    start, args = rows.start.tolist(), rows.args.tolist()
    for k in inner.nonzero()[0].tolist():
        for p in range(start[k], start[k + 1]):
            if found[args[p]]:
                found[k] = True
                break
    return np.array(found, bool)


# --- adjoints -------------------------------------------------------------------------------------------------------


class _Adjoints:
    """For every row the row of its adjoint: a product for each use that is no sum, and a sum where there are several uses.

    New rows are numbered from the root downwards: the products into a row, then their sum.
    """

    def __init__(self, tape: Tape, edges: Edges, partials: Partials) -> None:
        self._tape, self._edges, self._partials = tape, edges, partials
        count, one = len(tape.rows), tape.numbers.of(1)
        self._weight = np.where(edges.linear, tape.rows.weights[edges.place], one)
        self._terms = terms = np.bincount(edges.arg, minlength=count)
        self._begin = _after(terms)
        first = (terms == 1).nonzero()[0]
        only = self._begin[first]  # the edge into a row that has a single use
        handed_on = edges.linear[only] & (self._weight[only] == one)
        self._summed = terms > 1
        self._summed[first] = edges.linear[only] & ~handed_on
        products = ~edges.linear
        into = np.bincount(edges.arg[products], minlength=count)
        sums = _after(self._summed)
        self.first = partials.next
        self._product = self.first + products.cumsum() - products + sums[edges.arg]
        self._sum = self.first + into + _after(into) + sums
        own = np.where(self._summed, self._sum, -1)
        own[first[products[only]]] = self._product[only[products[only]]]
        own[count - 1] = partials.one
        to = np.arange(count)
        to[first[handed_on]] = edges.user[only[handed_on]]
        self.of = own[_followed(to)].astype(np.int32)

    def rows(self) -> Rows:
        """The rows of products and sums."""
        edges, partials, numbers = self._edges, self._partials, self._tape.numbers
        products = (~edges.linear).nonzero()[0]
        at, sums = self._product[products] - self.first, self._sum[self._summed] - self.first
        counts = np.zeros(len(at) + len(sums), np.int32)
        counts[at], counts[sums] = 1 + partials.counts[products], self._terms[self._summed]
        made = Rows.empty(counts, numbers.of(1))
        made.code[at], made.attr[at] = PRODUCT, partials.coef[products]
        made.code[sums], made.attr[sums] = LINEAR, numbers.of(0)
        above = self.of[edges.user]
        made.args[made.start[at]] = above[products]
        made.args[ranges(made.start[at] + 1, partials.counts[products])] = partials.factors
        added = self._summed[edges.arg].nonzero()[0]
        into = edges.arg[added]
        place = made.start[self._sum[into] - self.first] + added - self._begin[into]
        made.args[place] = np.where(edges.linear, above, self._product)[added]
        made.weights[place] = self._weight[added]
        return made


def _after(counts: np.ndarray) -> np.ndarray:
    """For every row what the later rows have together."""
    return counts[::-1].cumsum()[::-1] - counts


def _followed(to: np.ndarray) -> np.ndarray:
    """Where one arrives, going on until it goes no further."""
    while True:
        further = to[to]
        if (further == to).all():
            return to
        to = further
