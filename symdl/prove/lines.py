"""A claim that is a derivation: every line must follow from the one before, and the first line that does not is named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from symdl.errors import ParseError, ShapeError, SymdlError
from symdl.expr.tensor import Expr
from symdl.expr.tex.oriented import sized
from symdl.expr.tex.reading import Chain, Reader, Side
from symdl.prove.judge import MENDED, UNFORMED, Decide, Judge, words_of
from symdl.prove.question import Question
from symdl.steps.verdict import REFUTED, UNKNOWN, Verdict

#: (verdict, what is differentiated, target, the side before or None, the side that is wrong) -> Verdict.
Explain = Callable[[Verdict, Expr, Expr, Any, Expr], Verdict]
#: (of, by) -> the derivative.
Differentiate = Callable[[Expr, Expr], Expr]


@dataclass
class Step:
    """One equality of a derivation, and what came of it."""

    side: Side
    verdict: Verdict
    of: Expr
    at: Expr
    before: Expr | None
    expr: Expr | None = None


@dataclass
class Outcome:
    """What came of all lines; ``unread`` are sides that could not be read, ``rows`` how many lines there are."""

    rows: int
    steps: list[Step] = field(default_factory=list)
    unread: list[Side] = field(default_factory=list)


def check_lines(
    text: str, question: Question, parts: dict[str, Expr], decide: Decide, same: Any, explain: Explain, differentiate: Differentiate | None
) -> Verdict:
    """Decide a claim written in LaTeX, of one line or of several.

    Parameters
    ----------
    text : str
    question : Question
        What is differentiated, and by what.
    parts : dict
        Name -> expression, what the claim may speak of.
    decide : callable
        (of, by, claim) -> Verdict: whether it is the derivative.
    same : callable
        (one side, the next) -> Verdict: whether they are equal.
    explain : callable
        (verdict, of, by, side before or None, side) -> Verdict: what is said of a side that is wrong.
    differentiate : callable or None
        (of, by) -> the derivative, for derivatives that stand on the right of an equation.
    """
    derivative = None if differentiate is None else lambda of, by: question.derivative(of, by, differentiate)
    reader = Reader(text, parts, derivative)
    chains = reader.read()
    asked = _asked(chains, question)
    out = Outcome(max((s.row for c in chains for s in c.sides), default=1))
    judge = Judge(reader, decide, same, question)
    for chain in chains:
        _check_chain(chain, chain in asked, question, judge, out)
    return _summary(out, explain)


# --- which lines speak of what is asked ---------------------------------------------------------------------------------


def _asked(chains: list[Chain], question: Question) -> list[Chain]:
    """The chains that say what the derivative is."""
    stated = [c for c in chains if c.left is not None and c.left.by is not None and question.is_asked(c.left)]
    if stated:
        if not any(c.sides for c in stated):
            raise ParseError("the formula has a derivative on its left and nothing on its right")
        return stated
    derivatives = [c for c in chains if c.left is not None and c.left.by is not None]
    others = [c for c in chains if c not in derivatives]
    bare = [c for c in others if c.left is None and (len(c.sides) == 1 or not _is_name(c.sides[0]))]
    if bare and not derivatives:
        return [bare[0]]
    named = [c for c in others if c.left is not None and not c.left.params and not _used(c, chains)]
    if named and not derivatives:
        return [named[-1]]
    for chain in derivatives:
        if chain.left is not None and chain.left.problem is not None:
            raise chain.left.problem
    if derivatives and derivatives[0].left is not None:
        raise ParseError(question.another(derivatives[0].left))
    raise ParseError(f"no line says what the derivative by {question.target.node.name} is")


def _is_name(side: Side) -> bool:
    tree = side.tree
    while tree is not None and tree.what in ("index", "layer"):
        tree = tree.parts[0]
    return tree is not None and tree.what == "symbol"


def _used(chain: Chain, chains: list[Chain]) -> bool:
    """Whether another line uses what this one defines."""
    name = "" if chain.left is None else chain.left.name
    return any(name in words_of(s.tree) for c in chains if c is not chain for s in c.sides)


# --- one chain ----------------------------------------------------------------------------------------------------------


def _check_chain(chain: Chain, asked: bool, question: Question, judge: Judge, out: Outcome) -> None:
    of, at = question.loss, question.target
    derivative = asked
    problem = None if chain.left is None else chain.left.problem
    if chain.left is not None and chain.left.params:
        return
    if problem is None and (asked or (chain.left is not None and chain.left.by is not None)):
        try:
            of, at = question.asked_at(chain) if asked else question.other(chain)
            derivative = True
        except SymdlError as error:
            problem = error
            if asked and len(out.steps) + len(out.unread) == 0:
                raise
    before: Expr | None = None
    for side in chain.sides:
        if problem is not None:
            side.problem = problem
        expr = None if problem is not None else _expr(side, at if derivative else None)
        if expr is None and isinstance(side.problem, ShapeError) and not judge.follows_from_another(side, chain):
            known = derivative or before is not None
            found = judge.unformed(side, chain, of, at, before) if known else Verdict(REFUTED, UNFORMED, detail=str(side.problem))
            out.steps.append(Step(side, found, of, at, before))
            continue
        if expr is None:
            out.unread.append(side)
            continue
        if before is None and not derivative:
            before = expr  # a definition, or the first of several sides that are said to be equal
            continue
        out.steps.append(Step(side, judge.verdict(of, at, before, expr, side, chain), of, at, before, expr))
        before = expr


def _expr(side: Side, at: Expr | None) -> Expr | None:
    """The side as an expression; the identity matrix or the ones get their size from what is asked."""
    if side.value is None:
        return None
    try:
        return sized(side.value, at.shape[-1] if at is not None and at.shape else None).expr
    except SymdlError as error:
        side.problem = error
        return None


# --- what is said of all ------------------------------------------------------------------------------------------------


def _summary(out: Outcome, explain: Explain) -> Verdict:
    wrong = [s for s in out.steps if s.verdict.verdict == REFUTED]
    open_ = [s for s in out.steps if s.verdict.verdict == UNKNOWN]
    if not out.steps and out.unread:
        raise out.unread[0].problem or ParseError("the formula is empty")
    if wrong:
        return _refuted(out, wrong, explain)
    if out.unread:
        return Verdict(UNKNOWN, "reading every line", detail=_unread(out))
    if open_:
        step = open_[0]
        found = _explained(step, explain)
        return found if len(out.steps) == 1 else replace(found, detail=_joined(_place(step.side, "is the first that is not proved"), found.detail))
    weakest = next((s.verdict for s in out.steps if "for every size" not in s.verdict.method), out.steps[0].verdict)
    said = [f"{len(out.steps)} lines, each follows from the one before"] if len(out.steps) > 1 else []
    rows = [s for s in out.steps if s.side.value is not None and s.side.value.row and s.before is None and s.at.ndim == 1]
    if rows:
        said.append("written as a row (numerator layout); the gradient as a column is its transpose")
    return replace(weakest, detail="; ".join(said)) if said else weakest


def _refuted(out: Outcome, wrong: list[Step], explain: Explain) -> Verdict:
    step = wrong[0]
    if len(out.steps) == 1 and step.verdict.method == UNFORMED and not out.unread:
        raise ShapeError(step.verdict.detail)
    found = _explained(step, explain)
    if len(out.steps) + len(out.unread) < 2:
        return found
    more = [_place(s.side, "is wrong too") for s in wrong[1:] if s.side.row != step.side.row]
    return replace(found, detail=_joined(_place(step.side, "is the first that is wrong"), found.detail, *dict.fromkeys(more), _unread(out)))


def _explained(step: Step, explain: Explain) -> Verdict:
    if step.expr is None or step.verdict.method in (UNFORMED, MENDED):
        return step.verdict
    return explain(step.verdict, step.of, step.at, step.before, step.expr)


def _unread(out: Outcome) -> str:
    seen: dict[str, None] = {}
    for side in out.unread:
        seen[f"{_place(side, 'was not read')}: {side.problem}"] = None
    return "; ".join(list(seen)[:3])


def _place(side: Side, what: str) -> str:
    """What is said of a line: its number, and how the side is typed."""
    shown = side.text if len(side.text) <= 80 else side.text[:77] + "..."
    return f"{f'line {side.row}' if side.row else 'a formula before the first line'} {what} ({shown})"


def _joined(*parts: str) -> str:
    return "; ".join(p for p in parts if p)
