"""The backend for functions: a program becomes one C function of pointers."""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from symdl.errors import DomainError
from symdl.lower.native.blas import blas, routine
from symdl.lower.native.cutting import in_blocks
from symdl.lower.native.entry import enter_source, entry
from symdl.lower.native.frame import FunctionFrame, Memory
from symdl.lower.native.matrices import FAULTS
from symdl.lower.native.prepare import prepared
from symdl.lower.native.program import Builder
from symdl.lower.native.show import entering, shown
from symdl.lower.native.source import function_source
from symdl.lower.native.toolchain import library
from symdl.lower.program import Program, Ref, Table

#: Inputs of no more numbers than this are copied, which costs less than to ask NumPy for an address.
_COPIED = 4096


def aligned(doubles: int) -> np.ndarray:
    """Zeros that begin at a cache line."""
    raw = np.zeros(doubles + 8)
    start = -raw.ctypes.data % 64 // 8
    return raw[start : start + doubles]


def pointers(memory: Memory, own: Callable[[Any], np.ndarray]) -> tuple[Any, list[Any]]:
    """The array of pointers ``e`` and what must be kept alive for it; ``own`` gives the array for a key of the frame."""
    table = (ctypes.c_void_p * max(1, len(memory.pointers)))()
    kept: list[Any] = []
    for k, key in enumerate(memory.pointers):
        if key == "blas":
            found = blas()
            assert found is not None
            table[k] = found.address
            kept.append(found)
            continue
        if isinstance(key, tuple) and key[0] == "routine":
            table[k] = routine(key[1])
            continue
        array = key.array if isinstance(key, Table) else own(key)
        table[k] = array.ctypes.data
        kept.append(array)
    return table, kept


def compile_program(program: Program, outs: Sequence[np.ndarray | None] | None = None) -> Callable[..., list[Any]]:
    """A function of the input arrays that gives the results; see ``symdl.lower.numpy_backend.compile_program``.

    Raises
    ------
    UnsupportedError
        For an instruction that native code does not know, and when the compiler fails.
    MissingExtraError
        When there is no compiler.
    """
    return NativeFunction(program, list(outs) if outs is not None else [None] * len(program.outputs))


class NativeFunction:
    """A compiled program. ``print`` shows its steps."""

    def __init__(self, program: Program, outs: list[np.ndarray | None]) -> None:
        ready = in_blocks(prepared(program))
        self._outputs = ready.outputs
        results: dict[int, tuple[int, tuple[int, ...]]] = {}
        for k, out in enumerate(ready.outputs):
            if isinstance(out.value, Ref) and out.shape:
                results.setdefault(int(out.value), (k, out.shape))
        self._frame = FunctionFrame([shape for _, shape in program.inputs], results)
        self._builder = Builder(ready, self._frame, {})
        self._builder.run()
        self.source = function_source(self._builder, enter_source(ready, self._frame))
        self._library = library(self.source)
        self._run = self._library.run
        self._run.argtypes = [ctypes.c_void_p] * 3
        self._run.restype = None
        self._work = aligned(self._frame.memory.size)
        self._scalars = np.zeros(max(1, self._frame.memory.scalars))
        self._fault = self._frame.memory.fault
        self._arrays = [None if a is None else a for a in outs]
        self._fresh: dict[int, np.ndarray] = {}
        self._inputs: dict[int, np.ndarray] = {}
        self._pointers, self._kept = pointers(self._frame.memory, self._array)
        slots = {key[1]: k for k, key in enumerate(self._frame.memory.pointers) if isinstance(key, tuple) and key[0] == "input"}
        self._loose = [k for k, (_, shape) in enumerate(program.inputs) if not shape]
        self._small = [(k, own) for k, own in self._inputs.items() if own.size <= _COPIED]
        self._large = [(k, slots[k]) for k, own in self._inputs.items() if own.size > _COPIED]
        self._first = {k: results[int(o.value)][0] for k, o in enumerate(ready.outputs) if isinstance(o.value, Ref) and o.shape}
        self._addresses = self._work.ctypes.data, ctypes.addressof(self._pointers), self._scalars.ctypes.data
        #: The short way in, if there is one: takes a sequence of arguments as they come, and gives checked results, or None.
        self.entry = entry(self._library, ready, *self._addresses)

    def _array(self, key: Any) -> np.ndarray:
        kind, k = key
        if kind == "input":
            self._inputs[k] = np.zeros(self._frame.shapes[k])
            return self._inputs[k]
        given = self._arrays[k]
        if given is None or not given.flags.c_contiguous:
            self._fresh[k] = given = np.zeros(self._outputs[k].shape)
        return given

    def __call__(self, *arrays: Any) -> list[Any]:
        for k in self._loose:
            self._scalars[k] = arrays[k]
        for k, own in self._small:
            own[...] = arrays[k]
        for k, slot in self._large:
            self._pointers[slot] = arrays[k].ctypes.data
        if self._fault is not None:
            self._scalars[self._fault] = 0.0
        self._run(*self._addresses)
        if self._fault is not None and self._scalars[self._fault]:
            raise DomainError(FAULTS[int(self._scalars[self._fault])])
        return [self._result(k) for k in range(len(self._outputs))]

    def _result(self, k: int) -> Any:
        out = self._outputs[k]
        wanted = self._arrays[k]
        if not out.shape:
            return float(self._scalars[out.value]) if isinstance(out.value, Ref) else float(out.value)
        if not isinstance(out.value, Ref):
            value: Any = np.full(out.shape, out.value)
        else:
            first = self._first[k]
            value = self._fresh[first] if first in self._fresh else self._arrays[first]
        if wanted is None:
            return value.copy()
        if value is not wanted:
            wanted[...] = value
        return wanted

    def __str__(self) -> str:
        return f"{shown(self._builder)}\n{entering(self._builder)}"

    __repr__ = __str__


__all__ = ["NativeFunction", "aligned", "compile_program", "pointers"]
