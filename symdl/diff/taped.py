"""The reverse sweep over scalars on a flat table: all local partials and all adjoints as rows, written at once.

What the adjoint of a node is made of is known from the graph alone: a term for each of its uses, (adjoint of the user) x (local partial). So the rows of all
can be laid out together by operations on whole arrays, in an order in which what is used comes first.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from symdl.diff.recipes import Recipe, Source, Step, recipe
from symdl.graph.node import Node
from symdl.graph.number import plus
from symdl.graph.tape import CALL, CONST, LINEAR, NAMED, POWER, PRODUCT, Rows, Tape, ranges, taped

#: After so many rounds rows are looked at one by one.
_ROUNDS = 4

#: Products of more factors than this are left to the general sweep: each factor's derivative has a row as long.
MAX_FACTORS = 1000


@dataclass(frozen=True)
class Gradient:
    """A scalar calculation and its derivatives, in one table.

    Attributes
    ----------
    tape : Tape
        The rows of the calculation, then those of the derivatives.
    root : int
        The row that was differentiated.
    by : array
        For each target the row of the derivative; -1 where it is 0.
    """

    tape: Tape
    root: int
    by: np.ndarray


def gradient(root: Node, targets: Sequence[Node]) -> Gradient | None:
    """The derivatives of a scalar by inputs or named results; None when there is something in the graph that the table has no rows for."""
    if any([t.shape for t in targets[:1]]):
        return None
    tape = taped(root)
    if tape is None or len(set(tape.names)) < len(tape.names):  # two of one name: the general way says which
        return None
    rows = tape.rows
    products = rows.counts()[rows.code == PRODUCT]
    places = tape.places(targets)
    if any([targets[k].shape for k in (places < 0).nonzero()[0].tolist()]):
        return None
    edges = _edges(rows, _live(rows, places))
    partials = _Partials(tape, edges)
    if (products.size and products.max() > MAX_FACTORS) or not partials.found():
        return None
    adjoints = _Adjoints(tape, edges, partials)
    tape.rows = Rows.joined([rows, *partials.made, adjoints.rows()])
    return Gradient(tape, len(rows) - 1, np.where(places >= 0, adjoints.of[places], -1))


# --- the way back ---------------------------------------------------------------------------------------------------


@dataclass
class _Edges:
    """Uses of rows that depend on a target, those of the last rows first. ``place`` counts all operands, ``position`` those of the user."""

    user: np.ndarray
    arg: np.ndarray
    place: np.ndarray
    position: np.ndarray
    linear: np.ndarray  # of a sum or a name: the local partial is a number

    def __len__(self) -> int:
        return len(self.user)


def _edges(rows: Rows, live: np.ndarray) -> _Edges:
    place = live[rows.args].nonzero()[0]
    place = place[np.argsort(-rows.args[place], kind="stable")]
    user = np.repeat(np.arange(len(rows), dtype=np.int32), rows.counts())[place]
    code = rows.code[user]
    return _Edges(user, rows.args[place], place, place - rows.start[user], (code == LINEAR) | (code == NAMED))


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


# --- local partials -------------------------------------------------------------------------------------------------


class _Partials:
    """The local partials that are not numbers: for each edge a coefficient and factors, and the rows that make these.

    Attributes
    ----------
    coef, counts : array
        One entry an edge: the number of the coefficient, how many factors.
    factors : array
        Row numbers, edge by edge.
    made : list of Rows
        What was laid out.
    next : int
        The number of the next row.
    one : int
        The row of the number 1, the adjoint of the root.
    """

    def __init__(self, tape: Tape, edges: _Edges) -> None:
        self._tape, self._edges = tape, edges
        self._rows = tape.rows
        self.made: list[Rows] = []
        self.next = len(tape.rows)
        self.one = self._lay(CONST, tape.numbers.of(1), np.zeros((1, 0), np.int32))[0]
        self.coef = np.full(len(edges), tape.numbers.of(1), np.int32)
        self.counts = np.zeros(len(edges), np.int32)
        self.factors = np.zeros(0, np.int32)

    def found(self) -> bool:
        """False when there is a function whose derivative has no recipe."""
        edges, rows = self._edges, self._rows
        code = rows.code[edges.user]
        products = (code == PRODUCT).nonzero()[0]
        self.coef[products] = rows.attr[edges.user[products]]
        self.counts[products] = rows.counts()[edges.user[products]] - 1
        blocks: list[tuple[np.ndarray, list[np.ndarray]]] = []
        powers = (code == POWER).nonzero()[0]
        if len(powers):
            blocks.append((powers, [self._powers(powers)]))
        calls = (code == CALL).nonzero()[0]
        for at in _grouped(calls, rows.attr[edges.user] * np.int64(8) + edges.position):
            name = self._tape.functions.listed()[rows.attr[edges.user[at[0]]]]
            slope = recipe(name, int(edges.position[at[0]]))
            if slope is None:
                return False
            blocks.append((at, self._function(slope, at)))
        for at, values in blocks:
            self.counts[at] = len(values)
        start = np.cumsum(self.counts) - self.counts
        self.factors = np.zeros(int(self.counts.sum()), np.int32)
        for at, values in blocks:
            for k, value in enumerate(values):
                self.factors[start[at] + k] = value
        self._others(products, start)
        return True

    def _lay(self, code: int, attr: int | np.ndarray, args: np.ndarray, weights: int | np.ndarray = 0) -> np.ndarray:
        """Rows of one kind, with as many operands each; their numbers."""
        self.made.append(Rows.alike(code, attr, args, weights))
        self.next += len(args)
        return np.arange(self.next - len(args), self.next, dtype=np.int32)

    def _others(self, at: np.ndarray, start: np.ndarray) -> None:
        """Of products: the other factors."""
        counts = self.counts[at]
        own = np.repeat(self._edges.position[at], counts)
        local = ranges(np.zeros(len(at), np.int64), counts)
        first = np.repeat(self._rows.start[self._edges.user[at]], counts)
        self.factors[ranges(start[at], counts)] = self._rows.args[first + local + (local >= own)]

    def _powers(self, at: np.ndarray) -> np.ndarray:
        """k*x**(k - 1)."""
        numbers = self._tape.numbers
        exponent = self._rows.attr[self._edges.user[at]]
        self.coef[at] = exponent
        listed = numbers.listed()
        lowered = np.zeros(len(listed), np.int32)
        for number in np.bincount(exponent).nonzero()[0].tolist():
            lowered[number] = numbers.of(plus(listed[number], -1))
        found = self._edges.arg[at]
        rest = (lowered[exponent] != numbers.of(1)).nonzero()[0]  # of squares the base itself
        found[rest] = self._lay(POWER, lowered[exponent[rest]], found[rest, None])
        return found

    def _function(self, slope: Recipe, at: np.ndarray) -> list[np.ndarray]:
        user = self._edges.user[at]
        self.coef[at] = self._tape.numbers.of(slope.coef)
        steps: list[np.ndarray] = []

        def value(source: Source) -> np.ndarray:
            kind, k = source
            if kind == "step":
                return steps[k]
            return user if kind == "function" else self._rows.args[self._rows.start[user] + k]

        for step in slope.steps:
            steps.append(self._step(step, [value(s) for s in step.sources], len(at)))
        return [value(s) for s in slope.factors]

    def _step(self, step: Step, args: list[np.ndarray], count: int) -> np.ndarray:
        numbers = self._tape.numbers
        attr = self._tape.functions.of(step.attr) if step.code == CALL else numbers.of(step.attr)
        if not args:
            return np.repeat(self._lay(step.code, attr, np.zeros((1, 0), np.int32)), count)
        weights = np.array([numbers.of(w) for w in step.weights], np.int32) if step.weights else 0
        return self._lay(step.code, attr, np.array(args, np.int32).T, weights)


def _grouped(at: np.ndarray, keys: np.ndarray) -> list[np.ndarray]:
    """The places with equal keys together."""
    some = keys[at]
    return [at[some == key] for key in sorted(set(some.tolist()))]


# --- adjoints -------------------------------------------------------------------------------------------------------


class _Adjoints:
    """For every row the row of its adjoint: a product for each use that is no sum, and a sum where there are several uses.

    New rows are numbered from the root downwards: the products into a row, then their sum.
    """

    def __init__(self, tape: Tape, edges: _Edges, partials: _Partials) -> None:
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
