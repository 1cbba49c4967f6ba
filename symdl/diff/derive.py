"""derive: from a loss and its parameters to a Derivation."""

from __future__ import annotations

from typing import Any

from symdl.diff import reverse
from symdl.diff.lines import lines
from symdl.diff.naming import Names
from symdl.diff.rewrite import with_sigmoid
from symdl.errors import ShapeError
from symdl.expr.tensor import Expr, describe
from symdl.graph import node as kinds
from symdl.graph.node import Node
from symdl.graph.walk import depends_on, topological
from symdl.steps.step import Derivation


def derivation(loss: Expr, wrt: dict[str, Expr]) -> Derivation:
    """Differentiate a scalar by whole tensors.

    Parameters
    ----------
    loss : Expr
        A scalar, without open index letters.
    wrt : dict
        Name -> a whole tensor or named result.
    """
    if loss.shape or loss.open:
        raise ShapeError(f"{describe(loss)} is not a scalar: sum it first, or use sd.jacobian")
    targets = [e.node for e in wrt.values()]
    order = topological([loss.node])
    names = Names(order, loss.node, depends_on(order, targets))
    swept = reverse.sweep(loss, targets, names.adjoint)
    found = {name: swept.adjoint(e.node) for name, e in wrt.items()}
    gradients = dict(zip(found, _shorten(list(found.values())), strict=True))
    return Derivation(
        loss,
        names.loss,
        wrt,
        dict(names.of) | _adjoint_names(gradients.values()),
        _forward(order, names, loss.node),
        gradients,
        lambda: lines(swept, names, wrt, gradients),
        names.labels,
    )


def jacobian(out: Expr, by: Expr) -> Expr:
    """d out / d by, of shape out.shape + by.shape; ``by`` is a whole tensor."""
    return _shorten([reverse.sweep(out, [by.node]).adjoint(by.node)])[0]


def _shorten(gradients: list[Expr]) -> list[Expr]:
    terms = with_sigmoid([g.term for g in gradients])
    return [Expr(t, g.shape, g.open) for t, g in zip(terms, gradients, strict=True)]


def _forward(order: list[Node], names: Names, loss: Node) -> tuple[Node, ...]:
    """Named results in order of computation, the loss last."""
    named = [n for n in order if n in names.of and (n.op != kinds.LET or n.attr.role == "let") and n is not loss]
    return (*named, loss)


def _adjoint_names(gradients: Any) -> dict[Node, str]:
    nodes = topological([g.node for g in gradients])
    return {n: str(n.name) for n in nodes if n.op == kinds.LET and n.attr.role == "adjoint"}
