"""What is to be decided: two sides, computed at given sizes over any ring."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy as sp

from symdl.errors import NameError_, UnsupportedError
from symdl.expr.dims import show_shape
from symdl.expr.tensor import Expr, of_node
from symdl.graph import node as kinds
from symdl.graph.node import Node, Size
from symdl.graph.unroll import body_nodes
from symdl.graph.walk import topological
from symdl.prove.evaluate import Evaluator
from symdl.prove.functions import Functions
from symdl.prove.intervals import BadPoint, DividedByZero
from symdl.prove.numeric import evaluate, evaluate_all, tape_gradient
from symdl.prove.stop import Clock
from symdl.prove.structured import moved_with, restricted, restricted_in
from symdl.prove.value import Value, _spread
from symdl.prove.whole import Whole, whole_inputs


@dataclass(frozen=True)
class Variable:
    """An input by name: its shape, what is known of it, and what it counts if it is a class number; ``fixed``: its value in the case at hand."""

    name: str
    shape: tuple[Size, ...]
    facts: frozenset[str]
    whole: Whole | None = None
    fixed: Any = None


def variables(nodes: Iterable[Node]) -> dict[str, Variable]:
    """The inputs under some nodes; inputs of one name are one.

    Raises
    ------
    NameError_
        When one name stands for tensors of two shapes.
    """
    found: dict[str, Variable] = {}
    nodes = list(nodes)
    counting = whole_inputs(nodes)
    for node in nodes:
        if node.op != kinds.INPUT:
            continue
        name, atom = node.attr.name, node.attr.atom
        facts = node.attr.facts | ({"positive"} if getattr(atom, "is_positive", False) else frozenset())
        old = found.get(name)
        if old is not None and old.shape != node.shape:
            raise NameError_(f"{name} stands for tensors of shape {show_shape(old.shape)} and {show_shape(node.shape)}: give one another name")
        found[name] = Variable(name, node.shape, facts | (old.facts if old else frozenset()), counting.get(name))
    return found


def dims_of(exprs: Iterable[Expr]) -> list[sp.Symbol]:
    """The symbolic sizes that expressions mention, by name."""
    found: set[sp.Symbol] = set()
    for expr in exprs:
        sizes: list[Any] = [*expr.shape, *expr.open.values()]
        order = topological([expr.node])
        for node in (*order, *topological(body_nodes(order))):
            sizes += node.sizes()
            sizes += _coefficients(node)
        for size in sizes:
            if isinstance(size, sp.Basic):
                found |= size.free_symbols  # type: ignore[arg-type]
    return sorted(found, key=str)


def _coefficients(node: Node) -> Sequence[Any]:
    if node.op == kinds.MUL:
        return [node.attr.coef]
    if node.op == kinds.ADD:
        return node.attr
    return [node.attr] if node.op in (kinds.CONST, kinds.POW) else []


class NoValue(BadPoint):
    """The claim divides by zero at a point where the derivative has the value ``derivative``."""

    def __init__(self, derivative: Any) -> None:
        super().__init__("division by zero")
        self.derivative = derivative


class Equality:
    """lhs equals rhs, at every element and for all values of the open letters."""

    def __init__(self, lhs: Expr, rhs: Expr) -> None:
        self.lhs, self.rhs = lhs, rhs
        letters = {**lhs.open, **rhs.open}
        self.letters = sorted(letters, key=str)
        self.shape: tuple[Size, ...] = tuple(letters[s] for s in self.letters) + lhs.shape
        self.nodes = topological([lhs.node, rhs.node])
        self.variables = variables(self.nodes)
        self.dims = dims_of([lhs, rhs])
        self.looks = [lhs.term, rhs.term]

    def sides(self, algebra: Functions, inputs: Mapping[str, Value], sizes: Mapping[Any, int], clock: Clock, entry: Any = None) -> tuple[Any, Any]:
        """Both sides as arrays of one shape, points last (not during a discovery); ``entry`` is a hint, the element that matters."""
        walk = Evaluator(algebra, inputs, sizes, clock)
        if algebra.ring.discovering:
            walk.explore([self.lhs, self.rhs])
            return None, None
        shape = tuple(walk.size(s) for s in self.shape)
        left, right = (walk.expr(e, self.letters) for e in (self.lhs, self.rhs))
        note(algebra.ring, left.bound + right.bound)
        return tuple(np.broadcast_to(v.val, (*shape, v.val.shape[-1])) for v in (left, right))  # type: ignore[return-value]

    def floats(self, values: Mapping[str, Any]) -> tuple[Any, Any]:
        """Both sides in float64, by the tape; what they share is computed once."""
        if self.lhs.open.keys() != self.rhs.open.keys():
            raise UnsupportedError("index letters on one side only")
        return evaluate_all([self.lhs, self.rhs], values)


class Gradient:
    """claim equals d loss / d wrt, where ``wrt`` looks at an input or a named result of the loss.

    ``structure``: "symmetric" or "diagonal" where the derivative is over the independent entries of a matrix.
    """

    def __init__(self, loss: Expr, wrt: Expr, claim: Expr, structure: str | None = None) -> None:
        self.loss, self.wrt, self.claim = loss, wrt, claim
        self.structure = structure
        letters = {**loss.open, **wrt.open, **claim.open}
        self.letters = sorted(letters, key=str)
        self.shape: tuple[Size, ...] = tuple(letters[s] for s in self.letters) + loss.shape + wrt.shape
        self.nodes = topological([loss.node, claim.node, wrt.node])
        self.variables = variables(self.nodes)
        self.dims = dims_of([loss, claim, wrt])
        self.looks = [loss.term, claim.term, wrt.term]
        name = wrt.node.name
        self.targets = [n for n in self.nodes if n is wrt.node or (n.op == kinds.INPUT == wrt.node.op and n.name == name)]

    def sides(self, algebra: Functions, inputs: Mapping[str, Value], sizes: Mapping[Any, int], clock: Clock, entry: Any = None) -> tuple[Any, Any]:
        walk = Evaluator(algebra, inputs, sizes, clock)
        if algebra.ring.discovering:
            walk.explore([self.loss, self.claim])
            return None, None
        shape = tuple(walk.size(s) for s in self.shape)
        whole = tuple(walk.size(s) for s in self.wrt.node.shape)
        wanted = list(range(int(np.prod(whole)))) if entry is None else self._directions(entry, whole)
        walk.seeds, walk.directions = dict.fromkeys(self.targets, 0), wanted
        loss = walk.expr(self.loss, self.letters)
        walk.seeds = {}
        try:
            claim = walk.expr(self.claim, self.letters)
        except DividedByZero as reason:
            raise NoValue(self._gradient(loss, walk, whole, wanted, algebra)) from reason
        note(algebra.ring, loss.slope + claim.bound)
        right = np.broadcast_to(claim.val, (*shape, claim.val.shape[-1]))
        left = self._gradient(loss, walk, whole, wanted, algebra)
        return np.broadcast_to(left, right.shape), right

    def floats(self, values: Mapping[str, Any]) -> tuple[Any, Any]:
        """Both sides in float64: the tape's gradient, and the claim. Letters stand for a tensor's entries, so they are left to the exact test."""
        if self.letters:
            raise UnsupportedError("index letters")
        _, found = tape_gradient(self.loss, [of_node(self.wrt.node)], values)
        rank = self.loss.ndim
        whole = restricted(found[str(self.wrt.node.name)], self.structure, rank)
        left = _spread(whole, list(range(rank)) + [e if e < 0 else rank + e for e in self.wrt.map], rank + self.wrt.ndim)
        right = evaluate(self.claim, values, beside=[self.loss])
        return np.broadcast_to(left, right.shape), right

    def _gradient(self, loss: Value, walk: Evaluator, whole: tuple[int, ...], wanted: list[int], algebra: Functions) -> Any:
        """Directions become the axes of wrt: (letters, loss axes, wrt axes, K)."""
        rank = len(self.letters) + self.loss.ndim
        points = loss.val.shape[-1]
        dot = loss.dot if loss.dot is not None else algebra.ring.zeros((*loss.val.shape[:-1], len(wanted)))
        # An axis of size 1 stands for a letter or an axis that the loss does not depend on.
        dot = np.broadcast_to(dot, (*[walk.size(s) for s in self.shape[:rank]], *dot.shape[-2:]))
        full = algebra.ring.zeros((*dot.shape[:-2], int(np.prod(whole))))
        full[..., wanted, :] = dot
        full = restricted_in(algebra, full.reshape((*dot.shape[:-2], *whole, points)), self.structure)
        # The node's axes of wrt, seen through wrt's map; the loss has axes of its own before them.
        labels = {s: k for k, s in enumerate(self.letters)}
        entries = list(range(rank)) + [e if type(e) is int and e < 0 else labels[e] if e in labels else rank + e for e in self.wrt.map]
        return _spread(full, entries, rank + self.wrt.ndim)

    def _directions(self, entry: tuple[int, ...], whole: tuple[int, ...]) -> list[int]:
        """The entries of the whole tensor that move where an entry of the claim is the derivative by one of them."""
        labels = {s: k for k, s in enumerate(self.letters)}
        rank = len(self.letters) + self.loss.ndim
        place = [~e if type(e) is int and e < 0 else entry[labels[e]] if e in labels else entry[rank + e] for e in self.wrt.map]
        return [int(np.ravel_multi_index(at, whole)) if whole else 0 for at in moved_with(tuple(place), self.structure)]


def note(ring: Any, bound: Any) -> None:
    """Tell a modular ring how large the functions compared are."""
    if hasattr(ring, "worst"):
        ring.worst = max(ring.worst, bound.size)
