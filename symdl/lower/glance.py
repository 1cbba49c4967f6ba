"""The short way into a program for NumPy: a function that takes arguments as they come, when they are as the last ones were, and gives checked results.

Small calls cost what surrounds them: looking at arguments, switching NumPy's warnings off, looking for NaN and infinity. Here this is written into the
program's own source, for its shapes. A number that is not finite and is added, multiplied or subtracted stays one that is not finite; so an argument that
goes no other way into a result need not be looked at before, and several that are multiplied first are looked at once, where they are one.
What is not as expected, or not finite, gives None: then the long way is taken, which converts, or says what is wrong.
"""

from __future__ import annotations

import contextvars
import math
from collections.abc import Callable, Sequence
from functools import cache, partial
from typing import Any

import numpy as np

from symdl.errors import DomainError
from symdl.lower.finite import checked
from symdl.lower.numpy_source import CHUNK, Writer
from symdl.lower.precision import DOUBLE
from symdl.lower.program import Program, Ref
from symdl.lower.values import FLOAT

Entry = Callable[[Sequence[Any]], "list[Any] | None"]

#: Pieces of source, and names that they find -> these and the names that they make.
Load = Callable[[Sequence[str], "dict[str, Any]"], "dict[str, Any]"]

#: With these, functions that a user wrote may run: they find the context of their caller.
_FOREIGN = frozenset(["call", "scan"])


def short_way(program: Program, writer: Writer, whole: np.ndarray, load: Load) -> Entry | None:
    """The function; None for programs that are long, or not of doubles.

    Parameters
    ----------
    program : Program
    writer : Writer
        Which has written the program's source, with an array for each tensor among the results.
    whole : array
        The vector in which these arrays stand.
    load : callable
        Compiles the source, with these names.
    """
    if program.dtype != DOUBLE or len(program.code) > CHUNK:
        return None
    source = _source(program, writer)
    names = writer.names | {"ARRAY": np.ndarray, "FLOAT": FLOAT, "isfinite": math.isfinite, "WHOLE": whole, "NUMBERS": (int, np.float64)}
    names |= {f"S{k}": shape for k, (_, shape) in enumerate(program.inputs)} | {"TROUBLE": (ArithmeticError, ValueError, DomainError)}
    run = load([source], names)["short"]
    if any(step.op in _FOREIGN for step in program.code) or not _state_is_of_the_context():
        return partial(_quietly, run)
    quiet = contextvars.copy_context()
    quiet.run(np.seterr, all="ignore")
    return partial(quiet.run, run)  # a seventh of the time of numpy.errstate


def _quietly(run: Entry, args: Sequence[Any]) -> list[Any] | None:
    with np.errstate(all="ignore"):
        return run(args)


@cache
def _state_is_of_the_context() -> bool:
    """Whether ``numpy.seterr`` in a context stays in it (NumPy 2; before it was the thread's)."""
    before = np.geterr()
    contextvars.copy_context().run(np.seterr, divide="print" if before["divide"] != "print" else "ignore")
    kept = np.geterr() == before
    np.seterr(**before)
    return kept


def _source(program: Program, writer: Writer) -> str:
    places = checked(program, lambda number: not program.code[number].shape or writer.flat(Ref(number)) is not None)
    lines = _arguments(program, places)
    start, count = 0, len(program.inputs)
    for number, end in enumerate(writer.ends):
        lines += writer.lines[start:end]
        start = end
        if number in places and number >= count:
            flat = writer.flat(Ref(number)) if program.code[number].shape else None
            lines.append(_refused(f"{flat}.dot({flat})" if flat else f"v{number}"))
    lines += [*writer.lines[start:], *_results(program, writer)]
    body = "\n  ".join(lines)
    return f"def short(a):\n try:\n  {body}\n except TROUBLE:\n  return None\n"


def _arguments(program: Program, places: set[int]) -> list[str]:
    """They are of the kinds and shapes that the program is for; and finite, of those that are looked at."""
    lines = [f"{', '.join(f'v{k}' for k in range(len(program.inputs)))}, = a"] if program.inputs else []
    for k, (_, shape) in enumerate(program.inputs):
        if shape:
            lines.append(f"if type(v{k}) is not ARRAY or v{k}.dtype is not FLOAT or v{k}.shape != S{k} or not v{k}.flags.c_contiguous: return None")
        else:
            lines += [f"if type(v{k}) is not float:", f" if type(v{k}) not in NUMBERS: return None", f" v{k} = float(v{k})"]
        if k in places:
            lines.append(_refused(f"v{k}" if not shape else f"v{k}.dot(v{k})" if len(shape) == 1 else f"(q := v{k}.ravel()).dot(q)"))
    return lines


def _results(program: Program, writer: Writer) -> list[str]:
    """They are finite, and the caller's own."""
    outs = list(zip(program.outputs, writer.results, strict=True))
    lines = [f"r{k} = scalar({text})" for k, (out, text) in enumerate(outs) if not out.shape]
    lines += [f"if r{k} - r{k} != 0.0: return None" for k, (out, _) in enumerate(outs) if not out.shape]
    lines += [_refused("WHOLE.dot(WHOLE)")] if any(out.shape for out, _ in outs) else []
    return [*lines, f"return [{', '.join(f'{text}.copy()' if out.shape else f'r{k}' for k, (out, text) in enumerate(outs))}]"]


def _refused(number: str) -> str:
    return f"if not isfinite({number}): return None"


__all__ = ["Entry", "short_way"]
