"""C for elements that are picked: positions known when the program was planned, row numbers that are data, and diagonals.

All arrays here lie row by row without gaps; a row is what stands behind the picked axis.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from symdl.lower.native.loops import Nest, nest
from symdl.lower.native.places import Place
from symdl.lower.windows import Window

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


def padded(source: Place, around: Sequence[tuple[int, int, int]], target: Place) -> list[str]:
    """The source with zeros before, behind and between its elements."""
    order = sorted(range(len(target.shape)), key=lambda a: -target.strides[a])
    lines: list[str] = []
    inside = target
    for axis, ((before, after, gap), size) in enumerate(zip(around, source.shape, strict=True)):
        wide = size + (size - 1) * gap
        zeroed = [(before + 1 + k, size - 1, gap + 1) for k in range(gap)] if size > 1 else []
        for start, count, step in ((0, before, 1), (before + wide, after, 1), *zeroed):
            if count:
                border = _part(inside, axis, start, count, step)
                lines += nest(Nest(border.shape, tuple(order), {}, ["V z = dup(0.0);"], {"z": border}, []))
        inside = _part(inside, axis, before, size, gap + 1)
    return [*lines, *nest(Nest(source.shape, tuple(order), {"a": source}, [], {"a": inside}, []))]


def folded(source: Place, which: Window, target: Place) -> list[str]:
    """The source added up where it stands in the target, which begins as zeros: part by part, so that nothing is met twice in a part."""
    again = which.repeated(source.shape)
    rest = [r for r in range(len(source.shape)) if r not in again]
    into = which.strides(target.strides)
    # What stands first is done first, so that the parts of a sample are in the cache.
    outer = [r for r in rest[:1] if len(rest) > 1 and source.strides[r] == max(source.strides)]
    inner = sorted((r for r in rest if r not in outer), key=lambda r: -abs(into[r]))
    lines = [f"for (long z{r} = 0; z{r} < {source.shape[r]}; z{r}++) {{" for r in (*outer, *again)]
    shape = tuple(source.shape[r] for r in inner)
    sides = []
    for place, strides in ((source, source.strides), (replace(target, offset=target.offset + which.offset(target.strides)), into)):
        moved = "".join(f" + z{r}*({strides[r]})" for r in (*outer, *again))
        sides.append(Place(f"({place.pointer()}{moved})", 0, shape, tuple(strides[r] for r in inner)))
    body = nest(Nest(shape, tuple(range(len(inner))), {"a": sides[0], "b": sides[1]}, ["V t = a + b;"], {"t": sides[1]}, []))
    return [*zeros(target), *lines, *body, *["}"] * len(lines)]


def _part(place: Place, axis: int, start: int, count: int, step: int) -> Place:
    """So many positions of one axis."""
    shape = tuple(count if a == axis else n for a, n in enumerate(place.shape))
    strides = tuple(step * s if a == axis else s for a, s in enumerate(place.strides))
    return Place(place.base, place.offset + start * place.strides[axis], shape, strides)


def zeros(target: Place) -> list[str]:
    """The target filled with zeros."""
    return nest(Nest(target.shape, tuple(range(len(target.shape))), {}, ["V z = dup(0.0);"], {"z": target}, []))


def _is_row(value: str, rows: int) -> str:
    return f"({value} >= 0.0 && {value} < {rows}.0 && {value} == __builtin_floor({value}))"
