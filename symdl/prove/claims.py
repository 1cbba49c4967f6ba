"""check(loss, wrt, claim): is a claimed gradient right? Decided by forward mode; the differentiator has no part in it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sympy as sp

from symdl.errors import NameError_, ParseError, ShapeError, UnsupportedError
from symdl.expr.dims import show_shape
from symdl.expr.in_kind import Kind
from symdl.expr.language.words import did_you_mean
from symdl.expr.structured import structure_of
from symdl.expr.tensor import Expr, as_expr, describe, join_letters, of_node
from symdl.expr.tex.reading import looks_like_latex, reads_as_latex
from symdl.functions.given import flag
from symdl.graph.node import INPUT, LET, RECUR
from symdl.graph.walk import topological
from symdl.prove.backward import gradient_by_induction
from symdl.prove.equal import AT_FIRST, TIME_BUDGET, prove
from symdl.prove.everysize.same import is_derivative
from symdl.prove.exact import flint
from symdl.prove.judge import MENDED
from symdl.prove.lines import Differentiate, check_lines
from symdl.prove.plain import ready
from symdl.prove.problem import Gradient
from symdl.prove.question import Question
from symdl.prove.settle import confirmed, for_every_size, seen_to_differ, settle
from symdl.prove.stop import Clock, Stop
from symdl.prove.turned import TURNED, mending_turn, turned
from symdl.steps.verdict import PROVED, REFUTED, UNKNOWN, Verdict


def check(
    loss: Any,
    wrt: Any,
    claim: Any,
    *,
    time_budget: float = TIME_BUDGET,
    structure: Any = None,
    explain: Any = None,
    differentiate: Differentiate | None = None,
    exact: bool = False,
) -> Verdict:
    """Decide whether ``claim`` is d loss / d wrt.

    The derivative is computed forwards, on exact values with derivatives, function by function from the definitions; see ``sd.prove`` for how the
    two sides are compared.

    Parameters
    ----------
    loss : Expr or SymPy expression
        A scalar; for a tensor the claim is the Jacobian, of shape loss.shape + wrt.shape.
    wrt : tensor, element or transpose of one, named result, its name, or SymPy Symbol or Indexed
    claim : Expr, SymPy expression, number or text
        Text is read in the language of ``sd.parse``, with the tensors of the loss known; with a backslash in it as LaTeX (``sd.parse_latex``), of
        which several lines, or several equations in one, must follow from each other.
    time_budget : float
        Seconds.
    structure : "symmetric", "diagonal" or "full", optional
        Over which entries of a matrix is differentiated, as for ``sd.grad``; when nothing is given, as ``wrt`` is declared.
    explain : callable, optional
        (verdict, what is differentiated, target, the line before or None, claim) -> Verdict: what is said of a claim that is not proved; ``sd.check``
        looks for the single edit that mends it.
    differentiate : callable, optional
        (of, by) -> the derivative: for derivatives that stand on the right of an equation in LaTeX.
    exact : bool
        Ask for a certificate, as for ``sd.prove``: what the test modulo random primes says is computed once more over the rational numbers.

    Returns
    -------
    Verdict

    Raises
    ------
    NameError_
        When ``wrt``, or a name in a claim that is text, does not occur in the loss.
    ShapeError
        When the claim has not the shape of ``wrt``.
    MissingExtraError
        When ``exact`` is asked for and python-flint is not installed (``pip install 'symdl[prove]'``).
    """
    if flag("check", "exact", exact):
        flint()
    ask = Asking(Clock(time_budget), structure, explain, differentiate, exact)
    try:
        expr = ready(loss)
        question = Question(expr, _target(expr, wrt, Kind.of(loss).start))
        return ask.verdict(question, claim, loss)
    except UnsupportedError as error:
        return Verdict(UNKNOWN, "reading the expression", detail=str(error))


def check_higher(
    loss: Any,
    wrt: Sequence[Any],
    claim: Any,
    *,
    differentiate: Differentiate,
    time_budget: float = TIME_BUDGET,
    structure: Any = None,
    explain: Any = None,
    exact: bool = False,
) -> Verdict:
    """The same for a derivative by several things in turn, as ``check(loss, [w, w], claim)``: the claim has the shape loss.shape + those of ``wrt``.

    All derivatives but the last are derived, and proved, by ``differentiate``.
    """
    if flag("check", "exact", exact):
        flint()
    ask = Asking(Clock(time_budget), structure, explain, differentiate, exact)
    try:
        expr = inner = ready(loss)
        start = Kind.of(loss).start
        targets = [_target(expr, one, start) for one in wrt]
        for target in targets[:-1]:
            inner = differentiate(inner, target)
        question = Question(inner, targets[-1], expr, targets[0]) if len(targets) == 2 else Question(inner, targets[-1])
        return ask.verdict(question, claim, loss)
    except UnsupportedError as error:
        return Verdict(UNKNOWN, "reading the expression", detail=str(error))


@dataclass
class Asking:
    """How a claim is decided, and what is said of it."""

    clock: Clock
    structure: Any
    explain: Any
    differentiate: Differentiate | None
    exact: bool = False

    def verdict(self, question: Question, claim: Any, loss: Any) -> Verdict:
        parts = named_parts(question.whole)
        if isinstance(claim, str) and looks_like_latex(claim):
            return check_lines(claim, question, parts, self.decide, self.same, self.said, self.differentiate)
        if not isinstance(claim, str):
            return self.judged(question, ready(claim, loss))
        try:
            return self.judged(question, _read(claim, question.whole))
        except ShapeError as error:
            words = mending_turn(claim, lambda text: self.decide(question.loss, question.target, _read(text, question.whole)))
            if not words:
                raise
            return Verdict(REFUTED, MENDED, detail=f"{words}: as it stands, {error}")
        except (ParseError, NameError_):
            if not reads_as_latex(claim, parts):
                raise
            return check_lines(claim, question, parts, self.decide, self.same, self.said, self.differentiate)

    def judged(self, question: Question, claimed: Expr) -> Verdict:
        return self.said(self.decide(question.loss, question.target, claimed), question.loss, question.target, None, claimed)

    def decide(self, of: Expr, at: Expr, side: Expr) -> Verdict:
        return _decide(of, at, side, self.clock, self.structure, self.exact)

    def same(self, before: Expr, side: Expr) -> Verdict:
        return prove(before, side, exact=self.exact)

    def said(self, verdict: Verdict, of: Expr, at: Expr, before: Expr | None, side: Expr) -> Verdict:
        known = self.explain is None or (before is None and structure_of(at.node, self.structure) is not None)
        return verdict if known else self.explain(verdict, of, at, before, side)


def _decide(expr: Expr, target: Expr, claimed: Expr, clock: Clock, structure: Any = None, exact: bool = False) -> Verdict:
    """Whether ``claimed`` is the derivative of ``expr`` by ``target``."""
    wanted = expr.shape + target.shape
    if claimed.shape != wanted:
        if turned(claimed, wanted) and _decide(expr, target, claimed.T, clock, structure).verdict == PROVED:
            return Verdict(REFUTED, MENDED, detail=TURNED.format(show_shape(claimed.shape), show_shape(wanted)))
        raise ShapeError(
            f"check: the claim {describe(claimed)} has the shape {show_shape(claimed.shape)}, but the derivative by {describe(target)} "
            f"has the shape {show_shape(wanted)}"
            + (f": what is differentiated is no scalar, {describe(expr)}" if expr.shape and claimed.shape == target.shape else "")
        )
    join_letters([expr, target, claimed], "check")
    kind = structure_of(target.node, structure)
    problem = Gradient(expr, target, claimed, kind)
    at_first = Clock(min(AT_FIRST, clock.left() / 8))
    if kind is None and is_derivative(expr, target, claimed, problem.targets, at_first) and confirmed(problem, clock):
        return Verdict(PROVED, for_every_size(problem))
    differ = seen_to_differ(problem, clock)
    if differ is not None:
        return differ
    if kind is None and is_derivative(expr, target, claimed, problem.targets, Clock(clock.left() / 2)) and confirmed(problem, clock):
        return Verdict(PROVED, for_every_size(problem))
    found = _by_induction(expr, target, claimed, clock) if kind is None else None
    if found is not None and confirmed(problem, clock):
        return found
    return settle(problem, clock, exact)


def _by_induction(expr: Expr, target: Expr, claimed: Expr, clock: Clock) -> Verdict | None:
    """A gradient through recurrences, over their steps."""
    if not any(n.op == RECUR for n in topological([expr.node])):
        return None
    own = Clock(clock.left() * 0.75)
    try:
        return gradient_by_induction(
            expr,
            target,
            claimed,
            own,
            lambda total, wrt, side: _decide(total, wrt, side, Clock(max(own.left(), 0.1))),
            lambda a, b: prove(a, b, time_budget=max(own.left(), 0.1)),
        )
    except Stop:
        return None


def named_parts(expr: Expr) -> dict[str, Expr]:
    """The tensors and named results of an expression, by name."""
    return {str(n.name): of_node(n) for n in topological([expr.node]) if n.op in (INPUT, LET)}


def _read(text: str, loss: Expr) -> Expr:
    from symdl.expr.language.parse import parse

    parts = named_parts(loss)
    claimed = parse(text, **parts)
    strange = sorted(set(claimed.inputs) - set(parts))
    if strange:  # an undeclared name is a scalar to the parser; in a claim it is a slip of the pen
        near = did_you_mean(strange[0], parts)
        raise NameError_(f"check: the claim mentions {', '.join(strange)}{near}, but the loss does not; it mentions {', '.join(parts)}")
    return claimed


def _target(loss: Expr, wrt: Any, start: Any) -> Expr:
    parts = named_parts(loss)
    if isinstance(wrt, (sp.Indexed, sp.IndexedBase)):
        whole = _known(parts, str(wrt.base.label if isinstance(wrt, sp.Indexed) else wrt.label))
        return whole[tuple(i - start if i.is_number else i for i in wrt.indices)] if isinstance(wrt, sp.Indexed) else whole
    if isinstance(wrt, str):
        return _known(parts, wrt)
    target = as_expr(wrt)
    if target.node.op not in (INPUT, LET):
        raise UnsupportedError(f"the derivative by {describe(target)}: name it with sd.let first, or use an input")
    if target.node.op == INPUT:
        _known(parts, str(target.node.name))
    elif all(n is not target.node for n in topological([loss.node])):
        raise NameError_(f"{target.node.name} does not occur in {describe(loss)}")
    return target


def _known(parts: dict[str, Expr], name: str) -> Expr:
    if name not in parts:
        raise NameError_(f"{name} does not occur in the loss; it mentions {', '.join(parts) or 'no tensor'}")
    return parts[name]
