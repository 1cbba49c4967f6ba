"""The finished gradients, said as shortly as they can be."""

from __future__ import annotations

from collections.abc import Iterable

from symdl.diff.shorten.engine import Shortener
from symdl.diff.shorten.facts import SYMMETRIC
from symdl.diff.shorten.logistic import SIGMOID, is_one_plus_exp, with_sigmoid
from symdl.diff.shorten.table import MAX_WRITTEN_OUT, RECOGNISED, WRITTEN_OUT
from symdl.graph.build import Term
from symdl.graph.node import LET, Node
from symdl.graph.symmetry import upright
from symdl.graph.walk import more_than, topological
from symdl.steps.step import Rule

#: Gradients of more nodes than these, with indices and without, are not read by people.
MAX_NODES, MAX_SCALARS = 5000, 200

#: How often algebra and recognition take turns.
ROUNDS = 2

Steps = list[tuple[Rule, list[Term]]]


def finished(terms: list[Term], forward: Iterable[Node], algebra: Shortener) -> Steps:
    """What is done to the gradients of one derivation, step by step: the rule, and all gradients after it.

    Parameters
    ----------
    terms : list of Term
    forward : iterable of Node
        The nodes of the loss: what the user wrote stays as it is, but for the functions that are recognised in it.
    algebra : Shortener
        What shortened the adjoints: it knows already what cannot be made shorter.
    """
    steps: Steps = []
    if more_than([t.node for t in terms], MAX_NODES) and not any(map(is_one_plus_exp, forward)):
        return steps
    written = with_sigmoid(terms)
    if written != terms:
        steps.append((SIGMOID, written))
        terms = written
    order = topological(t.node for t in terms)
    if len(order) > (MAX_NODES if any(n.sizes() for n in order) else MAX_SCALARS):
        return steps
    named = frozenset(n for n in forward if n.op == LET)
    recognition = Shortener(RECOGNISED, named.__contains__)
    written_out = Shortener(WRITTEN_OUT, frozenset(forward).__contains__)
    # Functions are recognised when the algebra has cancelled what it can: exp(z)/S in one place hides the S that cancels in another.
    turns = [algebra, written_out, algebra, written_out, algebra, recognition] if len(order) <= MAX_WRITTEN_OUT else [algebra, recognition]
    for shortener in turns * ROUNDS:
        more = shortener.steps(terms)
        terms = more[-1][1] if more else terms
        steps += more
    turned = [upright(t) for t in terms]
    if turned != terms:
        steps.append((SYMMETRIC, turned))
    return steps
