"""C for elements that are picked: positions known when the program was planned, row numbers that are data, and diagonals.

All arrays here lie row by row without gaps; a row is what stands behind the picked axis.
"""

from __future__ import annotations

from symdl.lower.native.loops import Nest, nest
from symdl.lower.native.places import Place

_COPY = "for (long k = 0; k < {size}; k++) to[r*{size} + k] = {good} ? from[i*{size} + k] : 0.0;"


def take(source: Place, positions: str, missing: str | None, count: int, size: int, target: Place) -> list[str]:
    """Rows at known positions, zeros where they are missing."""
    last = source.shape[0] - 1
    lines = ["{", f"const double *from = {source.pointer()}; double *to = {target.pointer()};", f"const long long *at = (const long long *){positions};"]
    if missing is not None:
        lines.append(f"const unsigned char *gone = (const unsigned char *){missing};")
    lines.append(f"for (long r = 0; r < {count}; r++) {{ const long i = at[r] < 0 ? 0 : at[r] > {last} ? {last} : at[r];")
    return [*lines, _COPY.format(size=size, good="1" if missing is None else "!gone[r]"), "}", "}"]


def lookup(table: Place, at: Place, rows: int, count: int, beside: str, picked: int, size: int, target: Place) -> list[str]:
    """Rows number at*count + beside; zeros where ``at`` is no row."""
    return [
        "{",
        f"const double *from = {table.pointer()}, *at = {at.pointer()}; double *to = {target.pointer()};",
        f"const long long *beside = (const long long *){beside};",
        f"for (long r = 0; r < {picked}; r++) {{ const int good = {_is_row('at[r]', rows)}; const long i = good ? (long)at[r]*{count} + beside[r] : 0;",
        _COPY.format(size=size, good="good"),
        "}",
        "}",
    ]


def add_rows(values: Place, at: Place, rows: int, picked: int, size: int, target: Place) -> list[str]:
    """The values added to the rows of zeros."""
    return [
        *zeros(target),
        "{",
        f"const double *from = {values.pointer()}, *at = {at.pointer()}; double *to = {target.pointer()};",
        f"for (long r = 0; r < {picked}; r++) if ({_is_row('at[r]', rows)})",
        f"for (long k = 0; k < {size}; k++) to[(long)at[r]*{size} + k] += from[r*{size} + k];",
        "}",
    ]


def zeros(target: Place) -> list[str]:
    """The target filled with zeros."""
    return nest(Nest(target.shape, tuple(range(len(target.shape))), {}, ["V z = dup(0.0);"], {"z": target}, []))


def _is_row(value: str, rows: int) -> str:
    return f"({value} >= 0.0 && {value} < {rows}.0 && {value} == __builtin_floor({value}))"
