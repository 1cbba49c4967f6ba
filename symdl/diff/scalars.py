"""The reverse sweep over scalars: what ``reverse.py`` does, without labels, and to the same nodes.

A network written out in scalars has ten thousands of nodes. Here an adjoint is a bare node and an edge is a product; what was done at each node is told by the
general rules when somebody asks for the steps.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Iterator, Mapping, Sequence, ValuesView
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import sympy as sp

from symdl.diff.local import slope_pieces
from symdl.diff.shorten.quiet import Quiet
from symdl.functions import BY_CLASS, TABLE
from symdl.graph import build, scalars
from symdl.graph.build import Term
from symdl.graph.node import ADD, CONST, FN, INPUT, LET, MUL, POW, Definition, Node, intern, plain_maps
from symdl.graph.number import Number, number, plus
from symdl.graph.template import instantiate, placeholders
from symdl.steps.step import Rule

#: What a scalar graph consists of: the kinds of node with a rule here.
KINDS = frozenset({INPUT, ADD, MUL, POW, FN, LET})


def concerns(nodes: Iterable[Node]) -> bool:
    """True when all these nodes are scalars made of scalars."""
    return not any([node.shape or node.op not in KINDS or any(node.maps) for node in nodes])


def sum_of(nodes: list[Node], coefs: Sequence[Number] = ()) -> Node:
    """The sum of scalars, with coefficients where these are given."""
    coefs = coefs or (1,) * len(nodes)
    return scalars.add(coefs, nodes) or build.add(coefs, [Term(n, ()) for n in nodes]).node


def product_of(coef: Number, nodes: list[Node]) -> Node:
    """A number times scalars."""
    return scalars.mul(coef, nodes) or build.mul(coef, [Term(n, ()) for n in nodes]).node


def power_of(base: Node, exponent: Number) -> Node:
    """A power of a scalar."""
    return scalars.pow_(base, exponent) or build.pow_(Term(base, ()), exponent).node


def function_of(name: str, nodes: list[Node]) -> Node:
    """A function of the table at scalars."""
    return scalars.fn(name, nodes) or build.fn(name, [Term(n, ()) for n in nodes]).node


def contribution(user: Node, position: int, adjoint: Node) -> Node:
    """adjoint of the user x its local partial by the argument at a position."""
    op = user.op
    if op == ADD:
        coef = user.attr[position]
        return adjoint if coef == 1 else product_of(coef, [adjoint])
    if op == MUL:
        args = user.args
        return product_of(user.attr.coef, [adjoint, *args[:position], *args[position + 1 :]])
    if op == FN:
        coef, factors = _slope(user.attr, position)
        return product_of(coef, [adjoint, *[factor(user) for factor in factors]])
    if op == POW:
        return product_of(user.attr, [adjoint, power_of(user.args[0], plus(user.attr, -1))])
    return adjoint


Maker = Callable[[Node], Node]


@cache
def _slope(name: str, position: int) -> tuple[Number, tuple[Maker, ...]]:
    """The derivative of a function: a number, and what makes the factors from the function's node."""
    coef, factors = slope_pieces(name, position)
    return coef, tuple(_maker(f, name) for f in factors)


def _maker(template: sp.Expr, name: str) -> Maker:
    """What makes a node from a template in placeholders, put together once."""
    places = placeholders(TABLE[name].nargs)
    if template in places:
        place = places.index(template)
        return lambda u: u.args[place]
    if template.is_number:
        fixed = build.constant(template).node
        return lambda u: fixed
    if BY_CLASS.get(type(template)) == name and template.args == places:
        return lambda u: u  # the function itself is there already
    inner = tuple(_maker(a, name) for a in template.args)
    if template.is_Add:
        parts = [a.as_coeff_Mul() for a in template.args]
        coefs, makers = tuple(number(c) for c, _ in parts), tuple(_maker(rest, name) for _, rest in parts)
        return lambda u: sum_of([f(u) for f in makers], coefs)
    if template.is_Mul:
        return lambda u: product_of(1, [f(u) for f in inner])
    if template.is_Pow and template.exp.is_number:
        base, exponent = inner[0], number(template.exp)
        return lambda u: power_of(base(u), exponent)
    if type(template) in BY_CLASS:
        function = BY_CLASS[type(template)]
        return lambda u: function_of(function, [f(u) for f in inner])
    return lambda u: instantiate(template, [Term(a, ()) for a in u.args]).node


class Terms(Mapping[Node, Term]):
    """Nodes as terms."""

    def __init__(self, nodes: Mapping[Node, Node]) -> None:
        self._nodes = nodes

    def values(self) -> ValuesView[Term]:
        return {node: Term(adjoint, ()) for node, adjoint in self._nodes.items()}.values()

    def get(self, node: Node, default: Any = None) -> Any:
        adjoint = self._nodes.get(node)
        return default if adjoint is None else Term(adjoint, ())

    def __getitem__(self, node: Node) -> Term:
        return Term(self._nodes[node], ())

    def __iter__(self) -> Iterator[Node]:
        return iter(self._nodes)

    def __len__(self) -> int:
        return len(self._nodes)


@dataclass
class Found:
    """The adjoints of scalars. ``rewrites`` and ``before`` (the adjoint as the chain rule gives it) have only the nodes where there is something to tell."""

    adjoints: dict[Node, Node] = field(default_factory=dict)
    before: dict[Node, Node] = field(default_factory=dict)
    rewrites: dict[Node, list[tuple[Rule, Term]]] = field(default_factory=dict)


def sweep(
    order: list[Node],
    used: dict[Node, list[tuple[Node, int]]],
    name: Callable[[Node], str | None],
    rewritten: Callable[[Term], list[tuple[Rule, Term]]],
) -> Found:
    """Differentiate the last node of a topological order.

    Parameters
    ----------
    order : list of Node
    used : dict
        For the nodes on the way to a target: by whom they are used, and as which argument.
    name : callable
        What to call the adjoint of a node that is used more than once; None leaves it unnamed.
    rewritten : callable
        What shortens an adjoint, step by step.
    """
    found = Found()
    quiet = Quiet()
    adjoints = found.adjoints
    for v in reversed(order):
        if v not in used:
            continue
        parts = [contribution(u, p, adjoints[u]) for u, p in used[v]]
        if v is order[-1]:
            parts.append(scalars.constant(1))
        adjoint = before = parts[0] if len(parts) == 1 else sum_of(parts)
        if not quiet(adjoint):
            rewrites = rewritten(Term(adjoint, ()))
            if rewrites:
                found.rewrites[v] = rewrites
                adjoint = rewrites[-1][1].node
        if not short(adjoint) and hands_on(v, used) > 1:
            chosen = name(v)
            if chosen is not None:
                adjoint = intern(LET, (adjoint,), plain_maps(1), (), Definition(chosen, "adjoint"))
        if adjoint is not before:
            found.before[v] = before
        adjoints[v] = adjoint
    return found


def uses(order: list[Node], relevant: set[Node]) -> dict[Node, list[tuple[Node, int]]]:
    """For every relevant node, who uses it and as which argument."""
    found: dict[Node, list[tuple[Node, int]]] = {node: [] for node in relevant}
    for node in order:
        if node in relevant:
            for position, arg in enumerate(node.args):
                if arg in found:
                    found[arg].append((node, position))
    return found


def hands_on(v: Node, relevant: Container[Node]) -> int:
    """How often the adjoint of v is used."""
    # A named result hands its adjoint to its body as it is: the name goes to the adjoint of the result, not of the body.
    while v.op == LET:
        v = v.args[0]
    return len([a for a in v.args if a in relevant])


def short(node: Node) -> bool:
    """A number, a name, or a number times a name: as short as any name for it."""
    if node.op == MUL and len(node.args) == 1 and not node.attr.summed and not node.attr.deltas:
        node = node.args[0]
    return node.op in (CONST, INPUT, LET)
