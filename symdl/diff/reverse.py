"""The reverse sweep: the chain rule on the graph. No recursion, and every node once.

The adjoint of a node v is d out / d v, with the axes of ``out`` (labels ("o", k)) and of v (labels 0, 1, ...). It is the sum over v's
consumers u of (adjoint of u) x (local partial du/dv), summed over u's indices. Adjoints used more than once become named
definitions, so that the gradient of a graph is a graph that shares its intermediate results with everybody.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import Any

from symdl.diff.fused import WHOLE, fused, softmax_partials
from symdl.diff.local import Local, local_partial
from symdl.diff.recurrences import Joint, Recurrences
from symdl.diff.shorten import Shortener
from symdl.diff.shorten.table import AT_ADJOINTS
from symdl.expr.tensor import Expr
from symdl.graph import build
from symdl.graph.build import Delta, Term
from symdl.graph.node import CONST, INPUT, LET, MUL, RECUR, Node, Size
from symdl.graph.walk import consumers, depends_on, topological
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
    parts: list[Term]
    found: Term  # the adjoint as the chain rule gives it
    rewrites: list[tuple[Rule, Term]]  # what was rewritten in it, and how it read after each
    adjoint: Term  # the same, or the name it was given
    joints: list[Joint] = field(default_factory=list)  # what recurrences among the users give


@dataclass
class Sweep:
    """The result of a sweep: adjoints and the record of how they came about, from the output backwards."""

    out: Expr
    shortener: Shortener
    records: list[Record] = field(default_factory=list)
    adjoints: dict[Node, Term] = field(default_factory=dict)

    def adjoint(self, node: Node) -> Expr:
        """d out / d node, of shape out.shape + node.shape; zeros where out does not depend on it."""
        term = self.adjoints.get(node, build.constant(0))
        return as_adjoint(self.out, node, term)


def as_adjoint(out: Expr, node: Node, term: Term) -> Expr:
    """A term in adjoint labels, as an Expr."""
    place: dict[Any, Any] = {("o", k): k for k in range(out.ndim)}
    place.update({axis: out.ndim + axis for axis in range(node.rank)})
    return Expr(build.rename(term, place), out.shape + node.shape, out.open)


def sweep(out: Expr, targets: Iterable[Node], name: Callable[..., str | None] = lambda node, wished=None: None) -> Sweep:
    """Differentiate ``out`` by the target nodes.

    Parameters
    ----------
    out : Expr
    targets : iterable of Node
    name : callable
        What to call the adjoint of a node that is used more than once; None leaves it unnamed. A second argument is a wish.
    """
    targets = set(targets)
    order = topological([out.node])
    relevant = depends_on(order, targets)
    uses, hidden = fused(order, consumers(order), relevant)
    result = Sweep(out, Shortener(AT_ADJOINTS, frozenset(order).__contains__))
    recurrences = Recurrences(result.adjoints, relevant, name)
    for v in reversed(order):
        if v not in relevant or v in hidden:
            continue
        edges = [Edge(u, p, local) for u, p in uses[v] if u in result.adjoints and u.op != RECUR for local in _locals(u, p)]
        joints = recurrences.contributions(uses[v])
        parts = [_contribution(result.adjoints[e.user], e) for e in edges] + [j.term for j in joints]
        if v is out.node:
            parts.append(_seed(out))
        found = build.add([1] * len(parts), parts)
        rewrites = [(rule, after[0]) for rule, after in result.shortener.at(found)]
        total = rewrites[-1][1] if rewrites else found
        adjoint = _named(out, v, total, name, _relevant_args(v, relevant, hidden))
        result.records.append(Record(v, edges, parts, found, rewrites, adjoint, joints))
        result.adjoints[v] = adjoint
    return result


def _locals(u: Node, position: int) -> list[Local]:
    return softmax_partials(u) if position == WHOLE else [local_partial(u, position)]


def _relevant_args(v: Node, relevant: set[Node], hidden: set[Node]) -> int:
    # A named result hands its adjoint to its body as it is: the name goes to the adjoint of the result, not of the body.
    while v.op == LET:
        v = v.args[0]
    if v.args and v.args[0] in hidden:
        return 2  # the adjoint of a softmax stands in both parts of its derivative
    return sum(a in relevant for a in v.args)


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


def _short(node: Node) -> bool:
    """A number, a name, or a number times a name: as short as any name for it."""
    if node.op == MUL and len(node.args) == 1 and not node.attr.summed and not node.attr.deltas:
        node = node.args[0]
    return node.op in (CONST, INPUT, LET)


def _named(out: Expr, v: Node, total: Term, name: Callable[[Node], str | None], uses: int) -> Term:
    """Give the adjoint a name when it will be used more than once and is more than a name already."""
    if uses < 2 or _short(total.node):
        return total
    chosen = name(v)
    if chosen is None:
        return total
    labels: list[Any] = [("o", k) for k in range(out.ndim)] + list(range(v.rank))
    # An index on which the adjoint does not depend stays out of the definition.
    used = [label for label in labels if label in total.map]
    sizes = build.axis_sizes(total)
    return build.let(chosen, total, used, [sizes[label] for label in used], role="adjoint")
