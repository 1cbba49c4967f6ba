"""The canonical form of a sum over dummy indices of a product of atoms, and of a polynomial in labelled slots.

A sum over dummies is a network: atoms are its nodes, dummies its edges, outer labels its loose ends. Two sums that differ in the names of their
dummies and in the order of their factors get one form by colour refinement and, where colours tie, by trying each of the tied (McKay 1981).
The search stops at ``MAX_LEAVES``: then equal sums may get two forms, and an equality is missed; never the other way round, since a form
says all of what it is the form of.
"""

from __future__ import annotations

import itertools
import zlib
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from symdl.prove.everysize.atom import Atom, Mono, Num, Poly

MAX_LEAVES = 120
MAX_GROUP = 120

#: Number of an atom, exponent, labels.
Row = tuple[int, Num, tuple[int, ...]]


class Net(NamedTuple):
    """rows: atom, exponent, and on each slot a dummy k >= 0 or the outer slot ~s; sizes: of the dummies; labels: the outer ones, by slot."""

    rows: tuple[Row, ...]
    sizes: tuple[Any, ...]
    labels: tuple[int, ...]
    group: tuple[tuple[int, ...], ...]


#: What sets the first of several vertices apart that are alike.
FIRST = 7


def size_colour(size: Any) -> int:
    """The same for equal sizes, in every process: Python's own hash of a text is not, and proofs must not depend on chance."""
    return zlib.crc32(str(size).encode())


def refined(colours: dict[int, int], look: Callable[[dict[int, int]], dict[int, list[Any]]]) -> dict[int, int]:
    """Tell vertices apart by what they see of each other, until that brings no more."""
    classes = len(set(colours.values()))
    while classes < len(colours):
        seen = look(colours)
        colours = {v: hash((colours[v], tuple(sorted(seen[v])))) for v in colours}
        now = len(set(colours.values()))
        if now == classes:
            break
        classes = now
    return colours


def orders(colours: dict[int, int], look: Callable[[dict[int, int]], dict[int, list[Any]]]) -> list[list[int]]:
    """The orders of the vertices between which structure does not decide (at most MAX_LEAVES of them)."""
    leaves: list[list[int]] = []
    stack = [refined(colours, look)]
    while stack and len(leaves) < MAX_LEAVES:
        here = stack.pop()
        by_colour: dict[int, list[int]] = {}
        for v, c in here.items():
            by_colour.setdefault(c, []).append(v)
        tied = next((by_colour[c] for c in sorted(by_colour) if len(by_colour[c]) > 1), None)
        if tied is None:
            leaves.append(sorted(here, key=here.__getitem__))
            continue
        for v in tied:
            stack.append(refined(here | {v: hash((here[v], FIRST))}, look))
    return leaves


def canonical_net(factors: Sequence[Row], sizes: Mapping[int, Any], atoms: Sequence[Atom]) -> Net:
    """The network of some factors over the dummies in ``sizes``."""

    def look(colours: dict[int, int]) -> dict[int, list[Any]]:
        seen: dict[int, list[Any]] = {d: [] for d in colours}
        for number, exponent, idx in factors:
            atom = atoms[number]
            shown = tuple(colours.get(label, -1) for label in idx)
            if atom.group:
                shown = min(tuple(shown[k] for k in g) for g in (tuple(range(atom.rank)), *atom.group))
            signature = hash((number, exponent, shown))
            for k, label in enumerate(idx):
                if label in seen:
                    seen[label].append((signature, atom.orbits[k]))
        return seen

    best: Any = None
    arrangements: list[tuple[int, ...]] = []
    chosen: list[int] = []
    for order in orders({d: size_colour(n) for d, n in sizes.items()}, look):
        place = {d: k for k, d in enumerate(order)}
        key, found = _rows(factors, place, atoms)
        if best is None or key < best:
            best, arrangements, chosen = key, [], order
        if key == best and len(arrangements) < MAX_GROUP:
            arrangements += found
    first = arrangements[0]  # which loose end (factor, slot) stands where
    ends = [label for _, _, idx in factors for label in idx if label not in sizes]
    inverse = {end: k for k, end in enumerate(first)}
    group = {tuple(inverse[end] for end in other) for other in arrangements[:MAX_GROUP]} - {tuple(range(len(first)))}
    slots = itertools.count()
    rows = tuple((a, e, tuple(entry if entry >= 0 else ~next(slots) for entry in pattern)) for a, e, pattern in best)
    return Net(rows, tuple(sizes[d] for d in chosen), tuple(ends[end] for end in first), tuple(sorted(group)))


def _rows(factors: Sequence[Row], place: Mapping[int, int], atoms: Sequence[Atom]) -> tuple[list[Row], list[tuple[int, ...]]]:
    """The rows for an order of the dummies, and the orders of the loose ends that give just these rows."""
    rows: list[tuple[Row, list[tuple[int, ...]]]] = []
    count = 0
    for number, exponent, idx in factors:
        atom = atoms[number]
        pattern = tuple(place.get(label, -1) for label in idx)
        ends = []
        for label in idx:
            ends.append(count if label not in place else -1)
            count += label not in place
        choices = [tuple(range(atom.rank)), *atom.group]
        least = min(tuple(pattern[k] for k in g) for g in choices)
        stand = [tuple(ends[k] for k in g if ends[k] >= 0) for g in choices if tuple(pattern[k] for k in g) == least]
        rows.append(((number, exponent, least), stand))
    rows.sort(key=lambda row: row[0])
    tied = [list(g) for _, g in itertools.groupby(rows, key=lambda row: row[0])]
    shuffles = itertools.islice(itertools.product(*[itertools.permutations(g) if g[0][1][0] else [tuple(g)] for g in tied]), MAX_GROUP)
    found = []
    for shuffle in shuffles:
        flat = [row for group in shuffle for row in group]
        for stands in itertools.islice(itertools.product(*[stand for _, stand in flat]), MAX_GROUP):
            found.append(tuple(end for stand in stands for end in stand))
        if len(found) >= MAX_GROUP:
            break
    return [row for row, _ in rows], list(dict.fromkeys(found))[:MAX_GROUP]


class Slotted(NamedTuple):
    """A polynomial whose labels are slots 0, 1, ...: its sorted terms, the labels by slot, the permutations that leave it as it is.

    ``bound`` labels stand on slots before all others, and are not among the labels.
    """

    terms: tuple[tuple[Mono, Num], ...]
    labels: tuple[int, ...]
    group: tuple[tuple[int, ...], ...]
    bound: tuple[int, ...] = ()


def canonical_slots(poly: Poly, bound: Sequence[int], labels: set[int], rename: Callable[[Poly, Mapping[int, int]], Poly], atoms: Sequence[Atom]) -> Slotted:
    """Number the labels of a polynomial by structure. ``bound`` labels come first and are not among the labels of the answer."""
    free = sorted(labels - set(bound))
    if len(free) <= 1 and len(bound) <= 1:
        order = [*bound, *free]
        terms = tuple(sorted(rename(poly, {v: k for k, v in enumerate(order)}).items()))
        return Slotted(terms, tuple(free), (), tuple(bound))

    def look(colours: dict[int, int]) -> dict[int, list[Any]]:
        seen: dict[int, list[Any]] = {v: [] for v in colours}
        for mono, c in poly.items():
            rows = []
            for (number, idx), e in mono:
                atom = atoms[number]
                shown = tuple(colours[v] for v in idx)
                if atom.group:
                    shown = min(tuple(shown[k] for k in g) for g in (tuple(range(atom.rank)), *atom.group))
                rows.append(hash((number, e, shown)))
            whole = hash((c, tuple(sorted(rows))))
            for row, ((number, idx), _) in zip(rows, mono, strict=True):
                for k, v in enumerate(idx):
                    seen[v].append((whole, row, atoms[number].orbits[k]))
        return seen

    found: dict[tuple, list[list[int]]] = {}
    starts: dict[tuple, list[int]] = {}
    # Bound labels go first: their colours are the only ones below zero at the start, and refinement is undone by the sort.
    for order in orders({v: -1 if v in bound else 1 for v in [*bound, *free]}, look):
        order = [v for v in order if v in bound] + [v for v in order if v not in bound]
        terms = tuple(sorted(rename(poly, {v: k for k, v in enumerate(order)}).items()))
        found.setdefault(terms, []).append(order[len(bound) :])
        starts.setdefault(terms, order[: len(bound)])
    least = min(found)
    first, *others = found[least]
    group = {tuple(first.index(v) for v in other) for other in others[:MAX_GROUP]} - {tuple(range(len(first)))}
    return Slotted(least, tuple(first), tuple(sorted(group)), tuple(starts[least]))
