"""Initial values of parameters. Numbers only."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from symdl.errors import DataError, NameError_, ShapeError

SCHEMES = ("xavier", "he", "normal", "zeros")


def initial(shapes: Mapping[str, tuple[Any, ...]], seed: int = 0, scheme: str = "xavier", dims: Mapping[str, int] | None = None) -> dict[str, np.ndarray]:
    """Random weights, zero biases.

    Parameters
    ----------
    shapes : mapping
        Name -> shape. Tensors with two axes or more are weights (fan-in first, fan-out last); the others are biases and get zeros.
    seed : int
    scheme : {"xavier", "he", "normal", "zeros"}
        xavier: uniform in +-sqrt(6/(fan_in + fan_out)) (Glorot and Bengio 2010); he: normal of variance 2/fan_in (He et al. 2015);
        normal: standard normal (Wakui), biases too.
    dims : mapping, optional
        Name -> value of the symbolic sizes in the shapes.

    Raises
    ------
    NameError_, ShapeError, DataError
        For an unknown scheme, a size that has no value, a seed that is no whole number from 0.
    """
    if scheme not in SCHEMES:
        raise NameError_(f"initial: {scheme!r:.40} is not a scheme; known are {', '.join(SCHEMES)}")
    if not isinstance(seed, (int, np.integer)) or seed < 0:
        raise DataError(f"initial: the seed {seed!r:.40} must be a whole number from 0")
    rng = np.random.default_rng(int(seed))
    return {name: _draw(rng, _numeric(name, shape, dims or {}), scheme) for name, shape in shapes.items()}


def _numeric(name: str, shape: tuple[Any, ...], dims: Mapping[str, int]) -> tuple[int, ...]:
    out = []
    for size in shape:
        value = dims.get(str(size), size)
        if not isinstance(value, (int, np.integer)):
            raise ShapeError(f"initial: the size {size} of {name} has no value; give it in dims")
        out.append(int(value))
    return tuple(out)


def _draw(rng: np.random.Generator, shape: tuple[int, ...], scheme: str) -> np.ndarray:
    if scheme == "normal":
        return rng.standard_normal(shape)
    if len(shape) < 2 or scheme == "zeros":
        return np.zeros(shape)
    fan_in, fan_out = math.prod(shape[:-1]), shape[-1]
    if scheme == "he":
        return rng.normal(0.0, math.sqrt(2.0 / fan_in), shape)
    bound = math.sqrt(6.0 / (fan_in + fan_out))
    return rng.uniform(-bound, bound, shape)
