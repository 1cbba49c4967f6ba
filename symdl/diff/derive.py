"""derive: from a loss and its parameters to a Derivation."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from symdl.diff import forward, reverse
from symdl.diff.lines import lines
from symdl.diff.naming import Names
from symdl.diff.route import route
from symdl.diff.shorten.finish import finished
from symdl.diff.structured import restricted
from symdl.errors import ShapeError
from symdl.expr.structured import FULL
from symdl.expr.tensor import Expr, as_expr, describe
from symdl.graph import node as kinds
from symdl.graph.node import Node
from symdl.graph.walk import topological
from symdl.steps.step import Derivation, Rule


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
    return Derivation(
        loss,
        names.loss,
        wrt,
        dict(names.of) | _adjoint_names(named),
        _forward(order, names, loss.node),
        gradients,
        lambda: lines(swept, names, wrt, rewriting, {name: step for name, (_, step) in over.items()}),
        names.labels,
    )


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
