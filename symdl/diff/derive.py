"""derive: from a loss and its parameters to a Derivation."""

from __future__ import annotations

from collections.abc import Iterable
from functools import cached_property
from typing import Any

from symdl.diff import forward, reverse
from symdl.diff.lines import lines
from symdl.diff.naming import Names
from symdl.diff.route import route
from symdl.diff.shorten.finish import finished
from symdl.diff.structured import restricted
from symdl.diff.taped import gradient
from symdl.errors import ShapeError
from symdl.expr.later import Named, Source
from symdl.expr.structured import FULL
from symdl.expr.tensor import Expr, as_expr, describe
from symdl.graph import node as kinds
from symdl.graph.node import Node
from symdl.graph.walk import topological
from symdl.steps.step import Derivation, Rule, Told


def derivation(loss: Expr, wrt: dict[str, Expr], structure: Any = FULL) -> Derivation:
    """Differentiate a scalar by whole tensors.

    Parameters
    ----------
    loss : Expr
        A scalar, without open index letters.
    wrt : dict
        Name -> a whole tensor or named result.
    structure : str, mapping by name, or None
        Over which entries of symmetric and diagonal matrices is differentiated, see ``symdl.expr.structured``; None: as declared.
    """
    if loss.shape or loss.open:
        raise ShapeError(f"{describe(loss)} is not a scalar: sum it first, or use sd.jacobian")
    return (_in_a_table(loss, wrt) if structure is None or (isinstance(structure, str) and structure == FULL) else None) or _written(loss, wrt, structure)


def _in_a_table(loss: Expr, wrt: dict[str, Expr]) -> Derivation | None:
    """The derivatives of a scalar made of scalars, as rows of a table; they are written as nodes when somebody looks. None for all else."""
    found = None if loss.map else gradient(loss.node, [e.node for e in wrt.values()])
    if found is None:
        return None
    by = found.by.tolist()
    later = _Later(loss, wrt, by)
    return Derivation(loss, wrt, Named(Source(found, later.node), wrt, by), lambda: later.written.told)


class _Later:
    """The gradients as nodes, when somebody looks; ``by``: the rows that they are."""

    def __init__(self, loss: Expr, wrt: dict[str, Expr], by: list[int]) -> None:
        self._loss, self._wrt, self._by = loss, wrt, by

    @cached_property
    def written(self) -> Derivation:
        """The derivation with nodes."""
        return _written(self._loss, self._wrt, None)

    @cached_property
    def _by_row(self) -> dict[int, Expr]:
        return dict(zip(self._by, self.written.gradients.values(), strict=True))

    def node(self, row: int) -> Node:
        """The node that is a row."""
        return self._by_row[row].node


def _written(loss: Expr, wrt: dict[str, Expr], structure: Any) -> Derivation:
    """The gradients as nodes, shortened, with names and steps."""
    targets = [e.node for e in wrt.values()]
    way = route(loss.node, targets)
    order = way.order
    names = Names(order, loss.node, way.relevant - way.hidden)
    swept = reverse.sweep(loss, targets, names.adjoint, way)
    found = {name: swept.adjoint(e.node) for name, e in wrt.items()}
    rewriting = _rewriting(found, order, swept)
    plain = {name: after[-1][1] if after else found[name] for name, after in rewriting.items()}
    known = frozenset(order)
    over = {name: restricted(plain[name], e.node, structure, known) for name, e in wrt.items()}
    gradients = {name: gradient for name, (gradient, _) in over.items()}
    # Of scalars, all adjoints are reachable from the gradients, and there may be many.
    named = swept.adjoint_nodes() if way.scalar and not any(rewriting.values()) else topological([g.node for g in gradients.values()])
    told = Told(
        names.loss,
        dict(names.of) | _adjoint_names(named),
        _forward(order, names, loss.node),
        lambda: lines(swept, names, wrt, rewriting, {name: step for name, (_, step) in over.items()}),
        lambda: names.labels,
    )
    return Derivation(loss, wrt, gradients, lambda: told)


def jacobian(out: Expr, by: Expr, structure: Any = FULL) -> Expr:
    """d out / d by, of shape out.shape + by.shape; ``by`` is a whole tensor. By a scalar, forwards: d A^-1/dt is a product of matrices."""
    if not by.shape and out.shape and all(n.op != kinds.RECUR for n in topological([out.node])):
        return forward.differential(out, {by.node: as_expr(1)})
    way = route(out.node, [by.node])
    swept = reverse.sweep(out, [by.node], way=way)
    found = swept.adjoint(by.node)
    after = _rewriting({"": found}, way.order, swept)[""]
    return restricted(after[-1][1] if after else found, by.node, structure, frozenset(way.order))[0]


def _rewriting(found: dict[str, Expr], order: list[Node], swept: reverse.Sweep) -> dict[str, list[tuple[Rule, Expr]]]:
    """By name: what makes the gradient shorter, rewrite by rewrite."""
    steps = finished([g.term for g in found.values()], order, swept.shortener)
    return {name: [(rule, Expr(terms[k], g.shape, g.open)) for rule, terms in steps] for k, (name, g) in enumerate(found.items())}


def _forward(order: list[Node], names: Names, loss: Node) -> tuple[Node, ...]:
    """Named results in order of computation, the loss last."""
    named = [n for n in order if n in names.of and (n.op != kinds.LET or n.attr.role == "let") and n is not loss]
    return (*named, loss)


def _adjoint_names(nodes: Iterable[Node]) -> dict[Node, str]:
    return {n: str(n.name) for n in nodes if n.op == kinds.LET and n.attr.role == "adjoint"}
