"""The lowering: what a program computes is what the prover's tape computes, wherever both are finite; with native code for some of the inputs."""

from __future__ import annotations

from typing import Any

import numpy as np

import symdl as sd
from fuzz import graphs
from fuzz.draws import Draws
from fuzz.targets.refusals import said_well
from symdl.errors import MissingExtraError, SymdlError
from symdl.prove.numeric import evaluate

#: One of so many is compiled: the compiler takes a tenth of a second.
NATIVE = 32
CLOSE = 1e-7


def one(data: bytes) -> None:
    draws = Draws(data)
    backend = "native" if draws.below(NATIVE) == NATIVE - 1 else "numpy"
    expr = graphs.expression(draws)
    if expr.open:
        expr = graphs.closed(expr)
    exprs = [expr]
    if draws.below(2) and not expr.shape and expr.inputs:
        try:
            exprs += list(sd.derive(expr, [graphs.INPUTS[k] for k in expr.inputs]).gradients.values())
        except SymdlError as error:
            said_well(error)
    for each in exprs:
        for seed in range(2):
            _compare(each, seed, backend)


def _compare(expr: Any, seed: int, backend: str) -> None:
    given = graphs.given(expr, seed)
    told = list(given)
    try:
        # Sizes that only the shape of the answer tells are told too.
        sizes = {str(s) for size in expr.shape if hasattr(size, "free_symbols") for s in size.free_symbols}
        known = {str(s) for name in expr.inputs for s in graphs.INPUTS[name].shape}
        extra = {s: graphs.SIZES[s] for s in sizes - known - set(told) if s in graphs.SIZES}
        values = {**given, **extra}
        got = np.asarray(sd.lambdify(list(values), expr, backend=backend)(*values.values()))
    except MissingExtraError:
        return
    except SymdlError as error:
        said_well(error)
        return
    try:
        expected = evaluate(expr, graphs.with_sizes(expr, seed))
    except (SymdlError, ArithmeticError, np.linalg.LinAlgError):
        return
    if not (np.all(np.isfinite(got)) and np.all(np.isfinite(expected))) or np.max(np.abs(expected), initial=0) > 1e9:
        return
    assert got.shape == expected.shape, (str(expr), got.shape, expected.shape)
    if np.max(np.abs(got - expected), initial=0) > CLOSE * (1 + np.max(np.abs(expected), initial=0)):
        _with_digits(expr, seed, got)


def _with_digits(expr: Any, seed: int, got: Any) -> None:
    """The tape is not exact either: 300 digits decide, with inputs a few units in the last place beside these (a formula may have no digits left)."""
    import mpmath

    from symdl.prove.differences import DIGITS, Differences

    found = []
    with mpmath.workdps(DIGITS):
        for off in (0.0, 1e-15, -1e-15):
            values = {k: v * (1 + off) if not isinstance(v, int) else v for k, v in graphs.with_sizes(expr, seed).items()}
            try:
                near = Differences([expr], values)
                found.append(near.field.plain(near.value(expr)))
            except (SymdlError, ArithmeticError, np.linalg.LinAlgError, TypeError, OverflowError):
                return
    right, *around = found
    if not all(np.all(np.isfinite(f)) for f in found):
        return
    room = 1e3 * np.max([np.max(np.abs(f - right), initial=0) for f in around]) + 1e-8 * (1 + np.max(np.abs(right), initial=0))
    assert np.max(np.abs(got - right), initial=0) <= room, (str(expr), seed, got, right)
