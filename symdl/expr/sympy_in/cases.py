"""Cases in plain SymPy: Piecewise, Max, Min, Heaviside, Abs of differences, products over a range; one table, class -> reading."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any, NamedTuple

import sympy as sp
from sympy.logic.boolalg import BooleanFalse, BooleanTrue

from symdl.errors import UnsupportedError
from symdl.expr.tensor import Expr, elementwise
from symdl.graph import build

if TYPE_CHECKING:
    from symdl.expr.sympy_in.reading import Reading

#: A Product over a range of numbers is written out up to this many factors.
MOST_FACTORS = 200


class Word(NamedTuple):
    """How a class is read: from the parts that it needs read first."""

    build: Callable[[Reading, Any, list[Expr]], Expr]
    needs: Callable[[Any], Any] = lambda part: part.args


def _piecewise(reading: Reading, part: sp.Piecewise, _: list[Expr]) -> Expr:
    """Branches from the last to the first: the first that holds counts."""
    if part.args[-1][1] != sp.true:
        raise UnsupportedError(f"{part!s:.60}: no branch for all other cases; end it with (value, True)")
    branches = [reading.known[branch] for branch, _ in part.args]
    result = branches[-1]
    for value, (_, condition) in reversed(list(zip(branches[:-1], part.args[:-1], strict=True))):
        result = chosen(reading, condition, value, result)
    return result


def chosen(reading: Reading, condition: Any, yes: Expr, no: Expr) -> Expr:
    """``yes`` where the condition holds, else ``no``."""
    if isinstance(condition, (BooleanTrue, BooleanFalse)):
        return yes if condition else no
    if isinstance(condition, sp.Not):
        return chosen(reading, condition.args[0], no, yes)
    if isinstance(condition, sp.And):
        for one in condition.args:
            yes = chosen(reading, one, yes, no)
        return yes
    if isinstance(condition, sp.Or):
        for one in condition.args:
            no = chosen(reading, one, yes, no)
        return no
    if not isinstance(condition, sp.Rel):
        raise UnsupportedError(f"the condition {condition!s:.60} has no reading: use comparisons of expressions")
    gap = reading.known[condition.lhs] - reading.known[condition.rhs]
    if isinstance(condition, sp.Gt):
        return elementwise("where", gap, yes, no)
    if isinstance(condition, sp.Lt):
        return elementwise("where", -gap, yes, no)
    if isinstance(condition, sp.Ge):
        return elementwise("where", -gap, no, yes)
    if isinstance(condition, sp.Le):
        return elementwise("where", gap, no, yes)
    equal = elementwise("iszero", gap)
    return elementwise("where", equal, yes, no) if isinstance(condition, sp.Eq) else elementwise("where", equal, no, yes)


def _sides(part: sp.Piecewise) -> list[Any]:
    """The branches, and both sides of every comparison."""
    found = [branch for branch, _ in part.args]
    for _, condition in part.args:
        for comparison in sorted(condition.atoms(sp.Rel), key=sp.default_sort_key):
            found += [comparison.lhs, comparison.rhs]
    return found


def _extreme(sign: int) -> Callable[[Reading, Any, list[Expr]], Expr]:
    def build_it(reading: Reading, part: Any, args: list[Expr]) -> Expr:
        top, *rest = args
        for other in rest:
            if part.args[0] == 0 and len(args) == 2:  # max(0, z) is the rectifier by its name
                return elementwise("relu", other) if sign > 0 else -elementwise("relu", -other)
            top = elementwise("where", (top - other) * sign, top, other)
        return top

    return build_it


def _heaviside(reading: Reading, part: sp.Heaviside, args: list[Expr]) -> Expr:
    """SymPy's Heaviside has a value at 0, its second argument (1/2 unless given)."""
    z, at_zero = args
    if part.args[1] == sp.Rational(1, 2):
        return (1 + elementwise("sign", z)) / 2
    return elementwise("where", elementwise("iszero", z), at_zero, elementwise("positive", z))


def _product(reading: Reading, part: sp.Product, _: list[Expr]) -> Expr:
    """Written out: a product over a symbolic range has no node."""
    factors = [part.function]
    for letter, low, high in part.limits:
        if not (low.is_Integer and high.is_Integer) or (int(high) - int(low) + 1) * len(factors) > MOST_FACTORS:
            raise UnsupportedError(
                f"{part!s:.60}: a Product is read over at most {MOST_FACTORS} factors, counted by numbers; of positive factors write exp(Sum(log(...)))"
            )
        factors = [f.subs(letter, place) for f in factors for place in range(int(low), int(high) + 1)]
    made = [reading.inside(f, {}) for f in factors]
    total = Expr(build.constant(1))
    for factor in made:
        total = total * factor
    return total


CASES: dict[type, Word] = {
    sp.Piecewise: Word(_piecewise, _sides),
    sp.Max: Word(_extreme(1)),
    sp.Min: Word(_extreme(-1)),
    sp.Heaviside: Word(_heaviside),
    sp.Product: Word(_product, lambda part: ()),
}
