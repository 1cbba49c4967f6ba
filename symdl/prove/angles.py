"""cos and sin at random points: the rational parametrisation of the circle, with angle sums."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from symdl.prove import bound as bounds
from symdl.prove.bound import Bound
from symdl.prove.plan import Atom, New, Plan
from symdl.prove.value import Value


class Angles(Plan):
    """A field in which angles have a cosine and a sine."""

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
