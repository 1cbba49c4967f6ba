"""The differentiator: a gradient is what numeric backpropagation on the tape says, wherever both are finite and the point is no kink."""

from __future__ import annotations

import numpy as np

import symdl as sd
from fuzz import graphs
from fuzz.draws import Draws
from fuzz.targets.refusals import said_well
from symdl.errors import SymdlError
from symdl.prove.numeric import evaluate, tape_gradient

#: Of two calculations in floats of which neither is exact; a wrong derivative is out by far more at one of three points.
CLOSE = 1e-6


def one(data: bytes) -> None:
    draws = Draws(data)
    loss = graphs.scalar(draws)
    names = loss.inputs
    if not names:
        return
    wrt = [graphs.INPUTS[name] for name in names]
    try:
        derived = sd.derive(loss, wrt)
    except SymdlError as error:
        said_well(error)
        return
    for seed in range(3):
        _compare(loss, wrt, derived, seed)


def _compare(loss: object, wrt: list, derived: object, seed: int) -> None:
    values = graphs.with_sizes(loss, seed)
    try:
        _, expected = tape_gradient(loss, wrt, values)
    except (SymdlError, ArithmeticError, np.linalg.LinAlgError):
        return
    for tensor in wrt:
        name = tensor.name
        right = expected[name]
        if "symmetric" in tensor.node.attr.facts:
            right = right + right.T - right * np.eye(len(right))
        with np.errstate(all="ignore"):
            try:
                got = evaluate(derived[name], values, beside=[loss])
            except (SymdlError, ArithmeticError, np.linalg.LinAlgError):
                return
        if not (np.all(np.isfinite(got)) and np.all(np.isfinite(right))) or np.max(np.abs(right), initial=0) > 1e9:
            continue
        off = np.max(np.abs(got - right), initial=0)
        if off > CLOSE * (1 + np.max(np.abs(right), initial=0)):
            _look_closer(loss, tensor, derived[name], values, name)


def _look_closer(loss: object, tensor: object, gradient: object, values: dict, name: str) -> None:
    """Differences with 300 digits decide between the two; at a kink nothing does."""
    from symdl.prove.differences import difference_gradient

    try:
        found, _ = difference_gradient(loss, [tensor], values)
        precise = sd.prove(gradient, sd.grad(loss, tensor), time_budget=0.5)  # the same formula again: whether it can be evaluated at all
    except (SymdlError, ArithmeticError, np.linalg.LinAlgError, TypeError):
        return
    right = np.asarray(found[name], float)
    if "symmetric" in tensor.node.attr.facts:
        right = right + right.T - right * np.eye(len(right))
    got = _with_digits(gradient, loss, values)
    if got is None or not np.all(np.isfinite(right)):
        return
    assert np.allclose(got, right, rtol=1e-9, atol=1e-12 * (1 + np.max(np.abs(right), initial=0))), (str(loss), name, got, right, precise.verdict)


def _with_digits(expr: object, beside: object, values: dict) -> object:
    import mpmath

    from symdl.prove.differences import DIGITS, Differences

    with mpmath.workdps(DIGITS):
        try:
            near = Differences([expr, beside], values)
            return near.field.plain(near.value(expr))
        except (SymdlError, ArithmeticError, np.linalg.LinAlgError, TypeError):
            return None
