"""Writing instructions: every value once, and the small steps that all rules share (views, elementwise sums and products)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from symdl.graph.labels import check_fixed
from symdl.lower.contract import Factor
from symdl.lower.program import Instruction, Operand, Ref, Table

_COMMUTATIVE = frozenset(["add", "multiply", "maximum", "inner"])


class Emitter:
    """A growing list of instructions."""

    def __init__(self) -> None:
        self.code: list[Instruction] = []
        self._known: dict[tuple[Any, ...], Ref] = {}
        #: Shapes of the stacks of products so far.
        self.stacks: set[tuple[int, ...]] = set()
        #: Products that were made in full, of which a sum may be wanted, too: see ``contract.py``.
        self.products: dict[tuple[Any, ...], Factor] = {}

    def emit(self, op: str, args: tuple[Operand, ...], attr: Any = None, shape: tuple[int, ...] = ()) -> Ref:
        """The value of an instruction; the same instruction is written once."""
        if op in _COMMUTATIVE and isinstance(args[0], Ref) and isinstance(args[1], Ref) and args[0] > args[1]:
            args = (args[1], args[0])
        key = (op, args, tuple(map(type, args)), attr, shape)
        found = self._known.get(key)
        if found is None:
            found = self._known[key] = Ref(len(self.code))
            self.code.append(Instruction(op, args, attr, shape))
        return found

    def known(self, op: str, args: tuple[Operand, ...], attr: Any, shape: tuple[int, ...]) -> Ref | None:
        """The value of an instruction that has been written."""
        return self._known.get((op, args, tuple(map(type, args)), attr, shape))

    def shape(self, value: Operand) -> tuple[int, ...]:
        return self.code[value].shape if isinstance(value, Ref) else ()

    def table(self, value: Operand) -> Any:
        """The numbers of a value that are known now; None for others."""
        step = self.code[value] if isinstance(value, Ref) else None
        return step.attr.array if step is not None and step.op == "table" else None

    def numbers(self, array: Any, axes: Sequence[int]) -> Factor:
        """Numbers that are known now; a single one is no table."""
        return Factor(self.emit("table", (), Table(array), array.shape), tuple(axes)) if axes else Factor(float(array), ())

    def ones(self, size: int) -> Ref:
        """A vector of ones."""
        return self.emit("ones", (), None, (size,))

    # --- views ----------------------------------------------------------------------------------------------

    def arranged(self, factor: Factor, axes: Sequence[int]) -> Factor:
        """The factor with its axes in this order; indices that it lacks become axes of size 1."""
        place = [factor.axes.index(i) if i in factor.axes else -1 for i in axes]
        if place == list(range(len(factor.axes))):
            return factor
        old = self.shape(factor.value)
        shape = tuple(old[p] if p >= 0 else 1 for p in place)
        return Factor(self.emit("view", (factor.value,), tuple(place), shape), tuple(axes))

    def aligned(self, factor: Factor, axes: Sequence[int]) -> Operand:
        """The value, so that NumPy's broadcasting lines it up with these axes; leading axes may be missing."""
        missing = 0
        while missing < len(axes) and axes[missing] not in factor.axes:
            missing += 1
        return self.arranged(factor, axes[missing:]).value

    def selected(self, factor: Factor) -> Factor:
        """Fixed positions taken, and repeated indices read along the diagonal."""
        if len(set(factor.axes)) == len(factor.axes) and all(i >= 0 for i in factor.axes):
            return factor
        old = self.shape(factor.value)
        check_fixed(factor.axes, old)
        kept = tuple(dict.fromkeys(i for i in factor.axes if i >= 0))
        shape = tuple(old[factor.axes.index(i)] for i in kept)
        return Factor(self.emit("select", (factor.value,), factor.axes, shape), kept)

    def reshape(self, value: Operand, shape: tuple[int, ...]) -> Operand:
        return value if self.shape(value) == shape else self.emit("reshape", (value,), None, shape)

    def matrix(self, factor: Factor, rows: Sequence[int], columns: Sequence[int], sizes: Mapping[int, int]) -> Operand:
        """The factor as a matrix; as a vector when rows or columns are empty."""
        value = self.arranged(factor, (*rows, *columns)).value
        if len(rows) <= 1 and len(columns) <= 1:
            return value
        flat = tuple(_product(sizes[i] for i in group) for group in (rows, columns) if group)
        if rows and columns and self._better_turned(value, len(rows)):
            turned = self.reshape(self.arranged(factor, (*columns, *rows)).value, flat[::-1])
            return self.emit("view", (turned,), (1, 0), flat)
        return self.reshape(value, flat)

    def _better_turned(self, value: Operand, rows: int) -> bool:
        """Whether the copy of windows that a matrix needs is made of longer pieces when columns are written one after the other."""
        strides = self._strides(value)
        if strides is None:
            return False
        shape = self.shape(value)
        along, across = _run(shape, strides), _run((*shape[rows:], *shape[:rows]), (*strides[rows:], *strides[:rows]))
        return along <= SHORT and across > along and _product(shape) > LONG

    def _strides(self, value: Operand) -> tuple[int, ...] | None:
        """Of elements that are seen through a window, in numbers; None for what is seen otherwise."""
        step = self.code[value]  # type: ignore[index]
        if step.op == "view":
            below = self._strides(step.args[0])
            return None if below is None else tuple(below[p] if p >= 0 else 0 for p in step.attr)
        return step.attr.strides(_dense(self.shape(step.args[0]))) if step.op == "window" else None

    def spread(self, factor: Factor, axes: Sequence[int], shape: tuple[int, ...]) -> Operand:
        """The value on exactly these axes, repeated along those that it lacks."""
        if not shape:
            return factor.value
        arranged = self.arranged(factor, axes) if factor.axes else factor
        if self.shape(arranged.value) == shape:
            return arranged.value
        return self.emit("spread", (arranged.value,), None, shape)

    # --- elementwise ----------------------------------------------------------------------------------------

    def binary(self, op: str, a: Factor, b: Factor, sizes: Mapping[int, int]) -> Factor:
        """An elementwise operation of two factors; the one with more axes decides the order of the result's."""
        first, second = (b, a) if len(b.axes) > len(a.axes) else (a, b)
        axes = (*first.axes, *(i for i in second.axes if i not in first.axes))
        if second.axes and first.axes != second.axes:
            axes = long_last(axes, sizes)
        x, y = self.aligned(a, axes), self.aligned(b, axes)
        return Factor(self.emit(op, (x, y), None, tuple(sizes[i] for i in axes)), axes)

    def unary(self, op: str, a: Factor) -> Factor:
        return Factor(self.emit(op, (a.value,), None, self.shape(a.value)), a.axes)

    def times(self, factors: Sequence[Factor], sizes: Mapping[int, int], coef: float = 1.0, below: Sequence[Factor] = ()) -> Factor:
        """coef * product of the factors / product of those below, small ones first."""
        scale = self._scalar_product([f for f in factors if not f.axes], coef, [f for f in below if not f.axes])
        groups: dict[frozenset[int], list[Factor]] = {}
        for factor in factors:
            if factor.axes:
                groups.setdefault(frozenset(factor.axes), []).append(factor)
        product: Factor | None = None
        for group in sorted(groups.values(), key=lambda g: _product(sizes[i] for i in g[0].axes)):
            whole = self._group_product(group, sizes)
            if scale is not None and product is None:
                whole, scale = self._scaled(whole, scale, sizes), None
            product = whole if product is None else self.binary("multiply", whole, product, sizes)
        if product is None:
            product = scale or Factor(1.0, ())
        for factor in below:
            if factor.axes:
                product = self.binary("divide", product, factor, sizes)
        return product

    def _group_product(self, group: list[Factor], sizes: Mapping[int, int]) -> Factor:
        """Factors with the same indices, multiplied from the left."""
        whole = group[0]
        for factor in group[1:]:
            whole = self.binary("multiply", whole, factor, sizes)
        return whole

    def _scaled(self, factor: Factor, scale: Factor, sizes: Mapping[int, int]) -> Factor:
        if not isinstance(scale.value, Ref) and scale.value == -1.0:
            return self.unary("negative", factor)
        return self.binary("multiply", factor, scale, sizes)

    def _scalar_product(self, above: Sequence[Factor], coef: float, below: Sequence[Factor]) -> Factor | None:
        """The product of scalars; None for 1."""
        for factor in above:
            if not isinstance(factor.value, Ref):
                coef *= factor.value
        over = [f.value for f in above if isinstance(f.value, Ref)]
        under = [f.value for f in below]
        if not over and not under:
            return None if coef == 1.0 else Factor(coef, ())
        if len(over) == 1 and not under and coef == 1.0:
            return Factor(over[0], ())
        return Factor(self.emit("product", (*over, *under), (coef, len(over))), ())

    def total(self, terms: Sequence[tuple[float, Factor]], offset: float, sizes: Mapping[int, int]) -> Factor:
        """Sum of weight * factor, plus the offset; terms with the same indices first."""
        groups: dict[frozenset[int], list[tuple[float, Factor]]] = {}
        for weight, factor in terms:
            groups.setdefault(frozenset(factor.axes), []).append((weight, factor))
        parts = [self._weighted(g, sizes) for g in sorted(groups.values(), key=lambda g: _product(sizes[i] for i in g[0][1].axes))]
        weight, factor = self._weighted(parts, sizes)
        if weight == -1.0 and offset:
            return self.binary("subtract", Factor(offset, ()), factor, sizes)
        if weight != 1.0:
            factor = self._scaled(factor, Factor(weight, ()), sizes)
        return self.binary("add", factor, Factor(offset, ()), sizes) if offset else factor

    def _weighted(self, terms: Sequence[tuple[float, Factor]], sizes: Mapping[int, int]) -> tuple[float, Factor]:
        """The sum as one weight times one factor: a weight that all share is taken out."""
        size = abs(terms[0][0]) if len({abs(w) for w, _ in terms}) == 1 else 1.0
        sign = 1.0 if any(w > 0 for w, _ in terms) else -1.0
        outer = size * sign
        signed = sorted(((w / outer, f) for w, f in terms), key=lambda t: t[0] != 1.0)
        whole: Factor | None = None
        for weight, factor in signed:
            if abs(weight) != 1.0:
                factor, weight = self._scaled(factor, Factor(weight, ()), sizes), 1.0
            if whole is None:
                whole = factor if weight == 1.0 else self.unary("negative", factor)
            else:
                whole = self.binary("add" if weight == 1.0 else "subtract", whole, factor, sizes)
        assert whole is not None
        return outer, whole


#: NumPy's inner loop runs over the last axis: one of at most SHORT elements beside one of at least LONG costs several times what it should.
SHORT, LONG = 16, 1024


def long_last(axes: tuple[int, ...], sizes: Mapping[int, int]) -> tuple[int, ...]:
    """The order of axes in which a fresh array is made: a very long one does not stand before a very short one."""
    if not axes or sizes[axes[-1]] > SHORT:
        return axes
    longest = max(axes, key=sizes.__getitem__)
    return (*(i for i in axes if i != longest), longest) if sizes[longest] >= LONG else axes


def _run(shape: Sequence[int], strides: Sequence[int]) -> int:
    """How many of the last elements stand next to each other."""
    run = 1
    for n, stride in zip(reversed(shape), reversed(strides), strict=True):
        if n != 1 and stride != run:
            break
        run *= n
    return run


def _dense(shape: Sequence[int]) -> tuple[int, ...]:
    return tuple(_product(shape[k + 1 :]) for k in range(len(shape)))


def _product(sizes: Any) -> int:
    result = 1
    for size in sizes:
        result *= size
    return result
