"""Powers of index expressions: what has no simpler form is a root, an atom with what it is a root of as a relation."""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import sympy as sp

from symdl.prove.everysize.atom import ONE, Atom, Factor, Mono, Num, Poly, add_to, is_number, number, of_factors, scaled, total_of, whole
from symdl.prove.everysize.content import MAX_EXPONENT, Content
from symdl.prove.everysize.factor import two_factors
from symdl.prove.everysize.relations import heaviest
from symdl.prove.stop import TooLarge, Undefined, Unreadable


class Powers(Content):
    """A ring with rational powers."""

    def __init__(self, clock: Any) -> None:
        super().__init__(clock)
        #: Atoms whose relations have been stated.
        self._related: set[int] = set()
        self.makers["root"] = self._root_again

    def rational_power(self, c: Num, q: Num) -> Poly:
        """c**q for a positive rational c: primes under fractional exponents are names."""
        if type(q) is int:
            return number(whole(Fraction(c) ** q))
        c = Fraction(c)
        out = Fraction(1)
        rest: dict[Factor, Num] = {}
        for part, sign in ((c.numerator, 1), (c.denominator, -1)):
            if part.bit_length() > 80:
                raise TooLarge("the root of a large number")
            for prime, times in sp.factorint(part).items():
                e = sign * times * q
                out *= Fraction(int(prime)) ** math.floor(e)
                atom = self.intern("const", 0, int(prime), positive=True)
                if e != math.floor(e):
                    rest[atom.number, ()] = whole(e - math.floor(e))
                    self.state((((atom.number, ()), 1),), number(int(prime)))
        return {of_factors(rest): whole(out)}

    def power_of(self, poly: Poly, exponent: Num) -> Poly:
        return self.power(poly, exponent)

    def power(self, poly: Poly, q: Num) -> Poly:
        """poly**q for a rational q."""
        q = whole(q)
        if q == 1:
            return poly
        if q == 0:
            return dict(ONE)
        if not poly:
            if q > 0:
                return {}
            raise Undefined("division by zero")
        integral = type(q) is int
        if len(poly) > 1 and integral and 0 < q <= MAX_EXPONENT and math.comb(len(poly) + int(q) - 1, int(q)) <= 400:
            out = poly
            for _ in range(int(q) - 1):
                out = self.times(out, poly)
            return out
        if not integral:
            return self._fractional(poly, q)
        if len(poly) == 1 and q > 0:
            ((mono, c),) = poly.items()
            return self.reduced({of_factors({f: self._exponent(self.atoms[f[0]], e * q) for f, e in mono}): whole(Fraction(c) ** int(q))})
        split = self.cases(poly, lambda p: self.power(p, q)) if q < 0 and len(poly) > 1 else None
        if split is not None:
            return split
        scale, shared, left = self.content(poly, False)
        sums = {f: e for f, e in shared.items() if self.atoms[f[0]].kind == "sum" and q < 0}
        plain = of_factors({f: self._exponent(self.atoms[f[0]], e * q) for f, e in shared.items() if f not in sums})
        made: Poly = {plain: whole(Fraction(scale) ** int(q))}
        for f, e in sums.items():
            made = self.mul(made, self._root({((f, 1),): 1}, e * q))
        rest = is_number(left)
        if rest is not None:
            return self.reduced(scaled(made, whole(Fraction(rest) ** int(q))))
        full = self.expanded(left)
        if full != left:
            return self.reduced(self.mul(made, self.power(full, q)))
        product = two_factors(left)
        if product is not None:
            return self.reduced(self.times(made, self.times(self.power(product[0], q), self.power(product[1], q))))
        sign = 1
        if not self.not_below(left) and (self.positive(scaled(left, -1)) or self._backwards(left)):
            left, sign = scaled(left, -1), -1 if int(q) % 2 else 1
        return self.reduced(scaled(self.mul(made, self._root(left, q)), sign))

    def _fractional(self, poly: Poly, q: Num) -> Poly:
        """poly**q for a q that is not whole: only what is nowhere below zero is split off."""
        split = self.cases(poly, lambda p: self.power(p, q))
        if split is not None:
            return split
        scale, parts, evens, left = self.squares(poly)
        out = self.rational_power(scale, q)
        for f, e in parts:
            atom = self.atoms[f[0]]
            out = self.mul(out, self._root({((f, 1),): 1}, e * q) if atom.kind in ("sum", "input") else self.factor(atom, f[1], whole(e * q)))
        for f, e in evens:
            out = self.times(out, self._absolute(f, whole(e * q)))
        rest = is_number(left)
        if rest is not None:
            if rest < 0:
                raise Undefined("a root of a negative number")
            return self.reduced(out)
        single = next(iter(left))
        if len(left) == 1 and len(single) == 1 and left[single] == 1 and type(single[0][1]) is int:  # f**k, k odd: below zero just where f is
            (f, e) = single[0]
            atom = self.atoms[f[0]]
            power = self.factor(atom, f[1], whole(e * q)) if atom.kind == "root" else self._root({((f, 1),): 1}, whole(e * q))
            return self.reduced(self.mul(out, power))
        full = self.expanded(left)
        if full != left:
            return self.reduced(self.mul(out, self._fractional(full, q)))
        product = two_factors(left)
        if product is not None and all(self.not_below(part) for part in product):
            return self.reduced(self.times(out, self.times(self._fractional(product[0], q), self._fractional(product[1], q))))
        return self.reduced(self.mul(out, self._root(left, q)))

    def _absolute(self, f: Factor, q: Num) -> Poly:
        """|f|**q: f**q, for an odd q with the sign of f; for a broken one a root of the square."""
        if type(q) is not int:
            return self._root({((f, 2),): 1}, whole(Fraction(q) / 2))
        plain: Poly = {((f, 1),): 1}
        out = self.power(plain, q)
        if q % 2 == 0:
            return out
        return self.times(out, total_of([(1, self.step(plain)), (-1, self.step(scaled(plain, -1)))]))

    def squares(self, poly: Poly) -> tuple[Num, list[tuple[Factor, Num]], list[tuple[Factor, int]], Poly]:
        """A positive number, powers of what is nowhere below zero, even powers, and what is left: a root of the product is one of each."""
        scale, shared, left = self.content(poly, False)
        parts: list[tuple[Factor, Num]] = []
        evens: list[tuple[Factor, int]] = []
        rest: dict[Factor, Num] = {}
        for f, e in shared.items():
            if self.nonnegative(f, 1):
                parts.append((f, e))
            elif type(e) is int and e % 2 == 0:
                evens.append((f, e))
            else:
                rest[f] = e
        return scale, parts, evens, self.mul(left, {of_factors(rest): 1})

    def _root(self, base: Poly, q: Num) -> Poly:
        """base**q, the base as it is named."""
        if any(self.atoms[n].kind == "delta" for mono in base for (n, _), _ in mono):
            raise Unreadable("a power of a Kronecker delta")
        atom, labels = self.over("root", base, positive=self.positive(base))
        if atom.number not in self._related:  # once: solved anew, two relations could each undo the other
            self._related.add(atom.number)
            self._relate(atom)
        return self.factor(atom, labels, q)

    def _root_again(self, atom: Atom, labels: Sequence[int]) -> Poly:
        return self.reduced(self.place(dict(atom.data), dict(enumerate(labels))))

    def _relate(self, atom: Atom) -> None:
        """R = base, solved for one of its terms."""
        slots = tuple(range(atom.rank))
        base = self.reduced(dict(atom.data))
        if set(base) == {(((atom.number, slots), 1),)}:
            return
        mine = (atom.number, slots)
        variables = {m: self._variable(m) for m in base}
        naming = {m: v for m, v in variables.items() if v and {label for f, _ in v for label in f[1]} == set(slots)}
        if not naming:
            return  # no term has all labels: the relation is left alone
        lead = heaviest(self, {m: base[m] for m in naming})
        pattern = naming[lead]
        outer = {f: e for f, e in lead if (f, e) not in pattern}
        rest = {m: c for m, c in base.items() if m != lead}
        under = {of_factors({f: -e for f, e in outer.items()}): whole(1 / Fraction(base[lead]))}
        gap = dict(self.factor(atom, slots))
        add_to(gap, rest, -1)
        self.state(pattern, self.mul(under, gap))
        constant = is_number(rest)
        if constant and not outer and all(self.atoms[n].kind != "sum" and type(e) is int for (n, _), e in pattern):
            # c + k*m = R: 1/(f R) = (1/f - k*(m/f)/R)/c for a factor f of m, and R/f = c/f + k*m/f, so that there is one form only.
            k, c = base[lead], constant
            for f, e in pattern:
                if e > 0:
                    less = dict(pattern) | {f: e - 1}
                    parts: Poly = {((f, -1),): whole(1 / Fraction(c)), of_factors(less | {mine: -1}): whole(-Fraction(k) / c)}
                    self.state(((f, -1), (mine, -1)), parts)
                    self.state(((f, -1), (mine, 1)), total_of([(1, {((f, -1),): c}), (1, {of_factors(less): k})]))

    def _variable(self, mono: Mono) -> Mono:
        """A term without the numbers in it that can be divided by."""
        return tuple((f, e) for f, e in mono if not (self.atoms[f[0]].kind == "const" and self.atoms[f[0]].positive))
