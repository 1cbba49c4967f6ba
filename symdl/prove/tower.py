"""exp, log, sin, cos, roots and jumps as generators of a field, at random points.

exp(u) becomes a new variable unless u is a rational combination of exponents met before, when it is a product of powers of those; log
likewise, by multiplicative relations. The relations are found in a *discovery* at many points modulo one prime, noted in a plan, and followed
and verified in a *replay* at other points modulo other primes. Generators between which no relation is noted count as independent. That is
the safe direction: what vanishes for independent generators vanishes for the real functions, so it can fail to prove, and cannot prove wrongly.

A sign that decides a case (relu, abs, step, max) is looked up in the list of decisions; the caller runs through all lists.
"""

from __future__ import annotations

import math
from fractions import Fraction
from typing import Any

import numpy as np
import sympy as sp

from symdl.prove import bound as bounds
from symdl.prove.angles import Angles
from symdl.prove.bound import VARIABLE, Bound
from symdl.prove.field import rational
from symdl.prove.plan import MAX_POWER, Atom, Crowded, Memory, New, Restart, Wrong
from symdl.prove.signs import Signs
from symdl.prove.value import Value


class Tower(Angles, Signs):
    """A field with exponentials and logarithms, angles and signs."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._add_atom(Atom(self.number(1), self.draw_square(), drawn=False), None)  # exp(1) = e

    def _add_atom(self, atom: Atom, slope: Any) -> int:
        index = len(self.atoms)
        self.atoms.append(atom)
        if self.discovering:
            room = self._values.add(atom.value, index)
            if slope is not None:
                room = self._slopes.add(slope, index) and room
            if not room and self.impatient:
                raise Crowded("too few points for so many generators")
        return index

    def integer_log(self, n: int) -> Value:
        """log of a prime: a generator whose exp is known."""
        if n not in self.logs:
            self.logs[n] = len(self.atoms)
            self._add_atom(Atom(self.draw(), self.number(n), 1, VARIABLE, bounds.of_number(n), drawn=False), None)
        return Value(self.atoms[self.logs[n]].value, None, VARIABLE)

    # --- exp -----------------------------------------------------------------------------------------------------

    def exp(self, x: Value) -> tuple[Any, Bound]:
        sizes = [Bound(1, 0)]

        def find(u: Any, slope: Any) -> Any:
            return self._relation(self._values, u, "exp") or New(slope)

        def apply(rule: Any, u: Any) -> Any:
            if isinstance(rule, New):
                return self._new_exp(u, x, rule.slope)
            value, total, bound = self._combine(rule, sizes)
            self._must(self.norm(value - u), bound + x.bound)
            return total

        out = self._follow("exp", x, find, apply)
        widest = max([s.size for s in sizes] + [a.degree * 2 for a in self.atoms])
        return self._stack(out, x.shape), Bound(widest, widest)

    def _new_exp(self, u: Any, x: Value, slope: Any) -> Any:
        index = len(self.atoms)
        degree = self.memory.degrees.get(("exp", index), 1)
        atom = Atom(u, self.draw_square(), degree, x.bound, VARIABLE)
        self._add_atom(atom, slope)
        return self.power(atom.base, degree)

    def _combine(self, rule: dict[int, Fraction], sizes: list[Bound]) -> tuple[Any, Any, Bound]:
        """Sum of q*value, and its exp as a product of powers of the bases."""
        value, total = self.zeros(()), np.ones(self.count, dtype=self.dtype)
        bound, size = Bound(0, 0), Bound(0, 0)
        for index, q in rule.items():
            atom = self.atoms[index]
            value = self.norm(value + self.number(q) * atom.value)
            bound = bound + bounds.of_number(q) * atom.bound
            n = q * atom.degree
            if n.denominator % 2 == 0 and index:
                self.note_roots(atom.base)
            base = atom.base if n.denominator == 1 else self.root(atom.base, n.denominator)
            total = self.norm(total * self.power(base, n.numerator))
            size = size * atom.base_bound.power(abs(n.numerator))
        sizes.append(size)
        return value, total, bound

    # --- log -----------------------------------------------------------------------------------------------------

    def log(self, x: Value) -> tuple[Any, Bound]:
        widest = [VARIABLE]

        def find(a: Any, slope: Any) -> Any:
            c = self._number_of(a, slope)
            if c is not None and c > 0:
                return {"number": c}
            if slope is None:
                return New(None)
            rate = self.norm(slope * self.inverse(a))
            return self._relation_of_log(rate, a) or New(rate)

        def apply(rule: Any, a: Any) -> Any:
            if not isinstance(rule, New):
                return self._related_log(rule, a, x, widest)
            atom = Atom(self.draw(), a, 1, VARIABLE, x.bound, drawn=False)
            self._add_atom(atom, rule.slope)
            return atom.value

        out = self._follow("log", x, find, apply)
        size = max(b.size for b in widest)
        return self._stack(out, x.shape), Bound(size, size)

    def _relation_of_log(self, rate: Any, a: Any) -> Any:
        found = self._slopes.express(rate) if self.memory.suggest else None
        if found is None or any(max(abs(q.numerator), q.denominator) > MAX_POWER for q in found.values()):
            return None
        whole = math.lcm(*[q.denominator for q in found.values()], 1)
        rest = self.power(a, whole)
        for index, q in found.items():
            atom = self.atoms[index]
            rest = self.norm(rest * self.power(atom.base, -int(q * whole) * atom.degree))
        if (rest != rest[0]).any():
            return None
        c = rational(int(rest[0]), int(self.p[0]))
        return {**found, "number": c, "root": whole} if 0 < c < MAX_POWER else None

    def _related_log(self, rule: dict[Any, Any], a: Any, x: Value, widest: list[Bound]) -> Any:
        """log a = Sum q value + log(c)/root, verified as a**root = c * Product base**(q*root*degree)."""
        whole, c = rule.get("root", 1), rule["number"]
        value = self.zeros(())
        right = self.number(c)
        size = x.bound.power(whole)
        for index, q in rule.items():
            if isinstance(index, str):
                continue
            atom = self.atoms[index]
            right = self.norm(right * self.power(atom.base, int(q * whole) * atom.degree))
            value = self.norm(value + self.number(q) * atom.value)
            widest.append(bounds.of_number(q) * atom.bound + widest[-1])
            size = size * atom.base_bound.power(abs(int(q * whole)) * atom.degree)
        self._must(self.norm(self.power(a, whole) - right), size)
        for prime, times in sp.factorrat(sp.Rational(c.numerator, c.denominator)).items():
            if prime != 1:
                value = self.norm(value + self.number(Fraction(int(times), whole)) * self.integer_log(int(prime)).val)
        return value


__all__ = ["Crowded", "Memory", "Restart", "Tower", "Wrong"]
