"""Backpropagation through a recurrence, for every number of steps: the sum that telescopes, see ``symdl.prove.induction``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from symdl.expr.tensor import Expr, of_node
from symdl.graph import build
from symdl.graph import node as kinds
from symdl.graph.build import Term
from symdl.graph.graft import graft
from symdl.graph.labels import inner_terms
from symdl.graph.node import Node, Size
from symdl.graph.recurrence import System, placeholder, system_of
from symdl.graph.steps import at_steps
from symdl.graph.walk import topological
from symdl.prove.held import Held, Prove, inits_of, proved_together, systems_of
from symdl.prove.stop import Clock
from symdl.steps.verdict import Verdict


@dataclass
class Through:
    """Sum over users of adjoint x d user / d v: what a step of backpropagation through a recurrence starts from.

    ``adjoints``: pairs of a part of the recurrence and its adjoint, in labels ("o", axis of the whole) and the part's axis numbers.
    """

    system: System
    v: Node
    outer: list[int]
    adjoints: list[tuple[Node, Term]]


def through(lhs: Expr, rhs: Expr, clock: Clock, prove: Prove) -> Verdict | None:
    left, right = _addends(lhs), _addends(rhs)
    common = [t for t in left if t in right]
    for t in common:
        right.remove(t)
    read = _read([t for t in left if t not in common], lhs)
    if read is None or any(n.op == kinds.PARTIAL for n in topological([t.node for t in right])):
        return None
    after = Expr(build.add([1] * len(right), right), rhs.shape)
    outer_sizes = tuple(lhs.shape[k] for k in read.outer)
    for system in systems_of([after.node]):
        clock.look()
        if runs_back(system, read.system, outer_sizes):
            found = _telescoped(read, system, after, outer_sizes, prove)
            if found is not None:
                return found
    return None


def _addends(expr: Expr) -> list[Term]:
    if expr.node.op == kinds.ADD and all(c == 1 for c in expr.node.attr):
        return inner_terms(expr.term)
    return [expr.term]


def runs_back(back: System, forward: System, outer: tuple[Size, ...]) -> bool:
    a, b = back.attr, forward.attr
    return a.length == b.length and a.down != b.down and a.shapes == tuple((*outer, *shape) for shape in b.shapes)


def _read(terms: list[Term], whole: Expr) -> Through | None:
    """The terms as adjoint x PARTIAL(part of one recurrence, v)."""
    made: Through | None = None
    for term in terms:
        factors = inner_terms(term) if term.node.op == kinds.MUL else [term]
        partials = [f for f in factors if f.node.op == kinds.PARTIAL]
        if len(partials) != 1 or (term.node.op == kinds.MUL and term.node.attr.deltas):
            return None
        user, v = partials[0].node.args
        if user.op != kinds.RECUR:
            return None
        # The labels of summed indices are the product's own numbers, which must not be taken for axes of the whole.
        if term.node.op == kinds.MUL:
            named = dict(enumerate(term.map)) | {k: ("s", k) for k in range(term.node.rank, len(term.node.sizes()))}
            factors = [build.rename(Term(a, m), named) for a, m in term.node.terms()]
            partials = [f for f in factors if f.node.op == kinds.PARTIAL]
        entries = partials[0].map
        ends = entries[user.rank :]
        if any(type(e) is not int or e < 0 for e in ends) or list(ends) != list(range(whole.ndim - v.rank, whole.ndim)):
            return None
        coef = term.node.attr.coef if term.node.op == kinds.MUL else 1
        rest = build.mul(coef, [f for f in factors if f.node.op != kinds.PARTIAL])
        labels: dict[Any, Any] = {k: ("o", k) for k in range(whole.ndim - v.rank)} | {e: axis for axis, e in enumerate(entries[: user.rank])}
        if any(build.is_fixed(e) or e not in labels for e in rest.map):
            return None
        made = made or Through(system_of(user), v, list(range(whole.ndim - v.rank)), [])
        if made.system != system_of(user) or made.v is not v:
            return None
        made.adjoints.append((user, build.rename(rest, labels)))
    return made


def _telescoped(read: Through, back: System, after: Expr, outer: tuple[Size, ...], prove: Prove) -> Verdict | None:
    """Base, step and conclusion."""
    from symdl.prove.claims import check

    held = Held([read.system])
    sources = _sources(read)
    count = len(outer)
    if _touches(read, sources):
        return None
    told = []
    axes = [{("o", k): k for k in range(count)} | {("axis", k): count + k for k in range(len(s))} for s in read.system.attr.shapes]
    for start, source, numbers in zip(inits_of(back), sources["final"], axes, strict=True):
        wanted = Expr(build.rename(source, numbers), start.shape)
        told.append(("base", prove(held.expr(start), held.expr(wanted))))
    for state, numbers in enumerate(axes):
        held.shift(back, state, build.rename(sources["after"][state], numbers))
    total = _held_total(read, back, held, outer)
    for state, (shape, made) in enumerate(zip(read.system.attr.shapes, held.step(back, "step"), strict=True)):
        (source,) = held.terms([sources["before"][state]])
        labels: dict[Any, Any] = {("axis", k): ("o", k) if k < count else ("axis", k - count) for k in range(count + len(shape))}
        claim = build.add([1, -1], [build.rename(made, labels), source])
        place: dict[Any, Any] = {("o", k): k for k in range(count)} | {"step": count} | {("axis", k): count + 1 + k for k in range(len(shape))}
        states = of_node(held.tensor(read.system, state, "before"))
        told.append(("step", check(total, states, Expr(build.rename(claim, place), (*outer, read.system.attr.length, *shape)))))
        if not told[-1][1].proved:
            return None
    wrt = of_node(read.v) if read.v.op == kinds.INPUT else None
    if read.v.op == kinds.RECUR:
        wrt = of_node(held.tensor(system_of(read.v), read.v.attr.state, read.v.attr.part))
    if wrt is None:
        return proved_together([*told, ("conclusion", _at_another(read, held, total, after, check))])
    return proved_together([*told, ("conclusion", check(total, wrt, held.expr(after)))])


def _at_another(read: Through, held: Held, total: Expr, after: Expr, check: Any) -> Verdict:
    """The conclusion for an argument without a name: a tensor of which nothing is known stands for it."""
    fresh = placeholder(read.v.shape)
    place = {read.v: Term(fresh, tuple(range(fresh.rank)))}
    raw = held.expr(after)
    new_total, new_after = graft([total.term, raw.term], place)
    return check(Expr(new_total, total.shape), of_node(fresh), Expr(new_after, after.shape))


def _sources(read: Through) -> dict[str, list[Term]]:
    """The adjoints from outside by state, at the final state, before and after a step; labels ("o", k), "step", ("axis", k)."""
    count = len(read.system.attr.shapes)
    found: dict[str, list[list[Term]]] = {which: [[] for _ in range(count)] for which in ("before", "after", "final")}
    for user, adjoint in read.adjoints:
        which, state = user.attr.part, user.attr.state
        lead = 0 if which == "final" else 1
        labels: dict[Any, Any] = {axis: ("axis", axis - lead) for axis in range(lead, user.rank)}
        if which == "all":
            there = build.rename(adjoint, labels | {0: "time"})
            for end in ("before", "final"):
                found[end][state].append(at_steps(there, "time", "step", user, end))
        else:
            found[which][state].append(build.rename(adjoint, labels | ({0: "step"} if lead else {})))
    return {which: [build.add([1] * len(ts), ts) for ts in lists] for which, lists in found.items()}


def _touches(read: Through, sources: dict[str, list[Term]]) -> bool:
    """Whether v is in anything that the theorem holds fast: adjoints from outside, or other arguments made of v."""
    others = [a for a in read.system.args if a is not read.v]
    roots = [t.node for ts in sources.values() for t in ts] + others
    return read.v in topological(roots, stop=lambda n: n.op == kinds.RECUR)


def _held_total(read: Through, back: System, held: Held, outer: tuple[Size, ...]) -> Expr:
    """<D[0], s[0]> + Sum over steps of <D[l+1] + G[l+1], f(s[l], x[l])>; D[0], the sums D[l+1] + G[l+1] and s are held fast."""
    count = len(outer)
    axes = [("o", k) for k in range(count)]
    parts: list[Term] = []
    inits = inits_of(read.system)
    for state, (shape, made) in enumerate(zip(read.system.attr.shapes, held.step(read.system, "step"), strict=True)):
        own = [("axis", k) for k in range(len(shape))]
        summed: dict[Any, Size] = dict(zip(own, shape, strict=True))
        final = Term(held.tensor(back, state, "final"), (*axes, *own))
        (start,) = held.terms([inits[state].term])
        parts.append(build.mul(1, [final, build.rename(start, dict(enumerate(own)))], (), summed))
        weight = Term(held.tensor(back, state, "before"), ("step", *axes, *own))
        parts.append(build.mul(1, [weight, made], (), summed | {"step": read.system.attr.length}))
    total = build.add([1] * len(parts), parts)
    return Expr(build.rename(total, {label: k for k, label in enumerate(axes)}), outer)
