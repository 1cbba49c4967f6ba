"""SymPy's matrix expressions: one table, class -> reading. Every matrix has two axes, a column vector the shape (n, 1)."""

from __future__ import annotations

from functools import reduce
from typing import TYPE_CHECKING, Any

import sympy as sp
from sympy.matrices.expressions import (
    Adjoint,
    DiagMatrix,
    DiagonalMatrix,
    DiagonalOf,
    DotProduct,
    FunctionMatrix,
    HadamardPower,
    HadamardProduct,
    KroneckerProduct,
    MatrixSlice,
    OneMatrix,
    ZeroMatrix,
)
from sympy.matrices.expressions.applyfunc import ElementwiseApplyFunction
from sympy.tensor.array.expressions.array_expressions import _ArrayExpr, _CodegenArrayAbstract

from symdl.errors import ShapeError, UnsupportedError
from symdl.expr import matrices, ops
from symdl.expr.dims import check_name
from symdl.expr.sympy_in.cases import Word
from symdl.expr.sympy_in.indices import plain_size
from symdl.expr.tensor import Expr, elementwise, of_node, raise_to
from symdl.graph import build
from symdl.graph.node import InputInfo

if TYPE_CHECKING:
    from symdl.expr.sympy_in.reading import Reading

#: A power of a matrix is read as a product of up to this many matrices.
HIGHEST_POWER = 64

#: An explicit matrix may have this many elements.
MOST_ELEMENTS = 2500


def _symbol(reading: Reading, part: sp.MatrixSymbol, args: list[Expr]) -> Expr:
    name, shape = check_name(part.name, "matrix"), tuple(map(plain_size, part.shape))
    # The node that sd.tensor makes, so that both words may stand in one question.
    return of_node(build.input_node(InputInfo(name, sp.IndexedBase(name, shape=shape), frozenset()), shape))


def _sum(reading: Reading, part: sp.MatAdd, args: list[Expr]) -> Expr:
    return reduce(lambda a, b: a + b, args)


def _product(reading: Reading, part: sp.MatMul, args: list[Expr]) -> Expr:
    """Scalars times a chain of matrices."""
    scalars = [a for a in args if not a.shape]
    matrices = [a for a in args if a.shape]
    chain = reduce(lambda a, b: a @ b, matrices)
    return reduce(lambda a, b: a * b, scalars, chain)


def _power(reading: Reading, part: sp.MatPow, args: list[Expr]) -> Expr:
    base, exponent = args[0], part.exp
    if base.shape == (1, 1):
        return raise_to(base, reading.inside(exponent, {}))
    if not exponent.is_Integer or abs(int(exponent)) > HIGHEST_POWER:
        raise UnsupportedError(f"{part!s:.60}: a matrix power is read for whole numbers up to {HIGHEST_POWER}; HadamardPower is that of every element")
    if exponent == 0:
        return ops.eye(base.shape[0])
    if exponent < 0:
        base = ops.inv(base)
    return reduce(lambda a, b: a @ b, [base] * abs(int(exponent)))


def _inverse(reading: Reading, part: sp.Inverse, args: list[Expr]) -> Expr:
    return 1 / args[0] if args[0].shape == (1, 1) else ops.inv(args[0])


def _determinant(reading: Reading, part: sp.Determinant, args: list[Expr]) -> Expr:
    return args[0][0, 0] if args[0].shape == (1, 1) else ops.det(args[0])


def _log(reading: Reading, part: Any, args: list[Expr]) -> Expr:
    """log det A has a node of its own, which does not overflow."""
    if isinstance(part.args[0], sp.Determinant) and part.args[0].arg.shape != (1, 1):
        return ops.logdet(reading.known[part.args[0].arg])
    return elementwise("log", *reading.arguments(part))


def _hadamard_power(reading: Reading, part: HadamardPower, args: list[Expr]) -> Expr:
    return raise_to(args[0], args[1])


def _function(reading: Reading, part: ElementwiseApplyFunction, args: list[Expr]) -> Expr:
    """A lambda's body is read with the matrix in the place of its variable: everything scalar is elementwise."""
    variables = part.function.variables
    if len(variables) != 1:
        raise UnsupportedError(f"{part!s:.60}: a function of one variable is applied to every element")
    result = reading.inside(part.function.expr, {variables[0]: args[0]}, elementwise=True)
    return result if result.shape else result * ops.ones(*args[0].shape)


def _diagonal_of(reading: Reading, part: DiagonalOf, args: list[Expr]) -> Expr:
    return ops.diag(args[0])[:, None]


def _diagonal_matrix(reading: Reading, part: Any, args: list[Expr]) -> Expr:
    """DiagMatrix of a vector; of a square matrix, its diagonal with zeros elsewhere."""
    arg = args[0]
    if arg.shape[0] == arg.shape[1] and arg.shape != (1, 1):
        return ops.diag(ops.diag(arg))
    if 1 not in arg.shape:
        raise ShapeError(f"{part!s:.60}: a diagonal is made of a vector or of a square matrix")
    return ops.diag(arg[:, 0] if arg.shape[1] == 1 else arg[0])


def _kronecker(reading: Reading, part: KroneckerProduct, args: list[Expr]) -> Expr:
    return reduce(matrices.kron, args)


def _dot(reading: Reading, part: DotProduct, args: list[Expr]) -> Expr:
    left, right = (a if a.shape[1] == 1 else a.T for a in args)
    return ops.sum_(left * right)


def _explicit(reading: Reading, part: Any, args: list[Expr]) -> Expr:
    """A matrix of scalars: each at its place."""
    rows, columns = part.shape
    if not rows or not columns or rows * columns > MOST_ELEMENTS:
        raise UnsupportedError(f"an explicit matrix of {rows} x {columns} is not read: it may have up to {MOST_ELEMENTS} elements; use a MatrixSymbol")
    elements = [reading.known[e] for e in part]
    if len(set(part)) == 1:
        return elements[0] * ops.ones(rows, columns)
    letters: dict[Any, Any] = {}
    terms = []
    for at, element in enumerate(elements):
        letters |= element.open
        place = [build.Delta(axis, ~k, size) for axis, k, size in ((0, at // columns, rows), (1, at % columns, columns)) if size > 1]
        terms.append(build.mul(1, [element.term], place))
    return Expr(build.add([1] * len(terms), terms), part.shape, letters)


def _by_function(reading: Reading, part: FunctionMatrix, args: list[Expr]) -> Expr:
    """Element (i, j) is an expression in i and j, which are letters, each of this matrix alone, and may stand as numbers too."""
    letters, shape = part.lamda.variables, tuple(map(plain_size, part.shape))
    body = reading.inside(part.lamda.expr, {}, letters=dict(zip(letters, shape, strict=True)))
    kept = {letter: size for letter, size in body.open.items() if letter not in letters}
    return Expr(build.rename(body.term, {letter: axis for axis, letter in enumerate(letters)}), shape, kept)


def _slice(reading: Reading, part: MatrixSlice, args: list[Expr]) -> Expr:
    keys = [slice(*[int(e) if e.is_Integer else e for e in (one[0], one[1], one[2])]) for one in (part.rowslice, part.colslice)]
    whole = args[0]
    return whole[tuple(slice(None) if k.start == 0 and k.stop == size and k.step == 1 else k for k, size in zip(keys, whole.shape, strict=True))]


def _blocks(reading: Reading, part: Any, args: list[Expr]) -> Expr:
    """Rows of blocks side by side."""
    from symdl.expr.windows import concat

    grid = [[reading.known[part.blocks[r, c]] for c in range(part.blocks.shape[1])] for r in range(part.blocks.shape[0])]
    rows = [concat(row, axis=1) if len(row) > 1 else row[0] for row in grid]
    return concat(rows, axis=0) if len(rows) > 1 else rows[0]


def _leaf(make: Any) -> Word:
    return Word(lambda reading, part, args: make(*map(plain_size, part.shape)), lambda part: ())


def _of(function: Any) -> Word:
    return Word(lambda reading, part, args: function(args[0]), lambda part: (part.args[0],))


#: SymPy class -> how it is read. Subclasses are found by their base.
MATRICES: dict[type, Word] = {
    sp.MatrixSymbol: Word(_symbol, lambda part: ()),
    sp.Identity: _leaf(lambda rows, columns: ops.eye(rows) if rows != 1 else ops.ones(1, 1)),
    ZeroMatrix: _leaf(ops.zeros),
    OneMatrix: _leaf(ops.ones),
    sp.MatAdd: Word(_sum),
    sp.MatMul: Word(_product),
    sp.Inverse: Word(_inverse, lambda part: (part.arg,)),
    sp.MatPow: Word(_power, lambda part: (part.base,)),
    sp.Transpose: _of(ops.transpose),
    Adjoint: _of(ops.transpose),
    sp.Trace: _of(ops.trace),
    sp.Determinant: Word(_determinant),
    sp.log: Word(_log, lambda part: (part.args[0].arg,) if isinstance(part.args[0], sp.Determinant) else part.args[:1]),
    HadamardProduct: Word(lambda reading, part, args: reduce(lambda a, b: a * b, args)),
    HadamardPower: Word(_hadamard_power),
    ElementwiseApplyFunction: Word(_function, lambda part: (part.expr,)),
    DiagMatrix: Word(_diagonal_matrix),
    DiagonalMatrix: Word(_diagonal_matrix),
    DiagonalOf: Word(_diagonal_of),
    KroneckerProduct: Word(_kronecker),
    DotProduct: Word(_dot),
    MatrixSlice: Word(_slice, lambda part: (part.parent,)),
    sp.BlockMatrix: Word(_blocks, lambda part: tuple(part.blocks)),
    FunctionMatrix: Word(_by_function, lambda part: ()),
    sp.MatrixBase: Word(_explicit, tuple),
}


#: SymPy class -> why it has no reading.
NOT_READ: dict[Any, str] = {
    (
        _ArrayExpr,
        _CodegenArrayAbstract,
    ): "SymPy's array expressions (ArrayTensorProduct, PermuteDims, ...) are not read: use matrices, or Indexed and Sum",
    sp.NDimArray: "arrays of more than two axes are not read; write the elements with Indexed and Sum",
    sp.MatrixExpr: "this matrix expression is not read; sums, products, powers, inverse, transpose, applyfunc, Hadamard, Kronecker and diagonal matrices are",
}
