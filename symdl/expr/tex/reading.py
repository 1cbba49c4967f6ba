"""From a text in LaTeX to what it says: chains of sides that are equal, derivatives on their left, definitions of abbreviations."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from symdl.errors import ParseError, ShapeError, SymdlError
from symdl.expr.tensor import Expr
from symdl.expr.tex.derived import named_by, plain_tree
from symdl.expr.tex.left import Left, left_of
from symdl.expr.tex.meaning import Meaning
from symdl.expr.tex.oriented import Value, sized
from symdl.expr.tex.parser import Parser
from symdl.expr.tex.scope import Definition, Derivative
from symdl.expr.tex.statements import Equation, equations, formulas
from symdl.expr.tex.tokens import Token
from symdl.expr.tex.tree import Tex

__all__ = ["Chain", "Reader", "Side", "looks_like_latex", "parse_latex"]


@dataclass
class Side:
    """One side of an equation: its tree, how it is typed, the row on which it stands (0: in a sentence before the first); what it means, or why nothing."""

    row: int
    text: str
    tree: Tex | None = None
    value: Value | None = None
    problem: SymdlError | None = None

    @property
    def expr(self) -> Expr | None:
        return None if self.value is None else self.value.expr


@dataclass
class Chain:
    """Sides that are said to be equal. ``left``: the derivative or the new name that they are."""

    sides: list[Side] = field(default_factory=list)
    left: Left | None = None
    row: int = 0


def looks_like_latex(text: str) -> bool:
    """Whether a text is a formula in LaTeX, or in the characters of formulas, and not one in the language of ``sd.parse``."""
    return "\\" in text or "_{" in text or "^" in text or "$" in text or not text.isascii() or _ends_in_prime(text)


def _ends_in_prime(text: str) -> bool:
    return ("'" in text and text.count("'") % 2 == 1) or (("')" in text or "'(" in text) and '"' not in text)


def reads_as_latex(text: str, tensors: Mapping[str, Expr]) -> bool:
    """Whether a text that is not in the language of ``sd.parse`` is a formula without any command: 2Ax + b, C_w = X'(Xw - y)."""
    try:
        sides = [s for chain in Reader(text, tensors).read() for s in chain.sides]
    except SymdlError:
        return False
    return bool(sides) and all(s.problem is None or isinstance(s.problem, ShapeError) for s in sides)


def parse_latex(text: str, /, **tensors: Any) -> Expr:
    r"""The expression that LaTeX means, written as people write it.

    Parameters
    ----------
    text : str
        Products without a sign are matrix products (vectors are columns, ``x^\top`` is a row); ``\odot`` is elementwise;
        ``W_{ij}`` is an element, counted from 1, with ``\sum_{i=1}^{n}`` over it; ``x_i`` and ``x^{(i)}`` are rows of a matrix X; ``\sigma``, ``\exp``,
        ``\operatorname{tr}``, ``\frac``, ``\|x\|``, ``A^{-1}``, ``\mathbf``, Greek letters, cases, indicators. Of an equation the right side is read.
    **tensors : str, int, symbol, tuple of these, or Expr
        Name -> expression, or sizes as for ``sd.parse``: ``X="n,p"``.

    Returns
    -------
    Expr

    Raises
    ------
    ParseError
        When the text is no formula: what, and where.
    ShapeError
        When its parts do not go together.

    Examples
    --------
    >>> sd.parse_latex(r"\frac{1}{2} x^\top A x", A="n,n", x="n")
    (x @ A @ x)/2
    """
    from symdl.expr.language.parse import _declared

    if not isinstance(text, str):
        raise ParseError(f"parse_latex reads text, and a {type(text).__name__} is given")
    sizes: set[str] = set()
    known = {name: _declared(name, shape, sizes) for name, shape in tensors.items()}
    chains = Reader(text, known).read()
    sides = [s for chain in chains if chain.left is None for s in chain.sides] or [s for chain in chains for s in chain.sides]
    if not sides:
        raise ParseError("the formula has a derivative on its left and nothing on its right")
    last = sides[-1]
    if last.value is None:
        raise last.problem or ParseError("the formula is empty")
    return sized(last.value).expr


class Reader:
    """Reads a text, once with x_i of a matrix X as a row and, where that does not fit, once more with it as a column."""

    def __init__(self, text: str, tensors: Mapping[str, Expr], derivative: Derivative | None = None) -> None:
        self.text, self.sentences = formulas(text)
        self.tensors, self.derivative = dict(tensors), derivative
        self.scope = Meaning(self.text, self.tensors, _start(text), derivative)

    def read(self) -> list[Chain]:
        """The chains of the text, every side with its meaning or with what keeps it from having one.

        Raises
        ------
        ParseError
            When the text as a whole is no formula.
        """
        best = self._attempt()
        kept = self.scope
        for way in ({"columns": True}, {"norms": True}):
            if not any(isinstance(s.problem, ShapeError) for c in best for s in c.sides):
                break
            again = self._attempt(**way)
            if _failures(again) < _failures(best):
                best, kept = again, self.scope
        self.scope = kept
        return best

    def _attempt(self, columns: bool = False, norms: bool = False) -> list[Chain]:
        self.scope = Meaning(self.text, self.tensors, _start(self.text), self.derivative)
        self.scope.columns, self.scope.norms = columns, norms
        chains = self._chains()
        if not chains:
            raise ParseError("the formula is empty")
        for chain in chains:
            self._define(chain)
        of = [c.left.of for c in chains if c.left is not None and c.left.of is not None]
        strange = {named_by(tree) for tree in of if not self.scope.is_known(named_by(tree) or "x")} - {None}
        self.scope.strangers = strange if len(strange) == 1 else set()
        for chain in chains:
            self._evaluate(chain)
        for chain in chains:
            left = chain.left
            if left is not None and left.problem is not None and plain_tree(left.derivative) in self.scope.used:
                left.by, left.problem, left.name = None, None, "a derivative"  # an abbreviation like every other
        return chains

    # --- trees -----------------------------------------------------------------------------------------------

    def _chains(self) -> list[Chain]:
        found: list[Chain] = []
        for equation in equations(self.text, self.tensors):
            equation.row = max(equation.row - self.sentences, 0)
            sides = [self._side(tokens, equation) for tokens in equation.sides]
            if equation.continues and found:
                found[-1].sides += sides
            else:
                found.append(Chain(sides, row=equation.row))
        return found

    def _side(self, tokens: Sequence[Token], equation: Equation) -> Side:
        begin, end = tokens[0].position, tokens[-1].position + len(tokens[-1].text) + (tokens[-1].kind == "command")
        made = Side(equation.row, " ".join(self.text[begin:end].split()))
        try:
            if equation.relation:
                raise ParseError(f"{equation.relation} is no equality: {made.text[:60]!r}")
            made.tree = self._tree(tokens, end)
        except SymdlError as error:
            made.problem = error
        return made

    def _tree(self, tokens: Sequence[Token], end: int) -> Tex:
        parser = Parser(self.text, [*tokens, Token("end", "", min(end, len(self.text)))], self.tensors)
        tree = parser.listed()
        if parser.token.kind != "end" or parser.token.text:
            raise parser.fail(f"{parser.token.text!r} cannot stand here")
        return tree

    # --- what stands on the left -----------------------------------------------------------------------------

    def _define(self, chain: Chain) -> None:
        """Take what is defined or differentiated off the beginning of a chain."""
        first = chain.sides[0].tree
        if first is None or (len(chain.sides) == 1 and first.what != "partial"):
            return
        chain.left = left_of(first, self.scope, [s.tree for s in chain.sides[1:] if s.tree is not None])
        if chain.left is None:
            return
        chain.sides = chain.sides[1:]
        following = chain.sides[0].tree if chain.sides else None
        if chain.left.derivative is not None:
            sides = [s.tree for s in chain.sides if s.tree is not None]
            if sides:
                self.scope.derived.setdefault(plain_tree(chain.left.derivative), sides)
        if chain.left.name:
            again = None if following is None else left_of(following, self.scope, [])
            if again is not None and again.by is not None:  # H = \nabla^2 f = ...
                again.name, again.letters = chain.left.name, chain.left.letters
                chain.left, chain.sides = again, chain.sides[1:]
            trees = [s.tree for s in chain.sides if s.tree is not None]
            if chain.left.derivative is not None:
                trees = [chain.left.derivative, *trees] if self.derivative is not None else trees
            self.scope.define(Definition(chain.left.name, trees, tuple(chain.left.letters), chain.left.params, chain.left.applied))

    # --- values ----------------------------------------------------------------------------------------------

    def _evaluate(self, chain: Chain) -> None:
        scope = self.scope
        left = chain.left
        if left is not None and left.params and left.by is None:
            for side in chain.sides:
                side.problem = side.problem or ParseError("a function that the text defines")
            return
        if left is not None and left.by is not None:
            left.resolve(scope)
        for side in chain.sides:
            if side.tree is None:
                continue
            try:
                side.value = self.meaning(side.tree, chain)
            except SymdlError as error:
                side.problem = error

    def meaning(self, tree: Tex, chain: Chain) -> Value:
        """What a tree means as a side of a chain, by whose left side its letters are known."""
        self.scope.free = () if chain.left is None else chain.left.index_names()
        try:
            return self.scope.value(tree)
        finally:
            self.scope.free = ()


def _failures(chains: Sequence[Chain]) -> int:
    return sum(s.value is None for c in chains for s in c.sides)


def _start(text: str) -> int:
    """Where indices start: at 0 where a sum says so, else at 1."""
    compact = "".join(text.split())
    return 0 if any(f"sum_{{{c}=0}}" in compact for c in "ijklmnpqrstuv") else 1
