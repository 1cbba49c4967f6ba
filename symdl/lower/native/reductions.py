"""C for sums and maxima over some axes."""

from __future__ import annotations

from collections.abc import Sequence

from symdl.lower.native.kernels import LANES
from symdl.lower.native.loops import read, write
from symdl.lower.native.places import Place

_START = {"sum": "dup(0.0)", "amax": "dup(-INF)"}
_STEP = {"sum": "s += {x};", "amax": "s = f_max(s, {x});"}
_END = {"sum": "total", "amax": "largest"}
_IDLE = {"sum": "0.0", "amax": "-INF"}


def reduction(kind: str, source: Place, gone: Sequence[int], target: Place) -> list[str]:
    """The source reduced over these axes, into the target (whose shape are the axes that stay)."""
    stay = [a for a in range(len(source.shape)) if a not in gone]
    pairs = [(source.shape[a], source.strides[a], t) for a, t in zip(stay, target.strides, strict=True) if source.shape[a] != 1]
    over = sorted(((source.shape[a], source.strides[a]) for a in gone if source.shape[a] != 1), key=lambda p: -abs(p[1]))
    pairs.sort(key=lambda p: -abs(p[1]))
    lines = ["{", f"const double *p = {source.pointer()}; double *q = {target.pointer()};"]
    across = bool(pairs) and pairs[-1][1] == 1 and pairs[-1][2] == 1
    outer = pairs[:-1] if across else pairs
    where, to = "p", "q"
    for depth, (length, stride, other) in enumerate(outer):
        lines.append(f"for (long i{depth} = 0; i{depth} < {length}; i{depth}++) {{")
        where, to = where + f" + i{depth}*{stride}", to + f" + i{depth}*{other}"
    lines += _across(kind, pairs[-1][0], over, where, to) if across else _along(kind, over, where, to)
    return [*lines, *["}"] * len(outer), "}"]


def _across(kind: str, length: int, over: list[tuple[int, int]], where: str, to: str) -> list[str]:
    """Vectors along an axis that stays."""
    lines: list[str] = []
    for count, i, head in (
        (LANES, "i", f"for (long i = 0; i < {length // LANES * LANES}; i += {LANES}) {{"),
        (length % LANES, str(length // LANES * LANES), "{"),
    ):
        if not count or (count == LANES and length < LANES):
            continue
        lines += [head, f"V s = {_START[kind]};"]
        inside = where
        for depth, (n, stride) in enumerate(over):
            lines.append(f"for (long k{depth} = 0; k{depth} < {n}; k{depth}++) {{")
            inside += f" + k{depth}*{stride}"
        lines.append(_STEP[kind].format(x=read(inside, 1, count, i)))
        lines += ["}"] * len(over)
        lines += [write(to, 1, count, i, "s"), "}"]
    return lines


def _along(kind: str, over: list[tuple[int, int]], where: str, to: str) -> list[str]:
    """Vectors along the innermost axis that goes."""
    *outer, (n, stride) = over or [(1, 1)]
    lines = [f"V s = {_START[kind]};"]
    for depth, (length, step) in enumerate(outer):
        lines.append(f"for (long k{depth} = 0; k{depth} < {length}; k{depth}++) {{")
        where += f" + k{depth}*{step}"
    if n >= LANES:
        lines.append(f"for (long i = 0; i < {n // LANES * LANES}; i += {LANES}) {{ {_STEP[kind].format(x=read(where, stride, LANES, 'i'))} }}")
    if n % LANES:
        part = f"keep({read(where, stride, n % LANES, str(n // LANES * LANES))}, {n % LANES}, {_IDLE[kind]})"
        lines.append(_STEP[kind].format(x=part))
    lines += ["}"] * len(outer)
    return [*lines, f"*({to}) = {_END[kind]}(s);"]
