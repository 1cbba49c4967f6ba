"""Indicators of signs: relu, abs, max and all choices are made of them; each is an atom equal to its square."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any

from symdl.prove.everysize.atom import ONE, Atom, Mono, Num, Poly, is_number, number, scaled, total_of
from symdl.prove.everysize.tower import Tower

#: So many indicators are compared with a new one.
MAX_COMPARED = 30
#: Products of more factors than this have a sign of their own.
MAX_FACTORS = 4
#: Facts that leave no entry of an input at zero.
_FREE = frozenset(["positive", "symmetric", "posdef", "unit"])


class Signs(Tower):
    """A ring with indicators of what is above zero."""

    def __init__(self, clock: Any) -> None:
        super().__init__(clock)
        #: Inputs that hold whole numbers: two of them may well be equal.
        self.whole: frozenset[str] = frozenset()
        self.makers["step"] = self._step_again

    def step(self, poly: Poly) -> Poly:
        """1 where it is above zero, else 0."""
        value = is_number(poly)
        if value is not None:
            return number(int(value > 0))
        split = self.cases(poly, self.step)
        if split is not None:
            return split
        if self.positive(poly):
            return dict(ONE)
        if self.positive(scaled(poly, -1)):
            return {}
        _, _, left = self.content(self.expanded(poly), True)
        single = next(iter(left))
        if len(left) == 1 and 1 < len(single) <= MAX_FACTORS and all(type(e) is int for _, e in single):
            return self._product_sign(single, left[single])
        if self.generic(left) and self._backwards(left):
            return total_of([(1, dict(ONE)), (-1, self._indicator("step", scaled(left, -1)))])
        return self._indicator("step", left)

    def _product_sign(self, mono: Mono, c: Num) -> Poly:
        """a*b > 0 where both are above zero or both below; an even power where it is not zero."""
        above, below = (dict(ONE), {}) if c > 0 else ({}, dict(ONE))
        for f, e in mono:
            up, down = self.step({((f, 1),): 1}), self.step({((f, 1),): -1})
            if e % 2 == 0:
                up, down = total_of([(1, up), (1, down)]), {}
            above, below = (
                total_of([(1, self.times(above, up)), (1, self.times(below, down))]),
                total_of([(1, self.times(above, down)), (1, self.times(below, up))]),
            )
        return above

    def _indicator(self, kind: str, poly: Poly) -> Poly:
        atom, labels = self.over(kind, poly, idempotent=True)
        if kind == "step" and atom.number not in self._related:
            self._related.add(atom.number)
            self._compare(atom)
        return self.factor(atom, labels)

    def _compare(self, new: Atom) -> None:
        """What the signs of two expressions say of each other: P > 0 and Q > 0 exclude each other where P + Q < 0, for one."""
        for old in [a for a in self.atoms if a.kind == "step" and a is not new and a.rank == new.rank <= 2][:MAX_COMPARED]:
            for order in itertools.permutations(range(new.rank)):
                p, q = dict(new.data), self.place(dict(old.data), dict(enumerate(order)))
                mine, other = (new.number, new.settled(tuple(range(new.rank)))), (old.number, old.settled(order))
                both: Poly | None = None
                if self.positive(total_of([(-1, p), (-1, q)])):
                    both = {}
                elif self.positive(total_of([(1, q), (-1, p)])):
                    both = {((mine, 1),): 1}
                elif self.positive(total_of([(1, p), (-1, q)])):
                    both = {((other, 1),): 1}
                elif self.positive(total_of([(1, p), (1, q)])):
                    both = total_of([(1, {((mine, 1),): 1}), (1, {((other, 1),): 1}), (-1, dict(ONE))])
                if both is not None:
                    self.state(((mine, 1), (other, 1)), both)
                    break

    def _step_again(self, atom: Atom, labels: Sequence[int]) -> Poly:
        return self.step(self.reduced(self.place(dict(atom.data), dict(enumerate(labels)))))

    def generic(self, poly: Poly) -> bool:
        """Whether it is seen to be zero on a set of measure zero only, at all sizes and for all labels, equal ones included.

        So it is when some input stands in one term only, once and nowhere inside an atom, together with inputs, exponentials and numbers: then it is
        linear in that input, with a coefficient that does not vanish.
        """
        where: dict[str, int] = {}
        for mono in poly:
            for (n, _), _ in mono:
                for name in self.inputs_of(self.atoms[n]):
                    where[name] = where.get(name, 0) + 1
        if "" in where or not self.whole.isdisjoint(where):
            return False
        return any(self._linear(mono, where) for mono in poly)

    def _linear(self, mono: Mono, where: dict[str, int]) -> bool:
        rows, _ = self.opened(mono)
        atoms = [self.atoms[n] for n, _, _ in rows]
        if not all((a.kind == "input" and a.data[2] <= _FREE) or (a.kind == "const" and a.positive) for a in atoms):
            return False
        names = [a.data[0] for a in atoms if a.kind == "input"]
        once = [a for a, (_, e, _) in zip(atoms, rows, strict=True) if a.kind == "input" and e == 1]
        return any(where[a.data[0]] == 1 == names.count(a.data[0]) for a in once)
