"""Cases and matrices: rows and cells."""

from __future__ import annotations

from symdl.expr.tex.derivatives import Derivatives
from symdl.expr.tex.tokens import Token
from symdl.expr.tex.tree import Tex


class Environments(Derivatives):
    def environment(self, token: Token) -> Tex:
        """The cells of cases, or of a matrix, row by row."""
        rows: list[list[Tex]] = [[]]
        self.deeper()
        while self.token.kind != "end" or self.token.text != token.text:
            kind = self.token.kind
            if kind == "end" and not self.token.text:
                raise self.fail(rf"an \end{{{token.text}}} is missing", token.position)
            if kind == "newline":
                rows.append([])
            elif kind == "prose" and self.token.text.strip(" ,.").lower() in ("otherwise", "else", "其他", "其它"):
                rows[-1].append(Tex("otherwise", (), self.token.position))
            if kind in ("newline", "&", "prose", ",", ".", ";", "quad"):
                self.take()
                continue
            rows[-1].append(self.related())
        self.take()
        self.depth -= 1
        made = tuple(tuple(row) for row in rows if row)
        return Tex("cases" if "cases" in token.text else "matrix", made, token.position)
