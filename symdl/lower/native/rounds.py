"""The surroundings of a program that is gone through again and again, a block or a step at a time."""

from __future__ import annotations

from dataclasses import dataclass, field

from symdl.lower.native.frame import Memory
from symdl.lower.native.loops import copied
from symdl.lower.native.places import Place, dense, extent


@dataclass
class RoundFrame:
    """One round: where its inputs stand, and copies of what all rounds share. See ``symdl.lower.native.frame.Frame``."""

    memory: Memory
    places: dict[int, Place]
    copy_cost: dict[int, float] = field(default_factory=dict, kw_only=True)
    before: list[str] = field(default_factory=list, kw_only=True)
    _laid: dict[tuple[int, tuple[int, ...]], Place] = field(default_factory=dict, kw_only=True)

    def input(self, number: int) -> Place:
        return self.places[number]

    def shared(self, number: int) -> bool:
        """Whether an input is the same in all rounds."""
        raise NotImplementedError

    def laid(self, number: int, order: tuple[int, ...]) -> Place | None:
        """Copies of what all rounds share are made once, before the first."""
        if not self.shared(number):
            return None
        own = self.places[number]
        if (number, order) not in self._laid:
            strides = dense(own.shape, order, pad=True)
            place = Place(self.memory.buffer(extent(own.shape, strides)), 0, own.shape, strides)
            self.before += copied(own, order, place)
            self._laid[number, order] = place
        return self._laid[number, order]

    def result(self, number: int) -> Place | None:
        return None

    def update(self, number: int) -> tuple[Place, str] | None:
        return None


__all__ = ["RoundFrame"]
