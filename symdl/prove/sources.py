"""The numeric derivatives that there are, by name: what each is called in reports, what it needs, and how it answers.

An oracle is asked for derivatives at several points of one size, and gives for each what it found and what rounding can do to that, or a reason. Who can
carries all points at once (``lanes.py``).
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from symdl.errors import NameError_
from symdl.prove.lanes import Answer, Question, Told, each_apart

Oracle = Callable[[Question, Sequence[int]], list[Answer]]


def _by_tape(question: Question, seeds: Sequence[int]) -> list[Answer]:
    return question.tape(seeds)


def _framework(gradients: Callable[..., list[dict[str, Any]]]) -> Oracle:
    """A framework in float64: its rounding is measured on the tape, with the derivatives of sigmoid and tanh taken from their outputs as it takes them."""

    def oracle(question: Question, seeds: Sequence[int]) -> list[Answer]:
        found = each_apart(lambda points: gradients(question.loss, question.wrt, points), question.points)
        return [_told(f, t) for f, t in zip(found, question.tape(seeds, from_output=True), strict=True)]

    return oracle


def _told(found: dict[str, Any] | Exception, measured: Answer, more: float = 0.0) -> Answer:
    """What was found, and what rounding does to it by the tape."""
    if isinstance(found, Exception) or isinstance(measured, Exception):
        return found if isinstance(found, Exception) else measured
    return Told(found, {name: room + more for name, room in measured.room.items()})


def _torch(*asked: Any) -> list[dict[str, Any]]:
    from symdl.prove.framework import torch_gradients

    return torch_gradients(*asked)


def _jax(*asked: Any) -> list[dict[str, Any]]:
    from symdl.prove.in_jax import jax_gradients

    return jax_gradients(*asked)


def _complex(question: Question, seeds: Sequence[int]) -> list[Answer]:
    from symdl.prove.complex_step import BLIND, complex_gradient

    found = each_apart(lambda points: [complex_gradient(question.loss, question.wrt, p) for p in points], question.points)
    return [_told(f, t, BLIND) for f, t in zip(found, question.tape(seeds), strict=True)]


def _differences(question: Question, seeds: Sequence[int]) -> list[Answer]:
    from symdl.prove.differences import difference_gradient

    return each_apart(lambda points: [Told(*difference_gradient(question.loss, question.wrt, p)) for p in points], question.points)


class Source(NamedTuple):
    """An oracle: how it is called in reports, the package that it needs, if its saturated slopes are exactly 0, and if it takes all points at once."""

    how: str
    find: Oracle
    needs: str | None = None
    flushes: bool = False
    at_once: bool = False


#: All oracles by the name that ``symdl verify --oracles`` knows them by, and those that are always asked.
ORACLES: dict[str, Source] = {
    "tape": Source("NumPy tape", _by_tape, at_once=True),
    "torch": Source("PyTorch", _framework(_torch), "torch", True, True),
    "jax": Source("JAX", _framework(_jax), "jax", True, True),
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


def installed(package: str) -> bool:
    try:
        importlib.import_module(package)
    except ImportError:
        return False
    return True
