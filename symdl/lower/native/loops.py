"""C for elementwise loops: a nest over the axes in the order of memory, the innermost in vectors of eight."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from symdl.lower.native.kernels import LANES
from symdl.lower.native.places import Place

#: From so many vectors in a row on, threads share the row.
WIDE = 16


@dataclass
class Nest:
    """What a loop reads, computes and writes; all places have the loop's shape (strides 0 where they repeat).

    Attributes
    ----------
    shape : tuple of int
    order : tuple of int
        The axes from the outermost to the innermost.
    reads : dict
        Name of a vector in the body -> place.
    body : list of str
        Statements.
    writes : dict
        Name of a vector -> place.
    sums : list of (str, str)
        Scalar in C and the vector whose elements are summed into it.
    shared : bool
        Whether each thread does its part. Not with sums.
    """

    shape: tuple[int, ...]
    order: tuple[int, ...]
    reads: dict[str, Place]
    body: list[str]
    writes: dict[str, Place]
    sums: list[tuple[str, str]]
    shared: bool = False


def nest(n: Nest) -> list[str]:
    """Lines of C."""
    names = [*n.reads, *n.writes]
    sides = [[p.strides[a] for a in n.order] for p in (*n.reads.values(), *n.writes.values())]
    lengths, sides = collapsed([n.shape[a] for a in n.order], sides)
    own = {p.pointer() for p in n.reads.values()} ^ {p.pointer() for p in n.writes.values()}  # the others are written where they were read
    alone = {k: "restrict " if p.pointer() in own else "" for k, p in (*n.reads.items(), *n.writes.items())}
    lines = [f"{'' if k in n.writes else 'const '}double *{alone[k]}p_{k} = {p.pointer()};" for k, p in n.reads.items()]
    lines += [f"double *{alone[k]}q_{k} = {p.pointer()};" for k, p in n.writes.items()]
    lines += [f"V s{k} = dup(0.0);" for k in range(len(n.sums))]
    *outer, inner = lengths
    full = inner // LANES
    # Long rows are cut as products cut their columns: what a thread computed is in its cache.
    inside = n.shared and (not outer or full >= WIDE)
    for depth, length in enumerate(outer):
        span = (f"FROM({length})", f"TO({length})") if n.shared and depth == 0 and not inside else ("0", str(length))
        lines.append(f"for (long i{depth} = {span[0]}; i{depth} < {span[1]}; i{depth}++) {{")
    at = {}
    for position, (name, strides) in enumerate(zip(names, sides, strict=True)):
        pointer = f"{'p' if position < len(n.reads) else 'q'}_{name}"
        at[pointer] = (" + ".join([pointer, *(f"i{d}*{s}" for d, s in enumerate(strides[:-1]) if s)]), strides[-1])
    if full:
        span = (f"FROM({full})*{LANES}", f"TO({full})*{LANES}") if inside else ("0", str(full * LANES))
        lines.append(f"for (long i = {span[0]}; i < {span[1]}; i += {LANES}) {{")
        lines += _chunk(n, at, LANES, "i")
        lines.append("}")
    if inner % LANES:
        lines.append("if (LAST) {" if inside else "{")
        lines += _chunk(n, at, inner % LANES, str(full * LANES))
        lines.append("}")
    lines += ["}"] * len(outer)
    lines += [f"{target} = total(s{k});" for k, (target, _) in enumerate(n.sums)]
    return ["{", *lines, "}"]


def copied(source: Place, order: Sequence[int], target: Place, shared: bool = False) -> list[str]:
    """Lines of C for a copy whose axes are stored in this order; matrices are transposed in blocks of eight by eight."""
    if len(source.shape) == 2 and min(source.shape) > 1:
        inner = order[-1]
        outer = 1 - inner
        if source.strides[outer] == 1 and target.strides[inner] == 1:
            rows, size = source.shape[inner], source.shape[outer]
            if shared and rows >= 2 * LANES:
                blocks, low = -(-rows // LANES), f"FROM({-(-rows // LANES)})*{LANES}"
                high = f"(TO({blocks})*{LANES} < {rows} ? TO({blocks})*{LANES} : {rows})"
                step, to = source.strides[inner], f"{target.pointer()} + {low}"
                return [f"transposed({source.pointer()} + {low}*{step}, {step}, {high} - {low}, {size}, {to}, {target.strides[outer]});"]
            return [f"transposed({source.pointer()}, {source.strides[inner]}, {rows}, {size}, {target.pointer()}, {target.strides[outer]});"]
    return nest(Nest(source.shape, tuple(order), {"a": source}, [], {"a": target}, [], shared))


def _chunk(n: Nest, at: dict[str, tuple[str, int]], count: int, i: str) -> list[str]:
    lines = []
    for name in n.reads:
        where, stride = at[f"p_{name}"]
        lines.append(f"V {name} = {read(where, stride, count, i)};")
    lines += n.body
    for name in n.writes:
        where, stride = at[f"q_{name}"]
        lines.append(write(where, stride, count, i, name))
    for k, (_, value) in enumerate(n.sums):
        lines.append(f"s{k} += {value if count == LANES else f'keep({value}, {count}, 0.0)'};")
    return lines


def read(where: str, stride: int, count: int, i: str) -> str:
    if stride == 0:
        return f"dup(*({where}))"
    if stride != 1:
        return f"gather({where} + {i}*{stride}, {stride}, {count})"
    return f"load({where} + {i})" if count == LANES else f"loadp({where} + {i}, {count})"


def write(where: str, stride: int, count: int, i: str, value: str) -> str:
    if stride != 1:
        return f"spill({where} + {i}*{stride}, {stride}, {value}, {count});"
    return f"store({where} + {i}, {value});" if count == LANES else f"storep({where} + {i}, {value}, {count});"


def collapsed(lengths: Sequence[int], sides: Sequence[Sequence[int]]) -> tuple[list[int], list[list[int]]]:
    """Neighbouring axes as one, where all strides allow it; axes of size 1 go."""
    kept = [k for k, n in enumerate(lengths) if n != 1]
    out_lengths: list[int] = []
    out_sides: list[list[int]] = [[] for _ in sides]
    for k in kept:
        if out_lengths and all(o[-1] == s[k] * lengths[k] for o, s in zip(out_sides, sides, strict=True)):
            out_lengths[-1] *= lengths[k]
            for o, s in zip(out_sides, sides, strict=True):
                o[-1] = s[k]
        else:
            out_lengths.append(lengths[k])
            for o, s in zip(out_sides, sides, strict=True):
                o.append(s[k])
    if not out_lengths:
        return [1], [[1] for _ in sides]
    return out_lengths, out_sides
