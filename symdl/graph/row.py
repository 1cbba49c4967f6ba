"""What a scalar is, as a row of whole numbers: packed when the node is made, so that whoever reads very many nodes (``tape.py``) joins bytes.

A row is int64 numbers: the serial number, the head, the serial numbers of the arguments. The head has the operation's code in its lowest byte, then
``PLAIN``, and from ``NAME`` on the number of the function. A plain sum has weights 1, a plain product the factor 1: nothing more needs to be looked up.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter
from struct import Struct
from typing import Any

#: Codes of rows.
INPUT, CONST, LINEAR, PRODUCT, POWER, CALL, NAMED = range(7)

#: In the head: nothing in the node's ``attr`` that the row does not say.
PLAIN = 1 << 8

#: In the head: where the number of the function begins.
NAME = 16

#: Numbers of a row before its arguments.
FIXED = 2

#: Functions by number, for as long as the process runs: as many as there are names in the function table.
FUNCTIONS: dict[str, int] = {}

#: What all nodes that have no row have: tensors, sums over an index.
NO_ROW = b""

_serials = attrgetter("serial")
_packers: list[Callable[..., bytes]] = [Struct(f"={k + FIXED}q").pack for k in range(65)]
_ones = tuple((1,) * k for k in range(65))


def linear(serial: int, args: tuple[Any, ...], weights: tuple[Any, ...]) -> bytes:
    """A sum."""
    count = len(args)
    return _packed(serial, LINEAR | PLAIN if weights == (_ones[count] if count < 65 else (1,) * count) else LINEAR, args)


def product(serial: int, args: tuple[Any, ...], attr: Any) -> bytes:
    """A product of scalars; sums over an index and deltas have no row."""
    coef, summed, deltas = attr
    if summed or deltas:
        return NO_ROW
    return _packed(serial, PRODUCT | PLAIN if coef == 1 else PRODUCT, args)


def call(serial: int, args: tuple[Any, ...], name: str) -> bytes:
    """A function of the table."""
    number = FUNCTIONS.get(name)
    if number is None:
        number = FUNCTIONS.setdefault(name, len(FUNCTIONS))
    return _packed(serial, CALL | PLAIN | number << NAME, args)


def _other(code: int) -> Callable[[int, tuple[Any, ...], Any], bytes]:
    return lambda serial, args, attr: _packed(serial, code, args)


def _packed(serial: int, head: int, args: tuple[Any, ...]) -> bytes:
    count = len(args)
    if count == 2:  # most
        first, second = args
        return _packers[2](serial, head, first.serial, second.serial)
    pack = _packers[count] if count < len(_packers) else Struct(f"={count + FIXED}q").pack
    return pack(serial, head, *map(_serials, args))


#: What makes the row of a scalar, by the operation's name in ``node.py``.
ROWS: dict[str, Callable[[int, tuple[Any, ...], Any], bytes]] = {
    "input": _other(INPUT),
    "const": _other(CONST),
    "add": linear,
    "mul": product,
    "pow": _other(POWER),
    "fn": call,
    "let": _other(NAMED),
}
