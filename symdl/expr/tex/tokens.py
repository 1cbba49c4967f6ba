"""Tokens of a LaTeX formula."""

from __future__ import annotations

import re
from typing import NamedTuple

from symdl.errors import ParseError
from symdl.expr.tokens import MAX_LENGTH


class Token(NamedTuple):
    """``kind``: "number", "letter", "command", "newline", "end", or the symbol itself; ``text``: a command without its backslash."""

    kind: str
    text: str
    position: int


_TOKEN = re.compile(
    r"(?P<blank>\s+|~|%[^\n]*)"
    r"|(?P<newline>\\\\(?:\[[^\]]*\])?)"
    r"|(?P<command>\\(?:[A-Za-z]+\*?|.))"
    r"|(?P<number>[0-9]+(?:\.[0-9]+)?|\.[0-9]+)"
    r"|(?P<letter>[^\W\d_])"
    r"|(?P<symbol>[{}_^+\-*/=()\[\]|,'&.:!<>])",
    re.DOTALL,
)

#: Commands that say how something looks and not what it is.
_SPACING = ", ; : ! / quad qquad hspace thinspace medspace thickspace negthinspace notag nonumber displaystyle textstyle limits nolimits"
_SIZING = "left right middle big Big bigg Bigg bigl bigr Bigl Bigr biggl biggr"
_LOOKS = frozenset([*_SPACING.split(), *_SIZING.split(), " "])

#: Characters that are commands when typed in LaTeX.
_UNICODE = {
    "−": ("-", "-"),
    "–": ("-", "-"),
    "′": ("'", "'"),
    "·": ("command", "cdot"),
    "×": ("command", "times"),
    "⊙": ("command", "odot"),
    "∘": ("command", "circ"),
    "⊤": ("command", "top"),
    "∂": ("command", "partial"),
    "∇": ("command", "nabla"),
    "∑": ("command", "sum"),
}

_GREEK_LETTERS = "αβγδεζηθικλμνξπρστυφχψωΓΔΘΛΞΠΣΦΨΩ"
_GREEK_NAMES = (
    "alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi pi rho sigma tau upsilon phi chi psi omega "
    "Gamma Delta Theta Lambda Xi Pi Sigma Phi Psi Omega"
)
_GREEK = dict(zip(_GREEK_LETTERS, _GREEK_NAMES.split(), strict=True))


def tokenize(text: str) -> list[Token]:
    """The tokens of a formula, without spaces, sizes of brackets and dollar signs.

    Raises
    ------
    ParseError
        When the text is too long or has a character that no formula has.
    """
    if len(text) > MAX_LENGTH:
        raise ParseError(f"the formula has {len(text)} characters: at most {MAX_LENGTH} are read")
    found: list[Token] = []
    at = 0
    while at < len(text):
        match = _TOKEN.match(text, at)
        if match is None:
            found += _other(text, at)
            at += 1
            continue
        kind, piece = str(match.lastgroup), match.group()
        if kind == "command":
            found += _command(piece[1:], at, text)
        elif kind == "letter" and piece in _GREEK:
            found.append(Token("command", _GREEK[piece], at))
        elif kind == "symbol":
            found.append(Token(piece, piece, at))
        elif kind != "blank":
            found.append(Token(kind, piece, at))
        at = match.end()
    found.append(Token("end", "", len(text)))
    return _without_empty_delimiters(found)


def _command(name: str, at: int, text: str) -> list[Token]:
    if name in _LOOKS:
        # \left. has no bracket: the dot goes with it.
        return [Token("look", name, at)] if name in ("left", "right") else []
    if name in ("{", "}"):
        return [Token("(" if name == "{" else ")", name, at)]
    if name in ("[", "]", "(", ")"):
        return []
    if name == "|" or name in ("Vert", "lVert", "rVert"):
        return [Token("norm", name, at)]
    if name in ("vert", "lvert", "rvert"):
        return [Token("|", name, at)]
    if name in ("prime",):
        return [Token("'", "'", at)]
    return [Token("command", name.rstrip("*"), at)]


def _other(text: str, at: int) -> list[Token]:
    character = text[at]
    if character == "$":
        return []
    if character in _UNICODE:
        kind, word = _UNICODE[character]
        return [Token(kind, word, at)]
    raise failure(text, at, f"{character!r} is not part of a formula")


def _without_empty_delimiters(tokens: list[Token]) -> list[Token]:
    out: list[Token] = []
    skip = False
    for token, following in zip(tokens, [*tokens[1:], tokens[-1]], strict=True):
        if skip:
            skip = False
            continue
        if token.kind == "look":
            skip = following.kind == "."
            continue
        out.append(token)
    return out


def failure(text: str, position: int, message: str) -> ParseError:
    """The error at a place of the formula: one line."""
    before, after = text[max(0, position - 20) : position], text[position : position + 20]
    return ParseError(f"{message}, at {' '.join((before + '>>>' + after).split())!r}")
