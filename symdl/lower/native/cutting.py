"""A program over many samples cut into blocks: what is computed for every sample goes block by block through the cache, forward and backward, and
only what is summed over samples is kept. A batch that is larger than the cache is so read once a step, and not once an instruction.

A sum over samples is a result of a block, to be added up; everything that needs such a sum comes after all blocks. Where samples are mixed otherwise
(see ``samples.py``) nothing is cut.
"""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass

from symdl.lower.native.prepare import is_elementwise
from symdl.lower.native.samples import Found, MixedError, follow
from symdl.lower.program import VIEWS, Instruction, Output, Program, Ref, without_dead_code

#: Numbers that a block is to have, so that they stay in a core's own cache with what they are multiplied by; from how many in all a program is cut;
#: and how many numbers all blocks may share (parameters, and sums over samples).
BLOCK, CUT_FROM, BESIDE = 65_536, 262_144, 16_384

#: Samples of a block are a multiple of the first (results begin at one, too) where they are at least the second; blocks are at least the third.
ROWS, LEAST, BLOCKS = 8, 32, 4

#: Large samples (images, and all that is made of them) may be a block by few or alone. What blocks share is gone through anew for each: a block has so many
#: times as many numbers, and at most so many.
OFTEN, LARGEST = 8, 8 * BLOCK


@dataclass(frozen=True)
class Blocks:
    """The instruction ``blocks``: a program for some samples, applied to all, its results added up in one vector.

    Attributes
    ----------
    program : Program
        Of ``rows`` samples; its results are to be added up.
    rest : Program or None
        The same of the samples that are left over.
    rows, count : int
        Samples of a block, whole blocks.
    cut : tuple of bool
        By argument: whether its first axis counts samples.
    starts : tuple of int
        Where in the vector the results begin, and its length.
    """

    program: Program
    rest: Program | None
    rows: int
    count: int
    cut: tuple[bool, ...]
    starts: tuple[int, ...]

    def __str__(self) -> str:
        return f"({self.count} blocks of {self.rows})"


def in_blocks(program: Program, samples: Iterable[str] | None = None) -> Program:
    """The program with its samples in blocks; as it was where that does not pay, or cannot be.

    Parameters
    ----------
    program : Program
        Prepared.
    samples : iterable of str, optional
        Inputs whose first axis counts samples; without them those of the longest first axis.
    """
    longest = max((shape[0] for _, shape in program.inputs if shape), default=0)
    names = frozenset(name for name, shape in program.inputs if shape and shape[0] == longest) if samples is None else frozenset(samples)
    sizes = {shape[0] for name, shape in program.inputs if name in names and shape}
    if len(sizes) != 1:
        return program
    try:
        found = follow(program, names)
    except MixedError:
        return program
    rows = _rows(program, found, sizes.pop())
    return program if rows is None else _cut(program, found, rows)


def _rows(program: Program, found: Found, samples: int) -> int | None:
    """Samples of a block; None when the program had better stay as it is: all of it is in the cache anyway, or the parameters alone fill it."""
    read = {int(a) for step in program.code if not is_elementwise(step) and step.op not in VIEWS for a in step.args if isinstance(a, Ref)}
    stored = [n for n in found.axis if program.code[n].op in ("input", "dot", "sum") or n in read]
    row = sum(math.prod(program.code[n].shape) for n in stored) // max(1, samples)
    beside = sum(math.prod(program.code[n].shape) for n in (*_beside(program, found), *found.sums))
    rows = BLOCK // max(1, row)
    if rows < LEAST:
        rows = max(1, rows, -(-OFTEN * beside // row))
        fits = rows * row <= LARGEST
    else:
        rows = rows // ROWS * ROWS
        fits = beside <= BESIDE
    return rows if fits and samples * row >= CUT_FROM and samples >= BLOCKS * rows else None


def _beside(program: Program, found: Found) -> list[int]:
    """Values that all blocks share. In a product that sums over samples there are none but ones, of which every block has its own."""
    inside = [n for n in (*found.axis, *found.sums) if program.code[n].op != "input" and not _counts(program, found, n)]
    return sorted({int(a) for n in inside for a in program.code[n].args if isinstance(a, Ref) and a not in found.axis})


def _counts(program: Program, found: Found, number: int) -> bool:
    return number in found.sums and program.code[number].op == "dot"


def _cut(program: Program, found: Found, rows: int) -> Program:
    data = [n for n in found.axis if program.code[n].op == "input"]
    samples = program.code[data[0]].shape[0]
    outside = [*data, *_beside(program, found)]
    starts = [0]
    for n in found.sums:
        starts.append(starts[-1] + -(-math.prod(program.code[n].shape) // ROWS) * ROWS)
    block = _block(program, found, outside, rows)
    rest = _block(program, found, outside, samples % rows) if samples % rows else None
    cut = tuple(n in found.axis for n in outside)
    return _around(program, found, outside, Blocks(block, rest, rows, samples // rows, cut, tuple(starts)))


def _block(program: Program, found: Found, outside: list[int], rows: int) -> Program:
    """The part of the program that is computed for some samples."""
    new: dict[int, Ref] = {}
    code: list[Instruction] = []

    def shape(n: int) -> tuple[int, ...]:
        own = program.code[n].shape
        along = found.axis.get(n)
        return own if along is None else tuple(rows * along.run if k == along.axis else size for k, size in enumerate(own))

    for n in outside:
        new[n] = Ref(len(code))
        code.append(Instruction("input", (), (f"a{len(code)}",), shape(n)))
    ones: dict[int, Ref] = {}
    for run in sorted({along.run for along in found.axis.values()}):
        ones[run] = Ref(len(code))
        code.append(Instruction("ones", (), None, (rows * run,)))
    for n in sorted([*found.axis, *found.sums]):
        if n in new:
            continue
        step = program.code[n]
        own = _counts(program, found, n)
        run = next((found.axis[a].run for a in step.args if isinstance(a, Ref) and a in found.axis), 1)
        args = tuple(a if not isinstance(a, Ref) else ones[run] if own and a not in found.axis else new[a] for a in step.args)
        new[n] = Ref(len(code))
        code.append(Instruction(step.op, args, step.attr, shape(n)))
    kept, renamed = without_dead_code(code, [new[n] for n in found.sums], len(outside))
    inputs = tuple((step.attr[0], step.shape) for step in kept[: len(outside)])
    return Program(inputs, tuple(kept), tuple(Output(renamed[new[n]], program.code[n].shape) for n in found.sums), program.dtype)


def _around(program: Program, found: Found, outside: list[int], blocks: Blocks) -> Program:
    """What comes before the blocks, the blocks, their results, what comes after them."""
    new: dict[int, Ref] = {}
    code: list[Instruction] = []

    def put(n: int, step: Instruction) -> None:
        new[n] = Ref(len(code))
        code.append(Instruction(step.op, tuple(new[a] if isinstance(a, Ref) else a for a in step.args), step.attr, step.shape))

    for n, step in enumerate(program.code):
        if step.op == "input" or (n not in found.axis and n not in found.late):
            put(n, step)
    vector = Ref(len(code))
    code.append(Instruction("blocks", tuple(new[n] for n in outside), blocks, (blocks.starts[-1],)))
    for n, start in zip(found.sums, blocks.starts, strict=False):
        new[n] = Ref(len(code))
        size = math.prod(program.code[n].shape)
        code.append(Instruction("stretch", (vector,), (start, start + size), program.code[n].shape))
    for n, step in enumerate(program.code):
        if n in found.late and n not in new:
            put(n, step)
    roots = [new[o.value] if isinstance(o.value, Ref) else o.value for o in program.outputs]
    kept, renamed = without_dead_code(code, roots, len(program.inputs))
    outputs = tuple(Output(renamed[r] if isinstance(r, Ref) else r, o.shape) for r, o in zip(roots, program.outputs, strict=True))
    return Program(program.inputs, tuple(kept), outputs, program.dtype)


__all__ = ["Blocks", "in_blocks"]
