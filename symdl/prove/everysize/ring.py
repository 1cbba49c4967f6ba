"""The algebra of index expressions: products, sums over labels, deltas, renaming. Functions and relations stand on it."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from symdl.prove.everysize.atom import FIXED, FRESH, ONE, Atom, Factor, Mono, Num, Poly, add_to, labels_of, of_factors, whole
from symdl.prove.everysize.net import Net, Row, canonical_net, canonical_slots
from symdl.prove.stop import Clock, TooLarge, Undefined, Unreadable

#: Sums of more products than this are given up.
MAX_TERMS = 3000
DELTA = 0


class Ring:
    """Polynomials in atoms. Labels are whole numbers; those from FIXED on are fixed positions."""

    def __init__(self, clock: Clock) -> None:
        self.clock = clock
        self.atoms: list[Atom] = []
        self._known: dict[Any, Atom] = {}
        self._fresh = itertools.count(FRESH)
        #: kind -> how an atom of it is made anew when its slots meet: (atom, labels) -> Poly.
        self.makers: dict[str, Callable[[Atom, Sequence[int]], Poly]] = {"sum": self.sum_again}
        self._nets: dict[Any, Net] = {}
        self._delta = self.intern("delta", 2, None, ((1, 0),), idempotent=True)

    # --- atoms -------------------------------------------------------------------------------------------------

    def intern(self, kind: str, rank: int, data: Any, group: Any = (), positive: bool = False, idempotent: bool = False) -> Atom:
        """The one atom of this kind with these data (which must be hashable)."""
        found = self._known.get((kind, rank, data))
        if found is None:
            found = Atom(len(self.atoms), kind, rank, data, tuple(group), positive, idempotent)
            self.atoms.append(found)
            self._known[kind, rank, data] = found
        return found

    def fresh(self) -> int:
        return next(self._fresh)

    def factor(self, atom: Atom, labels: Sequence[int], exponent: Num = 1) -> Poly:
        """An atom at labels, as it stands."""
        return {(((atom.number, atom.settled(tuple(labels))), exponent),): 1}

    def at(self, atom: Atom, labels: Sequence[int]) -> Poly:
        """An atom at labels, made anew where slots meet."""
        if atom.kind == "delta":
            return self.delta(labels[0], labels[1])
        if atom.kind == "position" and labels[0] >= FIXED:
            return {(): labels[0] - FIXED} if labels[0] > FIXED else {}
        maker = self.makers.get(atom.kind)
        if maker is not None and len(set(labels)) < len(labels):
            return maker(atom, labels)
        return self.factor(atom, labels)

    def over(self, kind: str, poly: Poly, **facts: Any) -> tuple[Atom, tuple[int, ...]]:
        """The atom of a kind whose data are a polynomial, and the labels at which it stands."""
        slotted = canonical_slots(poly, (), labels_of(poly), self.place, self.atoms)
        atom = self.intern(kind, len(slotted.labels), slotted.terms, slotted.group, **facts)
        return atom, slotted.labels

    # --- renaming -------------------------------------------------------------------------------------------------

    def place(self, poly: Poly, labels: Mapping[int, int]) -> Poly:
        """The polynomial with other labels; labels that meet are the same from there on."""
        out: Poly = {}
        for mono, c in poly.items():
            if not any(label in labels for (_, idx), _ in mono for label in idx):
                add_to(out, {mono: c})
            else:
                add_to(out, self._placed(mono, labels), c)
        return out

    def _placed(self, mono: Mono, labels: Mapping[int, int]) -> Poly:
        plain: dict[Factor, Num] = {}
        rest: list[tuple[Poly, Num]] = []
        for (number, idx), e in mono:
            atom = self.atoms[number]
            new = tuple(labels.get(label, label) for label in idx)
            met = len(new) > 1 and len(set(new)) < len(set(idx))
            if number == DELTA or (met and atom.kind in self.makers) or (atom.kind == "position" and new[0] >= FIXED):
                rest.append((self.at(atom, new), e))
            else:
                key = (number, atom.settled(new))
                plain[key] = self._exponent(atom, plain.get(key, 0) + e)
        out: Poly = {of_factors(plain): 1}
        for poly, e in rest:
            out = self.mul(out, self.power_of(poly, e))
        return out

    def power_of(self, poly: Poly, exponent: Num) -> Poly:
        """What the tower knows how to raise; here whole powers only."""
        if type(exponent) is not int or exponent < 0:
            raise Unreadable("a power of a sum")
        out = ONE
        for _ in range(exponent):
            out = self.mul(out, poly)
        return out

    # --- products --------------------------------------------------------------------------------------------------

    def _exponent(self, atom: Atom, e: Num) -> Num:
        if atom.idempotent and e:
            if e < 0:
                raise Undefined("division by an indicator")
            return 1
        return e if type(e) is int else whole(e)

    def mul(self, a: Poly, b: Poly) -> Poly:
        if not a or not b:
            return {}
        if len(a) * len(b) > MAX_TERMS:
            raise TooLarge(f"a sum of {len(a) * len(b)} products")
        self.clock.look()
        out: Poly = {}
        for m, c in a.items():
            for n, d in b.items():
                value = c * d
                for mono, k in self._times(m, n):
                    total = out.get(mono, 0) + k * value
                    if total:
                        out[mono] = total
                    else:
                        out.pop(mono, None)
        return out

    def _times(self, m: Mono, n: Mono) -> Iterable[tuple[Mono, Num]]:
        if not m:
            return ((n, 1),)
        if not n:
            return ((m, 1),)
        factors = dict(m)
        for key, e in n:
            old = factors.get(key)
            factors[key] = e if old is None else self._exponent(self.atoms[key[0]], old + e)
        mono = of_factors(factors)
        if (mono and mono[0][0][0] == DELTA and m[0][0][0] != n[0][0][0]) or (m[0][0][0] == DELTA == n[0][0][0]):
            return self.settled(mono).items()
        return ((mono, 1),)

    def delta(self, a: int, b: int) -> Poly:
        if a == b:
            return dict(ONE)
        if a >= FIXED and b >= FIXED:
            return {}
        return self.factor(self._delta, (a, b))

    def settled(self, mono: Mono) -> Poly:
        """A monomial with deltas: all other factors speak of one label where several are equal."""
        pairs = [idx for (number, idx), _ in mono if number == DELTA]
        chief: dict[int, int] = {}

        def find(label: int) -> int:
            while chief.get(label, label) != label:
                label = chief[label]
            return label

        for a, b in pairs:
            a, b = find(a), find(b)
            if a == b:
                continue
            if a >= FIXED and b >= FIXED:
                return {}
            # A fixed position speaks for all, else the smallest label.
            low, high = (b, a) if b >= FIXED or (a < FIXED and b < a) else (a, b)
            chief[high] = low
        renaming = {label: find(label) for label in chief}
        rest = tuple(f for f in mono if f[0][0] != DELTA)
        out = self.place({rest: 1}, renaming)
        deltas: dict[Factor, Num] = {(DELTA, (min(label, to), max(label, to))): 1 for label, to in renaming.items()}
        return self._with(out, deltas)

    def _with(self, poly: Poly, deltas: Mapping[Factor, Num]) -> Poly:
        out: Poly = {}
        for mono, c in poly.items():
            if any(f[0][0] == DELTA for f in mono):  # two functions that met brought a delta of their own
                add_to(out, self.settled(of_factors(dict(mono) | dict(deltas))), c)
            else:
                add_to(out, {of_factors(dict(mono) | dict(deltas)): c})
        return out

    # --- sums over a label ------------------------------------------------------------------------------------------

    def sum_over(self, poly: Poly, label: int, size: Any) -> Poly:
        """Sum over all positions of a label."""
        out: Poly = {}
        count: Poly | None = None
        for mono, c in poly.items():
            self.clock.look()
            touching = [f for f in mono if label in f[0][1]]
            if not touching:
                count = self.size(size) if count is None else count
                add_to(out, self.mul({mono: c}, count))
                continue
            equal = next((f for f in touching if f[0][0] == DELTA), None)
            if equal is not None:
                a, b = equal[0][1]
                rest = tuple(f for f in mono if f is not equal)
                add_to(out, self.place({rest: 1}, {label: b if a == label else a}), c)
                continue
            others = tuple(f for f in mono if f not in touching)
            add_to(out, self.mul({others: 1}, self.network(touching, {label: size})), c)
        return out

    def size(self, size: Any) -> Poly:
        """A size as a polynomial; the tower reads symbols."""
        return {(): size}

    def network(self, factors: Iterable[tuple[Factor, Num]], sizes: Mapping[int, Any]) -> Poly:
        """The sum over the labels in ``sizes`` of a product of factors that hang together."""
        rows, dummies = self.opened(factors)
        dummies |= sizes
        merged: dict[Factor, Num] = {}
        for number, e, idx in rows:
            merged[number, idx] = self._exponent(self.atoms[number], merged.get((number, idx), 0) + e)
        if not all(merged.values()):  # what has cancelled may have held the sum together
            out: Poly = {of_factors(merged): 1}
            for dummy, size in dummies.items():
                out = self.sum_over(out, dummy, size)
            return out
        rows = [(f[0], whole(e), f[1]) for f, e in sorted(merged.items())]
        local: dict[int, int] = {}
        for _, _, idx in rows:
            for v in idx:
                local.setdefault(v, len(local))
        key = tuple((n, e, tuple(local[v] for v in idx)) for n, e, idx in rows), tuple((local[d], s) for d, s in dummies.items() if d in local)
        names = list(local)
        net = self._nets.get(key)
        if net is None:
            net = canonical_net(key[0], dict(key[1]), self.atoms)
            self._nets[key] = net
        atom = self.intern("sum", len(net.labels), (net.rows, net.sizes), net.group)
        if len(atom.inside) == 1:
            atom.inside = frozenset((atom.number, *(n for row in net.rows for n in self.atoms[row[0]].inside)))
        return self.factor(atom, [names[k] for k in net.labels])

    def opened(self, factors: Iterable[tuple[Factor, Num]]) -> tuple[list[Row], dict[int, Any]]:
        """Factors with their sums opened: rows, and the dummies with their sizes."""
        rows: list[Row] = []
        dummies: dict[int, Any] = {}
        for (number, idx), e in factors:
            atom = self.atoms[number]
            if atom.kind != "sum":
                rows.append((number, e, idx))
                continue
            if type(e) is not int or e < 0:
                raise Unreadable("a power of a sum inside a sum")
            inner, sizes = atom.data
            for _ in range(e):
                names = [self.fresh() for _ in sizes]
                dummies |= dict(zip(names, sizes, strict=True))
                for n, k, pattern in inner:
                    rows.append((n, k, atom_labels(self.atoms[n], pattern, names, idx)))
        return rows, dummies

    def sum_again(self, atom: Atom, labels: Sequence[int]) -> Poly:
        """A sum whose outer labels have met: its factors made anew."""
        inner, sizes = atom.data
        names = [self.fresh() for _ in sizes]
        out = dict(ONE)
        for n, e, pattern in inner:
            idx = atom_labels(self.atoms[n], pattern, names, tuple(labels))
            out = self.mul(out, self.power_of(self.at(self.atoms[n], idx), e) if e != 1 else self.at(self.atoms[n], idx))
        for name, size in zip(names, sizes, strict=True):
            out = self.sum_over(out, name, size)
        return out


def atom_labels(atom: Atom, pattern: tuple[int, ...], dummies: Sequence[int], outer: Sequence[int]) -> tuple[int, ...]:
    """A row of a sum in labels."""
    return atom.settled(tuple(dummies[k] if k >= 0 else outer[~k] for k in pattern))


__all__ = ["DELTA", "Ring", "atom_labels"]
