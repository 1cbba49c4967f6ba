"""Rewrites that keep a value and save its digits: applied before lowering, each an identity for all reals.

In floating point 1 - sigmoid(40) is 0, and exp(800)/(exp(800) + 1) is not a number; written otherwise both are right to the last
digit. Sources: Goodfellow, Bengio, Courville, Deep Learning, sections 3.10 and 4.1; Maechler 2012, "Accurately computing
log(1 - exp(-|a|))".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from fractions import Fraction

from symdl.graph import node as kinds
from symdl.graph.labels import Term
from symdl.graph.node import Node, intern
from symdl.graph.rebuild import placed, rebuild
from symdl.graph.walk import consumers, topological
from symdl.lower import (
    stable_constants,
    stable_differences,
    stable_exponents,
    stable_logarithms,
    stable_logistic,
    stable_moments,
    stable_products,
    stable_series,
    stable_slopes,
    stable_sums,
    stable_ties,
    stable_units,
)
from symdl.lower.behind import applied, inside
from symdl.lower.machine import COSIGMOID, MACHINE
from symdl.lower.stable_identities import Identity, identities
from symdl.lower.stable_softmax import Complements


def stabilised(roots: Sequence[Term]) -> list[Term]:
    """The same values, written so that they survive floating point: exponentials and logarithms, then what is made of softmaxes and sigmoids."""
    first = _walked(stable_ties.compared(roots, rebuild_here), lambda node, term: _rewritten(term))
    if any(map(stable_products.may_join, topological(t.node for t in first))):
        first = _walked(first, lambda node, term: stable_products.late(term) or term)
    order = topological(t.node for t in first)
    if any(_saturates(node) for node in order):
        first = _walked(first, Complements(_Residuals(order)).rewritten)
        first = _walked(first, _constants)  # 1 - exp(z), where a softmax was written out
    if any(map(stable_units.may_have_units, order)):
        first = _walked(first, lambda node, term: stable_units.units(term) or term)
    if any(node.op == kinds.POW and isinstance(node.attr, Fraction) for node in order):
        first = _walked(first, lambda node, term: stable_moments.norm(term) or term)
    if any(node.op == kinds.POW and node.attr == -2 for node in order):
        first = _walked(first, lambda node, term: stable_moments.ratio(term) or term)
    if any(map(stable_series.may_cancel, topological(t.node for t in first))):
        first = _walked(first, stable_series.Cancellations().rewritten)
    return first


def _walked(roots: Sequence[Term], rule: Callable[[Node, Term], Term]) -> list[Term]:
    """The roots with every node rewritten, arguments first. A rule gets the node as it was, and as it is with its new arguments."""
    done: dict[Node, Term] = {}
    for node in topological(t.node for t in roots):
        done[node] = rule(node, rebuild_here(node, [placed(done[a], m) for a, m in node.terms()]))
    return [placed(done[t.node], t.map) for t in roots]


def rebuild_here(node: Node, args: Sequence[Term]) -> Term:
    """As ``rebuild``; also for matrix functions of other arguments, and for the functions of the machine room."""
    if node.op == kinds.MATRIX:
        inner = args[0]
        whole = inner.map == (0, 1) and inner.node.rank == 2
        return Term(intern(kinds.MATRIX, (inner.node,), ((0, 1),), node.shape, node.attr), tuple(range(node.rank))) if whole else rebuild(node, args)
    return applied(node.attr, *args) if node.op == kinds.FN and node.attr in MACHINE else rebuild(node, args)


def _constants(node: Node, term: Term) -> Term:
    return (stable_constants.add(term) if term.node.op == kinds.ADD else None) or term


def _saturates(node: Node) -> bool:
    return (node.op == kinds.FN and node.attr in _SIGMOIDS) or (node.op == kinds.REDUCE and node.attr.kind == "logsumexp")


_SIGMOIDS = ("sigmoid", COSIGMOID)


class _Residuals:
    """Whether a sum is squared, or stands beside the slope of a sigmoid: least squares. There the digits of a small residual are lost anyway."""

    def __init__(self, order: Sequence[Node]) -> None:
        self._users = consumers(order)

    def __call__(self, node: Node) -> bool:
        return any(_squares_or_slopes(user) for user, _ in self._users.get(node, ()))


def _squares_or_slopes(user: Node) -> bool:
    return user.op == kinds.POW or (
        user.op == kinds.MUL and any(inside(Term(a, m)).node.attr in _SIGMOIDS for a, m in user.terms() if a.op in (kinds.FN, kinds.LET))
    )


def _rewritten(term: Term) -> Term:
    """The term when no rule applies any more."""
    for _ in range(_STEPS):
        made = next((m for rule in _RULES.get(term.node.op, ()) if (m := rule(term)) is not None), None)
        if made is None or made == term:
            return term
        term = made
    return term


#: Every rewrite leaves less to rewrite; products of many exponentials take one step each.
_STEPS = 50

_RULES: dict[str, tuple[Callable[[Term], Term | None], ...]] = {
    kinds.ADD: (stable_constants.add, stable_differences.add, stable_slopes.add, stable_moments.add),
    kinds.FN: (stable_logistic.fn, stable_sums.fn, stable_logarithms.fn),
    kinds.POW: (stable_logistic.pow_, stable_sums.pow_, stable_exponents.pow_),
    kinds.MUL: (stable_sums.mul,),
}


__all__ = ["Identity", "identities", "rebuild_here", "stabilised"]
