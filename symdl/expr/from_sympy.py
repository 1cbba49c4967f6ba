"""From plain SymPy to the node table: Symbols, Indexed, Sum, Piecewise-free functions of the table, KroneckerDelta."""

from __future__ import annotations

from typing import Any

import sympy as sp

from symdl.errors import DomainError, ShapeError, UnsupportedError
from symdl.expr.dims import LETTER, check_name, is_dim, is_letter
from symdl.expr.ops import delta, sum_
from symdl.expr.tensor import Expr, bind, elementwise
from symdl.functions import BY_CLASS
from symdl.graph import build
from symdl.graph.node import InputInfo, Size


def from_sympy(value: Any) -> Expr:
    """The Expr of a plain SymPy expression.

    Sums may start anywhere; every index is shifted to start at 0, and all sums must start at the same place.

    Raises
    ------
    UnsupportedError
        For what has no reading: matrices, Piecewise, functions that are not in the table.
    """
    if isinstance(value, sp.MatrixBase) or getattr(value, "is_Matrix", False):
        raise UnsupportedError(f"{value!s:.40}: SymPy matrices are not read yet; use sd.tensor, or Indexed and Sum")
    ranges = index_ranges(value)
    start = lower_limit(value)
    known: dict[sp.Basic, Expr] = {}
    for part in _postorder(value, ranges):
        known[part] = _convert(part, known, ranges, start)
    return known[value]


def lower_limit(value: sp.Basic) -> Any:
    """Where the sums of an expression start; 0 when it has none."""
    starts = {limit[1] for s in value.atoms(sp.Sum) for limit in s.limits}
    if len(starts) > 1:
        raise UnsupportedError(f"sums that start at {', '.join(sorted(map(str, starts)))}: let all start at the same index")
    return starts.pop() if starts else sp.S.Zero


def index_ranges(value: sp.Basic) -> dict[sp.Symbol, Size]:
    """Index letter -> size, from the limits of sums, the shapes of IndexedBase, and the ranges of Idx."""
    ranges: dict[sp.Symbol, Size] = {}
    for total in value.atoms(sp.Sum):
        for limit in total.limits:
            if len(limit) != 3:
                raise UnsupportedError(f"{total}: a sum needs a lower and an upper limit")
            bind(ranges, limit[0], _size(limit[2] - limit[1] + 1), str(total))
    for element in value.atoms(sp.Indexed):
        shape = element.base.shape or [None] * len(element.indices)
        for index, size in zip(element.indices, shape, strict=True):
            if isinstance(index, sp.Idx) and index.upper is not None:
                size = index.upper - index.lower + 1
            if isinstance(index, LETTER) and size is not None:
                bind(ranges, index, _size(size), str(element))
    return ranges


def _size(value: Any) -> Size:
    value = sp.simplify(value)
    return int(value) if value.is_Integer else value


def _postorder(value: sp.Basic, ranges: dict[sp.Symbol, Size]) -> list[sp.Basic]:
    """Sub-expressions, arguments first; without recursion. Limits, indices and bases are not sub-expressions."""
    order: list[sp.Basic] = []
    done: set[sp.Basic] = set()
    stack: list[tuple[sp.Basic, bool]] = [(value, False)]
    while stack:
        part, expanded = stack.pop()
        if part in done:
            continue
        if expanded:
            done.add(part)
            order.append(part)
            continue
        stack.append((part, True))
        if isinstance(part, sp.Sum):
            stack.append((part.function, False))
        elif not isinstance(part, (sp.Indexed, sp.KroneckerDelta)) and not _is_number(part, ranges):
            stack.extend((a, False) for a in part.args)
    return order


def _is_number(part: sp.Basic, ranges: dict[sp.Symbol, Size]) -> bool:
    """A coefficient: a number, or an expression in sizes alone (dims, and symbols that stand in limits or shapes)."""
    sizes = {s for size in ranges.values() if isinstance(size, sp.Expr) for s in size.free_symbols}
    return isinstance(part, sp.Expr) and all(is_dim(s) or s in sizes for s in part.free_symbols) and not part.has(sp.Indexed)


def _convert(part: Any, known: dict[sp.Basic, Expr], ranges: dict[sp.Symbol, Size], start: Any) -> Expr:
    if isinstance(part, sp.Indexed):
        return _indexed(part, ranges, start)
    if isinstance(part, sp.KroneckerDelta):
        return _delta(part, ranges, start)
    if _is_number(part, ranges):
        if part.is_real is False:
            raise DomainError(f"{part} is not a real number")
        return Expr(build.constant(part))
    if isinstance(part, sp.Symbol):
        if part in ranges:
            raise UnsupportedError(f"the index {part} is used as a number; indices can only stand on tensors")
        check_name(part.name, "symbol")
        return Expr(build.Term(build.input_node(InputInfo(part.name, part, frozenset()), ()), ()))
    args = [known[a] for a in part.args] if not isinstance(part, sp.Sum) else []
    if isinstance(part, sp.Add):
        terms = [a.term for a in args]
        return Expr(build.add([1] * len(terms), terms), (), _letters(args))
    if isinstance(part, sp.Mul):
        return Expr(build.mul(1, [a.term for a in args]), (), _letters(args))
    if isinstance(part, sp.Pow):
        return args[0] ** args[1]
    if isinstance(part, sp.Sum):
        return sum_(known[part.function], *[limit[0] for limit in part.limits])
    name = BY_CLASS.get(type(part))
    if name is None:
        raise UnsupportedError(f"{part!s:.60}: symdl has no rule for {type(part).__name__}; sd.extend can add one")
    return elementwise(name, *args)


def _letters(args: list[Expr]) -> dict[sp.Symbol, Size]:
    letters: dict[sp.Symbol, Size] = {}
    for a in args:
        letters.update(a.open)
    return letters


def _indexed(element: sp.Indexed, ranges: dict[sp.Symbol, Size], start: Any) -> Expr:
    base = element.base
    shape = tuple(_size(s) for s in base.shape) if base.shape else tuple(_range_of(i, element, ranges) for i in element.indices)
    name = check_name(str(base.label), "tensor")
    atom = base if base.shape else sp.IndexedBase(base.label)
    node = build.input_node(InputInfo(name, atom, frozenset()), shape)
    whole = Expr(build.Term(node, tuple(range(len(shape)))), shape)
    return whole[tuple(i - start if i.is_number else i for i in element.indices)]


def _range_of(index: Any, element: sp.Indexed, ranges: dict[sp.Symbol, Size]) -> Size:
    if index in ranges:
        return ranges[index]
    raise ShapeError(f"{element}: the size of {element.base} is not known; give IndexedBase({str(element.base)!r}, shape=...) or a Sum over {index}")


def _delta(part: sp.KroneckerDelta, ranges: dict[sp.Symbol, Size], start: Any) -> Expr:
    i, j = part.args
    size = ranges.get(i, ranges.get(j))
    if size is None:
        raise ShapeError(f"{part}: the range of its indices is not known")
    return delta(i, j, size) if is_letter(i) and is_letter(j) else _one_hot(i, j, size, start)


def _one_hot(i: Any, j: Any, size: Size, start: Any) -> Expr:
    letter, place = (i, j) if is_letter(i) else (j, i)
    return Expr(build.mul(1, [], [build.Delta(letter, ~int(place - start), size)]), (), {letter: size})
