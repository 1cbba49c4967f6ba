"""The training loop: one program for forward and backward, minibatches, updates in place. No SymPy at run time."""

from __future__ import annotations

import math
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from symdl.errors import DataError, DomainError, NameError_, missing_extra
from symdl.lower.compiled import Compiled
from symdl.lower.values import as_array
from symdl.train import checkpoint as checkpoints
from symdl.train.batches import Batches, Order, sample_axis
from symdl.train.engines import Diverged, Vector, engine_for
from symdl.train.methods import method_named


@dataclass
class TrainResult:
    """What training gave.

    Attributes
    ----------
    params : dict
        Name -> array (float for a scalar).
    history : list of float
        One an epoch: the mean of the losses of its batches, each taken before the step that it led to.
    seconds : float
        Wall time, compilation included.
    backend : str
        What took the steps; after "numpy, for" the reason why no native loop did although one would have paid.
    """

    params: dict[str, Any]
    history: list[float]
    seconds: float
    backend: str = "numpy"

    def __str__(self) -> str:
        shapes = ", ".join(f"{name} {np.shape(value)}" for name, value in self.params.items())
        first, last = self.history[0], self.history[-1]
        return f"{len(self.history)} epochs in {self.seconds:.2f} s; loss {first:.6g} -> {last:.6g}; parameters {shapes}"

    __repr__ = __str__


def fit_loop(
    loss: Any,
    gradients: Mapping[str, Any],
    params: Mapping[str, Any],
    data: Mapping[str, Any],
    lr: float,
    epochs: int,
    batch: int | None = None,
    method: str = "gd",
    backend: str = "auto",
    seed: int = 0,
    progress: bool | None = None,
    order: Order = None,
    checkpoint: str | Path | None = None,
    resume: bool = False,
    callback: Callable[[int, float, dict[str, Any]], Any] | None = None,
    **settings: float,
) -> TrainResult:
    """Fit parameters by gradient descent and its relatives.

    Parameters
    ----------
    loss : Expr
        A scalar.
    gradients : mapping
        Name of a parameter -> the gradient of the loss by it.
    params : mapping
        Name -> initial value. Not modified.
    data : mapping
        Name -> array, for all other tensors of the loss. Not modified.
    lr : float
        The learning rate, above 0.
    epochs : int
        How often all samples are seen.
    batch : int, optional
        Samples a step; without it every step sees all. The last batch of an epoch may be smaller. A loss that is a mean over n
        is a mean over the batch.
    method : {"gd", "momentum", "adam"}
    backend : str
        "auto" compiles the whole loop (see ``symdl.lower.native``) where a compiler is there and the work is worth it, else NumPy takes the steps.
    seed : int
        Of the order of the samples.
    progress : bool, optional
        Whether to show a bar (needs tqdm); unless told, when stderr is a terminal and tqdm is there.
    order : {"shuffled", "given"} or callable, optional
        The order of the samples: shuffled anew in every epoch, as they stand, or what a function of the epoch's number (from 0) gives.
    checkpoint : path, optional
        An npz file that is written after every epoch.
    resume : bool
        Go on from the checkpoint, if the file is there. The result is bit for bit that of a run without interruption.
    callback : callable, optional
        callback(epoch, loss, params) after every epoch, epochs from 1; training stops when it gives True.
    **settings
        mu for momentum; beta1, beta2, eps for adam.

    Raises
    ------
    DataError, NameError_, DomainError
        For settings out of range, data missing, empty, not finite or of the wrong shape, unknown names, and divergence.
    """
    started = time.perf_counter()
    _check_settings(lr, epochs, batch, seed)
    compiled = Compiled(
        [loss, *gradients.values()], "numpy" if backend in ("auto", "native") else backend, labels=["the loss", *(f"the gradient by {n}" for n in gradients)]
    )
    arrays, start = _values(compiled, gradients, params, data)
    vector = Vector(start)
    shapes = compiled.shapes
    cut = sample_axis(shapes, set(params), arrays) if batch is not None or order is not None else []
    rng = np.random.default_rng(seed)
    batches = Batches(arrays, cut, batch, order, rng)
    update = method_named(method, vector.x.size, lr, **settings)
    state = checkpoints.State(0, vector.x, update.memory, [], rng)
    path = Path(checkpoint) if checkpoint is not None else None
    layout = f"{method}: " + ", ".join(f"{n} {np.shape(v)}" for n, v in start.items())
    if resume:
        if path is None:
            raise DataError("train: resume needs the checkpoint to go on from: give checkpoint=FILE")
        if path.exists():
            checkpoints.load(path, state, layout)
    engine = engine_for(backend, compiled, vector, batches, update, arrays, epochs, path is not None)
    one_by_one = path is not None or callback is not None
    bar = _bar(progress, state.epoch, epochs)
    with np.errstate(all="ignore"):
        while state.epoch < epochs:
            try:
                means = engine.run(state.epoch, 1 if one_by_one else epochs - state.epoch)
            except Diverged as stopped:
                raise _diverged(state.epoch + len(stopped.args[0]), lr) from None
            if not np.isfinite(vector.x).all():
                raise _diverged(state.epoch + len(means) - 1, lr)
            state.epoch += len(means)
            state.history += means
            if path is not None:
                checkpoints.save(path, state, layout)
            if bar is not None:
                bar.set_postfix(loss=f"{state.history[-1]:.6g}")
                bar.update(len(means))
            if callback is not None and callback(state.epoch, state.history[-1], vector.values()) is True:
                break
    if bar is not None:
        bar.close()
    return TrainResult(vector.values(), state.history, time.perf_counter() - started, engine.name)


def _check_settings(lr: Any, epochs: Any, batch: Any, seed: Any) -> None:
    if not isinstance(lr, (int, float, np.number)) or isinstance(lr, bool) or not math.isfinite(lr) or lr <= 0:
        raise DataError(f"train: the learning rate lr is {lr!r:.40}; it must be a finite number above 0")
    for name, value, least in (("epochs", epochs, 1), ("batch", batch, 1), ("seed", seed, 0)):
        if name == "batch" and value is None:
            continue
        if not isinstance(value, (int, np.integer)) or isinstance(value, bool) or value < least:
            raise DataError(f"train: {name} is {value!r:.40}; it must be a whole number from {least}")


def _values(compiled: Compiled, gradients: Mapping[str, Any], params: Mapping[str, Any], data: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Data and initial parameters as arrays, checked against the loss."""
    if not params:
        raise DataError("train: params is empty: give each parameter's name and its initial value")
    for kind, given in (("params", params), ("data", data)):
        for name in given:
            if name not in compiled.shapes:
                raise NameError_(f"train: {name} of {kind} does not occur in the loss; it mentions {', '.join(compiled.names)}")
    twice = [name for name in params if name in data]
    if twice:
        raise NameError_(f"train: {twice[0]} is in params and in data")
    missing = [name for name in compiled.names if name not in params and name not in data]
    if missing:
        raise DataError(f"train: no value given for {', '.join(missing)}: put each in params or in data")
    if set(gradients) != set(params):
        raise NameError_(f"train: gradients are given for {', '.join(gradients)}, and params for {', '.join(params)}")
    arrays = {name: as_array(name, value) for name, value in data.items()}
    start = {name: as_array(name, params[name]) for name in gradients}
    compiled.check({name: np.shape(value) for name, value in (arrays | start).items()})
    return arrays, start


def _diverged(epoch: int, lr: float) -> DomainError:
    return DomainError(f"train: the loss is not finite in epoch {epoch + 1}: training diverged; use a learning rate below {lr:g}, or scale the data")


def _bar(progress: bool | None, done: int, epochs: int) -> Any:
    """A progress bar, or None."""
    if progress is False or (progress is None and not sys.stderr.isatty()):
        return None
    try:
        from tqdm import tqdm
    except ImportError:
        if progress is None:
            return None
        raise missing_extra("tqdm", "progress", "a progress bar") from None
    return tqdm(total=epochs, initial=done, desc="training", unit="epoch")
