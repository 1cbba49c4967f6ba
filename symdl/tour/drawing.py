"""Drawings of the tour as SVG: a curve, and digits with the network's answers."""

from __future__ import annotations

import math
from collections.abc import Sequence
from html import escape
from typing import Any

import numpy as np

WIDTH, HEIGHT, MARGIN = 560, 260, 46
CELL, COLUMNS = 7, 10


def curve(series: dict[str, Sequence[float]], x_label: str, y_label: str) -> str:
    """Curves over 1, 2, 3, ... with a logarithmic axis; every value must be above 0."""
    top = max(max(values) for values in series.values())
    bottom = min(min(values) for values in series.values())
    low, high = math.floor(math.log10(bottom) * 2) / 2, math.ceil(math.log10(top) * 2) / 2
    high = high if high > low else low + 0.5
    longest = max(len(values) for values in series.values())

    def place(k: int, value: float) -> tuple[float, float]:
        x = MARGIN + (WIDTH - 2 * MARGIN) * (k / max(longest - 1, 1))
        y = HEIGHT - MARGIN - (HEIGHT - 2 * MARGIN) * (math.log10(value) - low) / (high - low)
        return round(x, 1), round(y, 1)

    parts = [_svg(WIDTH, HEIGHT), _axes(x_label, y_label)]
    for k in range(round((high - low) * 2) + 1):
        tick = 10 ** (low + k / 2)
        y = place(0, tick)[1]
        parts.append(f'<line x1="{MARGIN}" y1="{y}" x2="{WIDTH - MARGIN}" y2="{y}" stroke="#ddd"/>')
        parts.append(f'<text x="{MARGIN - 6}" y="{y + 4}" text-anchor="end">{tick:.2g}</text>')
    for k in sorted({0, (longest - 1) // 2, longest - 1}):
        parts.append(f'<text x="{place(k, top)[0]}" y="{HEIGHT - MARGIN + 16}" text-anchor="middle">{k + 1}</text>')
    for number, (name, values) in enumerate(series.items()):
        colour = ("#1f5fa8", "#c2571a", "#2f7d32")[number % 3]
        points = " ".join("{},{}".format(*place(k, v)) for k, v in enumerate(values))
        parts.append(f'<polyline points="{points}" fill="none" stroke="{colour}" stroke-width="2"/>')
        parts.append(f'<text x="{WIDTH - MARGIN}" y="{MARGIN - 26 + 15 * number}" text-anchor="end" fill="{colour}">{escape(name)}</text>')
    return "\n".join(parts) + "\n</svg>\n"


def digits(images: Any, labels: Sequence[int], answers: Sequence[int], certainty: Sequence[float]) -> str:
    """Images in rows, each with the answer below; wrong answers in red with the truth beside.

    Parameters
    ----------
    images : array, shape (count, 8, 8), in 0..1
    """
    images = np.asarray(images, dtype=float)
    side = images.shape[1] * CELL
    step_x, step_y = side + 14, side + 34
    rows = math.ceil(len(images) / COLUMNS)
    parts = [_svg(COLUMNS * step_x, rows * step_y)]
    for k, image in enumerate(images):
        x, y = (k % COLUMNS) * step_x + 7, (k // COLUMNS) * step_y + 4
        parts.append(f'<rect x="{x}" y="{y}" width="{side}" height="{side}" fill="#fff" stroke="#bbb"/>')
        parts.extend(_pixels(image, x, y))
        good = answers[k] == labels[k]
        said = f"{answers[k]} ({certainty[k]:.0%})" if good else f"{answers[k]}, is {labels[k]}"
        colour = "#2f7d32" if good else "#b3261e"
        parts.append(f'<text x="{x + side / 2}" y="{y + side + 16}" text-anchor="middle" fill="{colour}">{said}</text>')
    return "\n".join(parts) + "\n</svg>\n"


def _pixels(image: Any, x: float, y: float) -> list[str]:
    found = []
    for (row, column), ink in np.ndenumerate(image):
        if ink > 0:
            grey = round(255 * (1 - float(ink)))
            place = f'x="{x + column * CELL}" y="{y + row * CELL}"'
            found.append(f'<rect {place} width="{CELL}" height="{CELL}" fill="rgb({grey},{grey},{grey})"/>')
    return found


def _svg(width: float, height: float) -> str:
    size = f'viewBox="0 0 {width:g} {height:g}" width="{width:g}" height="{height:g}"'
    return f'<svg xmlns="http://www.w3.org/2000/svg" {size} font-family="sans-serif" font-size="12">'


def _axes(x_label: str, y_label: str) -> str:
    left, base = MARGIN, HEIGHT - MARGIN
    return (
        f'<path d="M {left} {MARGIN} V {base} H {WIDTH - MARGIN}" fill="none" stroke="#333"/>\n'
        f'<text x="{WIDTH / 2}" y="{HEIGHT - 10}" text-anchor="middle">{escape(x_label)}</text>\n'
        f'<text x="{left}" y="{MARGIN - 12}">{escape(y_label)}</text>'
    )
