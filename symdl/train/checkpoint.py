"""Checkpoints: npz files without pickle, written so that an interrupted write leaves the one before."""

from __future__ import annotations

import json
import os
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from symdl.errors import DataError


@dataclass
class State:
    """Where a training stands: what is needed to go on as if nothing had happened."""

    epoch: int  # epochs that are done
    step: int  # steps of the present epoch that are done
    total: float  # the sum of their losses
    flat: np.ndarray  # all parameters in one vector, as the loop holds them
    memory: dict[str, np.ndarray]  # of the update rule
    history: list[float]
    rng: dict[str, Any]  # the random generator, as it was when the present epoch began


def save(path: Path, state: State, layout: str) -> None:
    """Write a checkpoint. ``layout`` says what the file belongs to: method, names, shapes."""
    memory = {f"memory_{name}": array for name, array in state.memory.items()}
    beside = path.with_name(path.name + ".part")
    try:
        with open(beside, "wb") as file:
            np.savez(
                file,
                epoch=np.array(state.epoch),
                step=np.array(state.step),
                total=np.array(state.total),
                flat=state.flat,
                history=np.array(state.history),
                rng=np.array(json.dumps(state.rng)),
                layout=np.array(layout),
                **memory,  # type: ignore[arg-type]
            )
        os.replace(beside, path)
    except OSError as error:
        raise DataError(f"train: the checkpoint {path} cannot be written: {error.strerror}") from None


def load(path: Path, like: State, layout: str) -> State:
    """The state in a file; ``like`` says which shapes and what memory are expected.

    Raises
    ------
    DataError
        When the file cannot be read, or belongs to another training.
    """
    try:
        with np.load(path, allow_pickle=False) as file:
            if str(file["layout"]) != layout:
                raise DataError(f"train: the checkpoint {path} is of another training ({file['layout']!s}); this one is {layout}")
            return State(
                epoch=int(file["epoch"]),
                step=int(file["step"]),
                total=float(file["total"]),
                flat=_shaped(file["flat"], like.flat),
                memory={name: _shaped(file[f"memory_{name}"], array) for name, array in like.memory.items()},
                history=[float(v) for v in file["history"]],
                rng=_generator_state(json.loads(str(file["rng"]))),
            )
    except (OSError, KeyError, ValueError, TypeError, zipfile.BadZipFile):
        raise DataError(f"train: {path} is not a checkpoint that can be read") from None


def _shaped(found: np.ndarray, like: np.ndarray) -> np.ndarray:
    if found.shape != like.shape:
        raise ValueError(found.shape)
    return np.asarray(found, dtype=like.dtype)


def _generator_state(state: dict[str, Any]) -> dict[str, Any]:
    """The same, if NumPy takes it."""
    np.random.default_rng(0).bit_generator.state = state
    return state
