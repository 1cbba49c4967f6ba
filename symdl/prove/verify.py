"""Verifying a derivation: its gradients, by proof and by numeric backpropagation, and each of its steps."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from typing import Any

from symdl.errors import SymdlError
from symdl.expr.ops import zeros
from symdl.expr.tensor import Expr
from symdl.graph.node import INPUT
from symdl.prove.claims import check
from symdl.prove.equal import TIME_BUDGET, prove
from symdl.prove.oracles import DEFAULT, compare
from symdl.prove.stop import Clock
from symdl.steps.verdict import UNKNOWN, Check, Verdict


def verify_gradients(
    loss: Expr,
    gradients: Mapping[str, Expr],
    wrt: Mapping[str, Expr],
    *,
    time_budget: float = TIME_BUDGET,
    structure: Any = None,
    oracles: Sequence[str] | str = DEFAULT,
    clock: Clock | None = None,
) -> list[Check]:
    """Prove each gradient by forward mode, and compare it with the tape and with PyTorch, or with the oracles named.

    Parameters
    ----------
    loss : Expr
    gradients : mapping
        Name -> gradient.
    wrt : mapping
        Name -> what it is the gradient by: a whole input or named result.
    time_budget : float
        Seconds a proof.
    structure : optional
        As for ``check``, or a mapping by name.
    oracles : names, optional
        Of ``symdl.prove.oracles.ORACLES``, or "all".
    clock : Clock, optional
        Of all proofs and comparisons together; what it leaves no time for is UNKNOWN.
    """
    lines = []
    for name, gradient in gradients.items():
        verdict = _guarded(partial(_claimed, loss, wrt[name], gradient, structure), time_budget, clock)
        lines.append(_line(f"gradient by {name}", verdict))
    # Numbers are slow where rounding hides the digits: they leave half of the time to the proofs of the steps.
    return lines + compare(loss, gradients, wrt, oracles=oracles, structure=structure, clock=None if clock is None else clock.part(0.5))


def _claimed(loss: Expr, wrt: Expr, gradient: Expr, structure: Any, time_budget: float) -> Verdict:
    """``check``, which takes a name that the loss does not mention for a slip of the pen; here it was asked for, and the derivative is 0."""
    if wrt.node.op == INPUT and str(wrt.node.name) not in loss.inputs:
        return prove(gradient, zeros(*loss.shape, *wrt.shape), time_budget=time_budget)
    return check(loss, wrt, gradient, time_budget=time_budget, structure=structure)


def verify_steps(steps: Iterable[Any], *, time_budget: float = TIME_BUDGET, clock: Clock | None = None) -> list[Check]:
    """Prove of every step that what stands before equals what stands after; a step that occurs twice is proved once.

    ``time_budget``: seconds a proof; ``clock``: of all together.
    """
    known: dict[tuple[Any, ...], Verdict] = {}
    lines = []
    for number, step in enumerate(steps, start=1):
        key = (*step.before.term, step.before.shape, *step.after.term, step.after.shape)
        if key not in known:
            known[key] = _guarded(partial(prove, step.before, step.after), time_budget, clock)
        lines.append(_line(f"step {number}: {step.of}, {step.rule.name}", known[key]))
    return lines


def _guarded(attempt: Callable[[float], Verdict], seconds: float, clock: Clock | None) -> Verdict:
    """A verdict where reading or shapes fail, too, or no time is left: what cannot be stated is not proved."""
    if clock is not None:
        seconds = min(seconds, clock.left())
        if seconds <= 0:
            return Verdict(UNKNOWN, f"nothing: the {clock.seconds:g} s for the whole verification are spent")
    try:
        return attempt(seconds)
    except SymdlError as error:
        return Verdict(UNKNOWN, "reading", detail=str(error))


def _line(what: str, verdict: Verdict) -> Check:
    return Check(what, f"proof: {verdict.method}" if verdict.proved else "proof", verdict.verdict, note="" if verdict.proved else str(verdict))
