"""Which values of a program must be looked at to know that its inputs are finite.

A number that is not finite and is added, multiplied or subtracted stays one that is not finite. So an input that goes such a way into a result need not be
looked at before: for large data that is a pass through memory less.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache

import numpy as np

from symdl.lower.program import Instruction, Program, Ref

#: Of every operand what is not finite makes the result not finite.
_KEEPS_ALL = frozenset(["add", "subtract", "multiply", "negative", "square", "absolute", "sqrt", "log", "log1p", "sin", "cos", "tan", "sinh", "cosh"])
_KEEPS_ALL |= frozenset(["view", "reshape", "spread", "scatter", "dot", "matmul", "inner", "sum"])


def checked(program: Program, can_look: Callable[[int], bool]) -> set[int]:
    """Numbers of values so that, when these and the results are finite, the inputs are.

    Parameters
    ----------
    program : Program
    can_look : callable
        Whether a value that is no input, by its number, can be looked at. The results are looked at anyhow.
    """
    inputs = range(len(program.inputs))
    if any(0 in step.shape for step in program.code) or not blas_keeps_what_is_not_finite():
        return set(inputs)
    users: dict[int, int] = {}
    for number, step in enumerate(program.code):
        for arg in _kept(step):
            users.setdefault(arg, number)
    found = {int(out.value) for out in program.outputs if isinstance(out.value, Ref)}
    chosen: set[int] = set()
    told = _told(program, found)
    for k in inputs:
        if k in told:
            continue
        last = k
        while last in users:
            last = users[last]
        size, own = (math.prod(program.code[n].shape) for n in (last, k))
        place = last if last in inputs or (size <= max(own, 64) and can_look(last)) else k
        chosen.add(place)
        told |= _told(program, {place})
    return chosen


def _told(program: Program, finite: set[int]) -> set[int]:
    """The values that are finite when these are."""
    found = set(finite)
    for number in reversed(range(len(program.code))):
        if number in found:
            found.update(_kept(program.code[number]))
    return found


def _kept(step: Instruction) -> list[int]:
    """The operands of which what is not finite makes the result not finite."""
    op, args = step.op, step.args
    if op in ("divide", "product"):
        args = args[: 1 if op == "divide" else step.attr[1]]
    elif op == "linear":
        args = tuple(a for a, weight in zip(args, step.attr[0], strict=True) if weight)
    elif op == "pow":
        args = args if step.attr > 0 else ()
    elif op == "power":
        args = args[:1] if not isinstance(args[1], Ref) and args[1] > 0 else ()
    elif op == "einsum":
        sides = step.attr.split("->")[0].split(",")
        args = tuple(a for a, side in zip(args, sides, strict=True) if len(set(side)) == len(side))
    elif op not in _KEEPS_ALL:
        return []
    return [int(a) for a in args if isinstance(a, Ref)]


@cache
def blas_keeps_what_is_not_finite() -> bool:
    """Whether a product of zeros with NaN or infinity is NaN: there were libraries that left zeros out."""
    with np.errstate(all="ignore"):
        for size in (3, 40):
            zeros = np.zeros((size, size))
            for bad in (np.full((size, size), np.nan), np.full((size, size), np.inf)):
                products = [bad.dot(zeros), zeros.dot(bad), bad.T.dot(zeros), zeros.dot(bad.T), bad.dot(zeros[0]), zeros.dot(bad[0])]
                products += [bad[0].dot(zeros), zeros[0].dot(bad), bad.T.dot(zeros[0]), zeros.T.dot(bad[0]), np.matmul(bad, zeros), np.matmul(zeros, bad)]
                if not all(np.isnan(p).all() for p in products) or not np.isnan(bad[0].dot(zeros[0])):
                    return False
    return True


__all__ = ["blas_keeps_what_is_not_finite", "checked"]
