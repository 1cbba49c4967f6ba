"""The layout tree: an expression as it is going to be written, before anybody asks in which notation.

The text and the LaTeX printer both read this tree, so that a matrix product, a trace or an outer product is recognised once
(``symdl.expr.notation.arrays``), and so is index notation (``symdl.expr.notation.elements``). Trees share their parts; none is ever copied.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from symdl.graph.node import Size
from symdl.graph.number import Number, is_negative, times


@dataclass(frozen=True, eq=False)
class Tree:
    """A part of what is written. ``rank``: how many axes it has as an array; an element has none."""

    rank: int

    @property
    def parts(self) -> tuple[Tree, ...]:
        return ()


@dataclass(frozen=True, eq=False)
class Num(Tree):
    """A number."""

    value: Number


@dataclass(frozen=True, eq=False)
class Name(Tree):
    """A tensor, or a result that has a name."""

    name: str


@dataclass(frozen=True, eq=False)
class Sum(Tree):
    """coef*term + ..., in the order of writing."""

    coefs: tuple[Number, ...]
    terms: tuple[Tree, ...]

    @property
    def parts(self) -> tuple[Tree, ...]:
        return self.terms


@dataclass(frozen=True, eq=False)
class Product(Tree):
    """coef*factors/over, elementwise, or of scalars with one array. Ranks may differ: NumPy broadcasts them."""

    coef: Number
    factors: tuple[Tree, ...]
    over: tuple[Tree, ...] = ()

    @property
    def parts(self) -> tuple[Tree, ...]:
        return self.factors + self.over


@dataclass(frozen=True, eq=False)
class MatMul(Tree):
    """A chain of matrix products; a vector may stand at either end."""

    factors: tuple[Tree, ...]

    @property
    def parts(self) -> tuple[Tree, ...]:
        return self.factors


@dataclass(frozen=True, eq=False)
class Transpose(Tree):
    arg: Tree

    @property
    def parts(self) -> tuple[Tree, ...]:
        return (self.arg,)


@dataclass(frozen=True, eq=False)
class Power(Tree):
    base: Tree
    exponent: Tree

    @property
    def parts(self) -> tuple[Tree, ...]:
        return (self.base, self.exponent)


@dataclass(frozen=True, eq=False)
class Call(Tree):
    """A function: elementwise, of matrices, a reduction over ``axis`` (None: over all), or ``eye`` and ``ones`` of ``sizes``."""

    name: str
    args: tuple[Tree, ...] = ()
    axis: tuple[int, ...] | None = None
    keepdims: bool = False
    sizes: tuple[Size, ...] = ()

    @property
    def parts(self) -> tuple[Tree, ...]:
        return self.args


@dataclass(frozen=True, eq=False)
class Index(Tree):
    """Indexing of an array: a key is a position, ":" or None."""

    arg: Tree
    keys: tuple[Any, ...]

    @property
    def parts(self) -> tuple[Tree, ...]:
        return (self.arg,)


@dataclass(frozen=True, eq=False)
class Element(Tree):
    """An element: index letters (symbols) and positions (ints from 0)."""

    arg: Tree
    indices: tuple[Any, ...]

    @property
    def parts(self) -> tuple[Tree, ...]:
        return (self.arg,)


@dataclass(frozen=True, eq=False)
class Over(Tree):
    """A sum ("sum"), "logsumexp" or "max" over index letters, each with its size."""

    kind: str
    body: Tree
    letters: tuple[tuple[Any, Size], ...]

    @property
    def parts(self) -> tuple[Tree, ...]:
        return (self.body,)


@dataclass(frozen=True, eq=False)
class Kronecker(Tree):
    """Kronecker's delta of two letters, or of a letter and a position."""

    indices: tuple[Any, Any]


@dataclass(frozen=True, eq=False)
class Derivative(Tree):
    """The partial derivative of one thing by another, not carried out."""

    of: Tree
    by: Tree

    @property
    def parts(self) -> tuple[Tree, ...]:
        return (self.of, self.by)


# --- making trees ---------------------------------------------------------------------------------------------


def product(rank: int, coef: Number, factors: tuple[Tree, ...], over: tuple[Tree, ...] = ()) -> Tree:
    """A product, or its only factor; products inside are opened."""
    opened: list[Tree] = []
    below: list[Tree] = []
    for factor in factors:
        if isinstance(factor, Product):
            coef = times(coef, factor.coef)
            opened += factor.factors
            below += factor.over
        elif isinstance(factor, Num):
            coef = times(coef, factor.value)
        else:
            opened.append(factor)
    below += over
    if not opened and not below:
        return Num(0, coef)
    if coef == 1 and len(opened) == 1 and not below:
        return opened[0]
    return Product(rank, coef, tuple(opened), tuple(below))


def chain(rank: int, factors: tuple[Tree, ...]) -> Tree:
    """A chain of matrix products; chains inside are opened, and numbers go to the front."""
    coef: Number = 1
    opened: list[Tree] = []
    for factor in factors:
        if isinstance(factor, Product) and not factor.over and len(factor.factors) == 1 and factor.factors[0].rank == factor.rank:
            coef = times(coef, factor.coef)
            factor = factor.factors[0]
        opened += factor.factors if isinstance(factor, MatMul) and factor.rank else [factor]
    links = _powers(opened)
    made = MatMul(rank, links) if len(links) > 1 else links[0]
    return made if coef == 1 else Product(rank, coef, (made,))


def _powers(factors: list[Tree]) -> tuple[Tree, ...]:
    """Three or more of the same matrix in a row as its power."""
    runs: list[tuple[Tree, int]] = []
    for factor in factors:
        base, count = factor, 1
        if isinstance(factor, Call) and factor.name == "matrix_power" and isinstance(factor.args[1], Num) and isinstance(factor.args[1].value, int):
            base, count = factor.args[0], factor.args[1].value
        if runs and base.rank == 2 and _same(runs[-1][0], base):
            runs[-1] = base, runs[-1][1] + count
        else:
            runs.append((base, count))
    return tuple(t for base, count in runs for t in ([Call(2, "matrix_power", (base, Num(0, count)))] if count > 2 else [base] * count))


def _same(a: Tree, b: Tree) -> bool:
    """The same matrix, as far as is seen at once."""
    while isinstance(a, Transpose) and isinstance(b, Transpose):
        a, b = a.arg, b.arg
    return a is b or (isinstance(a, Name) and isinstance(b, Name) and a.name == b.name)


def total(rank: int, pairs: list[tuple[Number, Tree]]) -> Tree:
    """A sum in the order of reading: positive terms first, large and high ones first."""
    opened = [_signed(c, t) for c, t in pairs]
    # 1 + exp(-z), but s**2 + 1.
    transcendental = all(isinstance(t, Num | Call) for _, t in opened)
    ordered = sorted(opened, key=lambda p: (is_negative(p[0]), transcendental and not isinstance(p[1], Num), -p[1].rank, -degree(p[1]), by_name(p[1])))
    return Sum(rank, tuple(c for c, _ in ordered), tuple(t for _, t in ordered))


def _signed(coef: Number, tree: Tree) -> tuple[Number, Tree]:
    """A term with the number in front of it pulled out; only the sign where it stands over a denominator, 10/f."""
    if isinstance(tree, Num):
        return times(coef, tree.value), Num(0, 1)
    if not isinstance(tree, Product) or not (tree.factors or tree.over):
        return coef, tree
    coef = times(coef, tree.coef)
    if not tree.over:
        return coef, product(tree.rank, 1, tree.factors, tree.over)
    sign = -1 if is_negative(coef) else 1
    return sign, product(tree.rank, times(sign, coef), tree.factors, tree.over)


def trailing(tree: Tree) -> bool:
    """Factors that are written last: (1 - t)*log(a), x*exp(z)."""
    return isinstance(tree, Call) and tree.name in ("log", "exp")


def by_name(tree: Tree) -> tuple[int, str]:
    """For ordering what is equal otherwise: names by the alphabet, as SymPy does, and before all else.

    The order must not depend on what else has been made in the same session.
    """
    name = _name(tree)
    if name is not None:
        return 0, name
    if isinstance(tree, MatMul | Product):
        return 1, " ".join((_name(t) or "~") + ".T" * isinstance(t, Transpose) for t in tree.parts)
    return 1, tree.name if isinstance(tree, Call) else "~"


def _name(tree: Tree) -> str | None:
    """The name that a power, a transpose or an element is of."""
    while isinstance(tree, Power | Transpose | Element | Index):
        tree = tree.base if isinstance(tree, Power) else tree.arg
    return tree.name if isinstance(tree, Name) else None


def degree(tree: Tree) -> int:
    """How high a term is, for ordering only: looks one level deep."""
    if isinstance(tree, Num):
        return 0
    if isinstance(tree, Power) and isinstance(tree.exponent, Num) and isinstance(tree.exponent.value, int):
        return max(tree.exponent.value, 0)
    if isinstance(tree, Product):
        return sum(degree(t) if not isinstance(t, Product) else 1 for t in tree.factors)
    if isinstance(tree, MatMul):
        return len(tree.factors)
    return 2 if isinstance(tree, Over) else 1


_R = TypeVar("_R")


def fold(root: Tree, make: Callable[[Tree, list[_R]], _R]) -> _R:
    """Bottom up, without recursion: ``make(tree, results of its parts)``, once for every shared part."""
    done: dict[int, _R] = {}
    stack: list[tuple[Tree, bool]] = [(root, False)]
    while stack:
        tree, expanded = stack.pop()
        if id(tree) in done:
            continue
        if expanded:
            done[id(tree)] = make(tree, [done[id(p)] for p in tree.parts])
        else:
            stack.append((tree, True))
            stack.extend((p, False) for p in reversed(tree.parts) if id(p) not in done)
    return done[id(root)]


#: Characters of a formula that is written in one piece: a graph in which parts are shared can be exponentially long when it is written out.
LONGEST = 100_000


def bounded(write: Callable[[Tree, list[_R]], _R], blank: _R) -> Callable[[Tree, list[_R]], _R]:
    """A writer for ``fold``, of pieces with a ``text``, that puts ``blank`` for what would be too long for anybody to read, or to hold in memory."""

    def written(tree: Tree, pieces: list[Any]) -> _R:
        return write(tree, pieces) if sum(len(piece.text) for piece in pieces) <= LONGEST else blank

    return written
