"""One side of an equation, judged: whether it is the derivative, or follows from the side before; where it cannot be formed, what would mend it."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from typing import Any

from symdl.errors import ShapeError, SymdlError
from symdl.expr.tensor import Expr
from symdl.expr.tex.oriented import sized
from symdl.expr.tex.reading import Chain, Reader, Side
from symdl.expr.tex.variants import MOST, variants
from symdl.prove.question import Question
from symdl.steps.verdict import PROVED, REFUTED, UNKNOWN, Verdict

#: (of, by, claim) -> Verdict.
Decide = Callable[[Expr, Expr, Expr], Verdict]
#: How a side was decided whose parts do not go together: one change makes it right, or none that was tried.
MENDED, UNFORMED = "the shapes of its parts", "shapes"
#: Seconds for the search of what mends a formula that cannot be formed.
SECONDS = 1.5


@dataclass
class Judge:
    """``decide``: whether a side is the derivative; ``same``: whether two sides are equal; ``question``: what is asked."""

    reader: Reader
    decide: Decide
    same: Any
    question: Question

    def verdict(self, of: Expr, at: Expr, before: Expr | None, expr: Expr, side: Side, chain: Chain) -> Verdict:
        try:
            return self.decide(of, at, expr) if before is None else self.same(before, expr)
        except ShapeError as error:
            side.problem = error
            return self.unformed(side, chain, of, at, before)
        except SymdlError as error:
            return Verdict(UNKNOWN, "reading the formula", detail=str(error))

    def unformed(self, side: Side, chain: Chain, of: Expr, at: Expr, before: Expr | None) -> Verdict:
        """What is said of a side whose parts do not go together: the one change that makes it right, if there is one."""
        said = str(side.problem)
        words = self._mend(side, chain, of, at, before)
        # What one change makes right is a wrong claim; what nothing mends has no meaning.
        return Verdict(REFUTED, MENDED if words else UNFORMED, detail=f"{words}: as it stands, {said}" if words else said)

    def follows_from_another(self, side: Side, chain: Chain) -> bool:
        """Whether a side has no meaning because what it uses has none: the line that defines that is to blame."""
        own = "" if chain.left is None else chain.left.name
        return bool((words_of(side.tree) & set(self.reader.scope.failed)) - {own})

    def _mend(self, side: Side, chain: Chain, of: Expr, at: Expr, before: Expr | None) -> str:
        end = time.monotonic() + SECONDS
        if side.tree is None:
            return ""
        for words, tree in islice(variants(side.tree, list(self.reader.tensors)), MOST):
            if time.monotonic() > end:
                break
            try:
                value = self.reader.meaning(tree, chain)
                expr = sized(value, at.shape[-1] if at.shape else None).expr
                if before is None and chain.left is None and expr.open:
                    of, at = self.question.asked_at(Chain([Side(side.row, "", value=value)]))
                found = self.decide(of, at, expr) if before is None else self.same(before, expr)
            except SymdlError:
                continue
            if found.verdict == PROVED:
                return words
        return ""


def words_of(tree: Any) -> set[str]:
    """The names in a tree, also joined with the numbers and letters behind them: delta, and delta2 for \\delta^{(2)}."""
    found: set[str] = set()
    waiting = [tree]
    while waiting:
        one = waiting.pop()
        what = getattr(one, "what", None)
        if what is not None:
            waiting += one.parts
            if what in ("index", "layer", "power"):
                base = one.parts[0]
                digits = "".join(getattr(t, "text", "") for t in one.parts[1]) if what == "index" else str(getattr(one.parts[1], "parts", (one.parts[1],))[0])
                if base.what in ("symbol", "layer", "power"):
                    found |= {f"{w}{digits}" for w in words_of(base)}
            if what == "symbol":
                found.add(str(one.parts[0]))
        elif isinstance(one, (tuple, list)):
            waiting += one
    return found
