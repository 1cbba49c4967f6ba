"""What a native program is surrounded by: where its inputs stand, where its results go, and which memory it works in."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from symdl.lower.native.places import Place, dense


@dataclass
class Memory:
    """Pointers that the caller hands over (``e`` in C), the offsets of buffers in one block (``w``), and how many scalars there are (``c``)."""

    pointers: list[Any] = field(default_factory=list)
    size: int = 0
    scalars: int = 0
    fault: int | None = None  # the scalar that says that something went wrong, see ``matrices.FAULTS``; 0 when all is well

    def numbers(self, count: int) -> int:
        """Places for so many scalars: the first."""
        self.scalars += count
        return self.scalars - count

    def faults(self) -> str:
        """The C expression of the fault."""
        if self.fault is None:
            self.fault = self.numbers(1)
        return f"c[{self.fault}]"

    def pointer(self, key: Any) -> str:
        """The C expression for something outside; equal keys are the same."""
        for k, known in enumerate(self.pointers):
            if type(known) is type(key) and known == key:
                return f"e[{k}]"
        self.pointers.append(key)
        return f"e[{len(self.pointers) - 1}]"

    def buffer(self, doubles: int) -> str:
        """A new buffer in the block, beginning at a cache line."""
        start = self.size
        self.size += -(-doubles // 8) * 8 + 8
        return f"(w + {start})"


class Frame(Protocol):
    """What differs between a function and a training loop."""

    memory: Memory
    #: What copying an element of an input into another order costs, in vector operations, by input number.
    copy_cost: dict[int, float]

    def input(self, number: int) -> Place:
        """Where an input stands."""

    def laid(self, number: int, order: tuple[int, ...]) -> Place | None:
        """A copy of an input in another order, if the frame makes them."""

    def result(self, number: int) -> Place | None:
        """Where a value is wanted, if it is a result."""

    def update(self, number: int) -> tuple[Place, str] | None:
        """For a gradient by which parameters are moved at once: where they stand and the C expression of the step's length."""


@dataclass
class FunctionFrame:
    """A function: inputs row by row from the caller, results where the caller wants them."""

    shapes: Sequence[tuple[int, ...]]
    results: dict[int, tuple[int, tuple[int, ...]]]  # value -> number of the result, its shape
    memory: Memory = field(default_factory=Memory)
    copy_cost: dict[int, float] = field(default_factory=dict)

    def input(self, number: int) -> Place:
        shape = self.shapes[number]
        return Place(self.memory.pointer(("input", number)), 0, shape, dense(shape, range(len(shape))))

    def laid(self, number: int, order: tuple[int, ...]) -> Place | None:
        return None

    def result(self, number: int) -> Place | None:
        if number not in self.results:
            return None
        k, shape = self.results[number]
        return Place(self.memory.pointer(("output", k)), 0, shape, dense(shape, range(len(shape))))

    def update(self, number: int) -> tuple[Place, str] | None:
        return None
