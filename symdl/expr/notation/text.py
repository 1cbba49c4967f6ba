"""Expressions as text: array notation that ``parse`` reads back; index notation where arrays cannot say it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction
from functools import singledispatch
from types import MappingProxyType
from typing import Any, NamedTuple

import sympy as sp
from sympy.printing.precedence import precedence as sympy_precedence
from sympy.printing.str import StrPrinter

from symdl.expr.notation.arrays import Arrays
from symdl.expr.notation.elements import Elements
from symdl.expr.notation.layout import Call, Derivative, Element, Index, Kronecker, MatMul, Name, Num, Over, Power, Product, Sum, Transpose, Tree, bounded, fold
from symdl.expr.notation.parts import parts, with_bodies
from symdl.expr.notation.recur_text import definitions, named_in_steps, named_states
from symdl.expr.tensor import Expr
from symdl.functions import BY_CLASS
from symdl.graph.labels import Term
from symdl.graph.node import Node
from symdl.graph.number import Number, is_negative, times

#: How tightly what is written holds together, as in ``symdl.expr.language.grammar.PRECEDENCE``.
BINDING = MappingProxyType({"sum": 1, "product": 2, "sign": 3, "power": 4, "atom": 5})
SUM, PRODUCT, SIGN, POWER, ATOM = BINDING.values()


class Piece(NamedTuple):
    text: str
    binding: int


def text(expr: Expr, names: Mapping[Node, str] | None = None) -> str:
    """The expression as text.

    Parameters
    ----------
    expr : Expr
    names : mapping, optional
        Node -> name, for nodes that are written by name. Without it everything is written out, and an expression of more than a
        few thousand characters in named parts: "e with v1 = ...".
    """
    if names is not None:
        return _one(expr, with_bodies(names))
    named = parts(expr.node)
    states = named_states(expr.node, named)
    named |= named_in_steps(expr.node) if states else {}
    if not named and not states:
        return _one(expr, {})
    lines = [_one(expr, named | states) + " with", *(f"  {line}" for line in recurrence_lines(expr.node, named | states))]
    for node, name in parts(expr.node).items():
        body, letters = _definition(node, named | states)
        lines.append(f"  {name}{letters} = {body}")
    return "\n".join(lines)


def recurrence_lines(root: Node, names: Mapping[Node, str]) -> list[str]:
    """The recurrences under a node as lines of text; ``names`` holds the names of their states."""
    lines = []
    for left, right, steps in definitions(root, names):
        tail = f",  {steps}" if steps else ""
        if isinstance(right, Expr):
            reader = Elements(right, names)
            element, letters = reader.open(right)
            at = "".join(f", {s}" for s in letters) + "]"
            lines.append(f"{left[:-1]}{at} = {write(reader.tree(element.node, element.map))}{tail}")
        else:
            lines.append(f"{left} = {write(right)}{tail}")
    return lines


def _one(expr: Expr, names: Mapping[Node, str]) -> str:
    tree = layout(expr, names)
    return write(tree) if tree is not None else _indexed(expr, names)


def layout(expr: Expr, names: Mapping[Node, str]) -> Tree | None:
    """The expression in array notation; None when that cannot say it."""
    return None if expr.open else Arrays(names).tree(expr.term, expr.shape)


def _indexed(expr: Expr, names: Mapping[Node, str]) -> str:
    reader = Elements(expr, names)
    element, _ = reader.open(expr)
    return write(reader.tree(element.node, element.map))


def _definition(node: Node, names: Mapping[Node, str]) -> tuple[str, str]:
    """What a name stands for, and its index letters when these are needed."""
    tree = Arrays(names).body(node)
    if tree is not None:
        return write(tree), ""
    whole = Expr(Term(node, tuple(range(node.rank))), node.shape)
    reader = Elements(whole, names)
    element, letters = reader.open(whole)
    return write(reader.tree(element.node, element.map, inside=True)), f"[{', '.join(map(str, letters))}]"


def write(tree: Tree) -> str:
    """A layout tree as text."""
    return fold(tree, bounded(_write, Piece("...", ATOM))).text


def _bracketed(piece: Piece, least: int) -> str:
    return piece.text if piece.binding >= least else f"({piece.text})"


@singledispatch
def _write(tree: Any, inside: list[Piece]) -> Piece:
    raise TypeError(type(tree))


@_write.register
def _(tree: Num, inside: list[Piece]) -> Piece:
    return number_piece(tree.value)


@_write.register
def _(tree: Name, inside: list[Piece]) -> Piece:
    return Piece(tree.name, ATOM)


@_write.register
def _(tree: Sum, inside: list[Piece]) -> Piece:
    out = ""
    for coef, term, piece in zip(tree.coefs, tree.terms, inside, strict=True):
        minus = is_negative(coef)
        shown = _scaled(times(-1, coef) if minus else coef, term, piece)
        sign = ("-" if minus else "") if not out else (" - " if minus else " + ")
        out += sign + _bracketed(shown, PRODUCT)
    return Piece(out, SUM)


def _scaled(coef: Number, term: Tree, piece: Piece) -> Piece:
    """coef*term."""
    if isinstance(term, Num):
        return number_piece(times(coef, term.value))
    if coef == 1:
        return piece
    return _quotient(coef, [(term, piece)], [])


@_write.register
def _(tree: Product, inside: list[Piece]) -> Piece:
    split = len(tree.factors)
    pairs = list(zip(tree.parts, inside, strict=True))
    if is_negative(tree.coef):
        return Piece("-" + _quotient(times(-1, tree.coef), pairs[:split], pairs[split:]).text, SIGN)
    return _quotient(tree.coef, pairs[:split], pairs[split:])


def _quotient(coef: Number, up: list[tuple[Tree, Piece]], down: list[tuple[Tree, Piece]]) -> Piece:
    """coef*up/down, the coefficient not negative."""
    above, below = fraction(coef)
    lone = len(up) == 1 and not below and not down
    factors = [number_piece(n) for n in above]
    for tree, piece in up:
        bare = lone and isinstance(tree, MatMul | Product)
        factors.append(piece if bare else Piece(_bracketed(piece, POWER), POWER))
    shown = _times(factors, bare=lone) if factors else "1"
    divisors = [number_piece(n) for n in below] + [p for _, p in down]
    if not divisors:
        return Piece(shown, PRODUCT) if len(factors) != 1 else Piece(shown, factors[0].binding)
    if len(divisors) == 1:
        return Piece(f"{shown}/{_bracketed(divisors[0], POWER)}", PRODUCT)
    return Piece(f"{shown}/({_times([Piece(_bracketed(d, POWER), POWER) for d in divisors])})", PRODUCT)


def _times(factors: list[Piece], bare: bool = False) -> str:
    """Factors with * between them; with blanks around it when one of them is in parentheses."""
    shown = [f.text if bare and k == len(factors) - 1 else _bracketed(f, POWER) for k, f in enumerate(factors)]
    loose = not bare and sum(s.startswith("(") for s in shown) and len(shown) > 1
    numbers = len(shown) > 1 and shown[0].isdigit()
    if loose and numbers:
        return shown[0] + "*" + " * ".join(shown[1:])
    return (" * " if loose else "*").join(shown)


@_write.register
def _(tree: MatMul, inside: list[Piece]) -> Piece:
    return Piece(" @ ".join(_bracketed(p, POWER) for p in inside), PRODUCT)


@_write.register
def _(tree: Transpose, inside: list[Piece]) -> Piece:
    return Piece(_bracketed(inside[0], ATOM) + ".T", ATOM)


@_write.register
def _(tree: Power, inside: list[Piece]) -> Piece:
    base, exponent = inside
    return Piece(f"{_bracketed(base, ATOM)}**{_bracketed(exponent, ATOM)}", POWER)


@_write.register
def _(tree: Call, inside: list[Piece]) -> Piece:
    args = [p.text for p in inside] + [_size(s) for s in tree.sizes]
    if tree.axis is not None:
        args.append(f"axis={tree.axis[0] if len(tree.axis) == 1 else tree.axis}")
    if tree.keepdims:
        args.append("keepdims=True")
    return Piece(f"{tree.name}({', '.join(args)})", ATOM)


@_write.register
def _(tree: Index, inside: list[Piece]) -> Piece:
    return Piece(f"{_bracketed(inside[0], ATOM)}[{', '.join(str(k) for k in tree.keys)}]", ATOM)


@_write.register
def _(tree: Element, inside: list[Piece]) -> Piece:
    return Piece(f"{_bracketed(inside[0], ATOM)}[{', '.join(str(i) for i in tree.indices)}]", ATOM)


@_write.register
def _(tree: Over, inside: list[Piece]) -> Piece:
    return Piece(f"{tree.kind}({inside[0].text}, {', '.join(str(s) for s, _ in tree.letters)})", ATOM)


@_write.register
def _(tree: Kronecker, inside: list[Piece]) -> Piece:
    return Piece(f"delta({tree.indices[0]}, {tree.indices[1]})", ATOM)


#: A name or an element of a named tensor: what is written dC/dW[i, j] and not d(...)/d(...).
_ELEMENT = re.compile(r"\w+'*(\[[^\[\]]*\])?")


@_write.register
def _(tree: Derivative, inside: list[Piece]) -> Piece:
    of, by = (piece.text if _ELEMENT.fullmatch(piece.text) else f"({piece.text})" for piece in inside)
    return Piece(f"d{of}/d{by}", ATOM)


# --- numbers --------------------------------------------------------------------------------------------------


def fraction(coef: Number) -> tuple[list[Number], list[Number]]:
    """What stands above and below the line, ones left out."""
    if isinstance(coef, sp.Expr):
        up, down = sp.fraction(coef)
        above = [int(f) if isinstance(f, sp.Integer) else f for f in sp.Mul.make_args(up)]
        below = [int(f) if isinstance(f, sp.Integer) else f for f in sp.Mul.make_args(down)]
    else:
        exact = Fraction(coef)
        above, below = [exact.numerator], [exact.denominator]
    return [n for n in above if n != 1], [n for n in below if n != 1]


def number_piece(value: Number) -> Piece:
    """An exact number."""
    if isinstance(value, sp.Expr):
        binding = sympy_precedence(value)
        held = SUM if binding < 50 else PRODUCT if binding < 60 else POWER if binding < 1000 else ATOM
        return Piece(_Numbers().doprint(value), SUM if value.could_extract_minus_sign() else held)
    if is_negative(value):
        return Piece(str(value), SIGN if isinstance(value, int) else SUM)
    return Piece(str(value), ATOM if isinstance(value, int) else PRODUCT)


def _size(size: Any) -> str:
    return number_piece(size).text


class _Numbers(StrPrinter):
    """SymPy's numbers in the words of the text language."""

    def _print_Exp1(self, expr: sp.Expr) -> str:
        return "exp(1)"

    def _print_Function(self, expr: Any) -> str:
        return f"{BY_CLASS.get(expr.func, expr.func.__name__)}({self.stringify(expr.args, ', ')})"

    def _print_Abs(self, expr: Any) -> str:
        return f"abs({self._print(expr.args[0])})"
