"""Parts of a SymPy matrix expression: scalars, columns, matrices, and NumPy's broadcasting in SymPy's words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import sympy as sp
from sympy.matrices.expressions import DiagMatrix, OneMatrix
from sympy.matrices.expressions.hadamard import HadamardProduct


class NoWord(Exception):
    """SymPy's matrices have no word for it."""


class Piece(NamedTuple):
    """A part in SymPy: of rank 0 a scalar, of rank 1 a column, of rank 2 a matrix."""

    rank: int
    value: Any


def flat(piece: Piece, rank: int) -> Any:
    """A vector among matrices is a row, as NumPy has it."""
    return piece.value.T if piece.rank == 1 and rank == 2 else piece.value


def full_shape(values: Sequence[Any]) -> tuple[Any, Any]:
    shapes = [v.shape for v in values]
    return tuple(next((s[axis] for s in shapes if s[axis] != 1), 1) for axis in (0, 1))  # type: ignore[return-value]


def spread(value: Any, shape: tuple[Any, Any]) -> Any:
    """A scalar, row or column on a whole matrix."""
    if not is_matrix(value):
        return value * OneMatrix(*shape)
    if value.shape == shape:
        return value
    if isinstance(value, OneMatrix):
        return OneMatrix(*shape)
    if value.shape[0] != shape[0]:
        value = OneMatrix(shape[0], 1) * value
    return value if value.shape[1] == shape[1] else value * OneMatrix(1, shape[1])


def is_matrix(value: Any) -> bool:
    return isinstance(value, sp.MatrixExpr)


def elementwise_product(values: list[Any]) -> Any:
    """Rows and columns multiply a matrix from its sides: diag(column) * M * diag(row)."""
    shape = full_shape(values)
    groups: dict[tuple[Any, Any], list[Any]] = {}
    for value in values:
        if not isinstance(value, OneMatrix) or value.shape == shape:
            groups.setdefault(value.shape, []).append(value)
    merged = {s: hadamard(vs) for s, vs in groups.items()}
    full, column, row = merged.get(shape), merged.get((shape[0], 1)), merged.get((1, shape[1]))
    one = merged.get((1, 1))
    if shape in ((1, 1), (shape[0], 1), (1, shape[1])):
        made = full
    elif full is None:
        column = OneMatrix(shape[0], 1) if column is None else column
        row = OneMatrix(1, shape[1]) if row is None else row
        made = column * row
    else:
        made = full if column is None else DiagMatrix(column) * full
        made = made if row is None else made * DiagMatrix(row.T)
    return made if one is None or shape == (1, 1) else sp.Trace(one) * made


def hadamard(values: list[Any]) -> Any:
    """The elementwise product; ones stand in it only when nothing else does."""
    others = [v for v in values if not isinstance(v, OneMatrix)] or values[:1]
    return others[0] if len(others) == 1 else HadamardProduct(*others)
