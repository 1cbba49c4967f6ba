"""What a drawing of a graph consists of, before it has places: vertices and arrows with their texts."""

from __future__ import annotations

from dataclasses import dataclass, field

INPUT, CONSTANT, OPERATION, OUTPUT = "input", "constant", "operation", "output"


@dataclass
class Vertex:
    """A box or a circle.

    Attributes
    ----------
    kind : {"input", "constant", "operation", "output"}
    text : str
        Inside: a name or the sign of an operation.
    caption : str
        Above: the names that the result was given.
    total : str
        Below: the whole derivative, where several uses add to it.
    tooltip : str
    shared : bool
        The derivative of this result is used for more than one thing before it.
    """

    kind: str
    text: str
    caption: str = ""
    total: str = ""
    tooltip: str = ""
    shared: bool = False


@dataclass
class Arrow:
    """From a value to what uses it.

    Attributes
    ----------
    source, target : int
        Positions in the picture's vertices.
    above, below : str
        The value, and what this use adds to the value's derivative.
    sign : str
        At the head: "-" for what is subtracted.
    shared : bool
        What stands below is used more than once.
    """

    source: int
    target: int
    above: str = ""
    below: str = ""
    sign: str = ""
    shared: bool = False


@dataclass
class Picture:
    """Vertices (what is used stands before what uses it), arrows, and the lines of the legend."""

    title: str
    vertices: list[Vertex] = field(default_factory=list)
    arrows: list[Arrow] = field(default_factory=list)
    legend: list[str] = field(default_factory=list)
    has_values: bool = False
    has_derivatives: bool = False

    def add(self, vertex: Vertex) -> int:
        """Add a vertex; its position."""
        self.vertices.append(vertex)
        return len(self.vertices) - 1


def repeated_inputs(picture: Picture, rows: list[int]) -> Picture:
    """The picture with a copy of an input in every row that uses it.

    Parameters
    ----------
    picture : Picture
    rows : list of int
        The row of every vertex.
    """
    made = Picture(picture.title, list(picture.vertices), [], picture.legend, picture.has_values, picture.has_derivatives)
    first: dict[int, int] = {}
    for arrow in picture.arrows:
        if picture.vertices[arrow.source].kind == INPUT:
            first[arrow.source] = min(first.get(arrow.source, rows[arrow.target]), rows[arrow.target])
    copies: dict[tuple[int, int], int] = {}
    for arrow in picture.arrows:
        row, source = rows[arrow.target], arrow.source
        if source in first and row != first[source]:
            if (source, row) not in copies:
                original = picture.vertices[source]
                copies[source, row] = made.add(Vertex(INPUT, original.text, tooltip=original.tooltip))
            source = copies[source, row]
        made.arrows.append(Arrow(source, arrow.target, arrow.above, arrow.below, arrow.sign, arrow.shared))
    return made
