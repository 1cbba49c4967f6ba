"""Tokens of the text language. A text is only ever looked at, character by character; nothing in it is run."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Collection
from typing import NamedTuple

from symdl.errors import ParseError

#: Longest text that is read: about five pages. Longer models are built in Python.
MAX_LENGTH = 10_000

#: Deepest nesting of brackets, and longest chain of signs and powers.
MAX_DEPTH = 200

#: Longest name.
MAX_NAME = 100


class Token(NamedTuple):
    """A piece of the text: ``kind`` is "number", "name", "end", or the symbol itself."""

    kind: str
    text: str
    position: int


_TOKEN = re.compile(
    r"(?P<blank>[ \t\r\n]+)"
    r"|(?P<number>(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?)"
    r"|(?P<name>[^\W\d]\w*)"
    r"|(?P<foreign>//|==|!=|:=|<=|>=|<<|>>)"
    r"|(?P<symbol>\*\*|\.\.\.|[()\[\]+\-*/@,.=:])"
)

#: What people type, and what the language says instead.
_MENDS = {
    "^": "write ** for a power",
    "//": "write / for a quotient",
    "%": "there is no remainder in this language",
    "==": "an expression has no comparisons; sd.prove compares two of them",
    "!=": "an expression has no comparisons",
    "<": "an expression has no comparisons; use step or relu",
    ">": "an expression has no comparisons; use step or relu",
    ":=": "name a part with sd.let instead",
    "&": "there are no bit operations in this language",
    "|": "there are no bit operations in this language; write abs(x), norm(x) or det(A)",
    "~": "there are no bit operations in this language",
    "!": "there is no factorial in this language",
    ";": "write one expression",
    "{": "use round parentheses",
    "}": "use round parentheses",
    "'": "there are no strings in this language, and no primes but in declared names",
    '"': "there are no strings in this language",
    "`": "there are no strings in this language",
    "\\": "this is not LaTeX: write names without a backslash, e.g. theta",
    "$": "this is not LaTeX: leave the $ out",
    "#": "there are no comments in this language",
    "−": "write - (the minus on the keyboard)",
    "–": "write - (the minus on the keyboard)",
    "×": "write * for a product",
    "·": "write * for a product, @ for a matrix product",
    "÷": "write / for a quotient",
    "√": "write sqrt(x)",
    "π": "write pi",
    "²": "write **2",
    "³": "write **3",
    "ᵀ": "write .T for the transpose",
    "⊤": "write .T for the transpose",
}

#: Cyrillic letters that look like Latin ones.
_LOOK_ALIKE = str.maketrans("аеорсухіјѕАВЕКМНОРСТХІЈЅ", "aeopcyxijsABEKMHOPCTXIJS")


def failure(text: str, position: int, length: int, message: str) -> ParseError:
    """The error at a place in the text: one line, with the place marked."""
    before, there, after = text[max(0, position - 20) : position], text[position : position + length], text[position + length : position + length + 20]
    shown = f"{'...' if position > 20 else ''}{before}>>{there[:40]}<<{after}{'...' if position + length + 20 < len(text) else ''}"
    printable = "".join(c if c.isprintable() else " " for c in shown)
    return ParseError(f"{message}, at character {position + 1}: {printable}")


def tokenize(text: str, declared: Collection[str] = ()) -> list[Token]:
    """The tokens of a text, with an "end" behind them.

    Parameters
    ----------
    text : str
    declared : collection of str
        Names of tensors; those with dots and primes in them (``fc1.weight``, ``x'``) are read only when listed here.

    Raises
    ------
    ParseError
        For a text that is too long or too deep, and for characters that are not of the language.
    """
    if not isinstance(text, str):
        raise ParseError(f"{type(text).__name__} given where a text is needed: pass the expression as a string")
    if len(text) > MAX_LENGTH:
        raise ParseError(f"the text has {len(text)} characters, more than the {MAX_LENGTH} that are read: build it in Python, or name parts with sd.let")
    special = sorted((n for n in declared if not n.isidentifier()), key=len, reverse=True)
    tokens: list[Token] = []
    position = depth = 0
    while position < len(text):
        token = _next(text, position, special)
        position += len(token.text)
        if token.kind == "blank":
            continue
        if token.kind in "()[]":
            depth += 1 if token.kind in "([" else -1
            if depth > MAX_DEPTH:
                raise failure(text, token.position, 1, f"brackets are nested more than {MAX_DEPTH} deep")
        tokens.append(token)
    tokens.append(Token("end", "", len(text)))
    return tokens


def _next(text: str, position: int, special: list[str]) -> Token:
    for name in special:
        after = text[position + len(name) : position + len(name) + 1]
        if text.startswith(name, position) and not (after.isalnum() or after == "_"):
            return Token("name", name, position)
    match = _TOKEN.match(text, position)
    if match is None:
        char = text[position]
        mend = _MENDS.get(char) or _other_form(char)
        raise failure(text, position, 1, f"the character {_show(char)} is not of this language" + (f" ({mend})" if mend else ""))
    kind, found = str(match.lastgroup), match.group()
    if kind == "number":
        return _number(text, match)
    if kind == "name":
        _check_identifier(text, position, found)
    if kind == "foreign":
        raise failure(text, position, 2, f"{found!r} is not of this language ({_MENDS.get(found) or _MENDS[found[0]]})")
    return Token(found if kind == "symbol" else kind, found, position)


def _number(text: str, match: re.Match[str]) -> Token:
    end = match.end()
    if end < len(text) and (text[end].isalnum() or text[end] == "_"):
        whole = match.group() + text[end : end + 1]
        raise failure(text, match.start(), len(whole), f"a number runs into {text[end]!r} (write * between them; numbers are decimal, without _)")
    return Token("number", match.group(), match.start())


def _check_identifier(text: str, position: int, name: str) -> None:
    def fail(message: str) -> ParseError:
        return failure(text, position, len(name), message)

    if len(name) > MAX_NAME:
        raise fail(f"a name of {len(name)} characters is too long (at most {MAX_NAME})")
    if name.startswith("__"):
        raise fail(f"the name {name} is not allowed (names start with a letter)")
    normal = unicodedata.normalize("NFKC", name)
    if normal != name or not name.isidentifier():
        mend = next((m for c, m in _MENDS.items() if c in name), f"write {normal!r}" if normal.isidentifier() else "use letters, digits and _")
        raise fail(f"the name {name!r} has characters in an unusual form ({mend})")
    plain = name.translate(_LOOK_ALIKE)
    if plain != name and plain.isascii():
        raise fail(f"the name {name!r} has Cyrillic letters that look like Latin ones (write {plain!r})")


def _other_form(char: str) -> str:
    normal = unicodedata.normalize("NFKC", char)
    return f"write {normal!r}" if normal != char and normal.isascii() and normal.strip() else ""


def _show(char: str) -> str:
    return repr(char) if char.isprintable() else f"U+{ord(char):04X}"
