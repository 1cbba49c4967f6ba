"""In which order several factors are multiplied: the fewest multiplications, exactly up to eight factors.

A factor is the set of its indices.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from typing import Any

#: Up to this many factors every order is tried.
EXACT = 8


def order(sets: list[frozenset[int]], summed: frozenset[int], sizes: Mapping[int, int]) -> list[tuple[int, int]]:
    """Pairs of positions: contract these two, put the result last, and so on."""
    if len(sets) == 2:
        return [(0, 1)]
    return _exact(sets, summed, sizes) if len(sets) <= EXACT else _greedy(sets, summed, sizes)


def cheapest(sets: Sequence[frozenset[Any]], summed: frozenset[Any], sizes: Mapping[Any, int]) -> int:
    """Multiplications of the order that is taken for factors with these indices."""
    work = list(sets)
    if len(work) < 2:
        return math.prod(sizes[i] for s in work for i in s)
    if len(work) <= EXACT:
        return _best(work, summed, sizes)[(1 << len(work)) - 1][0]
    total = 0
    for i, j in _greedy(list(work), summed, sizes):
        total += _cost(work[i], work[j], sizes)
        rest = [s for k, s in enumerate(work) if k not in (i, j)]
        work = [*rest, _result(work[i], work[j], rest, summed)]
    return total


def _cost(a: frozenset[int], b: frozenset[int], sizes: Mapping[int, int]) -> int:
    return math.prod(sizes[i] for i in a | b)


def _result(a: frozenset[int], b: frozenset[int], others: Sequence[frozenset[int]], summed: frozenset[int]) -> frozenset[int]:
    kept = frozenset().union(*others)
    return frozenset(i for i in a | b if i not in summed or i in kept)


def _exact(sets: list[frozenset[int]], summed: frozenset[int], sizes: Mapping[int, int]) -> list[tuple[int, int]]:
    """The cheapest order."""
    return _positions((1 << len(sets)) - 1, _best(sets, summed, sizes), len(sets))


def _best(sets: list[frozenset[int]], summed: frozenset[int], sizes: Mapping[int, int]) -> dict[int, tuple[int, int]]:
    """Every subset of the factors -> what its product costs at best, and one of the two parts it is made of: dynamic programming."""
    everything = (1 << len(sets)) - 1
    left_over: dict[int, frozenset[int]] = {}
    for subset in range(1, everything + 1):
        inside = frozenset().union(*(s for k, s in enumerate(sets) if subset >> k & 1))
        outside = frozenset().union(*(s for k, s in enumerate(sets) if not subset >> k & 1))
        left_over[subset] = frozenset(i for i in inside if i not in summed or i in outside)
    best: dict[int, tuple[int, int]] = {1 << k: (0, 0) for k in range(len(sets))}
    for subset in range(1, everything + 1):
        if subset in best:
            continue
        choices = []
        part = (subset - 1) & subset
        while part:
            other = subset ^ part
            if part < other:
                price = best[part][0] + best[other][0] + _cost(left_over[part], left_over[other], sizes)
                choices.append((price, part))
            part = (part - 1) & subset
        best[subset] = min(choices)
    return best


def _positions(everything: int, best: dict[int, tuple[int, int]], count: int) -> list[tuple[int, int]]:
    """The tree of the best order as positions in a shrinking list."""
    steps: list[tuple[int, int, int]] = []
    stack = [everything]
    while stack:
        subset = stack.pop()
        part = best[subset][1]
        if part:
            steps.append((subset, part, subset ^ part))
            stack += [part, subset ^ part]
    place = [1 << k for k in range(count)]
    out = []
    for subset, a, b in reversed(steps):
        i, j = place.index(a), place.index(b)
        out.append((i, j))
        place = [p for k, p in enumerate(place) if k not in (i, j)] + [subset]
    return out


def _greedy(sets: list[frozenset[int]], summed: frozenset[int], sizes: Mapping[int, int]) -> list[tuple[int, int]]:
    """Always the pair whose product is cheapest."""
    out = []
    while len(sets) > 1:
        pairs = itertools.combinations(range(len(sets)), 2)
        i, j = min(pairs, key=lambda p: _cost(sets[p[0]], sets[p[1]], sizes))
        out.append((i, j))
        rest = [s for k, s in enumerate(sets) if k not in (i, j)]
        sets = [*rest, _result(sets[i], sets[j], rest, summed)]
    return out


__all__ = ["EXACT", "cheapest", "order"]
