"""From a table of scalars (``symdl.graph.tape``) straight to columns that can be computed, no instruction in between.

What the rewrites before lowering would do to such a calculation (``symdl.lower.plain``) is done here on columns: 1 - sigmoid(z), and exp of minus a
square or half of one.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from symdl.graph.tape import CALL, CONST, INPUT, LINEAR, POWER, PRODUCT, Rows, Tape
from symdl.lower.machine import COSIGMOID, GAUSS, GAUSS_PLAIN
from symdl.lower.rowwise import Columns


def columns_of(tape: Tape, wanted: Sequence[int | float], inputs: Sequence[int]) -> Columns:
    """The columns that compute the wanted rows.

    Parameters
    ----------
    tape : Tape
    wanted : sequence
        Rows; a float stands for itself.
    inputs : sequence of int
        Which of the tape's inputs the caller gives; what is wanted is made of these.
    """
    rows = Rows.joined([tape.rows, _constants(wanted)])
    numbers = np.array([*map(float, tape.numbers), *[w for w in wanted if isinstance(w, float)]])
    later = iter(range(len(tape.rows), len(rows)))
    outputs = np.array([next(later) if isinstance(w, float) else w for w in wanted], np.int64)
    rows.attr[len(tape.rows) :] = np.arange(len(tape.numbers), len(numbers))
    of_number = rows.code != CALL
    of_number &= rows.code != INPUT
    number = np.where(of_number, numbers[np.where(of_number, rows.attr, 0)], 0.0)
    given = np.zeros(len(tape.inputs), bool)
    given[list(inputs)] = True
    absent = (rows.code == INPUT).nonzero()[0]
    absent = absent[~given[rows.attr[absent]]]
    code = rows.code.copy()
    code[absent] = CONST  # of a row that nothing wanted is made of
    columns = Columns(
        code,
        number,
        np.where(rows.code == CALL, rows.attr, 0),
        tape.functions.listed(),
        rows.start,
        rows.args,
        numbers[rows.weights],
        rows.counts(),
        outputs,
    )
    _cosigmoids(columns)
    _gaussians(columns)
    return columns.only_needed()


def _constants(wanted: Sequence[int | float]) -> Rows:
    """Rows for the floats among what is wanted."""
    made = Rows.empty(np.zeros(sum(isinstance(w, float) for w in wanted), np.int32), 0)
    made.code[:] = CONST
    return made


def _named(columns: Columns, name: str) -> int:
    if name not in columns.names:
        columns.names.append(name)
    return columns.names.index(name)


def _first(columns: Columns, rows: np.ndarray) -> np.ndarray:
    return columns.args[columns.start[rows]]


def _becomes_call(columns: Columns, rows: np.ndarray, name: str, args: np.ndarray) -> None:
    if len(rows):
        columns.code[rows] = CALL
        columns.function[rows] = _named(columns, name)
        columns.args[columns.start[rows]] = args


def _cosigmoids(columns: Columns) -> None:
    """1 - sigmoid(z) is a function of its own, which keeps its digits."""
    if "sigmoid" not in columns.names:
        return
    rows = ((columns.code == LINEAR) & (columns.counts() == 1) & (columns.number == 1.0)).nonzero()[0]
    rows = rows[columns.weights[columns.start[rows]] == -1.0]
    under = _first(columns, rows)
    is_sigmoid = (columns.code[under] == CALL) & (columns.function[under] == columns.names.index("sigmoid"))
    _becomes_call(columns, rows[is_sigmoid], COSIGMOID, _first(columns, under[is_sigmoid]))


def _gaussians(columns: Columns) -> None:
    """exp(-x**2) and exp(-x**2/2)."""
    if "exp" not in columns.names:
        return
    rows = ((columns.code == CALL) & (columns.function == columns.names.index("exp"))).nonzero()[0]
    scaled = _first(columns, rows)
    fits = (columns.code[scaled] == PRODUCT) & (columns.counts()[scaled] == 1)
    rows, scaled = rows[fits], scaled[fits]
    square = _first(columns, scaled)
    fits = (columns.code[square] == POWER) & (columns.number[square] == 2.0)
    rows, scaled, base = rows[fits], scaled[fits], _first(columns, square[fits])
    for number, name in ((-1.0, GAUSS_PLAIN), (-0.5, GAUSS)):
        these = columns.number[scaled] == number
        _becomes_call(columns, rows[these], name, base[these])
