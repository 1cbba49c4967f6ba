"""From plain SymPy to the node table: Symbols, Indexed, Sum, KroneckerDelta, functions of the table; matrices and cases have tables of their own."""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping
from functools import cached_property, reduce
from typing import Any

import sympy as sp
from sympy.matrices.expressions.matexpr import MatrixElement

from symdl.errors import DomainError, UnsupportedError
from symdl.expr.dims import LETTER, check_name, is_dim
from symdl.expr.ops import sum_
from symdl.expr.sympy_in.cases import CASES, Word
from symdl.expr.sympy_in.indices import Ranges, delta, element, in_range, number_of_letter, separated, with_dims
from symdl.expr.sympy_in.matrices import MATRICES, NOT_READ
from symdl.expr.tensor import Expr, elementwise, join_letters
from symdl.functions import BY_CLASS
from symdl.graph import build
from symdl.graph.node import InputInfo, Size


def from_sympy(value: Any, context: Any = None) -> Expr:
    """The Expr of a plain SymPy expression.

    Sums may start anywhere; an index that runs over a whole axis is shifted to start at 0, and all such sums must start at the same place. Sums over a
    part of an axis, indices that are computed (``x[i + 1]``, 0 outside the axis) and indices that stand as numbers are read by positions.
    Matrix expressions have two axes, column vectors too; their elements count from 0.

    Parameters
    ----------
    value : SymPy expression
    context : SymPy expression, optional
        Where it belongs: sizes of tensors without a shape, and where indices start, are known from there too.

    Raises
    ------
    UnsupportedError
        For what has no reading.
    ShapeError
        When shapes or ranges of indices do not go together.
    """
    value = value.as_immutable() if isinstance(value, sp.MatrixBase) else value
    if context is None:
        value = separated(with_dims(value)[0])
        return Reading(value).read(value)
    both = separated(with_dims(sp.Tuple(value, context))[0])
    return Reading(both[0], ranges=Ranges(both)).read(both[0])


def lower_limit(value: sp.Basic) -> Any:
    """Where the sums of an expression start; 0 when it has none."""
    return Ranges(separated(with_dims(value)[0])).start


#: What is no coefficient, whatever it is made of.
_NO_NUMBERS = (sp.Indexed, MatrixElement, sp.KroneckerDelta, sp.Sum, sp.Product, sp.Piecewise, sp.MatrixExpr, sp.MatrixBase)


class Reading:
    """The reading of one expression: what its parts have become."""

    def __init__(self, value: Any, known: Mapping[Any, Expr] | None = None, ranges: Ranges | None = None, elementwise: bool = False) -> None:
        self.ranges = ranges or Ranges(value)
        self.known: dict[Any, Expr] = dict(known or {})
        self._elementwise = elementwise
        self._numbers: set[Any] = set()

    def read(self, value: Any) -> Expr:
        """Parts first. What is a number or made of sizes alone is read in one piece, where it meets something else."""
        for part in self._postorder(value):
            needs = self._needs(part)
            if self._is_number(part, needs):
                self._numbers.add(part)
                continue
            for need in needs:
                if need in self._numbers:
                    self.known[need] = _number(need)
            self.known[part] = self._convert(part)
        return _number(value) if value in self._numbers else self.known[value]

    def inside(self, body: Any, given: Mapping[Any, Expr], elementwise: bool = False, letters: Mapping[Any, Size] | None = None) -> Expr:
        """A body that is read with values for its bound symbols, which may be tensors (``elementwise``), or with letters of its own."""
        ranges = self.ranges.also(letters) if letters else self.ranges
        return Reading(body, given, ranges, elementwise).read(body)

    @cached_property
    def _sizes(self) -> set[Any]:
        return {s for size in self.ranges.sizes.values() if isinstance(size, sp.Expr) for s in size.free_symbols}

    def _postorder(self, value: Any) -> list[Any]:
        """Sub-expressions, arguments first; without recursion. Limits, indices, bases and shapes are not sub-expressions."""
        order: list[Any] = []
        done: set[Any] = set(self.known)
        stack: list[tuple[Any, bool]] = [(value, False)]
        while stack:
            part, expanded = stack.pop()
            if part in done:
                continue
            if expanded:
                done.add(part)
                order.append(part)
                continue
            stack.append((part, True))
            stack.extend((a, False) for a in self._needs(part))
        return order

    def _needs(self, part: Any) -> tuple[Any, ...]:
        word = _word(type(part))
        if word is not None:
            return tuple(word.needs(part))
        if isinstance(part, sp.Sum):
            return () if self._sum_of_sizes(part) else (part.function,)
        if isinstance(part, MatrixElement):
            return (part.parent,)
        return () if isinstance(part, (sp.Indexed, sp.KroneckerDelta)) else part.args

    def _is_number(self, part: Any, needs: tuple[Any, ...]) -> bool:
        """A coefficient: a number, or an expression in sizes alone (dims, and symbols that stand in limits or shapes)."""
        if isinstance(part, sp.Sum) and not needs:
            return True
        if isinstance(part, _NO_NUMBERS) or not isinstance(part, sp.Expr):
            return False
        if not part.args:
            return bool(part.is_number) or is_dim(part) or part in self._sizes
        return all(a in self._numbers for a in needs)

    def _sum_of_sizes(self, part: Any) -> bool:
        """A sum in sizes alone, of a function that has no rule: log Gamma(d/2 - j/2), j = 1, ..., d. Nothing differentiates it: it is a number."""
        if not all(is_dim(s) or s in self._sizes for s in part.free_symbols):
            return False
        return any(type(f) not in BY_CLASS and not isinstance(f, tuple(_SCALARS)) for f in part.function.atoms(sp.Function))

    def _convert(self, part: Any) -> Expr:
        word = _word(type(part))
        if word is not None:
            return word.build(self, part, [self.known[a] for a in word.needs(part)])
        for kind, convert in _SCALARS.items():
            if isinstance(part, kind):
                return convert(self, part)
        return self._function(part)

    def _function(self, part: Any) -> Expr:
        refused = next((why for kind, why in NOT_READ.items() if isinstance(part, kind)), None)
        if refused is not None:
            raise UnsupportedError(f"{part!s:.60}: {refused}")
        name = BY_CLASS.get(type(part))
        if name is None:
            raise UnsupportedError(f"{part!s:.60}: symdl has no rule for {type(part).__name__}; sd.extend.function adds one (they stand in symdl/functions)")
        return elementwise(name, *self.arguments(part))

    def arguments(self, part: Any) -> list[Expr]:
        """The arguments of a scalar function or operation; a matrix of one element is that element."""
        return [self.known[a] if self._elementwise else _scalar(self.known[a], part) for a in part.args]


_words: dict[type, Word | None] = {}


def _word(kind: type) -> Word | None:
    """How a class is read, by the tables of matrices and cases; a subclass by its base. Looked up once for every class."""
    if kind not in _words:
        tables = MATRICES | CASES
        _words[kind] = tables.get(kind) or next((word for base, word in tables.items() if issubclass(kind, base)), None)
    return _words[kind]


def _number(part: Any) -> Expr:
    if part.is_real is False or part in (sp.zoo, sp.nan):
        raise DomainError(f"{part} is not a real number")
    return Expr(build.constant(part))


def _scalar(expr: Expr, part: Any) -> Expr:
    if expr.shape == (1, 1):
        return expr[0, 0]
    if expr.shape:
        name = type(part).__name__
        raise UnsupportedError(
            f"{part!s:.60}: {name} of a matrix is read neither as a matrix function nor elementwise; for every element write "
            f"(...).applyfunc({name}), or use sd.{name if name != 'Pow' else 'tensor'}"
        )
    return expr


def _symbol(reading: Reading, part: Any) -> Expr:
    if part in reading.ranges.sizes:
        return number_of_letter(reading.ranges, part)
    check_name(part.name, "symbol")
    return Expr(build.Term(build.input_node(InputInfo(part.name, sp.Symbol(part.name) if part.is_Dummy else part, frozenset()), ()), ()))


def _algebra(reading: Reading, part: Any) -> Expr:
    args = reading.arguments(part)
    if isinstance(part, sp.Pow):
        return args[0] ** args[1]
    if any(a.shape for a in args):  # in the body of a lambda
        return reduce(operator.add if isinstance(part, sp.Add) else operator.mul, args)
    terms = [a.term for a in args]
    made = build.add([1] * len(terms), terms) if isinstance(part, sp.Add) else build.mul(1, terms)
    return Expr(made, (), join_letters(args, "+" if isinstance(part, sp.Add) else "*"))


def _sum(reading: Reading, part: sp.Sum) -> Expr:
    """The innermost limit first; an index that does not occur counts."""
    total = reading.known[part.function]
    total = total[0, 0] if total.shape == (1, 1) else total
    if total.shape:
        raise UnsupportedError(f"{part!s:.60}: a sum of matrices is not read: sum its elements")
    for letter, low, high in part.limits:
        mask = in_range(reading, letter, low, high)
        if mask is not None:
            total = total * mask
        if letter in total.open:
            total = sum_(total, letter)
        else:
            total = total * sp.sympify(reading.ranges.sizes[letter])
    return total


def _indexed(reading: Reading, part: sp.Indexed) -> Expr:
    base = part.base
    ranges = reading.ranges
    shape = tuple(ranges.axis(part))
    name = check_name(str(base.label), "tensor")
    atom = base if base.shape else sp.IndexedBase(base.label)
    node = build.input_node(InputInfo(name, atom, frozenset()), shape)
    whole = Expr(build.Term(node, tuple(range(len(shape)))), shape)
    return element(reading, whole, part.indices, ranges.start)


def _of_matrix(reading: Reading, part: MatrixElement) -> Expr:
    return element(reading, reading.known[part.parent], part.indices, sp.S.Zero)


#: What is read the same way wherever it stands, by class.
_SCALARS: dict[Any, Callable[[Reading, Any], Expr]] = {
    sp.Indexed: _indexed,
    MatrixElement: _of_matrix,
    sp.KroneckerDelta: delta,
    sp.Sum: _sum,
    LETTER: _symbol,
    (sp.Add, sp.Mul, sp.Pow): _algebra,
}

__all__ = ["Reading", "from_sympy", "lower_limit"]
