"""A part of an expression in array form: the orders its axes can stand in, and how they are brought to the one that is wanted."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from symdl.expr.notation.layout import Call, Index, Transpose, Tree
from symdl.graph.labels import is_fixed

#: Orders of axes that are tried; beyond, only the given one and its reverse.
ALL_ORDERS_UP_TO = 4


#: What a transpose and an inserted axis cost; functions and products are free.
TRANSPOSE, NEW_AXIS, KEPT_AXIS = 2, 3, 1


class Form(NamedTuple):
    cost: int
    tree: Tree


class Operand(NamedTuple):
    """An array in all the forms that it can take.

    Attributes
    ----------
    labels : tuple
        Its axes.
    forms : dict
        Order of the labels -> Form. A vector also has the form "row", in which it stands left in a matrix product.
    """

    labels: tuple[Any, ...]
    forms: dict[Any, Form]

    def at(self, order: tuple[Any, ...]) -> Form:
        if order not in self.forms:
            raise NotExpressible
        return self.forms[order]

    @property
    def best(self) -> Form:
        return min((f for k, f in self.forms.items() if k != "row"), key=lambda f: f.cost)

    @property
    def row(self) -> Form:
        return self.forms.get("row", self.best)

    @property
    def order(self) -> tuple[Any, ...]:
        """The cheapest order."""
        return min((k for k in self.forms if k != "row"), key=lambda k: self.forms[k].cost)


class NotExpressible(Exception):
    """The expression has no array notation."""


def complete(labels: Iterable[Any], forms: Mapping[Any, Form], outside: bool = False) -> Operand:
    """An operand; the reverse of every order is its transpose where that is cheaper, with ``outside`` where it costs the same."""
    labels, full = tuple(labels), dict(forms)
    if not full:
        raise NotExpressible
    if len(labels) > 1:
        for order, form in forms.items():
            reverse = order[::-1]
            if reverse not in full or full[reverse].cost + outside > form.cost + TRANSPOSE:
                full[reverse] = Form(form.cost + TRANSPOSE, Transpose(len(labels), form.tree))
    return Operand(labels, full)


def orders(labels: tuple[Any, ...]) -> list[tuple[Any, ...]]:
    return list(itertools.permutations(labels)) if len(labels) <= ALL_ORDERS_UP_TO else [labels, labels[::-1]]


def place(operand: Operand, entries: tuple[Any, ...]) -> Operand:
    """The operand of a node with the parent's labels on its axes: indexed at fixed positions, its diagonal taken."""
    kept = tuple(e for e in entries if not is_fixed(e))
    if len(set(kept)) < len(kept):
        return _diagonal(operand, entries)
    if len(kept) == len(entries):
        to = dict(zip(operand.labels, entries, strict=True))
        return Operand(kept, {k if k == "row" else tuple(to[e] for e in k): f for k, f in operand.forms.items()})
    base = operand.at(operand.labels)
    keys = [int(~e) if is_fixed(e) else ":" for e in entries]
    while keys and keys[-1] == ":":
        keys.pop()
    return complete(kept, {kept: Form(base.cost, Index(len(kept), base.tree, tuple(keys)))})


def _diagonal(operand: Operand, entries: tuple[Any, ...]) -> Operand:
    if len(entries) != 2:
        raise NotExpressible
    base = operand.best
    tree = base.tree.arg if isinstance(base.tree, Transpose) else base.tree
    return Operand(entries[:1], {entries[:1]: Form(base.cost, Call(1, "diag", (tree,)))})


def aligned(operand: Operand, target: tuple[Any, ...]) -> Form:
    """The operand as NumPy broadcasts it to axes in the target's order."""
    own = set(operand.labels)
    cost, tree = operand.at(tuple(e for e in target if e in own))
    first = next((k for k, e in enumerate(target) if e in own), len(target))
    keys = tuple(":" if e in own else None for e in target[first:])
    if None not in keys:
        return Form(cost, tree)
    kept = _keeping(tree, keys)
    return Form(cost + KEPT_AXIS, kept) if kept else Form(cost + NEW_AXIS, Index(len(keys), tree, keys))


def _keeping(tree: Tree, keys: tuple[Any, ...]) -> Tree | None:
    """A reduction over one axis that is put back at once keeps it."""
    if isinstance(tree, Call) and tree.axis is not None and not tree.keepdims and len(tree.axis) == 1 and tree.name != "softmax":
        where = [k for k, key in enumerate(keys) if key is None]
        if where == list(tree.axis) and len(keys) == tree.args[0].rank:
            return Call(len(keys), tree.name, tree.args, tree.axis, True)
    return None


def each(args: list[Operand], order: tuple[Any, ...]) -> list[Form] | None:
    try:
        return [aligned(a, order) for a in args]
    except NotExpressible:
        return None
