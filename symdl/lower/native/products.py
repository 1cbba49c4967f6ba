"""C for matrix products C = A B with sizes known at compile time: three kernels, and the choice between them by counting.

*across*: vectors along the columns of B and C, elements of A repeated (registers hold a tile of C); its mirror image, with vectors along the rows
of A and C; *along*: vectors along the summed index, eight results added up together. An operand that lies the wrong way is copied first, where
that pays. The update of parameters (x -= lr*result) is done on the tile, before it leaves the registers.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, replace

from symdl.lower.native.kernels import LANES
from symdl.lower.native.toolchain import cpu_features

#: When rows of B are packed: with so many tiles below each other to use them, and more bytes than this; so many rows at a time.
PACKED_ROWS, PACKED_BYTES, PACKED_DEPTH = 6, 8192, 100

#: From so many columns of tiles on, threads share the columns: then each has its own part of B, and of the parameters, in its cache.
MANY = 4

#: What transposing an element costs, in vector operations; and of matrices of more elements than these, which come from far in the memory.
COPY, COPY_FAR, FAR = 0.8, 5.0, 65_536


@dataclass(frozen=True)
class Matrix:
    """A matrix in memory: pointer in C, strides of rows and columns; the copy of it that lies the other way, should it be wanted, costs this."""

    pointer: str
    row: int
    column: int
    cost: float = COPY

    @property
    def turned(self) -> Matrix:
        return replace(self, row=self.column, column=self.row)


@dataclass(frozen=True)
class Product:
    """C (m x n) = A (m x k) B (k x n); with an ``update``, C -= update * A B."""

    m: int
    n: int
    k: int
    a: Matrix
    b: Matrix
    c: Matrix
    update: str | None = None

    @property
    def turned(self) -> Product:
        """The same as C' = B' A'."""
        return Product(self.n, self.m, self.k, self.b.turned, self.a.turned, self.c.turned, self.update)


@dataclass(frozen=True)
class Choice:
    """How a product is computed: the kernel, its cost in vector operations, and which operands must be copied ("a", "b")."""

    kernel: str
    cost: float
    copies: tuple[str, ...]


def registers() -> int:
    """Vectors of eight that the processor's registers hold beside operands."""
    return 24 if "avx512f" in cpu_features() else 6


def choose(p: Product) -> Choice:
    """The cheapest way."""
    found = [_across(p, "across"), _across(p.turned, "mirrored"), _along(p)]
    return min(found, key=lambda c: c.cost)


def _vectors(count: int) -> int:
    return -(-count // LANES)


def _across(p: Product, kernel: str) -> Choice:
    copies, cost = [], 1.15 * p.m * p.k * _vectors(p.n) + 0.5 * p.m * _vectors(p.n)
    if p.b.column != 1 and p.n > 1:
        if packs_turned(p):
            cost += 0.3 * p.k * p.n
        else:
            copies.append("b")
            cost += p.b.cost * p.k * p.n
    if p.c.column != 1 and p.n > 1:
        cost += (1.5 if p.update is None else 5.0) * p.m * p.n
    if kernel == "mirrored":
        copies = ["a" for _ in copies]
    return Choice(kernel, cost, tuple(copies))


def packs(p: Product, high: int, wide: int) -> bool:
    """Whether rows of B are copied next to each other before they are used: there are many tiles below each other, and rows far apart."""
    return p.m >= PACKED_ROWS * high and p.k * wide * LANES * 8 > PACKED_BYTES


def packs_turned(p: Product) -> bool:
    """Whether B, which lies column by column, is turned while it is packed: then no copy of the whole is needed."""
    return p.b.row == 1 and p.b.column != 1 and p.n > 1 and packs(p, *tile(p.m, _vectors(p.n)))


def _along(p: Product) -> Choice:
    outputs = p.m * p.n
    copies, cost = [], 1.4 * outputs * _vectors(p.k) + 3.0 * outputs
    if p.a.column != 1 and p.k > 1:
        copies.append("a")
        cost += p.a.cost * p.m * p.k
    if p.b.row != 1 and p.k > 1:
        copies.append("b")
        cost += p.b.cost * p.k * p.n
    if outputs > 320:
        cost *= 100.0  # the source has a line for every result
    return Choice("along", cost, tuple(copies))


# --- across ----------------------------------------------------------------------------------------------------


def tile(rows: int, vectors: int) -> tuple[int, int]:
    """Rows and vectors of a tile: as few loads for a multiplication as the registers allow, and no small rest."""
    limit = registers()
    best, answer = float("inf"), (1, 1)
    for wide in range(1, min(vectors, 6) + 1):
        for high in range(1, min(rows, limit // wide) + 1):
            # A tile's step costs its multiplications, its loads, and at least the latency of four additions.
            cost = 0.0
            for h, many in ((high, rows // high), (rows % high, 1)):
                for w, often in ((wide, vectors // wide), (vectors % wide, 1)):
                    if h and w:
                        cost += many * often * (max(h * w, 5.0) + 0.25 * (h + 2 * w))
            if cost < best:
                best, answer = cost, (high, wide)
    return answer


def across(p: Product, shared: bool = False) -> list[str]:
    """Lines of C for the kernel with vectors along the columns; shared, each thread does its part of the columns, or of the rows."""
    vectors = _vectors(p.n)
    high, wide = tile(p.m, vectors)
    lines = ["{", f"const double *restrict ma = {p.a.pointer}, *restrict mb = {p.b.pointer}; double *restrict mc = {p.c.pointer};"]
    tail = p.n % LANES
    full = vectors // wide * wide
    ends_clean = tail == 0 or vectors % wide != 0  # the last vector, which is short, stands in no full column of tiles
    columns: list[tuple[int, int, int]] = []  # from, to, width
    last = full if ends_clean else full - wide
    if last > 0:
        columns.append((0, last, wide))
    if not ends_clean:
        columns.append((last, full, wide))
    if vectors % wide:
        columns.append((full, vectors, vectors % wide))
    by_columns = shared and columns[0][1] - columns[0][0] >= MANY * columns[0][2]
    by_rows = shared and not by_columns
    turned = packs_turned(p)
    for start, stop, width in columns:
        short = tail if stop == vectors else 0
        panels, step = (stop - start) // width, width * LANES
        span = share(panels, by_columns)
        lines.append(f"for (long j = {start * LANES} + ({span[0]})*{step}; j < {start * LANES} + ({span[1]})*{step}; j += {step}) {{")
        if turned or (packs(p, high, width) and p.b.column == 1):
            lines += _packed(p, high, width, short, by_rows)
        else:
            lines += _rows(p, high, width, short, p.k, p.b.row, "=", "", by_rows)
        lines.append("}")
    return [*lines, "}"]


def share(count: int, shared: bool) -> tuple[str, str]:
    """From which to which of so many pieces of work a thread does: C expressions."""
    return (f"FROM({count})", f"TO({count})") if shared else ("0", str(count))


def _packed(p: Product, high: int, wide: int, short: int, shared: bool) -> list[str]:
    """Some rows of B at a time, copied next to each other: rows far apart in memory fall on the same lines of the cache."""
    blocks = -(-p.k // PACKED_DEPTH)
    depth = -(-p.k // blocks)
    row = wide * LANES
    lines = [f"double pack[{depth * row}] __attribute__((aligned(64)));"]
    whole, rest = p.k // depth * depth, p.k % depth

    flat = replace(p, b=replace(p.b, column=1))

    def block(k: str, size: int | str, mode: str) -> list[str]:
        if p.b.column != 1:
            columns = row - LANES + (short or LANES)
            turn = f"pack_turned(mb + j*{p.b.column} + {k}, {p.b.column}, {columns}, {size}, pack, {row});"
            return [turn, *_rows(flat, high, wide, short, size, row, mode, k, shared)]
        copy = [f"store(pack + k*{row} + {w * LANES}, {_load(f'from + {w * LANES}', _partial(w, wide, short), 1)});" for w in range(wide)]
        return [
            f"{{ const double *from = mb + j + ({k})*{p.b.row};",
            f"for (long k = 0; k < {size}; k++, from += {p.b.row}) {{ {' '.join(copy)} }} }}",
            *_rows(p, high, wide, short, size, row, mode, k, shared),
        ]

    if p.c.column == 1 or p.n == 1:
        some = f"const long some = {p.k} - q < {depth} ? {p.k} - q : {depth};" if rest else f"const long some = {depth};"
        return [*lines, f"for (long q = 0; q < {p.k}; q += {depth}) {{", some, *block("q", "some", "q" if p.update is None else "+"), "}"]
    if p.update is None:  # one text for the first rows, which begin at zero, and for the others, which are added
        lines += [f"for (long q = 0; q < {whole}; q += {depth}) {{", *block("q", depth, "q"), "}"]
    else:
        lines += [f"for (long q = 0; q < {whole}; q += {depth}) {{", *block("q", depth, "+"), "}"]
    if rest:
        lines += ["{", *block(str(whole), rest, "+"), "}"]
    return lines


def _rows(p: Product, high: int, wide: int, short: int, depth: int | str, step: int, mode: str, start: str, shared: bool) -> list[str]:
    """All rows of a column of tiles; with a start the rows of B from there, packed."""
    tiles, rest = divmod(p.m, high)
    lines: list[str] = []
    packed = bool(start) and (p.c.column == 1 or p.n == 1)

    def tile_of(rows: int) -> list[str]:
        return [_called(p, rows, wide, short, depth, mode, start)] if packed else _tile(p, rows, wide, short, depth, step, mode, start)

    if tiles:
        span = share(tiles, shared)
        lines += [f"for (long i = ({span[0]})*{high}; i < ({span[1]})*{high}; i += {high}) {{", *tile_of(high), "}"]
    if rest:
        lines += ["if (LAST) {" if shared else "{", f"const long i = {tiles * high};", *tile_of(rest), "}"]
    return lines


def _called(p: Product, high: int, wide: int, short: int, depth: int | str, mode: str, start: str) -> str:
    """A tile over packed rows of B as a call: one function for all products with tiles of that size, since compilers are slow over each."""
    kind, rate = ("s", "0.0") if p.update is None else ("u", p.update)
    after = {"q": "q", "+": "1"}.get(mode, "0")
    x, to = f"ma + i*{p.a.row} + ({start})*{p.a.column}", f"mc + i*{p.c.row} + j"
    return f"tile_{high}_{wide}_{short or LANES}_{kind}({x}, {p.a.row}, {p.a.column}, pack, {to}, {p.c.row}, {depth}, {rate}, {after});"


def tile_functions(text: str) -> list[str]:
    """The functions for the tiles that are called in a C text."""
    return [_tile_function(name, int(h), int(w), int(s), kind) for name, h, w, s, kind in sorted(set(_CALLS.findall(text)))]


_CALLS = re.compile(r"\b(tile_(\d+)_(\d+)_(\d+)_([su]))\(")


def _tile_function(name: str, high: int, wide: int, short: int, kind: str) -> str:
    cells = [(r, w) for r in range(high) for w in range(wide)]
    flat = [f"t{r}_{w}" for r, w in cells]
    there = {(r, w): (f"to + {r}*row + {w * LANES}", short if w == wide - 1 else LANES) for r, w in cells}
    params = "const double *x, const long step, const long column, const double *y, double *to, const long row, const long depth, "
    params += "const double rate, const long after"
    lines = [f"static __attribute__((noinline)) void {name}({params}) {{", f"V {', '.join(f'{t} = dup(0.0)' for t in flat)};"]
    if kind == "s":
        lines += ["if (after) {", *(f"t{r}_{w} = {_load(*there[r, w], 1)};" for r, w in cells), "}"]
    lines.append(f"for (long k = 0; k < depth; k++, x += column, y += {wide * LANES}) {{")
    lines += [f"V y{w} = load(y + {w * LANES});" for w in range(wide)]
    for r in range(high):
        lines.append(f"{{ V z = dup(x[{r}*step]); " + " ".join(f"t{r}_{w} += z * y{w};" for w in range(wide)) + " }")
    lines.append("}")
    for r, w in cells:
        where, count = there[r, w]
        lines.append(_store(where, 1, count, f"t{r}_{w}", "rate" if kind == "u" else None))
    return "\n".join([*lines, "}"])


def _partial(w: int, wide: int, short: int) -> int:
    return short if short and w == wide - 1 else LANES


def _tile(p: Product, high: int, wide: int, short: int, depth: int | str, step: int, mode: str, start: str) -> list[str]:
    """A tile of C in registers; mode "+" adds to what stands there, mode "q" does unless the C variable q is 0."""
    names = [[f"t{r}_{w}" for w in range(wide)] for r in range(high)]
    stride = p.c.column if p.n > 1 else 1
    lines = [f"double *to = mc + i*{p.c.row} + j*{stride};"]
    flat = [name for row in names for name in row]
    if mode != "=" and p.update is None:
        cells = [(r, w) for r in range(high) for w in range(wide)]
        there = [f"{names[r][w]} = {_load(f'to + {r * p.c.row + w * LANES * stride}', _partial(w, wide, short), stride)};" for r, w in cells]
        lines.append(f"V {', '.join(flat)};")
        lines += ["if (q) {", *there, "} else {", f"{' = '.join(flat)} = dup(0.0);", "}"] if mode == "q" else there
    else:
        lines.append(f"V {', '.join(f'{name} = dup(0.0)' for name in flat)};")
    lines.append(f"const double *x = ma + i*{p.a.row}{f' + ({start})*{p.a.column}' if start else ''}, *y = {'pack' if start else f'mb + j*{p.b.column}'};")
    unroll = "#pragma GCC unroll 2" if high * wide <= 12 else "#pragma GCC unroll 1"
    if depth != 1:
        lines += [unroll, f"for (long k = 0; k < {depth}; k++, x += {p.a.column}, y += {step}) {{"]
    else:
        lines.append("{")
    for w in range(wide):
        lines.append(f"V y{w} = {_load(f'y + {w * LANES * p.b.column}', LANES if start else _partial(w, wide, short), p.b.column)};")
    for r in range(high):
        lines.append(f"{{ V z = dup(x[{r * p.a.row}]); " + " ".join(f"{names[r][w]} += z * y{w};" for w in range(wide)) + " }")
    lines.append("}")
    for r in range(high):
        for w in range(wide):
            lines.append(_store(f"to + {r * p.c.row + w * LANES * stride}", stride, _partial(w, wide, short), names[r][w], p.update))
    return lines


def _load(where: str, count: int, stride: int) -> str:
    if stride != 1 and count != 1:
        return f"gather({where}, {stride}, {count})"
    return f"load({where})" if count == LANES else f"loadp({where}, {count})"


def _store(where: str, stride: int, count: int, value: str, update: str | None) -> str:
    if update is not None:
        value = f"{_load(where, count, stride)} - {update} * {value}"
    if stride != 1:
        return f"spill({where}, {stride}, {value}, {count});"
    return f"store({where}, {value});" if count == LANES else f"storep({where}, {value}, {count});"


# --- along -----------------------------------------------------------------------------------------------------


def along(p: Product) -> list[str]:
    """Lines of C for the kernel with vectors along the summed index; results in the order in which they stand in memory."""
    results = [(i, j) for i in range(p.m) for j in range(p.n)]
    results.sort(key=lambda r: r[0] * p.c.row + r[1] * p.c.column)
    size = max(LANES, registers() // LANES * LANES)
    lines = ["{", f"const double *restrict ma = {p.a.pointer}, *restrict mb = {p.b.pointer}; double *restrict mc = {p.c.pointer};"]
    for start in range(0, len(results), size):
        lines += _group(p, results[start : start + size])
    return [*lines, "}"]


def _group(p: Product, results: list[tuple[int, int]]) -> list[str]:
    lines = ["{", "V " + ", ".join(f"s{q} = dup(0.0)" for q in range(len(results))) + ";"]
    full = p.k // LANES * LANES
    rows, columns = sorted({i for i, _ in results}), sorted({j for _, j in results})
    for start, stop, count in ((0, full, LANES), (full, p.k, p.k % LANES)):
        if start == stop or not count:
            continue
        lines.append(f"for (long k = {start}; k < {stop}; k += {LANES}) {{")
        lines += [f"V a{i} = {_load(f'ma + {i * p.a.row} + k', count, 1)};" for i in rows]
        lines += [f"V b{j} = {_load(f'mb + {j * p.b.column} + k', count, 1)};" for j in columns]
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
            lines.append(_store(f"mc + {places[0]}", 1, len(part), "r", p.update))
        else:
            lines += [f"mc[{at}] = {f'mc[{at}] - {p.update} * ' if p.update else ''}r[{q}];" for q, at in enumerate(places)]
        lines.append("}")
    return [*lines, "}"]


KERNELS: dict[str, Callable[[Product, bool], list[str]]] = {
    "across": across,
    "mirrored": lambda p, shared: across(p.turned, shared),
    "along": lambda p, shared: along(p),
}
