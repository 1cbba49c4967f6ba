"""A field with generators whose relations are found once and followed afterwards: what ``tower``, ``angles`` and ``signs`` share."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from symdl.prove.bound import VARIABLE, Bound
from symdl.prove.field import Field, rational
from symdl.prove.span import Span
from symdl.prove.stop import Clock, Stop, Undefined
from symdl.prove.value import Value

#: Relations with larger numbers than this are left alone: the powers would cost more than they prove.
MAX_POWER = 4096


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


class Plan(Field):
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

    def constant(self, name: str) -> Value:
        """A number of which only its name is known (pi): a free variable."""
        if name not in self._named:
            self._named[name] = self.draw_square()
        return Value(self._named[name], None, VARIABLE, positive=True)

    def _number_of(self, u: Any, slope: Any) -> Fraction | None:
        """The number that u is at all points, if it is a small one (during a discovery)."""
        if not self.memory.suggest or (u != u[0]).any() or (slope is not None and slope.any()):
            return None
        c = rational(int(u[0]), int(self.p[0]))
        return c if max(abs(c.numerator), c.denominator) <= MAX_POWER else None

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
