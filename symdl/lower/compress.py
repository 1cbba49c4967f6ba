"""Columns of data rotated until only a few rows are left: the triangular factor of their QR factorisation, a stretch of samples at a time."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

#: Numbers, and samples, of a stretch that is held at once.
_STRETCH, _ROWS = 2_000_000, 20_000

#: Numbers of a block that is factorised by itself: it stays in a core's cache, and OpenBLAS does not cut its columns into pieces for threads, which wait for
#: each other longer than such a piece takes.
_BLOCK = 6_000


def compressed(columns: Sequence[tuple[np.ndarray | None, int]], count: int) -> list[np.ndarray]:
    """The same inner products over the samples in fewer samples: R of QR = [columns].

    Of a stretch after the other, each below the R of those before (Golub and Van Loan, Matrix Computations, section 5.2; Demmel, Grigori, Hoemmen and
    Langou 2012, "Communication-optimal parallel and sequential QR"), so that one stretch is the memory it takes. Backward stable by columns.

    Parameters
    ----------
    columns : sequence of (array, axis)
        The axis counts the samples; None for a column of ones.
    count : int
        The samples.

    Returns
    -------
    list of array
        In the order of the columns, of their shapes, with min(count, number of columns) samples (but at least 2) instead of count.
    """
    widths = [width(array) if array is not None else 1 for array in ((None if a is None else _first(a, axis)) for a, axis in columns)]
    total = sum(widths)
    step = max(4 * total, min(_ROWS, _STRETCH // total))
    r: np.ndarray = np.empty((0, total))
    for start in range(0, count, step):
        stop = min(count, start + step)
        rows = np.empty((len(r) + stop - start, total))
        rows[: len(r)] = r
        place = 0
        for (array, axis), wide in zip(columns, widths, strict=True):
            part = rows[len(r) :, place : place + wide]
            part[...] = 1.0 if array is None else _first(array, axis)[start:stop].reshape(stop - start, wide)
            place += wide
        r = triangle(rows)
    if len(r) < 2:  # an axis of one position is no axis to much of what reads graphs
        r = np.vstack([r, np.zeros((2 - len(r), total))])
    found, place = [], 0
    for (array, axis), wide in zip(columns, widths, strict=True):
        rest = () if array is None else _first(array, axis).shape[1:]
        part = r[:, place : place + wide].reshape(len(r), *rest)
        found.append(np.ascontiguousarray(np.moveaxis(part, 0, axis)))
        place += wide
    return found


def triangle(rows: np.ndarray) -> np.ndarray:
    """R of QR = rows, up to the signs of its rows: of blocks first, then of the R's below each other."""
    columns = rows.shape[1]
    block = _BLOCK // max(1, columns)
    if block < 2 * columns or len(rows) <= 2 * block:
        return np.asarray(np.linalg.qr(rows, mode="r"))
    count = len(rows) // block
    each = np.asarray(np.linalg.qr(rows[: count * block].reshape(count, block, columns), mode="r"))
    return triangle(np.concatenate([each.reshape(-1, columns), rows[count * block :]]))


def width(array: np.ndarray) -> int:
    """Numbers a sample, samples first."""
    return array[0].size


def factor_operations(count: int, columns: int) -> int:
    """Of the factorisation by Householder reflections: 2 c^2 (N - c/3)."""
    return int(2 * columns**2 * (count - columns / 3))


def _first(array: np.ndarray, axis: int) -> np.ndarray:
    return np.moveaxis(array, axis, 0)
