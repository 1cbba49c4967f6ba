"""Finding linear relations with rational coefficients among functions, from their values at many points modulo one prime.

A relation found here is a suggestion: the tower verifies each at other points and primes. One that is missed only costs a proof.
"""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import numpy as np

from symdl.prove.field import rational

#: Points beyond the number of functions, without which a relation could be chance.
SPARE = 8


class Span:
    """The span of some rows (functions given by K values), in reduced echelon form."""

    def __init__(self, p: int, points: int) -> None:
        self.p, self.points = p, points
        self._rows = np.zeros((0, points), dtype=np.int64)
        self._made = np.zeros((0, 0), dtype=np.int64)
        self._pivots: list[int] = []
        self._names: list[int] = []

    def _dot(self, c: Any, rows: Any) -> Any:
        return (c[:, None] * rows % self.p).sum(axis=0) % self.p

    def express(self, u: Any) -> dict[int, Fraction] | None:
        """u as a combination of the rows, by their names; None when it is none."""
        c = u[self._pivots]
        if ((u - self._dot(c, self._rows)) % self.p).any():
            return None
        found = self._dot(c, self._made)
        return {name: rational(int(q), self.p) for name, q in zip(self._names, found, strict=True) if q}

    def add(self, u: Any, name: int) -> bool:
        """Take in a row that is not in the span; False when there are too few points to tell."""
        rank = len(self._pivots)
        if rank + SPARE >= self.points:
            return False
        c = u[self._pivots]
        rest = (u - self._dot(c, self._rows)) % self.p
        if not rest.any():
            return True
        made = np.append((-self._dot(c, self._made)) % self.p, 1)
        pivot = int(np.flatnonzero(rest)[0])
        scale = pow(int(rest[pivot]), -1, self.p)
        rest, made = rest * scale % self.p, made * scale % self.p
        column = self._rows[:, pivot].copy()
        old = np.pad(self._made, ((0, 0), (0, 1)))
        self._rows = np.vstack([(self._rows - column[:, None] * rest[None, :]) % self.p, rest])
        self._made = np.vstack([(old - column[:, None] * made[None, :]) % self.p, made])
        self._pivots.append(pivot)
        self._names.append(name)
        return True
