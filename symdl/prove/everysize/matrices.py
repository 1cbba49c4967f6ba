"""Inverses and determinants of matrices of index expressions."""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import Any

from symdl.prove.everysize.atom import Atom, Poly, add_to, of_factors, scaled
from symdl.prove.everysize.net import canonical_slots
from symdl.prove.everysize.relations import heaviest
from symdl.prove.everysize.signs import Signs
from symdl.prove.stop import Undefined


class Matrices(Signs):
    """A ring with matrix functions."""

    def __init__(self, clock: Any) -> None:
        super().__init__(clock)
        #: Atom of an inverse or determinant -> the size of its matrix.
        self.matrix_sizes: dict[int, Any] = {}

    def inverse(self, poly: Poly, row: int, column: int, size: Any) -> Poly:
        """The inverse, at labels ``row`` and ``column``, of a matrix given at the same labels."""
        diagonal = self._diagonal(poly, row, column)
        if diagonal is not None:
            return self.mul(self.power(diagonal, -1), self.delta(row, column))
        if not poly:
            raise Undefined("the inverse of zero")
        scale, shared, left = self.content(poly, False)
        common = {f: e for f, e in shared.items() if row not in f[1] and column not in f[1]}
        matrix = self.mul(left, {tuple(sorted((f, e) for f, e in shared.items() if f not in common)): 1})
        inverted = self._inverted(matrix)
        square = self._square_factors(matrix, row, column, size) if inverted is None else None
        if square is not None:
            left_part, right_part, middle = square
            outer = self.inverse(right_part, middle, column, size), self.inverse(left_part, row, middle, size)
            # inv(A B) = inv(B) inv(A): the inverse's row is where B's column was, so the labels change places.
            first = self.place(outer[0], {middle: row, column: middle})
            second = self.place(outer[1], {row: middle, middle: column})
            out = self.total(self.times(first, second), middle, size)
        else:
            out = self._inverse_atom(matrix, row, column, size) if inverted is None else inverted
        return self.reduced(self.times(out, self.power({tuple(sorted(common.items())): scale}, -1)))

    def _diagonal(self, poly: Poly, row: int, column: int) -> Poly | None:
        """f where the polynomial is f*delta(row, column)."""
        low, high = min(row, column), max(row, column)
        out: Poly = {}
        for mono, c in poly.items():
            if not mono or mono[0][0] != (0, (low, high)):
                return None
            out[mono[1:]] = c
        return out or None

    def _inverse_atom(self, matrix: Poly, row: int, column: int, size: Any) -> Poly:
        slotted = canonical_slots(matrix, (), {row, column}, self.place, self.atoms)
        # Its entry at (i, j) is that of the inverse of the matrix given at (i, j); a transpose swaps both, so slot 0 may count as the row.
        atom = self.intern("inv", 2, (slotted.terms, (0, 1)), slotted.group)
        self.matrix_sizes[atom.number] = size
        self._relate_inverse(atom, dict(slotted.terms), 0, 1, size)
        return self.factor(atom, slotted.labels)

    def _relate_inverse(self, atom: Atom, matrix: Poly, r: int, c: int, size: Any) -> None:
        """Sum over j of A[i, j]*inv[j, k] = delta(i, k) and the other way round, solved for one term of A."""
        slots = tuple(range(atom.rank))
        naming = [m for m in matrix if {label for f, _ in m for label in f[1]} == set(slots) and m[0][0][0] != 0]
        if not naming:
            return
        lead = heaviest(self, {m: matrix[m] for m in naming})
        i, j, k = atom.rank, atom.rank + 1, atom.rank + 2
        for left in (True, False):
            of = {r: i, c: j} if left else {r: j, c: k}
            inverse = self.factor(atom, [({r: j, c: k} if left else {r: i, c: j}).get(s, s) for s in slots])
            whole_sum = {m: self.sum_over(self.mul(self.place({m: 1}, of), inverse), j, size) for m in matrix}
            (pattern, unit), *more = whole_sum[lead].items()
            if more:
                continue
            value = self.delta(i, k)
            for m, scale in matrix.items():
                if m != lead:
                    add_to(value, whole_sum[m], -scale)
            self.state(pattern, scaled(value, 1 / (Fraction(matrix[lead]) * unit)))

    def determinant(self, poly: Poly, row: int, column: int, size: Any) -> Poly:
        """The determinant: a name, its reciprocal for an inverse."""
        inverted = self._inverted(poly)
        if inverted is not None:
            return self.power(self.determinant(inverted, row, column, size), -1)
        square = self._square_factors(poly, row, column, size)
        if square is not None:
            left, right, middle = square
            return self.times(self.determinant(left, row, middle, size), self.determinant(right, middle, column, size))
        slotted = canonical_slots(poly, (), {row, column}, self.place, self.atoms)
        atom = self.intern("det", 0, (slotted.terms, size))
        self.matrix_sizes[atom.number] = size
        return self.factor(atom, ())

    def _inverted(self, poly: Poly) -> Poly | None:
        """A where the polynomial is the inverse of A, at the same labels."""
        if len(poly) != 1 or list(poly.values()) != [1]:
            return None
        (mono,) = poly
        if len(mono) != 1 or mono[0][1] != 1 or self.atoms[mono[0][0][0]].kind != "inv":
            return None
        return self.place(dict(self.atoms[mono[0][0][0]].data[0]), dict(enumerate(mono[0][0][1])))

    def _square_factors(self, poly: Poly, row: int, column: int, size: Any) -> tuple[Poly, Poly, int] | None:
        """A and B where the matrix is Sum over j of A[row, j]*B[j, column], all three square; and j."""
        if len(poly) != 1 or list(poly.values()) != [1]:
            return None
        rows, dummies = self.opened(next(iter(poly)))
        for middle in [label for label, n in dummies.items() if n == size]:
            near = {row}
            left: list[Any] = []
            while grown := [r for r in rows if r not in left and near & set(r[2])]:
                left += grown
                near |= {label for r in grown for label in r[2]} - {middle}
            right = [r for r in rows if r not in left]
            if not right or column in near or not any(middle in r[2] for r in left) or not any(middle in r[2] for r in right):
                continue
            return self._summed(left, dummies, middle), self._summed(right, dummies, middle), middle
        return None

    def _summed(self, rows: list[Any], dummies: Mapping[int, Any], middle: int) -> Poly:
        out: Poly = {of_factors({(n, idx): e for n, e, idx in rows}): 1}
        inside = {label for _, _, idx in rows for label in idx}
        for dummy, size in dummies.items():
            if dummy != middle and dummy in inside:
                out = self.total(out, dummy, size)
        return out
