"""Sums and products over letters: whole axes, parts of them, letters that are unlike another."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import sympy as sp

from symdl.expr import ops
from symdl.expr.dims import indices
from symdl.expr.pending import known
from symdl.expr.tensor import Expr, as_expr, elementwise
from symdl.expr.tex.oriented import Value, sized
from symdl.expr.tex.relations import Relations
from symdl.expr.tex.tokens import Token
from symdl.expr.tex.tree import Tex, relation_of
from symdl.graph.number import to_sympy as number_to_sympy

#: Factors of a product that is written out.
MOST_FACTORS = 64
_HALF = sp.Rational(1, 2)


class Over(NamedTuple):
    """What stands under a sum: its letters, where the last of them starts (None: at the first element), and conditions."""

    letters: list[str]
    first: Sequence[Token] | None
    conditions: list[list[Token]]


class Totals(Relations):
    def _total(self, tree: Tex) -> Value:
        """Sum over letters; without letters, of all elements."""
        lower, upper, body, kind = tree.parts
        over = self._over(lower, tree)
        count = len(self.bound)
        self.bound += over.letters
        try:
            if kind == "prod":
                return self._multiplied(over, upper, body, tree)
            return self._added(over, upper, body, tree)
        finally:
            del self.bound[count:]

    def _over(self, lower: Sequence[Token], tree: Tex) -> Over:
        pieces: list[list[Token]] = [[]]
        for token in lower:
            if token.kind in (",", ";", "newline") or (token.kind == "command" and token.text in ("atop", "substack")):
                pieces.append([])
            else:
                pieces[-1].append(token)
        letters: list[str] = []
        first: Sequence[Token] | None = None
        conditions: list[list[Token]] = []
        for piece in pieces:
            if (ranged := self._ranged(piece)) is not None:
                letters.append(ranged[0])
                conditions += ranged[1]
                continue
            if any(t.kind == "command" and t.text == "in" for t in piece):
                raise self.fail(tree, "a sum over a set is not read: write \\sum_{i=1}^{n}, with a condition such as i \\ne j")
            sign = next((k for k, t in enumerate(piece) if relation_of(t) is not None), None)
            names = [t.text for t in piece[:sign] if t.kind in ("letter", "command") and t.text.isalpha()]
            if sign is None:
                letters += names
            elif piece[sign].kind == "=" and len(names) == 1:
                letters += names
                first = piece[sign + 1 :]
            else:
                letters += [n for n in self._summed(piece, names) if n not in letters]
                conditions.append(piece)
        return Over(list(dict.fromkeys(letters)), first, conditions)

    def _ranged(self, piece: Sequence[Token]) -> tuple[str, list[list[Token]]] | None:
        """1 <= i <= n and i in [n]: the letter, and the conditions where these are not the whole axis."""
        kinds = [relation_of(t) or t.kind for t in piece]
        if len(piece) == 5 and kinds[1] in ("<=", "<") and kinds[3] in ("<=", "<") and kinds[2] == "letter":
            return piece[2].text, [list(piece[:3]), list(piece[2:])]
        if len(piece) == 5 and kinds[:3] == ["letter", "in", "["] and kinds[4] == "]":
            upper = [piece[0], Token("command", "le", piece[1].position), piece[3]]
            return piece[0].text, [upper]
        return None

    def _summed(self, piece: Sequence[Token], left: list[str]) -> list[str]:
        """The letters of a condition that the sum runs over: k in k != j; both in i < j, where neither is spoken of."""
        every = [t.text for t in piece if t.kind == "letter" and not self.is_known(t.text)]
        outer = [n for n in every if n in self.bound or n in self.free]
        if outer or not self.free:
            return [n for n in left if n not in outer] or left
        return every

    def _added(self, over: Over, upper: Tex | None, body: Tex, tree: Tex) -> Value:
        value = sized(self.value(body))
        inside = value.expr
        if not over.letters:
            return Value(ops.sum_(inside))
        for condition in over.conditions:
            inside = inside * self._relation(self.relation_tree(condition, tree)).expr
        letters = [indices(name) for name in over.letters]
        absent = [s for s in letters if s not in inside.open]
        if absent:
            return self._repeated(inside, over, upper, absent, tree)
        inside = self._masked(inside, over, upper, letters, tree)
        return Value(ops.sum_(inside, *letters), value.row)

    def _repeated(self, inside: Expr, over: Over, upper: Tex | None, absent: list[Any], tree: Tex) -> Value:
        """A sum of what does not depend on its letter, where its bounds say how often."""
        if len(over.letters) == 1 and upper is not None and not over.conditions:
            first = self.start if over.first is None else self._bound_number(self.side(over.first, tree), tree)
            return Value(inside * (self._bound_number(upper, tree) - first + 1))
        raise self.fail(tree, f"the sum runs over {absent[0]}, which does not occur in it")

    def _masked(self, inside: Expr, over: Over, upper: Tex | None, letters: list[Any], tree: Tex) -> Expr:
        """The body, times 0 outside the bounds of the sum where these are not a whole axis."""
        letter = letters[-1]
        size = sp.sympify(known(inside.open[letter]))
        if over.first is not None:
            first = self.side(over.first, tree)
            low = self._end(first)
            if low is None or sp.expand(low - self.start) != 0:
                if low is not None and (low - self.start).is_negative:
                    raise self.fail(tree, f"the sum starts at {low}, but the first element has the index {self.start}")
                inside = inside * elementwise("positive", self.place(letter) - self._bound(first) + _HALF)
        if upper is None:
            return inside
        high = self._end(upper)
        last = size + self.start - 1
        for letter in letters if over.first is not None and high is not None else letters[-1:]:
            last = sp.sympify(known(inside.open[letter])) + self.start - 1
        if high is not None and sp.expand(high - last) == 0:
            return inside
        if high is not None and not (last - high).is_nonnegative:
            raise self.fail(tree, f"the sum over {letter} ends at {high}, but its axis has {size} elements")
        return inside * elementwise("positive", self._bound(upper) - self.place(letter) + _HALF)

    def _bound(self, tree: Tex) -> Expr:
        letter_free = self.number_of(tree)
        return as_expr(letter_free)

    def _end(self, tree: Tex) -> Any:
        """A bound as a number or a size; None when letters stand in it."""
        if self._index_letter(tree) is not None:
            return None
        if tree.what == "sum" and any(self._index_letter(p.parts[0] if p.what == "negative" else p) is not None for p in tree.parts):
            return None
        return self._bound_number(tree, tree)

    def _bound_number(self, tree: Tex, at: Tex) -> Any:
        end = self.value(tree).expr
        if end.node.op != "const":
            raise self.fail(at, "the bound of a sum is a size, a number or a letter")
        return sp.sympify(number_to_sympy(end.node.attr))

    def _multiplied(self, over: Over, upper: Tex | None, body: Tex, tree: Tex) -> Value:
        """A product over a range of numbers, written out."""
        if len(over.letters) != 1:
            raise self.fail(tree, "a product runs over one letter")
        name = over.letters[0]
        count = self._count(name, upper, body, tree)
        if not 1 <= count <= MOST_FACTORS:
            raise self.fail(tree, f"a product is read over at most {MOST_FACTORS} factors; of positive factors write \\exp\\sum\\log")
        total: Expr | None = None
        for place in range(count):
            self.fixed[name] = place
            factor = self.value(body).expr
            for condition in over.conditions:  # a factor that is left out is 1
                holds = self._relation(self.relation_tree(condition, tree)).expr
                factor = 1 + holds * (factor - 1)
            total = factor if total is None else total * factor
        del self.fixed[name]
        assert total is not None
        return Value(total)

    def _count(self, name: str, upper: Tex | None, body: Tex, tree: Tex) -> int:
        if upper is not None:
            size = self._bound_number(upper, tree) - self.start + 1
        else:
            size = sp.sympify(known(self.value(body).expr.open.get(indices(name), sp.Symbol("?"))))
        if not size.is_Integer:
            raise self.fail(tree, "a product over a size that is a letter is not read; of positive factors write \\exp\\sum\\log")
        return int(size)
