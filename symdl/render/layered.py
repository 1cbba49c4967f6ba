"""Places for the vertices of a layered graph: columns from left to right, few crossings, long graphs broken into rows like text."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

#: Columns a row holds, once a graph is longer than WRAP_FROM columns.
ROW_COLUMNS = 10
WRAP_FROM = 13

GAP_Y = 40.0  # between boxes of one column
GAP_X = 56.0  # between columns, labels aside
ROW_GAP = 34.0
LANE = 30.0  # for every arrow that runs from one row into another
SWEEPS = 8

Point = tuple[float, float]


@dataclass
class Layout:
    """Where things stand: centres of vertices, points that each arrow runs through, and the size of it all.

    ``bent`` marks arrows that run from one row into another, with corners; the others are curves.
    """

    centres: list[Point]
    paths: list[list[Point]]
    bent: list[bool]
    width: float
    height: float


@dataclass
class _Row:
    """Columns of item numbers; items beyond the vertices are bends of long arrows."""

    columns: list[list[int]]


def layout(sizes: Sequence[Point], arrows: Sequence[tuple[int, int]], labels: Sequence[float]) -> Layout:
    """Place a graph without cycles.

    Parameters
    ----------
    sizes : sequence of (width, height)
        Of the vertices.
    arrows : sequence of (source, target)
    labels : sequence of float
        Width of the text at each arrow.
    """
    return _Placer(sizes, arrows, labels).place()


def columns_of(count: int, arrows: Sequence[tuple[int, int]]) -> list[int]:
    """The column of every vertex: as far to the right as its users allow, so that inputs stand by what uses them."""
    waiting = [0] * count
    sources: list[list[int]] = [[] for _ in range(count)]
    for source, target in arrows:
        waiting[source] += 1
        sources[target].append(source)
    depth = [0] * count
    ready = [v for v in range(count) if waiting[v] == 0]
    while ready:
        v = ready.pop()
        for source in sources[v]:
            depth[source] = max(depth[source], depth[v] + 1)
            waiting[source] -= 1
            if waiting[source] == 0:
                ready.append(source)
    last = max(depth, default=0)
    return [last - d for d in depth]


def row_length(columns: Sequence[int]) -> int:
    """How many columns a row holds: all of them, unless the graph is long."""
    total = max(columns, default=0) + 1
    return total if total <= WRAP_FROM else ROW_COLUMNS


class _Placer:
    def __init__(self, sizes: Sequence[Point], arrows: Sequence[tuple[int, int]], labels: Sequence[float]) -> None:
        self._count = len(sizes)
        self._sizes = list(sizes)
        self._arrows, self._labels = arrows, labels
        self._row, self._column = _cells(len(sizes), arrows)
        self._before: list[list[int]] = [[] for _ in sizes]
        self._after: list[list[int]] = [[] for _ in sizes]
        self._routes: list[list[int]] = []
        self._gap: dict[tuple[int, int], float] = {}

    def place(self) -> Layout:
        self._route()
        rows = self._rows()
        y = [0.0] * len(self._sizes)
        x = [0.0] * len(self._sizes)
        lanes = self._lanes(len(rows))
        top, floors, width = 0.0, [], 0.0
        for number, row in enumerate(rows):
            self._order(row)
            self._heights(row, y)
            width = max(width, self._widths(row, x))
            shift = top - min(y[v] - self._sizes[v][1] / 2 for column in row.columns for v in column)
            for v in (v for column in row.columns for v in column):
                y[v] += shift
            bottom = max(y[v] + self._sizes[v][1] / 2 for column in row.columns for v in column)
            floors.append(bottom)
            top = bottom + ROW_GAP + LANE * max(1, len(lanes[number]))
        paths, bent = self._paths(x, y, floors, lanes)
        count = self._count
        return Layout(list(zip(x[:count], y[:count], strict=True)), paths, bent, width, floors[-1] if floors else 0.0)

    def _route(self) -> None:
        """Arrows inside a row get a bend in every column that they pass."""
        for (source, target), label in zip(self._arrows, self._labels, strict=True):
            row, column = self._row[source], self._column[source]
            self._gap[row, column] = max(self._gap.get((row, column), GAP_X), GAP_X + label)
            route = [source]
            if row == self._row[target]:
                route += [self._bend(row, c) for c in range(column + 1, self._column[target])]
                for a, b in itertools.pairwise([*route, target]):
                    self._after[a].append(b)
                    self._before[b].append(a)
            self._routes.append([*route, target])

    def _bend(self, row: int, column: int) -> int:
        self._sizes.append((0.0, 8.0))
        self._row.append(row)
        self._column.append(column)
        self._before.append([])
        self._after.append([])
        return len(self._sizes) - 1

    def _rows(self) -> list[_Row]:
        rows: list[_Row] = [_Row([]) for _ in range(max(self._row, default=0) + 1)]
        for v, (r, c) in enumerate(zip(self._row, self._column, strict=True)):
            columns = rows[r].columns
            columns += [[] for _ in range(c + 1 - len(columns))]
            columns[c].append(v)
        return rows

    def _order(self, row: _Row) -> None:
        """Crossings are made few by sorting each column by the mean place of its neighbours, to and fro."""
        place = {v: float(k) for column in row.columns for k, v in enumerate(column)}
        for sweep in range(SWEEPS):
            rightward = sweep % 2 == 1
            for column in row.columns if rightward else reversed(row.columns):
                neighbours = self._before if rightward else self._after
                mean = {v: _mean([place[n] for n in neighbours[v] if n in place], place[v]) for v in column}
                column.sort(key=lambda v: (mean[v], place[v]))
                place.update({v: float(k) for k, v in enumerate(column)})

    def _heights(self, row: _Row, y: list[float]) -> None:
        """Each vertex as near to the middle of its neighbours as the order and the boxes allow."""
        for column in row.columns:
            _stack(column, [0.0] * len(column), self._sizes, y)
        for sweep in range(SWEEPS):
            for column in row.columns if sweep % 2 else reversed(row.columns):
                members = set().union(*map(set, row.columns))
                wished = [_mean([y[n] for n in (*self._before[v], *self._after[v]) if n in members], y[v]) for v in column]
                _stack(column, wished, self._sizes, y)

    def _widths(self, row: _Row, x: list[float]) -> float:
        edge = 0.0
        for column in row.columns:
            wide = max((self._sizes[v][0] for v in column), default=0.0)
            for v in column:
                x[v] = edge + wide / 2
            edge += wide + max((self._gap.get((self._row[v], self._column[v]), GAP_X) for v in column), default=0.0)
        return edge

    def _lanes(self, rows: int) -> list[list[int]]:
        """For the space under every row, the arrows that run through it."""
        lanes: list[list[int]] = [[] for _ in range(rows)]
        for k, (source, target) in enumerate(self._arrows):
            if self._row[source] != self._row[target]:
                lanes[self._row[source]].append(k)
                if self._row[target] > self._row[source] + 1:
                    lanes[self._row[target] - 1].append(k)
        return lanes

    def _paths(self, x: list[float], y: list[float], floors: list[float], lanes: list[list[int]]) -> tuple[list[list[Point]], list[bool]]:
        paths, bent = [], []
        for k, (source, target) in enumerate(self._arrows):
            start = (x[source] + self._sizes[source][0] / 2, y[source])
            end = (x[target] - self._sizes[target][0] / 2, y[target])
            crossing = self._row[source] != self._row[target]
            inner = self._down(k, start, end, floors, lanes) if crossing else [(x[v], y[v]) for v in self._routes[k][1:-1]]
            paths.append([start, *inner, end])
            bent.append(crossing)
        return paths, bent

    def _down(self, k: int, start: Point, end: Point, floors: list[float], lanes: list[list[int]]) -> list[Point]:
        """Out of one row, along the space under it, and into a later row."""
        first, last = self._row[self._arrows[k][0]], self._row[self._arrows[k][1]] - 1
        lane = floors[first] + ROW_GAP / 2 + LANE * (lanes[first].index(k) + 0.5)
        out, into = start[0] + 14.0, end[0] - 20.0
        if first == last:
            return [(out, start[1]), (out, lane), (into, lane), (into, end[1])]
        second = floors[last] + ROW_GAP / 2 + LANE * (lanes[last].index(k) + 0.5)
        margin = -16.0 - 6.0 * (lanes[first].index(k) % 4)
        return [(out, start[1]), (out, lane), (margin, lane), (margin, second), (into, second), (into, end[1])]


def _cells(count: int, arrows: Sequence[tuple[int, int]]) -> tuple[list[int], list[int]]:
    """Row and column of every vertex. What has nothing before it stands in the row of its first user."""
    columns = columns_of(count, arrows)
    length = row_length(columns)
    if length > max(columns, default=0):
        return [0] * count, columns
    rows = [c // length for c in columns]
    cells = [c % length + 1 for c in columns]  # column 0 is for inputs, and for what comes from the row before
    users: dict[int, list[int]] = {}
    for source, target in arrows:
        users.setdefault(source, []).append(target)
    has_sources = {target for _, target in arrows}
    for v in (v for v in range(count) if v not in has_sources and v in users):
        rows[v], cells[v] = min((rows[u], cells[u] - 1) for u in users[v])
    return rows, cells


def _mean(values: list[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise


def _stack(column: list[int], wished: list[float], sizes: Sequence[Point], y: list[float]) -> None:
    """Heights nearest to the wished ones (least squares) that keep the order and the gaps: pooling of adjacent violators."""
    offsets, total = [], 0.0
    for above, v in zip([None, *column], column, strict=False):
        total += 0.0 if above is None else (sizes[above][1] + sizes[v][1]) / 2 + GAP_Y
        offsets.append(total)
    blocks: list[list[float]] = []  # mean, count
    for wish, offset in zip(wished, offsets, strict=True):
        blocks.append([wish - offset, 1.0])
        while len(blocks) > 1 and blocks[-2][0] > blocks[-1][0]:
            (m1, n1), (m2, n2) = blocks[-2], blocks[-1]
            blocks[-2:] = [[(m1 * n1 + m2 * n2) / (n1 + n2), n1 + n2]]
    levels = [mean for mean, count in blocks for _ in range(int(count))]
    for v, level, offset in zip(column, levels, offsets, strict=True):
        y[v] = level + offset
