"""Checkpoints: npz files without pickle, written so that an interrupted write leaves the one before."""

from __future__ import annotations

import contextlib
import json
import os
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
    """Write a checkpoint. ``layout`` says what the file belongs to: formula, method, names, shapes, batches.

    Raises
    ------
    DataError
        When it cannot be written; the file that was there before stays as it is.
    """
    memory = {f"memory_{name}": array for name, array in state.memory.items()}
    beside = path.with_name(path.name + ".part")
    try:
        if path.exists() and not path.is_file():  # a device would be replaced by a file
            raise DataError(f"train: the checkpoint {path} cannot be written: it is there and is not a file")
        with open(beside, "wb") as file:
            np.savez(
                file,
                epoch=np.array(state.epoch),
                step=np.array(state.step),
                total=np.array(state.total),
                flat=state.flat,
                history=np.array(state.history, dtype=float),
                rng=np.array(json.dumps(state.rng)),
                layout=np.array(layout),
                **memory,  # type: ignore[arg-type]
            )
        os.replace(beside, path)
    except OSError as error:
        with contextlib.suppress(OSError):  # half a file is of no use, and a full disk can do without it
            beside.unlink()
        raise DataError(f"train: the checkpoint {path} cannot be written: {error.strerror or error}") from None


def load(path: Path, like: State, layout: str) -> State | None:
    """The state in a file, None when there is no file; ``like`` says which shapes and what memory are expected.

    Raises
    ------
    DataError
        When the file cannot be read, or belongs to another training.
    """
    try:
        if not path.exists():
            return None
        with open(path, "rb") as stream, np.load(stream, allow_pickle=False) as file:
            if str(file["layout"]) != layout:
                raise DataError(f"train: the checkpoint {path} is of another training ({file['layout']!s}); this one is {layout}")
            return _checked(
                State(
                    epoch=int(file["epoch"]),
                    step=int(file["step"]),
                    total=float(file["total"]),
                    flat=_shaped(file["flat"], like.flat),
                    memory={name: _shaped(file[f"memory_{name}"], array) for name, array in like.memory.items()},
                    history=[float(v) for v in file["history"]],
                    rng=_generator_state(json.loads(str(file["rng"]))),
                )
            )
    except DataError:
        raise
    except Exception:  # zlib, zipfile, NumPy and JSON each have their own words for a damaged file
        raise DataError(f"train: {path} is not a checkpoint that can be read; give another file, or leave out resume to begin anew") from None


def _checked(state: State) -> State:
    """The same, if its parts fit together."""
    finite = all(np.isfinite(a).all() for a in (state.flat, np.array([state.total, *state.history]), *state.memory.values()))
    if not finite or state.epoch != len(state.history) or state.step < 0:
        raise ValueError(state.epoch)
    return state


def _shaped(found: np.ndarray, like: np.ndarray) -> np.ndarray:
    if found.shape != like.shape or found.dtype != like.dtype:
        raise ValueError(found.shape)
    return np.asarray(found)


def _generator_state(state: dict[str, Any]) -> dict[str, Any]:
    """The same, if NumPy takes it."""
    np.random.default_rng(0).bit_generator.state = state
    return state
