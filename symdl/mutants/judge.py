"""What the prover says of a mutant, and a second look at it by numbers that the prover has no part in.

The second look: the derivative of the loss along a random direction, by central differences with 300 digits, against the mutant's value. A refutation must
show a difference at the witness itself; of what is called equal no difference may be found at random points.
"""

from __future__ import annotations

import random
import time
from collections.abc import Mapping
from typing import Any, NamedTuple

import mpmath
import numpy as np

from symdl.errors import SymdlError
from symdl.expr.tensor import Expr
from symdl.mutants.gradients import Gradient
from symdl.mutants.make import Mutant
from symdl.prove.claims import check
from symdl.prove.differences import DIGITS, Differences
from symdl.prove.numeric import evaluate
from symdl.prove.oracles import sample
from symdl.prove.problem import dims_of
from symdl.steps.verdict import PROVED, REFUTED, UNKNOWN, Verdict

#: Caught: REFUTED, and the witness shows it. Equal: proved, and no number says otherwise. Survived: proved although it differs. Unconfirmed: refuted, but
#: at the witness no difference was seen. Unknown: not decided. Undefined: not decided, and without a real value at any input tried (1/0 for some rows).
CAUGHT, EQUAL, SURVIVED, UNCONFIRMED, UNDECIDED, UNDEFINED = "caught", "equal", "survived", "unconfirmed", "unknown", "undefined"

#: Sides that differ by less, relatively, are called equal by the second look.
SAME = mpmath.mpf(10) ** -80


class Judged(NamedTuple):
    """A mutant, the verdict on it, what the second look made of that, and the seconds of the proof."""

    mutant: Mutant
    verdict: Verdict
    outcome: str
    seconds: float


def judge(gradient: Gradient, mutant: Mutant, seconds: float = 10.0) -> Judged:
    """Ask the prover, then look again."""
    start = time.perf_counter()
    try:
        verdict = check(gradient.loss, gradient.wrt, mutant.claim, time_budget=seconds)
    except SymdlError as error:
        verdict = Verdict(UNKNOWN, "reading", detail=str(error))
    took = time.perf_counter() - start
    return Judged(mutant, verdict, _outcome(gradient, mutant.claim, verdict), took)


def _outcome(gradient: Gradient, claim: Expr, verdict: Verdict) -> str:
    if verdict.verdict == REFUTED:
        point = None if verdict.witness is None else _sized(gradient, claim, verdict)
        return CAUGHT if point is not None and (differs(gradient, claim, point) or no_value(gradient, claim, point)) else UNCONFIRMED
    if verdict.verdict == PROVED:
        return SURVIVED if any(differs(gradient, claim, point) for point in points(gradient, claim)) else EQUAL
    return UNDECIDED if any(_finite(claim, gradient, p) for p in points(gradient, claim, 24)) else UNDEFINED


def _finite(claim: Expr, gradient: Gradient, values: Mapping[Any, Any]) -> bool:
    try:
        return bool(np.all(np.isfinite(evaluate(claim, values, beside=[gradient.loss, gradient.wrt]))))
    except (SymdlError, ArithmeticError, np.linalg.LinAlgError):
        return False


def points(gradient: Gradient, claim: Expr, count: int = 3) -> list[dict[str, Any]]:
    """A few inputs at which loss and derivative are finite, the first of them ordinary."""
    at = sample(gradient.loss, {"claim": claim}, {"claim": gradient.wrt}, count)
    return [dict(s.values) for s in at]


def differs(gradient: Gradient, claim: Expr, values: Mapping[Any, Any]) -> bool:
    """Whether the claim is not the derivative at a point, along a direction drawn at random; False too where there is no derivative."""
    loss, wrt = gradient.loss, gradient.wrt
    with mpmath.workdps(DIGITS):
        near = Differences([loss, wrt, claim], values)
        try:
            direction = near.field.array(_direction(near.base(wrt).shape))
            right = near.along(loss, wrt, direction)
            said = np.asarray(near.value(claim), dtype=object)
        except (SymdlError, ArithmeticError, np.linalg.LinAlgError):
            return False
        axes = tuple(range(said.ndim - direction.ndim, said.ndim))
        got = np.asarray(np.sum(said * direction, axis=axes), dtype=object)
        return bool(np.any(abs(got - right) > SAME * (abs(got) + abs(right)) + SAME * SAME))


def no_value(gradient: Gradient, claim: Expr, values: Mapping[Any, Any]) -> bool:
    """Whether the claim has no value (0/0) at a point where there is a derivative."""
    with mpmath.workdps(DIGITS):
        near = Differences([gradient.loss, gradient.wrt, claim], values)
        try:
            near.along(gradient.loss, gradient.wrt, near.field.array(_direction(near.base(gradient.wrt).shape)))
        except (SymdlError, ArithmeticError, np.linalg.LinAlgError):
            return False
        try:
            return any(mpmath.isnan(v) for v in np.asarray(near.value(claim), dtype=object).flat)
        except (SymdlError, ArithmeticError, np.linalg.LinAlgError):
            return False


def _direction(shape: tuple[int, ...]) -> Any:
    rng = random.Random(5)
    return np.array([rng.choice((-1, 1)) * rng.uniform(0.5, 1.5) for _ in range(int(np.prod(shape)))]).reshape(shape)


def _sized(gradient: Gradient, claim: Expr, verdict: Verdict) -> dict[Any, Any]:
    """The witness, with the sizes that no input tells."""
    values: dict[Any, Any] = {name: np.asarray(v) for name, v in (verdict.witness or {}).items()}
    known = {str(d): d for d in dims_of([gradient.loss, claim, gradient.wrt])}
    for part in verdict.detail.split("sizes ")[-1].split(", ") if "sizes " in verdict.detail else []:
        name, _, size = part.partition(" = ")
        if name in known and size.isdigit():
            values[known[name]] = int(size)
    return values
