"""Facts that can be declared of an input. They are taken at their word: values are not checked against them.

Simplification (``diff/shorten/facts.py``) and proof (``prove/draw.py``, ``prove/samples.py``) use them.
"""

from __future__ import annotations

from collections.abc import Iterable
from types import MappingProxyType
from typing import NamedTuple

from symdl.errors import NameError_, ShapeError
from symdl.expr.dims import show_shape
from symdl.graph.node import Size


class Fact(NamedTuple):
    """What a fact says, and the shape that it is about: "square", "axis" (at least one), or "" (any)."""

    says: str
    of: str = ""


FACTS = MappingProxyType(
    {
        "onehot": Fact("entries 0 and 1, a single 1 along the last axis", "axis"),
        "simplex": Fact("entries above 0 that sum to 1 along the last axis", "axis"),
        "symmetric": Fact("A.T = A", "square"),
        "posdef": Fact("symmetric, with eigenvalues above 0", "square"),
        "orthogonal": Fact("Q.T @ Q = I", "square"),
        "diagonal": Fact("0 off the diagonal", "square"),
        "positive": Fact("entries above 0 (of a diagonal matrix: on the diagonal)"),
        "unit": Fact("entries between 0 and 1"),
    }
)


def check_facts(name: str, facts: str | Iterable[str], shape: tuple[Size, ...]) -> frozenset[str]:
    """The facts, if a tensor of this shape can have them.

    Raises
    ------
    NameError_
        For what is no fact.
    ShapeError
        When it is about another shape.
    """
    known = frozenset([facts] if isinstance(facts, str) else facts)
    for fact in sorted(known, key=str):
        if fact not in FACTS:
            raise NameError_(f"tensor {name}: {fact!r} is not a known fact; known are {', '.join(FACTS)}")
        if FACTS[fact].of == "square" and (len(shape) != 2 or shape[0] != shape[1]):
            raise ShapeError(f"tensor {name} of shape {show_shape(shape)} cannot be {fact}: a square matrix is needed")
        if FACTS[fact].of == "axis" and not shape:
            raise ShapeError(f"tensor {name} is a scalar and cannot be {fact}: at least one axis is needed")
    return known


def assumptions(facts: frozenset[str]) -> dict[str, bool]:
    """What SymPy is told of a symbol with these facts."""
    return {"positive": True} if facts & {"positive", "unit", "simplex"} and "diagonal" not in facts else {}
