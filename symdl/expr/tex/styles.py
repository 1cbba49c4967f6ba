"""Styles, labels and decorations: what they change is how a formula looks, so they go before it is read."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from symdl.expr.tex.tokens import Token

#: Styles of letters: what stands in their braces is meant.
_BOLD_NAMES = "mathbf boldsymbol bm vec symbf mathbb mathcal mathscr mathfrak mathds bf cal it pmb underline boxed cancel ensuremath mathrel mathbin"
_BOLD = frozenset(_BOLD_NAMES.split())
#: Styles of words: several letters in their braces are one name.
_ROMAN_NAMES = "mathrm operatorname mathit mathsf mathtt mathop text textbf textrm textit texttt textsf rm sf mbox"
_ROMAN = frozenset(_ROMAN_NAMES.split())
#: Commands that say nothing, with the number of their arguments.
_SILENT = {
    "label": 1,
    "tag": 1,
    "eqref": 1,
    "ref": 1,
    "cite": 1,
    "hspace": 1,
    "vspace": 1,
    "phantom": 1,
    "vphantom": 1,
    "hphantom": 1,
    "color": 1,
    "footnote": 1,
}
#: A first argument that only decorates the second.
_DECORATED = frozenset(["overset", "underset", "stackrel", "textcolor", "colorbox"])
#: Commands with a decoration in a script behind them.
_BRACED = frozenset(["underbrace", "overbrace"])


def plain(tokens: Sequence[Token], known: Collection[str], functions: Collection[str]) -> list[Token]:
    """The tokens without styles: ``\\mathbf{w}`` is w, ``\\operatorname{tr}`` and ``\\mathrm{RSS}`` are words, ``\\mathbf{1}`` is the ones.

    ``known`` and ``functions`` are names that are words in whatever style they stand.
    """
    return _Plainer(list(tokens), {*known, *functions}).run()


class _Plainer:
    def __init__(self, tokens: list[Token], names: set[str]) -> None:
        self.tokens, self.names = tokens, names
        self.out: list[Token] = []
        self.at = 0

    def run(self) -> list[Token]:
        while self.at < len(self.tokens):
            token = self.tokens[self.at]
            self.at += 1
            if token.kind != "command":
                self.out.append(token)
            elif token.text in _SILENT:
                for _ in range(_SILENT[token.text]):
                    self._skip_group()
            elif token.text in _DECORATED:
                self._skip_group()
                self._unwrap()
            elif token.text in _BRACED:
                self._braced()
            elif token.text in _BOLD or token.text in _ROMAN:
                self._styled(token)
            else:
                self.out.append(token)
        return self.out

    def _group(self) -> tuple[int, int]:
        """Where the next group's contents begin and end; one token when there are no braces."""
        if self.at >= len(self.tokens) - 1:
            return self.at, self.at
        if self.tokens[self.at].kind != "{":
            return self.at, self.at + 1
        depth = 0
        for place in range(self.at, len(self.tokens)):
            depth += (self.tokens[place].kind == "{") - (self.tokens[place].kind == "}")
            if not depth:
                return self.at + 1, place
        return self.at, self.at

    def _after(self, begin: int, end: int) -> int:
        return end + (begin > self.at)

    def _skip_group(self) -> None:
        begin, end = self._group()
        self.at = self._after(begin, end)

    def _unwrap(self) -> None:
        """A group without its braces, when there is one token in it (an equals sign); else as it stands."""
        begin, end = self._group()
        if end - begin == 1 and begin > self.at:
            self.tokens[self.at : end + 1] = self.tokens[begin:end]

    def _braced(self) -> None:
        """\\underbrace{...}_{said}: the script says what it is."""
        begin, end = self._group()
        after = self._after(begin, end)
        if self.tokens[min(after, len(self.tokens) - 1)].kind in ("_", "^"):
            here, self.at = self.at, after + 1
            self._skip_group()
            del self.tokens[after : self.at]
            self.at = here

    def _styled(self, token: Token) -> None:
        begin, end = self._group()
        inside = self.tokens[begin:end]
        word = "".join(t.text for t in inside)
        simple = all(t.kind in ("letter", "word", "number") for t in inside) and inside
        if word == "1" and token.text in _BOLD:
            self._put(Token("ones", "1", token.position), begin, end)
        elif simple and len(word) > 1 and not word.isdigit() and (token.text in _ROMAN or word in self.names):
            self._put(Token("word", word, token.position), begin, end)
        elif len(inside) == 1:
            self._put(inside[0], begin, end)
        # anything else keeps its braces, and is read as it stands

    def _put(self, token: Token, begin: int, end: int) -> None:
        """One token instead of a group; it is looked at again, since styles are nested."""
        self.tokens[self.at : self._after(begin, end)] = [token]
