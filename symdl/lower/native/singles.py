"""Steps that are no loops over elements: an operation -> what writes it."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from symdl.lower.native import indexing, matrices
from symdl.lower.native.across import COPY
from symdl.lower.native.blas import blas, routine
from symdl.lower.native.blocks import blocks
from symdl.lower.native.kernels import LANES
from symdl.lower.native.loops import Nest, nest
from symdl.lower.native.multiplied import dot, einsum, stacked
from symdl.lower.native.numbers import scalar_step
from symdl.lower.native.places import Place, dense, seen
from symdl.lower.native.reductions import reduction
from symdl.lower.native.scans import scan
from symdl.lower.native.standing import ref, size_of
from symdl.lower.program import Instruction, Ref, Table

if TYPE_CHECKING:
    from symdl.lower.native.program import Builder


def single(builder: Builder, n: int) -> None:
    """Write a step that stands by itself."""
    step = builder.code[n]
    if math.prod(step.shape):  # else there are no elements
        _WRITERS.get(step.op, _number)(builder, n, step)


def _number(builder: Builder, n: int, step: Instruction) -> None:
    builder.part(f"v{n} {step.op}")
    builder.lines += scalar_step(builder, n, step)


def _reduce(builder: Builder, n: int, step: Instruction) -> None:
    source = builder.place(ref(step.args[0]))
    target = builder.number_place(n)
    builder.part(f"v{n} {step.op} over {step.attr} of {size_of(source.shape)}")
    builder.lines += reduction(step.op, source, step.attr, target)
    builder.cost += math.prod(source.shape) / LANES * 1.5


def _pick(builder: Builder, n: int, step: Instruction) -> None:
    builder.part(f"v{n} {step.op} : {size_of(step.shape)}")
    builder.lines += _picked(builder, n, step)
    builder.cost += 0.5 * math.prod(step.shape)


def _pad(builder: Builder, n: int, step: Instruction) -> None:
    source, target = builder.place(ref(step.args[0])), builder.place(n)
    builder.part(f"v{n} pad : {size_of(step.shape)}")
    builder.lines += indexing.padded(source, step.attr, target)
    builder.cost += COPY * math.prod(step.shape)


def _fold(builder: Builder, n: int, step: Instruction) -> None:
    source, target = builder.place(ref(step.args[0])), builder.place(n)
    builder.part(f"v{n} fold of {size_of(source.shape)} : {size_of(step.shape)}")
    builder.lines += indexing.folded(source, step.attr, target)
    builder.cost += COPY * (math.prod(source.shape) + math.prod(step.shape))


def _picked(builder: Builder, n: int, step: Instruction) -> list[str]:
    target = builder.place(n)
    if step.op == "scatter" and all(a < 0 for a in step.attr):  # a number: these do not live where arrays do
        only = seen(Instruction("select", (), step.attr, ()), target)
        assert only is not None
        return [*indexing.zeros(target), f"*({only.pointer()}) = {builder.scalar(step.args[0])};"]
    sources = [builder.place(ref(a)) for a in step.args]
    if step.op == "scatter":
        diagonal = seen(Instruction("select", (), step.attr, sources[0].shape), target)
        assert diagonal is not None
        order = tuple(range(len(diagonal.shape)))
        return [*indexing.zeros(target), *nest(Nest(diagonal.shape, order, {"a": sources[0]}, [], {"a": diagonal}, []))]
    straight = [builder.straight(a) for a in step.args]
    if step.op == "take":
        at, missing = step.attr
        gone = None if missing is None else builder.memory.pointer(Table(missing.array.astype(np.uint8)))
        count = at.array.size
        return indexing.take(straight[0], builder.memory.pointer(Table(at.array.astype(np.int64))), gone, count, math.prod(step.shape) // count, target)
    picked = math.prod(straight[1].shape)
    if step.op == "add_rows":
        return indexing.add_rows(straight[0], straight[1], step.shape[0], picked, math.prod(step.shape[1:]), target)
    rows, count, beside = step.attr
    offsets = builder.memory.pointer(Table(np.broadcast_to(beside.array, straight[1].shape).astype(np.int64)))
    return indexing.lookup(straight[0], straight[1], rows, count, offsets, picked, math.prod(step.shape) // picked, target)


def _matrix_function(builder: Builder, n: int, step: Instruction) -> None:
    source = builder.place(ref(step.args[0]))
    size = source.shape[0]
    work = Place(builder.memory.buffer(size * size), 0, source.shape, dense(source.shape, (0, 1)))
    target = builder.number_place(n)
    swaps = builder.memory.buffer(size)
    builder.helpers.setdefault("lu", matrices.HELPERS["lu_less"])
    builder.part(f"v{n} {step.op} of {size_of(source.shape)}")
    builder.lines += nest(Nest(source.shape, (0, 1), {"a": source}, [], {"a": work}, []))
    fault = builder.memory.faults()
    own = target if target.contiguous() else Place(builder.memory.buffer(size * size), 0, source.shape, work.strides)
    found = blas()
    routines = [routine(name) if size >= matrices.LAPACK_FROM else None for name in ("dgetrf", "dgetri")]
    if found is not None and None not in routines:
        builder.helpers.setdefault("lapack", matrices.lapack_helper(found.integer))
        pointers = builder.memory.pointer(("routine", "dgetrf")), builder.memory.pointer(("routine", "dgetri"))
        room = builder.memory.buffer(32 * size)
        builder.lines += matrices.by_lapack(step.op, work.pointer(), swaps, room, size, own.pointer(), fault, found.integer, pointers)
    else:
        builder.lines += matrices.factored(step.op, work.pointer(), swaps, size, own.pointer(), fault)
    if own is not target:
        builder.lines += nest(Nest(target.shape, (0, 1), {"a": own}, [], {"a": target}, []))
    builder.cost += size**3 / LANES * (2.0 if step.op == "inv" else 0.7) + 10.0 * size


def _scan(builder: Builder, n: int, step: Instruction) -> None:
    for arg in step.args:
        if isinstance(arg, Ref) and builder.code[arg].shape:
            builder.straight(arg)
    length = step.attr.length
    at = len(builder.parts)
    builder.part("")
    lines, inner = scan(builder, step, builder.place(n), lambda program, frame, first: builder.inner(program, frame, {}, first))
    builder.parts[at] = builder.parts[at]._replace(what=f"v{n} scan of {length} steps", within=tuple(p.what for p in inner.parts))
    builder.lines += lines
    builder.helpers |= inner.helpers
    builder.cost += length * inner.cost


def _blocks(builder: Builder, n: int, step: Instruction) -> None:
    target = builder.place(n)
    for arg in step.args:  # copies that are made for them are steps of their own
        if isinstance(arg, Ref) and builder.code[arg].shape:
            builder.place(arg)
    at = len(builder.parts)
    shared = builder.part("", math.inf)
    done = blocks(builder, step, target, builder.lanes, builder.threads if shared else 1, lambda program, frame, axes: builder.inner(program, frame, axes, 0))
    builder.parts[at] = builder.parts[at]._replace(at=len(builder.lines), what=f"v{n} {done.what}", cost=builder.cost, within=done.within)
    builder.lines += done.lines
    builder.helpers |= done.helpers
    builder.cost += done.cost
    if done.together:
        builder.part(f"v{n} sums of the threads")
        builder.lines += done.together


#: Operation -> what writes it; those that are not here have a number as their result.
_WRITERS: dict[str, Callable[[Builder, int, Instruction], None]] = {
    "dot": dot,
    "matmul": stacked,
    "einsum": einsum,
    "sum": _reduce,
    "amax": _reduce,
    "take": _pick,
    "fold": _fold,
    "pad": _pad,
    "lookup": _pick,
    "add_rows": _pick,
    "scatter": _pick,
    "inv": _matrix_function,
    "det": _matrix_function,
    "logdet": _matrix_function,
    "scan": _scan,
    "blocks": _blocks,
}


__all__ = ["single"]
