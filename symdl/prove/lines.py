"""A claim that is a derivation: every line must follow from the one before, and the first line that does not is named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise
from typing import Any

from symdl.errors import ParseError, ShapeError
from symdl.expr.tensor import Expr
from symdl.expr.tex.reading import Line, read
from symdl.steps.verdict import PROVED, Verdict

#: (verdict, target, the side before or None, the side that is wrong) -> Verdict.
Explain = Callable[[Verdict, Expr, Any, Expr], Verdict]


def check_lines(text: str, loss: Expr, target: Expr, parts: dict[str, Expr], decide: Any, same: Any, explain: Explain) -> Verdict:
    """Decide a claim written in LaTeX, of one line or of several.

    Parameters
    ----------
    text : str
    loss, target : Expr
        The derivative of ``loss`` by ``target`` is claimed.
    parts : dict
        Name -> expression, what the claim may speak of.
    decide : callable
        (target, claim) -> Verdict: whether it is the derivative.
    same : callable
        (one side, the next) -> Verdict: whether they are equal.
    explain : callable
        (verdict, target, side before, or None, side) -> Verdict: what is said of a side that is wrong.
    """
    lines = read(text, parts)
    sides = [(number, side) for number, line in enumerate(lines, start=1) for side in line.sides]
    letters = _letters(lines, target, [side for _, side in sides])
    looked = target[letters] if letters else target
    verdict = decide(looked, sides[0][1])
    if verdict.verdict != PROVED:
        return _numbered(explain(verdict, looked, None, sides[0][1]), lines, sides[0][0])
    proofs = [verdict]
    for (_, before), (number, after) in pairwise(sides):
        step = same(before, after)
        if step.verdict != PROVED:
            return _numbered(explain(step, looked, before, after), lines, number)
        proofs.append(step)
    weakest = next((v for v in proofs if "for every size" not in v.method), proofs[0])
    return replace(weakest, detail=f"{len(sides)} lines, each follows from the one before") if len(sides) > 1 else weakest


def _numbered(verdict: Verdict, lines: list[Line], number: int) -> Verdict:
    if len(lines) < 2 or verdict.verdict == PROVED:
        return verdict
    return replace(verdict, detail=f"line {number} is the first that is not proved" + (f"; {verdict.detail}" if verdict.detail else ""))


def _letters(lines: list[Line], target: Expr, sides: list[Expr]) -> tuple[Any, ...]:
    """The letters of the element that is spoken of: those on the left, or else those that are open on the right, in alphabetic order."""
    for line in lines:
        if line.by and target.node.name and line.by not in (target.node.name, str(target.node.name).replace("_", "")):
            raise ParseError(f"the formula is a derivative by {line.by}, and the question is about {target.node.name}")
    stated = next((line.letters for line in lines if line.letters), ())
    free = sorted({s for side in sides for s in side.open}, key=str)
    chosen = stated or tuple(free)
    if not chosen:
        return ()
    if len(chosen) != target.ndim:
        raise ShapeError(f"the formula speaks of an element at {', '.join(map(str, chosen))}, but {target.node.name} has {target.ndim} axes")
    return chosen
