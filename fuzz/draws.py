"""Choices made of bytes: the fuzzer changes bytes, and every string of them means something."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


class Draws:
    """Reads bytes one after the other; behind the last they are 0."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def left(self) -> int:
        return len(self._data) - self._at

    def byte(self) -> int:
        self._at += 1
        return self._data[self._at - 1] if self._at <= len(self._data) else 0

    def below(self, count: int) -> int:
        """0, ..., count - 1."""
        return self.byte() % count

    def one_of(self, choices: Sequence[Any]) -> Any:
        return choices[self.below(len(choices))]

    def rest(self) -> bytes:
        found, self._at = self._data[self._at :], len(self._data)
        return found

    def text(self) -> str:
        """What is left as text; whatever is no UTF-8 becomes a character all the same."""
        return self.rest().decode("utf-8", errors="surrogateescape")
