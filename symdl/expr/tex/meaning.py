"""From the tree of a formula to expressions: what its names, indices and functions mean, given the tensors it speaks of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import sympy as sp

from symdl.errors import ParseError, SymdlError
from symdl.expr import ops
from symdl.expr.dims import dims, indices
from symdl.expr.language import function
from symdl.expr.parse import _check_fast, _too_long
from symdl.expr.tensor import Expr, as_expr, elementwise
from symdl.expr.tex import oriented
from symdl.expr.tex.letters import index_keys
from symdl.expr.tex.oriented import Value
from symdl.expr.tex.tokens import Token, failure
from symdl.expr.tex.tree import Tex
from symdl.functions import TABLE
from symdl.graph.number import to_sympy as number_to_sympy
from symdl.graph.template import instantiate, placeholders


class Meaning:
    """What a formula means, given the tensors that it speaks of and the index of a first element."""

    def __init__(self, text: str, tensors: Mapping[str, Expr], start: int) -> None:
        self.text, self.tensors, self.start = text, tensors, start
        self.sizes = {str(s) for e in tensors.values() for size in (*e.shape, *e.open.values()) for s in sp.sympify(size).free_symbols}

    def fail(self, tree: Tex, message: str) -> ParseError:
        return failure(self.text, tree.position, message)

    def value(self, tree: Tex) -> Value:
        made = getattr(self, "_" + tree.what.replace("-", "_"), None)
        if made is None:
            raise self.fail(tree, f"a {tree.what} cannot stand here")
        try:
            value = made(tree)
        except ParseError:
            raise
        except SymdlError as error:
            raise type(error)(f"{error}, in {self._shown(tree)}") if "in '" not in str(error) else error from None
        attr = value.expr.node.attr
        if value.expr.node.op == "const" and _too_long(attr):
            raise self.fail(tree, "a number becomes too long to be written down")
        return value

    def _shown(self, tree: Tex) -> str:
        return repr(" ".join(self.text[max(0, tree.position - 5) : tree.position + 30].split()))

    # --- leaves ----------------------------------------------------------------------------------------------

    def _number(self, tree: Tex) -> Value:
        return Value(as_expr(sp.Rational(tree.parts[0])))

    def _group(self, tree: Tex) -> Value:
        return self.value(tree.parts[0])

    def _ones(self, tree: Tex) -> Value:
        return Value(as_expr(1), ones=True)

    def _symbol(self, tree: Tex) -> Value:
        name = tree.parts[0]
        found = self._named(name)
        if found is not None:
            return Value(found)
        if name in self.sizes:
            return Value(as_expr(dims(name)))
        if name == "pi":
            return Value(as_expr(sp.pi))
        if name == "I":
            raise self.fail(tree, "the size of the identity matrix is not known here: write what it multiplies")
        known = ", ".join(self.tensors)
        raise self.fail(tree, f"{name} is not declared; known are {known or 'no names'}")

    def _named(self, name: str) -> Expr | None:
        for spelled in (name, name.replace("_", ""), {"varepsilon": "epsilon", "varphi": "phi", "vartheta": "theta"}.get(name, name)):
            if spelled in self.tensors:
                return self.tensors[spelled]
        return None

    def _layer(self, tree: Tex) -> Value:
        """W^{(1)}: the tensor W1."""
        base, layer = tree.parts
        if base.what == "symbol":
            for spelled in (f"{base.parts[0]}{layer}", f"{base.parts[0]}_{layer}"):
                if spelled in self.tensors:
                    return Value(self.tensors[spelled])
        if layer.isdigit():
            return oriented.power(self.value(base), as_expr(int(layer)))
        raise self.fail(tree, f"the superscript ({layer}) names no tensor")

    # --- indices ---------------------------------------------------------------------------------------------

    def _index(self, tree: Tex) -> Value:
        """W_1 where that is a tensor's name, else an element."""
        base, tokens = tree.parts
        words = "".join(t.text for t in tokens)
        if base.what == "symbol":
            for spelled in (base.parts[0] + words, f"{base.parts[0]}_{words}"):
                if spelled in self.tensors:
                    return Value(self.tensors[spelled])
        if base.what == "norm":
            return self._norm_of(base, words, tree)
        whole = self.value(base).expr
        return Value(whole[tuple(self._keys(tokens, whole.ndim, tree))])

    def _keys(self, tokens: Sequence[Token], count: int, tree: Tex) -> list[Any]:
        return index_keys(tokens, count, self.start, self.sizes, lambda message: self.fail(tree, message))

    def _total(self, tree: Tex) -> Value:
        """Sum over letters; without letters, of all elements."""
        lower, _, body = tree.parts
        inside = self.value(body).expr
        names = [t for t in lower if t.kind == "letter"]
        if "=" in [t.kind for t in lower]:
            names = names[:1]
        if not names:
            return Value(ops.sum_(inside))
        letters = [indices(t.text) for t in names]
        for letter in letters:
            if letter not in inside.open:
                raise self.fail(tree, f"the sum runs over {letter}, which does not occur in it")
        self._check_bounds(tree, inside, letters)
        return Value(ops.sum_(inside, *letters))

    def _check_bounds(self, tree: Tex, inside: Expr, letters: Sequence[sp.Symbol]) -> None:
        """A sum's bounds must be those of the axis that the letter stands on."""
        lower, upper, _ = tree.parts
        numbers = [t.text for t in lower if t.kind == "number"]
        if "=" in [t.kind for t in lower] and numbers and numbers[-1] != str(self.start):
            raise self.fail(tree, f"the sum starts at {numbers[-1]}; sums over whole axes are read, which start at {self.start}")
        if upper is None:
            return
        end = self.value(upper).expr
        if end.node.op != "const":
            raise self.fail(tree, "the upper bound of a sum is a size or a number")
        size = sp.sympify(inside.open[letters[0]])
        if sp.expand(number_to_sympy(end.node.attr) - (size + self.start - 1)) != 0:
            raise self.fail(tree, f"the sum over {letters[0]} ends at {end}, but its axis has {size} elements")

    # --- operations ------------------------------------------------------------------------------------------

    def _sum(self, tree: Tex) -> Value:
        total = self.value(tree.parts[0])
        for part in tree.parts[1:]:
            negative = part.what == "negative"
            total = oriented.added(total, self.value(part.parts[0] if negative else part), -1 if negative else 1)
        return total

    def _negative(self, tree: Tex) -> Value:
        inner = self.value(tree.parts[0])
        return Value(-inner.expr, inner.row)

    def _product(self, tree: Tex) -> Value:
        factors = self._with_sigma(tree.parts)
        made = [f if isinstance(f, Value) else self.value(f) for f in factors]
        total = made[0]
        # Numbers first, then from the left: 2 x^T y is 2 (x^T y).
        for value in made[1:]:
            total = oriented.product(total, value)
        return total

    def _with_sigma(self, factors: Sequence[Tex]) -> list[Any]:
        """sigma(z), and names of functions that are no tensors, applied to the bracket behind them."""
        out: list[Any] = []
        waiting = list(factors)
        while waiting:
            first = waiting.pop(0)
            applied = self._function_name(first)
            if applied is None or not waiting:
                out.append(first)
                continue
            argument = waiting.pop(0)
            scripts: list[Tex] = []
            while argument.what in ("index", "power", "transpose", "layer"):
                scripts.append(argument)
                argument = argument.parts[0]
            name, primes, power = applied
            value = self._apply(name, primes, self.value(argument), first)
            if power is not None:
                value = Value(value.expr ** self.value(power).expr, value.row)
            for script in reversed(scripts):
                value = self._scripted(value, script)
            out.append(value)
        return out

    def _function_name(self, tree: Tex) -> tuple[str, int, Tex | None] | None:
        """A symbol that is a function here: sigma, f with primes, exp in letters."""
        primes, power = 0, None
        while tree.what in ("prime", "power"):
            if tree.what == "prime":
                primes += 1
            else:
                power = tree.parts[1]
            tree = tree.parts[0]
        if tree.what != "symbol" or self._named(tree.parts[0]) is not None:
            return None
        name = {"sigma": "sigmoid", "phi": ""}.get(tree.parts[0], tree.parts[0])
        return (name, primes, power) if name and function(name) is not None else None

    def _scripted(self, value: Value, script: Tex) -> Value:
        if script.what == "transpose":
            return oriented.transposed(value)
        if script.what == "power":
            return oriented.power(value, self.value(script.parts[1]).expr)
        return Value(value.expr[tuple(self._keys(script.parts[1], value.expr.ndim, script))])

    def _hadamard(self, tree: Tex) -> Value:
        left, right = (self.value(p) for p in tree.parts)
        return oriented.elementwise(left, right)

    def _hadamard_quotient(self, tree: Tex) -> Value:
        left, right = (self.value(p) for p in tree.parts)
        return oriented.elementwise(left, right, divide=True)

    def _quotient(self, tree: Tex) -> Value:
        return oriented.quotient(*(self.value(p) for p in tree.parts))

    def _transpose(self, tree: Tex) -> Value:
        return oriented.transposed(self.value(tree.parts[0]))

    def _power(self, tree: Tex) -> Value:
        base, exponent = tree.parts
        if base.what == "symbol" and base.parts[0] == "e" and self._named("e") is None:
            return self._apply("exp", 0, self.value(exponent), tree)
        if base.what == "norm":
            return Value(self._norm_of(base, "", tree).expr ** self.value(exponent).expr)
        raised = self.value(exponent).expr
        value = self.value(base)
        if value.expr.node.op == "const" or raised.node.op == "const":
            self._check_small(raised, tree)
        return oriented.power(value, raised)

    def _elementwise_power(self, tree: Tex) -> Value:
        base, exponent = (self.value(p) for p in tree.parts)
        if base.expr.node.op == "const":
            self._check_small(exponent.expr, tree)
        return Value(base.expr**exponent.expr, base.row)

    def _check_small(self, exponent: Expr, tree: Tex) -> None:
        if (
            exponent.node.op == "const"
            and abs(complex(number_to_sympy(exponent.node.attr).evalf(5)).real if number_to_sympy(exponent.node.attr).is_number else 0) > 10_000
        ):
            raise self.fail(tree, "the exponent is too large to be written down")

    def _call(self, tree: Tex) -> Value:
        name, primes, argument = tree.parts
        return self._apply(name, primes, self.value(argument), tree)

    def _apply(self, name: str, primes: int, argument: Value, tree: Tex) -> Value:
        if name == "sqrt":
            return Value(ops.sqrt(argument.expr), argument.row)
        if primes:
            return Value(_slope(name, primes, argument.expr, lambda m: self.fail(tree, m)), argument.row)
        made = function(name)
        if made is None:
            raise self.fail(tree, f"{name} is not a function of this language")
        if argument.expr.node.op == "const":
            from symdl.expr.grammar import Do
            from symdl.expr.tokens import Token as TextToken

            _check_fast([argument.expr], Do("call", name, TextToken("name", name, tree.position)), self.text)
        result = made.build(argument.expr)
        return Value(result, argument.row and result.ndim == 1)

    def _abs(self, tree: Tex) -> Value:
        """|A| of a square matrix is its determinant."""
        inner = self.value(tree.parts[0])
        if inner.expr.ndim == 2 and inner.expr.shape[0] == inner.expr.shape[1]:
            return Value(_build("det", inner.expr))
        return Value(elementwise("abs", inner.expr), inner.row)

    def _norm(self, tree: Tex) -> Value:
        return self._norm_of(tree, "", tree)

    def _norm_of(self, tree: Tex, which: str, at: Tex) -> Value:
        inner = self.value(tree.parts[0]).expr
        if which in ("", "2", "F"):
            if which == "2" and inner.ndim == 2:
                raise self.fail(at, r"the 2-norm of a matrix is not read; \|A\|_F is the Frobenius norm")
            return Value(_build("norm", inner))
        if which == "1" and inner.ndim == 1:
            return Value(ops.sum_(elementwise("abs", inner)))
        raise self.fail(at, f"the norm {which} is not read: 1, 2 and F are")

    def _prime(self, tree: Tex) -> Value:
        raise self.fail(tree, "a prime belongs to a function, as in \\sigma'(z)")

    def _partial(self, tree: Tex) -> Value:
        raise self.fail(tree, "a derivative can stand alone on the left of an equation only: write on the right what it is")


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
