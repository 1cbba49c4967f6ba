"""The finished gradients, said as shortly as they can be."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from symdl.diff.shorten.engine import Shortener
from symdl.diff.shorten.logistic import SIGMOID, with_sigmoid
from symdl.diff.shorten.table import AT_ADJOINTS, RECOGNISED
from symdl.graph.build import Term
from symdl.graph.node import LET, Node
from symdl.graph.walk import topological
from symdl.steps.step import Rule

#: Gradients of more nodes than this are not read by people.
MAX_NODES = 5000

Steps = list[tuple[Rule, list[Term]]]


def finished(terms: list[Term], forward: Iterable[Node]) -> Steps:
    """What is done to the gradients of one derivation, step by step: the rule, and all gradients after it.

    Parameters
    ----------
    terms : list of Term
    forward : iterable of Node
        The nodes of the loss: what the user wrote stays as it is, but for the functions that are recognised in it.
    """
    steps: Steps = []
    written = with_sigmoid(terms)
    if written != terms:
        steps.append((SIGMOID, written))
        terms = written
    if len(topological(t.node for t in terms)) > MAX_NODES:
        return steps
    named = frozenset(n for n in forward if n.op == LET)
    for table, closed in ((RECOGNISED, named), (AT_ADJOINTS, frozenset(forward)), (RECOGNISED, named)):
        more = Shortener(table, _in(closed)).steps(terms)
        terms = more[-1][1] if more else terms
        steps += more
    return steps


def _in(nodes: Collection[Node]):  # type: ignore[no-untyped-def]
    return lambda node: node in nodes
