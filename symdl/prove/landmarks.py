"""Numbers near which a witness may lie: what a claim adds may live beyond 10**6 only, or between two numbers of the formula."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from fractions import Fraction

from symdl.graph import node as kinds
from symdl.graph.node import Node

#: So many are made use of.
MOST = 24


def landmarks(nodes: Iterable[Node]) -> list[Fraction]:
    """The numbers at which one term of a sum outweighs its constant, those between them and those beyond."""
    found: set[Fraction] = set()
    for node in nodes:
        if node.op != kinds.ADD:
            continue
        constant, others = Fraction(0), []
        for c, arg in zip(node.attr, node.args, strict=True):
            if not isinstance(c, (int, Fraction)):
                continue
            if arg.op != kinds.CONST:
                others.append(Fraction(c) * (arg.attr.coef if arg.op == kinds.MUL and isinstance(arg.attr.coef, (int, Fraction)) else 1))
            elif isinstance(arg.attr, (int, Fraction)):
                constant += Fraction(c) * arg.attr
        if constant:
            found.update(-constant / c for c in others if c)
    marks = sorted(found)[:MOST]
    if not marks:
        return []
    between = [(a + b) / 2 for a, b in itertools.pairwise(marks)]
    return sorted({*marks, *between, marks[0] - abs(marks[0]) / 2 - 1, marks[-1] + abs(marks[-1]) / 2 + 1})
