"""Terms: a node with labels on its axes. The words that building speaks in."""

from __future__ import annotations

import itertools
from collections.abc import Hashable, Mapping, Sequence
from typing import Any, NamedTuple

from symdl.errors import DataError
from symdl.graph.node import Node, Size

Label = Hashable


class Delta(NamedTuple):
    """A Kronecker delta of two labels (or a label and a fixed position) that run over ``size`` positions."""

    a: Any
    b: Any
    size: Size


class Term(NamedTuple):
    """A node, with a label (or ``~c``, a fixed position) on each of its axes."""

    node: Node
    map: tuple[Any, ...]


_fresh = itertools.count()


def fresh() -> Label:
    """A label that nobody has."""
    return ("fresh", next(_fresh))


def is_fixed(entry: Any) -> bool:
    """True for ``~c``, a fixed position."""
    return type(entry) is int and entry < 0


def check_fixed(entries: Sequence[int], shape: Sequence[int]) -> None:
    """Fixed positions lie on their axes: while sizes are symbols nobody can know, and memory behind an array is nobody's to read.

    Raises
    ------
    DataError
        When one does not.
    """
    for entry, size in zip(entries, shape, strict=True):
        if entry < 0 and ~entry >= size:
            raise DataError(f"position {~entry} of an axis that has {size}: the expression asks for larger arrays")


def rename(term: Term, labels: Mapping[Any, Any]) -> Term:
    """The term with its labels replaced; fixed positions stay."""
    if not term.map:
        return term
    get = labels.get
    return Term(term.node, tuple([e if type(e) is int and e < 0 else get(e, e) for e in term.map]))  # asked very often: no calls, no generator


def relabel(entry: Any, labels: Mapping[Any, Any]) -> Any:
    return entry if is_fixed(entry) else labels.get(entry, entry)


def rename_delta(delta: Delta, labels: Mapping[Any, Any]) -> Delta:
    return Delta(relabel(delta.a, labels), relabel(delta.b, labels), delta.size)


def axis_sizes(*terms: Term) -> dict[Label, Size]:
    """Label -> size, read off the terms."""
    found: dict[Label, Size] = {}
    for term in terms:
        for entry, size in zip(term.map, term.node.shape, strict=True):
            if type(entry) is not int or entry >= 0:
                found.setdefault(entry, size)
    return found


def inner_terms(term: Term) -> list[Term]:
    """The arguments of a term's node, in the term's labels."""
    labels = dict(enumerate(term.map))
    return [rename(Term(a, m), labels) for a, m in term.node.terms()]


def inner_deltas(node: Node, labels: Mapping[Any, Any]) -> list[Delta]:
    """The deltas of a product in the caller's labels."""
    sizes = node.sizes()
    return [Delta(relabel(a, labels), relabel(b, labels), sizes[a]) for a, b in node.attr.deltas]
