"""The training loop: one program for forward and backward, minibatches, updates in place. No SymPy at run time."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from symdl.errors import DataError, NameError_
from symdl.lower.compiled import Compiled
from symdl.lower.fingerprint import fingerprint
from symdl.lower.hoist import planned
from symdl.lower.listing import duration
from symdl.lower.values import as_array
from symdl.train import checkpoint as checkpoints
from symdl.train.bar import Bar
from symdl.train.batches import Batches, sample_axis
from symdl.train.course import Course
from symdl.train.divergence import Watch
from symdl.train.engines import EPOCHS_OF_CHECKPOINTS, ProgramEngine, Vector, engine_for
from symdl.train.methods import method_class, method_named
from symdl.train.run import Run
from symdl.train.settings import Order, by_name, checked


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
    plan : Plan
        What was taken out of the loop by algebra, and the count of operations that decided it; of a compiled loop every instruction, what was fused,
        and what it costs: ``print(result.plan)``.
    """

    params: dict[str, Any]
    history: list[float]
    seconds: float
    backend: str = "numpy"
    plan: Any = None

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
    dtype: Any = None,
    hoist: str | bool = "auto",
    **settings: float,
) -> TrainResult:
    """Fit parameters by gradient descent and its relatives, with gradients that are given: what ``sd.train`` does when it has derived them.

    Parameters
    ----------
    loss : Expr
        A scalar.
    gradients : mapping
        Name of a parameter -> the gradient of the loss by it.
    params, data, lr, epochs, batch, method, backend, seed, progress, order, checkpoint, resume, callback, dtype, hoist
        As in :func:`symdl.pipeline.train`.
    **settings
        mu for momentum; beta1, beta2, eps for adam.

    Returns
    -------
    TrainResult

    Raises
    ------
    DataError, NameError_, DomainError
        For settings out of range, data missing, empty, not finite or of the wrong shape, and unknown names.
    DivergenceError
        When a loss is not finite, or has been growing beyond doubt: it names step and quantity, and has the last good parameters.
    """
    started = time.perf_counter()
    asked = checked(lr, epochs, batch, seed, checkpoint, resume, progress, hoist, order, callback)
    lr, epochs, batch, path = asked.lr, asked.epochs, asked.batch, asked.path
    params, data = by_name("params", params), by_name("data", data)
    single = "numpy" if backend in ("auto", "native") else backend
    exprs, labels = [loss, *gradients.values()], ["the loss", *(f"the gradient by {n}" for n in gradients)]
    compiled = Compiled(exprs, single, labels=labels, dtype=dtype)
    arrays, start = _values(compiled, gradients, params, data)
    given = arrays
    steps = epochs if path is None else EPOCHS_OF_CHECKPOINTS
    cut = sample_axis(compiled.shapes, set(params), arrays) if batch is not None or order is not None else []
    rows = {name: min(batch or len(arrays[name]), len(arrays[name])) for name in cut}
    turns = method_class(method).turns and path is None and callback is None
    per_epoch = max((-(-len(arrays[name]) // count) for name, count in rows.items()), default=1)
    plan, instead = planned(exprs, start, arrays, steps * per_epoch, asked.hoist, rows if cut else None, turns)
    if instead is not None:
        compiled = Compiled(instead.exprs, single, labels=labels, dtype=dtype)
        arrays = {name: as_array(name, value, compiled.dtype) for name, value in instead.arrays.items()}
        start = start if instead.fewer is None else {name: as_array(name, value, compiled.dtype) for name, value in instead.fewer.start.items()}
    vector = Vector(start, compiled.dtype, None if instead is None else instead.fewer)
    rng = np.random.default_rng(asked.seed)
    batches = Batches(arrays, cut, batch, order, rng)
    update = method_named(method, vector.x.size, lr, compiled.dtype, **settings)
    program = ProgramEngine(compiled, vector, batches, update, single)
    engine = engine_for(backend, program, compiled, vector, batches, update, arrays, epochs, path is not None)
    plan.loop = engine.plan()
    course = Course(engine, batches, update, vector, rng)
    keep = None
    if path is not None:
        layout = _layout(loss, method, compiled.dtype, start, batches)
        found = checkpoints.load(path, course.state(), layout) if asked.resume else None
        if found is not None:
            course.back(found)
        keep = functools.partial(checkpoints.save, path, layout=layout)
    name = functools.partial(_offender, loss, given, vector, batches, compiled.dtype)
    with Bar(asked.progress, batches, course, epochs) as bar, np.errstate(all="ignore"):
        Run(course, Watch(course, vector, program.look, lr, name), epochs, keep, callback, vector.values).to_the_end(bar)
    plan.measured = f"measured: {duration(course.seconds / course.taken)} a step, {course.taken:,} steps" if course.taken else ""
    return TrainResult(vector.values(), course.history, time.perf_counter() - started, engine.name, plan)


def _offender(loss: Any, data: Mapping[str, Any], vector: Vector, batches: Batches, dtype: str, order: np.ndarray | None, step: int) -> str | None:
    """What of the formula as it was given is not finite, on the samples of a step, at the present parameters."""
    from symdl.lower.offender import offender

    rows = {} if order is None else {name: data[name][batches.chosen(order, step)] for name in batches.cut}
    return offender(loss, {**data, **rows, **vector.values()}, dtype)


def _layout(loss: Any, method: str, dtype: str, start: Mapping[str, Any], batches: Batches) -> str:
    """What a checkpoint belongs to, to be read in messages: nobody goes on with the state of another formula, or in the middle of other batches."""
    shapes = ", ".join(f"{name} {np.shape(value)}" for name, value in start.items())
    samples = "all samples a step" if batches.whole else f"{batches.size} of {batches.count} samples a step"
    return f"{method}{'' if dtype == 'float64' else ' in ' + dtype}: {shapes}; {samples}; formula {fingerprint(loss.node)}"


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
    arrays = {name: as_array(name, value, compiled.dtype) for name, value in data.items()}
    start = {name: as_array(name, params[name], compiled.dtype) for name in gradients}
    compiled.check({name: np.shape(value) for name, value in (arrays | start).items()})
    return arrays, start
