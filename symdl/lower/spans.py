"""Parameters that meet data along an index only: graphs in which that index runs over the few directions that the data span.

Take a layer X @ W of N samples with p features each, N < p. Values and gradients see W through X only, and every gradient of W is X'D: all of descent goes
on in the span of the rows of X, of at most N dimensions. With X = L Q', Q an orthonormal basis of that span (an LQ decomposition, Golub and Van Loan,
Matrix Computations, section 5.2), the same graph on L, N x N, and W' = Q'W has the same values, and its gradient by W' is Q' times that by W. Descent with or
without momentum on W' therefore takes the same path: W = W0 + Q (W' - Q'W0). (Methods that treat every coordinate by itself, such as Adam, do not.)

What must hold: along the index, data meet data or parameters in pairs, and are summed over it. Parameters never meet each other: |W|^2 has a part outside
the span.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field

from symdl.graph import build
from symdl.graph import node as kinds
from symdl.graph.build import Term
from symdl.graph.labels import is_fixed
from symdl.graph.node import Node
from symdl.graph.rebuild import placed
from symdl.graph.walk import depends_on, topological
from symdl.lower.invariants import with_arguments


class NotSpannedError(Exception):
    """Values could depend on what lies outside the span of the data."""


class _JoinsError(Exception):
    """Another leaf has the index, too."""

    def __init__(self, leaf: Node, axis: int) -> None:
        super().__init__()
        self.leaf, self.axis = leaf, axis


@dataclass
class Span:
    """Leaves that meet along one index.

    Attributes
    ----------
    data, params : dict
        Leaf -> its axis of that index. A leaf of data is an input, or what is made of inputs that are data.
    """

    data: dict[Node, int] = field(default_factory=dict)
    params: dict[Node, int] = field(default_factory=dict)


class Graph:
    """Loss and gradients, looked through for spans.

    Parameters
    ----------
    roots : sequence of Term
        The loss, then a gradient for every parameter.
    parameters : sequence of Node
        In the order of the gradients.
    """

    def __init__(self, roots: Sequence[Term], parameters: Sequence[Node]) -> None:
        self._roots, self._parameters = list(roots), list(parameters)
        self._order = topological(t.node for t in roots)
        self._moving = depends_on(self._order, parameters)

    def spans(self) -> Iterator[Span]:
        """All of them, from every axis of every parameter."""
        for parameter, axis in self._meeting():
            span = self._closed(Span({}, {parameter: axis}))
            if span is not None:
                yield span

    def _meeting(self) -> list[tuple[Node, int]]:
        """Axes of parameters that are summed over together with data: one look at each node finds where a closer look is worth it."""
        left: list[tuple[Node, int]] = []
        for node in self._order:
            if node.op == kinds.MUL and node in self._moving:
                data = {k for a, m in node.terms() if a not in self._moving for k in m}
                left += [(a, axis) for a, m in node.terms() if a in self._moving for axis, k in enumerate(m) if k >= node.rank and k in data]
        seen: dict[tuple[Node, int], None] = {}
        while left:
            node, axis = here = left.pop()
            if here not in seen and node in self._moving:
                seen[here] = None
                if node.op in (kinds.ADD, kinds.LET):
                    left += [(a, place) for a, m in node.terms() for place, k in enumerate(m) if k == axis]
        return [(node, axis) for node, axis in seen if node in self._parameters and not node.attr.facts]

    def _closed(self, span: Span) -> Span | None:
        while True:
            try:
                self._axes(span)
            except _JoinsError as more:
                mine = span.params if more.leaf in self._moving else span.data
                if more.leaf in mine or (more.leaf in self._moving and more.leaf.attr.facts):
                    return None  # two axes of one leaf, or a parameter whose elements are tied or bounded
                mine[more.leaf] = more.axis
            except NotSpannedError:
                return None
            else:
                return span if span.data else None

    def narrowed(self, span: Span, leaves: dict[Node, Node], size: int) -> list[Term]:
        """The roots with these leaves instead, whose axis of the index has this size."""
        axes = self._axes(span)
        made: dict[Node, Term] = {}
        for node in self._order:
            own = tuple(range(node.rank))
            if node in leaves:
                made[node] = Term(leaves[node], own)
                continue
            args = [placed(made[a], m) for a, m in node.terms()]
            along = {m[axis] for a, m in node.terms() for axis in axes.get(a, ())}
            if node.op == kinds.MUL and along:
                sizes = [size if k in along else n for k, n in enumerate(node.sizes())]
                deltas = [build.Delta(a, b, sizes[a]) for a, b in node.attr.deltas]
                made[node] = build.mul(node.attr.coef, args, deltas, dict(enumerate(sizes[node.rank :], start=node.rank)))
            elif node.op == kinds.LET and along:
                shape = [size if k in along else n for k, n in enumerate(node.shape)]
                made[node] = build.let(node.attr.name, args[0], own, shape, node.attr.role)
            else:
                made[node] = with_arguments(node, args)
        return [placed(made[t.node], t.map) for t in self._roots]

    # --- where the index goes ---------------------------------------------------------------------------------

    def _axes(self, span: Span) -> dict[Node, dict[int, bool]]:
        """Of every node the axes of the index, each with whether all of it lies in the span; checked up to the roots."""
        found: dict[Node, dict[int, bool]] = {}
        for node in self._order:
            if node in span.data:
                found[node] = {span.data[node]: True}
            elif node in span.params:
                found[node] = {span.params[node]: False}
            else:
                axes = self._through(node, found)
                if axes:
                    found[node] = axes
        self._check(found, span)
        return found

    def _through(self, node: Node, found: dict[Node, dict[int, bool]]) -> dict[int, bool]:
        if not any(a in found for a in node.args):
            return {}
        if node.op not in (kinds.MUL, kinds.ADD, kinds.LET):
            raise NotSpannedError
        along = {m[axis] for a, m in node.terms() for axis in found.get(a, ())}
        if any(is_fixed(k) for k in along) or (node.op == kinds.MUL and any(k in pair for k in along for pair in node.attr.deltas)):
            raise NotSpannedError
        axes: dict[int, bool] = {}
        for k in along:
            inside = [self._inside(a, axis, found) for a, m in node.terms() for axis, e in enumerate(m) if e == k]
            if any(m.count(k) > 1 for m in node.maps):
                raise NotSpannedError
            if node.op == kinds.MUL and k >= node.rank:
                if len(inside) != 2 or not any(inside):
                    raise NotSpannedError
            elif len(inside) != (1 if node.op == kinds.MUL else len(node.args)):
                raise NotSpannedError
            else:
                axes[k] = all(inside)
        return axes

    def _inside(self, node: Node, axis: int, found: dict[Node, dict[int, bool]]) -> bool:
        if axis in found.get(node, ()):
            return found[node][axis]
        if node in found or node.op in (kinds.CONST, kinds.POSITION) or (node in self._moving and node.op != kinds.INPUT):
            raise NotSpannedError
        raise _JoinsError(node, axis)

    def _check(self, found: dict[Node, dict[int, bool]], span: Span) -> None:
        """The loss has no such axis, and a gradient the one of its parameter, if any: within the span, or descent would leave it."""
        for root, parameter in zip(self._roots, [None, *self._parameters], strict=True):
            axes = {root.map[k]: inside for k, inside in found.get(root.node, {}).items()}
            wanted = {span.params[parameter]: True} if parameter in span.params else {}
            if axes != wanted:
                raise NotSpannedError


def leaves_of(span: Span) -> Iterable[tuple[Node, int]]:
    """Data, then parameters, with their axes."""
    return [*span.data.items(), *span.params.items()]


__all__ = ["Graph", "NotSpannedError", "Span", "leaves_of"]
