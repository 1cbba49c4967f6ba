"""Derivatives of index expressions by one tensor, from the definitions of the atoms; and putting a value for a tensor."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

import sympy as sp

from symdl.prove.everysize.atom import ONE, Atom, Mono, Poly, add_to, scaled, total_of
from symdl.prove.everysize.ring import atom_labels
from symdl.prove.everysize.special import Special
from symdl.prove.stop import Unreadable


class Slope:
    """d / d target[labels]. ``labels`` stand in nothing that is differentiated."""

    def __init__(self, ring: Special, target: Atom, labels: Sequence[int]) -> None:
        self.ring, self.target, self.labels = ring, target, tuple(labels)
        self._known: dict[int, Poly] = {}

    def of(self, poly: Poly) -> Poly:
        ring = self.ring
        out: Poly = {}
        for mono, c in poly.items():
            ring.clock.look()
            for at, (factor, e) in enumerate(mono):
                slope = self._atom(ring.atoms[factor[0]])
                if slope:
                    here = ring.place(slope, dict(enumerate(factor[1])))
                    lower = ((factor, e - 1),) if e != 1 else ()
                    rest = tuple(sorted((*mono[:at], *mono[at + 1 :], *lower)))
                    add_to(out, ring.times({rest: 1}, here), c * e)
        return ring.reduced(out)

    def _atom(self, atom: Atom) -> Poly:
        """The derivative of an atom at its slots."""
        if atom.number not in self._known:
            self._known[atom.number] = self._derived(atom)
        return self._known[atom.number]

    def _derived(self, atom: Atom) -> Poly:
        ring = self.ring
        if atom is self.target:
            out = dict(ONE)
            for slot, label in enumerate(self.labels):
                out = ring.mul(out, ring.delta(slot, label))
            return out
        if atom.kind in ("input", "const", "delta", "position", "step", "iszero"):
            return {}
        if atom.kind == "sum":
            return self._sum(atom)
        if atom.kind in ("inv", "det"):
            return self._matrix(atom)
        if atom.kind == "max":
            return self._maximum(atom)
        argument: Poly = dict(atom.data)
        inner = self.of(argument)
        if not inner:
            return {}
        return ring.times(_OUTER[atom.kind](ring, atom, argument), inner)

    def _sum(self, atom: Atom) -> Poly:
        """Factor by factor, under the sum."""
        ring = self.ring
        inner, sizes = atom.data
        names = [ring.fresh() for _ in sizes]
        rows = [(n, e, atom_labels(ring.atoms[n], pattern, names, range(atom.rank))) for n, e, pattern in inner]
        out: Poly = {}
        for at, (n, e, idx) in enumerate(rows):
            slope = self._atom(ring.atoms[n])
            if not slope:
                continue
            factors = {(m, there): k for m, k, there in (*rows[:at], *rows[at + 1 :])}
            if e != 1:
                factors[n, idx] = e - 1
            part = ring.mul({tuple(sorted(factors.items())): 1}, ring.place(slope, dict(enumerate(idx))))
            for name, size in zip(names, sizes, strict=True):
                part = ring.sum_over(part, name, size)
            add_to(out, part, e)
        return ring.reduced(out)

    def _maximum(self, atom: Atom) -> Poly:
        """The mean of the slopes of those that are largest: of one, or of such as are equal all around the point; boundaries excluded."""
        ring = self.ring
        sizes = ring.matrix_sizes[atom.number]
        bound = [ring.fresh() for _ in sizes]
        argument = ring.of_maximum(atom, bound)
        inner = self.of(argument)
        if not inner:
            return {}
        below = ring.step(total_of([(1, ring.factor(atom, range(atom.rank))), (-1, argument)]))
        largest = total_of([(1, dict(ONE)), (-1, below)])
        out = ring.times(largest, inner)
        for label, size in zip(bound, sizes, strict=True):
            out, largest = ring.total(out, label, size), ring.total(largest, label, size)
        return ring.times(out, ring.power(largest, -1))

    def _matrix(self, atom: Atom) -> Poly:
        """d inv(A) = -inv(A) dA inv(A); d det(A) = det(A) tr(inv(A) dA)."""
        ring = self.ring
        p, q = ring.fresh(), ring.fresh()
        size = ring.matrix_sizes[atom.number]
        terms = dict(atom.data[0])
        inner = self.of(terms)
        if not inner:
            return {}
        row, column = atom.data[1] if atom.kind == "inv" else (0, 1)
        middle = ring.place(inner, {row: p, column: q})
        if atom.kind == "inv":
            at = {row: row, column: p}, {row: q, column: column}
            left, right = (ring.factor(atom, [where[s] for s in (0, 1)]) for where in at)
            out = scaled(ring.times(ring.times(left, middle), right), -1)
        else:
            inverse = ring.inverse(ring.place(terms, {0: q, 1: p}), q, p, size)
            out = ring.times(ring.times(ring.factor(atom, ()), inverse), middle)
        for label in (p, q):
            out = ring.total(out, label, size)
        return out


def _erf(ring: Special, atom: Atom, x: Poly) -> Poly:
    bell = ring.exp(scaled(ring.power(x, 2), -1))
    return ring.times(ring.constant(2 / sp.sqrt(sp.pi)), bell)


_OUTER: Mapping[str, Callable[[Special, Atom, Poly], Poly]] = {
    "exp": lambda ring, atom, x: ring.factor(atom, range(atom.rank)),
    "root": lambda ring, atom, x: dict(ONE),
    "log": lambda ring, atom, x: ring.power(x, -1),
    "sin": lambda ring, atom, x: ring.cos(x),
    "cos": lambda ring, atom, x: scaled(ring.apply("sin", [x]), -1),
    "arctan": lambda ring, atom, x: ring.power(total_of([(1, dict(ONE)), (1, ring.power(x, 2))]), -1),
    "erf": _erf,
}


class Substitution:
    """A value, given at ``labels``, for every entry of a tensor."""

    def __init__(self, ring: Special, target: Atom, labels: Sequence[int], value: Poly) -> None:
        self.ring, self.target, self.labels, self.value = ring, target, labels, value

    def of(self, poly: Poly) -> Poly:
        out: Poly = {}
        for mono, c in poly.items():
            add_to(out, self._mono(mono), c)
        return self.ring.reduced(out)

    def _mono(self, mono: Mono) -> Poly:
        ring, name = self.ring, str(self.target.data[0])
        plain = tuple((f, e) for f, e in mono if name not in ring.inputs_of(ring.atoms[f[0]]))
        out: Poly = {plain: 1}
        for (number, idx), e in mono:
            atom = ring.atoms[number]
            if name in ring.inputs_of(atom):
                out = ring.times(out, ring.power(self._atom(atom, idx), e))
        return out

    def _atom(self, atom: Atom, idx: Sequence[int]) -> Poly:
        ring = self.ring
        if atom is self.target:
            return ring.place(self.value, dict(zip(self.labels, idx, strict=True)))
        if atom.kind == "sum":
            inner, sizes = atom.data
            names = [ring.fresh() for _ in sizes]
            rows = {(n, atom_labels(ring.atoms[n], pattern, names, idx)): e for n, e, pattern in inner}
            out = self._mono(tuple(sorted(rows.items())))
            for name, size in zip(names, sizes, strict=True):
                out = ring.total(out, name, size)
            return out
        if atom.kind in ("inv", "det"):
            return self._matrix(atom, idx)
        if atom.kind == "max":
            sizes = ring.matrix_sizes[atom.number]
            bound = [ring.fresh() for _ in sizes]
            inner = self.of(ring.place(ring.of_maximum(atom, bound), dict(enumerate(idx))))
            return ring.maximum(inner, dict(zip(bound, sizes, strict=True)))
        if atom.kind not in _ANEW:
            raise Unreadable(f"a value inside {atom.kind}")
        argument = self.of(ring.place(dict(atom.data), dict(enumerate(idx))))
        return _ANEW[atom.kind](ring, argument)

    def _matrix(self, atom: Atom, idx: Sequence[int]) -> Poly:
        ring = self.ring
        row, column = atom.data[1] if atom.kind == "inv" else (0, 1)
        own = {row: ring.fresh(), column: ring.fresh()}
        argument = self.of(ring.place(dict(atom.data[0]), own))
        size = ring.matrix_sizes[atom.number]
        if atom.kind == "det":
            return ring.determinant(argument, own[row], own[column], size)
        return ring.place(ring.inverse(argument, own[row], own[column], size), {own[row]: idx[row], own[column]: idx[column]})


_ANEW: Mapping[str, Callable[[Special, Poly], Poly]] = {
    "exp": lambda ring, x: ring.exp(x),
    "root": lambda ring, x: x,
    "log": lambda ring, x: ring.log(x),
    "sin": lambda ring, x: ring.apply("sin", [x]),
    "cos": lambda ring, x: ring.cos(x),
    "arctan": lambda ring, x: ring.apply("arctan", [x]),
    "erf": lambda ring, x: ring.apply("erf", [x]),
    "step": lambda ring, x: ring.step(x),
    "iszero": lambda ring, x: ring.equation(x),
}
