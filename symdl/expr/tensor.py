"""Expr: what the user writes. A view of a node: a shape, and index letters on opened axes.

``W`` has the shape (p, h). ``W[j, i]`` has no shape and the open index letters j and i: it is an element, for every j and i. Operators work on
both at once: shapes broadcast as NumPy's do, letters meet by name.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

import sympy as sp

from symdl.errors import NameError_, ShapeError, UnsupportedError
from symdl.expr.declared import declare, declared
from symdl.expr.dims import LETTER, as_size, check_name, is_dim, is_letter, show_shape
from symdl.expr.facts import assumptions, check_facts
from symdl.graph import build
from symdl.graph.build import Term
from symdl.graph.node import CONST, INPUT, LET, RECUR, InputInfo, Node, Size
from symdl.graph.number import Number, number
from symdl.graph.walk import inputs as graph_inputs


class Expr:
    """An expression of symdl: a tensor, or an element of one for all values of its open index letters.

    ``+ - * / ** @``, indexing, ``.T`` work as in NumPy; with index letters, ``W[j, i]*x[i]``, shapes go by letter. An Expr is made by
    :func:`tensor`, by arithmetic, by the functions of symdl, from SymPy expressions and by ``sd.parse``.

    Attributes
    ----------
    node : Node
        What is computed.
    map : tuple
        For every axis of the node: the axis of this expression (int), an index letter (Symbol), or ``~c`` for position c.
    shape : tuple
        Sizes of the axes: ints and symbols.
    open : dict
        Index letter -> its size.

    Examples
    --------
    >>> X, w = sd.tensor("X", "n", "p"), sd.tensor("w", "p")
    >>> y = X @ w
    >>> y, y.shape
    (X @ w, (n,))
    """

    __slots__ = ("map", "node", "open", "shape")

    # SymPy hands binary operations to us, and NumPy does too.
    _op_priority = 1000.0
    __array_ufunc__ = None
    __array_priority__ = 1000.0

    def __init__(self, term: Term, shape: Sequence[Size] = (), letters: dict[sp.Symbol, Size] | None = None) -> None:
        self.node: Node = term.node
        self.map: tuple[Any, ...] = term.map
        self.shape: tuple[Size, ...] = tuple(shape)
        self.open: dict[sp.Symbol, Size] = letters or {}

    # --- what it is -------------------------------------------------------------------------------------

    @property
    def term(self) -> Term:
        """The node and how this expression looks at it, as ``symdl.graph.build`` takes it."""
        return Term(self.node, self.map)

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the tensors that it mentions, in the order in which they were last declared."""
        return tuple(dict.fromkeys(n.attr.name for n in sorted(graph_inputs([self.node]), key=declared)))

    @property
    def name(self) -> str | None:
        """The name, when this is a whole tensor or a whole named result."""
        name = self.node.name
        return name if name and not self.open and self.map == tuple(range(self.ndim)) else None

    @property
    def sympy(self) -> sp.Expr:
        """The plain SymPy expression, in index notation; the axes of a tensor get the letters i, j, k, ..."""
        from symdl.expr.sympy_out.elements import to_sympy

        return to_sympy(self)

    @property
    def sympy_matrix(self) -> Any:
        """The SymPy matrix expression: MatMul, Transpose, Trace, HadamardProduct, ...; a vector is a column, a scalar a scalar.

        Raises UnsupportedError for what SymPy's matrices have no word for (more than two axes, open index letters).
        """
        from symdl.expr.sympy_out.matrices import to_matrices

        return to_matrices(self)

    def _sympy_(self) -> sp.Expr:
        return self.sympy

    def _latex(self, printer: Any, **_: Any) -> str:
        return printer._print(self.sympy)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Expr):
            if not isinstance(other, (int, float, sp.Number)):
                return NotImplemented
            other = as_expr(other)
        return self._key() == other._key()

    def __hash__(self) -> int:
        now = self._now()
        return hash((now.node, now.shape, frozenset(now.open.items())))

    def _now(self) -> Expr:
        """With what has become known meanwhile of how far its letters run."""
        if not self.open:
            return self
        from symdl.expr.pending import current

        return current(self)

    def _key(self) -> tuple[Any, ...]:
        self = self._now()
        settled = build.settle(self.term)
        # A symmetric node has several maps that mean the same. (A formal product may settle into another node; it is compared as it stands.)
        entries = settled.map if settled.node is self.node else self.map
        return self.node, entries, self.shape, frozenset(self.open.items())

    def __str__(self) -> str:
        from symdl.expr.notation.text import text

        return text(self)

    __repr__ = __str__

    def __bool__(self) -> bool:
        raise TypeError("an expression has no truth value: compare values, not expressions")

    def __len__(self) -> int:
        if not self.shape or not isinstance(self.shape[0], int):
            raise TypeError(f"{self} has no length that is a number")
        return self.shape[0]

    def __iter__(self) -> Any:
        if not self.shape or not isinstance(self.shape[0], int):
            raise TypeError("an expression with a symbolic size cannot be iterated over: index it, e.g. x[i]")
        return (self[k] for k in range(self.shape[0]))

    # --- axes -------------------------------------------------------------------------------------------

    @property
    def T(self) -> Expr:
        """The transpose: axes in reverse order."""
        return self.transpose()

    def transpose(self, *axes: int) -> Expr:
        """The axes in another order; without arguments, reversed.

        Parameters
        ----------
        *axes : int
            All axes, in their new order.

        Returns
        -------
        Expr

        Raises
        ------
        ShapeError
            When the numbers are no order of the axes.

        Notes
        -----
        numpy.transpose.

        Examples
        --------
        >>> sd.tensor("x", 2, 3, 4).transpose(2, 0, 1).shape
        (4, 2, 3)
        """
        order = axes or tuple(reversed(range(self.ndim)))
        if sorted(order) != list(range(self.ndim)):
            raise ShapeError(f"transpose of {describe(self)}: {order} is not an order of its {self.ndim} axes")
        place = {old: new for new, old in enumerate(order)}
        term = build.rename(self.term, place)
        return Expr(term, [self.shape[k] for k in order], self.open)

    def __getitem__(self, key: Any) -> Expr:
        keys = list(key) if isinstance(key, tuple) else [key]
        keys = self._fill_ellipsis(keys)
        if self.node.op == RECUR and keys and keys[0] is not None:
            from symdl.expr.recur import position

            states = position(self, keys[0])
            if states is not None:
                return states[(slice(None), *keys[1:]) if isinstance(keys[0], slice) else tuple(keys[1:])]
        if any(_moves(k) for k in keys):
            from symdl.expr.indexing import indexed

            return indexed(self, keys)
        labels: dict[Any, Any] = {}
        shape: list[Size] = []
        letters = dict(self.open)
        axis = 0
        for k in keys:
            if k is None:
                shape.append(1)
                continue
            size = self.shape[axis]
            if isinstance(k, slice) and k == slice(None):
                labels[axis] = len(shape)
                shape.append(size)
            else:
                labels[axis] = _position(self, k, size)
                if isinstance(labels[axis], LETTER):
                    bind(letters, labels[axis], size, self)
            axis += 1
        return Expr(build.rename(self.term, labels), shape, letters)

    def _fill_ellipsis(self, keys: list[Any]) -> list[Any]:
        given = sum(k is not None and k is not Ellipsis for k in keys)
        if given > self.ndim:
            raise ShapeError(f"{describe(self)} has {self.ndim} axes and was indexed with {given}")
        rest = [slice(None)] * (self.ndim - given)
        at = next((n for n, k in enumerate(keys) if k is Ellipsis), None)
        return keys + rest if at is None else keys[:at] + rest + keys[at + 1 :]

    # --- arithmetic ---------------------------------------------------------------------------------------

    def __add__(self, other: Any) -> Expr:
        return _linear(self, other, 1, 1, "+")

    def __radd__(self, other: Any) -> Expr:
        return _linear(other, self, 1, 1, "+")

    def __sub__(self, other: Any) -> Expr:
        return _linear(self, other, 1, -1, "-")

    def __rsub__(self, other: Any) -> Expr:
        return _linear(other, self, 1, -1, "-")

    def __mul__(self, other: Any) -> Expr:
        return multiply(self, other)

    def __rmul__(self, other: Any) -> Expr:
        return multiply(other, self)

    def __truediv__(self, other: Any) -> Expr:
        return multiply(self, _invert(other), "/")

    def __rtruediv__(self, other: Any) -> Expr:
        return multiply(other, _invert(self), "/")

    def __neg__(self) -> Expr:
        return multiply(-1, self)

    def __pos__(self) -> Expr:
        return self

    def __pow__(self, other: Any) -> Expr:
        return raise_to(self, other)

    def __rpow__(self, other: Any) -> Expr:
        return raise_to(other, self)

    def __matmul__(self, other: Any) -> Expr:
        return matmul(self, other)

    def __rmatmul__(self, other: Any) -> Expr:
        return matmul(other, self)

    def __abs__(self) -> Expr:
        return elementwise("abs", self)

    def _apply_elementwise(self, name: str, *args: Any) -> Expr:
        """What a SymPy function class of the table does with us, wherever we stand among its arguments."""
        return elementwise(name, *(args or (self,)))

    def sum(self, *over: Any, axis: Any = None, keepdims: bool = False) -> Expr:
        """The sum over index letters, or over axes; over all axes when neither is given: :func:`symdl.sum`.

        Parameters
        ----------
        *over : index letters
        axis : int or tuple of int, optional
        keepdims : bool
            Whether the axes stay, with one position each.

        Returns
        -------
        Expr

        Raises
        ------
        ShapeError
            For a letter or an axis that does not occur.
        """
        from symdl.expr.ops import sum_

        return sum_(self, *over, axis=axis, keepdims=keepdims)

    def reshape(self, *shape: Any) -> Expr:
        """The same elements, row by row, in another shape: :func:`symdl.reshape`.

        Parameters
        ----------
        *shape : int or size
            One may be -1.

        Returns
        -------
        Expr

        Raises
        ------
        ShapeError
            When the sizes do not multiply to as many elements.
        """
        from symdl.expr.windows import reshape

        return reshape(self, *shape)

    def mean(self, axis: Any = None) -> Expr:
        """The mean over axes; over all of them when none is given: :func:`symdl.mean`.

        Parameters
        ----------
        axis : int or tuple of int, optional

        Returns
        -------
        Expr

        Raises
        ------
        ShapeError
            For an axis that does not occur.
        """
        from symdl.expr.ops import mean

        return mean(self, axis=axis)


# --- making expressions -----------------------------------------------------------------------------------


def tensor(name: str, *sizes: Any, facts: str | Iterable[str] = ()) -> Expr:
    """An input or a parameter: a tensor that stands for numbers given later.

    Parameters
    ----------
    name : str
        A letter followed by letters, digits or _; dots between parts.
    *sizes : int, Symbol or str
        One an axis; none for a scalar.
    facts : str or iterable of str
        What is known of its values, see ``symdl.expr.facts``; taken at its word, values are not checked.

    Returns
    -------
    Expr
        Of the shape ``sizes``.

    Raises
    ------
    NameError_, ShapeError
        When the name, a fact or a size cannot be one.

    Examples
    --------
    >>> X = sd.tensor("X", "n", 3)
    >>> A = sd.tensor("A", "n", "n", facts="symmetric")
    >>> (X.T @ A @ X).shape
    (3, 3)
    """
    check_name(name)
    shape = tuple(as_size(s, f"tensor {name}") for s in sizes)
    known = check_facts(name, facts, shape)
    told = assumptions(known)
    atom = sp.IndexedBase(name, shape=shape, **told) if shape else sp.Symbol(name, **told)
    return _whole(declare(build.input_node(InputInfo(name, atom, known), shape)))


def _whole(node: Node) -> Expr:
    return Expr(Term(node, tuple(range(node.rank))), node.shape)


def of_node(node: Node) -> Expr:
    """The whole tensor a node computes, axes in the node's order."""
    return _whole(node)


def let(name: str, value: Any, *letters: sp.Symbol) -> Expr:
    """Name an intermediate result: a node of the graph that drawings, derivations and ``Graph`` show by this name.

    Parameters
    ----------
    name : str
    value : Expr, or what becomes one
    *letters : index
        Open letters that become the axes of the result, in this order: ``z = let("z", sum(W[j,i]*x[k,i], i) + b[j], k, j)``
        defines z[k,j], a tensor of shape (N, h). Letters not given stay open.

    Returns
    -------
    Expr
        The value, by its name.

    Raises
    ------
    NameError_
        When the name cannot be one.
    ShapeError
        When a letter does not occur in the value.

    Examples
    --------
    >>> W, x = sd.tensor("W", 2, 3), sd.tensor("x", 3)
    >>> z = sd.let("z", W @ x)
    >>> sd.sum(z**2)
    sum((W @ x)**2)
    """
    check_name(name, "result")
    expr = fitted(as_expr(value), letters)
    for letter in letters:
        if letter not in expr.open:
            raise ShapeError(f"let {name}: the index {letter} does not occur in {describe(expr)}")
    kept = sorted((s for s in expr.open if s not in letters), key=str)
    labels: list[Any] = [*letters, *kept, *range(expr.ndim)]
    sizes = [expr.open[s] for s in (*letters, *kept)] + list(expr.shape)
    node = build.let(name, expr.term, labels, sizes).node
    opened = {k: v for k, v in expr.open.items() if k in kept}
    shift = len(letters)
    place = [*range(shift), *kept, *range(shift, shift + expr.ndim)]
    shape = [expr.open[s] for s in letters] + list(expr.shape)
    return Expr(Term(node, tuple(place)), shape, opened)


def as_expr(value: Any) -> Expr:
    """An expression from whatever the user gave: an expression, a number, or a SymPy expression."""
    if isinstance(value, Expr):
        return value
    if isinstance(value, str):
        raise NameError_(f"{value!r:.60} is text: use sd.parse to read it, or sd.tensor to make a tensor")
    if isinstance(value, (sp.Basic, sp.MatrixBase)):
        from symdl.expr.sympy_in.reading import from_sympy

        return from_sympy(value)
    if getattr(value, "shape", ()) != () or isinstance(value, (list, tuple)):
        raise UnsupportedError("an array of numbers cannot stand in an expression: name it with sd.tensor and give its values later")
    return Expr(build.constant(value))


# --- putting expressions together --------------------------------------------------------------------------


def describe(expr: Expr) -> str:
    """How an error names an expression: its name or its beginning, and its shape."""
    name = expr.name or _short(expr)
    return f"{name} of shape {show_shape(expr.shape)}" if expr.shape else name


def _short(expr: Expr) -> str:
    if expr.node.op in (INPUT, LET) and expr.node.name:
        letters = ", ".join(str(e if isinstance(e, LETTER) else ":") for e in expr.map)
        return f"{expr.node.name}[{letters}]" if any(isinstance(e, LETTER) for e in expr.map) else str(expr.node.name)
    if expr.node.op == CONST:
        return str(expr.node.attr)
    shown = str(expr).partition(" with\n")[0]
    return shown if len(shown) <= 60 else shown[:57] + "..."


def bind(letters: dict[sp.Symbol, Size], letter: sp.Symbol, size: Size, where: Any) -> None:
    """Note that a letter runs over a size; clash if it already runs over another."""
    if letters.setdefault(letter, size) != size:
        raise ShapeError(f"indexing {describe(where) if isinstance(where, Expr) else where}: the index {letter} runs over {letters[letter]} and over {size}")


def _agreed(exprs: list[Expr]) -> list[Expr]:
    """The same, letters as in x[i + u] given the sizes that the others know them by."""
    if not any(e.open for e in exprs):
        return exprs
    from symdl.expr.pending import agreed

    return agreed(exprs)


def fitted(expr: Expr, letters: Sequence[Any]) -> Expr:
    """The same, letters whose size is still pending given as many positions as fit."""
    if not expr.open:
        return expr
    from symdl.expr.pending import fitted as fit

    return fit(expr, letters)


def join_letters(exprs: Sequence[Expr], operation: str) -> dict[sp.Symbol, Size]:
    """The letters of several expressions, each with one size."""
    letters: dict[sp.Symbol, Size] = {}
    for expr in exprs:
        for letter, size in expr.open.items():
            if letters.get(letter, size) != size:
                sides = " and ".join(describe(e) for e in exprs)
                raise ShapeError(f"{operation} of {sides}: the index {letter} runs over {letters[letter]} and over {size}")
            letters[letter] = size
    return letters


def broadcast(exprs: Sequence[Expr], operation: str) -> tuple[list[Term], tuple[Size, ...]]:
    """The terms of several expressions on common axes, as NumPy broadcasts, and the common shape."""
    ndim = max((e.ndim for e in exprs), default=0)
    shape: list[Size] = [1] * ndim
    for expr in exprs:
        for axis, size in enumerate(expr.shape, start=ndim - expr.ndim):
            if size != 1 and shape[axis] == 1:
                shape[axis] = size
    terms = []
    for expr in exprs:
        labels: dict[Any, Any] = {}
        for axis, size in enumerate(expr.shape, start=ndim - expr.ndim):
            if size != 1 and size != shape[axis]:
                raise _clash(exprs, operation)
            # An axis of size 1 under a longer one is its position 0, for all positions of the longer.
            labels[axis - ndim + expr.ndim] = axis if size == shape[axis] else ~0
        terms.append(build.rename(expr.term, labels))
    return terms, tuple(shape)


def _clash(exprs: Sequence[Expr], operation: str, why: str = "the shapes do not broadcast") -> ShapeError:
    return ShapeError(f"{operation} of {' and '.join(describe(e) for e in exprs)}: {why}")


def _linear(a: Any, b: Any, ca: Number, cb: Number, operation: str) -> Expr:
    pair = _agreed([as_expr(a), as_expr(b)])
    letters = join_letters(pair, operation)
    terms, shape = broadcast(pair, operation)
    return Expr(build.add([ca, cb], terms), shape, letters)


def multiply(a: Any, b: Any, operation: str = "*") -> Expr:
    """Elementwise product."""
    pair = _agreed([as_expr(a), as_expr(b)])
    letters = join_letters(pair, operation)
    terms, shape = broadcast(pair, operation)
    return Expr(build.mul(1, terms), shape, letters)


def _invert(value: Any) -> Expr:
    expr = as_expr(value)
    return Expr(build.pow_(expr.term, -1), expr.shape, expr.open)


def raise_to(base: Any, exponent: Any) -> Expr:
    """Elementwise power."""
    b, e = as_expr(base), as_expr(exponent)
    if e.node.op == CONST and not e.shape:
        return Expr(build.pow_(b.term, e.node.attr), b.shape, b.open)
    return elementwise("pow", b, e)


def elementwise(name: str, *args: Any) -> Expr:
    """A function of the table, at every element."""
    exprs = _agreed([as_expr(a) for a in args])
    letters = join_letters(exprs, name)
    terms, shape = broadcast(exprs, name)
    return Expr(build.fn(name, terms), shape, letters)


def matmul(a: Any, b: Any) -> Expr:
    """Matrix product, with numpy.matmul's rules for vectors and stacks."""
    left, right = _agreed([as_expr(a), as_expr(b)])
    if not left.shape or not right.shape:
        raise _clash([left, right], "@", "a matrix product needs tensors; use * for a scalar")
    inner_l, inner_r = left.shape[-1], right.shape[0 if right.ndim == 1 else -2]
    if inner_l != inner_r:
        raise _clash([left, right], "@", f"the inner sizes {inner_l} and {inner_r} differ")
    letters = join_letters([left, right], "@")
    stacks = [Expr(e.term, e.shape[:-2], e.open) for e in (left, right)]
    ndim = max(e.ndim for e in stacks)
    try:
        _, stack = broadcast(stacks, "@")
    except ShapeError:
        raise _clash([left, right], "@", "the leading axes do not broadcast") from None
    over = build.fresh()
    rows = [ndim] if left.ndim > 1 else []
    columns = [ndim + len(rows)] if right.ndim > 1 else []
    terms = []
    for expr, ends in ((left, [*rows, over]), (right, [over, *columns])):
        own = expr.ndim - len(ends)
        labels: dict[Any, Any] = {k: ~0 if expr.shape[k] != stack[ndim - own + k] else ndim - own + k for k in range(own)}
        labels.update(zip(range(own, expr.ndim), ends, strict=True))
        terms.append(build.rename(expr.term, labels))
    shape = stack + (left.shape[-2:-1] if rows else ()) + (right.shape[-1:] if columns else ())
    return Expr(build.mul(1, terms, (), {over: inner_l}), shape, letters)


def _moves(key: Any) -> bool:
    """Keys that make an index map of their own: bounded slices, 2*i + u, tensors of positions."""
    if isinstance(key, slice):
        return key != slice(None)
    return isinstance(key, Expr) or (isinstance(key, (sp.Add, sp.Mul)) and not key.is_number)


def _position(expr: Expr, key: Any, size: Size) -> Any:
    """What a key makes of one axis: an index letter, or a fixed position."""
    if isinstance(key, sp.Integer) or (hasattr(key, "__index__") and not isinstance(key, (bool, sp.Basic))):
        place = int(key)
        if place < 0 and not isinstance(size, int):
            raise UnsupportedError(f"{describe(expr)}: position {place} counts from the end of a symbolic size; use a position from 0")
        if isinstance(size, int):
            if not -size <= place < size:
                raise ShapeError(f"{describe(expr)}: position {place} is outside an axis of size {size}")
            place %= size
        return ~place
    if is_letter(key):
        return key
    if is_dim(key):
        raise ShapeError(f"{describe(expr)}: {key} is a size; index with sd.indices or an integer")
    raise UnsupportedError(f"{describe(expr)} cannot be indexed with {key!r:.40}: use index letters, sums such as 2*i + u, integers, slices, positions or None")


def constant_value(expr: Expr) -> Number | None:
    """The number that a constant expression is; None for all else."""
    return number(expr.node.attr) if expr.node.op == CONST else None
