"""What is known of atoms, as rewritings: a pattern of factors that is replaced wherever it stands in a term, also inside its sums.

A root R of P brings R = P, solved for one term of P: every such term becomes R minus the rest. So 1/S_k times Sum over j of e_kj is 1 where
S_k is that sum, and an inverse times its matrix is a Kronecker delta. (Rewriting by a leading term: Buchberger 1965.)
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from symdl.prove.everysize.atom import FIXED, Factor, Mono, Num, Poly, add_to, of_factors
from symdl.prove.everysize.net import Row
from symdl.prove.everysize.ring import Ring

#: Rewritings of one polynomial; beyond it, terms stay as they are.
MAX_REWRITES = 4000


class Rule(NamedTuple):
    """``rows`` with labels: those in ``dummies`` are summed, all others stand for any label. Equal to ``value``, in the same labels."""

    rows: tuple[Row, ...]
    dummies: frozenset[int]
    value: Poly
    atoms: frozenset[int]


class Relations(Ring):
    """A ring in which terms are rewritten by rules."""

    def __init__(self, clock: Any) -> None:
        super().__init__(clock)
        self.rules: dict[int, list[Rule]] = {}
        self.stated: set[Any] = set()
        self._plain: dict[Mono, Poly] = {}
        self._busy = False

    def state(self, factors: Sequence[tuple[Factor, Num]], value: Poly) -> None:
        """The product of these factors is ``value``, for all labels."""
        rows, dummies = self.opened(factors)
        key = tuple(sorted(((n, e) for n, e, _ in rows))), of_factors(dict(factors))
        if key in self.stated:
            return
        self.stated.add(key)
        atoms = frozenset(n for n, _, _ in rows)
        rule = Rule(tuple(sorted(rows, key=lambda r: -r[0])), frozenset(dummies), value, atoms)
        self.rules.setdefault(max(atoms), []).append(rule)
        self._plain.clear()

    def reduced(self, poly: Poly) -> Poly:
        """The polynomial rewritten until no rule applies."""
        if not self.rules or self._busy:
            return poly
        self._busy = True
        try:
            return self._reduced(poly)
        finally:
            self._busy = False

    def _reduced(self, poly: Poly) -> Poly:
        out: Poly = {}
        waiting = dict(poly)
        for _ in range(MAX_REWRITES):
            if not waiting:
                return out
            self.clock.look()
            mono, c = waiting.popitem()
            found = self._plain.get(mono)
            if found is None:
                found = self._once(mono)
                self._plain[mono] = found
            if len(found) == 1 and mono in found:
                add_to(out, found, c)
            else:
                add_to(waiting, found, c)
        add_to(out, waiting)
        return out

    def _once(self, mono: Mono) -> Poly:
        inside = frozenset().union(*(self.atoms[n].inside for (n, _), _ in mono)) if mono else frozenset()
        opened: tuple[list[Row], dict[int, Any]] | None = None
        for number in sorted(inside, reverse=True):
            for rule in self.rules.get(number, ()):
                if rule.atoms <= inside:
                    opened = opened or self.opened(mono)
                    found = self._rewritten(opened[0], opened[1], rule)
                    if found is not None:
                        return found
        return {mono: 1}

    def _rewritten(self, rows: list[Row], dummies: dict[int, Any], rule: Rule) -> Poly | None:
        found = next(self._matches(rule, rows, dummies), None)
        if found is None:
            return None
        rest, labels, summed = found
        # What the rule's value speaks of beyond the pattern's labels is summed inside it already.
        out = self.mul({of_factors(rest): 1}, self.place(rule.value, labels))
        for dummy, size in dummies.items():
            if dummy not in summed:
                out = self.sum_over(out, dummy, size)
        return out

    def _matches(self, rule: Rule, rows: Sequence[Row], dummies: Mapping[int, Any]) -> Iterator[tuple[dict[Factor, Num], dict[int, int], set[int]]]:
        """The factors left, what the pattern's labels are, and the dummies used up; for every way in which the pattern stands in the rows."""
        stack: list[tuple[int, dict[int, int], dict[int, Num]]] = [(0, {}, {})]
        while stack:
            k, labels, used = stack.pop()
            if k == len(rule.rows):
                found = self._fits(rule, rows, dummies, labels, used)
                if found is not None:
                    yield found
                continue
            number, e, pattern = rule.rows[k]
            atom = self.atoms[number]
            for at, (n, have, idx) in enumerate(rows):
                if n != number or at in used or not (e <= have if e > 0 else have <= e):
                    continue
                for entries in {idx, *(tuple(idx[g] for g in p) for p in atom.group)}:
                    bound = _bound(pattern, entries, labels)
                    if bound is not None:
                        stack.append((k + 1, bound, used | {at: e}))

    def _fits(self, rule: Rule, rows: Sequence[Row], dummies: Mapping[int, Any], labels: dict[int, int], used: dict[int, Num]) -> Any:
        summed = {labels[d] for d in rule.dummies}
        if len(summed) < len(rule.dummies) or not all(d in dummies for d in summed):
            return None
        if any(label in summed for old, label in labels.items() if old not in rule.dummies):
            return None
        rest: dict[Factor, Num] = {}
        for at, (n, e, idx) in enumerate(rows):
            left = e - used.get(at, 0)
            if left and any(label in summed for label in idx):
                return None
            if left:
                rest[n, idx] = self._exponent(self.atoms[n], rest.get((n, idx), 0) + left)
        return rest, labels, summed

    # --- results of the algebra are rewritten at once ----------------------------------------------------------------

    def times(self, a: Poly, b: Poly) -> Poly:
        return self.reduced(self.mul(a, b))

    def total(self, poly: Poly, label: int, size: Any) -> Poly:
        return self.reduced(self.sum_over(poly, label, size))


def _bound(pattern: tuple[int, ...], entries: tuple[int, ...], labels: dict[int, int]) -> dict[int, int] | None:
    """The labels with those of one row taken in; None where they clash. A pattern's fixed position stands for itself."""
    out = dict(labels)
    for old, new in zip(pattern, entries, strict=True):
        if old >= FIXED:
            if old != new:
                return None
        elif out.setdefault(old, new) != new:
            return None
    return out


def heaviest(ring: Ring, poly: Poly) -> Mono:
    """The term of a polynomial to solve for: the one with most factors that hang together."""

    def weight(mono: Mono) -> tuple[Any, ...]:
        rows, dummies = ring.opened(mono)
        depth = max((n for n, _, _ in rows), default=0)
        return (sum(abs(e) for _, e, _ in rows), len(dummies), -len(mono), depth, mono)

    return max([m for m in poly if m != ()], key=weight)
