"""Gradients against numeric derivatives that know nothing of the differentiator.

By default the tape, and PyTorch where it is installed; on request JAX, the complex step, and central differences with 300 digits too (``ORACLES``).

An entry agrees when it differs by at most 1e-12 of its own size, beyond what rounding alone can do to it. The latter is measured, not
guessed: the same computation is repeated with its last bits disturbed (``Tape(noise=...)``), and how far the results then differ is
the condition of that entry at that point. At well-conditioned points that is 1e-15 of the entry and gives no room to an error of 1e-9. Where the
formula itself is ill-conditioned in floats (a(1 - a) at z = 40), it is evaluated with more bits. Frameworks take sigma' from the output, as a(1 - a);
the disturbance of PyTorch's computation is measured with the same form.
"""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from symdl.errors import NameError_, SymdlError
from symdl.expr.dims import show_shape
from symdl.expr.structured import structure_of
from symdl.expr.tensor import Expr
from symdl.graph.walk import topological
from symdl.prove.numeric import tape_gradient
from symdl.prove.precise import MARGIN, NOISE, TOLERANCE, UNDERFLOW, formula_value, spread_of
from symdl.prove.problem import dims_of
from symdl.prove.samples import Sample, samples
from symdl.prove.structured import restricted, spread_restricted
from symdl.prove.tape import Tape
from symdl.steps.verdict import Check

POINTS = 24
#: With fewer, the line says so.
ENOUGH = 20
#: Where NOISE does not explain a difference: near 1 a rounding is all or nothing, and three may all miss it.
MORE_NOISE = tuple(range(4, 20))
#: A saturated function has the slope exactly 0 in PyTorch (1 - tanh(z)**2 = 0 from z = 19): its zeros say no more than this.
FLUSHED = 1e-14
#: For all points of one oracle.
SECONDS = 60.0

Oracle = Callable[[Expr, list[Expr], Mapping[str, Any], Sequence[int]], tuple[dict[str, Any], dict[str, Any]]]


def tape_oracle(
    loss: Expr, wrt: list[Expr], values: Mapping[str, Any], noise: Sequence[int] = NOISE, from_output: bool = False
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Gradients by the tape, and what rounding can do to each entry."""
    _, base = tape_gradient(loss, wrt, values, Tape(from_output=from_output))
    runs = [tape_gradient(loss, wrt, values, Tape(seed, from_output))[1] for seed in noise]
    return base, {name: spread_of(base[name], [run[name] for run in runs]) for name in base}


def _framework(gradient: Callable[..., dict[str, Any]]) -> Oracle:
    """A framework in float64: its rounding is measured on the tape, with the derivatives of sigmoid and tanh taken from their outputs as it takes them."""

    def oracle(loss: Expr, wrt: list[Expr], values: Mapping[str, Any], noise: Sequence[int] = NOISE) -> tuple[dict[str, Any], dict[str, Any]]:
        found = gradient(loss, wrt, values)
        return found, tape_oracle(loss, wrt, values, noise, from_output=True)[1]

    return oracle


def _torch(loss: Expr, wrt: list[Expr], values: Mapping[str, Any]) -> dict[str, Any]:
    from symdl.prove.framework import torch_gradient

    return torch_gradient(loss, wrt, values)


def _jax(loss: Expr, wrt: list[Expr], values: Mapping[str, Any]) -> dict[str, Any]:
    from symdl.prove.in_jax import jax_gradient

    return jax_gradient(loss, wrt, values)


def _complex(loss: Expr, wrt: list[Expr], values: Mapping[str, Any], noise: Sequence[int] = NOISE) -> tuple[dict[str, Any], dict[str, Any]]:
    from symdl.prove.complex_step import BLIND, complex_gradient

    found = complex_gradient(loss, wrt, values)
    return found, {name: spread + BLIND for name, spread in tape_oracle(loss, wrt, values, noise)[1].items()}


def _differences(loss: Expr, wrt: list[Expr], values: Mapping[str, Any], noise: Sequence[int] = NOISE) -> tuple[dict[str, Any], dict[str, Any]]:
    from symdl.prove.differences import difference_gradient

    return difference_gradient(loss, wrt, values)


class Source(NamedTuple):
    """An oracle: how it is called in reports, the package that it needs, and whether its saturated slopes are exactly 0."""

    how: str
    find: Oracle
    needs: str | None = None
    flushes: bool = False


#: All oracles by the name that ``symdl verify --oracles`` knows them by, and those that are always asked.
ORACLES: dict[str, Source] = {
    "tape": Source("NumPy tape", tape_oracle),
    "torch": Source("PyTorch", _framework(_torch), "torch", True),
    "jax": Source("JAX", _framework(_jax), "jax", True),
    "complex": Source("complex step", _complex),
    "differences": Source("differences, 300 digits", _differences),
}
DEFAULT = ("tape", "torch")


def chosen(names: Sequence[str] | str) -> tuple[str, ...]:
    """Names of oracles; "all" is all of them.

    Raises
    ------
    NameError_
        For a name that is none.
    """
    listed = [names] if isinstance(names, str) else list(names)
    listed = [part.strip() for name in listed for part in name.split(",") if part.strip()]
    for name in listed:
        if name not in ORACLES and name != "all":
            raise NameError_(f"no oracle is called {name!r:.60}; there are: {', '.join(ORACLES)}, or all")
    return tuple(ORACLES) if "all" in listed else tuple(dict.fromkeys(listed)) or DEFAULT


def compare(
    loss: Expr,
    gradients: Mapping[str, Expr],
    wrt: Mapping[str, Expr],
    points: int = POINTS,
    oracles: Sequence[str] | str = DEFAULT,
    structure: Any = None,
) -> list[Check]:
    """One line a gradient and oracle, at ``points`` inputs.

    ``structure``: as for ``sd.grad``; by matrices declared symmetric or diagonal the gradients are over the independent entries.

    A gradient fails that is wrong at one point, has no value where loss and derivative have one, has not the shape loss.shape + wrt.shape, or
    could be judged at no point.
    """
    names = chosen(oracles)
    at = sample(loss, gradients, wrt, points)
    said = [{name: formula_value(gradient, [loss, wrt[name]], s.values) for name, gradient in gradients.items()} for s in at]
    kinds = {str(e.node.name): structure_of(e.node, structure) for e in wrt.values()}
    checks: list[Check] = []
    for source in (ORACLES[name] for name in names):
        if source.needs is not None and not _installed(source.needs):
            checks.append(Check(f"gradient by {', '.join(gradients)}", source.how, "skipped", note="not installed"))
        else:
            checks += _against(source, loss, gradients, wrt, at, said, points, kinds)
    return checks


def _installed(package: str) -> bool:
    try:
        importlib.import_module(package)
    except ImportError:
        return False
    return True


def sample(loss: Expr, gradients: Mapping[str, Expr], wrt: Mapping[str, Expr], points: int = POINTS) -> list[Sample]:
    """Inputs at which loss and gradients are finite."""
    exprs = [loss, *gradients.values(), *wrt.values()]
    nodes = topological([e.node for e in exprs])
    whole = list(wrt.values())

    def defined(values: Mapping[str, Any]) -> bool:
        try:
            value, grads = tape_gradient(loss, whole, values)
        except (SymdlError, np.linalg.LinAlgError, OverflowError):
            return False
        return bool(np.all(np.isfinite(value)) and all(np.all(np.isfinite(g)) for g in grads.values()))

    return samples(nodes, dims_of(exprs), points, defined)


def _over(
    source: Source, kinds: Mapping[str, str | None], loss: Expr, wrt: list[Expr], values: Mapping[str, Any], noise: Sequence[int]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """The oracle's answer over the independent entries of structured matrices."""
    base, spread = source.find(loss, wrt, values, noise)
    at = loss.ndim
    return {n: restricted(g, kinds.get(n), at) for n, g in base.items()}, {n: spread_restricted(s, kinds.get(n), at) for n, s in spread.items()}


@dataclass
class _Tally:
    """What the points said of one gradient."""

    judged: int = 0
    zeros: int = 0
    tiny: int = 0
    worst: float = 0.0
    where: str = ""
    reason: str = ""

    def count(self, error: float, kind: str) -> None:
        """A NaN is the worst there is, and stays."""
        self.judged += 1
        if not np.isnan(self.worst) and not error <= self.worst:
            self.worst, self.where = error, kind


def _against(
    source: Source,
    loss: Expr,
    gradients: Mapping[str, Expr],
    wrt: Mapping[str, Expr],
    at: list[Sample],
    said: list[dict[str, Any]],
    points: int,
    kinds: Mapping[str, str | None],
) -> list[Check]:
    tallies = {name: _Tally() for name in gradients}
    end = time.monotonic() + SECONDS
    for sampled, formulas in zip(at, said, strict=True):
        if time.monotonic() > end:
            break
        try:
            expected, spread = _over(source, kinds, loss, [wrt[name] for name in gradients], sampled.values, NOISE)
        except np.linalg.LinAlgError:  # a disturbed matrix is singular: nothing can be said here
            continue
        except SymdlError as reason:  # a kink, or what the oracle cannot do
            for tally in tallies.values():
                tally.reason = tally.reason or str(reason)
            continue
        for name, gradient in gradients.items():
            key = str(wrt[name].node.name)
            (got, noise), right, room = formulas[name], expected[key], spread[key]
            if not (np.all(np.isfinite(noise)) and np.all(np.isfinite(right)) and np.all(np.isfinite(room))):
                continue  # the point tells nothing of this gradient
            largest = max(np.max(np.abs(got), initial=0.0), np.max(np.abs(right), initial=0.0))
            tallies[name].zeros += int(largest == 0)
            if 0 < largest < UNDERFLOW:
                tallies[name].tiny += 1  # nothing here has digits that could be compared
                continue
            if source.flushes:
                room = np.where((right == 0) & (np.abs(got) <= FLUSHED), FLUSHED, room)
            error = difference(got, noise, right, room)
            if not error <= TOLERANCE:
                error = _second_look(source, kinds, loss, gradient, wrt[name], sampled.values)
            tallies[name].count(error, sampled.kind)
    return [_line(name, source.how, tallies[name], points, _misfit(loss, wrt[name], gradient)) for name, gradient in gradients.items()]


def _second_look(source: Source, kinds: Mapping[str, str | None], loss: Expr, gradient: Expr, wrt: Expr, values: Mapping[str, Any]) -> float:
    """The difference with more bits for the formula and more disturbances for the oracle, before it is called wrong."""
    expected, spread = _over(source, kinds, loss, [wrt], values, MORE_NOISE)
    got, noise = formula_value(gradient, [loss, wrt], values, MORE_NOISE)
    key = str(wrt.node.name)
    right = expected[key]
    room = np.where((right == 0) & (np.abs(got) <= FLUSHED), FLUSHED, spread[key]) if source.flushes else spread[key]
    return difference(got, noise, right, room)


def _misfit(loss: Expr, wrt: Expr, gradient: Expr) -> str:
    """Shapes are compared by themselves: as arrays, one number would broadcast to any tensor."""
    wanted = loss.shape + wrt.shape
    if gradient.shape == wanted and not gradient.open.keys() - loss.open.keys() - wrt.open.keys():
        return ""
    letters = f" and the open letters {', '.join(sorted(map(str, gradient.open)))}" if gradient.open else ""
    return f"has the shape {show_shape(gradient.shape)}{letters}, not {show_shape(wanted)}"


def _line(name: str, how: str, tally: _Tally, points: int, misfit: str) -> Check:
    what = f"gradient by {name}"
    if misfit:
        return Check(what, how, "FAILED", tally.judged, float("nan"), misfit)
    if not tally.judged and tally.reason:
        return Check(what, how, "skipped", note=tally.reason)
    if tally.judged == tally.zeros and tally.tiny:
        return Check(what, how, "skipped", note=f"nowhere larger than {UNDERFLOW:g}: floats cannot tell")
    if not tally.judged:
        return Check(what, how, "FAILED", note="no input was found at which loss and gradients are finite")
    if not tally.worst <= TOLERANCE:
        says = "has no finite value" if np.isnan(tally.worst) else "differs"
        return Check(what, how, "FAILED", tally.judged, tally.worst, f"{says} at {tally.where} inputs")
    few = f"no more than {tally.judged} inputs were found at which all is finite" if tally.judged < min(points, ENOUGH) else ""
    return Check(what, how, "ok", tally.judged, tally.worst, few)


def difference(got: Any, noise: Any, expected: Any, spread: Any) -> float:
    """The largest difference of any entry, relative to the entry, beyond what rounding can do; NaN when a value is not finite."""
    if not np.all(np.isfinite(got)):
        return float("nan")
    room = MARGIN * (spread + noise) + UNDERFLOW
    gap, size = np.abs(got - expected), np.maximum(np.abs(expected), np.abs(got)) + UNDERFLOW
    well = room <= TOLERANCE * size
    # Well-conditioned entries report their plain relative difference, the others what rounding does not explain.
    return float(np.max(np.where(well, gap, np.maximum(gap - room, 0.0)) / size, initial=0.0))
