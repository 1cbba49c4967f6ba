"""A short text that says which formula something belongs to, the same in every process that builds the formula."""

from __future__ import annotations

import hashlib
from typing import Any

from symdl.graph import node as kinds
from symdl.graph.node import Node
from symdl.graph.walk import topological


def fingerprint(root: Node) -> str:
    """Sixteen hexadecimal digits.

    Equal formulas have the same one. Formulas that differ in nothing but signs, the order of factors, or which index stands where may have the same one
    too: what a process happens to build first must not tell, since a training that goes on tomorrow is the same training.
    """
    marks: dict[Node, str] = {}
    for node in topological([root]):
        marks[node] = marks[node.args[0]] if node.op == kinds.LET else _mark(node, marks)
    return marks[root][:16]


def _mark(node: Node, marks: dict[Node, str]) -> str:
    inside = [marks[arg] for arg in node.args]
    said: Any = ()
    if node.op == kinds.ADD:
        inside = [f"{_size(coefficient)}*{mark}" for coefficient, mark in zip(node.attr, inside, strict=True)]
    elif node.op == kinds.MUL:
        said = (_size(node.attr.coef), len(node.attr.deltas), sorted(map(str, node.attr.summed)))
    elif node.op == kinds.INPUT:
        said = node.attr.name
    elif node.op == kinds.REDUCE:
        said = (node.attr.kind, sorted(map(str, node.attr.summed)))
    elif node.op == kinds.RECUR:
        said = (str(node.attr.length), node.attr.down, node.attr.state, node.attr.part, [fingerprint(body) for body, _ in node.attr.bodies])
    elif node.op == kinds.CONST:
        said = _size(node.attr)
    elif node.op in (kinds.FN, kinds.MATRIX, kinds.POW):
        said = str(node.attr)
    text = f"{node.op} {said} {sorted(map(str, node.shape))} {sorted(inside)}"
    return hashlib.sha256(text.encode()).hexdigest()


def _size(number: Any) -> str:
    return str(number).lstrip("-")
