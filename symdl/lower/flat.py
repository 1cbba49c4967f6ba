"""Several arrays in one vector: copied, checked and updated in one operation."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

#: Every array starts at a multiple of this many numbers: a cache line.
_ALIGN = 8


class Layout:
    """Where arrays of given shapes stand in a vector."""

    def __init__(self, shapes: Sequence[tuple[int, ...]]) -> None:
        self.places: list[tuple[slice, tuple[int, ...]]] = []
        self.size = 0
        for shape in shapes:
            end = self.size + math.prod(shape)
            self.places.append((slice(self.size, end), shape))
            self.size = -(-end // _ALIGN) * _ALIGN

    def zeros(self, dtype: str = "float64") -> np.ndarray:
        """A vector; what lies between the arrays stays 0."""
        return np.zeros(self.size, dtype)

    def views(self, vector: np.ndarray) -> list[np.ndarray]:
        """The arrays in the vector."""
        return [vector[place].reshape(shape) for place, shape in self.places]
