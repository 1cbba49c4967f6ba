"""Arrays from files: .npy, .npz and .csv, and numbers as typed on the command line."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path

import numpy as np

from symdl.errors import DataError

#: Bytes from which an .npy file stays on disk, and is read as it is needed.
MAPPED_FROM = 1 << 26

ENDINGS = (".npy", ".npz", ".csv", ".txt", ".tsv")


def read_value(name: str, text: str) -> np.ndarray:
    """A number ("1.5"), nested lists of numbers ("[[1, 2], [3, 4]]"), or a file (see :func:`read_array`).

    Raises
    ------
    DataError
        When the text is none of these, or a value is not finite.
    """
    if _split(text)[0].suffix.lower() in ENDINGS:
        return read_array(name, text)
    try:
        value = np.asarray(json.loads(text.strip()), dtype=float)
    except (ValueError, TypeError, RecursionError):
        raise DataError(f"{name}={text:.60}: not a number, a list of numbers such as [1, 2.5], or a file ({', '.join(ENDINGS)})") from None
    return _finite(name, value, text)


def read_array(name: str, source: str) -> np.ndarray:
    """The array in a file.

    Parameters
    ----------
    name : str
        Of the tensor, for messages; and the key looked for in an .npz file that holds several arrays.
    source : str
        ``FILE``, ``FILE.npz:key`` or ``FILE.csv:column,column``. A .csv file may start with a line of column names; one
        chosen column gives a vector, else the table is a matrix of shape (lines, columns).

    Raises
    ------
    DataError
        When the file is missing, unreadable or empty, or holds text, NaN or infinity.
    """
    path, part = _split(source)
    if not path.is_file():
        raise DataError(f"{name}: there is no file {path}")
    try:
        if path.suffix.lower() == ".npy":
            found = np.load(path, mmap_mode="r" if path.stat().st_size > MAPPED_FROM else None, allow_pickle=False)
        elif path.suffix.lower() == ".npz":
            found = _from_npz(name, path, part)
        elif path.suffix.lower() in ENDINGS:
            found = _from_csv(name, path, part)
        else:
            raise DataError(f"{name}: {path} is not {' or '.join(ENDINGS)}")
        if found.dtype.kind == "c":
            raise DataError(f"{name}: {path} holds complex numbers: all values must be real")
        found = np.asarray(found, dtype=float)
    except (OSError, ValueError, TypeError, EOFError, csv.Error) as error:
        raise DataError(f"{name}: {path} cannot be read: {_first_line(error)}") from None
    except Exception as error:  # zipfile.BadZipFile and what else a damaged file leads to
        if isinstance(error, DataError):
            raise
        raise DataError(f"{name}: {path} cannot be read: {_first_line(error)}") from None
    return _finite(name, found, str(path))


def _first_line(error: BaseException) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:160]


def _split(source: str) -> tuple[Path, str]:
    """The file, and what to take from it."""
    if not os.path.exists(source):
        head, colon, part = source.rpartition(":")
        if colon and Path(head).suffix.lower() in ENDINGS:
            return Path(head), part
    return Path(source), ""


def _from_npz(name: str, path: Path, key: str) -> np.ndarray:
    with np.load(path, allow_pickle=False) as archive:
        wanted = key or (archive.files[0] if len(archive.files) == 1 else name)
        if wanted not in archive.files:
            raise DataError(f"{name}: {path} has no array {wanted}; it has {', '.join(archive.files) or 'none'}")
        return archive[wanted]


def _from_csv(name: str, path: Path, columns: str) -> np.ndarray:
    with path.open(newline="", encoding="utf-8-sig") as stream:
        rows = [row for row in csv.reader(stream, delimiter="\t" if path.suffix.lower() == ".tsv" else ",") if any(cell.strip() for cell in row)]
    header = [cell.strip() for cell in rows[0]] if rows and not any(_is_number(cell) for cell in rows[0]) else None
    table = rows[1:] if header else rows
    if not table:
        raise DataError(f"{name}: {path} is empty: it has no line of numbers")
    chosen = _columns(name, path, columns, header, len(table[0]))
    values = np.empty((len(table), len(chosen)))
    for line, row in enumerate(table):
        if len(row) != len(table[0]):
            raise DataError(f"{name}: {path}: line {line + 1 + bool(header)} has {len(row)} cells, the first {len(table[0])}")
        for at, column in enumerate(chosen):
            if not _is_number(row[column]):
                what = f"{row[column]!r:.40}" if row[column].strip() else "nothing"
                raise DataError(f"{name}: {path}: line {line + 1 + bool(header)}, column {header[column] if header else column + 1} holds {what}, not a number")
            values[line, at] = float(row[column])
    return values[:, 0] if columns and len(chosen) == 1 else values


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def _columns(name: str, path: Path, columns: str, header: list[str] | None, width: int) -> list[int]:
    """Positions of the columns asked for: by name, or by number from 1."""
    if not columns:
        return list(range(width))
    chosen = []
    for one in (c.strip() for c in columns.split(",")):
        if header and one in header:
            chosen.append(header.index(one))
        elif one.isdigit() and 1 <= int(one) <= width:
            chosen.append(int(one) - 1)
        else:
            known = ", ".join(header) if header else f"1 to {width}"
            raise DataError(f"{name}: {path} has no column {one}; it has {known}")
    return chosen


def _finite(name: str, value: np.ndarray, where: str) -> np.ndarray:
    if value.size == 0:
        raise DataError(f"{name}: {where:.80} is empty")
    flat = value.ravel(order="K")
    with np.errstate(over="ignore", invalid="ignore"):
        if np.isfinite(flat.dot(flat)):  # then all are, and nothing of the size of a large file was made
            return value
    bad = np.argwhere(~np.isfinite(value))
    if len(bad):
        at = f" at {[int(k) for k in bad[0]]}" if value.ndim else ""
        raise DataError(f"{name}: {where:.80} holds {value[tuple(bad[0])]}{at}: all values must be finite")
    return value
