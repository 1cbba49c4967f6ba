"""Which values of a program count samples, and along which axis: followed from the inputs, instruction by instruction. A sum over samples ends it;
where an instruction mixes samples otherwise, that is said.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

from symdl.lower.native.prepare import is_elementwise
from symdl.lower.program import Instruction, Program, Ref


class MixedError(Exception):
    """Samples are mixed otherwise than by a sum."""


class Along(NamedTuple):
    """The axis that counts samples, and how many positions on it each sample has (the pixels of an image, in a matrix of all pixels of all images)."""

    axis: int
    run: int = 1


@dataclass
class Found:
    """Values with an axis of samples -> that axis; sums over samples; what needs them."""

    axis: dict[int, Along] = field(default_factory=dict)
    sums: list[int] = field(default_factory=list)
    late: set[int] = field(default_factory=set)


def follow(program: Program, names: frozenset[str]) -> Found:
    found = Found()
    for number, step in enumerate(program.code):
        if step.op == "input":
            if step.attr[0] in names:
                found.axis[number] = Along(0)
            continue
        args = {int(a) for a in step.args if isinstance(a, Ref)}
        after = bool(args & found.late)
        if not args & found.axis.keys():
            if after:
                found.late.add(number)
            continue
        if after:
            raise MixedError
        along = _rule(step)(step, program, found.axis)
        if along is None:
            found.sums.append(number)
            found.late.add(number)
        else:
            found.axis[number] = along
    if any(isinstance(o.value, Ref) and o.value in found.axis for o in program.outputs):
        raise MixedError
    return found


_T = TypeVar("_T")
_Axes = Mapping[int, Along]
_Rule = Callable[[Instruction, Program, _Axes], "Along | None"]


def _rule(step: Instruction) -> _Rule:
    rule = _elementwise if is_elementwise(step) else _RULES.get(step.op)
    if rule is None:
        raise MixedError
    return rule


def _elementwise(step: Instruction, program: Program, axes: _Axes) -> Along | None:
    shapes = {a: program.code[a].shape for a in step.args if isinstance(a, Ref)}
    along = _one({Along(axes[a].axis + len(step.shape) - len(s), axes[a].run) for a, s in shapes.items() if a in axes})
    for a, shape in shapes.items():
        own = along.axis - len(step.shape) + len(shape)
        if a not in axes and own >= 0 and shape[own] != 1:
            raise MixedError
    return along


def _view(step: Instruction, program: Program, axes: _Axes) -> Along | None:
    axis, run = _first(step, axes)
    return Along(step.attr.index(axis), run) if axis in step.attr else _mixed()


def _select(step: Instruction, program: Program, axes: _Axes) -> Along | None:
    axis, run = _first(step, axes)
    entry = step.attr[axis]
    kept = list(dict.fromkeys(e for e in step.attr if e >= 0))  # labels, and not numbers of axes
    return Along(kept.index(entry), run) if entry >= 0 and step.attr.count(entry) == 1 else _mixed()


def _window(step: Instruction, program: Program, axes: _Axes) -> Along | None:
    axis, run = _first(step, axes)
    kept = step.attr.kept(axis)
    return Along(kept, run) if kept is not None and step.shape[kept] == program.code[_ref(step)].shape[axis] else _mixed()


def _fold(step: Instruction, program: Program, axes: _Axes) -> Along | None:
    axis, run = _first(step, axes)
    size = program.code[_ref(step)].shape[axis]
    own = [a for a in range(len(step.shape)) if step.attr.kept(a) == axis and step.shape[a] == size]
    return Along(own[0], run) if own else _mixed()


def _pad(step: Instruction, program: Program, axes: _Axes) -> Along | None:
    return _mixed() if any(step.attr[_first(step, axes).axis]) else _first(step, axes)


def _reshape(step: Instruction, program: Program, axes: _Axes) -> Along | None:
    """Row by row, every sample is a stretch, behind whatever axes stand before."""
    axis, run = _first(step, axes)
    before = program.code[_ref(step)].shape
    count, outside = before[axis] // run, math.prod(before[:axis])
    for k, size in enumerate(step.shape):
        if math.prod(step.shape[:k]) == outside and size % count == 0 and size * math.prod(step.shape[k + 1 :]) == math.prod(before[axis:]):
            return Along(k, size // count)
    return _mixed()


def _sum(step: Instruction, program: Program, axes: _Axes) -> Along | None:
    axis, run = _first(step, axes)
    if axis in step.attr:
        return None if step.op == "sum" else _mixed()
    return Along(axis - sum(1 for a in step.attr if a < axis), run)


def _dot(step: Instruction, program: Program, axes: _Axes) -> Along | None:
    a, b = step.args
    left, right = program.code[a], program.code[b]  # type: ignore[index]
    inner = len(left.shape) - 1, 0
    met = [value in axes and axes[value].axis == k for value, k in zip((a, b), inner, strict=True)]  # type: ignore[index]
    if any(met):
        if (a in axes and not met[0]) or (b in axes and not met[1]):
            return _mixed()
        if all(met):
            _one({axes[a].run, axes[b].run})  # type: ignore[index]
        return None if all(met) or "ones" in (left.op, right.op) else _mixed()
    if a in axes and b in axes:
        return _mixed()
    return Along(0, axes[a].run) if a in axes else Along(len(step.shape) - 1, axes[b].run)  # type: ignore[index]


def _matmul(step: Instruction, program: Program, axes: _Axes) -> Along | None:
    """Where samples count matrices, or the rows of those on the left, or the columns of those on the right."""
    rank = len(step.shape)
    for place, value in enumerate(step.args):
        own = axes.get(value)  # type: ignore[arg-type]
        inner = len(program.code[value].shape) - (1 if place == 0 else 2)  # type: ignore[index]
        if own is not None and own.axis == inner:
            return _mixed()
    along = _one({Along(axes[a].axis + rank - len(program.code[a].shape), axes[a].run) for a in step.args if a in axes})  # type: ignore[index]
    for place, value in enumerate(step.args):
        shape = program.code[value].shape  # type: ignore[index]
        own_axis = along.axis - rank + len(shape)
        if value not in axes and along.axis < rank - 2 and own_axis >= 0 and shape[own_axis] != 1:
            return _mixed()
        if value in axes and along.axis >= rank - 2 and along.axis != rank - 2 + place:
            return _mixed()
    return along


def _einsum(step: Instruction, program: Program, axes: _Axes) -> Along | None:
    before, after = step.attr.split("->")
    letters = [(axes.get(a), part) for part, a in zip(before.split(","), step.args, strict=True) if isinstance(a, Ref)]
    letter, run = _one({(part[own.axis], own.run) for own, part in letters if own is not None})
    if any(letter in part for own, part in letters if own is None) or any(part.count(letter) > 1 for _, part in letters):
        return _mixed()
    return Along(after.index(letter), run) if letter in after else None


def _inner(step: Instruction, program: Program, axes: _Axes) -> Along | None:
    _one({axes.get(a) for a in step.args if isinstance(a, Ref)})
    return None


_RULES: dict[str, _Rule] = {
    "view": _view,
    "select": _select,
    "window": _window,
    "fold": _fold,
    "pad": _pad,
    "reshape": _reshape,
    "sum": _sum,
    "amax": _sum,
    "dot": _dot,
    "matmul": _matmul,
    "einsum": _einsum,
    "inner": _inner,
}


def _mixed() -> Along:
    raise MixedError


def _one(values: set[_T]) -> _T:
    if len(values) != 1:
        raise MixedError
    return next(iter(values))


def _ref(step: Instruction) -> Ref:
    return next(a for a in step.args if isinstance(a, Ref))


def _first(step: Instruction, axes: _Axes) -> Along:
    return axes[_ref(step)]


__all__ = ["Along", "Found", "MixedError", "follow"]
