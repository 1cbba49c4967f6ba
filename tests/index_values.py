"""Numbers for normal forms: every atom from its definition, at concrete sizes. Independent of how the forms were made."""

from __future__ import annotations

import itertools
import math

import numpy as np
import sympy as sp

from symdl.prove.everysize.atom import FIXED


class Values:
    """The value of polynomials of a ring at sizes (dim -> int) and arrays (input name -> array)."""

    def __init__(self, ring, sizes, arrays):
        self.ring, self.sizes, self.arrays = ring, sizes, arrays
        self.known = {}

    def size(self, n):
        return n if isinstance(n, int) else int(n.subs(self.sizes))

    def poly(self, poly, at):
        return sum(float(c) * math.prod(self.factor(f, at) ** float(e) for f, e in mono) for mono, c in (poly.items() if isinstance(poly, dict) else poly))

    def factor(self, factor, at):
        number, idx = factor
        place = tuple(k - FIXED if k >= FIXED else at[k] for k in idx)
        key = number, place
        if key not in self.known:
            self.known[key] = self.atom(self.ring.atoms[number], place)
        return self.known[key]

    def atom(self, atom, place):
        at = dict(enumerate(place))
        kind, data = atom.kind, atom.data
        if kind == "input":
            return float(self.arrays[data[0]][place])
        if kind == "delta":
            return float(place[0] == place[1])
        if kind == "position":
            return float(place[0])
        if kind == "const":
            return math.e if data == "e" else float(sp.sympify(data).subs(self.sizes))
        if kind == "sum":
            rows, sizes = data
            total = 0.0
            for dummies in itertools.product(*[range(self.size(n)) for n in sizes]):
                total += math.prod(self.row(n, e, pattern, dummies, place) for n, e, pattern in rows)
            return total
        if kind in ("inv", "det"):
            size = self.size(self.ring.matrix_sizes[atom.number])
            matrix = np.array([[self.poly(data[0], {0: i, 1: j}) for j in range(size)] for i in range(size)])
            return float(np.linalg.inv(matrix)[place]) if kind == "inv" else float(np.linalg.det(matrix))
        if kind == "max":
            terms, _ = data
            spots = itertools.product(*[range(self.size(k)) for k in self.ring.matrix_sizes[atom.number]])
            return max(self.poly(terms, dict(enumerate((*spot, *place)))) for spot in spots)
        x = self.poly(data, at)
        return {
            "exp": math.exp, "root": lambda x: x, "log": math.log, "sin": math.sin, "cos": math.cos, "arctan": math.atan, "erf": math.erf,
            "step": lambda x: float(x > 0), "iszero": lambda x: float(x == 0),
        }[kind](x)  # fmt: skip

    def row(self, number, e, pattern, dummies, place):
        idx = tuple(FIXED + (dummies[k] if k >= 0 else place[~k]) for k in pattern)
        return self.factor((number, idx), {}) ** float(e)
