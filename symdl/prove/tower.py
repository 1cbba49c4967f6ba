"""exp, log, sin, cos, roots and jumps as generators of a field, at random points.

exp(u) becomes a new variable unless u is a rational combination of exponents met before, when it is a product of powers of those; log
likewise, by multiplicative relations. The relations are found in a *discovery* at many points modulo one prime, noted in a plan, and followed
and verified in a *replay* at other points modulo other primes. Generators between which no relation is noted count as independent. That is
the safe direction: what vanishes for independent generators vanishes for the real functions, so it can fail to prove, and cannot prove wrongly.

A sign that decides a case (relu, abs, step, max) is looked up in the list of decisions; the caller runs through all lists.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np
import sympy as sp

from symdl.prove import bound as bounds
from symdl.prove.bound import VARIABLE, Bound
from symdl.prove.field import Field, rational
from symdl.prove.span import Span
from symdl.prove.stop import Clock, Stop, Undefined
from symdl.prove.value import Value

#: Relations with larger numbers than this are left alone: the powers would cost more than they prove.
MAX_POWER = 4096
#: Among so many signs products are looked for.
MAX_PAIRED = 16


class Restart(Stop):
    """What was learned (a denominator, a rejected point) needs a new run."""


class Crowded(Stop):
    """More generators than points: no relations can be found with so few."""


class Wrong(Stop):
    """A suggested relation did not hold: run again without suggestions."""


@dataclass
class Atom:
    """A generator: ``value``, and exp(value) = base**degree; for an angle, base is cos + i sin of value/degree."""

    value: Any
    base: Any
    degree: int = 1
    bound: Bound = VARIABLE
    base_bound: Bound = VARIABLE
    drawn: bool = True  # the base was drawn at will; a logarithm's is its argument


@dataclass
class New:
    """The rule for what is no relation of anything known: a new generator, with the derivative by which it is known later."""

    slope: Any


@dataclass
class Memory:
    """What a discovery learns for the next runs."""

    degrees: dict[tuple[str, int], int]
    plan: list[list[Any]]
    decisions: list[int]
    suggest: bool = True
    roots: int = 0


class Tower(Field):
    """A field with generators. ``discovering`` says in which of the two modes it works."""

    def __init__(
        self, moduli: list[int], seed: int, memory: Memory, discovering: bool, clock: Clock, keep: Any = None, drawn: int = 0, impatient: bool = False
    ) -> None:
        super().__init__(moduli, seed, keep, drawn)
        self.memory, self.discovering, self.clock = memory, discovering, clock
        self.atoms: list[Atom] = []
        self.angles: list[Atom] = []
        self.logs: dict[int, int] = {}
        self.signs: list[Any] = []
        self.opaque: dict[str, list[tuple[Any, Any]]] = {}
        self.worst = 1
        self.impatient = impatient
        self._calls = 0
        self._named: dict[str, Any] = {}
        self._caches: dict[str, dict[Any, Any]] = {}
        if discovering:
            memory.plan = []
            memory.roots = 0
            memory.decisions = list(memory.decisions)
            p = int(self.p[0])
            self._values, self._slopes, self._turns = (Span(p, self.count) for _ in range(3))
        self._add_atom(Atom(self.number(1), self.draw_square(), drawn=False), None)  # exp(1) = e

    # --- the plan --------------------------------------------------------------------------------------------

    def _follow(self, kind: str, x: Value, find: Callable[[Any, Any], Any], apply: Callable[[Any, Any], Any]) -> list[Any]:
        """Find (or look up) a rule for every entry, and apply it."""
        flat = x.val.reshape(-1, self.count)
        slopes = None if x.dot is None else x.dot.reshape(flat.shape[0], -1, self.count)
        cache = self._caches.setdefault(kind, {})
        rules: list[Any] = []
        results: list[Any] = []
        known = None if self.discovering else self.memory.plan[self._calls]
        self._calls += 1
        for k, u in enumerate(flat):
            key = u.tobytes() if self.small else tuple(u)
            if key not in cache:
                self.clock.look()
                rule = known[k] if known is not None else find(u, None if slopes is None else slopes[k, 0])
                cache[key] = (rule, apply(rule, u))
            rules.append(cache[key][0])
            results.append(cache[key][1])
        if self.discovering:
            self.memory.plan.append(rules)
        return results

    def reject(self, bad: Any) -> None:
        super().reject(bad)
        if self.discovering and not self.ok.all():
            if not self.ok.any():
                raise Undefined("division by zero, or a root that does not exist, at every point tried")
            raise Restart("points rejected")

    def note_roots(self, base: Any) -> None:
        """Count the different even roots of what is no constant: each has two signs, and the replay must meet all combinations.

        The canonical root of a square h**2 is h at some points and -h at others; with too few points one might see only one of the two.
        """
        if self.discovering:
            seen = self._caches.setdefault("roots", {})
            for row in base.reshape(-1, self.count):
                seen[row.tobytes()] = True
            self.memory.roots = len(seen)

    def _must(self, zero: Any, bound: Bound) -> None:
        """A relation that the plan relies on is itself tested."""
        self.worst = max(self.worst, bound.size)
        if zero[self.ok].any():
            raise Wrong("a suggested relation does not hold")

    def _stack(self, results: list[Any], shape: tuple[int, ...]) -> Any:
        return np.array(results, dtype=self.dtype).reshape((*shape, self.count))

    # --- numbers and inputs ------------------------------------------------------------------------------------

    def constant(self, name: str) -> Value:
        """A number of which only its name is known (pi): a free variable."""
        if name not in self._named:
            self._named[name] = self.draw_square()
        return Value(self._named[name], None, VARIABLE, positive=True)

    def integer_log(self, n: int) -> Value:
        """log of a prime: a generator whose exp is known."""
        if n not in self.logs:
            self.logs[n] = len(self.atoms)
            self._add_atom(Atom(self.draw(), self.number(n), 1, VARIABLE, bounds.of_number(n), drawn=False), None)
        return Value(self.atoms[self.logs[n]].value, None, VARIABLE)

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

    def _relation(self, span: Span, u: Any, kind: str) -> dict[int, Fraction] | None:
        """u in terms of the atoms, where the powers this asks for are whole; asks for a finer generator where they are not."""
        if not u.any():
            return {0: Fraction(0)}
        if not self.memory.suggest:
            return None
        found = span.express(u)
        if found is None:
            return None
        atoms = self.angles if kind == "turn" else self.atoms
        for index, q in found.items():
            atom = atoms[index]
            if abs(q.numerator) > MAX_POWER or q.denominator > MAX_POWER:
                return None
            finer = (q * atom.degree).denominator
            if finer == 1:
                continue
            if atom.drawn:
                degree = atom.degree * finer
                if degree > MAX_POWER:
                    return None
                self.memory.degrees["turn" if kind == "turn" else "exp", index] = degree
                raise Restart("a finer generator")
        return found

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

    def _number_of(self, u: Any, slope: Any) -> Fraction | None:
        """The number that u is at all points, if it is a small one (during a discovery)."""
        if not self.memory.suggest or (u != u[0]).any() or (slope is not None and slope.any()):
            return None
        c = rational(int(u[0]), int(self.p[0]))
        return c if max(abs(c.numerator), c.denominator) <= MAX_POWER else None

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

    # --- angles --------------------------------------------------------------------------------------------------

    def cos_sin(self, x: Value) -> tuple[Any, Any, Bound]:
        """cos and sin by the rational parametrisation of the circle, angle sums included."""
        if not self.angles:
            one = self.number(1)
            self._add_angle(Atom(self.constant("pi").val, None))
            self.angles[0].base = {1: (self.norm(-one), 0 * one), 2: (0 * one, one)}.get(self.angles[0].degree) or self._turn()
        widest = [2]

        def find(u: Any, slope: Any) -> Any:
            return self._relation(self._turns, u, "turn") or New(slope)

        def apply(rule: Any, u: Any) -> Any:
            if isinstance(rule, New):
                rule = {len(self.angles): Fraction(1)}
                self._add_angle(Atom(u, self._turn(), 1, x.bound))
            value, turn, bound = self.zeros(()), (np.ones(self.count, dtype=self.dtype), self.zeros(())), Bound(0, 0)
            for index, q in rule.items():
                atom = self.angles[index]
                value = self.norm(value + self.number(q) * atom.value)
                bound = bound + bounds.of_number(q) * atom.bound
                turn = self._rotate(turn, self._turn_power(atom.base, int(q * atom.degree)))
                widest[0] = max(widest[0], 4 * abs(int(q * atom.degree)) * len(rule))
            self._must(self.norm(value - u), bound + x.bound)
            return turn

        out = self._follow("turn", x, find, apply)
        cos, sin = (self._stack([turn[part] for turn in out], x.shape) for part in (0, 1))
        return cos, sin, Bound(widest[0], widest[0])

    def _add_angle(self, atom: Atom) -> None:
        index = len(self.angles)
        atom.degree = self.memory.degrees.get(("turn", index), 1)
        self.angles.append(atom)
        if self.discovering:
            self._turns.add(atom.value, index)

    def _turn(self) -> tuple[Any, Any]:
        t = self.draw()
        square = self.norm(t * t)
        below = self.inverse(self.norm(1 + square))
        return self.norm((1 - square) * below), self.norm(self.norm(2 * t) * below)

    def _rotate(self, a: tuple[Any, Any], b: tuple[Any, Any]) -> tuple[Any, Any]:
        cos = self.norm(self.norm(a[0] * b[0]) - self.norm(a[1] * b[1]))
        return cos, self.norm(self.norm(a[0] * b[1]) + self.norm(a[1] * b[0]))

    def _turn_power(self, turn: tuple[Any, Any], n: int) -> tuple[Any, Any]:
        if n < 0:
            turn, n = (turn[0], self.norm(-turn[1])), -n
        out = (np.ones(self.count, dtype=self.dtype), self.zeros(()))
        while n:
            if n & 1:
                out = self._rotate(out, turn)
            turn, n = self._rotate(turn, turn), n >> 1
        return out

    # --- functions without relations, and signs ---------------------------------------------------------------------

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

    def assume_positive(self, x: Value) -> None:
        """Entries that follow from decisions made: later questions about them are answered, not asked."""
        for u in x.val.reshape(-1, self.count):
            self.signs.append((u, True))
