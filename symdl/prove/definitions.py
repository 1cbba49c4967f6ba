"""Functions that an oracle has no operation for, by their definitions: the definition's SymPy expression is carried out operation by operation.

So a function added to the table needs no line in the oracles. The derivative is the oracle's own, of the definition, and never the table's.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import sympy as sp

from symdl.errors import UnsupportedError
from symdl.functions import BY_CLASS, TABLE
from symdl.prove.tape import FUNCTIONS, Tape, Var, _reduced

#: Digits for single entries where floats overflow.
DIGITS = 60


class Operations(Protocol):
    """What an oracle can do with its values; all values of one definition have one shape, or broadcast to it."""

    def number(self, value: Any) -> Any:
        """A number of SymPy's, or a float."""

    def plain(self, value: Any) -> Any:
        """The value as a NumPy array."""

    def add(self, values: Sequence[Any]) -> Any: ...

    def multiply(self, a: Any, b: Any) -> Any: ...

    def power(self, a: Any, exponent: Any) -> Any:
        """A power with a number of SymPy's."""

    def known(self, name: str) -> bool: ...

    def call(self, name: str, args: Sequence[Any]) -> Any: ...

    def chosen(self, mask: Any, a: Any, b: Any) -> Any:
        """a where the mask holds, else b; nothing flows back to what was not chosen, not even a NaN."""


def by_definition(name: str, args: Sequence[Any], ops: Operations) -> Any:
    """A function of the table at values of an oracle.

    Raises
    ------
    UnsupportedError
        For a function without a definition.
    """
    if ops.known(name):
        return ops.call(name, args)
    definition = TABLE[name].definition
    if definition is None:
        raise UnsupportedError(f"the oracle does not know the function {name}, and it has no definition")
    symbols = sp.symbols(f"z:{len(args)}", real=True, cls=sp.Dummy)
    return _carry_out(sp.sympify(definition(*symbols)), dict(zip(symbols, args, strict=True)), ops)


def _carry_out(expr: Any, known: Mapping[Any, Any], ops: Operations) -> Any:
    """A definition, small enough to recurse over."""
    if expr in known:
        return known[expr]
    if expr.is_number:
        return ops.number(math.nan if expr is sp.nan else expr)
    if isinstance(expr, sp.Piecewise):
        return _cases(expr, known, ops)
    if isinstance(expr, sp.Pow) and expr.exp.is_number:
        return ops.power(_carry_out(expr.base, known, ops), expr.exp)
    args = [_carry_out(a, known, ops) for a in expr.args]
    if isinstance(expr, sp.Add):
        return ops.add(args)
    if isinstance(expr, sp.Mul):
        out = args[0]
        for a in args[1:]:
            out = ops.multiply(out, a)
        return out
    if type(expr) not in BY_CLASS:
        raise UnsupportedError(f"a definition uses {type(expr).__name__}, which no oracle reads")
    return by_definition(BY_CLASS[type(expr)], args, ops)


def _cases(expr: sp.Piecewise, known: Mapping[Any, Any], ops: Operations) -> Any:
    """The first case that holds; each branch sees its own entries only."""
    rest: Any = np.True_
    found: Any = ops.number(math.nan)
    for branch, condition in expr.args:
        here = rest & _holds(condition, known, ops)
        if np.any(here):
            own = {symbol: ops.chosen(here, value, ops.number(1.0)) for symbol, value in known.items()}
            found = ops.chosen(here, _carry_out(branch, own, ops), found)
        rest = rest & ~here
    return found


def _holds(condition: Any, known: Mapping[Any, Any], ops: Operations) -> Any:
    if condition in (sp.true, sp.false):
        return np.asarray(condition == sp.true)
    if isinstance(condition, (sp.And, sp.Or, sp.Not)):
        parts = [_holds(c, known, ops) for c in condition.args]
        return ~parts[0] if isinstance(condition, sp.Not) else (np.logical_and if isinstance(condition, sp.And) else np.logical_or).reduce(parts)
    compare = _COMPARISONS.get(type(condition))
    if compare is None:
        raise UnsupportedError(f"the condition {condition!s:.60} of a definition is not read by the oracles")
    return compare(*(ops.plain(_carry_out(side, known, ops)) for side in (condition.lhs, condition.rhs)))


_COMPARISONS: dict[Any, Any] = {
    sp.StrictGreaterThan: np.greater,
    sp.GreaterThan: np.greater_equal,
    sp.StrictLessThan: np.less,
    sp.LessThan: np.less_equal,
    sp.Eq: np.equal,
    sp.Ne: np.not_equal,
}


# --- on the tape --------------------------------------------------------------------------------------------


class OnTape:
    """The operations of the NumPy tape; values have full shape or size 1 on every axis, that of the lanes included."""

    def __init__(self, tape: Tape, rank: int) -> None:
        self._tape, self._rank = tape, rank

    def number(self, value: Any) -> Var:
        return self._tape.var(np.full((1,) * self._rank, float(value)))

    def plain(self, value: Var) -> Any:
        return value.value

    def add(self, values: Sequence[Var]) -> Var:
        return self._tape.add([1.0] * len(values), values)

    def multiply(self, a: Var, b: Var) -> Var:
        x, y = a.value, b.value
        shapes = self._tape.shape(a), self._tape.shape(b)
        return self._tape.var(x * y, [(a, lambda g: _reduced(g * y, shapes[0])), (b, lambda g: _reduced(g * x, shapes[1]))])

    def power(self, a: Var, exponent: Any) -> Var:
        return self._tape.power(a, float(exponent))

    def known(self, name: str) -> bool:
        return name in FUNCTIONS

    def call(self, name: str, args: Sequence[Var]) -> Var:
        return self._tape.apply(name, args)

    def chosen(self, mask: Any, a: Var, b: Var) -> Var:
        back = [(a, _only(mask, self._tape.shape(a))), (b, _only(~mask, self._tape.shape(b)))]
        return self._tape.var(np.where(mask, a.value, b.value), back)


def _only(mask: Any, shape: tuple[int, ...]) -> Callable[[Any], Any]:
    return lambda g: _reduced(np.where(mask, g, 0.0), shape)


def defined_on_tape(name: str, args: Sequence[Var], tape: Tape) -> Var:
    """A function of the table by its definition, as one operation of the tape."""
    shape = np.broadcast_shapes(*(a.value.shape for a in args))
    inner = tape.beside()
    leaves = [inner.var(np.broadcast_to(a.value, shape)) for a in args]
    out = by_definition(name, leaves, OnTape(inner, len(shape)))
    value = np.array(np.broadcast_to(out.value, shape))
    ways: dict[bool, list[Any]] = {}
    for way in (False, True) if inner.two_ways else (tape.from_output,):
        inner.from_output = way
        inner.backward(out, np.ones(out.value.shape))
        slopes = [np.zeros(shape) if leaf.grad is None else np.array(np.broadcast_to(leaf.grad, shape)) for leaf in leaves]
        _mended(name, [leaf.value for leaf in leaves], value, slopes)
        ways |= {way: slopes} if inner.two_ways else {False: slopes, True: slopes}
    tape.two_ways = tape.two_ways or inner.two_ways

    def back(k: int) -> Callable[[Any], Any]:
        return lambda g: _reduced(g * ways[tape.from_output][k], tape.shape(args[k]))

    return tape.var(value, [(a, back(k)) for k, a in enumerate(args)])


def _mended(name: str, xs: Sequence[Any], value: Any, slopes: Sequence[Any]) -> None:
    """Entries at which floats gave no number are evaluated with many digits, in place."""
    finite = np.logical_and.reduce([np.isfinite(x) for x in xs])
    bad = finite & ~np.logical_and.reduce([np.isfinite(v) for v in (value, *slopes)])
    if not np.any(bad):
        return
    symbols = sp.symbols(f"z:{len(xs)}", real=True, cls=sp.Dummy)
    definition = TABLE[name].definition
    assert definition is not None  # it has been carried out
    meaning = sp.sympify(definition(*symbols))
    formulas = [meaning, *(sp.diff(meaning, s) for s in symbols)]
    for at in map(tuple, np.argwhere(bad)):
        here = {s: sp.Rational(float(x[at])) for s, x in zip(symbols, xs, strict=True)}
        for array, formula in zip((value, *slopes), formulas, strict=True):
            exact = formula.subs(here).evalf(DIGITS)
            array[at] = float(exact) if exact.is_real else np.nan
