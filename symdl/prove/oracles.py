"""Gradients against numeric backpropagation: the tape, and PyTorch where it is installed.

An entry agrees when it differs by at most 1e-12 of its own size, beyond what rounding alone can do to it. The latter is measured, not
guessed: the same computation is repeated with its last bits disturbed (``Tape(noise=...)``), and how far the results then differ is
the condition of that entry at that point. At well-conditioned points that is 1e-15 of the entry and gives no room to an error of 1e-9. Where the
formula itself is ill-conditioned in floats (a(1 - a) at z = 40), it is evaluated with more bits. Frameworks take sigma' from the output, as a(1 - a);
the disturbance of PyTorch's computation is measured with the same form.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np

from symdl.errors import SymdlError
from symdl.expr.tensor import Expr
from symdl.graph import node as kinds
from symdl.graph.walk import topological
from symdl.prove.evaluate import Evaluator
from symdl.prove.functions import Functions
from symdl.prove.intervals import Blurred, Intervals
from symdl.prove.numeric import bind_sizes, evaluate, tape_gradient
from symdl.prove.problem import dims_of
from symdl.prove.samples import Sample, samples
from symdl.prove.stop import Clock, Stop
from symdl.prove.tape import Tape
from symdl.prove.value import Value
from symdl.steps.verdict import Check

POINTS = 24
TOLERANCE = 1e-12
#: Repetitions with disturbed last bits.
NOISE = (1, 2, 3)
#: Where these do not explain a difference: near 1 a rounding is all or nothing, and three may all miss it.
MORE_NOISE = tuple(range(4, 20))
#: Margin over the disturbance seen; three repetitions see most of it, not all.
MARGIN = 32.0
#: Below this float64 runs out of digits: products of tiny numbers are 0 or have lost accuracy.
UNDERFLOW = 1e-290
#: Bits for formulas that floats cannot evaluate well.
BITS = (200, 1400, 2600)

Oracle = Callable[[Expr, list[Expr], Mapping[str, Any], tuple[int, ...]], tuple[dict[str, Any], dict[str, Any]]]


def tape_oracle(
    loss: Expr, wrt: list[Expr], values: Mapping[str, Any], noise: tuple[int, ...] = NOISE, from_output: bool = False
) -> tuple[dict[str, Any], dict[str, Any]]:
    """Gradients by the tape, and what rounding can do to each entry."""
    _, base = tape_gradient(loss, wrt, values, Tape(from_output=from_output))
    runs = [tape_gradient(loss, wrt, values, Tape(seed, from_output))[1] for seed in noise]
    return base, {name: _spread(base[name], [run[name] for run in runs]) for name in base}


def torch_oracle(loss: Expr, wrt: list[Expr], values: Mapping[str, Any], noise: tuple[int, ...] = NOISE) -> tuple[dict[str, Any], dict[str, Any]]:
    """Gradients by PyTorch's autograd in float64."""
    from symdl.prove.framework import torch_gradient

    found = torch_gradient(loss, wrt, values)
    plain, spread = tape_oracle(loss, wrt, values, noise, from_output=True)
    del plain
    return found, spread


def _spread(base: Any, runs: list[Any]) -> Any:
    with np.errstate(all="ignore"):
        return np.max([np.abs(run - base) for run in runs], axis=0)


def compare(loss: Expr, gradients: Mapping[str, Expr], wrt: Mapping[str, Expr], points: int = POINTS, frameworks: bool = True) -> list[Check]:
    """One line a gradient and oracle, at ``points`` inputs; without ``frameworks``, the tape only."""
    at = sample(loss, gradients, wrt, points)
    said = [{name: formula_value(loss, gradient, s.values) for name, gradient in gradients.items()} for s in at]
    checks = _against("NumPy tape", tape_oracle, loss, gradients, wrt, at, said)
    if not frameworks:
        return checks
    try:
        import torch  # noqa: F401
    except ImportError:
        return [*checks, Check(f"gradient by {', '.join(gradients)}", "PyTorch", "skipped", note="not installed")]
    return checks + _against("PyTorch", torch_oracle, loss, gradients, wrt, at, said)


def sample(loss: Expr, gradients: Mapping[str, Expr], wrt: Mapping[str, Expr], points: int = POINTS) -> list[Sample]:
    """Inputs at which loss and gradients are finite."""
    exprs = [loss, *gradients.values()]
    nodes = topological([e.node for e in exprs])
    whole = list(wrt.values())

    def defined(values: Mapping[str, Any]) -> bool:
        try:
            value, grads = tape_gradient(loss, whole, values)
        except (SymdlError, np.linalg.LinAlgError, OverflowError):
            return False
        return bool(np.all(np.isfinite(value)) and all(np.all(np.isfinite(g)) for g in grads.values()))

    return samples(nodes, dims_of(exprs), points, defined)


def _against(
    how: str, oracle: Oracle, loss: Expr, gradients: Mapping[str, Expr], wrt: Mapping[str, Expr], at: list[Sample], said: list[dict[str, Any]]
) -> list[Check]:
    names = list(gradients)
    worst = dict.fromkeys(names, 0.0)
    where: dict[str, str] = {}
    if not at:
        return [Check(f"gradient by {name}", how, "FAILED", note="no input was found at which loss and gradients are finite") for name in names]
    for sampled, formulas in zip(at, said, strict=True):
        try:
            expected, spread = oracle(loss, [wrt[name] for name in names], sampled.values, NOISE)
        except SymdlError as reason:
            return [Check(f"gradient by {name}", how, "skipped", note=str(reason)) for name in names]
        for name in names:
            key = str(wrt[name].node.name)
            got, noise = formulas[name]
            error = difference(got, noise, expected[key], spread[key])
            if not error <= TOLERANCE:
                error = _second_look(oracle, loss, gradients[name], wrt[name], sampled.values)
            if not error <= worst[name]:
                worst[name], where[name] = error, sampled.kind
    return [_line(name, how, len(at), worst[name], where.get(name, "")) for name in names]


def _second_look(oracle: Oracle, loss: Expr, gradient: Expr, wrt: Expr, values: Mapping[str, Any]) -> float:
    """The difference with more bits for the formula and more disturbances for the oracle, before it is called wrong."""
    expected, spread = oracle(loss, [wrt], values, MORE_NOISE)
    got, noise = formula_value(loss, gradient, values, MORE_NOISE)
    key = str(wrt.node.name)
    return difference(got, noise, expected[key], spread[key])


def _line(name: str, how: str, points: int, error: float, where: str) -> Check:
    good = error <= TOLERANCE
    return Check(f"gradient by {name}", how, "ok" if good else "FAILED", points, error, "" if good else f"at {where} inputs")


def formula_value(loss: Expr, gradient: Expr, values: Mapping[str, Any], seeds: tuple[int, ...] = NOISE) -> tuple[Any, Any]:
    """The value of a gradient's formula, and what rounding can do to it; with more bits where that is much."""
    got = evaluate(gradient, values, beside=loss)
    noise = _spread(got, [evaluate(gradient, values, Tape(seed), loss) for seed in seeds])
    if not np.all(np.isfinite(got)) or np.any(MARGIN * noise > TOLERANCE * np.abs(got)):
        precise = evaluate_precisely(gradient, values)
        if precise is not None:
            return precise, np.zeros_like(precise)
    return got, noise


def difference(got: Any, noise: Any, expected: Any, spread: Any) -> float:
    """The largest difference of any entry, relative to the entry, beyond what rounding can do; NaN when a value is not finite."""
    if not np.all(np.isfinite(got)):
        return float("nan")
    room = MARGIN * (spread + noise) + UNDERFLOW
    gap, size = np.abs(got - expected), np.maximum(np.abs(expected), np.abs(got)) + UNDERFLOW
    well = room <= TOLERANCE * size
    # Well-conditioned entries report their plain relative difference, the others what rounding does not explain.
    return float(np.max(np.where(well, gap, np.maximum(gap - room, 0.0)) / size, initial=0.0))


def evaluate_precisely(expr: Expr, values: Mapping[str, Any], seconds: float = 5.0) -> Any:
    """The value with as many bits as it takes, rounded to float64; None where that is not possible (a kink, too large)."""
    clock = Clock(seconds)
    for bits in BITS:
        try:
            found = _enclosures(expr, values, Intervals(bits), clock)
        except Blurred:
            continue
        except Stop:
            return None
        low, high = (np.vectorize(lambda x, end=end: float(mpmath.mpf(getattr(x, end))), otypes=[float])(found) for end in ("a", "b"))
        if np.all(high - low <= 1e-15 * np.abs(low) + UNDERFLOW):
            return low
    return None


def _enclosures(expr: Expr, values: Mapping[str, Any], ring: Intervals, clock: Clock) -> Any:
    nodes = topological([expr.node])
    inputs = {n.attr.name: Value(ring.array(_fractions(values[n.attr.name]))) for n in nodes if n.op == kinds.INPUT}
    walk = Evaluator(Functions(ring), inputs, bind_sizes(nodes, values), clock)
    letters = sorted(expr.open, key=str)
    found = walk.expr(expr, letters)
    shape = [walk.size(expr.open[s]) for s in letters] + [walk.size(s) for s in expr.shape]
    return np.broadcast_to(found.val[..., 0], shape)


def _fractions(value: Any) -> Any:
    array = np.asarray(value, dtype=float)
    out = np.empty(array.shape, dtype=object)
    for at in np.ndindex(*array.shape):
        out[at] = Fraction(float(array[at]))
    return out
