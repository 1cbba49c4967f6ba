"""The numbers of a factored square matrix: products with vectors, the diagonal, the dense tensor, the solution of linear equations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np

from symdl.errors import DomainError, ShapeError
from symdl.lower.values import as_array


class Piece(NamedTuple):
    """One term: labels of the axes (a label twice is a Kronecker delta), and arrays with the labels of theirs."""

    axes: tuple[Any, ...]
    factors: tuple[tuple[np.ndarray, tuple[Any, ...]], ...]


class Factored:
    """A square tensor (rows, then columns of the same shape) as a sum of products that are not multiplied out.

    Arrays that were given are referred to, not copied: changing them changes this.
    """

    __array_ufunc__ = None

    def __init__(self, shape: tuple[int, ...], pieces: Sequence[Piece], words: Sequence[str]) -> None:
        self.shape, self._pieces, self._words = shape, list(pieces), list(words)
        self._half = len(shape) // 2

    @property
    def _arrays(self) -> list[np.ndarray]:
        return list({id(a): a for p in self._pieces for a, _ in p.factors}.values())

    @property
    def nbytes(self) -> int:
        """Bytes of the factors."""
        return sum(a.nbytes for a in self._arrays)

    def __str__(self) -> str:
        lines = [f"{'deltas times a block: ' if len(set(p.axes)) < len(p.axes) else ''}{w}" for p, w in zip(self._pieces, self._words, strict=True)]
        size, full = sum(a.size for a in self._arrays), int(np.prod(self.shape, dtype=object))
        return f"{' + '.join(lines)}, {' x '.join(map(str, self.shape))}; {size:,} numbers instead of {full:,}"

    __repr__ = __str__

    def __matmul__(self, other: Any) -> np.ndarray:
        """The product with a tensor of the shape of the columns."""
        v, half = self._vector(other), self._half
        found = np.zeros(self.shape[:half])
        for piece in self._pieces:
            rows, columns = piece.axes[:half], piece.axes[half:]
            found += self._contracted(piece, [(v, columns)], rows, dict(zip(piece.axes, self.shape, strict=True)))
        return found

    def diagonal(self) -> np.ndarray:
        """Elements whose row is their column, in the shape of the rows."""
        half, found = self._half, np.zeros(self.shape[: self._half])
        for piece in self._pieces:
            sizes = dict(zip(piece.axes, self.shape, strict=True))
            same = {a: a for f in piece.factors for a in f[1]} | {a: a for a in piece.axes}
            for a, b in zip(piece.axes[:half], piece.axes[half:], strict=True):
                old, new = same[b], same[a]
                same = {k: new if x == old else x for k, x in same.items()}
            merged = Piece(tuple(same[a] for a in piece.axes), tuple((x, tuple(same[a] for a in labels)) for x, labels in piece.factors))
            found += self._contracted(merged, [], merged.axes[:half], sizes)
        return found

    def todense(self) -> np.ndarray:
        """The whole tensor."""
        found = np.zeros(self.shape)
        for piece in self._pieces:
            own = tuple(dict.fromkeys(piece.axes))
            sizes = dict(zip(piece.axes, self.shape, strict=True))
            strides = [sum(s for a, s in zip(piece.axes, found.strides, strict=True) if a == label) for label in own]
            view = np.lib.stride_tricks.as_strided(found, [sizes[a] for a in own], strides)
            view += self._contracted(piece, [], own, sizes)
        return found

    def solve(self, other: Any) -> np.ndarray:
        """x with self @ x = other: by division where this is diagonal, else by the dense matrix.

        Raises
        ------
        DomainError
            When the matrix is singular, or so near to it that no digit of the solution would be right.
        """
        v, half = self._vector(other), self._half
        if all(p.axes[:half] == p.axes[half:] for p in self._pieces):
            diagonal = self.diagonal()
            if not diagonal.all():
                raise DomainError("solve: the matrix is singular, its diagonal has a zero")
            return v / diagonal
        dense = self.todense().reshape(v.size, v.size)
        try:
            found = np.linalg.solve(dense, v.ravel())
        except np.linalg.LinAlgError:
            raise DomainError("solve: the matrix is singular") from None
        if _lost(dense, found, v.ravel()):
            raise DomainError("solve: the matrix is singular to within rounding: add a small multiple of the identity, or take @ v in an iterative solver")
        return found.reshape(v.shape)

    def _vector(self, other: Any) -> np.ndarray:
        v = np.asarray(as_array("the tensor", other))
        if v.shape != self.shape[self._half :]:
            raise ShapeError(f"the tensor has shape {v.shape}, and the columns have shape {self.shape[self._half :]}")
        return v

    @staticmethod
    def _contracted(piece: Piece, more: Sequence[tuple[np.ndarray, Any]], out: tuple[Any, ...], sizes: dict[Any, int]) -> np.ndarray:
        parts = [*more, *piece.factors]
        covered = {a for _, labels in parts for a in labels}
        parts += [(np.ones(sizes[a]), (a,)) for a in dict.fromkeys(out) if a not in covered]
        if len(set(out)) < len(out):
            # A label twice among the results: only its diagonal is not zero.
            own = tuple(dict.fromkeys(out))
            inner = Factored._contracted(piece, more, own, sizes)
            dense = np.zeros([sizes[a] for a in out])
            strides = [sum(s for a, s in zip(out, dense.strides, strict=True) if a == label) for label in own]
            np.lib.stride_tricks.as_strided(dense, inner.shape, strides)[...] = inner
            return dense
        number: dict[Any, int] = {}
        operands: list[Any] = []
        for array, labels in parts:
            operands += [array, [number.setdefault(a, len(number)) for a in labels]]
        return np.einsum(*operands, [number[a] for a in out], optimize=True)


def _lost(matrix: np.ndarray, x: np.ndarray, wanted: np.ndarray) -> bool:
    """Whether what rounding the matrix alone does to the equations outweighs their right side (Higham 2002, section 7.2); rows are scaled to one."""
    size = np.abs(matrix)
    scale = size.max(axis=1)
    with np.errstate(all="ignore"):
        return not np.max(size @ np.abs(x) / scale) * 4 * np.finfo(float).eps <= np.max(np.abs(wanted) / scale)
