"""Walking along the tokens of a formula: brackets, groups, and errors that name the place."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from fractions import Fraction
from typing import Any

from symdl.expr.tex.tokens import Token, failure
from symdl.expr.tex.tree import ACCENTS, Tex

#: Deepest nesting of brackets and groups.
MAX_DEPTH = 100


class Cursor:
    """The tokens of one side, and where the reader stands; ``depth``: in how many brackets, ``bars``: open | and norms, the next such bar closes."""

    accents = ACCENTS

    def __init__(self, text: str, tokens: Sequence[Token], known: Collection[str] = (), depth: int = 0) -> None:
        self.text, self.tokens, self.known = text, list(tokens), known
        self.at, self.depth, self.level = 0, depth, depth // 2
        self.bars: list[str] = []

    @property
    def token(self) -> Token:
        return self.tokens[self.at]

    def take(self) -> Token:
        self.at += 1
        return self.tokens[self.at - 1]

    def fail(self, message: str, position: int | None = None) -> Exception:
        return failure(self.text, self.token.position if position is None else position, message)

    def expect(self, kind: str) -> None:
        if self.token.kind != kind:
            raise self.fail(f"a {kind!r} is missing")
        self.at += 1

    def deeper(self) -> None:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self.fail("the formula is nested too deeply")

    def group_tokens(self, keep: bool = False) -> list[Token]:
        """The tokens of a group in braces, or one token; ``keep``: with the braces inside."""
        if self.token.kind != "{":
            if self.token.kind in ("end", "newline", "}"):
                raise self.fail("something is missing behind _ or ^")
            if self.token.kind == "number" and len(self.token.text) > 1:
                return [self._digit()]
            return [self.take()]
        self.take()
        depth = 1
        found: list[Token] = []
        while True:
            token = self.take()
            if token.kind == "end" and not token.text:
                self.at -= 1
                raise self.fail("a '}' is missing", token.position)
            depth += (token.kind == "{") - (token.kind == "}")
            if not depth:
                return found
            if keep or token.kind not in ("{", "}"):
                found.append(token)

    def _digit(self) -> Token:
        """Without braces a script or a part of a fraction is one digit: x^12 is x^1 2, \\frac12 is one half."""
        token = self.token
        self.tokens[self.at] = Token("number", token.text[1:], token.position + 1)
        return Token("number", token.text[0], token.position)

    def group(self, whole: bool = False) -> Tex:
        """An expression in braces, or one token's; ``whole``: a number of several digits too."""
        if self.token.kind == "{":
            self.take()
            inside = self.inside("}", "{")
            return inside
        if self.token.kind in ("+", "-"):
            sign = self.take()
            inner = self.group()
            return Tex("negative", (inner,), sign.position) if sign.kind == "-" else inner
        token = self.token
        if token.kind == "number" and len(token.text) > 1 and not whole:
            digit = self._digit()
            return Tex("number", (Fraction(digit.text),), token.position)
        return self.base()

    def sub(self, tokens: Sequence[Token]) -> Any:
        """The tree of some tokens on their own."""
        end = Token("end", "", tokens[-1].position + 1)
        inner = type(self)(self.text, [*tokens, end], self.known, self.depth + 1)
        inner.deeper()
        tree = inner.listed()
        if inner.token.kind != "end":
            raise inner.fail(f"{inner.token.text!r} cannot stand here")
        return tree

    # What the parser adds.

    def base(self) -> Tex:
        raise NotImplementedError

    def factor(self) -> Tex:
        raise NotImplementedError

    def product(self, argument: bool = False) -> Tex:
        raise NotImplementedError

    def expression(self) -> Tex:
        raise NotImplementedError

    def listed(self) -> Tex:
        raise NotImplementedError

    def inside(self, closing: str, opened: str = "(") -> Tex:
        raise NotImplementedError

    def related(self) -> Tex:
        raise NotImplementedError

    def _product_ends(self) -> bool:
        raise NotImplementedError
