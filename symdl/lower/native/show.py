"""The plan of a native program, to be read."""

from __future__ import annotations

from collections.abc import Sequence

from symdl.lower.listing import WIDTH, amount, cut, duration, listed, operations
from symdl.lower.native.program import Builder

#: What a vector operation takes, in seconds: a multiply-add on eight doubles, from the nearest cache.
VECTOR = 0.35e-9

#: What Python needs to enter compiled code and to come back, and for every input and result beside that: good to a factor of two.
ENTER, HAND_OVER = 1e-6, 0.17e-6


def entering(builder: Builder) -> str:
    """What a call of a function takes by estimate: its work, and the way in and out, which is most of a small one."""
    work = builder.cost * VECTOR
    way = ENTER + HAND_OVER * (len(builder.program.inputs) + len(builder.program.outputs))
    return f"estimated: {duration(work)} of work and {duration(way)} to enter compiled code, {duration(work + way)} a call"


def shown(builder: Builder, measured: Sequence[tuple[str, float]] | None = None) -> str:
    """Instructions with shapes, then the steps they became: loops with what they fuse, products with their kernels, and what each costs.

    Parameters
    ----------
    builder : Builder
    measured : sequence of (what, nanoseconds), optional
        For every step.
    """
    lines = ["instructions", *(f"  {line}" for line in listed(builder.program, buffers=False).splitlines()), "native steps"]
    starts = [p.cost for p in builder.parts]
    costs = [end - begin for begin, end in zip(starts, [*starts[1:], builder.cost], strict=True)]
    total = sum(costs) or 1.0
    head = ("step", "what is done", "share", "estimated", "measured" if measured else "", "threads")
    rows = [head]
    for k, (part, cost) in enumerate(zip(builder.parts, costs, strict=True)):
        took = duration(measured[k][1] * 1e-9) if measured else ""
        threads = str(builder.threads) if part.shared else "1"
        rows.append((f"{k}", cut(part.what, WIDTH - 50), f"{100 * cost / total:.1f} %", duration(cost * VECTOR), took, threads))
        rows += [("", f"  {cut(what, WIDTH - 52)}", "", "", "", "") for what in part.within]
    lines += [f"  {line}" for line in _steps(rows)]
    memory = amount(builder.memory.size * 8)
    took = f", measured {duration(sum(t for _, t in measured) * 1e-9)}" if measured else ""
    lines.append(
        f"{len(builder.parts)} native steps, {memory} of buffers; about {builder.cost:,.0f} vector operations, estimated {duration(total * VECTOR)}{took}"
    )
    return "\n".join(lines)


def _steps(rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(len(row[k]) for row in rows) for k in range(len(rows[0]))]
    sides = "rlrrrr"
    return ["  ".join(c.rjust(w) if s == "r" else c.ljust(w) for c, w, s in zip(row, widths, sides, strict=True)).rstrip() for row in rows]


__all__ = ["entering", "operations", "shown"]
