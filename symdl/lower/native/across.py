"""C for products with vectors along the columns of B and C, and what a product is: see ``products.py``."""

from __future__ import annotations

import re
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


def registers() -> int:
    """Vectors of eight that the processor's registers hold beside operands."""
    return 24 if "avx512f" in cpu_features() else 6


def whole_vectors(count: int) -> int:
    return -(-count // LANES)


def packs(p: Product, high: int, wide: int) -> bool:
    """Whether rows of B are copied next to each other before they are used: there are many tiles below each other, and rows far apart."""
    return p.m >= PACKED_ROWS * high and p.k * wide * LANES * 8 > PACKED_BYTES


def packs_turned(p: Product) -> bool:
    """Whether B, which lies column by column, is turned while it is packed: then no copy of the whole is needed."""
    return p.b.row == 1 and p.b.column != 1 and p.n > 1 and packs(p, *tile(p.m, whole_vectors(p.n)))


def tile(rows: int, vectors: int) -> tuple[int, int]:
    """Rows and vectors of a tile: as few loads for a multiplication as the registers allow, and no small rest."""
    limit = registers()
    best, answer = float("inf"), (1, 1)
    for wide in range(1, min(vectors, 6 if rows > 1 else limit) + 1):  # of a single row all, where they fit: B is read once, from end to end
        for high in range(1, min(rows, limit // wide) + 1):
            # A tile's step costs its multiplications, its loads, and at least the latency of four additions.
            cost = 0.0
            for h, many in ((high, rows // high), (rows % high, 1)):
                for w, often in ((wide, vectors // wide), (vectors % wide, 1)):
                    if h and w:
                        cost += many * often * (max(h * w, 5.0) + 0.25 * (h + 2 * w) + (3.0 if rows == 1 else 0.0))
            if cost < best:
                best, answer = cost, (high, wide)
    return answer


def across(p: Product, shared: bool = False, mode: str = "=") -> list[str]:
    """Lines of C for the kernel with vectors along the columns; shared, each thread does its part of the columns, or of the rows."""
    vectors = whole_vectors(p.n)
    high, wide = tile(p.m, vectors)
    if mode == "=" and not shared and p.c.column == 1 and _is_far(p, high, wide):
        return _by_stretches(p)
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
            lines += _rows(p, high, width, short, p.k, p.b.row, mode, "", by_rows)
        lines.append("}")
    return [*lines, "}"]


def _is_far(p: Product, high: int, wide: int) -> bool:
    """Whether B would be fetched from far away more than once: for each column of tiles a part of every row, or for each row of tiles."""
    passes = -(-whole_vectors(p.n) // wide) * -(-p.m // high)
    return passes > 1 and p.k * p.n > FAR and p.k > 2 * p.n and p.b.column == 1 and not packs(p, high, wide)


def _by_stretches(p: Product) -> list[str]:
    """So many rows of B at a time as stay in the cache, with all columns; results are added up where they stand."""
    depth = max(32, FAR // 2 // p.n)
    whole, rest = p.k // depth * depth, p.k % depth

    def stretch(at: str, size: int) -> list[str]:
        a, b = replace(p.a, pointer=f"({p.a.pointer} + {at}*{p.a.column})"), replace(p.b, pointer=f"({p.b.pointer} + {at}*{p.b.row})")
        return across(replace(p, k=size, a=a, b=b), mode="+")

    lines = ["{"]
    if p.update is None:
        lines.append(f"for (long i = 0; i < {p.m}; i++) for (long j = 0; j < {p.n}; j++) ({p.c.pointer})[i*{p.c.row} + j] = 0.0;")
    if whole:
        lines += [f"for (long q = 0; q < {whole}; q += {depth}) {{", *stretch("q", depth), "}"]
    return [*lines, *(stretch(f"{whole}L", rest) if rest else []), "}"]


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
        copy = [f"store(pack + k*{row} + {w * LANES}, {load(f'from + {w * LANES}', _partial(w, wide, short), 1)});" for w in range(wide)]
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
    lines = [f"static __attribute__((noinline)) void {name}({params}) {{ EFFECT", f"V {', '.join(f'{t} = dup(0.0)' for t in flat)};"]
    if kind == "s":
        lines += ["if (after) {", *(f"t{r}_{w} = {load(*there[r, w], 1)};" for r, w in cells), "}"]
    lines.append(f"for (long k = 0; k < depth; k++, x += column, y += {wide * LANES}) {{")
    lines += [f"V y{w} = load(y + {w * LANES});" for w in range(wide)]
    for r in range(high):
        lines.append(f"{{ V z = dup(x[{r}*step]); " + " ".join(f"t{r}_{w} += z * y{w};" for w in range(wide)) + " }")
    lines.append("}")
    for r, w in cells:
        where, count = there[r, w]
        lines.append(store(where, 1, count, f"t{r}_{w}", "rate" if kind == "u" else None))
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
        there = [f"{names[r][w]} = {load(f'to + {r * p.c.row + w * LANES * stride}', _partial(w, wide, short), stride)};" for r, w in cells]
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
        lines.append(f"V y{w} = {load(f'y + {w * LANES * p.b.column}', LANES if start else _partial(w, wide, short), p.b.column)};")
    for r in range(high):
        lines.append(f"{{ V z = dup(x[{r * p.a.row}]); " + " ".join(f"{names[r][w]} += z * y{w};" for w in range(wide)) + " }")
    lines.append("}")
    for r in range(high):
        for w in range(wide):
            lines.append(store(f"to + {r * p.c.row + w * LANES * stride}", stride, _partial(w, wide, short), names[r][w], p.update))
    return lines


def load(where: str, count: int, stride: int) -> str:
    if stride != 1 and count != 1:
        return f"gather({where}, {stride}, {count})"
    return f"load({where})" if count == LANES else f"loadp({where}, {count})"


def store(where: str, stride: int, count: int, value: str, update: str | None) -> str:
    if update is not None:
        value = f"{load(where, count, stride)} - {update} * {value}"
    if stride != 1:
        return f"spill({where}, {stride}, {value}, {count});"
    return f"store({where}, {value});" if count == LANES else f"storep({where}, {value}, {count});"
