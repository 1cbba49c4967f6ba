"""To SymPy's matrix expressions: the layout in array notation, each kind of tree in SymPy's word for it.

SymPy's matrices have two axes: a vector of symdl is a column here, and what NumPy broadcasts is written with matrices of ones and diagonal matrices.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import reduce
from typing import Any, NamedTuple

import sympy as sp
from sympy.matrices.expressions import DiagMatrix, DiagonalOf, HadamardPower, KroneckerProduct, MatrixSlice, OneMatrix, ZeroMatrix
from sympy.matrices.expressions.hadamard import HadamardProduct

from symdl.errors import UnsupportedError
from symdl.expr.arrays import Arrays
from symdl.expr.layout import Call, Index, MatMul, Name, Num, Power, Product, Sum, Transpose, Tree, fold
from symdl.expr.squeeze import squeezed
from symdl.expr.tensor import Expr, describe
from symdl.functions import TABLE
from symdl.functions.entry import over_elements
from symdl.graph.node import INPUT
from symdl.graph.number import Number
from symdl.graph.number import to_sympy as number_to_sympy
from symdl.graph.walk import topological


class NoWord(Exception):
    """SymPy's matrices have no word for it."""


class Piece(NamedTuple):
    """A part in SymPy: of rank 0 a scalar, of rank 1 a column, of rank 2 a matrix."""

    rank: int
    value: Any


def to_matrices(expr: Expr, known: Mapping[str, sp.MatrixSymbol] | None = None) -> Any:
    """The SymPy matrix expression of an Expr: a scalar expression, a column for a vector, a matrix.

    Parameters
    ----------
    expr : Expr
        With at most two axes, and without open index letters.
    known : mapping, optional
        Name -> the MatrixSymbol that stands for it; then every tensor must be among them. Else MatrixSymbols are made.

    Raises
    ------
    UnsupportedError
        When SymPy's matrices cannot say it.
    """
    if expr.open or expr.ndim > 2:
        raise UnsupportedError(f"{describe(expr)}: a SymPy matrix has two axes and no open index; .sympy gives the element in index notation")
    thin = squeezed(expr)
    tree = Arrays({}).tree(thin.term, thin.shape)
    if tree is None:
        raise _unsayable(expr)
    atoms = _atoms(expr, known)
    try:
        made = fold(tree, lambda part, pieces: _piece(part, pieces, atoms))
    except NoWord:
        raise _unsayable(expr) from None
    return made.value


def _unsayable(expr: Expr) -> UnsupportedError:
    return UnsupportedError(f"{describe(expr)}: SymPy's matrix expressions have no word for it; .sympy gives the element in index notation")


def _atoms(expr: Expr, known: Mapping[str, sp.MatrixSymbol] | None) -> dict[str, Any]:
    """Name of input -> its SymPy atom."""
    atoms: dict[str, Any] = {}
    for node in topological([expr.node]):
        if node.op != INPUT:
            continue
        name, shape = str(node.name), node.shape
        if not shape:
            atoms[name] = node.attr.atom
        elif known is not None:
            if name in known:
                atoms[name] = known[name]
        elif len(shape) <= 2:
            atoms[name] = sp.MatrixSymbol(name, shape[0], shape[1] if len(shape) == 2 else 1)
    return atoms


def _piece(tree: Tree, pieces: list[Piece], atoms: Mapping[str, Any]) -> Piece:
    if tree.rank > 2:
        raise NoWord
    if isinstance(tree, Name):
        if tree.name not in atoms:
            raise NoWord
        return Piece(tree.rank, atoms[tree.name])
    word = _TREES.get(type(tree))
    if word is None:
        raise NoWord
    return Piece(tree.rank, word(tree, pieces))


# --- broadcasting ---------------------------------------------------------------------------------------------


def _flat(piece: Piece, rank: int) -> Any:
    """A vector among matrices is a row, as NumPy has it."""
    return piece.value.T if piece.rank == 1 and rank == 2 else piece.value


def _full_shape(values: Sequence[Any]) -> tuple[Any, Any]:
    shapes = [v.shape for v in values]
    return tuple(next((s[axis] for s in shapes if s[axis] != 1), 1) for axis in (0, 1))  # type: ignore[return-value]


def _spread(value: Any, shape: tuple[Any, Any]) -> Any:
    """A scalar, row or column on a whole matrix."""
    if not _is_matrix(value):
        return value * OneMatrix(*shape)
    if value.shape == shape:
        return value
    if isinstance(value, OneMatrix):
        return OneMatrix(*shape)
    if value.shape[0] != shape[0]:
        value = OneMatrix(shape[0], 1) * value
    return value if value.shape[1] == shape[1] else value * OneMatrix(1, shape[1])


def _is_matrix(value: Any) -> bool:
    return isinstance(value, sp.MatrixExpr)


def _sum(tree: Tree, pieces: list[Piece]) -> Any:
    assert isinstance(tree, Sum)
    coefs = [number_to_sympy(c) for c in tree.coefs]
    values = [_flat(p, tree.rank) for p in pieces]
    if not tree.rank:
        return sp.Add(*[c * v for c, v in zip(coefs, values, strict=True)])
    shape = _full_shape([v for v in values if _is_matrix(v)])
    return reduce(lambda a, b: a + b, [c * _spread(v, shape) for c, v in zip(coefs, values, strict=True)])


def _product(tree: Tree, pieces: list[Piece]) -> Any:
    assert isinstance(tree, Product)
    count = len(tree.factors)
    above = [_flat(p, tree.rank) for p in pieces[:count]]
    below = [_reciprocal(_flat(p, tree.rank)) for p in pieces[count:]]
    values = above + below
    matrices = [v for v in values if _is_matrix(v)]
    scalar = number_to_sympy(tree.coef) * sp.Mul(*[v for v in values if not _is_matrix(v)])
    if not matrices:
        return scalar
    made = _elementwise_product(matrices)
    return made if scalar == 1 else scalar * made


def _reciprocal(value: Any) -> Any:
    return HadamardPower(value, -1) if _is_matrix(value) else 1 / value


def _elementwise_product(values: list[Any]) -> Any:
    """Rows and columns multiply a matrix from its sides: diag(column) * M * diag(row)."""
    shape = _full_shape(values)
    groups: dict[tuple[Any, Any], list[Any]] = {}
    for value in values:
        if not isinstance(value, OneMatrix) or value.shape == shape:
            groups.setdefault(value.shape, []).append(value)
    merged = {s: _hadamard(vs) for s, vs in groups.items()}
    full, column, row = merged.get(shape), merged.get((shape[0], 1)), merged.get((1, shape[1]))
    one = merged.get((1, 1))
    if shape in ((1, 1), (shape[0], 1), (1, shape[1])):
        made = full
    elif full is None:
        column = OneMatrix(shape[0], 1) if column is None else column
        row = OneMatrix(1, shape[1]) if row is None else row
        made = column * row
    else:
        made = full if column is None else DiagMatrix(column) * full
        made = made if row is None else made * DiagMatrix(row.T)
    return made if one is None or shape == (1, 1) else sp.Trace(one) * made


def _hadamard(values: list[Any]) -> Any:
    """The elementwise product; ones stand in it only when nothing else does."""
    others = [v for v in values if not isinstance(v, OneMatrix)] or values[:1]
    return others[0] if len(others) == 1 else HadamardProduct(*others)


# --- matrices -------------------------------------------------------------------------------------------------


def _chain(tree: Tree, pieces: list[Piece]) -> Any:
    """A chain with a vector at its left end is turned round, so that vectors are columns."""
    first, last = pieces[0], pieces[-1]
    if first.rank == 1 and last.rank == 1:
        return sp.Trace(first.value.T * _times([p.value for p in pieces[1:]]))
    if first.rank == 1:
        return _times([p.value.T for p in reversed(pieces[1:])] + [first.value])
    return _times([p.value for p in pieces])


def _times(values: list[Any]) -> Any:
    return reduce(lambda a, b: a * b, values)


def _power(tree: Tree, pieces: list[Piece]) -> Any:
    base, exponent = (_flat(p, tree.rank) for p in pieces)
    if not _is_matrix(base) and not _is_matrix(exponent):
        return base**exponent
    if _is_matrix(base) and _is_matrix(exponent):
        shape = _full_shape([base, exponent])
        base, exponent = _spread(base, shape), _spread(exponent, shape)
    return HadamardPower(base, exponent)


def _index(tree: Tree, pieces: list[Piece]) -> Any:
    assert isinstance(tree, Index)
    (piece,) = pieces
    keys = [k for k in tree.keys if k is not None]
    if not all(k == ":" or isinstance(k, int) for k in keys) or piece.rank == 0:
        raise NoWord
    value = piece.value
    if tree.rank == 0 and not isinstance(value, sp.MatrixSymbol):
        raise NoWord  # SymPy would write the element out, with deltas
    keys += [":"] * (piece.rank - len(keys))
    if all(k == ":" for k in keys):
        picked = value
    elif piece.rank == 1:
        return value[keys[0], 0] if tree.rank == 0 else MatrixSlice(value, (keys[0], keys[0] + 1, 1), (0, 1, 1))
    elif ":" not in keys:
        return value[keys[0], keys[1]] if tree.rank == 0 else MatrixSlice(value, *[(k, k + 1, 1) for k in keys])
    else:
        rows, columns = value.shape
        if (keys[0] == ":" and columns == 1) or (keys[1] == ":" and rows == 1):
            return _as_asked(tree, value if keys[0] == ":" else value.T)
        picked = MatrixSlice(value, *[(0, n, 1) if k == ":" else (k, k + 1, 1) for k, n in zip(keys, (rows, columns), strict=True)])
        picked = picked if keys[0] == ":" else picked.T  # a column, whichever it was
    return _as_asked(tree, picked) if piece.rank - sum(k != ":" for k in keys) == 1 else picked


def _as_asked(tree: Index, column: Any) -> Any:
    """A column that a new axis makes a row or leaves as it is."""
    return column.T if tree.rank == 2 and tree.keys[0] is None else column


# --- functions ------------------------------------------------------------------------------------------------


def _call(tree: Tree, pieces: list[Piece]) -> Any:
    assert isinstance(tree, Call)
    word = _CALLS.get(tree.name)
    if word is not None:
        return word(tree, pieces)
    if tree.name not in TABLE:
        raise NoWord
    return _elementwise(TABLE[tree.name].sympy, tree.rank, pieces)


def _elementwise(function: Any, rank: int, pieces: list[Piece]) -> Any:
    values = [_flat(p, rank) for p in pieces]
    matrices = [v for v in values if _is_matrix(v)]
    if not matrices:
        return function(*values)
    if len(matrices) > 1:
        raise NoWord
    return over_elements(lambda z: function(*[z if _is_matrix(v) else v for v in values]), matrices[0])


def _total(tree: Call, pieces: list[Piece]) -> Any:
    """Sums with a vector of ones: 1'M 1, M 1, M'1."""
    (piece,) = pieces
    value = piece.value
    rows, columns = value.shape
    if tree.axis is None or len(tree.axis) == piece.rank:
        return _all_elements(value)
    if tree.axis == (0,):
        return OneMatrix(1, rows) * value if tree.keepdims else value.T * OneMatrix(rows, 1)
    return value * OneMatrix(columns, 1)


def _all_elements(value: Any) -> Any:
    if isinstance(value, HadamardPower) and value.exp == 2 and _is_matrix(value.base):
        return sp.Trace(value.base.T * value.base)
    if isinstance(value, HadamardProduct):
        first, *others = value.args
        return sp.Trace(first.T * _hadamard(others))
    rows, columns = value.shape
    return sp.Trace(OneMatrix(columns, rows) * value)


def _norm(tree: Call, pieces: list[Piece]) -> Any:
    value = pieces[0].value
    return sp.sqrt(sp.Trace(value.T * value))


def _square_root(tree: Call, pieces: list[Piece]) -> Any:
    value = pieces[0].value
    return HadamardPower(value, sp.Rational(1, 2)) if _is_matrix(value) else sp.sqrt(value)


def _logsumexp(tree: Call, pieces: list[Piece]) -> Any:
    summed = _total(tree, [Piece(pieces[0].rank, over_elements(sp.exp, pieces[0].value))])
    return over_elements(sp.log, summed) if _is_matrix(summed) else sp.log(summed)


def _softmax(tree: Call, pieces: list[Piece]) -> Any:
    powers = over_elements(sp.exp, pieces[0].value)
    rows, columns = powers.shape
    if tree.axis is None or len(tree.axis) == pieces[0].rank:
        return powers / _all_elements(powers)
    if tree.axis[0] % pieces[0].rank:
        return DiagMatrix(HadamardPower(powers * OneMatrix(columns, 1), -1)) * powers
    return powers * DiagMatrix(HadamardPower(powers.T * OneMatrix(rows, 1), -1))


def _sized(make: Callable[..., Any]) -> Callable[[Call, list[Piece]], Any]:
    def word(tree: Call, pieces: list[Piece]) -> Any:
        return make(tree.sizes[0], tree.sizes[1] if len(tree.sizes) == 2 else 1)

    return word


def _diag(tree: Call, pieces: list[Piece]) -> Any:
    return DiagMatrix(pieces[0].value) if tree.rank == 2 else DiagonalOf(pieces[0].value)


#: Function -> SymPy's words for it. Elementwise functions are not here: they are applied by ``applyfunc``.
_CALLS: dict[str, Callable[[Any, list[Piece]], Any]] = {
    "trace": lambda tree, pieces: sp.Trace(pieces[0].value),
    "det": lambda tree, pieces: sp.Determinant(pieces[0].value),
    "logdet": lambda tree, pieces: sp.log(sp.Determinant(pieces[0].value)),
    "inv": lambda tree, pieces: sp.Inverse(pieces[0].value),
    "kron": lambda tree, pieces: KroneckerProduct(*[p.value for p in pieces]),
    "outer": lambda tree, pieces: pieces[0].value * pieces[1].value.T,
    "eye": lambda tree, pieces: sp.Identity(tree.sizes[0]),
    "diag": _diag,
    "ones": _sized(OneMatrix),
    "zeros": _sized(ZeroMatrix),
    "sum": _total,
    "norm": _norm,
    "sqrt": _square_root,
    "logsumexp": _logsumexp,
    "softmax": _softmax,
}


def _number(value: Number) -> Any:
    return number_to_sympy(value)


_TREES: dict[type, Callable[[Any, list[Piece]], Any]] = {
    Num: lambda tree, pieces: _number(tree.value),
    Sum: _sum,
    Product: _product,
    MatMul: _chain,
    Transpose: lambda tree, pieces: pieces[0].value.T,
    Power: _power,
    Call: _call,
    Index: _index,
}
