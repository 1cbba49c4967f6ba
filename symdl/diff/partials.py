"""Local partials of a table of scalars: for every use of a row a coefficient and factors, and the rows that make these."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from symdl.diff.recipes import Recipe, Source, Step, of_power, recipe
from symdl.graph.tape import CALL, CONST, POWER, PRODUCT, Rows, Tape, ranges


@dataclass
class Edges:
    """Uses of rows that depend on a target, those of the last rows first. ``place`` counts all operands, ``position`` those of the user."""

    user: np.ndarray
    arg: np.ndarray
    place: np.ndarray
    position: np.ndarray
    linear: np.ndarray  # of a sum or a name: the local partial is a number

    def __len__(self) -> int:
        return len(self.user)


class Partials:
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

    def __init__(self, tape: Tape, edges: Edges) -> None:
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
        # d(c*x*y*...)/dx = c*(y*...)
        products = (code == PRODUCT).nonzero()[0]
        self.coef[products] = rows.attr[edges.user[products]]
        self.counts[products] = rows.counts()[edges.user[products]] - 1
        blocks: list[tuple[np.ndarray, list[np.ndarray]]] = []
        powers = (code == POWER).nonzero()[0]
        for at in _grouped(powers, rows.attr[edges.user]):
            blocks.append((at, self._function(of_power(self._tape.numbers.listed()[rows.attr[edges.user[at[0]]]]), at)))
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
