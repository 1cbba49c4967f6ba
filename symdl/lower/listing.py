"""A program as a table to be read: every instruction with shape, operations, memory, who shares its value, and what all of it costs."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from symdl.lower.buffers import homes, owners
from symdl.lower.program import VIEWS, Instruction, Operand, Program, Ref
from symdl.lower.scan import Scan

#: Lines are no wider than this.
WIDTH = 116

#: Nothing is computed by these.
_FREE = frozenset(["input", "ones", "table", *VIEWS])

#: What NumPy needs for a call before it begins to work, and for an operation: good to a factor of two or three.
CALL, OPERATION = 1e-6, 1 / 8e9


def step_operations(program: Program, step: Instruction) -> int:
    """Floating-point operations of an instruction: two for a multiplication and its addition, one for every element of anything else."""
    shapes = [program.code[a].shape for a in step.args if isinstance(a, Ref)]
    if step.op in ("dot", "matmul"):
        return 2 * math.prod(step.shape) * shapes[0][-1]
    if step.op == "einsum":
        left, right = step.attr.split("->")[0].split(",")
        sizes = dict(zip(left, shapes[0], strict=True)) | dict(zip(right, shapes[1], strict=True))
        return 2 * math.prod(sizes.values())
    if step.op == "inner":
        return 2 * math.prod(shapes[0])
    if step.op in ("sum", "amax"):
        return math.prod(shapes[0])
    if step.op == "scan":
        return step.attr.length * operations(step.attr.program)
    if step.op == "blocks":
        rest = step.attr.rest
        return step.attr.count * operations(step.attr.program) + (operations(rest) if rest is not None else 0)
    if step.op in ("inv", "det", "logdet"):
        return 2 * shapes[0][0] ** 3 // (1 if step.op == "inv" else 3)  # Golub and Van Loan, section 3.2
    return 0 if step.op in _FREE else math.prod(step.shape)


def operations(program: Program) -> int:
    """Floating-point operations of one evaluation."""
    return sum(step_operations(program, step) for step in program.code)


def seconds_by_numpy(program: Program) -> float:
    """The time that NumPy needs, estimated from the instructions alone."""
    return CALL * len(program.code) + OPERATION * operations(program)


def listed(program: Program, buffers: bool = True) -> str:
    """The table, and its sums; ``buffers``: with the numbers of the buffers in which NumPy holds the values."""
    size = 8 if program.dtype == "float64" else 4
    users = _users(program)
    owner = owners(program)
    places = homes(program) if buffers else {}
    outputs = {int(o.value): k for k, o in reversed(list(enumerate(program.outputs))) if isinstance(o.value, Ref)}
    rows: list[tuple[str, ...]] = []
    held = 0
    for number, step in enumerate(program.code):
        count = step_operations(program, step)
        if step.op == "input":
            memory = "the caller's" if step.shape else ""
        elif owner[number] != number:
            memory = f"in v{_owner(owner, number)}"
        elif step.shape:
            held += math.prod(step.shape) * size
            memory = amount(math.prod(step.shape) * size) + (f" in b{places[number]}" if number in places else "")
        else:
            memory = ""
        notes = [f"result {outputs[number]}"] if number in outputs else []
        notes += [f"shared by {users[number]}"] if users[number] > 1 else []
        rows.append((f"v{number}", _what(step), _shape(step.shape), f"{count:,}" if count else "", memory, ", ".join(notes)))
    head = ("value", "instruction", "shape", "operations", "memory", "")
    results = ", ".join(str(o.value) for o in program.outputs)
    shared = sum(1 for n in users if n > 1)
    room = f" in {amount(held - _saved(program, places, size))}" if places else ""
    total = f"{len(program.code)} instructions, {operations(program):,} operations (2 a multiply-add), {amount(held)} of values{room}, {shared} of them shared"
    inner = [line for number, step in enumerate(program.code) for line in _inner(number, step)]
    return "\n".join([*table([head, *rows], "lllrrl"), f"return {cut(results, WIDTH - 7)}", *inner, f"{program.dtype}: {total}", *_estimate(program)])


def _inner(number: int, step: Instruction) -> list[str]:
    """The program that an instruction runs again and again."""
    if step.op not in ("blocks", "scan"):
        return []
    *lines, _, _ = listed(step.attr.program, buffers=False).splitlines()
    return [f"v{number} runs, {'block by block' if step.op == 'blocks' else 'step by step'}:", *(f"  {line}" for line in lines)]


def _saved(program: Program, places: Mapping[int, int], size: int) -> int:
    """Bytes that are saved by buffers being used again."""
    first = {place: value for value, place in reversed(list(places.items()))}
    return sum(math.prod(program.code[value].shape) * size for value, place in places.items() if first[place] != value)


def _estimate(program: Program) -> list[str]:
    return [f"estimated: about {duration(seconds_by_numpy(program))} a call by NumPy"]


def _owner(owner: Sequence[int], number: int) -> int:
    while owner[number] != number:
        number = owner[number]
    return number


def _users(program: Program) -> list[int]:
    count = [0] * len(program.code)
    for step in program.code:
        for a in {int(a) for a in step.args if isinstance(a, Ref)}:
            count[a] += 1
    return count


def _what(step: Instruction) -> str:
    attr = step.attr
    if step.op == "input":
        return f"input {attr[0]}"
    if step.op in ("linear", "product"):
        return cut(_of_scalars(step), 40)
    args = ", ".join(map(_operand, step.args))
    name = str(attr) if step.op == "call" else step.op
    if isinstance(attr, Scan):
        return f"scan({cut(args, 18)}) {attr.length} steps of {len(attr.program.code) - len(attr.program.inputs)}"
    if step.op == "blocks":
        return f"blocks({cut(args, 18)}) {attr.count} of {attr.rows} samples"
    more = "" if attr is None or step.op in ("call", "table", "take", "lookup") else f" {attr}"
    return cut(f"{name}({args})", 40) + more


def _operand(operand: Operand) -> str:
    return str(operand) if isinstance(operand, Ref) else f"{operand:g}"


def _of_scalars(step: Instruction) -> str:
    """What a sum or a product of numbers is, with its coefficients."""
    args = [_operand(a) for a in step.args]
    if step.op == "product":
        coef, above = step.attr
        over = [f"{coef:g}", *args[:above]] if coef != 1 or not above else args[:above]
        return "/".join(["*".join(over), *args[above:]])
    weights, offset = step.attr
    terms = [{1: "", -1: "-"}.get(c, f"{c:g}*") + a for c, a in zip(weights, args, strict=True)] + ([f"{offset:g}"] if offset else [])
    return " + ".join(terms).replace("+ -", "- ")


def _shape(shape: Sequence[int]) -> str:
    return "x".join(map(str, shape)) or "scalar"


def table(rows: Sequence[Sequence[str]], sides: str) -> list[str]:
    """Lines with columns below each other (``l`` or ``r`` says on which side); long entries are cut."""
    most = {1: 46, 2: 22, 5: 22}
    cells = [[cut(cell, most.get(k, 18)) for k, cell in enumerate(row)] for row in rows]
    widths = [max(len(row[k]) for row in cells) for k in range(len(sides))]
    return ["  ".join(c.rjust(w) if s == "r" else c.ljust(w) for c, w, s in zip(row, widths, sides, strict=True)).rstrip() for row in cells]


def cut(text: str, width: int) -> str:
    """A text that is no longer than this."""
    return text if len(text) <= width else text[: width - 3] + "..."


def amount(count: float) -> str:
    """Bytes, as people write them."""
    for unit in ("B", "kB", "MB", "GB"):
        if count < 1000 or unit == "GB":
            break
        count /= 1000
    return f"{count:.0f} {unit}" if unit == "B" or count >= 100 else f"{count:.3g} {unit}"


def duration(seconds: float) -> str:
    """A time, as people write it."""
    for unit, length in (("ns", 1e-9), ("us", 1e-6), ("ms", 1e-3)):
        if seconds < 1000 * length:
            return f"{seconds / length:.3g} {unit}"
    return f"{seconds:.3g} s"


class Shown:
    """A function that shows what it runs when it is printed.

    Parameters
    ----------
    function : callable
    what : str
        The first line.
    programs : callable
        The programs made so far.
    """

    def __init__(self, function: Callable[..., Any], what: str, programs: Callable[[], Sequence[Any]]) -> None:
        self._function, self._what, self._programs = function, what, programs
        self.__doc__ = function.__doc__
        self.__wrapped__ = function

    def around(self, function: Callable[..., Any]) -> Shown:
        """The same to be read, for a function that calls this one."""
        return Shown(function, self._what, self._programs)

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        return self._function(*args, **kwargs)

    def __str__(self) -> str:
        made = [str(p) for p in self._programs()]
        return "\n\n".join([self._what, *made]) if made else f"{self._what}: call it once, and print shows what it runs"

    def __repr__(self) -> str:
        return f"<{self._what}>"
