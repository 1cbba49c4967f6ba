"""Checkpoints: npz files without pickle, written so that an interrupted write leaves the one before."""

from __future__ import annotations

import json
import os
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from symdl.errors import DataError


@dataclass
class State:
    """What is needed to go on as if nothing had happened."""

    epoch: int  # epochs that are done
    flat: np.ndarray  # all parameters in one vector, as the loop holds them
    memory: dict[str, np.ndarray]
    history: list[float]
    rng: np.random.Generator


def save(path: Path, state: State, layout: str) -> None:
    """Write a checkpoint. ``layout`` says what the file belongs to: method, names, shapes."""
    rng = json.dumps(state.rng.bit_generator.state)
    memory = {f"memory_{name}": array for name, array in state.memory.items()}
    beside = path.with_name(path.name + ".part")
    try:
        with open(beside, "wb") as file:
            np.savez(
                file,
                epoch=np.array(state.epoch),
                flat=state.flat,
                history=np.array(state.history),
                rng=np.array(rng),
                layout=np.array(layout),
                **memory,  # type: ignore[arg-type]
            )
        os.replace(beside, path)
    except OSError as error:
        raise DataError(f"train: the checkpoint {path} cannot be written: {error.strerror}") from None


def load(path: Path, state: State, layout: str) -> None:
    """Read a checkpoint into the state, in place."""
    try:
        with np.load(path, allow_pickle=False) as file:
            if str(file["layout"]) != layout:
                raise DataError(f"train: the checkpoint {path} is of another training ({file['layout']!s}); this one is {layout}")
            state.epoch = int(file["epoch"])
            state.flat[:] = file["flat"]
            for name, array in state.memory.items():
                array[:] = file[f"memory_{name}"]
            state.history[:] = [float(v) for v in file["history"]]
            state.rng.bit_generator.state = json.loads(str(file["rng"]))
    except (OSError, KeyError, ValueError, TypeError, zipfile.BadZipFile):
        raise DataError(f"train: {path} is not a checkpoint that can be read") from None
