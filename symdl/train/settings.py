"""What a training is asked for, looked at before anything is derived or compiled: every setting is what it should be, or one line says which is not."""

from __future__ import annotations

import math
import numbers
import os
import reprlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from symdl.errors import DataError, NameError_

#: An order of the samples: a word of ORDERS, or a function of the epoch's number (from 0) that gives sample numbers.
Order = str | Callable[[int], Any] | None
ORDERS = ("shuffled", "given")


@dataclass(frozen=True)
class Settings:
    """The checked settings of a training; see :func:`symdl.train.loop.fit_loop`."""

    lr: float
    epochs: int
    batch: int | None
    seed: int
    path: Path | None
    resume: bool
    progress: bool | None
    hoist: str | bool


def checked(lr: Any, epochs: Any, batch: Any, seed: Any, checkpoint: Any, resume: Any, progress: Any, hoist: Any, order: Any, callback: Any) -> Settings:
    """The settings, as the loop takes them.

    Raises
    ------
    DataError, NameError_
        Naming the first one that is out of range or of the wrong kind.
    """
    path = _path(checkpoint)
    going_on = _flag("resume", resume)
    if going_on and path is None:
        raise DataError("train: resume needs the checkpoint to go on from: give checkpoint=FILE")
    if callback is not None and not callable(callback):
        raise DataError(f"train: the callback is {_shown(callback)}; it must be a function of epoch, loss and parameters")
    _check_order(order)
    return Settings(
        lr=_rate(lr),
        epochs=_whole("epochs", epochs, 1),
        batch=None if batch is None else _whole("batch", batch, 1),
        seed=_whole("seed", seed, 0),
        path=path,
        resume=going_on,
        progress=None if progress is None else _flag("progress", progress),
        hoist=hoist if isinstance(hoist, str) and hoist == "auto" else _flag("hoist", hoist, '"auto", '),
    )


def by_name(kind: str, given: Any) -> dict[str, Any]:
    """Values by the names of their tensors, which may be given as the tensors themselves.

    Raises
    ------
    DataError, NameError_
        For what is no mapping, and for a tensor that is given twice, or has no name.
    """
    if not isinstance(given, Mapping):
        raise DataError(f"train: {kind} is {_shown(given)}; it must be a dict of values by name, such as {{'w': 0.5}}")
    found: dict[str, Any] = {}
    for key, value in given.items():
        name = key if isinstance(key, str) else getattr(key, "name", None)  # tensors and SymPy's symbols have one
        if not isinstance(name, str):
            raise NameError_(f"train: {_shown(key)} of {kind} is not the name of a tensor")
        if name in found:
            raise NameError_(f"train: {name} stands twice in {kind}")
        found[name] = value
    return found


def _rate(lr: Any) -> float:
    number = isinstance(lr, (numbers.Real, np.number)) and not isinstance(lr, bool)  # SymPy's numbers are Real
    try:
        value = float(lr) if number or (isinstance(lr, np.ndarray) and lr.shape == () and lr.dtype.kind in "iuf") else math.nan
    except (TypeError, ValueError, OverflowError):
        value = math.nan
    if not math.isfinite(value) or value <= 0:
        raise DataError(f"train: the learning rate lr is {_shown(lr)}; it must be a finite number above 0")
    return value


def _whole(name: str, value: Any, least: int) -> int:
    if not isinstance(value, (int, np.integer)) or isinstance(value, bool) or value < least:
        raise DataError(f"train: {name} is {_shown(value)}; it must be a whole number from {least}")
    return int(value)


def _flag(name: str, value: Any, also: str = "") -> bool:
    if not isinstance(value, (bool, np.bool_)):
        raise DataError(f"train: {name} is {_shown(value)}; it must be {also}True or False")
    return bool(value)


def _path(checkpoint: Any) -> Path | None:
    if checkpoint is None:
        return None
    if not isinstance(checkpoint, (str, os.PathLike)) or "\0" in str(checkpoint) or not Path(checkpoint).name:
        raise DataError(f"train: the checkpoint is {_shown(checkpoint)}; it must be the name of a file")
    return Path(checkpoint)


def _check_order(order: Any) -> None:
    if order is None or (callable(order) and not isinstance(order, type)):
        return
    if not isinstance(order, str) or order not in ORDERS:
        raise NameError_(f"train: {_shown(order)} is not an order; there are {', '.join(ORDERS)}, or a function of the epoch that gives sample numbers")


def _shown(value: Any) -> str:
    return f"{reprlib.repr(value)[:60]}"
