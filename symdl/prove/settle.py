"""From a problem to a verdict: exact zero test at concrete sizes, a witness where it says "different", a look at real points before PROVED."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np
import sympy as sp

from symdl.errors import SymdlError
from symdl.prove.beyond import disagreement, further
from symdl.prove.evidence import with_evidence
from symdl.prove.exact import certified
from symdl.prove.samples import probes
from symdl.prove.sizes import size_choices
from symdl.prove.stop import Clock, Stop
from symdl.prove.whole import assignments, equations
from symdl.prove.witness import Found, agrees_somewhere, no_value, refute
from symdl.prove.zerotest import Outcome, concrete, decide
from symdl.steps.verdict import PROVED, REFUTED, UNKNOWN, Verdict

#: A problem of more nodes than this is looked at in floats first.
MANY = 25


def settle(problem: Any, clock: Clock, exact: bool = False) -> Verdict:
    """Decide a problem; UNKNOWN says what was tried, and the strongest evidence.

    ``exact``: what the modular test proves is certified, where that is possible.
    """
    return with_evidence(_settled(problem, clock, exact), problem)


def _settled(problem: Any, clock: Clock, exact: bool) -> Verdict:
    try:
        choices = size_choices(problem.dims, problem.nodes, problem.shape, problem.looks)
    except Stop as reason:
        return Verdict(UNKNOWN, f"exact zero test: {reason}")
    done: list[Outcome] = []
    every = True
    uncertain = "" if exact else None
    for sizes, fixed in _cases(problem, choices):
        every = every and fixed
        shown = _show_sizes(sizes)
        try:
            outcome = decide(problem, sizes, clock)
        except Stop as reason:
            return _without_proof(problem, sizes, clock, f"exact zero test{shown}: {reason}")
        if not outcome.equal:
            return _without_proof(problem, sizes, clock, f"exact zero test{shown}: the two sides differ as functions of their generators", outcome.entry)
        try:
            seen = _agrees_in_floats(problem, sizes) or agrees_somewhere(problem, sizes, clock, (0,) * len(problem.shape))
        except Stop as reason:
            return Verdict(UNKNOWN, f"exact zero test{shown} finds no difference; evaluation: {reason}")
        if isinstance(seen, Found):
            return _refuted(seen, sizes)
        if not seen:
            return Verdict(UNKNOWN, f"exact zero test{shown} finds no difference; no real point was found at which both sides are defined")
        done.append(outcome)
        if uncertain == "":
            try:
                if not certified(problem, sizes, clock):
                    return _without_proof(problem, sizes, clock, f"zero test over the rational numbers{shown}: the two sides differ")
            except Stop as reason:
                uncertain = str(reason)
    try:
        looked = _beyond(problem, clock)
    except Stop as reason:
        return Verdict(UNKNOWN, f"exact zero test at sizes {_and(choices)} finds no difference; larger sizes: {reason}")
    if isinstance(looked, Verdict):
        return looked
    counted = sorted(name for name, v in problem.variables.items() if v.whole is not None)
    note = [f"for {'all' if every else 'some'} whole numbers {', '.join(counted)}"] if counted else []
    return Verdict(PROVED, ", ".join([_method(done, choices, looked, uncertain), *note]))


def _beyond(problem: Any, clock: Clock) -> list[dict[sp.Symbol, int]] | Verdict:
    """The larger sizes at which the sides agree in floats, or what became of one at which they do not."""
    looked = []
    for sizes in further(problem):
        differ = disagreement(problem, sizes, clock)
        if not isinstance(differ, bool):
            counted = {name: v for name, v in problem.variables.items() if v.whole is not None}
            problem.variables.update({name: replace(v, fixed=_exactly(differ[name])) for name, v in counted.items()})
            return _without_proof(problem, sizes, clock, f"the sides differ in floats{_show_sizes(sizes)}, though not at smaller sizes")
        if differ:
            looked.append(sizes)
    return looked


def _exactly(array: Any) -> Any:
    return np.vectorize(Fraction, otypes=[object])(array)


def _cases(problem: Any, choices: list[dict[sp.Symbol, int]]) -> Iterator[tuple[dict[sp.Symbol, int], bool]]:
    """The sizes, each with every case of the inputs that count: these are fixed in the problem's variables meanwhile."""
    known = dict(problem.variables)
    whole = {name: v.whole for name, v in known.items() if v.whole is not None}
    for sizes in choices:
        problem.variables.update(known)
        if not whole:
            yield sizes, True
            continue
        if not all(w.only for w in whole.values()):
            yield sizes, False
        shapes = {name: concrete(known[name].shape, sizes) for name in whole}
        assigned, every = assignments(whole, shapes, sizes, equations(problem.nodes))
        for values in assigned:
            problem.variables.update({name: replace(known[name], fixed=value) for name, value in values.items()})
            yield sizes, every
    problem.variables.update(known)


def confirmed(problem: Any, clock: Clock) -> bool:
    """Whether the sides are both defined, and agree, at some real point: asked before an equality of normal forms counts."""
    try:
        for sizes in size_choices(problem.dims, problem.nodes, problem.shape, problem.looks):
            if _agrees_in_floats(problem, sizes) or agrees_somewhere(problem, sizes, clock, (0,) * len(problem.shape)) is True:
                return True
    except Stop:
        return False
    return False


def seen_to_differ(problem: Any, clock: Clock) -> Verdict | None:
    """A large problem is looked at in floats first, at its smallest sizes: where its sides differ there, a witness is looked for before a proof is."""
    if len(problem.nodes) <= MANY:
        return None
    try:
        choices = size_choices(problem.dims, problem.nodes, problem.shape, problem.looks)
        for sizes in sorted(choices, key=lambda c: sum(c.values())):
            values = disagreement(problem, sizes, clock)
            if not isinstance(values, bool):
                left, right = problem.floats(values)
                entry = np.unravel_index(int(np.argmax(np.abs(left - right))), np.shape(right))
                found = refute(problem, sizes, Clock(clock.left() / 2), tuple(int(k) for k in entry))
                return _refuted(found, sizes) if found else None
    except Stop:
        pass
    return None


def for_every_size(problem: Any) -> str:
    """How an equality of normal forms is called."""
    if not problem.dims:
        return "normal form"
    fixed = any(e < 0 for node in problem.nodes for m in node.maps for e in m)
    return "normal form, for every size" + (" that has the positions named" if fixed else "")


def _method(done: list[Outcome], choices: list[dict[sp.Symbol, int]], looked: list[dict[sp.Symbol, int]], uncertain: str | None = None) -> str:
    cases = max(o.cases for o in done)
    parts = ["exact zero test modulo random primes, error < 1e-30"]
    if uncertain == "":
        parts = ["exact zero test over the rational numbers, by python-flint"]
    elif uncertain:
        parts[0] += f" (no certificate: {uncertain})"
    if cases > 1:
        parts.append(f"all {cases} cases of signs, boundaries excluded")
    if choices[0]:
        parts.append("at sizes " + _and(choices))
    if looked:
        parts.append("agreement in floats at " + _and(looked))
    return ", ".join(parts)


def _agrees_in_floats(problem: Any, sizes: Mapping[Any, int]) -> bool:
    """A guard, not a proof: at some point both sides are finite and close. Nothing follows when they are not."""
    for values in probes(list(problem.variables.values()), sizes):
        with np.errstate(all="ignore"):
            try:
                left, right = problem.floats(values)
            except (SymdlError, np.linalg.LinAlgError, OverflowError):
                return False
        scale = np.max(np.abs(left), initial=0.0) + np.max(np.abs(right), initial=0.0)
        if np.isfinite(scale):
            return bool(np.max(np.abs(left - right), initial=0.0) <= 1e-7 * scale)
    return False


def _without_proof(problem: Any, sizes: Mapping[Any, int], clock: Clock, tried: str, entry: tuple[int, ...] | None = None) -> Verdict:
    try:
        found = refute(problem, sizes, clock, entry)
    except Stop as reason:
        return Verdict(UNKNOWN, f"{tried}; interval arithmetic: {reason}")
    if found:
        return _refuted(found, sizes)
    try:
        nowhere = no_value(problem, sizes, clock)
    except Stop as reason:
        return Verdict(UNKNOWN, f"{tried}; interval arithmetic: {reason}")
    if nowhere:
        verdict = _refuted(nowhere, sizes)
        return replace(verdict, detail="; ".join(filter(None, [verdict.detail, "the claim divides by zero where the derivative has a value"])))
    return Verdict(UNKNOWN, f"{tried}; interval arithmetic found no point at which they differ")


def _refuted(found: Found, sizes: Mapping[Any, int]) -> Verdict:
    where = []
    if found.entry:
        where.append(f"element {list(found.entry)}")
    if sizes:
        where.append(f"sizes {_sizes(sizes)}")
    return Verdict(REFUTED, "interval arithmetic", found.values, found.sides, ", ".join(where))


def _and(choices: list[dict[sp.Symbol, int]]) -> str:
    return "; ".join(_sizes(c) for c in choices)


def _sizes(sizes: Mapping[Any, int]) -> str:
    return ", ".join(f"{k} = {v}" for k, v in sizes.items())


def _show_sizes(sizes: Mapping[Any, int]) -> str:
    return f" at {_sizes(sizes)}" if sizes else ""
