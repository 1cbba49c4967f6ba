"""The scan instruction for NumPy: a loop over the compiled program of one step."""

from __future__ import annotations

from typing import Any

import numpy as np

from symdl.lower.scan import Scan


class RunScan:
    """Runs all steps; called with the vector to write into and the instruction's arguments."""

    def __init__(self, scan: Scan) -> None:
        from symdl.lower.numpy_backend import compile_program

        self._scan = scan
        self._after: list[np.ndarray | None] = [np.empty(shape, scan.program.dtype) if shape else None for shape in scan.shapes]
        self._step = compile_program(scan.program, self._after)

    def __call__(self, out: np.ndarray, *args: Any) -> None:
        scan = self._scan
        count = len(scan.shapes)
        starts = scan.starts()
        states = [out[starts[s] : starts[s + 1]].reshape((scan.length + 1, *shape)) for s, shape in enumerate(scan.shapes)]
        further = [_rows(a, stepped) for a, stepped in zip(args[count:], scan.stepped, strict=True)]
        at = scan.length if scan.down else 0
        for rows, start in zip(states, args[:count], strict=True):
            rows[at] = start
        now = [rows[at] if shape else float(rows[at]) for rows, shape in zip(states, scan.shapes, strict=True)]
        for step in reversed(range(scan.length)) if scan.down else range(scan.length):
            after = self._step(*now, *(a[step] if stepped else a for a, stepped in zip(further, scan.stepped, strict=True)))
            at = step if scan.down else step + 1
            for s, rows in enumerate(states):
                rows[at] = after[s]
                now[s] = rows[at] if scan.shapes[s] else after[s]


def _rows(arg: Any, stepped: bool) -> Any:
    """An argument as the steps take it: rows that lie one after the other, numbers as Python's."""
    if not isinstance(arg, np.ndarray):
        return arg
    if arg.ndim == 1 and stepped:
        return arg.tolist()
    return np.ascontiguousarray(arg) if arg.ndim else float(arg)
