"""Proofs by induction over the steps of a recurrence, for every number of steps.

**Two recurrences are equal** when they start equal (base) and one step takes equal states to equal states (step): the step is proved for a
state of which nothing is known.

**Backpropagation through a recurrence.** Let s[l+1] = f(s[l], x[l]), let G be any adjoints of the states, and let a recurrence D run the other way.
If (base) D starts as G at the final state, and (step) D[l] = G[l] + d<D[l+1], f(s[l], x[l])>/ds[l] for states and adjoints of which nothing is known, then,
with a dot for the derivative in any direction,

    Sum over l of G[l] s'[l] = D[0] s'[0] + Sum over l of <D[l+1], df/dx x'[l]>,

since D[l] s'[l] = G[l] s'[l] + D[l+1] s'[l+1] - <D[l+1], df/dx x'[l]> telescopes. What is left to prove has no recurrence in it: the right side is the
derivative of <D[0], s[0]> + Sum over l of <D[l+1], f(s[l], x[l])> by v, the states and adjoints held fast (conclusion).

Nothing here differentiates: the step and the conclusion are claims of derivatives, decided by ``symdl.prove.claims``.
"""

from __future__ import annotations

from symdl.errors import UnsupportedError
from symdl.expr.tensor import Expr
from symdl.graph import node as kinds
from symdl.graph.build import Term
from symdl.graph.recurrence import System
from symdl.graph.walk import topological
from symdl.prove.held import Held, Prove, by_step, closed, inits_of, proved_together, systems_of
from symdl.prove.stop import Clock
from symdl.prove.telescope import through
from symdl.steps.verdict import Verdict


def by_induction(lhs: Expr, rhs: Expr, clock: Clock, prove: Prove) -> Verdict | None:
    """PROVED by induction; None when that does not decide it.

    Parameters
    ----------
    lhs, rhs : Expr
    clock : Clock
    prove : callable
        Decides what is left, which has fewer recurrences in it.
    """
    nodes = topological([lhs.node, rhs.node])
    if not any(n.op == kinds.RECUR for n in nodes):
        return None
    lhs, rhs = closed(lhs, {**lhs.open, **rhs.open}), closed(rhs, {**lhs.open, **rhs.open})
    try:
        if any(n.op == kinds.PARTIAL and n.args[0].op == kinds.RECUR for n in nodes):
            return through(lhs, rhs, clock, prove)
        return _equal(lhs, rhs, clock, prove)
    except UnsupportedError:
        return None  # a graph that cannot be rewritten is unrolled instead


# --- equality -----------------------------------------------------------------------------------------------------------


def _equal(lhs: Expr, rhs: Expr, clock: Clock, prove: Prove) -> Verdict | None:
    """Recurrences of one side are found again on the other; then the sides are compared with these held fast."""
    left = systems_of([lhs.node])
    right = [s for s in systems_of([rhs.node]) if s not in left]
    same: dict[System, System] = {}
    told: list[tuple[str, Verdict]] = []
    for system in right:
        clock.look()
        for other in (s for s in left if _alike(s, system)):
            found = _same_steps(other, system, same, prove)
            if found is not None:
                same[system] = other
                told += found
                break
    held = Held(left, same)
    rest = prove(held.expr(lhs), held.expr(rhs))
    if not same:
        return rest if rest.proved else None  # true whatever the states are
    return proved_together([*told, ("conclusion", rest)])


def _alike(a: System, b: System) -> bool:
    return a.attr.length == b.attr.length and a.attr.down == b.attr.down and a.attr.shapes == b.attr.shapes


def _same_steps(a: System, b: System, same: dict[System, System], prove: Prove) -> list[tuple[str, Verdict]] | None:
    """Base and step for two recurrences, those in ``same`` being equal already."""
    told = []
    names = ", ".join(a.attr.names)
    for x, y in zip(inits_of(a), inits_of(b), strict=True):
        held = Held((), same)
        told.append((f"base {names}", prove(held.expr(x), held.expr(y))))
        if not told[-1][1].proved:
            return None
    held = Held((), same | {b: a})
    for state, (one, other) in enumerate(zip(held.step(a, "step"), _other_step(held, a, b), strict=True)):
        told.append((f"step {names}", prove(by_step(one, a, state), by_step(other, a, state))))
        if not told[-1][1].proved:
            return None
    return told


def _other_step(held: Held, a: System, b: System) -> list[Term]:
    """A step of b on the states that are held for a."""
    seeds = [Term(held.tensor(a, k, "before"), ("step", *range(len(shape)))) for k, shape in enumerate(a.attr.shapes)]
    return held.step(b, "step", seeds)
