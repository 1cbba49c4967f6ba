"""C for products A A' of a matrix with itself: half of the result is computed, the other half is copied, by own kernels or by BLAS (dsyrk)."""

from __future__ import annotations

from dataclasses import replace

from symdl.lower.native.across import Matrix, Product, across
from symdl.lower.native.kernels import LANES

#: Columns of a panel. Of a panel the rows are computed down to its last column.
PANEL = 4 * LANES

#: From so many columns half the work is saved; up to so many panels, each with a text of its own, it is done here.
FROM, MOST = 5 * LANES, 12


def is_symmetric(p: Product) -> bool:
    """Whether B is A' itself, and the result lies row by row."""
    same = p.a.pointer == p.b.pointer and (p.a.row, p.a.column) == (p.b.column, p.b.row)
    return same and p.m == p.n >= FROM and p.update is None and p.c.column == 1


def fits(p: Product) -> bool:
    """Whether own kernels do it: B lies row by row, and the panels are few."""
    return p.b.column == 1 and -(-p.n // PANEL) <= MOST


def cost(p: Product) -> float:
    """In vector operations."""
    return 1.15 * p.k * sum(min(p.n, start + PANEL) * PANEL for start in range(0, p.n, PANEL)) / LANES + p.n * p.n / LANES


def symmetric(p: Product) -> list[str]:
    """Lines of C."""
    lines: list[str] = []
    for start in range(0, p.n, PANEL):
        wide = min(PANEL, p.n - start)
        rows = start + wide
        b, c = (replace(s, pointer=f"({s.pointer} + {start * s.column})") for s in (p.b, p.c))
        lines += across(Product(rows, wide, p.k, p.a, b, c))
        if start:
            lines.append(_mirrored(p.c, start, wide))
    return lines


def _mirrored(c: Matrix, start: int, wide: int) -> str:
    """The columns of a panel above the diagonal block, as rows left of it."""
    return f"transposed({c.pointer} + {start}, {c.row}, {start}, {wide}, {c.pointer} + {start * c.row}, {c.row});"


def by_syrk(p: Product, routine: str, integer: str) -> list[str]:
    """The same by dsyrk, whose matrices stand column by column: of ours, the transposes. Its lower triangle is the upper one here."""
    trans, lead = ("N", p.b.row) if p.b.column == 1 else ("T", p.b.column)
    taken = ", ".join(f"const {t} *" for t in ("char", "char", integer, integer, "double", "double", integer, "double"))
    kind = f"void (*)({taken}, double *, const {integer} *, long, long)"
    lines = [f"{{ const {integer} n = {p.n}, k = {p.k}, lead = {max(lead, 1)}, row = {p.c.row}; const double one = 1.0, none = 0.0;"]
    lines.append(f'(({kind}){routine})("L", "{trans}", &n, &k, &one, {p.b.pointer}, &lead, &none, {p.c.pointer}, &row, 1, 1);')
    return [*lines, *_below(p), "}"]


def _below(p: Product) -> list[str]:
    """Everything below the diagonal: left of the diagonal blocks, and in them."""
    c, last = p.c, f"{p.n} - s < {PANEL} ? {p.n} - s : {PANEL}"
    return [
        f"for (long s = 0; s < {p.n}; s += {PANEL}) {{",
        f"if (s) transposed({c.pointer} + s, {c.row}, s, {last}, {c.pointer} + s*{c.row}, {c.row});",
        f"for (long i = s; i < s + {PANEL} && i < {p.n}; i++) for (long j = s; j < i; j++) ({c.pointer})[i*{c.row} + j] = ({c.pointer})[j*{c.row} + i];",
        "}",
    ]


__all__ = ["by_syrk", "cost", "fits", "is_symmetric", "symmetric"]
