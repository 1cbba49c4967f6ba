"""C for a program in blocks of samples: a loop whose body is the program of one block, written by a builder of its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from symdl.lower.native.cutting import Blocks
from symdl.lower.native.frame import Memory
from symdl.lower.native.loops import Nest, nest
from symdl.lower.native.places import Place, dense
from symdl.lower.native.prepare import sample_axes
from symdl.lower.native.rounds import RoundFrame
from symdl.lower.program import Instruction, Program, Ref

if TYPE_CHECKING:
    from symdl.lower.native.program import Builder

#: Makes the builder of a block from its program, frame, and axes of samples.
Make = Callable[[Program, "BlockFrame", Mapping[int, int]], "Builder"]


class OwnMemory(Memory):
    """Buffers and scalars of one thread's own, in ``room_`` and ``c``; pointers are the program's."""

    def __init__(self, outer: Memory) -> None:
        super().__init__()
        self._outer = outer

    def pointer(self, key: Any) -> str:
        return self._outer.pointer(key)

    def buffer(self, doubles: int) -> str:
        return super().buffer(doubles).replace("(w + ", "(room_ + ")


@dataclass
class BlockFrame(RoundFrame):
    """One block: data from a pointer on, what all blocks share, and sums that products add to at once."""

    cut: frozenset[int]
    sums: dict[int, Place]  # products whose results are added up where they are computed

    def __post_init__(self) -> None:
        self.copy_cost = {n: 0.0 for n in self.places if n not in self.cut}

    def shared(self, number: int) -> bool:
        return number not in self.cut

    def update(self, number: int) -> tuple[Place, str] | None:
        return (self.sums[number], "-1.0") if number in self.sums else None


@dataclass(frozen=True)
class InBlocks:
    """What ``blocks`` gives: the lines that threads share, and those that add up what each has; what was done, and in every block; the cost."""

    lines: list[str]
    together: list[str]
    what: str
    within: tuple[str, ...]
    cost: float
    helpers: dict[str, str]


def blocks(outer: Builder, step: Instruction, target: Place, lanes: bool, threads: int, make: Make) -> InBlocks:
    """The instruction ``blocks``.

    Parameters
    ----------
    outer : Builder
    step : Instruction
    target : Place
        The vector of all results.
    lanes : bool
        Whether samples lie side by side.
    threads : int
        How many take blocks.
    make : callable
    """
    attr: Blocks = step.attr
    memory = OwnMemory(outer.memory)
    written = [_Block(outer, step, attr, program, memory, lanes, make) for program in (attr.program, attr.rest) if program is not None]
    own = memory.size + attr.starts[-1]
    base = outer.memory.buffer(own * threads)
    mine = target.pointer() if threads == 1 else f"room_ + {memory.size}"
    low, high = ("0", f"{attr.count}") if threads == 1 else (f"FROM({attr.count})", f"TO({attr.count})")
    lines = [f"double *const room_ = {base}{f' + me*{own}' if threads > 1 else ''}, *const sums_ = {mine};"]
    lines += [f"for (long i = 0; i < {attr.starts[-1]}; i += 8) store(sums_ + i, dup(0.0));", "const double *const outer_c = c;", "{"]
    lines += [f"double c[{max(b.inner.memory.scalars for b in written)}];", *written[0].scalars]
    lines += [line for b in written for line in b.inner.frame.before]  # type: ignore[attr-defined]
    lines += [f"for (long block_ = {low}; block_ < {high}; block_++) {{", *written[0].lines("block_"), "}"]
    if attr.rest is not None:
        lines += ["if (LAST) {" if threads > 1 else "{", *written[1].lines(str(attr.count)), "}"]
    total = " + ".join(f"load({base} + {k * own + memory.size} + i)" for k in range(threads))
    together = [] if threads == 1 else [f"for (long i = 0; i < {attr.starts[-1]}; i += 8) store({target.pointer()} + i, {total});"]
    within = tuple(p.what for p in written[0].inner.parts)
    helpers = {k: v for b in written for k, v in b.inner.helpers.items()}
    return InBlocks(["{", *lines, "}", "}"], together, f"{attr.count} blocks of {attr.rows} samples", within, attr.count * written[0].inner.cost, helpers)


class _Block:
    """The program of a block, written."""

    def __init__(self, outer: Builder, step: Instruction, attr: Blocks, program: Program, memory: OwnMemory, lanes: bool, make: Make) -> None:
        self._attr, self._program = attr, program
        self._pointers: list[tuple[str, Place]] = []
        self.scalars: list[str] = []
        places: dict[int, Place] = {}
        for k, (arg, cut) in enumerate(zip(step.args, attr.cut, strict=True)):
            assert isinstance(arg, Ref)
            if not outer.code[arg].shape:
                self.scalars.append(f"c[{k}] = outer_c[{outer.first + int(arg)}];")
                continue
            places[k] = place = outer.place(arg)
            if cut:
                self._pointers.append((f"data{k}_", place))
                places[k] = Place(f"data{k}_", 0, (program.inputs[k][1][0], *place.shape[1:]), place.strides)
        self._results = {
            k: Place("sums_", start, out.shape, dense(out.shape, range(len(out.shape))))
            for k, (start, out) in enumerate(zip(attr.starts, program.outputs, strict=False))
        }
        frame = BlockFrame(memory, places, frozenset(k for k, cut in enumerate(attr.cut) if cut), self._at_once())
        memory.scalars = max(memory.scalars, len(program.code))
        axes = sample_axes(program, {program.inputs[k][0]: 0 for k in frame.cut}) if lanes else {}
        self.inner = make(program, frame, axes)
        self.inner.run()

    def _at_once(self) -> dict[int, Place]:
        """Products that nobody else reads add to the sums themselves."""
        values = [int(o.value) for o in self._program.outputs]
        read = {int(a) for step in self._program.code for a in step.args if isinstance(a, Ref)}
        dots = {v: k for k, v in enumerate(values) if self._program.code[v].op == "dot" and values.count(v) == 1 and v not in read}
        return {v: self._results[k] for v, k in dots.items() if self._program.code[v].shape}

    def lines(self, number: str) -> list[str]:
        """The block of this number: where its data begin, its steps, its results added."""
        lines = [f"double *const {name} = {p.pointer()} + {number} * {self._attr.rows * p.strides[0]}L;" for name, p in self._pointers]
        lines += self.inner.lines
        for k, out in enumerate(self._program.outputs):
            assert isinstance(out.value, Ref)
            sum_ = self._results[k]
            if not out.shape:
                lines.append(f"*({sum_.pointer()}) += {self.inner.scalar(out.value)};")
            elif self.inner.frame.update(int(out.value)) is None:
                reads = {"a": self.inner.place(int(out.value)), "b": sum_}
                lines += nest(Nest(out.shape, tuple(range(len(out.shape))), reads, ["V z = a + b;"], {"z": replace(sum_)}, []))
        return lines


__all__ = ["BlockFrame", "InBlocks", "blocks"]
