"""Plots as SVG text, without a plotting library: the same bytes on every machine."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from html import escape
from typing import Any

import numpy as np

from symdl.errors import DataError

WIDTH, HEIGHT, MARGIN = 560.0, 420.0, 46.0
GRID = 96  # squares along the longer side
LEVELS = 14
MAX_POINTS = 400

STYLE = (
    "text{font-family:system-ui,-apple-system,'Segoe UI',Roboto,sans-serif;font-size:12px;fill:#1c2024}"
    ".line{fill:none;stroke-width:1}.path{fill:none;stroke:#b3211d;stroke-width:1.6;stroke-linejoin:round}.point{fill:#b3211d}"
    ".axis{fill:none;stroke:#5b6570}.tick{fill:#5b6570;font-size:11px}"
)

Function = Callable[[Any, Any], Any]


def contour_path_svg(f: Function, path: Any, labels: tuple[str, str] = ("u₀", "u₁"), levels: int = LEVELS) -> str:
    """Contour lines of a function of two variables, with a path on them, as of gradient descent.

    Parameters
    ----------
    f : callable
        f(x, y) for arrays x, y of one shape gives an array of that shape (or a number).
    path : array_like, shape (points, 2)
        The first point is the start.
    labels : tuple of str
        Names of the axes.
    levels : int
        Number of contour lines; they stand closer where the function is low.

    Raises
    ------
    DataError
        When the path has no points or the wrong shape, or holds or meets a value that is not finite.
    """
    points = np.asarray(path, dtype=float)
    if points.ndim != 2 or points.shape[1] != 2 or not len(points):
        raise DataError(f"path of shape {points.shape}: contour_path_svg needs (points, 2), at least one point")
    if not np.all(np.isfinite(points)):
        raise DataError("path has a value that is not finite: the descent left the plane; lower the learning rate")
    frame = _Frame(points)
    x, y, z = frame.grid(f)
    parts = [_head(), *_contours(frame, x, y, z, levels), *_path(frame, points), *_axes(frame, labels)]
    return "\n".join(parts) + "\n</svg>\n"


class _Frame:
    """From the plane to the drawing."""

    def __init__(self, points: np.ndarray) -> None:
        low, high = points.min(axis=0), points.max(axis=0)
        span = np.where(high > low, high - low, np.maximum(np.max(high - low), 1.0))
        self.low, self.high = low - 0.18 * span, high + 0.18 * span

    def grid(self, f: Function) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        across = np.linspace(self.low[0], self.high[0], GRID + 1)
        up = np.linspace(self.low[1], self.high[1], round(GRID * HEIGHT / WIDTH) + 1)
        x, y = np.meshgrid(across, up)
        with np.errstate(all="ignore"):
            z = np.broadcast_to(np.asarray(f(x, y), dtype=float), x.shape)
        if not np.any(np.isfinite(z)):
            raise DataError("contour_path_svg: the function is nowhere finite around the path")
        return across, up, z

    def x(self, value: float) -> float:
        return MARGIN + (WIDTH - 2 * MARGIN) * (value - self.low[0]) / (self.high[0] - self.low[0])

    def y(self, value: float) -> float:
        return HEIGHT - MARGIN - (HEIGHT - 2 * MARGIN) * (value - self.low[1]) / (self.high[1] - self.low[1])


def _head() -> str:
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" width="{WIDTH:.0f}" height="{HEIGHT:.0f}" viewBox="0 0 {WIDTH:.0f} {HEIGHT:.0f}">\n'
        f'<title>contour lines and path</title>\n<style>{STYLE}</style>\n<rect width="100%" height="100%" fill="#fff"/>'
    )


def _contours(frame: _Frame, x: np.ndarray, y: np.ndarray, z: np.ndarray, levels: int) -> Iterator[str]:
    finite = z[np.isfinite(z)]
    low, high = float(finite.min()), float(finite.max())
    for k in range(1, levels + 1 if high > low else 1):
        share = k / (levels + 1)
        pieces = " ".join(
            f"M{frame.x(a):.1f},{frame.y(b):.1f}L{frame.x(c):.1f},{frame.y(d):.1f}" for a, b, c, d in _segments(x, y, z, low + (high - low) * share**2)
        )
        shade = round(70 + 130 * share)
        if pieces:
            yield f'<path class="line" stroke="rgb({shade},{min(shade + 30, 225)},{min(shade + 70, 240)})" d="{pieces}"/>'


#: Which two sides of a square (0 bottom, 1 right, 2 top, 3 left) a contour line joins, by which corners are above the level
#: (1 bottom left, 2 bottom right, 4 top right, 8 top left). Marching squares; a saddle gets two lines.
_SIDES = {
    1: ((3, 0),), 2: ((0, 1),), 3: ((3, 1),), 4: ((1, 2),), 5: ((3, 2), (0, 1)), 6: ((0, 2),), 7: ((3, 2),),
    8: ((2, 3),), 9: ((0, 2),), 10: ((3, 0), (1, 2)), 11: ((1, 2),), 12: ((3, 1),), 13: ((0, 1),), 14: ((3, 0),),
}  # fmt: skip


def _segments(x: np.ndarray, y: np.ndarray, z: np.ndarray, level: float) -> Iterator[tuple[float, float, float, float]]:
    """The pieces of one contour line, (x, y) to (x, y)."""
    above = z > level
    case = above[:-1, :-1] + 2 * above[:-1, 1:] + 4 * above[1:, 1:] + 8 * above[1:, :-1]
    whole = np.isfinite(z[:-1, :-1]) & np.isfinite(z[:-1, 1:]) & np.isfinite(z[1:, 1:]) & np.isfinite(z[1:, :-1])
    for r, c in np.argwhere((case > 0) & (case < 15) & whole):
        corners = ((x[c], y[r], z[r, c]), (x[c + 1], y[r], z[r, c + 1]), (x[c + 1], y[r + 1], z[r + 1, c + 1]), (x[c], y[r + 1], z[r + 1, c]))
        for first, second in _SIDES[int(case[r, c])]:
            yield *_cut(corners, first, level), *_cut(corners, second, level)


def _cut(corners: tuple, side: int, level: float) -> tuple[float, float]:
    """Where the line meets a side of a square."""
    (xa, ya, za), (xb, yb, zb) = corners[side], corners[(side + 1) % 4]
    t = (level - za) / (zb - za)
    return xa + t * (xb - xa), ya + t * (yb - ya)


def _path(frame: _Frame, points: np.ndarray) -> Iterator[str]:
    shown = points if len(points) <= MAX_POINTS else np.vstack([points[: MAX_POINTS - 1], points[-1:]])
    places = [(frame.x(a), frame.y(b)) for a, b in shown]
    yield '<path class="path" d="M' + " L".join(f"{a:.1f},{b:.1f}" for a, b in places) + '"/>'
    yield "".join(f'<circle class="point" cx="{a:.1f}" cy="{b:.1f}" r="{3.5 if k == 0 else 2:g}"/>' for k, (a, b) in enumerate(places))


def _axes(frame: _Frame, labels: tuple[str, str]) -> Iterator[str]:
    base, right = HEIGHT - MARGIN, WIDTH - MARGIN
    yield f'<path class="axis" d="M{MARGIN:.0f},{MARGIN:.0f} V{base:.0f} H{right:.0f}"/>'
    for value in _ticks(frame.low[0], frame.high[0]):
        yield f'<text class="tick" x="{frame.x(value):.1f}" y="{base + 16:.0f}" text-anchor="middle">{value:g}</text>'
    for value in _ticks(frame.low[1], frame.high[1]):
        yield f'<text class="tick" x="{MARGIN - 6:.0f}" y="{frame.y(value) + 4:.1f}" text-anchor="end">{value:g}</text>'
    yield f'<text x="{WIDTH / 2:.0f}" y="{HEIGHT - 8:.0f}" text-anchor="middle">{escape(labels[0])}</text>'
    yield f'<text x="{MARGIN - 6:.0f}" y="{MARGIN - 12:.0f}" text-anchor="end">{escape(labels[1])}</text>'


def _ticks(low: float, high: float, count: int = 6) -> list[float]:
    """Round numbers in a range."""
    rough = (high - low) / count
    unit = 10.0 ** math.floor(math.log10(rough))
    step = next(unit * m for m in (1, 2, 5, 10) if unit * m >= rough)
    first = math.ceil(low / step)
    return [round(k * step, 12) for k in range(first, math.floor(high / step) + 1)]
