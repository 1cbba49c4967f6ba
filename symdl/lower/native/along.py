"""C for products with vectors along the summed index: a few results written out, or eight rows at a time as they come from memory."""

from __future__ import annotations

from symdl.lower.native.across import Product, load, registers, store
from symdl.lower.native.kernels import LANES

#: Up to so many results the kernel "along" has lines of its own for each.
WRITTEN_OUT = 320


def along(p: Product) -> list[str]:
    """Lines of C for the kernel with vectors along the summed index; results in the order in which they stand in memory."""
    if p.m * p.n > WRITTEN_OUT:
        return _streamed(p if p.m >= p.n else p.turned)
    results = [(i, j) for i in range(p.m) for j in range(p.n)]
    results.sort(key=lambda r: r[0] * p.c.row + r[1] * p.c.column)
    size = max(LANES, registers() // LANES * LANES)
    lines = ["{", f"const double *restrict ma = {p.a.pointer}, *restrict mb = {p.b.pointer}; double *restrict mc = {p.c.pointer};"]
    for start in range(0, len(results), size):
        lines += _group(p, results[start : start + size])
    return [*lines, "}"]


def _streamed(p: Product) -> list[str]:
    """Eight rows of A at a time, as they come from memory, with every column of B, of which there are few."""
    lines = ["{", f"const double *restrict ma = {p.a.pointer}, *restrict mb = {p.b.pointer}; double *restrict mc = {p.c.pointer};"]
    whole = p.m // LANES * LANES
    if whole:
        lines += [f"for (long i = 0; i < {whole}; i += {LANES}) {{", f"const double *x = ma + i*{p.a.row};", *_rows_by_column(p, LANES), "}"]
    if p.m > whole:
        lines += [f"{{ const long i = {whole};", f"const double *x = ma + i*{p.a.row};", *_rows_by_column(p, p.m - whole), "}"]
    return [*lines, "}"]


def _rows_by_column(p: Product, rows: int) -> list[str]:
    """Some rows, which begin at x, with all columns."""
    full, tail = p.k // LANES * LANES, p.k % LANES
    names = [f"s{r}" for r in range(rows)]
    lines = [f"for (long j = 0; j < {p.n}; j++) {{", f"const double *y = mb + j*{p.b.column};", f"V {', '.join(f'{s} = dup(0.0)' for s in names)};"]
    for loop, at, count in ((f"for (long k = 0; k < {full}; k += {LANES})", "k", LANES), ("", str(full), tail)):
        if full if loop else tail:
            adds = " ".join(f"{s} += {load(f'x + {r * p.a.row} + {at}', count, 1)} * b;" for r, s in enumerate(names))
            lines.append(f"{loop} {{ const V b = {load(f'y + {at}', count, 1)}; {adds} }}")
    value = f"totals({', '.join([*names, *['dup(0.0)'] * (LANES - rows)])})"
    to = f"mc + i*{p.c.row} + j*{p.c.column}"
    return [*lines, f"const V r = {value};", store(to, p.c.row, rows, "r", p.update), "}"]


def _group(p: Product, results: list[tuple[int, int]]) -> list[str]:
    lines = ["{", "V " + ", ".join(f"s{q} = dup(0.0)" for q in range(len(results))) + ";"]
    full = p.k // LANES * LANES
    rows, columns = sorted({i for i, _ in results}), sorted({j for _, j in results})
    for start, stop, count in ((0, full, LANES), (full, p.k, p.k % LANES)):
        if start == stop or not count:
            continue
        lines.append(f"for (long k = {start}; k < {stop}; k += {LANES}) {{")
        lines += [f"V a{i} = {load(f'ma + {i * p.a.row} + k', count, 1)};" for i in rows]
        lines += [f"V b{j} = {load(f'mb + {j * p.b.column} + k', count, 1)};" for j in columns]
        lines += [f"s{q} += a{i} * b{j};" for q, (i, j) in enumerate(results)]
        lines.append("}")
    for start in range(0, len(results), LANES):
        part = results[start : start + LANES]
        args = [f"s{start + q}" if q < len(part) else "dup(0.0)" for q in range(LANES)]
        places = [i * p.c.row + j * p.c.column for i, j in part]
        if len(part) == 1:
            lines.append(f"mc[{places[0]}] = {f'mc[{places[0]}] - {p.update} * ' if p.update else ''}total({args[0]});")
            continue
        lines.append(f"{{ V r = totals({', '.join(args)});")
        if places == list(range(places[0], places[0] + len(part))):
            lines.append(store(f"mc + {places[0]}", 1, len(part), "r", p.update))
        else:
            lines += [f"mc[{at}] = {f'mc[{at}] - {p.update} * ' if p.update else ''}r[{q}];" for q, at in enumerate(places)]
        lines.append("}")
    return [*lines, "}"]
