"""Tokens of a LaTeX formula."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import NamedTuple

from symdl.errors import ParseError
from symdl.expr.language.tokens import MAX_LENGTH
from symdl.expr.tex.characters import GREEK, LOWERED, RAISED, SIGNS, accented, is_prose


class Token(NamedTuple):
    """``kind``: "number", "letter", "command", "word" (a name of several letters), "ones", "prose", "newline", "end", or the symbol itself; ``text``: a
    command without its backslash."""

    kind: str
    text: str
    position: int


_TOKEN = re.compile(
    r"(?P<blank>\s+|~)"
    r"|(?P<newline>\\\\(?:\*?\[[^\]=^_]{0,12}(?:pt|em|ex|mm|cm|in|baselineskip)\])?|\\cr\b)"
    r"|(?P<prose>\\(?:text|mbox|textrm|textit|textnormal|textsf|intertext|shortintertext)\s*\{(?P<said>[^{}]*)\})"
    r"|(?P<command>\\(?:[A-Za-z]+\*?|.))"
    r"|(?P<number>[0-9]+(?:\.[0-9]+)?|\.[0-9]+)"
    r"|(?P<run>[A-Za-z][A-Za-z0-9]{1,40})"
    r"|(?P<letter>[^\W\d_])"
    r"|(?P<symbol>[{}_^+\-*/=()\[\]|,;'&.:!<>])",
    re.DOTALL,
)

#: Commands that say how something looks and not what it is.
_SPACING = (
    ", ; : ! > / hspace thinspace medspace thickspace negthinspace notag nonumber displaystyle textstyle limits nolimits hfill hline mathstrut allowbreak"
)
_SIZING = "left right middle big Big bigg Bigg bigl bigr Bigl Bigr biggl biggr Biggl Biggr bigm"
_LOOKS = frozenset([*_SPACING.split(), *_SIZING.split(), " ", "\n"])

#: Words between formulas, also where they are typed without \text.
_BARE = frozenset(["where", "with", "and", "let", "hence", "thus", "therefore", "then", "since", "otherwise"])
_WORD = re.compile(r"[A-Za-z][A-Za-z0-9]*\Z")
_WORDS = "if for so by else that is using chain rule given when because as we get have or"
_PROSE = _BARE | frozenset(_WORDS.split())


def tokenize(text: str, known: Collection[str] = (), functions: Collection[str] = ()) -> list[Token]:
    """The tokens of a formula, without spaces, sizes of brackets, comments and dollar signs.

    Parameters
    ----------
    known : collection of str
        Declared names: several letters that are one are a word.
    functions : collection of str
        Names of functions that are read without a backslash too.

    Raises
    ------
    ParseError
        When the text is too long or has a character that no formula has.
    """
    if len(text) > MAX_LENGTH:
        raise ParseError(f"the formula has {len(text)} characters: at most {MAX_LENGTH} are read")
    return _without_empty_groups(_without_empty_delimiters(_Scanner(text, known, functions).tokens()))


class _Scanner:
    def __init__(self, text: str, known: Collection[str], functions: Collection[str]) -> None:
        self.text, self.known, self.functions = text, known, functions
        self.found: list[Token] = []
        self.joined = sorted((k for k in known if "_" in k[2:]), key=len, reverse=True)[:200]  # out_h, as it was declared

    def tokens(self) -> list[Token]:
        at = 0
        while at < len(self.text):
            at = self._special(at) or self._ordinary(at)
        return [*self.found, Token("end", "", len(self.text))]

    def add(self, kind: str, piece: str, at: int) -> None:
        self.found.append(Token(kind, piece, at))

    def _special(self, at: int) -> int | None:
        """Comments, and characters beyond ASCII; where they end."""
        character = self.text[at]
        if character == "%":
            return (self.text.find("\n", at) + 1) or len(self.text)
        if character in RAISED or character in LOWERED:
            return self._script(at, RAISED if character in RAISED else LOWERED)
        if character in GREEK:
            name = GREEK[character]
            total = {"Sigma": "sum", "Pi": "prod"}.get(name) if name not in self.known else None
            self.add("command", total or name, at)
            return at + 1
        if character in SIGNS:
            self.add(*SIGNS[character], at)
            return at + 1
        if is_prose(character):
            self.add("prose", character, at)
            return at + 1
        if not (found := accented(self.text, at)):
            return None
        accent, letter, length = found
        self.add("command", accent, at)
        self.add("letter", letter, at)
        return at + length

    def _script(self, at: int, table: dict[str, str]) -> int:
        """Raised or lowered characters, as a script in braces."""
        begin = at
        self.add("^" if table is RAISED else "_", "^" if table is RAISED else "_", at)
        self.add("{", "{", at)
        while at < len(self.text) and self.text[at] in table:
            meant = table[self.text[at]]
            self.add("number" if meant.isdigit() else "letter" if meant.isalpha() else meant, meant, at)
            at += 1
        self.add("}", "}", begin)
        return at

    def _ordinary(self, at: int) -> int:
        match = _TOKEN.match(self.text, at)
        if match is None:
            if self.text[at] != "$":
                raise failure(self.text, at, f"{self.text[at]!r} is not part of a formula")
            self.add("$", "$", at)
            return at + 1
        kind, piece = str(match.lastgroup), match.group()
        if kind == "said":
            kind = "prose"
        if kind == "prose":
            self._said(match, at)
        elif kind == "run":
            return self._run(piece, at)
        elif kind == "command":
            self._command(piece[1:], at)
        elif kind == "symbol":
            self.add(piece, piece, at)
        elif kind != "blank":
            self.add(kind, piece, at)
        return match.end()

    def _said(self, match: re.Match[str], at: int) -> None:
        """What stands in a \\text: a name, or words around formulas, with formulas between dollar signs in them."""
        said = match.group("said")
        word = said.strip()
        if _WORD.match(word) and word.lower() not in _PROSE and not match.group().startswith(("\\inter", "\\short")):
            self.add("word" if len(word) > 1 else "letter", word, at)
            return
        for number, piece in enumerate(said.split("$")):
            if number % 2:
                inner = _Scanner(piece, self.known, self.functions).tokens()[:-1]
                self.found += [t._replace(position=at) for t in inner]
            elif piece.strip():
                self.add("prose", piece.strip(), at)

    def _run(self, piece: str, at: int) -> int:
        """Letters typed together: one name, a function, a word of prose, or letters each on its own."""
        for name in self.joined:
            end = at + len(name)
            if self.text.startswith(name, at) and not (self.text[end : end + 1].isalnum() or self.text[end : end + 1] == "_"):
                self.add("word", name, at)
                return end
        for end in range(len(piece), 1, -1):
            part = piece[:end]
            whole = end == len(piece)
            if part in self.known or (whole and part in self.functions):
                self.add("word", part, at)
                return at + end
            if whole and part.lower() in _BARE:
                self.add("prose", part, at)
                return at + end
        self.add("letter", piece[0], at)
        return at + 1

    def _command(self, name: str, at: int) -> None:
        if name in ("left", "right"):  # \left. has no bracket: the dot goes with it
            self.add("look", name, at)
        elif name in ("quad", "qquad"):
            self.add("quad", name, at)
        elif name in ("{", "}"):
            self.add("(" if name == "{" else ")", name, at)
        elif name in ("[", "]", "(", ")"):
            self.add("$", name, at)
        elif name in ("|", "Vert", "lVert", "rVert"):
            self.add("norm", name, at)
        elif name in ("vert", "lvert", "rvert"):
            self.add("|", name, at)
        elif name == "prime":
            self.add("'", "'", at)
        elif name not in _LOOKS:
            self.add("command", name.rstrip("*"), at)


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


def _without_empty_groups(tokens: list[Token]) -> list[Token]:
    """{} says nothing, unless something stands in front of it that wants a group."""
    out: list[Token] = []
    for token in tokens:
        if token.kind == "}" and out and out[-1].kind == "{" and (len(out) < 2 or out[-2].kind not in ("_", "^", "command", "}")):
            out.pop()
        else:
            out.append(token)
    return out


def failure(text: str, position: int, message: str) -> ParseError:
    """The error at a place of the formula: one line."""
    before, after = text[max(0, position - 20) : position], text[position : position + 20]
    return ParseError(f"{message}, at {' '.join((before + '>>>' + after).split())!r}")
