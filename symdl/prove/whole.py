"""Inputs that count: class numbers and labels, which stand in equations (a row W[c[k]], a case y = 1). A random number would satisfy none of them,
so that nothing would be proved of what they choose; they are given whole numbers."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import sympy as sp

from symdl.graph import node as kinds
from symdl.graph.node import Node, Size
from symdl.graph.walk import topological

#: So many assignments are gone through one by one; of more, ``SOME`` are drawn.
ALL, SOME = 12, 4


@dataclass(frozen=True)
class Whole:
    """What an input counts: positions of an axis of a size, or else some numbers that it is compared with."""

    size: Size | None
    picks: tuple[int, ...]
    only: bool = True  # it stands in equations only; else real numbers are gone through too

    def numbers(self, sizes: Mapping[Any, int]) -> list[int]:
        if self.size is None:
            return list(self.picks)
        top = self.size if isinstance(self.size, int) else int(self.size.xreplace({d: sp.Integer(n) for d, n in sizes.items()}))
        return list(range(top))


def whole_inputs(nodes: Iterable[Node]) -> dict[str, Whole]:
    """Name -> what the input counts, for the inputs in index equations."""
    found: dict[str, Whole] = {}
    nodes = list(nodes)
    for node in nodes:
        if node.op != kinds.FN or node.attr != "iszero":
            continue
        for name, size, root in _counted(node.args[0]):
            old = found.get(name)
            picks = set(old.picks if old else ()) | ({root, root + 1} if root is not None else {0, 1})
            found[name] = Whole(size if size is not None else old.size if old else None, tuple(sorted(picks)))
    return {name: replace(w, only=name not in _outside(nodes)) for name, w in found.items()}


def _outside(nodes: list[Node]) -> set[str]:
    """The inputs that are seen without passing an equation."""
    used = {a for n in nodes for a in n.args}
    roots = [n for n in nodes if n not in used]
    order = topological(roots, stop=lambda n: n.op == kinds.FN and n.attr == "iszero")
    return {str(n.name) for n in order if n.op == kinds.INPUT}


def _counted(z: Node) -> Iterator[tuple[str, Size | None, int | None]]:
    """The inputs of an equation z = 0, the size of the positions beside them, and the number at which a lone input satisfies it."""
    order = topological([z])
    inputs = [n for n in order if n.op == kinds.INPUT]
    sizes = [n.shape[0] for n in order if n.op == kinds.POSITION]
    root = _root(z) if len(inputs) == 1 else None
    for node in inputs:
        yield str(node.name), sizes[0] if sizes else None, root


def _root(z: Node) -> int | None:
    """c for x - c."""
    if z.op == kinds.INPUT:
        return 0
    if z.op != kinds.ADD or len(z.args) != 2 or z.args[1].op != kinds.CONST or z.args[0].op != kinds.INPUT:
        return None
    value = -sp.sympify(z.args[1].attr) * z.attr[1] / z.attr[0]
    return int(value) if value.is_Integer else None


def assignments(whole: Mapping[str, Whole], shapes: Mapping[str, tuple[int, ...]], sizes: Mapping[Any, int]) -> tuple[list[dict[str, Any]], bool]:
    """Arrays of whole numbers for the inputs that count, and whether these are all there are."""
    numbers = {name: w.numbers(sizes) for name, w in whole.items()}
    entries = {name: math.prod(shapes[name]) for name in whole}
    total = math.prod(len(numbers[name]) ** min(entries[name], 64) for name in whole)
    if total <= ALL:
        each = [list(itertools.product(numbers[name], repeat=entries[name])) for name in whole]
        return [{n: np.reshape(v, shapes[n]) for n, v in zip(whole, choice, strict=True)} for choice in itertools.product(*each)], True
    rng = np.random.default_rng(11)
    return [{n: rng.choice(numbers[n], size=shapes[n]) for n in whole} for _ in range(SOME)], False
