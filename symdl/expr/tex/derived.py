"""Derivatives within a formula, and what the loss may be called."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from symdl.errors import SymdlError
from symdl.expr.tensor import Expr
from symdl.expr.tex.calls import Calls
from symdl.expr.tex.oriented import Value
from symdl.expr.tex.tree import Tex
from symdl.graph.node import LET


class Derived(Calls):
    def _partial(self, tree: Tex) -> Value:
        """A derivative within a formula: what it is, when somebody here can differentiate."""
        if self.derivative is None:
            raise self.fail(tree, "a derivative can stand alone on the left of an equation only: write on the right what it is")
        of, by, _ = tree.parts
        if (sides := self.derived.get(plain_tree(tree))) and not self._declared_targets(by):
            self.used.add(plain_tree(tree))
            return self.value(sides[0])
        function = None if of is None else self.differentiated(of)
        targets = tuple(self.target(b) for b in by)
        if not targets:
            raise self.fail(tree, "a derivative on the right needs what it is taken by: \\nabla_w")
        return Value(self.derivative(function, targets))

    def _declared_targets(self, by: Sequence[Tex]) -> bool:
        try:
            return bool([self.target(b) for b in by])
        except SymdlError:
            return False

    def differentiated(self, tree: Tex) -> Expr | None:
        """What is differentiated; None for the loss, by whatever name."""
        try:
            return self.value(tree).expr
        except SymdlError:
            if loss_name(tree) or named_by(tree) in self.strangers:
                return None
            raise

    def target(self, tree: Tex) -> Expr:
        """What a derivative is taken by: a look at an input or a named result."""
        while tree.what == "transpose":
            tree = tree.parts[0]
        found = self.value(tree)
        if found.expr.node.op not in ("input", LET):
            raise self.fail(tree, "a derivative is taken by a tensor or a named result")
        return found.expr


#: What losses are called.
_LOSSES = frozenset(
    "C J L E F f Q R S g k p D H V U G P loss cost ell RSS MSE NLL SSE CE BCE obj Loss Cost KL".split()  # noqa: SIM905
)


def plain_tree(tree: Any) -> Any:
    """A tree without the places where it stands."""
    if isinstance(tree, Tex):
        return (tree.what, *map(plain_tree, tree.parts))
    return getattr(tree, "text", tree) if not isinstance(tree, tuple) or hasattr(tree, "text") else tuple(map(plain_tree, tree))


def named_by(tree: Tex) -> str | None:
    """The name in a tree of scripts and arguments."""
    while tree.what in ("index", "layer", "power", "product", "transpose"):
        tree = tree.parts[0]
    return str(tree.parts[0]) if tree.what == "symbol" else None


def loss_name(tree: Tex) -> bool:
    """Whether a name that is not declared may be the loss's."""
    while tree.what in ("index", "layer", "power", "product", "group", "prime", "call", "negative"):
        tree = tree.parts[2] if tree.what == "call" else tree.parts[0]
    return tree.what == "symbol" and tree.parts[0] in _LOSSES
