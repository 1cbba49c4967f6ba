"""Exact numbers and names by the numbers that stand for them in a table of scalars (``symdl.graph.tape``)."""

from __future__ import annotations

from collections.abc import Iterable
from fractions import Fraction
from typing import Any

import numpy as np


class Numbers(dict[Any, int]):
    """Things that are numbered as they come: exact coefficients, names of functions."""

    def of(self, value: Any) -> int:
        return self.setdefault(value, len(self))

    def listed(self) -> list[Any]:
        """The things, by number."""
        return list(self)

    def all_of(self, values: list[Any]) -> np.ndarray:
        """The numbers of many."""
        if not values:
            return np.zeros(0, np.int32)
        # Most that are equal are one object, so only few are left to compare.
        objects = list(map(id, values))
        if objects.count(objects[0]) == len(objects):
            return np.full(len(values), self.of(values[0]), np.int32)
        things = dict(zip(objects, values, strict=True))
        number = dict(zip(things, self._numbered(things.values()), strict=True))
        return np.fromiter(map(number.__getitem__, objects), np.int32, len(values))

    def _numbered(self, values: Iterable[Any]) -> list[int]:
        """The numbers of values. Fractions are slow to hash and to compare, pairs of whole numbers are not."""
        seen: dict[Any, int] = {}
        found = []
        for value in values:
            kind = type(value)
            if kind is int:
                found.append(self.setdefault(value, len(self)))
                continue
            key = value.as_integer_ratio() if kind is Fraction else (kind, value)
            place = seen.get(key)
            if place is None:
                place = seen[key] = self.of(value)
            found.append(place)
        return found
