"""Functions without relations (erf, arctan), and the signs by which cases are told apart, at random points."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from symdl.prove.bound import VARIABLE, Bound
from symdl.prove.field import rational
from symdl.prove.plan import MAX_POWER, Plan
from symdl.prove.value import Value

#: Among so many signs products are looked for.
MAX_PAIRED = 16


class Signs(Plan):
    """A field whose elements have signs: those of the case that is looked at."""

    def odd(self, name: str, x: Value) -> tuple[Any, Bound]:
        """erf, arctan: a new variable for every argument up to sign; f(-u) = -f(u)."""
        known = self.opaque.setdefault(name, [])

        def find(u: Any, slope: Any) -> Any:
            if not u.any():
                return 0, 0
            for index, (argument, _) in enumerate(known):
                for sign in (1, -1):
                    if not self.norm(argument - sign * u).any():
                        return index, sign
            return len(known), 1

        def apply(rule: Any, u: Any) -> Any:
            index, sign = rule
            if sign and index == len(known):
                known.append((u, self.draw()))
            argument, made = known[index] if sign else (u, u)
            self._must(self.norm(argument - sign * u) if sign else u, x.bound + x.bound)
            return self.norm(sign * made)

        return self._stack(self._follow(name, x, find, apply), x.shape), VARIABLE

    def sign(self, x: Value) -> Any:
        """1, 0 or -1 for every entry, by the decisions; an array of the shape of x."""
        kind = "sign of a positive" if x.positive else "sign"
        find = self._find_positive if x.positive else self._find_sign
        return np.array(self._follow(kind, x, find, self._apply_sign(x)), dtype=np.int64).reshape(x.shape)

    def _find_positive(self, u: Any, slope: Any) -> Any:
        """A square counts as positive; one that is zero everywhere does not."""
        return ("positive" if u.any() else "zero"), 0, 0

    def _find_sign(self, u: Any, slope: Any) -> Any:
        if not u.any():
            return "zero", 0, 0
        c = self._number_of(u, slope)
        if c is not None:
            return "number", c, 0
        p = int(self.p[0])
        at = int(np.flatnonzero(u)[0])
        for index, (argument, _) in enumerate(self.signs):
            if argument[at]:
                c = rational(int(u[at]) * pow(int(argument[at]), -1, p) % p, p)
                if max(abs(c.numerator), c.denominator) <= MAX_POWER and not self.norm(argument * self.number(c) - u).any():
                    return "same", index, c
        return self._sign_of_product(u) or ("new", len(self.signs), 0)

    def _sign_of_product(self, u: Any) -> Any:
        """u*a = c*b or u = c*a*b for two signs known: |x y| = |x| |y|."""
        p, at = int(self.p[0]), slice(0, 3)
        if len(self.signs) > MAX_PAIRED:
            return None
        for first, (a, _) in enumerate(self.signs):
            for second, (b, _) in enumerate(self.signs):
                for kind, left, right in (("quotient", self.norm(u * a), b), ("product", u, self.norm(a * b))):
                    if not right[at].all() or (kind == "product" and second < first):
                        continue
                    c = rational(int(left[0]) * pow(int(right[0]), -1, p) % p, p)
                    if max(abs(c.numerator), c.denominator) <= MAX_POWER and not self.norm(left - right * self.number(c)).any():
                        return kind, (first, second), c
        return None

    def _apply_sign(self, x: Value) -> Callable[[Any, Any], int]:
        def apply(rule: Any, u: Any) -> int:
            kind, index, c = rule
            if kind == "zero":
                self._must(u, x.bound)
                return 0
            if kind == "positive":
                return 1
            if kind == "number":
                self._must(self.norm(u - self.number(index)), x.bound)
                return 1 if index > 0 else -1
            if kind == "same":
                argument, sign = self.signs[index]
                self._must(self.norm(argument * self.number(c) - u), x.bound + x.bound)
                return sign if c > 0 else -sign
            if kind in ("quotient", "product"):
                (a, sa), (b, sb) = (self.signs[k] for k in index)
                left, right = (self.norm(u * a), b) if kind == "quotient" else (u, self.norm(a * b))
                self._must(self.norm(left - right * self.number(c)), x.bound * x.bound + x.bound)
                sign = sa * sb if c > 0 else -sa * sb
                self.signs.append((u if sign > 0 else self.norm(-u), True))
                return sign
            asked = sum(1 for _, s in self.signs if s in (1, -1) and not isinstance(s, bool))
            if asked == len(self.memory.decisions):
                self.memory.decisions.append(1)
            self.signs.append((u, self.memory.decisions[asked]))
            return self.memory.decisions[asked]

        return apply

    def undefined(self, what: str) -> None:
        """No point of this case counts. Nothing is concluded from that here: any value does, as the sides are compared where they are defined."""

    def assume_positive(self, x: Value) -> None:
        """Entries that follow from decisions made: later questions about them are answered, not asked."""
        for u in x.val.reshape(-1, self.count):
            self.signs.append((u, True))
