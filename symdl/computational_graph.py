"""The computational graph of an expression: named results forward, derivatives backward, and the drawing of both."""

from __future__ import annotations

import itertools
import reprlib
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from symdl.diff import reverse
from symdl.errors import DataError, DomainError, NameError_, ShapeError, UnsupportedError
from symdl.expr.declared import declared
from symdl.expr.dims import show_shape
from symdl.expr.tensor import Expr, as_expr, let, of_node
from symdl.graph.node import CONST, INPUT, LET, Node
from symdl.graph.walk import topological

if TYPE_CHECKING:
    from symdl.render.graph_drawing import Numbers


class Graph:
    """The computational graph of an expression: named results forward, derivatives backward, and a drawing. Made by :meth:`of`.

    Attributes
    ----------
    output : str
        The name of the expression itself; "output" when it has none.
    inputs : tuple of str
        In the order in which they were declared.
    results : tuple of str
        What ``sd.let`` named, and the output, in order of computation.

    Examples
    --------
    >>> x, y = sd.tensor("x"), sd.tensor("y")
    >>> graph = sd.Graph.of(sd.let("cost", sd.let("s", x + y) ** 2))
    >>> graph.forward(x=1, y=2)
    {'s': 3.0, 'cost': 9.0}
    >>> graph.backward("cost", x=1, y=2)
    {'x': 6.0, 'y': 6.0, 's': 6.0, 'cost': 1.0}
    """

    def __init__(self, expr: Expr) -> None:
        if not isinstance(expr, Expr):
            raise DataError(f"Graph: {reprlib.repr(expr):.60} is no expression of symdl: sd.Graph.of reads SymPy's too")
        named = _by_name(expr.node)
        if expr.name is None:  # a name for the output, as sd.let gives it
            expr = let(_free("output", named), expr)
            named[str(expr.name)] = expr.node
        self._expr = expr
        self._named = named
        self._order = topological([expr.node])
        self.output = str(expr.name)
        self.inputs = tuple(str(n.name) for n in sorted((n for n in named.values() if n.op == INPUT), key=declared))
        self.results = tuple(name for name, n in named.items() if n.op == LET)

    @classmethod
    def of(cls, expr: Any) -> Graph:
        """The graph of an expression.

        Parameters
        ----------
        expr : Expr or SymPy expression
            Without open index letters.

        Returns
        -------
        Graph

        Raises
        ------
        ShapeError
            When index letters are open.
        NameError_
            When one name stands for two things.
        """
        made = as_expr(expr)
        if made.open:
            letters = ", ".join(sorted(map(str, made.open)))
            raise ShapeError(f"Graph.of: the index {letters} is open: sum over it, or use whole tensors")
        return cls(made)

    # --- what it consists of --------------------------------------------------------------------------------

    @property
    def nodes(self) -> tuple[str, ...]:
        """Names of the inputs, then of the named results in order of computation."""
        return self.inputs + self.results

    @property
    def edges(self) -> tuple[tuple[str, str], ...]:
        """(from, to) for every named thing that a named result is computed from, nameless operations between them."""
        name_of = {n: name for name, n in self._named.items()}
        sources: dict[Node, dict[str, None]] = {}
        found: list[tuple[str, str]] = []
        for node in self._order:
            under: dict[str, None] = {}
            for arg in node.args:
                under.update({name_of[arg]: None} if arg in name_of else sources[arg])
            sources[node] = under
            if node in name_of:
                found += [(source, name_of[node]) for source in under]
        return tuple(found)

    def __str__(self) -> str:
        from symdl.render.formula import Printer
        from symdl.render.reading import Reading

        reading = Reading({n: name for name, n in self._named.items() if n.op != INPUT}, [self._expr.node])
        lines = [f"graph of {self.output}: {len(self.inputs)} inputs, {len(self.results)} named results, {self._operations()} operations"]
        shapes = [name + (show_shape(self._named[name].shape) if self._named[name].shape else "") for name in self.inputs]
        lines += ["  inputs: " + ", ".join(shapes)] if shapes else []
        printer = Printer(reading.letters)
        for name in self.results:
            whole, definition = reading.reference(self._named[name]), reading.definition(self._named[name])
            array = printer.matrix_text(definition)
            element = reading.element
            lines.append(f"  {name} = {array}" if array is not None else f"  {printer.text(element(whole))} = {printer.text(element(definition))}")
        return "\n".join(lines)

    __repr__ = __str__

    def _operations(self) -> int:
        return sum(n.op not in (INPUT, CONST, LET) for n in self._order)

    # --- numbers --------------------------------------------------------------------------------------------

    def forward(self, /, **values: Any) -> dict[str, Any]:
        """Forward propagation.

        Parameters
        ----------
        **values : number or array
            One for every input.

        Returns
        -------
        dict
            Name -> value for every named result and the output: a float for a scalar, else an array.

        Raises
        ------
        DataError
            When a value is missing, not finite or of the wrong shape.
        NameError_
            When there is no input of that name.
        """
        return self._evaluate(values, {name: self._whole(name) for name in self.results})

    def backward(self, output_name: str, /, **values: Any) -> dict[str, Any]:
        """Backward propagation from a named result: its derivative by every input and by every named result before it.

        Parameters
        ----------
        output_name : str
            A named result that is a scalar.
        **values : number or array
            One for every input.

        Returns
        -------
        dict
            Name -> derivative: a float for a scalar, else an array of its shape. 0 for inputs that the result does not depend on.

        Raises
        ------
        NameError_, ShapeError
            When there is no such result, or it is no scalar.
        DataError
            As :meth:`forward`.
        """
        top = self._result(output_name)
        before = set(topological([top.node]))
        names = [n for n in self.nodes if n in self.inputs or self._named[n] in before]
        swept = reverse.sweep(top, [self._named[n] for n in names], _adjoint_name)
        return self._evaluate(values, {n: swept.adjoint(self._named[n]) for n in names})

    def _result(self, name: Any) -> Expr:
        if name not in self.results:
            raise NameError_(f"{name!r:.60} is not a result of this graph; it has {', '.join(self.results[:12])}")
        top = self._whole(name)
        if top.shape:
            raise ShapeError(f"backward from {name} of shape {show_shape(top.shape)}: it must be a scalar; sum it first")
        return top

    def _whole(self, name: str) -> Expr:
        return of_node(self._named[name])

    def _evaluate(self, values: Mapping[str, Any], wanted: Mapping[Any, Expr]) -> dict[Any, Any]:
        """The values of expressions, all by one program: floats for scalars, else arrays."""
        from symdl.lower.api import lambdify

        given = self._given(values)
        if not wanted:
            return {}
        program = lambdify([of_node(self._named[name]) for name in self.inputs], list(wanted.values()))
        found = {}
        for (key, expr), value in zip(wanted.items(), program(*given), strict=True):
            found[key] = np.asarray(value) if expr.shape else float(value)
            if not np.all(np.isfinite(found[key])):
                what = key if isinstance(key, str) else "a result"
                raise DomainError(f"{what} is not a finite number at the values given: move them into the domain of the expression")
        return found

    def _given(self, values: Mapping[str, Any]) -> list[Any]:
        """The values in the order of the inputs."""
        unknown = [name for name in values if name not in self.inputs]
        if unknown:
            what = "a result, which is computed" if unknown[0] in self._named else "not an input of this graph"
            raise NameError_(f"{unknown[0]!r:.60} is {what}; the inputs are {', '.join(self.inputs) or 'none'}")
        missing = [name for name in self.inputs if name not in values]
        if missing:
            raise DataError(f"no value for {', '.join(missing)}: give one for every input, {missing[0]}=...")
        return [_number(name, values[name], self._named[name]) for name in self.inputs]

    # --- drawing --------------------------------------------------------------------------------------------

    def svg(self, values: Mapping[str, Any] | None = None) -> str:
        """The drawing as SVG: forward values above every arrow, backward values below.

        Parameters
        ----------
        values : mapping or None
            Name of input -> value; None draws the operations only.

        Returns
        -------
        str

        Raises
        ------
        DataError, NameError_
            As :meth:`forward`.
        """
        from symdl.render.graph_drawing import graph_picture

        return graph_picture(self._expr.node, None if values is None else self._numbers(values))

    def draw(self, path: str | Path, values: Mapping[str, Any] | None = None) -> Path:
        """Write the drawing to an .svg file.

        Parameters
        ----------
        path : path
            Ends in .svg.
        values : mapping or None
            As for :meth:`svg`.

        Returns
        -------
        Path

        Raises
        ------
        UnsupportedError
            For any other ending.
        DataError, NameError_
            As :meth:`forward`; and when the file cannot be written.
        """
        from symdl.render.save import write_text

        target = Path(path)
        if target.suffix.lower() != ".svg":
            raise UnsupportedError(f"{target.name}: a graph is drawn as .svg; name the file {target.stem}.svg")
        return write_text(target, self.svg(values))

    def _numbers(self, values: Mapping[str, Any]) -> Numbers:
        """What the drawing shows: forward values, what every use of a value adds to its derivative, and the derivatives."""
        from symdl.render.graph_drawing import Numbers

        wanted: dict[Any, Expr] = {("forward", n): of_node(n) for n in self._order if n.op != CONST}
        if not self._expr.shape:
            swept = reverse.sweep(self._expr, [n for n in self._order if n.op == INPUT], _adjoint_name)
            for record in swept.records:
                wanted["total", record.node] = reverse.as_adjoint(self._expr, record.node, record.adjoint)
                for edge, part in zip(record.edges, swept.parts(record), strict=True):
                    wanted["part", edge.user, edge.position] = reverse.as_adjoint(self._expr, record.node, part)
        found = self._evaluate(values, wanted)
        kinds = {kind: {key[1:]: v for key, v in found.items() if key[0] == kind} for kind in ("forward", "part", "total")}
        return Numbers({k[0]: v for k, v in kinds["forward"].items()}, kinds["part"], {k[0]: v for k, v in kinds["total"].items()})


def graph_svg(expr: Any, values: Mapping[str, Any] | None = None) -> str:
    """The drawing of an expression's computational graph; see :meth:`Graph.svg`."""
    return Graph.of(expr).svg(values)


def _by_name(root: Node) -> dict[str, Node]:
    """Inputs and named results in order of computation."""
    found: dict[str, Node] = {}
    for node in topological([root]):
        if node.op not in (INPUT, LET):
            continue
        name = str(node.name)
        if node.op == LET and node.attr.role == "adjoint":
            name = _free(name, found)  # of some earlier derivation: the name is ours to change
        if found.setdefault(name, node) is not node:
            raise NameError_(f"the name {node.name} stands for two different things: rename one of them")
    return found


def _free(wished: str, taken: Mapping[str, Any]) -> str:
    candidates = itertools.chain([wished], (f"{wished}_{k}" for k in itertools.count(1)))
    return next(name for name in candidates if name not in taken)


def _adjoint_name(node: Node) -> str:
    """Derivatives that are used more than once stay one node each, as they are worked out once."""
    return f"adjoint{node.serial}"


def _number(name: str, value: Any, node: Node) -> Any:
    """A value as a float or an array of floats."""
    if isinstance(value, (str, bytes)):
        raise DataError(f"{name} = {value!r:.40} is text: give a number")
    try:
        array = np.asarray(value, dtype=float)
    except (TypeError, ValueError):
        raise DataError(f"{name} = {value!r:.40} is not a number or an array of numbers") from None
    if array.ndim != node.rank:
        raise DataError(f"{name} has the shape {show_shape(array.shape)}, and the expression needs {show_shape(node.shape)}")
    if not np.all(np.isfinite(array)):
        raise DataError(f"{name} has a value that is not finite (NaN or infinite)")
    return array if node.rank else float(array)
