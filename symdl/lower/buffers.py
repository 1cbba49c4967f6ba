"""Who may write where: the lifetime of every value, and buffers that are used again when their value is dead."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from symdl.lower.program import ELEMENTWISE, VIEWS, Program, Ref

#: Values that live as long as the program, because what they hold is written once.
_FOREVER = frozenset(["ones", "scatter", "pad", "table"])

#: Operations that may write over these of their arguments (positions), when the argument is not used any more.
_IN_PLACE = {"cosigmoid": (1,), "sigmoid": (1, 3)} | dict.fromkeys(ELEMENTWISE, (0, 1))


def owners(program: Program) -> list[int]:
    """For every value the value whose memory it shows: itself, unless it is a view."""
    found: list[int] = []
    for number, step in enumerate(program.code):
        is_view = step.op in VIEWS and step.shape and isinstance(step.args[0], Ref) and program.code[step.args[0]].shape
        found.append(found[step.args[0]] if is_view else number)  # type: ignore[index]
    return found


class Buffers:
    """Hands out arrays, and takes them back when their value has been read for the last time."""

    def __init__(self, program: Program, fixed: dict[int, np.ndarray]) -> None:
        self._code = program.code
        self._dtype = program.dtype
        self._owner = owners(program)
        self._fixed = fixed
        self._free: dict[int, list[np.ndarray]] = {}
        self._flat: dict[int, np.ndarray] = {}
        self._last = self._last_uses(program)
        self._dying: dict[int, list[int]] = {}
        for value, step in enumerate(self._last):
            self._dying.setdefault(step, []).append(value)

    def _last_uses(self, program: Program) -> list[int]:
        end = len(program.code)
        last = [end if step.op in _FOREVER else -1 for step in program.code]
        for number, step in enumerate(program.code):
            for arg in step.args:
                if isinstance(arg, Ref):
                    last[self._owner[arg]] = max(last[self._owner[arg]], number)
        for out in program.outputs:
            if isinstance(out.value, Ref):
                last[self._owner[out.value]] = end
        return last

    def array_for(self, number: int) -> np.ndarray:
        """Where the value of an instruction goes."""
        step = self._code[number]
        if number in self._fixed:
            return self._fixed[number]
        reused = self._over_argument(number)
        if reused is None:
            reused = self._take(math.prod(step.shape))
        self._flat[number] = reused
        return reused.reshape(step.shape)

    def release(self, number: int) -> None:
        """After an instruction: what it was the last to read is free."""
        for value in self._dying.get(number, ()):
            flat = self._flat.pop(value, None)
            if flat is not None:
                self._free.setdefault(flat.size, []).append(flat)

    def _over_argument(self, number: int) -> np.ndarray | None:
        step = self._code[number]
        refs = [a for a in step.args if isinstance(a, Ref)]
        for position in _IN_PLACE.get(step.op, ()):
            arg = step.args[position] if position < len(step.args) else None
            if not isinstance(arg, Ref) or arg not in self._flat or self._last[arg] != number or self._code[arg].shape != step.shape:
                continue
            # Another view of the same memory would be read after it was written: NumPy would make a copy of it first.
            if any(a != arg and self._owner[a] == arg for a in refs):
                continue
            return self._flat.pop(arg)
        return None

    def _take(self, size: int) -> np.ndarray:
        free = self._free.get(size)
        return free.pop() if free else np.empty(size, self._dtype)


class _Numbered(Buffers):
    """Hands out numbers: nothing is allocated."""

    count = 0

    def _take(self, size: int) -> np.ndarray:
        free = self._free.get(size)
        if free:
            return free.pop()
        self.count += 1
        return np.broadcast_to(np.float64(self.count - 1), size)


def homes(program: Program) -> dict[int, int]:
    """Value -> the number of the buffer in which NumPy computes it; results have places of their own, and what is written once for all calls too."""
    owner = owners(program)
    results = {owner[o.value] for o in program.outputs if isinstance(o.value, Ref) and program.code[o.value].shape}
    apart = {value: np.broadcast_to(np.float64(-1), math.prod(program.code[value].shape)) for value in results}
    buffers, found = _Numbered(program, apart), {}
    for number, step in enumerate(program.code):
        if step.op != "input" and step.shape and owner[number] == number and step.op not in _FOREVER and number not in apart:
            found[number] = int(buffers.array_for(number).flat[0])
        buffers.release(number)
    return found


def fixed_outputs(program: Program, given: Sequence[np.ndarray | None]) -> dict[int, np.ndarray]:
    """Results that can be computed right where the caller wants them."""
    owner = owners(program)
    fixed: dict[int, np.ndarray] = {}
    for out, array in zip(program.outputs, given, strict=True):
        value = out.value
        if array is None or not isinstance(value, Ref) or owner[value] != value or value in fixed:
            continue
        step = program.code[value]
        if step.op not in _FOREVER and step.op != "input" and step.shape == array.shape and step.shape and array.flags.c_contiguous:
            fixed[value] = array
    return fixed
