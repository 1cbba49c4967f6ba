"""From the tree of a formula to expressions: what its names, indices and functions mean, given the tensors it speaks of."""

from __future__ import annotations

from collections.abc import Sequence

import sympy as sp

from symdl.errors import ParseError, SymdlError
from symdl.expr import matrices, ops
from symdl.expr.language.parse import _too_long
from symdl.expr.tensor import Expr, as_expr
from symdl.expr.tex import oriented
from symdl.expr.tex.derived import Derived
from symdl.expr.tex.oriented import Value
from symdl.expr.tex.tree import Tex
from symdl.expr.windows import stack
from symdl.graph.number import to_sympy as number_to_sympy

_LONGEST_MATRIX = 64


class Meaning(Derived):
    """What a formula means, given the tensors that it speaks of and the index of a first element."""

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
        if name not in self.bound or self._is_axis(name):
            found = self.named(name)
            if found is not None:
                return found
        if name in self.bound or name in self.free or name in self.fixed:
            return Value(self.place(self.letter(name)))
        if (size := self.size_named(name)) is not None:
            return Value(size)
        if name == "pi":
            return Value(as_expr(sp.pi))
        if name == "I":
            return Value(as_expr(1), eye=True)
        if name == "e":
            return Value(as_expr(sp.E))
        raise self.undeclared(tree, name)

    def _is_axis(self, name: str) -> bool:
        return False

    # --- operations ------------------------------------------------------------------------------------------

    def _sum(self, tree: Tex) -> Value:
        total = self.value(tree.parts[0])
        for part in tree.parts[1:]:
            negative = part.what == "negative"
            total = oriented.added(total, self.value(part.parts[0] if negative else part), -1 if negative else 1)
        return total

    def _negative(self, tree: Tex) -> Value:
        inner = self.value(tree.parts[0])
        return inner._replace(expr=-inner.expr)

    def _product(self, tree: Tex) -> Value:
        total: Value | None = None
        # From the left: 2 x^T y is (2 x^T) y.
        for value, dotted in self._factors(list(tree.parts)):
            total = value if total is None else oriented.product(total, value, dotted)
        assert total is not None
        return total

    def _factors(self, waiting: list[Tex]) -> list[tuple[Value, bool]]:
        """The factors of a product: sigma(z), h(x) and dW are one each, though they are typed as two."""
        out: list[tuple[Value, bool]] = []
        while waiting:
            first = waiting.pop(0)
            dotted = first.what == "dotted"
            first = first.parts[0] if dotted else first
            following = waiting[0] if waiting and waiting[0].what != "dotted" else None
            value = None if following is None else self._joint(first, following)
            if value is not None:
                waiting.pop(0)
            else:
                value = self.value(first)
            out.append((value, dotted))
        return out

    def _joint(self, first: Tex, following: Tex) -> Value | None:
        """What two factors are together, when they are one thing."""
        scripts: list[Tex] = []
        inner = following
        while inner.what in ("index", "power", "transpose", "layer") and inner.parts[0].what in ("group", "index", "power", "transpose", "layer"):
            scripts.append(inner)
            inner = inner.parts[0]
        made = self._applied(first, inner, following)
        if made is None:
            return None
        whole, value = made
        if whole:
            return value
        for script in reversed(scripts):
            value = self._scripted(value, script)
        return value

    def _applied(self, first: Tex, bracket: Tex, following: Tex) -> tuple[bool, Value] | None:
        """(whether the scripts behind the bracket are done with, value)."""
        if first.what == "symbol" and first.parts[0] == "d" and not self.is_known("d") and "d" not in self.bound:
            base = following
            while base.what in ("index", "layer", "power", "transpose"):
                base = base.parts[0]
            if base.what == "symbol":
                return True, self.value(Tex("partial", (None, (following,), 1), first.position))
        if self._is_indicator(first) and bracket.what == "group" and bracket.parts[0].what in ("relation",):
            return False, self._relation(bracket.parts[0])
        applied = self.function_name(first)
        if applied is not None and bracket.what != "symbol":
            name, primes, power = applied
            value = self._apply(name, primes, self.value(bracket), first)
            return False, (value if power is None else Value(value.expr ** self.value(power).expr, value.row))
        if applied is not None:
            name, primes, power = applied
            value = self._apply(name, primes, self.value(following), first)
            return True, (value if power is None else Value(value.expr ** self.value(power).expr, value.row))
        found = self.result_with_arguments(first, bracket)
        return None if found is None else (False, found)

    def _is_indicator(self, tree: Tex) -> bool:
        if tree.what == "ones" or (tree.what == "number" and tree.parts[0] == 1):
            return True
        return tree.what == "symbol" and tree.parts[0] == "I" and not self.is_known("I")

    def _scripted(self, value: Value, script: Tex) -> Value:
        if script.what == "transpose":
            return oriented.transposed(value)
        if script.what == "power":
            return oriented.power(value, self.value(script.parts[1]).expr)
        if script.what == "layer":
            raise self.fail(script, f"the superscript ({script.parts[1]}) names no tensor")
        return Value(value.expr[tuple(self._keys(script.parts[1], value.expr.ndim, script))])

    def _hadamard(self, tree: Tex) -> Value:
        left, right = (self.value(p) for p in tree.parts)
        return oriented.elementwise(left, right)

    def _hadamard_quotient(self, tree: Tex) -> Value:
        left, right = (self.value(p) for p in tree.parts)
        return oriented.elementwise(left, right, divide=True)

    def _outer(self, tree: Tex) -> Value:
        """Of two vectors the outer product, of matrices the Kronecker product."""
        left, right = (oriented.sized(self.value(p)).expr for p in tree.parts)
        return Value(ops.outer(left, right) if left.ndim == right.ndim == 1 else matrices.kron(left, right))

    def _inner(self, tree: Tex) -> Value:
        return oriented.inner(*(oriented.sized(self.value(p)) for p in tree.parts))

    def _quotient(self, tree: Tex) -> Value:
        return oriented.quotient(*(self.value(p) for p in tree.parts))

    def _transpose(self, tree: Tex) -> Value:
        inner = tree.parts[0]
        if inner.what == "index" and inner.parts[0].what in ("symbol", "layer") and (value := self.value(inner)).expr.ndim == 0:
            base, _ = self._whole(inner.parts[0])
            if base is not None and base.expr.ndim == 2:  # A_{ij}^T is an element of A^T
                return self._index(Tex("index", (Tex("transpose", (inner.parts[0],), tree.position), inner.parts[1]), tree.position))
            return value
        return oriented.transposed(self.value(tree.parts[0]))

    def _prime(self, tree: Tex) -> Value:
        """X' is the transpose of X, as statisticians write it."""
        inner = tree.parts[0]
        if inner.what != "symbol" or self.is_known(inner.parts[0]):
            value = self.value(inner)
            if value.expr.ndim or value.loose:
                return oriented.transposed(value)
        raise self.fail(tree, "a prime belongs to a function, as in \\sigma'(z), or to a matrix")

    def _power(self, tree: Tex) -> Value:
        base, exponent = tree.parts
        if base.what == "symbol" and base.parts[0] == "e" and not self.is_known("e"):
            return self._apply("exp", 0, self.value(exponent), tree)
        name = self.base_name(tree)
        if name is not None and base.what == "symbol" and not self.is_known(base.parts[0]):
            found = self.named(name)
            if found is not None:
                return found
        if base.what == "index" and base.parts[0].what == "symbol" and not self.is_known(base.parts[0].parts[0]):
            layered = Tex("power", (base.parts[0], exponent), tree.position)
            if self.base_name(layered) is not None:
                return self._index(Tex("index", (layered, base.parts[1]), tree.position))
        if (inverse := self.powered_call(base, exponent)) is not None:
            return inverse
        raised = self.value(exponent).expr
        value = self.value(base)
        if value.expr.node.op == "const" or raised.node.op == "const":
            self._check_small(raised, tree)
        if raised.ndim:
            raise self.fail(tree, "an exponent is a number; \\odot marks powers by elements")
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

    # --- matrices of entries, lists ---------------------------------------------------------------------------

    def _list(self, tree: Tex) -> Value:
        """(a, b, c): a vector; a row, as it is typed."""
        return self._stacked([self.value(p) for p in tree.parts], tree)._replace(row=True)

    def _matrix(self, tree: Tex) -> Value:
        rows = [[self.value(cell) for cell in row] for row in tree.parts]
        if not rows or len({len(row) for row in rows}) != 1:
            raise self.fail(tree, "the rows of the matrix have different lengths")
        if len(rows[0]) == 1:
            return self._stacked([row[0] for row in rows], tree)
        made = [self._stacked(row, tree) for row in rows]
        return made[0]._replace(row=True) if len(made) == 1 else Value(stack([m.expr for m in made]))

    def _stacked(self, values: Sequence[Value], tree: Tex) -> Value:
        if any(v.expr.ndim or v.loose for v in values) or len(values) > _LONGEST_MATRIX:
            raise self.fail(tree, f"the entries of a vector or matrix are numbers, at most {_LONGEST_MATRIX}")
        return Value(stack([v.expr for v in values]))
