"""Where the texts of arrows go: on the arrow, clear of boxes and of each other where there is room."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

from symdl.render.layered import Point

#: Places along a stretch that are tried, best first.
ALONG = (0.5, 0.4, 0.6, 0.3, 0.7, 0.22, 0.78)
ABOVE, BELOW = 17.0, 18.0
CELL = 120.0

Box = tuple[float, float, float, float]


class Spots:
    """The places that are taken."""

    def __init__(self, centres: Sequence[Point], sizes: Sequence[Point]) -> None:
        self._cells: dict[tuple[int, int], list[Box]] = {}
        for (x, y), (w, h) in zip(centres, sizes, strict=True):
            self._add((x - w / 2 - 3, y - h / 2 - 3, x + w / 2 + 3, y + h / 2 + 3))

    def take(self, path: Sequence[Point], width: float, straight: bool) -> Point:
        """The place for a text of a value above and one below, on the path."""
        best: tuple[float, Point, Box] | None = None
        for a, b in itertools.pairwise(path):
            for t in ALONG:
                x, y = _on(a, b, t, straight)
                box = (x - width / 2, y - ABOVE, x + width / 2, y + BELOW)
                cost = sum(_overlap(box, other) for other in self._near(box))
                if best is None or cost < best[0]:
                    best = (cost, (x, y), box)
                if cost == 0:
                    break
            if best is not None and best[0] == 0:
                break
        assert best is not None
        self._add(best[2])
        return best[1]

    def _add(self, box: Box) -> None:
        for cell in _cells(box):
            self._cells.setdefault(cell, []).append(box)

    def _near(self, box: Box) -> Iterator[Box]:
        for cell in _cells(box):
            yield from self._cells.get(cell, ())


def _cells(box: Box) -> Iterator[tuple[int, int]]:
    columns = range(int(box[0] // CELL), int(box[2] // CELL) + 1)
    rows = range(int(box[1] // CELL), int(box[3] // CELL) + 1)
    return itertools.product(columns, rows)


def _overlap(a: Box, b: Box) -> float:
    wide = min(a[2], b[2]) - max(a[0], b[0])
    high = min(a[3], b[3]) - max(a[1], b[1])
    return wide * high if wide > 0 and high > 0 else 0.0


def _on(a: Point, b: Point, t: float, straight: bool) -> Point:
    """A point of the stretch: a line, or the curve that leaves and arrives level."""
    if straight:
        return a[0] + t * (b[0] - a[0]), a[1] + t * (b[1] - a[1])
    s = 1 - t
    middle = (a[0] + b[0]) / 2
    x = s**3 * a[0] + 3 * s * s * t * middle + 3 * s * t * t * middle + t**3 * b[0]
    return x, a[1] + (3 * t * t - 2 * t**3) * (b[1] - a[1])
