"""Functions in SymPy's words: one table, name in the layout tree -> SymPy's matrix expression."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import sympy as sp
from sympy.matrices.expressions import DiagMatrix, DiagonalOf, HadamardPower, KroneckerProduct, OneMatrix, ZeroMatrix
from sympy.matrices.expressions.hadamard import HadamardProduct

from symdl.expr.notation.layout import Call, Tree
from symdl.expr.sympy_out.pieces import NoWord, Piece, flat, hadamard, is_matrix
from symdl.functions import TABLE
from symdl.functions.entry import over_elements


def call(tree: Tree, pieces: list[Piece]) -> Any:
    assert isinstance(tree, Call)
    word = _CALLS.get(tree.name)
    if word is not None:
        return word(tree, pieces)
    if tree.name not in TABLE:
        raise NoWord
    return _elementwise(TABLE[tree.name].sympy, tree.rank, pieces)


def _elementwise(function: Any, rank: int, pieces: list[Piece]) -> Any:
    values = [flat(p, rank) for p in pieces]
    matrices = [v for v in values if is_matrix(v)]
    if not matrices:
        return function(*values)
    if len(matrices) > 1:
        raise NoWord
    return over_elements(lambda z: function(*[z if is_matrix(v) else v for v in values]), matrices[0])


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
    if isinstance(value, HadamardPower) and value.exp == 2 and is_matrix(value.base):
        return sp.Trace(value.base.T * value.base)
    if isinstance(value, HadamardProduct):
        first, *others = value.args
        return sp.Trace(first.T * hadamard(others))
    rows, columns = value.shape
    return sp.Trace(OneMatrix(columns, rows) * value)


def _norm(tree: Call, pieces: list[Piece]) -> Any:
    value = pieces[0].value
    return sp.sqrt(sp.Trace(value.T * value))


def _square_root(tree: Call, pieces: list[Piece]) -> Any:
    value = pieces[0].value
    return HadamardPower(value, sp.Rational(1, 2)) if is_matrix(value) else sp.sqrt(value)


def _logsumexp(tree: Call, pieces: list[Piece]) -> Any:
    summed = _total(tree, [Piece(pieces[0].rank, over_elements(sp.exp, pieces[0].value))])
    return over_elements(sp.log, summed) if is_matrix(summed) else sp.log(summed)


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
    "matrix_power": lambda tree, pieces: pieces[0].value ** pieces[1].value,
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
