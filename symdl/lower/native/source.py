"""The C file of a program: the prelude, helpers, the steps cut into functions of moderate length."""

from __future__ import annotations

import copy
import itertools
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
    for k, (a, b) in enumerate(itertools.pairwise(cuts)):
        if a == b:
            continue
        functions.append(f"static __attribute__((noinline)) void {name}{k}({_ARGS}) {{\n" + "\n".join(builder.lines[a:b]) + "\n}")
        calls.append(f"{name}{k}(w, e, c);")
    return functions, calls


#: C that measures steps.
CLOCK = r"""
#include <time.h>
static double last, times[100000];
double *spent(void) { return times; }
static double now(void) { struct timespec t; clock_gettime(CLOCK_MONOTONIC, &t); return t.tv_sec * 1e9 + t.tv_nsec; }
"""


def timed_builder(builder: Builder) -> Builder:
    """A copy whose steps are measured."""
    new = copy.copy(builder)
    new.lines, new.parts, new.late_from = [], [], None
    ends = [*(at for at, _ in builder.parts[1:]), len(builder.lines)]
    for k, ((at, what), end) in enumerate(zip(builder.parts, ends, strict=True)):
        if at == builder.late_from:
            new.late_from = len(new.lines)
        new.parts.append((len(new.lines), what))
        new.lines += ["last = now();", *builder.lines[at:end], f"times[{k}] += now() - last;"]
    return new


def file(helpers: Iterable[str], functions: Iterable[str], main: str) -> str:
    """The whole source."""
    return "\n".join([PRELUDE, *helpers, *functions, main, ""])


def function_source(builder: Builder) -> str:
    """A file with ``run(w, e, c)``, one evaluation."""
    functions, calls = pieces("part", builder)
    return file(builder.helpers.values(), functions, f"void run({_ARGS}) {{\n" + "\n".join(calls) + "\n}")
