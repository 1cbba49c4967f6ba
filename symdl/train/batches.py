"""Minibatches: which tensors are cut along the samples, and in which order the samples come."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from symdl.errors import DataError
from symdl.train.settings import Order


def sample_axis(shapes: Mapping[str, tuple[Any, ...]], params: set[str], data: Mapping[str, Any]) -> list[str]:
    """The data tensors whose first axis counts samples: those that share the symbolic first size that no parameter has.

    Parameters
    ----------
    shapes : mapping
        Name -> symbolic shape, of all tensors of the loss.
    params : set of str
    data : mapping
        Name -> array.

    Raises
    ------
    DataError
        When there is no such size, or several, or a tensor has it on another axis too.
    """
    taken = {s for name in params for s in shapes[name]}
    firsts = {shapes[name][0]: name for name in data if shapes[name]}
    found = [s for s in firsts if not isinstance(s, int) and s not in taken]
    if not found:
        raise DataError("train: there is no sample axis to cut batches from: give the data tensors one symbolic first size, or leave out batch")
    if len(found) > 1:
        sides = ", ".join(f"{s} of {firsts[s]}" for s in found)
        raise DataError(f"train: which size counts the samples, {sides}? Let all data tensors share their first size, or leave out batch")
    (size,) = found
    for name in data:
        if size in shapes[name][1:] and shapes[name][0] != size:
            axes = ", ".join(str(k) for k in _to_second(shapes[name].index(size), len(shapes[name])))
            raise DataError(f"train: {name} has its samples on axis {shapes[name].index(size)}, and batches are cut along the first: "
                            f"give it with the samples first, and write {name}.transpose({axes}) in the loss")  # fmt: skip
        if size in shapes[name][1:] or any(s != size and not isinstance(s, int) and size in s.free_symbols for s in shapes[name]):
            raise DataError(f"train: {name} has the sample size {size} on more than its first axis, so it cannot be cut into batches; leave out batch")
    return [name for name in data if shapes[name] and shapes[name][0] == size]


def _to_second(axis: int, rank: int) -> list[int]:
    """The order of axes that takes the first one to this place."""
    order = list(range(1, rank))
    return [*order[:axis], 0, *order[axis:]]


class Batches:
    """Cuts data tensors into batches, in buffers that are used again.

    The last batch of an epoch is smaller when the batch size does not divide the number of samples: every sample is seen
    once in every epoch.
    """

    def __init__(self, data: Mapping[str, Any], cut: list[str], batch: int | None, order: Order, rng: np.random.Generator) -> None:
        self._data = dict(data)
        self.cut = cut
        self.count = len(data[cut[0]]) if cut else 1
        self.size = self.count if batch is None else min(batch, self.count)
        self.whole = batch is None and order is None
        self._kind = order or "shuffled"
        self._rng = rng
        self._buffers: dict[int, dict[str, Any]] = {}

    @property
    def per_epoch(self) -> int:
        return -(-self.count // self.size)

    def buffers(self, size: int) -> dict[str, Any]:
        """The arrays in which batches of this size stand."""
        if size not in self._buffers:
            made = {name: np.empty((size, *self._data[name].shape[1:]), self._data[name].dtype) for name in self.cut}
            self._buffers[size] = self._data if self.whole else self._data | made
        return self._buffers[size]

    def chosen(self, order: np.ndarray, number: int) -> np.ndarray:
        """The sample numbers of a step."""
        return order[number * self.size : (number + 1) * self.size]

    def fill_step(self, order: np.ndarray, number: int) -> int:
        """Put the samples of a step into the buffers; how many they are."""
        chosen = self.chosen(order, number)
        self.fill(chosen)
        return len(chosen)

    def fill(self, chosen: np.ndarray) -> None:
        """Put these samples into the buffers."""
        into = self.buffers(len(chosen))
        for name in self.cut:
            # The numbers are known to be in range; with mode="raise" NumPy would copy once more.
            self._data[name].take(chosen, 0, into[name], "clip")

    def order(self, epoch: int) -> np.ndarray:
        """Sample numbers of an epoch; to be asked for once an epoch, in turn: shuffling goes on."""
        if self._kind == "shuffled":
            return self._rng.permutation(self.count)
        if self._kind == "given":
            return np.arange(self.count)
        samples = np.asarray(self._kind(epoch))  # type: ignore[operator]
        if samples.ndim != 1 or samples.size == 0 or samples.dtype.kind not in "iu" or samples.min() < 0 or samples.max() >= self.count:
            raise DataError(f"train: the order of epoch {epoch} must be a list of sample numbers from 0 to {self.count - 1}")
        return samples
