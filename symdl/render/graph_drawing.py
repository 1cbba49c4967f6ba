"""The picture of a computational graph: circles for operations, boxes for inputs, values forward, derivatives backward."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
import sympy as sp

from symdl.errors import UnsupportedError
from symdl.expr.dims import show_shape
from symdl.graph import node as kinds
from symdl.graph.node import Node
from symdl.graph.number import Number, is_negative, times
from symdl.graph.walk import depends_on, topological
from symdl.render.graph_svg import picture_svg
from symdl.render.picture import CONSTANT, INPUT, OPERATION, OUTPUT, Arrow, Picture, Vertex

#: Nobody reads a drawing of more vertices than this.
MAX_VERTICES = 3000

#: Lines of the legend that name shared derivatives.
MAX_LEGEND = 6

_SIGNS = {
    "sigmoid": "σ",
    "step": "u",
    "relu": "ReLU",
    "positive": ">0",
    "softplus": "softplus",
    "abs": "|·|",
    "sign": "sgn",
    "pow": "xʸ",
    "logsumexp": "LSE",
    "max": "max",
    "inv": "⁻¹",
    "det": "det",
    "logdet": "log det",
}


class Numbers(NamedTuple):
    """Forward values of nodes; what the use of a value as (user, position) adds to its derivative; derivatives of nodes."""

    forward: Mapping[Node, Any]
    parts: Mapping[tuple[Node, int], Any]
    totals: Mapping[Node, Any]


def graph_picture(root: Node, numbers: Numbers | None = None) -> str:
    """The computational graph under a named result, as SVG.

    Raises
    ------
    UnsupportedError
        When the graph has too many operations for a drawing.
    """
    return picture_svg(picture(root, numbers))


def picture(root: Node, numbers: Numbers | None = None) -> Picture:
    """What the drawing shows; see :func:`graph_picture`."""
    return _Builder(root, numbers).build()


def show_value(value: Any) -> str:
    """A number as a person writes it, or the shape of an array."""
    if np.ndim(value):
        return show_shape(np.shape(value))
    number = float(value)
    shown = f"{number:.6g}"
    return shown.replace("-", "−") if "e" not in shown else shown.replace("e-0", "e-").replace("e+0", "e").replace("e+", "e")


class _Builder:
    def __init__(self, root: Node, numbers: Numbers | None) -> None:
        self._root, self._numbers = root, numbers
        self._order = topological([root])
        if len(self._order) > MAX_VERTICES:
            raise UnsupportedError(f"the graph has {len(self._order)} operations, too many to draw (at most {MAX_VERTICES}): draw a part of it")
        self._relevant = depends_on(self._order, [n for n in self._order if n.op == kinds.INPUT])
        self._made = Picture(f"computational graph of {root.name}")
        self._made.has_values = numbers is not None
        self._made.has_derivatives = numbers is not None and bool(numbers.totals)
        self._vertex: dict[Node, int] = {}
        self._captions: dict[Node, list[str]] = {}
        self._uses: dict[int, int] = {}

    def build(self) -> Picture:
        shown = self._root.args[0] if self._root.op == kinds.LET else self._root
        for node in self._order:
            if node is self._root and node is not shown:
                break
            self._place(node)
        self._output(shown)
        self._mark_shared()
        return self._made

    # --- vertices -------------------------------------------------------------------------------------------

    def _place(self, node: Node) -> None:
        if node.op == kinds.CONST:
            return  # a constant stands once for each use
        if node.op == kinds.INPUT:
            shape = show_shape(node.shape) if node.shape else ""
            self._vertex[node] = self._made.add(Vertex(INPUT, str(node.name), caption=shape))
            return
        if node.op == kinds.LET and node.args[0].op not in (kinds.INPUT, kinds.CONST, kinds.LET) and self._only_name(node):
            self._vertex[node] = place = self._vertex[node.args[0]]
            self._made.vertices[place].caption = str(node.name)
            return
        self._vertex[node] = place = self._made.add(Vertex(OPERATION, sign_of(node), tooltip=node.op))
        self._operands(node, place)
        if node.op == kinds.LET:
            self._made.vertices[place].caption = str(node.name)

    def _only_name(self, let: Node) -> bool:
        """The definition is the first that names its body: the body's circle gets the name."""
        return not self._made.vertices[self._vertex[let.args[0]]].caption

    def _operands(self, node: Node, place: int) -> None:
        """Arrows into an operation, with the constants that it holds."""
        if node.op == kinds.MUL and node.attr.coef != 1:
            self._constant(node.attr.coef, place)
        for position, arg in enumerate(node.args):
            coef = node.attr[position] if node.op == kinds.ADD else 1
            if arg.op == kinds.CONST:
                self._constant(times(coef, arg.attr), place)
            elif coef in (1, -1):
                self._arrow(node, position, self._vertex[arg], place, "−" if coef == -1 else "")
            else:
                self._weighted(node, position, coef, place)

    def _constant(self, value: Number, place: int) -> None:
        made = self._made.add(Vertex(CONSTANT, str(value).replace("-", "−")))
        self._made.arrows.append(Arrow(made, place))

    def _weighted(self, node: Node, position: int, coef: Number, place: int) -> None:
        """A coefficient in a sum is a circle of its own."""
        negative = is_negative(coef)
        size = times(-1, coef) if negative else coef
        times_circle = self._made.add(Vertex(OPERATION, "×"))
        self._constant(size, times_circle)
        self._arrow(node, position, self._vertex[node.args[position]], times_circle)
        above = below = ""
        if self._numbers is not None:
            factor = None if isinstance(size, sp.Expr) and size.free_symbols else float(size)
            value = self._numbers.forward[node.args[position]]
            above = show_value(np.asarray(value) * factor) if factor is not None else ""
            total = self._numbers.totals.get(node)
            below = "" if total is None else show_value(-np.asarray(total) if negative else total)
        self._made.arrows.append(Arrow(times_circle, place, above, below, "−" if negative else ""))

    def _arrow(self, user: Node, position: int, source: int, target: int, sign: str = "") -> None:
        value = user.args[position]
        above = below = ""
        if self._numbers is not None:
            above = show_value(self._numbers.forward[value])
            part = self._numbers.parts.get((user, position))
            below = "" if part is None else show_value(part)
        self._uses[source] = self._uses.get(source, 0) + 1
        self._made.arrows.append(Arrow(source, target, above, below, sign))

    def _output(self, shown: Node) -> None:
        place = self._made.add(Vertex(OUTPUT, str(self._root.name), caption=show_shape(self._root.shape) if self._root.shape else ""))
        if shown.op == kinds.CONST:
            self._constant(shown.attr, place)
            return
        above = below = ""
        if self._numbers is not None:
            above = show_value(self._numbers.forward[shown])
            below = "1" if self._made.has_derivatives else ""
        self._made.arrows.append(Arrow(self._vertex[shown], place, above, below))

    # --- what is shared -------------------------------------------------------------------------------------

    def _mark_shared(self) -> None:
        """Derivatives that are used more than once on the way back, the output's own 1 aside."""
        totals = self._numbers.totals if self._numbers is not None else {}
        lines = []
        for node, place in self._vertex.items():
            users = self._uses.get(place, 0)
            if users > 1 and node in totals and self._made.vertices[place].total == "":
                self._made.vertices[place].total = show_value(totals[node])
            before = [a for a in dict.fromkeys(node.args) if a in self._relevant]
            if len(before) < 2 or node is self._root or self._root.args[:1] == (node,):
                continue
            self._made.vertices[place].shared = True
            for arrow in self._made.arrows:
                arrow.shared = arrow.shared or arrow.source == place
            lines.append(self._shared_line(node, place, before, totals))
        self._made.legend = lines[:MAX_LEGEND] + ([f"... and {len(lines) - MAX_LEGEND} more"] if len(lines) > MAX_LEGEND else [])

    def _shared_line(self, node: Node, place: int, before: list[Node], totals: Mapping[Node, Any]) -> str:
        name = self._made.vertices[place].caption or f"({self._formula(node)})"
        value = f"{show_value(totals[node])} = " if node in totals else ""
        users = [self._formula(a) for a in before]
        listed = ", ".join(users[:4]) + (", ..." if len(users) > 4 else "")
        return f"{value}∂{self._root.name}/∂{name}: worked out once, used for {listed}"

    def _formula(self, node: Node, depth: int = 2) -> str:
        """A short formula of a nameless result, two operations deep."""
        if node.op == kinds.CONST:
            return str(node.attr)
        name = node.name or self._made.vertices[self._vertex[node]].caption
        if name:
            return str(name)
        sign = {kinds.ADD: " + ", kinds.MUL: " × "}.get(node.op) if sign_of(node) in ("+", "×") else None
        if sign is None or depth == 0 or len(node.args) > 3:
            return f"{sign_of(node)} …" if depth < 2 else sign_of(node)
        return sign.join(self._formula(a, depth - 1) for a in node.args)


def sign_of(node: Node) -> str:
    """What stands in the circle of an operation."""
    if node.op == kinds.ADD:
        return "+"
    if node.op == kinds.MUL:
        many = len(node.args) + (node.attr.coef != 1) > 1
        return ("Σ×" if many else "Σ") if node.attr.summed else ("×" if many else "δ" if node.attr.deltas else "=")
    if node.op == kinds.POW:
        return {"2": "x²", "3": "x³", "-1": "1/x", "1/2": "√x"}.get(str(node.attr), f"x^{node.attr}".replace("-", "−"))
    if node.op == kinds.REDUCE:
        return _SIGNS[node.attr.kind]
    if node.op == kinds.LET:
        return "="
    return _SIGNS.get(str(node.attr), str(node.attr))
