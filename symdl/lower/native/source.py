"""The C file of a program: the prelude, helpers, the steps cut into functions of moderate length."""

from __future__ import annotations

import copy
from collections.abc import Iterable

from symdl.lower.native.across import tile_functions
from symdl.lower.native.kernels import PRELUDE
from symdl.lower.native.program import Builder, Part

#: A C function of more lines than this is cut: compilers take more than linear time.
_LINES = 250

_ARGS = "double *restrict w, double *const *restrict e, double *restrict c"


def pieces(name: str, builder: Builder, start: int = 0, stop: int | None = None) -> tuple[list[str], list[tuple[str, bool]]]:
    """Functions for a stretch of the builder's lines, and the calls of them with whether threads share the work."""
    stop = len(builder.lines) if stop is None else stop
    bounds = [p for p in builder.parts if start <= p.at < stop]
    functions: list[str] = []
    calls: list[tuple[str, bool]] = []
    first = start
    for k, part in enumerate(bounds):
        end = bounds[k + 1].at if k + 1 < len(bounds) else stop
        alone = k + 1 == len(bounds) or part.shared or bounds[k + 1].shared
        if not alone and end - first < _LINES:
            continue
        call = f"{name}{len(calls)}"
        functions.append(f"static __attribute__((noinline)) void {call}({_ARGS}, const long me) {{ EFFECT\n" + "\n".join(builder.lines[first:end]) + "\n}")
        calls.append((call, part.shared))
        first = end
    return functions, calls


def together(name: str, builder: Builder, start: int) -> tuple[list[str], list[tuple[str, bool]]] | None:
    """As ``pieces`` for all lines from there on, which threads go through without meeting in between; None unless all of them move parameters."""
    bounds = [p for p in builder.parts if p.at >= start]
    if builder.threads == 1 or len(bounds) < 2 or not all(p.moves for p in bounds):
        return None
    functions: list[str] = []
    calls: list[str] = []
    for part, end in zip(bounds, [*(p.at for p in bounds[1:]), len(builder.lines)], strict=True):
        lines = builder.lines[part.at : end]
        calls.append(f"{name}_{len(calls)}")
        alone = lines if part.shared else ["if (LAST) {", *lines, "}"]
        functions.append(f"static __attribute__((noinline)) void {calls[-1]}({_ARGS}, const long me) {{ EFFECT\n" + "\n".join(alone) + "\n}")
    functions.append(f"static void {name}({_ARGS}, const long me) {{ EFFECT {' '.join(f'{call}(w, e, c, me);' for call in calls)} }}")
    return functions, [(name, True)]


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
    ends = [*(p.at for p in builder.parts[1:]), len(builder.lines)]
    for k, ((at, what, shared, *_), end) in enumerate(zip(builder.parts, ends, strict=True)):
        if at == builder.late_from:
            new.late_from = len(new.lines)
        new.parts.append(Part(len(new.lines), what, shared))
        new.lines += ["if (!me) last = now();", *builder.lines[at:end], f"if (!me) times[{k}] += now() - last;"]
    return new


def file(helpers: Iterable[str], functions: Iterable[str], main: str) -> str:
    """The whole source."""
    written = list(functions)
    return "\n".join([PRELUDE, *helpers, *tile_functions("\n".join([*written, main])), *written, main, ""])


def function_source(builder: Builder, enter: str = "") -> str:
    """A file with ``run(w, e, c)``, one evaluation; and what enters it."""
    functions, calls = pieces("part", builder)
    run = f"void run({_ARGS}) {{\n" + "\n".join(f"{call}(w, e, c, 0);" for call, _ in calls) + "\n}"
    return file(builder.helpers.values(), functions, f"{run}\n{enter}")
