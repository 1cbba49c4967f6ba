"""A text in LaTeX, cut into rows, equations and their sides before any of them is read: so that what cannot be read is named, and the rest still checked."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field

from symdl.expr.tex.styles import plain
from symdl.expr.tex.tokens import Token, failure, tokenize
from symdl.expr.tex.tree import ARROWS, EQUALS, FUNCTIONS, OTHERS

#: Environments whose rows and ampersands are their own.
INNER = frozenset(["cases", "dcases", "rcases", "pmatrix", "bmatrix", "matrix", "vmatrix", "Vmatrix", "Bmatrix", "smallmatrix", "array"])
_OPEN, _CLOSE = frozenset("([{"), frozenset(")]}")
_SIGNS = frozenset(["+", "-", "*", "/"])
_SIGN_COMMANDS = frozenset(["cdot", "times", "odot", "circ", "ast", "otimes", "oslash"])


@dataclass
class Equation:
    """Sides with equality signs between them; ``continues``: it begins with one, so that its first side follows from what stands before."""

    sides: list[list[Token]] = field(default_factory=list)
    continues: bool = False
    row: int = 0
    relation: str = ""  # one that is no equality, if there is one


def equations(text: str, known: Collection[str]) -> list[Equation]:
    """The equations of a text without prose (``formulas``), in order, with the rows on which they stand, counted from 1 as people count formulas.

    Raises
    ------
    ParseError
        When a character is none of a formula.
    """
    tokens = plain(tokenize(text, known, FUNCTIONS), known, FUNCTIONS)
    found = _Cutter(text, tokens).run()
    return [e for e in found if e.sides]


# --- prose around formulas ----------------------------------------------------------------------------------------------

_DISPLAYS = "equation align alignat flalign gather multline eqnarray displaymath math"
_MATH = re.compile(
    r"\$\$(?P<a>.+?)\$\$|(?<!\\)\$(?P<b>[^$]+?)\$|\\\[(?P<c>.+?)\\\]|\\\((?P<d>.+?)\\\)"
    r"|(?P<e>\\begin\{(?P<name>" + "|".join(_DISPLAYS.split()) + r")\*?\}.*?\\end\{(?P=name)\*?\})",
    re.DOTALL,
)
#: The fences of code in Markdown.
_FENCE = re.compile(r"^\s*```[a-z]*\s*$", re.MULTILINE)
#: What formulas have and prose has not.
_MATHY = re.compile(r"[=^_{}]|\\[A-Za-z]|[-+*/|]\s*\Z|\A\s*[-+*/|(]")


def formulas(text: str) -> tuple[str, int]:
    """The text without the prose around its formulas, lines that are formulas of their own set apart; and how many rows are sentences before the first."""
    if len(text) > 20_000:  # refused by the tokens anyway
        return text, 0
    text = _FENCE.sub("", text)
    pieces, at, cut = [], 0, False
    for match in _MATH.finditer(text):
        between = text[at : match.start()]
        if _MATHY.search(between):
            return _lined(text), 0
        cut |= bool(between.strip())
        shown = match.group("e") or next(match.group(k) for k in "abcd" if match.group(k) is not None)
        display = match.group("e") or match.group("a") or match.group("c")
        pieces.append((between, shown, bool(display)))
        at = match.end()
    rest = text[at:]
    if not pieces or (_MATHY.search(rest) and rest.strip()):
        return _lined(text), 0
    out, before = "", 0
    for number, (between, shown, display) in enumerate(pieces):
        if display and not any(d for _, _, d in pieces[:number]):
            before = out.count(r"\\ ") + bool(out)
        joined = not between.strip() and out and not display
        out += (" " if joined else r" \\ " if out and (display or "." in between or "\n\n" in between) else r" \text{,~} " if out else "") + shown
    return out, before


def _lined(text: str) -> str:
    """Lines that are typed as lines, without any \\\\, each an equation or the continuation of one."""
    if "\\\\" in text or "\\begin" in text or "\n" not in text.strip():
        return text
    lines = [line for line in text.strip().splitlines() if line.strip()]
    whole = all(line.count("{") == line.count("}") and line.count("(") == line.count(")") for line in lines)
    return r" \\ ".join(lines) if whole and all("=" in line for line in lines) else text


# --- rows, equations, sides ---------------------------------------------------------------------------------------------


class _Cutter:
    def __init__(self, text: str, tokens: Sequence[Token]) -> None:
        self.text, self.tokens = text, tokens
        self.found: list[Equation] = []
        self.now = Equation(row=1)
        self.side: list[Token] = []
        self.row, self.used = 1, False

    def run(self) -> list[Equation]:
        depth, inner, at = 0, 0, 0
        while at < len(self.tokens):
            token = self.tokens[at]
            if token.kind == "command" and token.text in ("begin", "end"):
                name, at = self._environment(at)
                if (name in INNER and name != "array") or (name == "array" and inner + (token.text == "begin") and self._inside_brackets(depth)):
                    inner += 1 if token.text == "begin" else -1
                    self.side += [Token(token.text, name, token.position)]
                continue
            at += 1
            depth += (token.kind in _OPEN) - (token.kind in _CLOSE)
            if inner > 0 or depth > 0:
                self._keep(token, inner)
            else:
                depth = max(depth, 0)
                self._cut(token, at)
        self._end_equation()
        return self.found

    def _inside_brackets(self, depth: int) -> bool:
        return depth > 0

    def _environment(self, at: int) -> tuple[str, int]:
        """The name in the braces behind \\begin or \\end, and where they end; \\begin{array}{rcl}, \\begin{alignat}{2} have one more group."""
        name, place = self._braces(at + 1)
        name = name.rstrip("*")
        while name in ("array", "alignat", "alignedat") and place < len(self.tokens) and self.tokens[place].kind == "{":
            _, place = self._braces(place)
        option = [t.kind for t in self.tokens[place : place + 3]]
        if self.tokens[at].text == "begin" and option[:1] == ["["] and option[2:] == ["]"]:  # \begin{aligned}[t]
            place += 3
        return name, place

    def _braces(self, at: int) -> tuple[str, int]:
        if at >= len(self.tokens) or self.tokens[at].kind != "{":
            return "", at
        end = at
        while end < len(self.tokens) and self.tokens[end].kind != "}":
            end += 1
        return "".join(t.text for t in self.tokens[at + 1 : end]), end + 1

    def _keep(self, token: Token, inner: int) -> None:
        """Within brackets: rows, ampersands and prose are kept only for cases and matrices."""
        if token.kind == "$" or (not inner and token.kind in ("newline", "&", "quad")):
            return
        self.side.append(token)

    def _cut(self, token: Token, after: int) -> None:
        if token.kind == "newline":
            self._end_row(after)
        elif token.kind == "=" or (token.kind == "command" and token.text in EQUALS) or (token.kind == ":" and self._at(after).kind == "="):
            if token.kind != ":":
                self._equal()
        elif token.kind in ("prose", ";", "end", ",", "."):
            if token.kind == ";" and not self._equation_follows(after):
                raise failure(self.text, token.position, "';' is not part of a formula")
            self._end_equation()
        elif token.kind == "command" and token.text in ARROWS:
            self._end_equation()
        elif token.kind in ("<", ">") or (token.kind == "command" and token.text in OTHERS):
            self.now.relation = self.now.relation or token.text
            self._equal()
        elif token.kind not in ("&", "$", "quad", "!", ":"):
            self.side.append(token)

    def _equation_follows(self, place: int) -> bool:
        """Whether an equality sign, or nothing, stands before the next break."""
        while self._at(place).kind not in ("newline", "end", ";", "prose", "="):
            place += 1
        return self._at(place).kind != ";" and (self._at(place).kind == "=" or self._at(place - 1).kind == ";")

    def _at(self, place: int) -> Token:
        return self.tokens[min(place, len(self.tokens) - 1)]

    def _equal(self) -> None:
        if self.side:
            self.now.sides.append(self.side)
        elif not self.now.sides:
            self.now.continues = True
        self.side = []
        self.used = True

    def _end_equation(self) -> None:
        if self.side:
            self.now.sides.append(self.side)
            self.used = True
        if self.now.sides:
            self.found.append(self.now)
        self.now, self.side = Equation(row=self.row), []

    def _end_row(self, after: int) -> None:
        """A new row, unless the formula goes on: this one ends with a sign, or the next begins with one and has no equality sign."""
        if self.side and (self._is_sign(self.side[-1]) or self._goes_on(after)):
            return
        if not self.side and self.now.sides and self._ends_with_equality(after):
            return
        self._end_equation()
        if self.used:
            self.row += 1
        self.used = False
        self.now = Equation(row=self.row)

    @staticmethod
    def _is_sign(token: Token) -> bool:
        return token.kind in _SIGNS or (token.kind == "command" and token.text in _SIGN_COMMANDS)

    def _ends_with_equality(self, after: int) -> bool:
        """The row ended with "=", and the next one does not begin with another."""
        place = after
        while self._at(place).kind in ("&", "quad"):
            place += 1
        return self._at(place).kind not in ("=", "end")

    def _goes_on(self, after: int) -> bool:
        place = after
        while self._at(place).kind in ("&", "quad", "$"):
            place += 1
        if not self._is_sign(self._at(place)):
            return False
        depth = 0
        while self._at(place).kind not in ("newline", "end"):
            token = self._at(place)
            depth += (token.kind in _OPEN) - (token.kind in _CLOSE)
            if depth <= 0 and token.kind == "=":
                return False
            place += 1
        return True
