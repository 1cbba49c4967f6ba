"""A picture of a graph as SVG: places from the layout, shapes, texts and a legend. Every text is escaped."""

from __future__ import annotations

from html import escape

from symdl.render.labels import Spots
from symdl.render.layered import Layout, Point, columns_of, layout, row_length
from symdl.render.picture import CONSTANT, INPUT, OPERATION, OUTPUT, Arrow, Picture, Vertex, repeated_inputs

MARGIN = 44.0
CIRCLE = 40.0
BOX = 34.0
LINE = 20.0  # of the legend
LONGEST = 22  # letters of a name that are shown

STYLE = (
    "text{font-family:system-ui,-apple-system,'Segoe UI',Roboto,'Noto Sans',sans-serif;font-size:13px;fill:#1c2024}"
    ".arrow{fill:none;stroke:#8a94a0;stroke-width:1.4}"
    ".op{fill:#fff;stroke:#1c2024;stroke-width:1.5}.in{fill:#eef4fb;stroke:#3f6fa8;stroke-width:1.3}"
    ".con{fill:#f3f3f3;stroke:#b9b9b9}.out{fill:#fff8e6;stroke:#b58a1c;stroke-width:1.3}"
    ".ring{fill:none;stroke:#d9730d;stroke-width:2;stroke-dasharray:4 3}"
    ".f,.b,.s{font-size:12px;text-anchor:middle;paint-order:stroke;stroke:#fff;stroke-width:3.5px;stroke-linejoin:round}"
    ".f{fill:#14508c}.b{fill:#b3211d}.s{fill:#d9730d;font-weight:700}"
    ".mid{text-anchor:middle;dominant-baseline:central}.cap{text-anchor:middle;font-weight:650;font-size:12px}.note{font-size:12px;fill:#5b6570}"
)

_CLASSES = {INPUT: "in", CONSTANT: "con", OUTPUT: "out", OPERATION: "op"}


def picture_svg(picture: Picture) -> str:
    """The picture as an SVG document."""
    picture = _in_rows(picture)
    sizes = [vertex_size(v) for v in picture.vertices]
    labels = [max(text_width(a.above, 12), text_width(a.below, 12)) for a in picture.arrows]
    placed = layout(sizes, [(a.source, a.target) for a in picture.arrows], labels)
    legend = legend_lines(picture)
    width = max(placed.width, *(text_width(text, 12) + 30 for _, text in legend), 60.0) + 2 * MARGIN
    height = placed.height + 2 * MARGIN + LINE * len(legend)
    shapes = [_arrow(a, path, bent) for a, path, bent in zip(picture.arrows, placed.paths, placed.bent, strict=True)]
    shapes += [_vertex(v, at, size) for v, at, size in zip(picture.vertices, placed.centres, sizes, strict=True)]
    spots = Spots(placed.centres, sizes)
    shapes += [_labels(a, path, bent, spots) for a, path, bent in zip(picture.arrows, placed.paths, placed.bent, strict=True)]
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" role="img" width="{width:.0f}" height="{height:.0f}" viewBox="0 0 {width:.0f} {height:.0f}">',
            f"<title>{escape(picture.title)}</title>",
            f"<style>{STYLE}</style>",
            '<defs><marker id="head" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto">'
            '<path d="M0,0.8 L7.5,4 L0,7.2 z" fill="#8a94a0"/></marker></defs>',
            '<rect width="100%" height="100%" fill="#fff"/>',
            f'<g transform="translate({MARGIN:.0f},{MARGIN:.0f})">',
            *(s for s in shapes if s),
            "</g>",
            _legend(legend, placed),
            "</svg>\n",
        ]
    )


def _in_rows(picture: Picture) -> Picture:
    """A long graph is broken into rows; its inputs stand in every row that uses them."""
    columns = columns_of(len(picture.vertices), [(a.source, a.target) for a in picture.arrows])
    length = row_length(columns)
    return picture if length > max(columns) else repeated_inputs(picture, [c // length for c in columns])


def text_width(text: str, size: float) -> float:
    """About how wide a text is."""
    return sum(1.0 if ord(c) > 0x2E80 else 0.6 for c in text) * size


def shorten(text: str) -> str:
    """A name that fits into a box."""
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def vertex_size(vertex: Vertex) -> Point:
    """Width and height of a box or a circle."""
    wide = text_width(shorten(vertex.text), 13)
    if vertex.kind == OPERATION:
        return max(CIRCLE, wide + 18), CIRCLE
    return max(BOX, wide + 20), BOX


def _vertex(vertex: Vertex, at: Point, size: Point) -> str:
    (x, y), (w, h) = at, size
    round_ = h / 2 if vertex.kind == OPERATION else 5
    parts = [
        f'<rect class="{_CLASSES[vertex.kind]}" x="{x - w / 2:.1f}" y="{y - h / 2:.1f}" width="{w:.1f}" height="{h:.1f}" rx="{round_:g}"/>',
        f'<text class="mid" x="{x:.1f}" y="{y:.1f}">{escape(shorten(vertex.text))}</text>',
    ]
    if vertex.shared:
        ring = f'<rect class="ring" x="{x - w / 2 - 5:.1f}" y="{y - h / 2 - 5:.1f}" width="{w + 10:.1f}" height="{h + 10:.1f}" rx="{round_ + 5:g}"/>'
        parts.insert(0, ring)
    if vertex.caption:
        parts.append(f'<text class="cap" x="{x:.1f}" y="{y - h / 2 - 9:.1f}">{escape(shorten(vertex.caption))}</text>')
    if vertex.total:
        parts.append(f'<text class="{"s" if vertex.shared else "b"}" x="{x:.1f}" y="{y + h / 2 + 19:.1f}">Σ {escape(vertex.total)}</text>')
    full = escape(" ".join(t for t in (vertex.caption, vertex.text) if t))
    return f"<g><title>{full}</title>{''.join(parts)}</g>"


def _arrow(arrow: Arrow, path: list[Point], bent: bool) -> str:
    return f'<path class="arrow" d="{_path(path, bent)}" marker-end="url(#head)"/>'


def _path(path: list[Point], bent: bool) -> str:
    x, y = path[0]
    parts = [f"M{x:.1f},{y:.1f}"]
    for nx, ny in path[1:]:
        if bent or ny == y:
            parts.append(f"L{nx:.1f},{ny:.1f}")
        else:
            middle = (x + nx) / 2
            parts.append(f"C{middle:.1f},{y:.1f} {middle:.1f},{ny:.1f} {nx:.1f},{ny:.1f}")
        x, y = nx, ny
    return " ".join(parts)


def _labels(arrow: Arrow, path: list[Point], bent: bool, spots: Spots) -> str:
    """The value above the arrow, the derivative below it, the sign at its head."""
    parts = []
    if arrow.above or arrow.below:
        width = max(text_width(arrow.above, 12), text_width(arrow.below, 12))
        x, y = spots.take(path[2:4] if bent else path, width, bent)
        if arrow.above:
            parts.append(f'<text class="f" x="{x:.1f}" y="{y - 5:.1f}">{escape(arrow.above)}</text>')
        if arrow.below:
            parts.append(f'<text class="{"s" if arrow.shared else "b"}" x="{x:.1f}" y="{y + 15:.1f}">{escape(arrow.below)}</text>')
    if arrow.sign:
        hx, hy = path[-1]
        parts.append(f'<text class="f" x="{hx - 13:.1f}" y="{hy - 7:.1f}">{escape(arrow.sign)}</text>')
    return "".join(parts)


def legend_lines(picture: Picture) -> list[tuple[str, str]]:
    """(class, text) of every line of the legend."""
    lines = []
    if picture.has_values:
        lines.append(("f", "above an arrow: the value, forward"))
    if picture.has_derivatives:
        lines.append(("b", "below an arrow: the derivative of the output, backward (Σ: added up over several uses)"))
    return lines + [("s", text) for text in picture.legend]


def _legend(lines: list[tuple[str, str]], placed: Layout) -> str:
    top = placed.height + 2 * MARGIN
    parts = []
    for k, (kind, text) in enumerate(lines):
        y = top + LINE * k - 6
        sample = {"f": "1.0", "b": "1.0"}.get(kind, "◌")
        parts.append(f'<text class="{kind}" x="{MARGIN - 14:.0f}" y="{y:.1f}">{sample}</text>')
        parts.append(f'<text class="note" x="{MARGIN + 6:.0f}" y="{y:.1f}">{escape(text)}</text>')
    return "".join(parts)
