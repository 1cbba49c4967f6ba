"""What the terms of a polynomial have in common, of what sign it is seen to be, and the names of numbers."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from symdl.prove.everysize.atom import Atom, Factor, Mono, Num, Poly, add_to, labels_of, merged, of_factors, scaled, total_of, whole
from symdl.prove.everysize.net import canonical_slots
from symdl.prove.everysize.relations import Relations
from symdl.prove.stop import Unreadable

MAX_EXPONENT = 8
#: Sums longer than this stay as they are when roots are written out.
MAX_WRITTEN = 60


class Content(Relations):
    """A ring whose polynomials can be taken apart."""

    def __init__(self, clock: Any) -> None:
        super().__init__(clock)
        self._inputs: dict[int, frozenset[str]] = {}

    def inputs_of(self, atom: Atom) -> frozenset[str]:
        """The inputs that an atom mentions, by name; "" for positions."""
        found = self._inputs.get(atom.number)
        if found is None:
            if atom.kind in ("input", "position"):
                found = frozenset((str(atom.data[0]) if atom.kind == "input" else "",))
            else:
                found = frozenset().union(*(self.inputs_of(self.atoms[n]) for n in _under(atom)))
            self._inputs[atom.number] = found
        return found

    def name(self, key: Any, positive: bool = True) -> Poly:
        """A number of which only the name is known: a dim, pi, e, a prime under a root."""
        return self.factor(self.intern("const", 0, key, positive=positive), ())

    def positive(self, poly: Poly) -> bool:
        """Whether it is seen to be above zero everywhere."""
        return bool(poly) and all(c > 0 and all(self.factor_positive(f) for f, _ in mono) for mono, c in poly.items())

    def not_below(self, poly: Poly) -> bool:
        """Whether it is seen to be nowhere below zero."""
        return bool(poly) and all(c > 0 and all(self.nonnegative(f, e) for f, e in mono) for mono, c in poly.items())

    def factor_positive(self, factor: Factor) -> bool:
        atom = self.atoms[factor[0]]
        if atom.kind == "sum":
            rows, _ = atom.data
            return all(self.atoms[n].positive for n, _, _ in rows)
        return atom.positive

    def nonnegative(self, factor: Factor, e: Num) -> bool:
        """Whether factor**e is seen to be nowhere below zero."""
        atom = self.atoms[factor[0]]
        if atom.positive or atom.idempotent or (type(e) is int and e % 2 == 0):
            return True
        if atom.kind == "sum":
            return all(self.nonnegative((n, ()), k) for n, k, _ in atom.data[0])
        return atom.kind == "root" and all(c > 0 and all(self.nonnegative(f, k) for f, k in mono) for mono, c in atom.data)

    def content(self, poly: Poly, only_positive: bool) -> tuple[Num, dict[Factor, Num], Poly]:
        """A positive number, the factors common to all terms (the positive ones only, where asked), and what is left."""
        exponents = [dict(mono) for mono in poly]
        shared = {f: min(here.get(f, 0) for here in exponents) for f in {f for here in exponents for f in here}}
        shared = {f: e for f, e in shared.items() if e and self.atoms[f[0]].kind != "delta" and (self.factor_positive(f) or not only_positive)}
        fractions = [Fraction(c) for c in poly.values()]
        scale = Fraction(math.gcd(*[abs(c.numerator) for c in fractions]), math.lcm(*[c.denominator for c in fractions]))
        left: Poly = {}
        for mono, c in poly.items():
            factors = dict(mono)
            for f, e in shared.items():
                factors[f] = whole(factors.get(f, 0) - e)
            left[of_factors(factors)] = whole(Fraction(c) / scale)
        return whole(scale), shared, left

    def expanded(self, poly: Poly) -> Poly:
        """Roots under whole powers written out, also inside sums, so that a sum has one name, whatever other roots its terms were solved for."""
        if all(self.atoms[n].kind != "root" for mono in poly for f, _ in mono for n in self.atoms[f[0]].inside):
            return poly
        out: Poly = {}
        for mono, c in poly.items():
            add_to(out, self._written(mono), c)
            if len(out) > MAX_WRITTEN:
                return poly
        return out

    def _written(self, mono: Mono) -> Poly:
        rows, dummies = self.opened(mono) if all(type(e) is int and e > 0 for f, e in mono if self.atoms[f[0]].kind == "sum") else ([], {})
        roots = [row for row in rows if self.atoms[row[0]].kind == "root" and type(row[1]) is int and 0 < row[1] <= MAX_EXPONENT]
        if not roots:
            return {mono: 1}
        out: Poly = {of_factors(merged(((n, idx), e) for n, e, idx in rows if (n, e, idx) not in roots)): 1}
        for n, e, idx in roots:
            base = self.place(dict(self.atoms[n].data), dict(enumerate(idx)))
            for _ in range(int(e)):
                out = self.mul(out, base)
        for dummy, size in dummies.items():
            out = self.sum_over(out, dummy, size)
        return out

    def _backwards(self, poly: Poly) -> bool:
        """Whether the polynomial's opposite is the one of the two to name."""
        return _key(self, scaled(poly, -1)) < _key(self, poly)

    def step(self, poly: Poly) -> Poly:
        """1 where it is above zero, else 0: see ``signs``."""
        raise Unreadable("a sign")

    def cases(self, poly: Poly, function: Callable[[Poly], Poly]) -> Poly | None:
        """f(P) = H*f(P where H = 1) + (1 - H)*f(P where H = 0) for an indicator H (a Kronecker delta, too) in P; None without one."""
        found = next((f for mono in poly for f, _ in mono if self.atoms[f[0]].idempotent), None)
        if found is None:
            return None
        here: Poly = {}
        for mono, c in poly.items():
            add_to(here, {tuple(f for f in mono if f[0] != found): c})
        there = {mono: c for mono, c in poly.items() if all(f != found for f, _ in mono)}
        one, other = function(self.reduced(here)), function(there)
        indicator: Poly = {((found, 1),): 1}
        return total_of([(1, other), (1, self.times(indicator, total_of([(1, one), (-1, other)])))])


def _under(atom: Atom) -> set[int]:
    """The atoms that an atom is made of."""
    if atom.kind in ("const", "delta", "position"):
        return set()
    if atom.kind == "sum":
        return {n for n, _, _ in atom.data[0]}
    terms = atom.data[0] if atom.kind in ("inv", "det", "max") else atom.data
    return {n for mono, _ in terms for (n, _), _ in mono}


def _key(ring: Relations, poly: Poly) -> Any:
    return canonical_slots(poly, (), labels_of(poly), ring.place, ring.atoms).terms
