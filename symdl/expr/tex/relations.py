"""Relations as numbers: indicators, Kronecker's delta, cases; 1 where the relation holds, else 0."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from symdl.expr.dims import indices
from symdl.expr.pending import Pending
from symdl.expr.tensor import Expr, as_expr, elementwise
from symdl.expr.tex.elements import Elements
from symdl.expr.tex.oriented import Value
from symdl.expr.tex.tokens import Token
from symdl.expr.tex.tree import Tex
from symdl.graph import build
from symdl.graph.build import Delta


class Relations(Elements):
    def _relation(self, tree: Tex) -> Value:
        """a < b, i = j, 0 <= x < 1: an indicator."""
        total: Expr | None = None
        for at in range(0, len(tree.parts) - 2, 2):
            left, sign, right = tree.parts[at : at + 3]
            holds = self._holds(left, sign, right, tree)
            total = holds if total is None else total * holds
        assert total is not None
        return Value(total)

    def _holds(self, left: Tex, sign: str, right: Tex, tree: Tex) -> Expr:
        if sign == "in":
            raise self.fail(tree, "sets are not read: write a relation such as i \\ne j or z > 0")
        if sign in ("=", "!="):
            equal = self._equal(left, right, tree)
            return equal if sign == "=" else 1 - equal
        gap = self.number_of(left) - self.number_of(right)
        if sign in ("<", "<="):
            gap = -gap
        # Of a whole number, gap >= 0 is gap + 1/2 > 0, away from the jump.
        return elementwise("positive", gap) if sign in ("<", ">") else 1 - elementwise("positive", -gap)

    def _equal(self, left: Tex, right: Tex, tree: Tex) -> Expr:
        sides = [self._index_letter(t) for t in (left, right)]
        if all(s is not None for s in sides):
            return self._delta(*sides)
        return elementwise("iszero", self.number_of(left) - self.number_of(right))

    def _index_letter(self, tree: Tex) -> Any:
        """The letter that a tree is, when it is an index and no tensor."""
        if tree.what == "group":
            return self._index_letter(tree.parts[0])
        if tree.what != "symbol" or self.is_known(tree.parts[0]) or tree.parts[0] in self.fixed:
            return None
        name = tree.parts[0]
        return indices(name) if len(name) == 1 and (name not in self.sizes or name in (*self.bound, *self.free)) else None

    @staticmethod
    def _delta(a: Any, b: Any) -> Expr:
        if a == b:
            return as_expr(1)
        size = Pending(a)
        return Expr(build.mul(1, [], [Delta(a, b, size)]), (), {a: size, b: size})

    def number_of(self, tree: Tex) -> Expr:
        """A side of a relation: a letter stands for its number."""
        letter = self._index_letter(tree)
        return self.value(tree).expr if letter is None else self.place(letter)

    def place(self, letter: Any) -> Expr:
        """The number of a letter, as it is counted."""
        if str(letter) in self.fixed:
            return as_expr(self.fixed[str(letter)] + self.start)
        size = Pending(letter)
        return Expr(build.position(size, letter), (), {letter: size}) + self.start

    def equal_indices(self, left: Sequence[Token], right: Sequence[Token], tree: Tex) -> Expr:
        a, b = (self.side(tokens, tree) for tokens in (left, right))
        return self._equal(a, b, tree)

    def indicator(self, tokens: Sequence[Token], tree: Tex) -> Value:
        return self._relation(self.relation_tree(tokens, tree))

    def relation_tree(self, tokens: Sequence[Token], tree: Tex) -> Tex:
        found = self.side(tokens, tree)
        if found.what != "relation":
            raise self.fail(tree, "a relation such as i = j or z > 0 belongs here")
        return found

    def side(self, tokens: Sequence[Token], tree: Tex) -> Tex:
        """The tree of some tokens."""
        from symdl.expr.tex.parser import Parser

        if not tokens:
            raise self.fail(tree, "an index is missing")
        found = Parser(self.text, [Token("end", "", tree.position)], self.tensors).sub(tokens)
        assert isinstance(found, Tex)
        return found

    # --- cases -----------------------------------------------------------------------------------------------

    def _cases(self, tree: Tex) -> Value:
        """Branches from the last to the first: the first whose condition holds counts."""
        result: Expr | None = None
        row = False
        for cells in reversed(tree.parts):
            value = self.value(cells[0])
            row |= value.row
            condition = cells[1] if len(cells) > 1 else None
            if len(cells) > 2 or (condition is not None and condition.what not in ("relation", "otherwise", "list")):
                raise self.fail(cells[0], "a row of cases is a value, & and a condition such as x > 0")
            if condition is None or condition.what == "otherwise":
                result = value.expr
                continue
            holds = self._condition(condition)
            result = holds * value.expr if result is None else elementwise("where", holds, value.expr, result)
        if result is None:
            raise self.fail(tree, "the cases are empty")
        return Value(result, row)

    def _condition(self, tree: Tex) -> Expr:
        if tree.what != "list":
            return self._relation(tree).expr
        total = as_expr(1)
        for part in tree.parts:
            if part.what != "relation":
                raise self.fail(part, "a condition such as x > 0 belongs here")
            total = total * self._relation(part).expr
        return total
