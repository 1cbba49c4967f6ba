"""The C file of a program: the prelude, helpers, the steps cut into functions of moderate length."""

from __future__ import annotations

from collections.abc import Iterable

from symdl.lower.native.kernels import PRELUDE
from symdl.lower.native.program import Builder

#: A C function of more lines than this is cut: compilers take more than linear time.
_LINES = 250

_ARGS = "double *restrict w, double *const *restrict e, double *restrict c"


def pieces(name: str, builder: Builder, start: int = 0, stop: int | None = None) -> tuple[list[str], list[str]]:
    """Functions for a stretch of the builder's lines, and the calls of them."""
    stop = len(builder.lines) if stop is None else stop
    cuts = [start]
    bounds = [at for at, _ in builder.parts if start < at < stop] + [stop]
    for at in bounds:
        if at == stop or at - cuts[-1] >= _LINES:
            cuts.append(at)
    functions, calls = [], []
    for k, (a, b) in enumerate(zip(cuts, cuts[1:], strict=False)):
        if a == b:
            continue
        functions.append(f"static __attribute__((noinline)) void {name}{k}({_ARGS}) {{\n" + "\n".join(builder.lines[a:b]) + "\n}")
        calls.append(f"{name}{k}(w, e, c);")
    return functions, calls


def file(helpers: Iterable[str], functions: Iterable[str], main: str) -> str:
    """The whole source."""
    return "\n".join([PRELUDE, *helpers, *functions, main, ""])


def function_source(builder: Builder) -> str:
    """A file with ``run(w, e, c)``, one evaluation."""
    functions, calls = pieces("part", builder)
    return file(builder.helpers.values(), functions, f"void run({_ARGS}) {{\n" + "\n".join(calls) + "\n}")
