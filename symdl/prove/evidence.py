"""What is known of a claim that was not decided: how well both sides agree in floats, at how many points, at which sizes."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from symdl.errors import SymdlError
from symdl.prove.samples import probes
from symdl.prove.sizes import size_choices
from symdl.prove.stop import Clock, Stop
from symdl.steps.verdict import UNKNOWN, Verdict

#: Seconds that looking may take.
LOOKING = 0.5
POINTS = 24
#: Sides that differ by more than this, relative to the larger, are said to differ.
CLOSE = 1e-6
#: Sides so much smaller than elsewhere count as if they were larger.
SMALL = 1e-3


def with_evidence(verdict: Verdict, problem: Any) -> Verdict:
    """An UNKNOWN verdict that says what the sides are in floats; others as they are."""
    if verdict.verdict != UNKNOWN:
        return verdict
    return replace(verdict, detail="; ".join(filter(None, [verdict.detail, evidence(problem)])))


def evidence(problem: Any) -> str:
    """One line: agreement or difference at random points, and where."""
    clock = Clock(LOOKING)
    found: list[tuple[float, float]] = []
    where = []
    try:
        for sizes in size_choices(problem.dims, problem.nodes, problem.shape, problem.looks):
            before = len(found)
            for values in probes(list(problem.variables.values()), sizes):
                clock.look()
                found += _gap(problem, values)
                if len(found) - before == POINTS // 3:
                    break
            if len(found) > before and sizes:
                where.append(", ".join(f"{d} = {n}" for d, n in sizes.items()))
    except (Stop, SymdlError, np.linalg.LinAlgError, OverflowError, MemoryError):
        pass
    points = len(found)
    if not points:
        return "evidence: none in floats, no point was found at which both sides could be evaluated"
    largest = max(scale for _, scale in found)
    # Where both sides vanish, what is left is noise.
    worst = max(gap / max(scale, largest * SMALL) for gap, scale in found) if largest else 0.0
    told = (
        f"evidence: in floats the sides agree to {worst:.0e}" if worst <= CLOSE else f"evidence: in floats the sides differ by up to {worst:.0e} of the larger"
    )
    return f"{told} at {points} point{'s' if points > 1 else ''}" + (f", at sizes {'; '.join(where)}" if where else "")


def _gap(problem: Any, values: dict[str, Any]) -> list[tuple[float, float]]:
    """The largest difference, and how large the sides are; nothing where they are not finite."""
    with np.errstate(all="ignore"):
        left, right = problem.floats(values)
    scale = float(max(np.max(np.abs(left), initial=0.0), np.max(np.abs(right), initial=0.0)))
    return [(float(np.max(np.abs(left - right), initial=0.0)), scale)] if np.isfinite(scale) else []
