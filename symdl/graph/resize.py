"""A graph with other sizes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import sympy as sp

from symdl.graph import build
from symdl.graph import node as kinds
from symdl.graph.build import Term
from symdl.graph.node import Node, Size
from symdl.graph.number import Number, number
from symdl.graph.rebuild import placed, rebuild
from symdl.graph.walk import topological


def resized(term: Term, sizes: Mapping[sp.Symbol, Size]) -> Term:
    """The term with size symbols replaced. Inputs keep their shapes: the sizes replaced are those of indices."""
    done: dict[Node, Term] = {}
    for node in topological([term.node]):
        args = [placed(done[a], m) for a, m in node.terms()]
        done[node] = _resized(node, args, sizes) if _concerned(node, sizes) else rebuild(node, args)
    return placed(done[term.node], term.map)


def _concerned(node: Node, sizes: Mapping[sp.Symbol, Size]) -> bool:
    own = [*node.sizes(), *_numbers(node)]
    return any(isinstance(s, sp.Basic) and s.free_symbols & set(sizes) for s in own)


def _numbers(node: Node) -> list[Number]:
    if node.op == kinds.ADD:
        return list(node.attr)
    return [node.attr.coef] if node.op == kinds.MUL else [node.attr] if node.op in (kinds.CONST, kinds.POW) else []


def _resized(node: Node, args: list[Term], sizes: Mapping[sp.Symbol, Size]) -> Term:
    def new(value: Any) -> Any:
        return number(value.xreplace(dict(sizes))) if isinstance(value, sp.Basic) else value

    own = tuple(range(node.rank))
    if node.op == kinds.POSITION:
        return build.position(new(node.shape[0]))
    if node.op == kinds.CONST:
        return build.constant(new(node.attr))
    if node.op == kinds.ADD:
        return build.add([new(c) for c in node.attr], args)
    if node.op == kinds.MUL:
        alls = [new(s) for s in node.sizes()]
        deltas = [build.Delta(a, b, alls[a]) for a, b in node.attr.deltas]
        return build.mul(new(node.attr.coef), args, deltas, dict(enumerate(alls[node.rank :], start=node.rank)))
    if node.op == kinds.REDUCE:
        alls = [new(s) for s in node.sizes()]
        return build.reduce_(node.attr.kind, args[0], dict(enumerate(alls[node.rank :], start=node.rank)))
    if node.op == kinds.LET:
        return build.let(node.attr.name, args[0], own, [new(s) for s in node.shape], node.attr.role)
    return rebuild(node, args)
