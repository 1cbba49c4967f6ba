"""What is asked: the derivative of something by something; and what the derivatives that a text speaks of are, seen from there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice, permutations
from typing import Any

import sympy as sp

from symdl.errors import NameError_, ParseError, ShapeError, SymdlError
from symdl.expr.tensor import Expr, of_node
from symdl.expr.tex.left import Left
from symdl.graph.build import Term
from symdl.graph.graft import graft
from symdl.graph.node import INPUT, LET, Node
from symdl.graph.walk import topological
from symdl.prove.equal import prove
from symdl.steps.verdict import PROVED


@dataclass
class Question:
    """The derivative of ``loss`` by ``target``. Of a second derivative ``loss`` is the gradient of ``scalar`` by ``first``."""

    loss: Expr
    target: Expr
    scalar: Expr | None = None
    first: Expr | None = None

    @property
    def order(self) -> int:
        return 1 if self.first is None else 2

    @property
    def whole(self) -> Expr:
        """What the text calls the loss."""
        return self.loss if self.scalar is None else self.scalar

    # --- is it that? -----------------------------------------------------------------------------------------

    def is_asked(self, left: Left) -> bool:
        """Whether a derivative is the one that is asked for."""
        if left.problem is not None or left.order != self.order or not self._is_loss(left.function):
            return False
        wanted = [self.target] if self.first is None else [self.first, self.target]
        return not left.targets or [t.node for t in left.targets] in ([w.node for w in wanted], [w.node for w in wanted[::-1]])

    def _is_loss(self, function: Expr | None) -> bool:
        whole = self.whole
        if function is None or function.node in (whole.node, _inside(whole.node)):
            return True
        if function.shape != whole.shape or function.open or whole.open:
            return False
        try:
            return prove(function, whole, time_budget=2.0).verdict == PROVED
        except SymdlError:
            return False

    def another(self, left: Left) -> str:
        """What is said of a formula about something else."""
        name = self.target.node.name
        if left.targets and left.targets[-1].node is not self.target.node:
            return f"the formula is a derivative by {left.targets[-1].node.name}, and the question is about {name}"
        if left.order != self.order:
            return f"the formula is a derivative of order {left.order}, and the question is about order {self.order}"
        return f"the formula is a derivative of {left.function!s:.60}, which is not what is asked about"

    # --- of what, by what ------------------------------------------------------------------------------------

    def asked_at(self, chain: Any) -> tuple[Expr, Expr]:
        """(of, by) for a chain that says what the derivative is: the whole, or the element of which it speaks."""
        left = chain.left
        if left is not None and left.by is not None and left.targets:
            if self.first is not None:
                return _look(self.loss, left.targets[0], self.first), left.targets[1]
            of = left.function if left.function is not None and left.function.open else self.loss
            if left.function is None and self.loss.ndim and len(letters := left.of_letters()) == self.loss.ndim:
                of = self.loss[tuple(letters)]
            return of, left.targets[0]
        letters = _free(chain) if left is None or not left.letters else [sp.Symbol(t.text, integer=True) for t in left.letters]
        if not set(letters) - set(self.target.open) - set(self.loss.open):
            return self.loss, self.target
        count = self.loss.ndim
        if len(letters) != count + self.target.ndim:
            raise ShapeError(
                f"the formula speaks of an element at {', '.join(map(str, letters))}, but {self.target.node.name} has {self.target.ndim} axes"
                + (f" and what is differentiated {count}" if count else "")
            )
        letters = _fitting(letters, [*self.loss.shape, *self.target.shape], chain)
        of = self.loss[tuple(letters[:count])] if count else self.loss
        return of, (self.target[tuple(letters[count:])] if self.target.ndim else self.target)

    def other(self, chain: Any) -> tuple[Expr, Expr]:
        """(of, by) for a derivative of, or by, something else."""
        left: Left = chain.left
        if left.order != 1 or len(left.targets) > 1:
            raise ParseError("a derivative of another order than the one that is asked about")
        of = self.whole if left.function is None else left.function
        return self.over(of, left.targets[0] if left.targets else self.target)

    def over(self, of: Expr, by: Expr) -> tuple[Expr, Expr]:
        """What is differentiated, written in terms of what it is differentiated by.

        Raises
        ------
        NameError_
            When it does not depend on it.
        """
        if of.node is by.node and of.node.op == LET:  # da/da
            return of, by
        inner = _opened(of) if of.node.op == LET and not _contains(of, by.node) else of
        if _contains(inner, by.node):
            return inner, by
        made = inner
        for node in topological([by.node]):  # the innermost names first: a = sigma(z) needs z
            made = with_name(made, node)
        if not _contains(made, by.node):
            raise NameError_(f"{by.node.name} does not occur in {_called(of)}")
        return made, by

    def derivative(self, of: Expr | None, by: tuple[Expr, ...], differentiate: Callable[[Expr, Expr], Expr]) -> Expr:
        """A derivative on the right of an equation."""
        inner = self.whole if of is None else of
        for one in by:
            inner = differentiate(*self.over(inner, one))
        return inner


def with_name(expr: Expr, name: Node) -> Expr:
    """The expression with a named result in it wherever what the name stands for occurs."""
    if name.op != LET:
        return expr
    (body, entries) = next(iter(name.terms()))
    if sorted(entries) != list(range(name.rank)):
        return expr
    place = tuple(entries.index(axis) for axis in range(name.rank))
    (made,) = graft([expr.term], {body: Term(name, place)})
    return Expr(made, expr.shape, expr.open)


def _contains(expr: Expr, node: Node) -> bool:
    if node.op == INPUT:
        return any(n is node or (n.op == INPUT and n.name == node.name) for n in topological([expr.node]))
    return any(n is node for n in topological([expr.node]))


def _opened(expr: Expr) -> Expr:
    """What a name stands for."""
    (body, entries) = next(iter(expr.node.terms()))
    return Expr(Term(body, tuple(expr.map[e] for e in entries)), expr.shape, expr.open)


def _inside(node: Node) -> Node | None:
    return node.args[0] if node.op == LET else None


def _called(expr: Expr) -> str:
    return str(expr.node.name or "what is differentiated")


def _look(gradient: Expr, at: Expr, first: Expr) -> Expr:
    """The gradient at the element of which is spoken."""
    keys = tuple(e if isinstance(e, sp.Symbol) else ~e if type(e) is int and e < 0 else slice(None) for e in at.map)
    return gradient[keys] if keys and at.map != of_node(first.node).map else gradient


def _fitting(letters: list[Any], sizes: list[Any], chain: Any) -> list[Any]:
    """Letters in the order in which they run over axes of these sizes; in alphabetic order where that fits."""
    runs = {s: n for side in chain.sides if side.value is not None for s, n in side.value.expr.open.items()}
    for order in islice(permutations(letters), 24):
        if all(runs.get(s, n) == n for s, n in zip(order, sizes, strict=True)):
            return list(order)
    return letters


def _free(chain: Any) -> list[sp.Symbol]:
    return sorted({s for side in chain.sides if side.value is not None for s in side.value.expr.open}, key=str)
