"""The NumPy backend: a program becomes straight-line Python on preallocated buffers.

The source has internal names only (v0, v1, ...); nothing that a user typed gets into it. Arrays and views of them
are made once, when the program is compiled; a run makes nothing but the results. Methods of arrays are called where there is a
choice (x.dot, not numpy.dot): they cost half as much before they begin to work.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from symdl.errors import DomainError
from symdl.lower.glance import short_way
from symdl.lower.levels import without_lines
from symdl.lower.numpy_source import Writer
from symdl.lower.program import Program


def compile_program(program: Program, outs: Sequence[np.ndarray | None] | None = None) -> Callable[..., list[Any]]:
    """A function of the input arrays that gives the results.

    Parameters
    ----------
    program : Program
    outs : sequence of array or None, optional
        Where results are to be written (the same arrays at every run). A result without one is a fresh array.

    Returns
    -------
    callable
        run(*arrays) -> list of results (floats for scalars). The arrays are C-contiguous, of the program's dtype and shapes;
        scalars are Python's floats, also in a program of float32.
        For the caller to see to: one run at a time, and ``numpy.errstate(all="ignore")`` around it.

    Raises
    ------
    DomainError (when run)
        For a singular matrix and the like; not for NaN, which the caller looks for.
    """
    return without_lines(program) or _Compiled(program, list(outs) if outs is not None else [None] * len(program.outputs))


class _Compiled:
    def __init__(self, program: Program, outs: list[np.ndarray | None]) -> None:
        writer = Writer(program, outs)
        self._program, self._writer = program, writer
        self.source = writer.source()
        self._names = writer.names
        self._run = self._load(writer.names)
        self._careful: Callable[..., list[Any]] | None = None

    def __call__(self, *arrays: Any) -> list[Any]:
        try:
            return self._run(*arrays)
        except (ZeroDivisionError, OverflowError):
            # Python floats raise where NumPy's give an infinity, which may well be harmless: 1/(1/x) at 0.
            if self._careful is None:
                self._careful = self._load(_careful(self._names))
            return self._careful(*[np.float64(a) if isinstance(a, float) else a for a in arrays])
        except np.linalg.LinAlgError:
            raise DomainError("a matrix is singular: it has no inverse") from None

    def glance(self, whole: np.ndarray) -> Callable[[Sequence[Any]], list[Any] | None] | None:
        """See ``symdl.lower.glance``; ``whole`` has the arrays that results are written to."""
        return short_way(self._program, self._writer, whole, _loaded)

    def _load(self, names: dict[str, Any]) -> Callable[..., list[Any]]:
        return _loaded(self.source, names)["run"]


def _loaded(source: Sequence[str], names: dict[str, Any]) -> dict[str, Any]:
    """Pieces of Python that symdl has written, run with these names: these and what the pieces define."""
    space = dict(names)
    for piece in source:
        exec(compile(piece, "<symdl program>", "exec"), space)
    return space


def _careful(names: dict[str, Any]) -> dict[str, Any]:
    """The names with NumPy's scalars instead of Python's: they overflow to infinity and divide by zero without raising."""

    def wrapped(function: Callable[..., float]) -> Callable[..., Any]:
        return lambda *z: np.float64(function(*z))

    scalars = {name: wrapped(f) for name, f in names.items() if name.startswith("call_") or name == "scalar_power"}
    return names | scalars | {"scalar": np.float64}
