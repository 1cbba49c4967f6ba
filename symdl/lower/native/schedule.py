"""In which order what is computed, and which elementwise instructions share a loop."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from symdl.errors import UnsupportedError
from symdl.lower.native.prepare import is_elementwise
from symdl.lower.program import VIEWS, Program, Ref


@dataclass
class Loop:
    """Elementwise instructions over one shape, and sums over all elements of what they compute."""

    shape: tuple[int, ...]
    order: tuple[int, ...]
    members: list[int] = field(default_factory=list)
    sums: list[int] = field(default_factory=list)


@dataclass
class Single:
    """One instruction alone: a product, a reduction, a scalar."""

    number: int


Step = Loop | Single

_SINGLE = frozenset(["dot", "matmul", "einsum", "sum", "amax", "take", "pad", "fold", "lookup", "add_rows", "scatter", "scan", "inv", "blocks"])


def scheduled(program: Program, orders: Mapping[int, tuple[int, ...]], late: frozenset[int]) -> list[Step]:
    """The steps.

    Parameters
    ----------
    program : Program
        Prepared.
    orders : mapping
        Value -> order of its axes in memory.
    late : set of int
        Values that are computed after all others.

    Raises
    ------
    UnsupportedError
        For an instruction that native code does not know.
    """
    steps: list[Step] = []
    at: dict[int, int] = {}
    whole: dict[int, bool] = {}  # whether the value is an array that was looked at other than element by element
    numbers = [n for n in range(len(program.code)) if n not in late] + sorted(late)
    for number in numbers:
        step = program.code[number]
        args = [a for a in step.args if isinstance(a, Ref)]
        ready = max((at[a] for a in args), default=-1)
        if step.op in ("input", "ones", "table"):
            at[number] = -1
        elif step.op in VIEWS and step.shape and (args and program.code[args[0]].shape):
            at[number], whole[number] = ready, True
        elif is_elementwise(step) or (step.op == "spread" and step.shape):
            at[number] = _join(steps, program, number, step.shape, orders[number], at, whole)
        elif step.op in ("inner", "dot", "sum") and not step.shape:
            arg = next(a for a in step.args if isinstance(a, Ref))
            shape = program.code[arg].shape
            at[number] = _join(steps, program, number, shape, orders[arg], at, whole, True)
        elif not step.shape or step.op in _SINGLE:
            at[number] = len(steps)
            steps.append(Single(number))
        else:
            raise UnsupportedError(f"native code does not know the instruction {step.op}")
    return steps


def _join(
    steps: list[Step],
    program: Program,
    number: int,
    shape: tuple[int, ...],
    order: tuple[int, ...],
    at: Mapping[int, int],
    whole: Mapping[int, bool],
    is_sum: bool = False,
) -> int:
    """Into the first loop that can take it, or a new one."""
    ready = 0
    for arg in program.code[number].args:
        if isinstance(arg, Ref):
            step = program.code[arg]
            inside = not whole.get(arg) and step.shape == shape and is_elementwise(step)
            ready = max(ready, at[arg] if inside else at[arg] + 1)
    for k in range(ready, len(steps)):
        step_ = steps[k]
        if isinstance(step_, Loop) and step_.shape == shape and step_.order == order:
            (step_.sums if is_sum else step_.members).append(number)
            return k
    new = Loop(shape, order)
    (new.sums if is_sum else new.members).append(number)
    steps.append(new)
    return len(steps) - 1
