"""From the tree of a formula to expressions: what its names, indices and functions mean, given the tensors it speaks of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import sympy as sp

from symdl.errors import ParseError, SymdlError
from symdl.expr import ops
from symdl.expr.dims import dims, indices
from symdl.expr.language import function
from symdl.expr.parse import _check_fast, _too_long
from symdl.expr.tensor import Expr, as_expr, elementwise
from symdl.expr.tex import oriented
from symdl.expr.tex.oriented import Value
from symdl.expr.tex.tokens import Token, failure
from symdl.expr.tex.tree import Tex, trees
from symdl.functions import TABLE
from symdl.graph.number import to_sympy as number_to_sympy
from symdl.graph.template import instantiate, placeholders


@dataclass
class Line:
    """One line of a formula: the sides of its equations in order; ``by``: what a derivative on the left is taken by, at which letters."""

    sides: list[Expr] = field(default_factory=list)
    by: str = ""
    letters: tuple[sp.Symbol, ...] = ()


def looks_like_latex(text: str) -> bool:
    """Whether a text is a formula in LaTeX and not one in the language of ``sd.parse``."""
    return "\\" in text or "_{" in text or "^" in text or "$" in text


def parse_latex(text: str, /, **tensors: Any) -> Expr:
    """Read an expression in LaTeX as people write it.

    Parameters
    ----------
    text : str
        Products without a sign are matrix products (vectors are columns, ``x^\\top`` is a row); ``\\odot`` is elementwise;
        ``W_{ij}`` is an element, counted from 1, with ``\\sum_{i=1}^{n}`` over it; ``\\sigma``, ``\\exp``, ``\\operatorname{tr}``, ``\\frac``, ``\\|x\\|``,
        ``A^{-1}``, ``\\mathbf``, Greek letters. Of an equation the right side is read.
    **tensors
        Name -> expression, or sizes as for ``sd.parse``: ``X="n,p"``.

    Raises
    ------
    ParseError
        When the text is no formula: what, and where.
    ShapeError
        When its parts do not go together.
    """
    from symdl.expr.parse import _declared

    sizes: set[str] = set()
    known = {name: _declared(name, shape, sizes) for name, shape in tensors.items()}
    return read(text, known)[-1].sides[-1]


def read(text: str, tensors: Mapping[str, Expr]) -> list[Line]:
    """The lines of a formula, each with its sides; derivatives on the left are noted, not computed."""
    lines = trees(text)
    reader = _Reader(text, tensors, _start(text))
    found: list[Line] = []
    for line in lines:
        made = Line()
        for (side,) in line:
            if side.what == "partial":
                made.by, made.letters = reader.by(side)
            else:
                made.sides.append(reader.value(side).expr)
        if made.sides or made.by:
            found.append(made)
    if not any(line.sides for line in found):
        raise ParseError("the formula has a derivative on its left and nothing on its right")
    return found


def _start(text: str) -> int:
    """Where indices start: at 0 where a sum says so, else at 1."""
    compact = "".join(text.split())
    return 0 if any(f"sum_{{{c}=0}}" in compact for c in "ijklmnpqrstuv") else 1


class _Reader:
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
        """The indices of an element: letters and numbers, with commas or without, sums of them such as i + 1."""
        groups: list[list[Token]] = [[]]
        for token in tokens:
            if token.kind == ",":
                groups.append([])
            else:
                groups[-1].append(token)
        if len(groups) == 1 and count > 1 and not any(t.kind in ("+", "-") for t in groups[0]):
            flat = [t for t in groups[0]]
            if len(flat) == 1 and flat[0].kind == "number" and len(flat[0].text) == count:
                flat = [Token("number", digit, flat[0].position) for digit in flat[0].text]
            groups = [[t] for t in flat]
        if len(groups) != count:
            raise self.fail(tree, f"{count} indices belong here, and {len(groups)} are written")
        return [self._key(group, tree) for group in groups]

    def _key(self, tokens: Sequence[Token], tree: Tex) -> Any:
        if len(tokens) == 1 and tokens[0].kind == ":":
            return slice(None)
        total: Any = sp.S.Zero
        sign, factor, seen = 1, sp.S.One, False
        for token in [*tokens, Token("+", "+", tree.position)]:
            if token.kind in ("+", "-"):
                if seen:
                    total += sign * factor
                sign, factor, seen = (1 if token.kind == "+" else -1), sp.S.One, False
            elif token.kind == "number" and token.text.isdigit() and len(token.text) < 9:
                factor, seen = factor * int(token.text), True
            elif token.kind == "letter" or (token.kind == "command" and token.text.isalpha()):
                factor, seen = factor * self._index_letter(token), True
            elif token.kind == "'":
                continue
            else:
                raise self.fail(tree, f"{token.text!r} cannot stand in an index")
        shifted = sp.expand(total.subs({s: s + self.start for s in total.free_symbols if s.is_positive is None}, simultaneous=True) - self.start)
        if shifted.is_Integer and shifted < 0:
            raise self.fail(tree, f"the index {total} is too small: the first element has the index {self.start}")
        return shifted

    def _index_letter(self, token: Token) -> sp.Symbol:
        return dims(token.text) if token.text in self.sizes and token.text not in "ijk" else indices(token.text)

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

    # --- the left side ---------------------------------------------------------------------------------------

    def by(self, tree: Tex) -> tuple[str, tuple[sp.Symbol, ...]]:
        """What a derivative is taken by: a tensor's name, and the letters of an element."""
        _, below = tree.parts
        tokens = [t for t in below if not (t.kind == "command" and t.text in ("partial", "mathbf", "boldsymbol", "bm", "mathrm")) and t.text != "d"]
        base, rest = (tokens[0].text, [t for t in tokens[1:] if t.kind not in ("_", "^")]) if tokens else ("", [])
        if rest and rest[-1].text in ("T", "top"):
            rest = rest[:-1]
        for size in range(len(rest), -1, -1):
            name = base + "".join(t.text for t in rest[:size])
            found = name if name in self.tensors else f"{base}_{name[len(base) :]}"
            if found in self.tensors:
                letters = [t for t in rest[size:] if t.kind != ","]
                if all(t.kind == "letter" for t in letters):
                    return found, tuple(indices(t.text) for t in letters)
        return base, ()


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
