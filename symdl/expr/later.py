"""Expressions that are worked out and not yet written as nodes: scalars in a flat table (``symdl.graph.tape``)."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from symdl.expr.tensor import Expr
from symdl.graph.node import Node, Size
from symdl.graph.tape import Tape


class Source:
    """A table of scalars, and how some of its rows are written as nodes.

    Parameters
    ----------
    tape : Tape
    write : callable
        From the number of a row to its node; called when somebody looks.
    """

    __slots__ = ("tape", "write")

    def __init__(self, tape: Tape, write: Callable[[int], Node]) -> None:
        self.tape = tape
        self.write = write


class Later(Expr):
    """A scalar that is a row of a table. It is an expression like any other; its node is made when something asks for it.

    Attributes
    ----------
    source : Source
    row : int
    """

    __slots__ = ("row", "source")

    map: tuple[Any, ...] = ()
    shape: tuple[Size, ...] = ()
    open: dict[Any, Size] = {}  # noqa: RUF012  (nobody writes to it)

    def __init__(self, source: Source, row: int) -> None:
        self.source = source
        self.row = row

    @property
    def node(self) -> Node:  # type: ignore[override]
        """The node, made at the first look at any row of the table."""
        return self.source.write(self.row)
