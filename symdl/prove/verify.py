"""The lines of a report: gradients against oracles and by proof, steps by proof."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from symdl.expr.tensor import Expr
from symdl.prove.claims import check
from symdl.prove.equal import prove
from symdl.prove.oracles import compare
from symdl.steps.step import Step
from symdl.steps.verdict import Check, Verdict


def verify_gradients(loss: Expr, gradients: Mapping[str, Expr], wrt: Mapping[str, Expr]) -> list[Check]:
    """Each gradient against numeric backprop, and proved.

    Parameters
    ----------
    loss : Expr
        A scalar.
    gradients, wrt : mapping
        Name -> gradient, and name -> the tensor it is by.
    """
    checks = compare(loss, gradients, wrt)
    for name, gradient in gradients.items():
        checks.append(_line(f"gradient by {name}", check(loss, wrt[name], gradient)))
    return checks


def verify_steps(steps: Iterable[Step]) -> list[Check]:
    """Each step proved on its own."""
    return [_line(f"{step.of}: {step.rule.name}", prove(step.before, step.after)) for step in steps]


def _line(what: str, verdict: Verdict) -> Check:
    return Check(what, f"proof: {verdict.method}", verdict.verdict, note="" if verdict.proved else verdict.detail)
