"""Canonical form: terms in an order that does not depend on the caller's labels, indices numbered by first appearance."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any

from symdl.graph.labels import Delta, Label, Term, axis_sizes, is_fixed
from symdl.graph.node import ADD, FN, POSITION, Node, intern, plain_maps

#: Orders of equal factors tried for the canonical form (A*A.T and the like); beyond it the order given stands.
TIE_LIMIT = 24


def pair(a: int, b: int) -> tuple[int, int]:
    """The larger first: an index before a fixed position."""
    return (a, b) if a >= b else (b, a)


class Renumber:
    """Numbers labels by first appearance: free ones from 0, summed ones behind them."""

    def __init__(self, summed: Collection[Label] = ()) -> None:
        self._all_summed = summed
        self.free: list[Label] = []
        self.summed: list[Label] = []
        self._seen: set[Label] = set()

    def see(self, entries: Iterable[Any]) -> None:
        for entry in entries:
            if entry not in self._seen and not is_fixed(entry):
                self._seen.add(entry)
                (self.summed if entry in self._all_summed else self.free).append(entry)

    def places(self) -> dict[Label, int]:
        """Label -> its number."""
        return {label: k for k, label in enumerate((*self.free, *self.summed))}

    def index(self, entry: Any) -> int:
        if is_fixed(entry):
            return int(entry)
        if entry in self._all_summed:
            return len(self.free) + self.summed.index(entry)
        return self.free.index(entry)


def canonical(
    pairs: list[tuple[Term, Any]], deltas: Sequence[Delta], summed: Collection[Label], by_rank: bool = False
) -> tuple[list[tuple[Term, Any]], Renumber]:
    """Order the terms independently of the caller's labels, and number the labels in that order."""
    # Large tensors first, so that a bias broadcast over samples does not decide the order of the axes.
    pairs = sorted(pairs, key=lambda p: (-p[0].node.rank, p[0].node.serial) if by_rank else (0, p[0].node.serial))
    if not deltas and not any(term.map for term, _ in pairs):  # scalars: nothing to number
        return pairs, Renumber()
    choices = []
    for candidate in _tie_orders(pairs):
        renumber = Renumber(summed)
        for term, _ in candidate:
            renumber.see(term.map)
        _see_deltas(renumber, deltas)
        choices.append((candidate, renumber))
    return choices[0] if len(choices) == 1 else min(choices, key=lambda choice: _pattern(choice[0], choice[1], deltas))


def _pattern(candidate: list[tuple[Term, Any]], renumber: Renumber, deltas: Sequence[Delta]) -> Any:
    """What an order of the terms looks like without the caller's labels; the least of these is canonical."""
    return (
        [_upright(t.node, tuple(renumber.index(e) for e in t.map)) for t, _ in candidate],
        [str(c) for _, c in candidate],
        sorted(pair(renumber.index(d.a), renumber.index(d.b)) for d in deltas),
        [str(label) for label in renumber.free],  # a symmetric node: the caller's labels decide, in order
    )


def _see_deltas(renumber: Renumber, deltas: Sequence[Delta]) -> None:
    # A delta is symmetric: the order of the labels, not of the pair, decides.
    for delta in sorted(deltas, key=lambda d: sorted((str(d.a), str(d.b)))):
        renumber.see(sorted((delta.a, delta.b), key=str))


def _tie_orders(pairs: list[tuple[Term, Any]]) -> Iterable[list[tuple[Term, Any]]]:
    """The orders to compare: one, unless the same node stands with several maps."""
    groups = [list(g) for _, g in itertools.groupby(pairs, key=lambda p: p[0].node.serial)]
    count = 1
    for group in groups:
        for k in range(2, len(group) + 1):
            count *= k
    if count == 1 or count > TIE_LIMIT:
        return [pairs]
    choices: Callable[[], Any] = lambda: itertools.product(*[itertools.permutations(g) for g in groups])  # noqa: E731
    return ([p for group in choice for p in group] for choice in choices())


def finish(
    op: str,
    terms: list[Term],
    renumber: Renumber,
    attr: Any,
    deltas: Sequence[Delta] = (),
) -> Term:
    """Intern the node: labels become numbers, and the answer's map the caller's labels in that order."""
    if not renumber.free and not renumber.summed:  # scalars, the common case in large graphs
        maps = plain_maps(len(terms)) if not any(t.map for t in terms) else tuple(t.map for t in terms)
        return Term(intern(op, tuple(t.node for t in terms), maps, (), attr), ())
    sizes = axis_sizes(*terms)
    for delta in deltas:
        sizes.setdefault(delta.a, delta.size)
        sizes.setdefault(delta.b, delta.size)
    shape = tuple(sizes[label] for label in renumber.free)
    place = renumber.places()
    maps = tuple([_upright(t.node, tuple([e if type(e) is int and e < 0 else place[e] for e in t.map])) for t in terms])
    return Term(intern(op, tuple(t.node for t in terms), maps, shape, attr), tuple(renumber.free))


def _upright(node: Node, entries: tuple[int, ...]) -> tuple[int, ...]:
    """Of an index equation i + j = c the smaller index first: the equation is the same both ways, and so is what it stands in."""
    if node.op != FN or node.attr != "iszero" or node.args[0].op != ADD:
        return entries
    groups: dict[Any, list[int]] = {}
    z = node.args[0]
    for coef, (arg, (axis, *_)) in zip(z.attr, ((a, m or (-1,)) for a, m in z.terms()), strict=True):
        if arg.op == POSITION and axis >= 0 and node.maps[0][axis] >= 0:
            groups.setdefault((coef, arg.shape), []).append(node.maps[0][axis])
    turned = list(entries)
    for axes in groups.values():
        for axis, entry in zip(sorted(axes), sorted(entries[a] for a in axes), strict=True):
            turned[axis] = entry
    return tuple(turned)
