"""Program: a graph with all sizes known, as a list of instructions. Plain data; knows nothing of NumPy and nothing of graphs.

An operand is the number of a value (``Ref``), or a float that stands for itself. Values are tensors of the
program's dtype (float64 unless it says otherwise), stored row by row; a value of shape () is a scalar. The operations:

===================== =========================================================================================
input                 attr (name,): a value that the caller gives
view                  attr: for every axis of the result the axis of the argument, or -1 for a new axis of size 1
select                attr: an index on every axis of the argument, ``~c`` for position c; equal indices take the diagonal
reshape               row by row
spread                attr: as for view; axes of size 1 are repeated to the result's shape
linear, product       scalars only: attr (coefficients, offset) and attr coefficient; any number of arguments
pow                   attr: the exponent
call                  attr: a name in ``symdl.functions.TABLE``
add ... maximum       elementwise, as the NumPy function of that name (see ``ELEMENTWISE``)
cosigmoid             of z, exp(z) and its overflow flag: 1/(1 + exp(z)), that is sigmoid(-z)
sigmoid               of the same and the cosigmoid: exp(z) times it
overflowed            1 when an element's square is not finite: then the two above see to large z
dot                   1-D and 2-D matrix product; matmul: stacked; inner: of all elements
einsum                attr: the subscripts
sum, amax             attr: the axes
scatter               attr: as for select; the argument on a diagonal, zeros elsewhere
inv, det, logdet      of a square matrix
scan                  attr: a ``symdl.lower.scan.Scan``; a recurrence, all states at all positions in one vector
stretch               attr (from, to): elements of a vector, in the result's shape
window                attr: a ``symdl.lower.windows.Window``; a view of elements at positions that are affine in those of the result
fold                  attr: a Window; the elements of the argument added up where they stand in the result
pad                   attr: for every axis how many zeros stand before, behind, and between any two elements
table                 attr: a Table, numbers known when the program was planned
take                  attr (positions, missing): elements along the first axis; 0 where missing (a Table of bools, or None)
lookup                of a table and row numbers: attr (rows, count, beside): elements row*count + beside of the first axis
add_rows              of values and row numbers: the values added to the rows of zeros
===================== =========================================================================================
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Union

import numpy as np


class Ref(int):
    """The number of a value."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"v{int(self)}"

    __str__ = __repr__


Operand = Union[Ref, float]


class Table:
    """An array that is part of a program. Two are equal when their numbers are."""

    __slots__ = ("_key", "array")

    def __init__(self, array: np.ndarray) -> None:
        self.array = np.ascontiguousarray(array)
        self._key = (self.array.shape, self.array.dtype.str, self.array.tobytes())

    @classmethod
    def diagonal(cls, value: float, entries: Sequence[int], shape: tuple[int, ...]) -> Table:
        """Zeros, with the value where axes of equal entries have equal positions, and those of ``~c`` position c."""
        grid = np.indices(shape, sparse=True)
        found: Any = np.ones(shape, dtype=bool)
        first: dict[int, int] = {}
        for axis, entry in enumerate(entries):
            found = found & (grid[axis] == (~entry if entry < 0 else grid[first.setdefault(entry, axis)]))
        return cls(np.where(found, value, 0.0))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Table) and self._key == other._key

    def __hash__(self) -> int:
        return hash(self._key)

    def __repr__(self) -> str:
        return f"<{'x'.join(map(str, self.array.shape)) or 'scalar'} numbers>"


#: Elementwise operations on tensors: NumPy's names.
_BINARY = frozenset(["add", "subtract", "multiply", "divide", "power", "maximum", "minimum", "heaviside"])
_UNARY = frozenset(["negative", "square", "sqrt", "exp", "expm1", "log", "log1p", "absolute", "sign", "sin", "cos", "tan", "arctan", "sinh", "cosh", "tanh"])
ELEMENTWISE = _BINARY | _UNARY

#: Operations that give another view of their argument's elements.
VIEWS = frozenset(["view", "select", "reshape", "spread", "stretch", "window"])


@dataclass(frozen=True, slots=True)
class Instruction:
    """One value and how it is computed."""

    op: str
    args: tuple[Operand, ...]
    attr: Any
    shape: tuple[int, ...]

    def __str__(self) -> str:
        attr = "" if self.attr is None else f" {self.attr}"
        shape = "x".join(map(str, self.shape)) or "scalar"
        return f"{self.op}({', '.join(map(str, self.args))}){attr} : {shape}"


@dataclass(frozen=True)
class Output:
    """One result: a value and its shape."""

    value: Operand
    shape: tuple[int, ...]


@dataclass(frozen=True)
class Program:
    """Instructions in order of computation, and which values are the results.

    Attributes
    ----------
    inputs : tuple of (name, shape)
    code : tuple of Instruction
        Value number k is computed by ``code[k]``.
    outputs : tuple of Output
    dtype : str
        "float64" or "float32": of all tensors. A backend that has only the first raises UnsupportedError for the second.
    """

    inputs: tuple[tuple[str, tuple[int, ...]], ...]
    code: tuple[Instruction, ...]
    outputs: tuple[Output, ...]
    dtype: str = "float64"

    def __str__(self) -> str:
        from symdl.lower.listing import listed

        return listed(self)


def without_dead_code(code: Iterable[Instruction], roots: Iterable[Operand], keep: int) -> tuple[list[Instruction], dict[int, Ref]]:
    """Only what the roots need (and the first ``keep`` instructions, the inputs), renumbered; and old -> new numbers."""
    steps = list(code)
    needed = bytearray(len(steps))
    needed[:keep] = b"\x01" * keep
    for root in roots:
        if isinstance(root, Ref):
            needed[root] = 1
    for number in reversed(range(len(steps))):
        if needed[number]:
            for arg in steps[number].args:
                if isinstance(arg, Ref):
                    needed[arg] = 1
    new: dict[int, Ref] = {}
    out: list[Instruction] = []
    for number, step in enumerate(steps):
        if needed[number]:
            new[number] = Ref(len(out))
            args = tuple(new[a] if isinstance(a, Ref) else a for a in step.args)
            out.append(step if args == step.args else Instruction(step.op, args, step.attr, step.shape))
    return out, new
