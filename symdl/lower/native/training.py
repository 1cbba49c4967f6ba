"""A whole training loop as one C function: batches gathered, forward, backward, update, step after step without Python."""

from __future__ import annotations

import ctypes
import math

import numpy as np

from symdl.errors import UnsupportedError
from symdl.lower.native.backend import aligned, pointers
from symdl.lower.native.loop_frame import Rule, Setting
from symdl.lower.native.loop_plan import cheapest
from symdl.lower.native.toolchain import library
from symdl.lower.native.updates import UPDATES
from symdl.lower.program import Ref

#: No more numbers than this stand in buffers.
MOST = 30_000_000


class NativeLoop:
    """A compiled training loop. ``print`` shows its plan.

    Parameters
    ----------
    setting : Setting
    vector : array
        All parameters; moved by ``run``.

    Raises
    ------
    UnsupportedError, MissingExtraError
        When the program has no native form, or there is no compiler.
    """

    def __init__(self, setting: Setting, vector: np.ndarray) -> None:
        if setting.rule.name not in UPDATES:
            raise UnsupportedError(f"native code does not know the method {setting.rule.name}")
        self._setting = setting
        self._plan = cheapest(setting)
        memory = self._plan.frame.memory
        if memory.size > MOST:
            raise UnsupportedError(f"native code would need {memory.size * 8 / 1e9:.1f} GB for intermediate results: train in batches")
        self.source = self._plan.source()
        self._library = library(self.source)
        self._run = self._library.train
        self._run.argtypes = [ctypes.c_void_p] * 4 + [ctypes.c_int64, ctypes.c_void_p]
        self._run.restype = ctypes.c_int64
        self._g = np.zeros_like(vector)
        self._arrays: dict[tuple[str, ...], np.ndarray] = {("x",): vector, ("g",): self._g}
        self._arrays |= {("memory", name): array for name, array in setting.rule.memory.items()}
        self._arrays |= {("data", name): array for name, array in setting.data.items() if np.ndim(array)}
        self._work = aligned(memory.size)
        self._scalars = self._plan.scalars()
        for (offset, shape), out in zip(setting.params.values(), self._plan.program.outputs[1:], strict=True):
            if not isinstance(out.value, Ref):
                self._g[offset : offset + math.prod(shape)] = out.value
        self._pointers, self._kept = pointers(memory, lambda key: self._arrays[key])
        self._addresses = self._work.ctypes.data, ctypes.addressof(self._pointers), self._scalars.ctypes.data

    def run(self, order: np.ndarray | None, steps: int) -> np.ndarray:
        """Take steps; the losses, each before its step. Fewer than asked: the next loss was not finite, and no step was taken on it.

        Parameters
        ----------
        order : array of int64, or None
            Sample numbers, one step's behind the other's.
        steps : int
        """
        losses = np.empty(steps)
        rows = None if order is None else np.ascontiguousarray(order, dtype=np.int64)
        done = self._run(*self._addresses, None if rows is None else rows.ctypes.data, steps, losses.ctypes.data)
        return losses[:done]

    def measured(self, order: np.ndarray | None, steps: int) -> list[tuple[str, float]]:
        """What each step of the plan is, and the nanoseconds that it takes (about 20 of them for the clock), which ``print`` shows from then on;
        parameters stay as they are."""
        timed = library(self._plan.source(timed=True))
        timed.spent.restype = ctypes.POINTER(ctypes.c_double)
        kept = [array.copy() for array in self._moving()]
        rows = None if order is None else np.ascontiguousarray(order, dtype=np.int64)
        losses = np.empty(steps)
        run = timed.train
        run.argtypes, run.restype = self._run.argtypes, ctypes.c_int64
        done = max(1, run(*self._addresses, None if rows is None else rows.ctypes.data, steps, losses.ctypes.data))
        for array, before in zip(self._moving(), kept, strict=True):
            array[...] = before
        spent = timed.spent()
        self._plan.measured = [(part.what, spent[k] / done) for k, part in enumerate(self._plan.builder.parts)]
        return self._plan.measured

    def _moving(self) -> list[np.ndarray]:
        return [self._arrays[("x",)], *self._setting.rule.memory.values()]

    def __str__(self) -> str:
        return str(self._plan)

    __repr__ = __str__


__all__ = ["NativeLoop", "Rule", "Setting"]
