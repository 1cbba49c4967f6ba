"""The list of backends: a new one is one entry here."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from symdl.errors import NameError_
from symdl.lower.program import Program

#: A backend makes a function of arrays from a program, see ``symdl.lower.numpy_backend.compile_program``.
Backend = Callable[..., Callable[..., list[Any]]]


def _numpy(program: Program, outs: Sequence[Any] | None = None) -> Callable[..., list[Any]]:
    from symdl.lower.numpy_backend import compile_program

    return compile_program(program, outs)


def _native(program: Program, outs: Sequence[Any] | None = None) -> Callable[..., list[Any]]:
    from symdl.lower.native.backend import compile_program

    return compile_program(program, outs)


#: Name -> backend; the first is taken for single calls unless another is asked for. Training chooses by itself (``symdl.train.native``).
BACKENDS: dict[str, Backend] = {"numpy": _numpy, "native": _native}


def backend_named(name: str) -> Backend:
    """The backend of this name; "auto" is the first.

    Raises
    ------
    NameError_
        When there is none of this name.
    """
    if not isinstance(name, str):
        raise NameError_(f"a backend is given by its name: auto, {', '.join(BACKENDS)}")
    if name == "auto":
        return next(iter(BACKENDS.values()))
    if name not in BACKENDS:
        raise NameError_(f"{name!r:.40} is not a backend; there are auto, {', '.join(BACKENDS)}")
    return BACKENDS[name]
