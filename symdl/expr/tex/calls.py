"""Functions: those of the language, their derivatives with primes, and named results written with their arguments, such as h_\\theta(x^{(i)})."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from typing import Any

import sympy as sp

from symdl.errors import SymdlError
from symdl.expr import ops
from symdl.expr.language.parse import _check_fast
from symdl.expr.language.words import function
from symdl.expr.tensor import Expr, as_expr, elementwise
from symdl.expr.tex import oriented
from symdl.expr.tex.oriented import Value
from symdl.expr.tex.tokens import Token
from symdl.expr.tex.totals import Totals
from symdl.expr.tex.tree import QUOTIENTS, Tex
from symdl.functions import TABLE
from symdl.graph.build import Term
from symdl.graph.node import FN, INPUT, MATRIX, Node
from symdl.graph.template import instantiate, placeholders
from symdl.graph.walk import topological

#: Inverse functions written as a power -1.
_INVERSES = {"tan": "arctan", "exp": "log"}
#: Functions that take several arguments, separated by commas.
_PAIRS = {"max": "maximum", "min": "minimum"}


class Calls(Totals):
    def _call(self, tree: Tex) -> Value:
        name, primes, argument, index = tree.parts
        if argument.what == "group":
            argument = argument.parts[0]
        if argument.what == "list":
            return self._several(name, argument, tree)
        if name == "log" and index:
            return self._logarithm(index, argument, tree)
        if index and name in ("max", "min", "softmax", "logsumexp"):
            return self._over_letters(name, index, argument, tree)
        found = self._apply(name, primes, self.value(argument), tree)
        return found if not index else Value(found.expr[tuple(self._keys(index, found.expr.ndim, tree))])

    def _several(self, name: str, arguments: Tex, tree: Tex) -> Value:
        """max(0, z), min(a, b)."""
        values = [oriented.sized(self.value(a)).expr for a in arguments.parts]
        if name not in _PAIRS or len(values) != 2:
            raise self.fail(tree, f"{name} is written with one argument here")
        zero = [v for v in values if v.node.op == "const" and v.node.attr == 0]
        if name == "max" and zero:
            other = values[1] if values[0] is zero[0] else values[0]
            return Value(elementwise("relu", other))
        return Value(elementwise(_PAIRS[name], *values))

    def _logarithm(self, index: Sequence[Token], argument: Tex, tree: Tex) -> Value:
        base = self.value(self.side(list(index), tree)).expr
        value = self._apply("log", 0, self.value(argument), tree)
        return Value(value.expr / ops.log(base), value.row)

    def _over_letters(self, name: str, index: Sequence[Token], argument: Tex, tree: Tex) -> Value:
        """max over a letter: max_i x_i; softmax with an index behind its name is an element of it."""
        letters = [t.text for t in index if t.kind == "letter"]
        self.bound += letters
        try:
            inside = self.value(argument).expr
        finally:
            del self.bound[len(self.bound) - len(letters) :]
        chosen = [self.letter(n) for n in letters]
        if name in ("max", "logsumexp") and chosen and all(s in inside.open for s in chosen):
            return Value((ops.max_ if name == "max" else ops.logsumexp)(inside, *chosen))
        whole = self._apply(name, 0, Value(inside), tree).expr
        return Value(whole[tuple(self._keys(index, whole.ndim, tree))])

    def _apply(self, name: str, primes: int, argument: Value, tree: Tex) -> Value:
        if argument.loose:
            argument = oriented.sized(argument)
        if name == "sqrt":
            return Value(ops.sqrt(argument.expr), argument.row)
        if primes:
            return Value(_slope(name, primes, argument.expr, lambda m: self.fail(tree, m)), argument.row)
        if name in QUOTIENTS:
            above, below = QUOTIENTS[name]
            top = as_expr(1) if above == "1" else elementwise(above, argument.expr)
            return Value(top / elementwise(below, argument.expr), argument.row)
        made = function(name)
        if made is None:
            raise self.fail(tree, f"{name} is not a function of this language")
        if argument.expr.node.op == "const":
            from symdl.expr.language.grammar import Do
            from symdl.expr.language.tokens import Token as TextToken

            _check_fast([argument.expr], Do("call", name, TextToken("name", name, tree.position)), self.text)
        if name == "log" and (inside := _determinant(argument.expr)) is not None:
            return Value(ops.logdet(inside))
        result = made.build(argument.expr)
        return Value(result, argument.row and result.ndim == 1)

    def powered_call(self, base: Tex, exponent: Tex) -> Value | None:
        """\\tan^{-1} x is the inverse function."""
        if base.what != "call" or exponent.what not in ("number", "negative"):
            return None
        minus = exponent.what == "negative" and exponent.parts[0].what == "number" and exponent.parts[0].parts[0] == Fraction(1)
        if not minus or base.parts[1]:
            return None
        name = base.parts[0]
        if name in _INVERSES:
            return self._apply(_INVERSES[name], 0, self.value(base.parts[2]), base)
        if name in ("sin", "cos", "sinh", "cosh", "tanh", "log"):
            raise self.fail(base, f"\\{name}^{{-1}} is the inverse function: write 1/\\{name} for the reciprocal")
        return None

    # --- names in front of brackets --------------------------------------------------------------------------

    def function_name(self, tree: Tex) -> tuple[str, int, Tex | None] | None:
        """A symbol that is a function here: sigma, f with primes, exp in letters."""
        primes, power = 0, None
        while tree.what in ("prime", "power"):
            if tree.what == "prime":
                primes += 1
            else:
                power = tree.parts[1]
            tree = tree.parts[0]
        if tree.what != "symbol" or self.is_known(tree.parts[0]):
            return None
        name = {"sigma": "sigmoid", "phi": "", "varsigma": "sigmoid"}.get(tree.parts[0], tree.parts[0])
        return (name, primes, power) if name and len(name) > 1 and function(name) is not None else None

    def result_with_arguments(self, first: Tex, bracket: Tex) -> Value | None:
        """h_\\theta(x^{(i)}), y(x, w), a function that the text defines; None when the bracket is a factor."""
        if bracket.what != "group":
            return None
        defined = self._defined_function(first, bracket)
        if defined is not None:
            return defined
        stem = first
        while stem.what in ("index", "layer", "power"):
            stem = stem.parts[0]
        if stem.what != "symbol":
            return None
        try:
            value = self.value(first)
        except SymdlError:
            return None
        if value.loose or value.expr.node.op == INPUT or value.expr.node.op == "const":
            return None
        arguments = bracket.parts[0].parts if bracket.parts[0].what == "list" else (bracket.parts[0],)
        below = set(topological([value.expr.node]))
        samples = [self._argument(a, below) for a in arguments]
        if any(s is None for s in samples):
            return None
        rows = [s for s in samples if isinstance(s, Expr)]
        return value if not rows else self._sampled(value, rows[0])

    def _argument(self, tree: Tex, below: set[Node]) -> Expr | bool | None:
        """Whether a tree is a name that a result depends on: True, the row of it when it is one, None when it is something else."""
        inner = tree
        while inner.what in ("index", "layer", "transpose"):
            inner = inner.parts[0]
        if inner.what != "symbol":
            return None
        try:
            value = self.value(tree).expr
        except SymdlError:
            other = self.element_of(inner.parts[0]) if tree.what == "symbol" else None
            return True if other is not None and other.expr.node in below else None
        if value.node not in below:
            return None
        return value if value.open else True

    def _sampled(self, value: Value, row: Expr) -> Value | None:
        """The result of one sample: its element along the axis on which the sample's letter stands."""
        place = row.map[0]
        if not isinstance(place, sp.Symbol) or not value.expr.ndim or value.expr.shape[0] != row.open[place]:
            return value if not value.expr.ndim or value.expr.open else None
        return Value(value.expr[(place, *[slice(None)] * (value.expr.ndim - 1))])

    def _defined_function(self, first: Tex, bracket: Tex) -> Value | None:
        """f(x) = ... of the text, at another argument."""
        stem = first.parts[0] if first.what == "index" else first
        name = stem.parts[0] if stem.what == "symbol" else ""
        definition = self.definitions.get(name)
        inner = bracket.parts[0]
        applied = "" if definition is None else definition.applied
        if applied and inner.what == "index" and inner.parts[0].what == "symbol" and inner.parts[0].parts[0] == applied:
            return self.value(Tex("index", (first, inner.parts[1]), first.position))
        if definition is None or not definition.params:
            return None
        arguments = bracket.parts[0].parts if bracket.parts[0].what == "list" else (bracket.parts[0],)
        if len(arguments) != len(definition.params) or len(self.params) > 20:
            raise self.fail(first, f"{name} takes {len(definition.params)} arguments")
        given = {p: self.value(a) for p, a in zip(definition.params, arguments, strict=True)}
        self.params.append(given)
        try:
            return self.value(definition.sides[0])
        finally:
            self.params.pop()

    # --- bars ------------------------------------------------------------------------------------------------

    def _abs(self, tree: Tex) -> Value:
        """|A| of a square matrix is its determinant."""
        inner = oriented.sized(self.value(tree.parts[0]))
        if inner.expr.ndim == 1 and self.norms:
            return Value(_build("norm", inner.expr))
        if inner.expr.ndim == 2 and inner.expr.shape[0] == inner.expr.shape[1]:
            return Value(_build("det", inner.expr))
        return Value(elementwise("abs", inner.expr), inner.row)

    def _norm(self, tree: Tex) -> Value:
        return self._norm_of(tree, "", tree)

    def _norm_of(self, tree: Tex, which: str, at: Tex) -> Value:
        inner = oriented.sized(self.value(tree.parts[0])).expr
        if which in ("", "2", "F", "Fro"):
            if which == "2" and inner.ndim == 2:
                raise self.fail(at, r"the 2-norm of a matrix is not read; \|A\|_F is the Frobenius norm")
            return Value(_build("norm", inner))
        if which in ("1", "infty") and inner.ndim == 1:
            made: Any = function("norm")
            return Value(ops.sum_(elementwise("abs", inner)) if which == "1" else made.build(inner, ord=float("inf")))
        raise self.fail(at, f"the norm {which} is not read: 1, 2 and F are")


def _determinant(expr: Expr) -> Expr | None:
    """X, of det(X) or |det(X)|."""
    node = expr.node
    if node.op == FN and node.attr == "abs" and not expr.shape:
        node = node.args[0]
    if node.op != MATRIX or node.attr != "det" or node.rank:
        return None
    return Expr(Term(node.args[0], (0, 1)), node.args[0].shape)


def _slope(name: str, order: int, argument: Expr, fail: Any) -> Expr:
    """f'(z), from the function table."""
    entry = TABLE.get(name)
    if entry is None or entry.nargs != 1:
        raise fail(f"{name} has no derivative with a prime")
    (z,) = placeholders(1)
    slope = sp.diff(entry.sympy(z), z, order)
    return Expr(instantiate(slope, [argument.term]), argument.shape, argument.open)


def _build(name: str, *args: Expr) -> Expr:
    """A function of the text language."""
    made = function(name)
    assert made is not None
    return made.build(*args)
