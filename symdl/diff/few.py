"""The reverse sweep over few scalars: the rows that ``taped.py`` lays out by operations on arrays, written one by one.

Up to a few hundred nodes NumPy's calls cost more than what they do. What a local partial is comes from the same table (``symdl.diff.recipes``); here it is
only put into rows. The rows are plain tuples, and go into a table of arrays when somebody asks for that.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from symdl.diff.recipes import Recipe, of_power, recipe
from symdl.graph.node import ADD, INPUT, LET, MUL, POW, Node
from symdl.graph.number import Number
from symdl.graph.row import NO_ROW
from symdl.graph.tape import CALL, CONST, LINEAR, PRODUCT, Rows, Tape

#: An operand: its row, or in sums with a weight.
Weighted = int | tuple[int, Number]

#: Operation, number or function, operands: what a row of the table holds.
Row = tuple[int, Any, Sequence[Weighted]]


class Few:
    """The derivatives of a scalar made of few.

    Parameters
    ----------
    nodes : sequence of Node
        All nodes under the root, in order of age; scalars, and of the kinds that the table has.
    targets : sequence of Node

    Attributes
    ----------
    made : list of Row
        The new rows; the first has the number ``len(nodes)``.
    by : list of int
        For each target the row of the derivative; -1 where it is 0.
    known : bool
        False when there is a function whose derivative has no recipe; then there are no derivatives.
    """

    def __init__(self, nodes: Sequence[Node], targets: Sequence[Node]) -> None:
        self._nodes, self._first = nodes, len(nodes)
        self.made: list[Row] = [(CONST, 1, ())]
        self._place = place = {node: k for k, node in enumerate(nodes)}
        wanted = [place.get(node, -1) for node in targets]
        live = self._live(set(targets))
        #: For every node on the way to a target, what its adjoint is the sum of.
        self._into: list[list[Weighted] | None] = [[] if node in live else None for node in nodes]
        self._own = [-1] * len(nodes)
        self.known = self._swept()
        self.by = [self._own[k] if k >= 0 else -1 for k in wanted]

    def _live(self, targets: set[Node]) -> set[Node]:
        """The nodes that depend on a target."""
        live: set[Node] = set()
        for node in self._nodes:
            if node in targets or not live.isdisjoint(node.args):
                live.add(node)
        return live

    def _swept(self) -> bool:
        made, before, into, nodes, place, owns = self.made, self._first - 1, self._into, self._nodes, self._place, self._own
        if into[-1] is not None:
            into[-1].append(self._first)
        for k in range(self._first - 1, -1, -1):
            terms = into[k]
            if terms is None:
                continue
            own = terms[0]
            if len(terms) > 1 or type(own) is tuple:
                made.append((LINEAR, 0, terms))
                own = before + len(made)
            owns[k] = own  # type: ignore[assignment]
            node = nodes[k]
            args = node.args
            if len(args) == 2 and node.op == MUL:  # most nodes are: here they take no call
                x, y = place[args[0]], place[args[1]]
                coef = node.attr.coef
                for arg, other in ((x, y), (y, x)):
                    below = into[arg]
                    if below is not None:
                        made.append((PRODUCT, coef, (own, other)))  # type: ignore[arg-type]
                        below.append(before + len(made))
            elif args and not self._hand_on(node, k, own):  # type: ignore[arg-type]
                return False
        return True

    def _hand_on(self, node: Node, k: int, own: int) -> bool:
        """What the adjoint of node k, row ``own``, adds to those of its arguments; False when no recipe says."""
        made, before, into, place, op, attr = self.made, self._first - 1, self._into, self._place, node.op, node.attr
        args = [place[arg] for arg in node.args]
        if op in (ADD, LET):
            for arg, weight in zip(args, attr if op == ADD else (1,), strict=True):
                terms = into[arg]
                if terms is not None:
                    terms.append(own if weight == 1 else (own, weight))
            return True
        if op == MUL:  # d(c*x*y*...)/dx = c*(y*...)
            for position, arg in enumerate(args):
                terms = into[arg]
                if terms is not None:
                    made.append((PRODUCT, attr.coef, (own, *args[:position], *args[position + 1 :])))
                    terms.append(before + len(made))
            return True
        for position, arg in enumerate(args):
            terms = into[arg]
            if terms is None:
                continue
            slope = of_power(attr) if op == POW else recipe(attr, position)
            if slope is None:
                return False
            made.append((PRODUCT, slope.coef, (own, *self._factors(slope, args, k))))
            terms.append(before + len(made))
        return True

    def _factors(self, slope: Recipe, args: list[int], k: int) -> list[int]:
        """The factors of a local partial of row k, the steps that make them written."""
        steps: list[int] = []
        places = {"step": steps, "argument": args, "function": (k,)}
        for step in slope.steps:
            found = [places[kind][j] for kind, j in step.sources]
            self.made.append((step.code, step.attr, list(zip(found, step.weights, strict=True)) if step.weights else found))
            steps.append(self._first - 1 + len(self.made))
        return [places[kind][j] for kind, j in slope.factors]

    def onto(self, tape: Tape) -> Tape:
        """A table of the nodes, with the new rows."""
        numbers = tape.numbers
        counts = np.array([len(args) for _, _, args in self.made])
        operands = [arg if type(arg) is tuple else (arg, 1) for _, _, args in self.made for arg in args]
        rows = Rows.empty(counts, numbers.of(1))
        rows.code[:] = [code for code, _, _ in self.made]
        rows.attr[:] = [(tape.functions if code == CALL else numbers).of(attr) for code, attr, _ in self.made]
        rows.args[:] = [row for row, _ in operands]
        rows.weights[:] = [numbers.of(weight) for _, weight in operands]
        tape.rows = Rows.joined([tape.rows, rows])
        return tape


def has_rows(nodes: Sequence[Node], most_factors: int) -> bool:
    """Whether nodes, with all that they are made of, are scalars that the table has rows for, and differently named."""
    names = []
    for node in nodes:
        if node.row == NO_ROW:
            return False
        op = node.op
        if op == MUL:
            if len(node.args) > most_factors:
                return False
        elif op == INPUT or (op == LET and node.attr.role == "let"):
            names.append(node.attr.name)
    return len(set(names)) == len(names)
