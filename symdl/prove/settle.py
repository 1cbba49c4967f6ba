"""From a problem to a verdict: exact zero test at concrete sizes, a witness where it says "different", a look at real points before PROVED."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import sympy as sp

from symdl.graph.node import Node
from symdl.prove.stop import Clock, Stop
from symdl.prove.witness import Found, agrees_somewhere, refute
from symdl.prove.zerotest import Outcome, decide
from symdl.steps.verdict import PROVED, REFUTED, UNKNOWN, Verdict


def settle(problem: Any, clock: Clock) -> Verdict:
    """Decide a problem; UNKNOWN says what was tried."""
    choices = size_choices(problem.dims, problem.nodes, problem.shape)
    done: list[Outcome] = []
    for sizes in choices:
        shown = _show_sizes(sizes)
        try:
            outcome = decide(problem, sizes, clock)
        except Stop as reason:
            return _without_proof(problem, sizes, clock, f"exact zero test{shown}: {reason}")
        if not outcome.equal:
            return _without_proof(problem, sizes, clock, f"exact zero test{shown}: the two sides differ as functions of their generators", outcome.entry)
        try:
            seen = agrees_somewhere(problem, sizes, clock, (0,) * len(problem.shape))
        except Stop as reason:
            return Verdict(UNKNOWN, f"exact zero test{shown} finds no difference; evaluation: {reason}")
        if isinstance(seen, Found):
            return _refuted(seen, sizes)
        if not seen:
            return Verdict(UNKNOWN, f"exact zero test{shown} finds no difference; no real point was found at which both sides are defined")
        done.append(outcome)
    return Verdict(PROVED, _method(done, choices))


def _method(done: list[Outcome], choices: list[dict[sp.Symbol, int]]) -> str:
    cases = max(o.cases for o in done)
    parts = ["exact zero test modulo random primes, error < 1e-30"]
    if cases > 1:
        parts.append(f"all {cases} cases of signs, boundaries excluded")
    if choices[0]:
        parts.append("at sizes " + "; ".join(_sizes(c) for c in choices))
    return ", ".join(parts)


def _without_proof(problem: Any, sizes: Mapping[Any, int], clock: Clock, tried: str, entry: tuple[int, ...] | None = None) -> Verdict:
    try:
        found = refute(problem, sizes, clock, entry)
    except Stop as reason:
        return Verdict(UNKNOWN, f"{tried}; interval arithmetic: {reason}")
    return _refuted(found, sizes) if found else Verdict(UNKNOWN, f"{tried}; interval arithmetic found no point at which they differ")


def _refuted(found: Found, sizes: Mapping[Any, int]) -> Verdict:
    where = []
    if found.entry:
        where.append(f"element {list(found.entry)}")
    if sizes:
        where.append(f"sizes {_sizes(sizes)}")
    return Verdict(REFUTED, "interval arithmetic", found.values, found.sides, ", ".join(where))


def _sizes(sizes: Mapping[Any, int]) -> str:
    return ", ".join(f"{k} = {v}" for k, v in sizes.items())


def _show_sizes(sizes: Mapping[Any, int]) -> str:
    return f" at {_sizes(sizes)}" if sizes else ""


def size_choices(dims: list[sp.Symbol], nodes: Iterable[Node], shape: tuple[Any, ...]) -> list[dict[sp.Symbol, int]]:
    """Small concrete sizes: unlike ones, all ones, unlike ones the other way round; large enough for fixed positions."""
    if not dims:
        return [{}]
    least = _least(nodes)
    bases = ([2 + k % 2 for k in range(len(dims))], [1] * len(dims), [3 - k % 2 for k in range(len(dims))])
    chosen = []
    for base in bases:
        sizes = {d: max(n, least.get(d, 1)) for d, n in zip(dims, base, strict=True)}
        for _ in range(6):
            if _fits(sizes, nodes, shape):
                break
            sizes = {d: n + 1 for d, n in sizes.items()}
        if sizes not in chosen:
            chosen.append(sizes)
    while len(chosen) < 3:
        chosen.append({d: n + 1 for d, n in max(chosen, key=lambda c: sum(c.values())).items()})
    return chosen


def _least(nodes: Iterable[Node]) -> dict[sp.Symbol, int]:
    """A fixed position c on an axis asks for a size above c."""
    least: dict[sp.Symbol, int] = {}
    for node in nodes:
        for arg, entries in node.terms():
            for size, entry in zip(arg.shape, entries, strict=True):
                if entry < 0 and isinstance(size, sp.Symbol):
                    least[size] = max(least.get(size, 1), ~entry + 1)
        for a, b in node.attr.deltas if node.op == "mul" else ():
            size = node.sizes()[a if a >= 0 else b]
            if (a < 0 or b < 0) and isinstance(size, sp.Symbol):
                least[size] = max(least.get(size, 1), ~min(a, b) + 1)
    return least


def _fits(sizes: Mapping[Any, int], nodes: Iterable[Node], shape: tuple[Any, ...]) -> bool:
    """Whether all composite sizes (n - 1, 2*n) are positive integers."""
    found = {s for node in nodes for s in node.sizes() if isinstance(s, sp.Expr)} | {s for s in shape if isinstance(s, sp.Expr)}
    values = [s.xreplace({d: sp.Integer(n) for d, n in sizes.items()}) for s in found]
    return all(v.is_Integer and v >= 1 for v in values)
