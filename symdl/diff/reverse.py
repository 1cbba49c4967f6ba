"""The reverse sweep: the chain rule on the graph. No recursion, and every node once.

The adjoint of a node v is d out / d v, with the axes of ``out`` (labels ("o", k)) and of v (labels 0, 1, ...). It is the sum over v's
consumers u of (adjoint of u) x (local partial du/dv), summed over u's indices. Adjoints used more than once become named
definitions, so that the gradient of a graph is a graph that shares its intermediate results with everybody.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from symdl.diff import scalars
from symdl.diff.fused import WHOLE, softmax_partials
from symdl.diff.local import Local, local_partial
from symdl.diff.recurrences import Joint, Recurrences
from symdl.diff.route import Route, route
from symdl.diff.shorten import Shortener
from symdl.diff.shorten.table import AT_ADJOINTS, MAX_WRITTEN_OUT, WRITTEN_OUT
from symdl.expr.tensor import Expr
from symdl.graph import build
from symdl.graph.build import Delta, Term
from symdl.graph.memory import collector_paused
from symdl.graph.node import LET, RECUR, Node, Size
from symdl.graph.reading_order import ReadingOrder
from symdl.steps.step import Rule


@dataclass
class Edge:
    """A use of v by u: where the adjoint of v gets one of its terms from."""

    user: Node
    position: int
    local: Local


@dataclass
class Record:
    """What the sweep did at one node."""

    node: Node
    edges: list[Edge]
    found: Term  # the adjoint as the chain rule gives it
    rewrites: list[tuple[Rule, Term]]  # what was rewritten in it, and how it read after each
    adjoint: Term  # the same, or the name it was given
    joints: list[Joint] = field(default_factory=list)  # what recurrences among the users give


class Sweep:
    """The result of a sweep: adjoints and the record of how they came about, from the output backwards.

    Attributes
    ----------
    out : Expr
    shortener : Shortener
        What made the adjoints shorter.
    adjoints : mapping
        Node -> Term.
    """

    def __init__(self, out: Expr, shortener: Shortener, adjoints: Mapping[Node, Term], records: Callable[[], list[Record]]) -> None:
        self.out = out
        self.shortener = shortener
        self.adjoints = adjoints
        self._records = records

    @cached_property
    def records(self) -> list[Record]:
        """What was done at every node."""
        return self._records()

    def adjoint_nodes(self) -> list[Node]:
        """The nodes that are adjoints, each once."""
        return list(dict.fromkeys([term.node for term in self.adjoints.values()]))

    def parts(self, record: Record) -> list[Term]:
        """What each use of a node adds to its adjoint."""
        return [_contribution(self.adjoints[e.user], e) for e in record.edges]

    def adjoint(self, node: Node) -> Expr:
        """d out / d node, of shape out.shape + node.shape; zeros where out does not depend on it."""
        term = self.adjoints.get(node)
        return as_adjoint(self.out, node, build.constant(0) if term is None else term)


def as_adjoint(out: Expr, node: Node, term: Term) -> Expr:
    """A term in adjoint labels, as an Expr."""
    if not (term.map or out.shape or out.open or node.shape):
        return Expr(term)
    place: dict[Any, Any] = {("o", k): k for k in range(out.ndim)}
    place.update({axis: out.ndim + axis for axis in range(node.rank)})
    return Expr(build.rename(term, place), out.shape + node.shape, out.open)


@collector_paused()
def sweep(out: Expr, targets: Iterable[Node], name: Callable[..., str | None] = lambda node, wished=None: None, way: Route | None = None) -> Sweep:
    """Differentiate ``out`` by the target nodes.

    Parameters
    ----------
    out : Expr
    targets : iterable of Node
    name : callable
        What to call the adjoint of a node that is used more than once; None leaves it unnamed. A second argument is a wish.
    way : Route
        The way from the output to the targets, where it is known already.
    """
    way = way or route(out.node, targets)
    forward = frozenset(way.order).__contains__
    shortener = Shortener(AT_ADJOINTS, forward, Shortener(WRITTEN_OUT, forward) if len(way.order) <= MAX_WRITTEN_OUT else None)

    def rewritten(term: Term) -> list[tuple[Rule, Term]]:
        return [(rule, after[0]) for rule, after in shortener.at(term)]

    if way.scalar:
        found = scalars.sweep(way.order, way.uses, name, rewritten)
        return Sweep(out, shortener, scalars.Terms(found.adjoints), lambda: _scalar_records(out, way, found))
    records: list[Record] = []
    adjoints: dict[Node, Term] = {}
    recurrences, reading = Recurrences(adjoints, way.relevant, name), ReadingOrder()
    for v in reversed(way.order):
        if v not in way.relevant or v in way.hidden:
            continue
        edges = [Edge(u, p, local) for u, p in way.uses[v] if u in adjoints and u.op != RECUR for local in locals_of(u, p)]
        joints = recurrences.contributions(way.uses[v])
        parts = [_contribution(adjoints[e.user], e) for e in edges] + [j.term for j in joints]
        if v is out.node:
            parts.append(_seed(out))
        total = build.add([1] * len(parts), parts)
        rewrites = rewritten(total)
        adjoint = _named(out, v, rewrites[-1][1] if rewrites else total, name, _relevant_args(v, way.relevant, way.hidden), reading)
        records.append(Record(v, edges, total, rewrites, adjoint, joints))
        adjoints[v] = adjoint
    return Sweep(out, shortener, adjoints, lambda: records)


def _scalar_records(out: Expr, way: Route, found: scalars.Found) -> list[Record]:
    """What the sweep over scalars did, in the words of the general rules."""
    records = []
    for v in reversed(way.order):
        if v in way.uses:
            edges = [Edge(u, p, local_partial(u, p)) for u, p in way.uses[v]]
            adjoint = found.adjoints[v]
            records.append(Record(v, edges, Term(found.before.get(v, adjoint), ()), found.rewrites.get(v, []), Term(adjoint, ())))
    return records


def locals_of(u: Node, position: int) -> list[Local]:
    """The local partials of u by its argument at a position."""
    return softmax_partials(u) if position == WHOLE else [local_partial(u, position)]


def _relevant_args(v: Node, relevant: set[Node], hidden: set[Node]) -> int:
    while v.op == LET:
        v = v.args[0]
    if v.args and v.args[0] in hidden:
        return 2  # the adjoint of a softmax stands in both parts of its derivative
    return scalars.hands_on(v, relevant)


def _seed(out: Expr) -> Term:
    """d out / d out: ones on the diagonal."""
    sizes = dict(enumerate(out.shape))
    deltas = []
    for axis, entry in enumerate(out.map):
        label = ("o", entry) if type(entry) is int and entry >= 0 else entry
        deltas.append(Delta(axis, label, sizes.get(entry, out.node.shape[axis])))
    return build.mul(1, [], deltas)


def _contribution(adjoint: Term, edge: Edge) -> Term:
    """adjoint of u x du/dv, summed over u's indices; the deltas collapse here."""
    term = build.mul(edge.local.coef, *contribution_pieces(adjoint, edge))
    return to_axes(term)


def contribution_pieces(adjoint: Term, edge: Edge) -> tuple[list[Term], list[Delta], dict[Any, Size]]:
    """Factors, deltas and summed labels of one term of an adjoint, before anything is summed out."""
    local, u = edge.local, edge.user
    summed = {**dict(enumerate(u.shape)), **local.summed}
    return [adjoint, *local.factors], local.deltas, summed


def to_axes(term: Term) -> Term:
    """From the labels of a local partial, ("d", axis), to adjoint labels."""
    return Term(term.node, tuple(e[1] if isinstance(e, tuple) and e[0] == "d" else e for e in term.map))


def _named(out: Expr, v: Node, total: Term, name: Callable[[Node], str | None], uses: int, reading: ReadingOrder) -> Term:
    """Give the adjoint a name when it will be used more than once and is more than a name already."""
    if uses < 2 or scalars.short(total.node):
        return total
    chosen = name(v)
    if chosen is None:
        return total
    labels: list[Any] = [("o", k) for k in range(out.ndim)] + list(reading.of(v))
    # An index on which the adjoint does not depend stays out of the definition.
    used = [label for label in labels if label in total.map]
    sizes = build.axis_sizes(total)
    return build.let(chosen, total, used, [sizes[label] for label in used], role="adjoint")
