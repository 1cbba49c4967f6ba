"""Which values of a program count samples, and along which axis: followed from the inputs, instruction by instruction. A sum over samples ends it;
where an instruction mixes samples otherwise, that is said.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from symdl.lower.native.prepare import is_elementwise
from symdl.lower.program import Instruction, Program, Ref


class MixedError(Exception):
    """Samples are mixed otherwise than by a sum."""


@dataclass
class Found:
    """Values with an axis of samples -> that axis; sums over samples; what needs them."""

    axis: dict[int, int] = field(default_factory=dict)
    sums: list[int] = field(default_factory=list)
    late: set[int] = field(default_factory=set)


def follow(program: Program, names: frozenset[str]) -> Found:
    found = Found()
    for number, step in enumerate(program.code):
        if step.op == "input":
            if step.attr[0] in names:
                found.axis[number] = 0
            continue
        args = {int(a) for a in step.args if isinstance(a, Ref)}
        after = bool(args & found.late)
        if not args & found.axis.keys():
            if after:
                found.late.add(number)
            continue
        if after:
            raise MixedError
        axis = _rule(step)(step, program, found.axis)
        if axis is None:
            found.sums.append(number)
            found.late.add(number)
        else:
            found.axis[number] = axis
    if any(isinstance(o.value, Ref) and o.value in found.axis for o in program.outputs):
        raise MixedError
    return found


_Rule = Callable[[Instruction, Program, dict[int, int]], "int | None"]


def _rule(step: Instruction) -> _Rule:
    rule = _elementwise if is_elementwise(step) else _RULES.get(step.op)
    if rule is None:
        raise MixedError
    return rule


def _elementwise(step: Instruction, program: Program, axes: dict[int, int]) -> int | None:
    shapes = {a: program.code[a].shape for a in step.args if isinstance(a, Ref)}
    (axis,) = _one({axes[a] + len(step.shape) - len(s) for a, s in shapes.items() if a in axes})
    for a, shape in shapes.items():
        own = axis - len(step.shape) + len(shape)
        if a not in axes and own >= 0 and shape[own] != 1:
            raise MixedError
    return axis


def _view(step: Instruction, program: Program, axes: dict[int, int]) -> int | None:
    return step.attr.index(_first(step, axes)) if _first(step, axes) in step.attr else _mixed()


def _select(step: Instruction, program: Program, axes: dict[int, int]) -> int | None:
    entry = step.attr[_first(step, axes)]
    return entry if entry >= 0 and step.attr.count(entry) == 1 else _mixed()


def _window(step: Instruction, program: Program, axes: dict[int, int]) -> int | None:
    axis = step.attr.kept(_first(step, axes))
    return axis if axis is not None and step.shape[axis] == program.code[_ref(step)].shape[_first(step, axes)] else _mixed()


def _fold(step: Instruction, program: Program, axes: dict[int, int]) -> int | None:
    size = program.code[_ref(step)].shape[_first(step, axes)]
    own = [a for a in range(len(step.shape)) if step.attr.kept(a) == _first(step, axes) and step.shape[a] == size]
    return own[0] if own else _mixed()


def _pad(step: Instruction, program: Program, axes: dict[int, int]) -> int | None:
    return _mixed() if any(step.attr[_first(step, axes)]) else _first(step, axes)


def _reshape(step: Instruction, program: Program, axes: dict[int, int]) -> int | None:
    before = program.code[_ref(step)].shape
    return 0 if _first(step, axes) == 0 and step.shape and step.shape[0] == before[0] else _mixed()


def _sum(step: Instruction, program: Program, axes: dict[int, int]) -> int | None:
    axis = _first(step, axes)
    if axis in step.attr:
        return None if step.op == "sum" else _mixed()
    return axis - sum(1 for a in step.attr if a < axis)


def _dot(step: Instruction, program: Program, axes: dict[int, int]) -> int | None:
    a, b = step.args
    left, right = program.code[a], program.code[b]  # type: ignore[index]
    inner = len(left.shape) - 1, 0
    met = axes.get(a) == inner[0], axes.get(b) == inner[1]  # type: ignore[arg-type]
    if any(met):
        if (a in axes and not met[0]) or (b in axes and not met[1]):
            return _mixed()
        return None if all(met) or "ones" in (left.op, right.op) else _mixed()
    if a in axes and b in axes:
        return _mixed()
    return 0 if a in axes else len(step.shape) - 1


def _einsum(step: Instruction, program: Program, axes: dict[int, int]) -> int | None:
    before, after = step.attr.split("->")
    letters = [(a in axes, part, axes.get(a, 0)) for part, a in zip(before.split(","), step.args, strict=True) if isinstance(a, Ref)]
    (letter,) = _one({part[axis] for counts, part, axis in letters if counts})
    if any(letter in part for counts, part, _ in letters if not counts) or any(part.count(letter) > 1 for _, part, _ in letters):
        return _mixed()
    return after.index(letter) if letter in after else None


def _inner(step: Instruction, program: Program, axes: dict[int, int]) -> int | None:
    return None if len({axes.get(a, -1) for a in step.args if isinstance(a, Ref)}) == 1 else _mixed()


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
    "einsum": _einsum,
    "inner": _inner,
}


def _mixed() -> int:
    raise MixedError


def _one(values: set[int]) -> set[int]:
    return values if len(values) == 1 else {_mixed()}


def _ref(step: Instruction) -> Ref:
    return next(a for a in step.args if isinstance(a, Ref))


def _first(step: Instruction, axes: dict[int, int]) -> int:
    return axes[_ref(step)]


__all__ = ["Found", "MixedError", "follow"]
