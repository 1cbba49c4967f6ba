"""Many points at once: inputs of the same sizes are stacked on one axis, and one walk over the graph serves them all, repetitions with noise included.

What a walk for one point costs is Python's time for every node; the arrays are small. So 24 points with 3 repetitions cost little more than one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from symdl.errors import SymdlError
from symdl.expr.tensor import Expr
from symdl.graph import node as kinds
from symdl.graph.node import Node
from symdl.graph.unroll import body_nodes
from symdl.graph.walk import topological
from symdl.prove.numeric import Walker, _filled, _rows, bind_sizes
from symdl.prove.tape import Tape

#: Numbers that a walk over all lanes may keep.
ENTRIES = 8_000_000

Values = Mapping[Any, Any]


class Told:
    """What an oracle says at one point: derivatives by name, and what rounding can do to each entry."""

    __slots__ = ("gradients", "room")

    def __init__(self, gradients: dict[str, Any], room: dict[str, Any]) -> None:
        self.gradients, self.room = gradients, room


#: At a point where an oracle cannot say anything it gives its reason.
Answer = Told | Exception


@dataclass
class Question:
    """The derivatives of ``loss`` by ``wrt`` at ``points``, all of one size."""

    loss: Expr
    wrt: list[Expr]
    points: list[Values]
    parent: tuple[Question, int] | None = None
    _answers: dict[Any, list[Answer]] = field(default_factory=dict)

    @property
    def names(self) -> list[str]:
        return [str(e.node.name) for e in self.wrt]

    def only(self, k: int) -> Question:
        """The same at one of the points; what the tape has said of it is known."""
        return Question(self.loss, self.wrt, [self.points[k]], (self, k))

    def values(self) -> list[list[Any]]:
        """The loss and its derivatives at every point, nothing disturbed; NaN where there are none."""
        told = each_apart(self._plain, self.points)
        return [[np.nan] if isinstance(t, Exception) else t for t in told]

    def _plain(self, points: Sequence[Values]) -> list[list[Any]]:
        walk = lane_walker([self.loss, *self.wrt], points)
        with np.errstate(all="ignore"):
            out = walk.expr(self.loss)
            rows = self._played(walk, out, [walk.base(e.node) for e in self.wrt])
        value = np.broadcast_to(out.value, (len(points), *out.value.shape[1:]))
        return [[value[k], *(row[k] for row in rows)] for k in range(len(points))]

    def _played(self, walk: Walker, out: Any, leaves: list[Any]) -> list[Any]:
        if walk.tape.shape(out):
            return _rows(walk.tape, out, leaves)
        walk.tape.backward(out, 1.0)
        return [_filled(walk.tape, leaf) for leaf in leaves]

    def tape(self, seeds: Sequence[int], from_output: bool = False) -> list[Answer]:
        """By the tape; both ways to take sigma' are played back on one recording, so that who asks second waits for nothing."""
        if self.parent is not None:
            return [self.parent[0].tape(seeds, from_output)[self.parent[1]]]
        key = (tuple(seeds), from_output)
        if key not in self._answers:
            told = each_apart(lambda points: self._recorded(points, seeds), self.points)
            for way in (False, True):
                self._answers[(tuple(seeds), way)] = [t if isinstance(t, Exception) else t[way] for t in told]
        return self._answers[key]

    def _recorded(self, points: Sequence[Values], seeds: Sequence[int]) -> list[Any]:
        walk = lane_walker([self.loss, *self.wrt], points, seeds)
        tape, runs = walk.tape, 1 + len(seeds)
        found: dict[bool, dict[str, Any]] = {}
        with np.errstate(all="ignore"):
            out = walk.expr(self.loss)
            leaves = [walk.base(e.node) for e in self.wrt]
            found[False] = dict(zip(self.names, self._played(walk, out, leaves), strict=True))
            found[True] = found[False]
            if tape.two_ways:
                tape.from_output = True
                found[True] = dict(zip(self.names, self._played(walk, out, leaves), strict=True))
        apart = {way: {n: base_and_spread(g, len(points), runs) for n, g in rows.items()} for way, rows in found.items()}
        return [
            {way: Told({n: base[k] for n, (base, _) in rows.items()}, {n: room[k] for n, (_, room) in rows.items()}) for way, rows in apart.items()}
            for k in range(len(points))
        ]


def lane_walker(exprs: Sequence[Expr], points: Sequence[Values], seeds: Sequence[int] = ()) -> Walker:
    """A walker with a lane for every point and, behind all points, for every repetition with noise."""
    disturbed = np.arange(len(points) * (1 + len(seeds))) >= len(points)
    tape = Tape(noise_seed(seeds) if seeds else None, lanes=disturbed)
    sizes = bind_sizes(topological([e.node for e in exprs]), points[0])
    return Walker(tape, stacked(points, 1 + len(seeds)), sizes)


def noise_seed(seeds: Sequence[int]) -> int:
    """One seed from several."""
    return int(np.random.SeedSequence(list(seeds)).generate_state(1)[0])


def stacked(points: Sequence[Values], runs: int = 1) -> dict[Any, Any]:
    """Inputs with lanes first; sizes stay as they are."""
    return {
        name: value if not isinstance(name, str) else np.concatenate([np.stack([np.asarray(p[name], dtype=float) for p in points])] * runs)
        for name, value in points[0].items()
    }


def base_and_spread(lanes: Any, count: int, runs: int) -> tuple[Any, Any]:
    """The undisturbed values by point, and how far the disturbed ones lie from them."""
    apart = lanes.reshape((runs, count, *lanes.shape[1:]))
    with np.errstate(all="ignore"):
        return apart[0], np.max(np.abs(apart - apart[0]), axis=0, initial=0.0)


def each_apart(work: Callable[[Sequence[Values]], list[Any]], points: Sequence[Values]) -> list[Any]:
    """Work done for all points at once; where that fails, for each by itself, so that one singular matrix spoils one point only."""
    try:
        return work(points)
    except (SymdlError, np.linalg.LinAlgError, OverflowError) as error:
        if len(points) < 2:
            return [error] * len(points)
    return [each_apart(work, [point])[0] for point in points]


def together(points: Sequence[Values], exprs: Sequence[Expr], runs: int = 1) -> Iterator[list[int]]:
    """The positions of points that have the same sizes, as many at a time as fit."""
    nodes = topological([e.node for e in exprs])
    groups: dict[Any, list[int]] = {}
    for k, point in enumerate(points):
        shapes = tuple((str(name), np.shape(value) if isinstance(name, str) else value) for name, value in point.items())
        groups.setdefault(shapes, []).append(k)
    for group in groups.values():
        try:
            step = max(1, lanes_that_fit(exprs, Walker(Tape(), {}, bind_sizes(nodes, points[group[0]]))) // runs)
        except SymdlError:  # sizes that do not fit: whoever walks there says so
            step = 1
        for first in range(0, len(group), step):
            yield group[first : first + step]


def lanes_that_fit(exprs: Sequence[Expr], sizes: Walker) -> int:
    """How many lanes a walk over expressions may have."""
    return max(1, ENTRIES // max(1, _weight(topological([e.node for e in exprs]), sizes)))


def _weight(nodes: Sequence[Node], sizes: Walker) -> int:
    """How many numbers a walk makes, about."""
    full = [math.prod(map(sizes.size, n.sizes())) for n in nodes if n.op in (kinds.MUL, kinds.REDUCE)]
    own = sum(math.prod(map(sizes.size, n.shape)) for n in nodes) + max(full, default=0)
    steps = max((sizes.size(n.attr.length) for n in nodes if n.op == kinds.RECUR), default=0)
    if not steps:
        return own
    inner = topological(body_nodes(nodes))
    return own + steps * sum(math.prod(map(sizes.size, n.shape)) for n in inner)
