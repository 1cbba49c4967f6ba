"""From tokens to postfix: operator precedence with a stack of our own, so that nesting costs no recursion."""

from __future__ import annotations

from fractions import Fraction
from types import MappingProxyType
from typing import Any, NamedTuple

from symdl.errors import ParseError
from symdl.expr.language.tokens import MAX_DEPTH, Token, failure, tokenize

#: Binary operators by how tightly they bind, as in Python; the sign binds between * and **.
PRECEDENCE = MappingProxyType({"+": 1, "-": 1, "*": 2, "/": 2, "@": 2, "sign": 3, "**": 4})

RIGHT_TO_LEFT = frozenset({"**"})

#: Literals that stand only behind ``axis=``, ``keepdims=`` and in brackets.
_LITERALS = MappingProxyType({"None": None, "True": True, "False": False})

#: Options whose values are whole numbers.
_WHOLE = frozenset({"axis", "keepdims"})


class Do(NamedTuple):
    """One instruction: ``what`` is "number", "name", "call", "index", "T", "neg", or a binary operator."""

    what: str
    value: Any
    token: Token


class _Frame:
    """An open bracket, the call it belongs to, or an operator that waits for its right side."""

    __slots__ = ("count", "kind", "options", "precedence", "token")

    def __init__(self, kind: str, token: Token, precedence: int = 0) -> None:
        self.kind, self.token, self.precedence = kind, token, precedence
        self.count = 0
        self.options: dict[str, Any] = {}


def to_postfix(text: str, declared: Any = ()) -> list[Do]:
    """The text as instructions for a stack machine.

    Raises
    ------
    ParseError
        For whatever is not an expression; the message says what and where.
    """
    return _Reader(text, tokenize(text, declared)).read()


class _Reader:
    def __init__(self, text: str, tokens: list[Token]) -> None:
        self.text = text
        self.tokens = tokens
        self.at = 0
        self.stack: list[_Frame] = []
        self.out: list[Do] = []

    # --- looking ----------------------------------------------------------------------------------------

    @property
    def token(self) -> Token:
        return self.tokens[self.at]

    def take(self) -> Token:
        self.at += 1
        return self.tokens[self.at - 1]

    def fail(self, message: str, token: Token | None = None) -> ParseError:
        token = token or self.token
        return failure(self.text, token.position, len(token.text), message)

    def expect(self, kind: str, message: str) -> Token:
        if self.token.kind != kind:
            raise self.fail(message)
        return self.take()

    # --- reading ----------------------------------------------------------------------------------------

    def read(self) -> list[Do]:
        if len(self.tokens) == 1:
            raise ParseError("the text is empty: write an expression, e.g. sum((X @ w - y)**2)")
        while True:
            self._operand()
            if self._operators():
                return self.out

    def _push(self, frame: _Frame) -> None:
        if len(self.stack) >= 4 * MAX_DEPTH:
            raise self.fail("the expression is nested too deeply", frame.token)
        self.stack.append(frame)

    def _operand(self) -> None:
        """Signs and opening brackets, up to a number, a name, or a call without arguments."""
        while True:
            token = self.take()
            if token.kind == "number":
                self.out.append(Do("number", token.text, token))
            elif token.kind == "name" and self.token.kind == "(":
                self.take()
                self._push(_Frame("call", token))
                if not self._arguments_end():
                    continue
            elif token.kind == "name":
                self.out.append(Do("name", token.text, token))
            elif token.kind in ("+", "-"):
                self._push(_Frame("sign" + token.kind, token, PRECEDENCE["sign"]))
                continue
            elif token.kind == "(":
                self._push(_Frame("(", token))
                continue
            else:
                self.at -= 1
                raise self._no_operand()
            return

    def _arguments_end(self) -> bool:
        """Options of a call, if they come next; True when the call is closed."""
        while self.token.kind == "name" and self.tokens[self.at + 1].kind == "=":
            self._option(self.stack[-1])
            if self.token.kind == ",":
                self.take()
            elif self.token.kind != ")":
                raise self.fail("a ',' or ')' is missing")
        if self.token.kind != ")":
            return False
        self.take()
        self._close_call(self.stack.pop())
        return True

    def _no_operand(self) -> ParseError:
        token = self.token
        if token.kind == "end":
            opened = next((f for f in reversed(self.stack) if f.kind in ("(", "call")), None)
            return self.fail("the expression ends where a value is missing" + (" and a bracket is not closed" if opened else ""))
        if token.kind == "[":
            return self.fail("lists are not of this language (name an array and give its size)")
        if token.kind == ")" and self.at and self.tokens[self.at - 1].kind == "(":
            return self.fail("the parentheses are empty")
        return self.fail(f"a value is missing before {token.text!r}")

    def _operators(self) -> bool:
        """What follows a value: .T, indices, closing brackets, commas, one operator. True at the end of the text."""
        while True:
            token = self.take()
            if token.kind == ".":
                self._attribute()
            elif token.kind == "[":
                self.out.append(Do("index", self._keys(), token))
            elif token.kind == ")":
                self._close(token)
            elif token.kind == ",":
                if self._comma(token):
                    continue
                return False
            elif token.kind in PRECEDENCE:
                self._operator(token)
                return False
            elif token.kind == "end":
                self._reduce(0)
                if self.stack:
                    raise self.fail("this bracket is never closed", self.stack[-1].token)
                return True
            else:
                self.at -= 1
                raise self._no_operator(token)

    def _no_operator(self, token: Token) -> ParseError:
        if token.kind == "=":
            return self.fail("'=' stands only in options such as axis=0")
        if token.kind in ("number", "name", "("):
            return self.fail(f"an operator is missing before {token.text!r} (write * for a product)")
        return self.fail(f"{token.text!r} cannot stand here")

    def _operator(self, token: Token) -> None:
        precedence = PRECEDENCE[token.kind]
        self._reduce(precedence + (token.kind in RIGHT_TO_LEFT))
        self._push(_Frame(token.kind, token, precedence))

    def _reduce(self, precedence: int) -> None:
        """Write down the waiting operators that bind at least as tightly."""
        while self.stack and self.stack[-1].precedence >= max(precedence, 1):
            frame = self.stack.pop()
            if frame.kind == "sign-":
                self.out.append(Do("neg", None, frame.token))
            elif frame.kind != "sign+":
                self.out.append(Do(frame.kind, None, frame.token))

    def _close(self, token: Token) -> None:
        self._reduce(0)
        if not self.stack:
            raise self.fail("this ')' closes nothing", token)
        frame = self.stack.pop()
        if frame.kind == "call":
            frame.count += 1
            self._close_call(frame)

    def _close_call(self, frame: _Frame) -> None:
        self.out.append(Do("call", (frame.token.text, frame.count, frame.options), frame.token))

    def _comma(self, token: Token) -> bool:
        """Go on to the next argument; True when only options followed, and the call is closed."""
        self._reduce(0)
        if not self.stack or self.stack[-1].kind != "call":
            raise self.fail("a comma stands only between the arguments of a call", token)
        self.stack[-1].count += 1
        return self._arguments_end()

    def _attribute(self) -> None:
        dot = self.tokens[self.at - 1]
        name = self.expect("name", "a '.' stands only in numbers and in .T")
        if name.text != "T":
            raise self.fail(f".{name.text[:40]} is not of this language (of attributes there is only .T; functions are written sum(x))", name)
        self.out.append(Do("T", None, dot))

    # --- literals ---------------------------------------------------------------------------------------

    def _option(self, frame: _Frame) -> None:
        name = self.take()
        self.take()
        if name.text in frame.options:
            raise self.fail(f"{name.text} is given twice", name)
        frame.options[name.text] = self._literal() if name.text in _WHOLE else self._parameter()

    def _parameter(self) -> Any:
        """A number, a word, None, True or False: what stands behind ``alpha=`` and ``approximate=``."""
        if self.token.kind == "name":
            word = self.take().text
            return _LITERALS.get(word, word)
        sign = 1
        if self.token.kind == "-":
            self.take()
            sign = -1
        token = self.expect("number", "a number or a word is needed here")
        mantissa, _, exponent = token.text.lower().partition("e")
        if len(mantissa) > 40 or len(exponent) > 4:
            raise self.fail("this number is too long", token)
        return sign * Fraction(token.text)

    def _literal(self) -> Any:
        """An integer, a tuple of integers, None, True or False."""
        if self.token.kind == "name" and self.token.text in _LITERALS:
            return _LITERALS[self.take().text]
        if self.token.kind != "(":
            return self._integer()
        self.take()
        values = [self._integer()]
        while self.token.kind == ",":
            self.take()
            if self.token.kind != ")":
                values.append(self._integer())
        self.expect(")", "a ')' is missing")
        return tuple(values)

    def _integer(self) -> int:
        sign = 1
        if self.token.kind == "-":
            self.take()
            sign = -1
        token = self.expect("number", "an integer is needed here")
        if not token.text.isdigit() or len(token.text) > 15:
            raise self.fail("an integer is needed here", token)
        return sign * int(token.text)

    def _keys(self) -> tuple[Any, ...]:
        keys: list[Any] = []
        while True:
            keys.append(self._key())
            if self.token.kind == ",":
                self.take()
                if self.token.kind != "]":
                    continue
            self.expect("]", "a ',' or ']' is missing: indices are integers, ':', None and '...'")
            return tuple(keys)

    def _key(self) -> Any:
        kind = self.token.kind
        if kind == ":":
            self.take()
            if self.token.kind in ("number", "-", ":"):
                raise self.fail("ranges are not of this language (take whole axes with ':' or single positions)")
            return slice(None)
        if kind == "...":
            self.take()
            return Ellipsis
        if kind == "name" and self.token.text == "None":
            self.take()
            return None
        if kind == "name":
            raise self.fail("an index is an integer or ':' here (index letters are for Python: sd.sum(w[i]*x[i], i))")
        return self._integer()
