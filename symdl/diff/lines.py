"""The derivation, read off the record of the sweep: for every node the rules used, each as (rule, before, after)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from symdl.diff.local import Local
from symdl.diff.naming import Names
from symdl.diff.reverse import Edge, Record, Sweep, as_adjoint, contribution_pieces, to_axes
from symdl.expr.tensor import Expr
from symdl.graph import build
from symdl.graph import node as kinds
from symdl.graph.build import Term
from symdl.graph.node import Node
from symdl.steps.step import Line, Rule, Step

CHAIN = Rule(
    "chain rule",
    r"\frac{\partial C}{\partial v} = \sum_u \frac{\partial C}{\partial u}\,\frac{\partial u}{\partial v}",
    "链式法则",
)
DELTA = Rule("sum out a delta", r"\sum_i f_i\,\delta_{ij} = f_j", "消去 δ")


def lines(
    swept: Sweep, names: Names, wrt: dict[str, Expr], rewriting: Mapping[str, list[tuple[Rule, Expr]]], over: Mapping[str, Step | None]
) -> tuple[Line, ...]:
    """One line for every named node on the way back; what is done at a nameless node stands in the next line.

    ``over``: for structured arguments, the step to the derivative over the independent entries.
    """
    by_node = {e.node: name for name, e in wrt.items()}
    made: list[Line] = []
    pending: list[Step] = []
    for record in swept.records:
        name = by_node.get(record.node) or names.of.get(record.node)
        of = f"d{names.loss}/d{name or names.label(record.node)}"
        restricting = over.get(by_node.get(record.node, ""))
        if record.edges or record.joints:
            pending += _steps(swept, names, record, of)
        if record.node in by_node:
            pending += _rewriting(swept, record, rewriting[by_node[record.node]], of)
            if restricting is not None:
                pending.append(replace(restricting, of=of))
        if name is not None and record.node is not swept.out.node:
            made.append(Line(of, record.node, restricting.after if restricting else as_adjoint(swept.out, record.node, record.adjoint), tuple(pending)))
            pending = []
    return tuple(made)


def _rewriting(swept: Sweep, record: Record, rewriting: list[tuple[Rule, Expr]], of: str) -> list[Step]:
    """The gradient said more shortly, rewrite by rewrite."""
    steps = []
    now = as_adjoint(swept.out, record.node, record.adjoint)
    for rule, after in rewriting:
        if after != now:
            steps.append(Step(rule, now, after, of))
        now = after
    return steps


def _steps(swept: Sweep, names: Names, record: Record, of: str) -> list[Step]:
    """Local partials, the chain rule, and what is summed out and collected."""
    v, out = record.node, swept.out
    users = list(dict.fromkeys(e.user for e in record.edges))
    steps = [_local_step(names, u, v, [e for e in record.edges if e.user is u]) for u in users]
    through = list(dict.fromkeys(u for joint in record.joints for u in joint.users))
    formal = [_formal(swept.adjoints[u], u, v) for u in users]
    joint = [j.term for j in record.joints]
    carried = [_carried_out(swept.adjoints[e.user], e) for e in record.edges] + joint
    total = as_adjoint(out, v, record.found)
    before = as_adjoint(out, v, build.formal_sum(formal + joint))
    if through:
        whole = as_adjoint(out, v, build.formal_sum(formal + [_formal(swept.adjoints[u], u, v) for u in through]))
        steps.append(Step(record.joints[0].rule, whole, before, of))
    uncollapsed = as_adjoint(out, v, build.formal_sum(carried))
    if any(e.local.deltas for e in record.edges):
        steps.append(Step(CHAIN, before, uncollapsed, of))
        steps.append(Step(DELTA, uncollapsed, total, of))
    else:
        steps.append(Step(CHAIN, before, total, of))
    for shorter, after in record.rewrites:
        rewritten = as_adjoint(out, v, after)
        steps.append(Step(shorter, total, rewritten, of))
        total = rewritten
    return [s for s in steps if s.before != s.after]


def _local_step(names: Names, u: Node, v: Node, edges: list[Edge]) -> Step:
    """du/dv = what the rule table gives."""
    labels: dict[Any, Any] = {axis: axis for axis in range(u.rank)}
    labels.update({("d", axis): u.rank + axis for axis in range(v.rank)})
    parts = [build.rename(_local_term(e.local), labels) for e in edges]
    node = build.partial(u, v)
    whole = Term(node, tuple(range(node.rank)))
    rule = edges[0].local.rule
    return Step(rule, Expr(whole, node.shape), Expr(build.formal_sum(parts), node.shape), f"d{names.label(u)}/d{names.label(v)}")


def _local_term(local: Local) -> Term:
    return build.mul(local.coef, local.factors, local.deltas, local.summed)


def _formal(adjoint: Term, u: Node, v: Node) -> Term:
    """adjoint of u x du/dv, the partial not carried out."""
    node = build.partial(u, v)
    labels = [*range(u.rank), *[("d", axis) for axis in range(v.rank)]]
    factors = [t for t in (adjoint, Term(node, tuple(labels))) if t.node.op != kinds.CONST or t.node.attr != 1]
    return to_axes(build.formal_product(1, factors, [], dict(enumerate(u.shape))))


def _carried_out(adjoint: Term, edge: Edge) -> Term:
    """adjoint of u x local partial, deltas and sums still standing."""
    factors, deltas, summed = contribution_pieces(adjoint, edge)
    return to_axes(build.formal_product(edge.local.coef, factors, deltas, summed))
