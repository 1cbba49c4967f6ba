"""The indices of plain SymPy: how far each runs, where it starts, sums over a part of an axis, indices that are computed."""

from __future__ import annotations

import copy
from collections.abc import Iterable, Mapping
from typing import TYPE_CHECKING, Any

import sympy as sp
from sympy.matrices.expressions import FunctionMatrix, OneMatrix, ZeroMatrix
from sympy.matrices.expressions.matexpr import MatrixElement

from symdl.errors import ShapeError, UnsupportedError
from symdl.expr import ops
from symdl.expr.dims import LETTER, dims, is_dim, is_letter
from symdl.expr.tensor import Expr, bind, elementwise
from symdl.graph import build
from symdl.graph.node import Size

if TYPE_CHECKING:
    from symdl.expr.sympy_in.reading import Reading


def plain_size(value: Any) -> Size:
    """A size as the node table has it: an int, or a SymPy expression."""
    value = sp.simplify(value)
    return int(value) if value.is_Integer else value


def parts_of(value: Any, *kinds: type) -> set[Any]:
    """The sub-expressions of these classes; as ``atoms``, but without recursion and every shared part once."""
    seen: set[Any] = {value}
    stack = [value]
    while stack:
        for arg in stack.pop().args:
            if arg not in seen:
                seen.add(arg)
                stack.append(arg)
    return {part for part in seen if isinstance(part, kinds)}


def with_dims(value: Any) -> tuple[Any, dict[Any, Any]]:
    """The expression with sizes that are symdl's, positive integers, and what they were: SymPy users write ``symbols("n")``."""
    if not isinstance(value, sp.Basic):
        return value, {}
    sizes: set[Any] = set()
    for one in parts_of(value, sp.MatrixSymbol, sp.IndexedBase, OneMatrix, ZeroMatrix, sp.Identity):
        sizes |= {s for size in one.shape or () for s in size.free_symbols}
    totals = parts_of(value, sp.Sum, sp.Product)
    sizes |= {s for total in totals if isinstance(total, sp.Sum) for limit in total.limits for bound in limit[1:] for s in bound.free_symbols}
    sizes -= {limit[0] for total in totals for limit in total.limits}
    plain = {s: dims(s.name) for s in sizes if isinstance(s, sp.Symbol) and not is_dim(s) and _may_be_a_size(s)}
    return value.xreplace(plain) if plain else value, {ours: theirs for theirs, ours in plain.items()}


def _may_be_a_size(symbol: sp.Symbol) -> bool:
    return symbol.is_integer is not False and symbol.is_positive is not False


def separated(value: Any) -> Any:
    """The expression with bound letters renamed where one stands for several things: Sum(x[i], ...)*Sum(w[i], ...) over axes of two sizes."""
    if not isinstance(value, sp.Basic):
        return value
    if parts_of(value, FunctionMatrix):
        value = value.replace(lambda e: isinstance(e, FunctionMatrix), _with_own_letters)
    limits: dict[Any, set[Any]] = {}
    for total in parts_of(value, sp.Sum, sp.Product):
        for limit in total.limits:
            limits.setdefault(limit[0], set()).add(limit[1:])
    free = value.free_symbols if limits else set()
    several = {letter for letter, found in limits.items() if len(found) > 1 or letter in free}
    if not several:
        return value

    def renamed(total: Any) -> Any:
        return total.xreplace({limit[0]: _own(limit[0]) for limit in total.limits if limit[0] in several})

    return value.replace(lambda e: isinstance(e, (sp.Sum, sp.Product)) and any(limit[0] in several for limit in e.limits), renamed)


def _own(letter: Any) -> sp.Dummy:
    return sp.Dummy(str(letter), integer=True)


def _with_own_letters(part: FunctionMatrix) -> FunctionMatrix:
    own = {letter: _own(letter) for letter in part.lamda.variables}
    return FunctionMatrix(*part.shape, sp.Lambda(tuple(own.values()), part.lamda.expr.xreplace(own)))


class Ranges:
    """How far the index letters of an expression run.

    Attributes
    ----------
    sizes : dict
        Letter -> size: of the axis it stands on, else what its sum's limits or its ``Idx`` say.
    start : SymPy expression
        Where letters that run over a whole axis start.
    """

    def __init__(self, value: Any) -> None:
        self.sizes: dict[Any, Size] = {}
        self._axes: dict[tuple[Any, int], Size] = {}  # of tensors without a shape: (name, axis) -> size
        if not isinstance(value, (sp.Basic, sp.MatrixBase)):
            self.start: Any = sp.S.Zero
            return
        value = value.as_immutable() if isinstance(value, sp.MatrixBase) else value
        elements = sorted(parts_of(value, sp.Indexed, MatrixElement), key=sp.default_sort_key)
        limits = [limit for total in sorted(parts_of(value, sp.Sum, sp.Product), key=sp.default_sort_key) for limit in total.limits]
        for limit in limits:
            if len(limit) != 3:
                raise UnsupportedError(f"{value!s:.60}: a sum needs a lower and an upper limit")
        self._from_shapes(elements)
        self._from_limits(limits)
        self.start = self._common_start(limits, any(isinstance(e, sp.Indexed) for e in elements))
        self._from_bases(elements)

    def _from_shapes(self, elements: Iterable[Any]) -> None:
        for element in elements:
            shape = element.parent.shape if isinstance(element, MatrixElement) else element.base.shape or [None] * len(element.indices)
            for index, size in zip(element.indices, shape, strict=True):
                if size is not None and isinstance(index, LETTER):
                    bind(self.sizes, index, plain_size(size), str(element))
        for element in elements:
            for index in element.indices:
                for letter in sorted(index.atoms(sp.Idx), key=str):
                    if letter.upper is not None and letter not in self.sizes:
                        self.sizes[letter] = plain_size(letter.upper - letter.lower + 1)

    def _from_limits(self, limits: list[Any]) -> None:
        """A letter that stands on no axis of known size runs as its sum says; two sums may not disagree."""
        own: dict[Any, Size] = {}
        for letter, low, high in limits:
            if letter not in self.sizes:
                bind(own, letter, plain_size(high - low + 1), f"the sum over {letter}")
        bound = {limit[0] for limit in limits}
        for letter, size in own.items():
            if isinstance(size, sp.Expr) and size.free_symbols & bound:
                raise ShapeError(f"the range of {letter} depends on another index: give the tensor it stands on a shape, as in IndexedBase('x', shape=(n,))")
        self.sizes |= own

    def _common_start(self, limits: list[Any], indexed: bool) -> Any:
        starts = {low for letter, low, high in limits if self._whole(letter, low, high)}
        if len(starts) > 1:
            raise UnsupportedError(f"sums that start at {', '.join(sorted(map(str, starts)))}: let all start at the same index")
        return starts.pop() if starts else sp.S.Zero

    def _whole(self, letter: Any, low: Any, high: Any) -> bool:
        return sp.expand(high - low + 1 - self.sizes[letter]) == 0

    def _from_bases(self, elements: Iterable[Any]) -> None:
        """Tensors without a shape have the sizes of the letters on their axes."""
        for element in elements:
            if isinstance(element, sp.Indexed) and not element.base.shape:
                for axis, index in enumerate(element.indices):
                    size = self.sizes.get(index)
                    if size is not None and self._axes.setdefault((element.base, axis), size) != size:
                        known = self._axes[element.base, axis]
                        raise ShapeError(f"{element}: the index {index} runs over {size}, another on that axis over {known}; give {element.base} a shape")

    def also(self, letters: Mapping[Any, Size]) -> Ranges:
        """The same, with letters whose ranges are known otherwise."""
        made = copy.copy(self)
        made.sizes = self.sizes | dict(letters)
        return made

    def axis(self, element: sp.Indexed) -> list[Size]:
        """The sizes of the axes of an element's tensor."""
        if element.base.shape:
            return [plain_size(s) for s in element.base.shape]
        sizes = [self._axes.get((element.base, axis)) for axis in range(len(element.indices))]
        if any(s is None for s in sizes):
            name = str(element.base)
            letter = next((i for i in element.indices if i not in self.sizes), element.indices[0])
            raise ShapeError(f"{element}: the size of {name} is not known; give IndexedBase({name!r}, shape=...) or a Sum over {letter}")
        return sizes  # type: ignore[return-value]


def number_of_letter(ranges: Ranges, letter: Any) -> Expr:
    """An index that stands as a number."""
    size = ranges.sizes[letter]
    return Expr(build.position(size, letter), (), {letter: size}) + ranges.start


def in_range(reading: Reading, letter: Any, low: Any, high: Any) -> Expr | None:
    """1 where low <= letter <= high, else 0; None when that is the whole axis."""
    ranges = reading.ranges
    size = ranges.sizes[letter]
    first, last = ranges.start, ranges.start + size - 1
    if sp.expand(low - first) == 0 and sp.expand(high - last) == 0:
        return None
    if _below(low, first) or _below(last, high):
        raise ShapeError(f"the sum over {letter} from {low} to {high} leaves the axis, which runs from {first} to {last}")
    place = number_of_letter(ranges, letter)
    mask: Expr | None = None
    for gap, edge in ((place - reading.inside(low, {}), low - first), (reading.inside(high, {}) - place, last - high)):
        if sp.expand(edge) != 0:
            # gap is a whole number: gap >= 0 is gap + 1/2 > 0, away from the jump.
            factor = elementwise("positive", gap + sp.Rational(1, 2))
            mask = factor if mask is None else mask * factor
    return mask


def _below(a: Any, b: Any) -> bool:
    return bool((sp.sympify(a) - b).is_negative)


def element(reading: Reading, whole: Expr, indices: Iterable[Any], start: Any) -> Expr:
    """The element of a tensor at letters, positions and computed indices (0 where one leaves its axis)."""
    from symdl.expr.windows import taken

    keys: list[Any] = []
    for index in indices:
        if isinstance(index, LETTER) and not is_dim(index):
            if start != reading.ranges.start and index in reading.ranges.sizes:
                raise UnsupportedError(f"{index} starts at {reading.ranges.start}, and the elements of matrices count from {start}: let the sums start at 0")
            keys.append(index)
        elif index.is_number:
            keys.append(index - start)
        else:
            whole = taken(whole, len(keys), _zero_based(reading, index, start), ())
    return whole[tuple(keys)] if keys else whole


def _zero_based(reading: Reading, index: Any, start: Any) -> Expr:
    return reading.inside(index, {}) - start


def delta(reading: Reading, part: sp.KroneckerDelta) -> Expr:
    """Kronecker's delta of letters, positions or computed indices."""
    i, j = part.args[:2]
    ranges = reading.ranges
    plain = [is_letter(e) or e.is_number for e in (i, j)]
    if all(plain) and i.is_number and j.is_number:
        return Expr(build.constant(1 if i == j else 0))
    size = ranges.sizes.get(i, ranges.sizes.get(j))
    if size is None and part.delta_range:
        size = plain_size(part.delta_range[1] - part.delta_range[0] + 1)
    if size is None:
        raise ShapeError(f"{part}: the range of its indices is not known; give it as KroneckerDelta({i}, {j}, (0, n - 1))")
    if not all(plain) or ranges.sizes.get(i, size) != ranges.sizes.get(j, size):
        return elementwise("iszero", reading.inside(i, {}) - reading.inside(j, {}))
    if is_letter(i) and is_letter(j):
        return ops.delta(i, j, size)
    letter, place = (i, j) if is_letter(i) else (j, i)
    return Expr(build.mul(1, [], [build.Delta(letter, ~int(place - ranges.start), size)]), (), {letter: size})
