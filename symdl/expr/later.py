"""Expressions that are worked out and not yet written as nodes: scalars in a flat table (``symdl.graph.tape``)."""

from __future__ import annotations

from collections.abc import Callable, Collection, ItemsView, Iterator, Mapping, Sequence, ValuesView
from functools import cached_property
from typing import Any, Protocol

from symdl.expr.tensor import Expr, as_expr
from symdl.graph.node import Node, Size
from symdl.graph.tape import Tape


class HasTape(Protocol):
    """What has a table."""

    @property
    def tape(self) -> Tape: ...


class Source:
    """A table of scalars, and how some of its rows are written as nodes.

    Parameters
    ----------
    held : HasTape
        What has the table, or makes it when it is asked.
    write : callable
        From the number of a row to its node; called when somebody looks.
    """

    __slots__ = ("_held", "write")

    def __init__(self, held: HasTape, write: Callable[[int], Node]) -> None:
        self._held = held
        self.write = write

    @property
    def tape(self) -> Tape:
        """The table."""
        return self._held.tape


class Named(Mapping[str, Expr]):
    """Rows of a table by name, as expressions. A row of -1 is the number 0.

    Parameters
    ----------
    source : Source
    names : iterable of str
    rows : list of int
        Their rows, in the order of the names.
    """

    def __init__(self, source: Source, names: Collection[str], rows: Sequence[int]) -> None:
        self._source, self._names, self._rows = source, names, rows

    @cached_property
    def _found(self) -> dict[str, Expr]:
        zero = as_expr(0)
        return {name: zero if row < 0 else Later(self._source, row) for name, row in zip(self._names, self._rows, strict=True)}

    def __getitem__(self, name: str) -> Expr:
        return self._found[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)

    def values(self) -> ValuesView[Expr]:
        return self._found.values()

    def items(self) -> ItemsView[str, Expr]:
        return self._found.items()


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
