"""Gradients through recurrences as a whole, by induction over the steps: for every number of steps and every size.

Let L be a loss of the states of s[l+1] = f(s[l], x[l]). The states before the steps are B[l] = s[l], the final one is F = s[T]; where L mentions
states after a step, f(B[l], x[l]) is put for them. Let the claim mention a recurrence D that runs the other way. If, for B, F and D of which
nothing is known,

- (base) D starts as dL/dF,
- (step) D[l] = d/dB[l] of L + Sum over l of <D[l+1], f(B[l], x[l])>,

then dL/dv along the recurrence is d/dv of L + <D[0], s[0]> + Sum over l of <D[l+1], f(B[l], x[l])> with B, F and D held fast: by the chain
rule, since D[l] s'[l] = (dL/dB[l]) s'[l] + <D[l+1], df/ds s'[l]> telescopes. That is compared with the claim (conclusion), in which that
recurrence does not occur any more; others, on which it was built, are taken one after the other in the same way. The method is that of
Lagrange multipliers (LeCun 1988).

Nothing here differentiates: base, step and conclusion are claims of derivatives, decided by ``symdl.prove.claims``.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from symdl.errors import UnsupportedError
from symdl.expr.ops import zeros
from symdl.expr.tensor import Expr, of_node
from symdl.graph import build
from symdl.graph import node as kinds
from symdl.graph.build import Term
from symdl.graph.graft import graft
from symdl.graph.node import INPUT, Node
from symdl.graph.recurrence import System, plus_one, system_of
from symdl.graph.steps import at_steps
from symdl.graph.walk import topological
from symdl.prove.held import Held, Prove, by_step, inits_of, proved_together, systems_of
from symdl.prove.stop import Clock
from symdl.prove.telescope import runs_back
from symdl.steps.verdict import Verdict

#: Sums over all positions that are split in one expression.
MOST_SUMS = 20

Check = Callable[[Expr, Expr, Expr], Verdict]


def gradient_by_induction(loss: Expr, target: Expr, claim: Expr, clock: Clock, check: Check, prove: Prove) -> Verdict | None:
    """PROVED by induction; None when that does not decide it.

    Parameters
    ----------
    loss : Expr
        A scalar.
    target : Expr
        A whole input.
    claim : Expr
    check, prove : callables
        They decide what is left, which has fewer recurrences in it.
    """
    whole = target.node.op == INPUT and tuple(target.map) == tuple(range(target.node.rank))
    if not whole or loss.shape or loss.open or claim.open or any(n.op == kinds.PARTIAL for n in topological([claim.node])):
        return None
    try:
        return _decided(loss, target, claim, clock, check, prove)
    except UnsupportedError:
        return None  # a graph that cannot be rewritten so


def _decided(loss: Expr, target: Expr, claim: Expr, clock: Clock, check: Check, prove: Prove) -> Verdict | None:
    systems = systems_of([loss.node])
    if not any(target.node in topological(s.args) for s in systems):
        held = Held()  # whatever the states are
        found = check(held.expr(loss), target, held.expr(claim))
        return found if found.proved else None
    under = {inner for s in systems for inner in systems_of(s.args)}
    system = next(s for s in reversed(systems) if s not in under)
    for back in systems_of([claim.node]):
        clock.look()
        if back != system and runs_back(back, system, ()):
            split = [_in_steps(_in_steps(e, system), back) for e in (loss, claim)]
            proved = _telescoped(split[0], target, split[1], system, back, check, prove)
            if proved is not None:
                return proved
    return None


def _in_steps(expr: Expr, system: System) -> Expr:
    """Sums over all positions of a recurrence as the sum over those before the steps, and the final one.

    Raises
    ------
    UnsupportedError
        When all positions are spoken of in other ways.
    """
    for _ in range(MOST_SUMS):
        order = topological([expr.node])
        if not any(_is_whole(n, system) for n in order):
            return expr
        place = next((made for made in (_split(n, system) for n in order if n.op == kinds.MUL) if made is not None), None)
        if place is None:
            break
        (term,) = graft([expr.term], place)
        expr = Expr(term, expr.shape, expr.open)
    raise UnsupportedError("all positions of a recurrence, the first and the last included")


def _is_whole(node: Node, system: System) -> bool:
    return node.op == kinds.RECUR and node.attr.part == "all" and system_of(node) == system


def _split(node: Node, system: System) -> dict[Node, Term] | None:
    """A sum of a product over the positions of the recurrence, in two."""
    sizes = node.sizes()
    for k in range(node.rank, len(sizes)):
        if sizes[k] != plus_one(system.attr.length) or any(k in d for d in node.attr.deltas):
            continue
        if not any(_is_whole(n, system) for n in topological([a for a, m in node.terms() if k in m])):
            continue
        labels: dict[Any, Any] = {j: ("s", j) for j in range(node.rank, len(sizes))}
        factors = [build.rename(Term(a, m), labels) for a, m in node.terms()]
        others: dict[Any, Any] = {labels[j]: sizes[j] for j in range(node.rank, len(sizes)) if j != k}
        deltas = [build.Delta(labels.get(a, a), labels.get(b, b), sizes[a if a >= 0 else b]) for a, b in node.attr.deltas]
        parts = []
        for which, summed in (("before", {"step": system.attr.length}), ("final", {})):
            seen = [at_steps(f, ("s", k), "step", system.node(), which) for f in factors]
            parts.append(build.mul(node.attr.coef, seen, deltas, others | summed))
        made = build.add([1, 1], parts)
        if not any(_is_whole(n, system) for n in topological([made.node])):
            return {node: made}
    return None


def _telescoped(loss: Expr, target: Expr, claim: Expr, system: System, back: System, check: Check, prove: Prove) -> Verdict | None:
    held = Held([system], only=[system, back])
    told = []
    rest = held.expr(loss)
    # Others depend on none of the states of this one, nor on its adjoints: whatever theirs are.
    others = Held()
    states = range(len(system.attr.shapes))
    for state, start in enumerate(inits_of(back)):
        final = held.tensor(system, state, "final")
        told.append(("base", _derivative(others.expr(rest), final, others.expr(held.expr(start)), check, prove)))
        if not told[-1][1].proved:
            return None
    through = _plus(rest, _weighted(system, back, held))
    made = held.step(back, "step")
    for state in states:
        claimed = by_step(made[state], back, state)
        told.append(("step", _derivative(others.expr(through), held.tensor(system, state, "before"), others.expr(claimed), check, prove)))
        if not told[-1][1].proved:
            return None
    total = _plus(through, _at_the_start(system, back, held))
    told.append(("conclusion", _derivative(total, target.node, held.expr(claim), check, prove)))
    return proved_together(told)


def _derivative(total: Expr, wrt: Node, claimed: Expr, check: Check, prove: Prove) -> Verdict:
    """Whether the claim is d total / d wrt, which may not occur."""
    if wrt in topological([total.node]):
        return check(total, of_node(wrt), claimed)
    return prove(claimed, zeros(*wrt.shape))


def _plus(a: Expr, b: Expr) -> Expr:
    return Expr(build.add([1, 1], [a.term, b.term]), ())


def _weighted(system: System, back: System, held: Held) -> Expr:
    """Sum over steps and states of <D[l+1], f(B[l], x[l])>."""
    parts: list[Term] = []
    for state, (shape, made) in enumerate(zip(system.attr.shapes, held.step(system, "step"), strict=True)):
        own = [("axis", k) for k in range(len(shape))]
        weight = Term(held.tensor(back, state, "before"), ("step", *own))
        summed: dict[Any, Any] = dict(zip(own, shape, strict=True)) | {"step": system.attr.length}
        parts.append(build.mul(1, [weight, made], (), summed))
    return Expr(build.add([1] * len(parts), parts), ())


def _at_the_start(system: System, back: System, held: Held) -> Expr:
    """Sum over states of <D[0], s[0]>."""
    parts: list[Term] = []
    for state, start in enumerate(inits_of(system)):
        own = [("axis", k) for k in range(start.ndim)]
        first = Term(held.tensor(back, state, "final"), tuple(own))
        here = build.rename(held.expr(start).term, dict(enumerate(own)))
        parts.append(build.mul(1, [first, here], (), dict(zip(own, start.shape, strict=True))))
    return Expr(build.add([1] * len(parts), parts), ())
