"""What the names of a formula stand for: declared tensors, what the text itself defines, sizes, and letters."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import sympy as sp

from symdl.errors import ParseError, SymdlError
from symdl.expr.dims import dims, indices
from symdl.expr.tensor import Expr, as_expr, let
from symdl.expr.tex.names import declared, other_case, unknown
from symdl.expr.tex.oriented import Value
from symdl.expr.tex.tokens import Token, failure
from symdl.expr.tex.tree import Tex
from symdl.graph.node import CONST, INPUT, LET

#: (of, by) -> the derivative; ``of`` None is the loss.
Derivative = Callable[[Expr | None, tuple[Expr, ...]], Expr]
#: Letters that are never sizes, even where a size has their name.
_INDICES = "ijk"
#: Deepest nesting of definitions, each in terms of the next.
MAX_CHAIN = 60


@dataclass
class Definition:
    """``name = sides``; ``letters``: tokens of its indices, ``params``: arguments of a function that is defined."""

    name: str
    sides: Sequence[Tex]
    letters: tuple[Token, ...] = ()
    params: tuple[str, ...] = ()
    applied: str = ""


class Scope:
    """Names and letters; ``start``: the index of a first element."""

    def __init__(self, text: str, tensors: Mapping[str, Expr], start: int, derivative: Derivative | None = None) -> None:
        self.text, self.tensors, self.start, self.derivative = text, dict(tensors), start, derivative
        self.sizes = {str(s) for e in tensors.values() for size in (*e.shape, *e.open.values()) for s in sp.sympify(size).free_symbols}
        self.definitions: dict[str, Definition] = {}
        self.values: dict[str, Value] = {}
        self.failed: dict[str, SymdlError] = {}
        self.pending: list[str] = []  # definitions that are being read
        self.params: list[dict[str, Value]] = []  # arguments of functions that are being applied
        self.fixed: dict[str, int] = {}  # letters of a product, at a position
        self.bound: list[str] = []  # letters of sums around
        self.free: tuple[str, ...] = ()  # letters of the element that is spoken of
        self.strangers: set[str | None] = set()  # names of what is differentiated that are nowhere declared
        self.lettered: dict[tuple[str, str], str] = {}  # (name, its letters) -> definition, of names that are defined once for every set of letters
        self.derived: dict[Any, list[Tex]] = {}  # derivatives by what is nowhere declared, as the text has them
        self.used: set[Any] = set()  # those that are used
        self.norms = False  # |x| of a vector is its length, and not the absolute values of its entries
        self.columns = False  # x_i of a matrix X is a column of it

    def fail(self, tree: Tex, message: str) -> ParseError:
        return failure(self.text, tree.position, message)

    def value(self, tree: Tex) -> Value:
        raise NotImplementedError

    # --- names -----------------------------------------------------------------------------------------------

    def named(self, name: str) -> Value | None:
        """What a name stands for, as it is written; None when it is not known."""
        for given in reversed(self.params):
            if name in given:
                return given[name]
        found = declared(name, self.tensors)
        if found is not None:
            return Value(self.tensors[found])
        key = name if name in self.definitions else name.replace("_", "")
        if key not in self.definitions and name[:1].isupper() and len(name) == 1 and (small := declared(name.lower(), self.tensors)):
            return Value(self.tensors[small]) if self.tensors[small].ndim > 1 else None
        return self._defined(key) if key in self.definitions and not self.definitions[key].params else None

    def is_known(self, name: str) -> bool:
        """Whether a name stands for something, without reading its definition."""
        return declared(name, self.tensors) is not None or name in self.definitions or name.replace("_", "") in self.definitions

    def element_of(self, name: str) -> Value | None:
        """The tensor whose elements are written with another case: x_{ij} of X."""
        found = other_case(name, self.tensors)
        if found is not None and self.tensors[found].ndim:
            return Value(self.tensors[found])
        key = name[0].swapcase() + name[1:]
        return self._defined(key) if key in self.definitions and not self.definitions[key].params else None

    def undeclared(self, tree: Tex, name: str) -> ParseError:
        names = {**self.tensors, **dict.fromkeys(self.definitions)}
        return self.fail(tree, unknown(name, names))  # type: ignore[arg-type]

    def size_named(self, name: str) -> Expr | None:
        return as_expr(dims(name)) if name in self.sizes else None

    # --- definitions -----------------------------------------------------------------------------------------

    def define(self, made: Definition) -> None:
        words = "".join(t.text for t in made.letters)
        first = self.definitions.get(made.name)
        if first is not None and words and words != "".join(t.text for t in first.letters):
            own = f"{made.name}_{words}"  # \\delta_j and \\delta_k of two layers
            self.lettered[made.name, words] = own
            made = replace(made, name=own)
        self.definitions.setdefault(made.name, made)

    def _defined(self, name: str) -> Value:
        if name in self.values:
            return self.values[name]
        if name in self.failed:
            raise self.failed[name]
        if name in self.pending:
            raise ParseError(f"{name} is defined by itself")
        if len(self.pending) > MAX_CHAIN:
            raise ParseError(f"the definition of {name} needs too many others")
        self.pending.append(name)
        bound, self.bound, params, self.params = self.bound, [], self.params, []
        try:
            self.values[name] = self._made(self.definitions[name])
        except SymdlError as error:
            self.failed[name] = error
            raise
        finally:
            self.pending.pop()
            self.bound, self.params = bound, params
        return self.values[name]

    def _made(self, definition: Definition) -> Value:
        problem: SymdlError | None = None
        for side in definition.sides:
            try:
                value = self.value(side)
            except SymdlError as error:
                problem = problem or error
                continue
            return self.named_result(definition, value)
        raise problem or ParseError(f"{definition.name} has no definition that is read")

    def named_result(self, definition: Definition, value: Value) -> Value:
        """The value as a result with a name, its letters as axes."""
        letters = tuple(indices(t.text) for t in definition.letters)
        expr = value.expr
        if value.loose or expr.node.op in (CONST, INPUT) or (expr.node.op == LET and not letters):
            return value
        missing = [str(s) for s in letters if s not in expr.open]
        if missing:
            raise ParseError(f"{definition.name} is written with the index {missing[0]}, which does not occur in what it is")
        return value._replace(expr=let(definition.name, expr, *letters))

    # --- letters ---------------------------------------------------------------------------------------------

    def is_letter(self, token: Token) -> bool:
        """Whether a token can be an index."""
        if token.kind not in ("letter", "command"):
            return False
        return token.text.isalpha() and (token.text in _INDICES or token.text in self.bound or token.text in self.free or token.text not in self.sizes)

    def letter(self, name: str) -> Any:
        return indices(name)
