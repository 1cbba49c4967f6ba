"""Inputs that count: class numbers and labels, which stand in equations (a row W[c[k]], a case y = 1). A random number would satisfy none of them,
so that nothing would be proved of what they choose; they are given whole numbers."""

from __future__ import annotations

import itertools
import math
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import numpy as np
import sympy as sp

from symdl.errors import SymdlError
from symdl.expr.tensor import of_node
from symdl.graph import node as kinds
from symdl.graph.node import Node, Size
from symdl.graph.walk import topological

#: So many assignments are gone through one by one; of more, ``SOME`` are drawn, and for every equation that none of them satisfies one that does.
ALL, SOME, SOUGHT = 12, 6, 100
#: Where numbers are looked for that satisfy an equation.
NEAR = range(-24, 25)


Pick = int | Fraction


@dataclass(frozen=True)
class Whole:
    """What an input counts: positions of an axis of a size, or else some numbers that it is compared with."""

    size: Size | None
    picks: tuple[Pick, ...]
    only: bool = True  # it stands in equations only; else real numbers are gone through too

    def numbers(self, sizes: Mapping[Any, int]) -> list[Any]:
        if self.size is None:
            return list(self.picks)
        top = self.size if isinstance(self.size, int) else int(self.size.xreplace({d: sp.Integer(n) for d, n in sizes.items()}))
        return list(range(top))


def whole_inputs(nodes: Iterable[Node]) -> dict[str, Whole]:
    """Name -> what the input counts, for the inputs in index equations."""
    found: dict[str, Whole] = {}
    nodes = list(nodes)
    for equation in equations(nodes):
        for name, size, picks in _counted(equation):
            old = found.get(name)
            here = {*(old.picks if old else ()), *picks}
            found[name] = Whole(size if size is not None else old.size if old else None, tuple(sorted(here)))
    return {name: replace(w, only=name not in _outside(nodes)) for name, w in found.items()}


def equations(nodes: Iterable[Node]) -> list[Node]:
    """What is compared with zero."""
    return list(dict.fromkeys(n.args[0] for n in nodes if n.op == kinds.FN and n.attr == "iszero"))


def _outside(nodes: list[Node]) -> set[str]:
    """The inputs that are seen without passing an equation."""
    used = {a for n in nodes for a in n.args}
    roots = [n for n in nodes if n not in used]
    order = topological(roots, stop=lambda n: n.op == kinds.FN and n.attr == "iszero")
    return {str(n.name) for n in order if n.op == kinds.INPUT}


def _counted(z: Node) -> Iterator[tuple[str, Size | None, Sequence[Pick]]]:
    """The inputs of an equation z = 0, the size of the positions beside them, and numbers some of which satisfy it."""
    order = topological([z])
    inputs = [n for n in order if n.op == kinds.INPUT]
    sizes = [n.shape[0] for n in order if n.op == kinds.POSITION]
    picks = (0, 1) if sizes else _roots(z, inputs[0]) if len(inputs) == 1 else _around(order)
    for node in inputs:
        yield str(node.name), sizes[0] if sizes else None, picks


def _roots(z: Node, x: Node) -> Sequence[Pick]:
    """Numbers at which a function of one input is zero, and one at which it is not."""
    root = _root(z)
    if root is not None:
        return root, root + 1
    found = [k for k in NEAR if _satisfied(z, {str(x.name): np.full([n if isinstance(n, int) else 1 for n in x.shape], float(k))}, {})]
    return [*found, max(found) + 1] if found else (0, 1)


def _around(order: Sequence[Node]) -> Sequence[Pick]:
    """Whole numbers as far apart as those in the equation."""
    numbers = [c for n in order for c in (n.attr if n.op == kinds.ADD else [n.attr] if n.op == kinds.CONST else []) if type(c) is int]
    far = max((abs(c) for c in numbers if _small(c)), default=1)
    return range(-far - 1, far + 2)


def _small(c: int) -> bool:
    return abs(c) <= max(NEAR)


def _root(z: Node) -> Pick | None:
    """c for x - c."""
    if z.op == kinds.INPUT:
        return 0
    if z.op != kinds.ADD or len(z.args) != 2 or z.args[1].op != kinds.CONST or z.args[0].op != kinds.INPUT:
        return None
    value = -sp.sympify(z.args[1].attr) * z.attr[1] / z.attr[0]
    if not value.is_Rational:
        return None
    return int(value) if value.is_Integer else Fraction(int(value.p), int(value.q))


def _satisfied(z: Node, values: Mapping[str, Any], sizes: Mapping[Any, int]) -> bool:
    """Whether some entry of an equation holds at given numbers."""
    from symdl.prove.numeric import evaluate

    try:
        with np.errstate(all="ignore"):
            return bool(np.any(evaluate(of_node(z), {**values, **sizes}) == 0))
    except SymdlError:
        return True  # not to be told here: nothing more is looked for


def assignments(
    whole: Mapping[str, Whole], shapes: Mapping[str, tuple[int, ...]], sizes: Mapping[Any, int], asked: Sequence[Node] = ()
) -> tuple[list[dict[str, Any]], bool]:
    """Arrays of whole numbers for the inputs that count, and whether these are all there are. ``asked``: the equations."""
    numbers = {name: w.numbers(sizes) for name, w in whole.items()}
    entries = {name: math.prod(shapes[name]) for name in whole}
    total = math.prod(len(numbers[name]) ** min(entries[name], 64) for name in whole)
    if total <= ALL:
        each = [list(itertools.product(numbers[name], repeat=entries[name])) for name in whole]
        return [{n: np.reshape(v, shapes[n]) for n, v in zip(whole, choice, strict=True)} for choice in itertools.product(*each)], True
    rng = np.random.default_rng(11)

    def drawn() -> dict[str, Any]:
        return {n: _picked(rng, numbers[n], shapes[n]) for n in whole}

    chosen = [drawn() for _ in range(SOME)]
    for z in asked:
        if not {str(n.name) for n in topological([z]) if n.op == kinds.INPUT} <= set(whole):
            continue
        if not any(_satisfied(z, values, sizes) for values in chosen):
            chosen += itertools.islice((values for values in (drawn() for _ in range(SOUGHT)) if _satisfied(z, values, sizes)), 1)
    return chosen, False


def _picked(rng: Any, numbers: Sequence[Any], shape: tuple[int, ...]) -> Any:
    places = rng.integers(len(numbers), size=shape)
    picked = np.empty(shape, dtype=object)
    for at in np.ndindex(*shape):
        picked[at] = numbers[places[at]]
    return picked if any(isinstance(k, Fraction) for k in numbers) else picked.astype(np.int64)
