"""To SymPy's matrix expressions: the layout in array notation, each kind of tree in SymPy's word for it.

SymPy's matrices have two axes: a vector of symdl is a column here, and what NumPy broadcasts is written with matrices of ones and diagonal matrices.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import reduce
from typing import Any

import sympy as sp
from sympy.matrices.expressions import HadamardPower, MatrixSlice

from symdl.errors import UnsupportedError
from symdl.expr.notation.arrays import Arrays
from symdl.expr.notation.layout import Call, Index, MatMul, Name, Num, Power, Product, Sum, Transpose, Tree, fold
from symdl.expr.sympy_out.calls import call
from symdl.expr.sympy_out.pieces import NoWord, Piece, elementwise_product, flat, full_shape, is_matrix, spread
from symdl.expr.sympy_out.squeeze import squeezed
from symdl.expr.tensor import Expr, describe
from symdl.graph.node import INPUT
from symdl.graph.number import Number
from symdl.graph.number import to_sympy as number_to_sympy
from symdl.graph.walk import topological


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


def _sum(tree: Tree, pieces: list[Piece]) -> Any:
    assert isinstance(tree, Sum)
    coefs = [number_to_sympy(c) for c in tree.coefs]
    values = [flat(p, tree.rank) for p in pieces]
    if not tree.rank:
        return sp.Add(*[c * v for c, v in zip(coefs, values, strict=True)])
    shape = full_shape([v for v in values if is_matrix(v)])
    return reduce(lambda a, b: a + b, [c * spread(v, shape) for c, v in zip(coefs, values, strict=True)])


def _product(tree: Tree, pieces: list[Piece]) -> Any:
    assert isinstance(tree, Product)
    count = len(tree.factors)
    above = [flat(p, tree.rank) for p in pieces[:count]]
    below = [_reciprocal(flat(p, tree.rank)) for p in pieces[count:]]
    values = above + below
    matrices = [v for v in values if is_matrix(v)]
    scalar = number_to_sympy(tree.coef) * sp.Mul(*[v for v in values if not is_matrix(v)])
    if not matrices:
        return scalar
    made = elementwise_product(matrices)
    return made if scalar == 1 else scalar * made


def _reciprocal(value: Any) -> Any:
    return HadamardPower(value, -1) if is_matrix(value) else 1 / value


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
    base, exponent = (flat(p, tree.rank) for p in pieces)
    if not is_matrix(base) and not is_matrix(exponent):
        return base**exponent
    if is_matrix(base) and is_matrix(exponent):
        shape = full_shape([base, exponent])
        base, exponent = spread(base, shape), spread(exponent, shape)
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


def _number(value: Number) -> Any:
    return number_to_sympy(value)


_TREES: dict[type, Callable[[Any, list[Piece]], Any]] = {
    Num: lambda tree, pieces: _number(tree.value),
    Sum: _sum,
    Product: _product,
    MatMul: _chain,
    Transpose: lambda tree, pieces: pieces[0].value.T,
    Power: _power,
    Call: call,
    Index: _index,
}
