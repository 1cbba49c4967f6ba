"""How derivatives are written: fractions of partials, nabla, d, operators with an index; and scripts behind names."""

from __future__ import annotations

from fractions import Fraction

from symdl.errors import ParseError
from symdl.expr.tex.cursor import Cursor
from symdl.expr.tex.tokens import Token
from symdl.expr.tex.tree import HADAMARD, Tex

_TRANSPOSED = frozenset(["T", "top", "intercal", "prime", "mathsfT", "mathrmT", "rmT", "t", "tr", "mathsf", "dagger"])


class Derivatives(Cursor):
    # --- scripts ---------------------------------------------------------------------------------------------

    def scripts(self, base: Tex) -> Tex:
        """Indices, powers and primes behind a base. A layer or a sample in brackets belongs to the name, wherever it stands."""
        found: list[Tex] = []
        while self.token.kind in ("_", "^", "'"):
            mark = self.take()
            if mark.kind == "'":
                found.append(Tex("prime", (base,), mark.position))
            elif mark.kind == "_":
                found.append(Tex("index", (base, tuple(self.group_tokens())), mark.position))
            else:
                found += self._raised(base, mark.position)
        layers = [s for s in found if s.what == "layer"]
        for script in [*layers, *[s for s in found if s.what != "layer"]]:
            base = Tex(script.what, (base, *script.parts[1:]), script.position)
        return base

    def _raised(self, base: Tex, position: int) -> list[Tex]:
        """What a superscript says: a transpose, a layer or sample in brackets, both, or a power."""
        start, saved = self.at, self.tokens[:]
        tokens = self.group_tokens()
        words = "".join(t.text for t in tokens)
        small = words == "t" and tokens[0].kind == "letter"
        if words in _TRANSPOSED and not small:
            return [Tex("transpose", (base,), position)]
        if words.startswith("-") and words[1:] in _TRANSPOSED:
            minus = Tex("number", (Fraction(-1),), position)
            return [Tex("power", (base, minus), position), Tex("transpose", (base,), position)]
        if words in ("-1T", "-1top"):
            minus = Tex("number", (Fraction(-1),), position)
            return [Tex("power", (base, minus), position), Tex("transpose", (base,), position)]
        if tokens and tokens[0].kind == "command" and tokens[0].text in HADAMARD and len(tokens) > 1:
            self.at, self.tokens = start + 2, saved
            inside = self.expression()
            self.expect("}")
            return [Tex("elementwise-power", (base, inside), position)]
        layer, rest = _layer(tokens)
        if layer and (not rest or rest in _TRANSPOSED):
            made = Tex("layer", (base, layer), position)
            return [made, Tex("transpose", (base,), position)] if rest else [made]
        if words and set(words) <= {"'"}:
            return [Tex("prime", (base,), position)] * len(words)
        self.at, self.tokens = start, saved
        return [Tex("power", (base, self.group()), position)]

    def _is_prime(self) -> bool:
        start, saved = self.at, self.tokens[:]
        words = "".join(t.text for t in self.group_tokens())
        if words == "'":
            return True
        self.at, self.tokens = start, saved
        return False

    # --- derivatives -----------------------------------------------------------------------------------------

    def fraction(self, token: Token) -> Tex:
        if not self._is_derivative():
            return Tex("quotient", (self.group(), self.group()), token.position)
        above, below = self.group_tokens(keep=True), self.group_tokens(keep=True)
        of, order = self._above(above, token)
        by = self._below(below, order, token)
        return Tex("partial", (of if of is not None else self._operand(), by, order), token.position)

    def _is_derivative(self) -> bool:
        """Whether both parts of the fraction begin with a partial sign, or with d."""
        start, saved = self.at, self.tokens[:]
        try:
            above, below = self.group_tokens(), self.group_tokens()
        except ParseError:
            return False
        finally:
            self.at, self.tokens = start, saved
        return bool(above and below and _is_d(above[0]) and _is_d(below[0]) and (len(below) > 1))

    def _above(self, tokens: list[Token], token: Token) -> tuple[Tex | None, int]:
        order, rest = 1, tokens[1:]
        if rest and rest[0].kind == "^":
            digits = "".join(t.text for t in rest[1 : 4 if rest[1].kind == "{" else 2] if t.kind == "number")
            if not digits.isdigit() or not 1 <= int(digits) <= 4:
                raise self.fail("the order of a derivative is a number from 1 to 4", token.position)
            order, rest = int(digits), rest[4 if rest[1].kind == "{" else 2 :]
        try:
            return (self.sub(rest) if rest else None), order
        except ParseError:
            return Tex("unread", (), token.position), order

    def _below(self, tokens: list[Token], order: int, token: Token) -> tuple[Tex, ...]:
        pieces: list[list[Token]] = []
        depth = 0
        for k, one in enumerate(tokens):
            depth += (one.kind in "{([") - (one.kind in "})]")
            before = tokens[k - 1].kind if k else ""
            if depth == 0 and _is_d(one) and before not in ("_", "^") and k + 1 < len(tokens) and tokens[k + 1].kind not in ("_", "^"):
                pieces.append([])
            elif pieces:
                pieces[-1].append(one)
        found: list[Tex] = []
        for piece in pieces:
            if not piece:
                raise self.fail("a derivative by nothing", token.position)
            tree = self.sub(piece)
            times = 1
            if order > 1 and tree.what == "power" and tree.parts[1].what == "number" and tree.parts[1].parts[0] == order and len(pieces) == 1:
                tree, times = tree.parts[0], order
            found += [tree] * times
        if len(found) != order:
            raise self.fail(f"a derivative of order {order}, by {len(found)}", token.position)
        return tuple(found)

    def operator(self, token: Token) -> Tex:
        """\\nabla_w C, \\nabla^2 f, \\partial_w C, \\partial C / \\partial w."""
        order, operated = 1, False
        below: tuple[Tex, ...] = ()
        while self.token.kind in ("_", "^") or (self.token.kind == "command" and self.token.text == "nabla"):
            mark = self.take()
            if mark.kind == "_":
                below = tuple(t for t in self._listed_names(self.group_tokens(keep=True)))
                operated = True
            elif mark.kind == "^":
                words = "".join(t.text for t in self.group_tokens())
                if words not in ("2", "T", "top"):
                    raise self.fail(f"\\{token.text}^{words} is not read here", token.position)
                order = 2 if words == "2" else order
            else:
                order += 1
        if token.text == "partial" and not operated:
            return self._slashed(token)
        if len(below) == 1:
            below = below * order
        return Tex("partial", (self._operand(), below, max(order, len(below))), token.position)

    def _listed_names(self, tokens: list[Token]) -> list[Tex]:
        tree = self.sub(tokens) if tokens else None
        if tree is None:
            return []
        if tree.what == "product" and len(tree.parts) == 2 and tree.parts[0].what == tree.parts[1].what == "symbol":
            return list(tree.parts)  # \nabla^2_{xx}
        return list(tree.parts) if tree.what == "list" else [tree]

    def _slashed(self, token: Token) -> Tex:
        """\\partial C / \\partial w_j."""
        of = None if self.token.kind == "/" else self.applied(self.factor())
        if self.token.kind != "/":
            raise self.fail("a partial sign belongs to \\frac{\\partial C}{\\partial w} or \\partial C / \\partial w", token.position)
        self.take()
        if not _is_d(self.token):
            raise self.fail("a partial sign is missing below", token.position)
        self.take()
        by = self.factor()
        return Tex("partial", (of if of is not None else self._operand(), (by,), 1), token.position)

    def differential(self, token: Token) -> Tex | None:
        """dC/dw, when that is what the letter d begins."""
        if token.text != "d" or self.token.kind not in ("letter", "command", "word") or "d" in self.known:
            return None
        start, saved, level, depth = self.at, self.tokens[:], self.level, self.depth
        if level > 20:
            return None
        try:
            of = self.applied(self.factor())
            if self.token.kind == "/":
                self.take()
                if _is_d(self.token):
                    self.take()
                    return Tex("partial", (of, (self.factor(),), 1), token.position)
        except ParseError:
            self.bars = []
        self.at, self.tokens, self.level, self.depth = start, saved, level, depth
        return None

    def _operand(self) -> Tex | None:
        """What an operator is applied to: a name with its arguments, or the product that follows a number, a norm, a sum."""
        if self._product_ends():
            return None
        start, saved, depth, level = self.at, self.tokens[:], self.depth, self.level
        try:
            return self._operated(start, saved)
        except ParseError:
            if depth > 1:
                raise
        self.depth, self.level, self.bars = depth, level, []
        # ln p(X | mu) and the like: whatever it is, it is what is differentiated.
        self.at = len(self.tokens) - 1
        return Tex("unread", (), saved[start].position)

    def _operated(self, start: int, saved: list[Token]) -> Tex:
        first = self.factor()
        if first.what == "group":
            return first
        named = first
        while named.what in ("index", "layer", "power", "prime", "transpose"):
            named = named.parts[0]
        if named.what == "symbol":
            return self.applied(first)
        if first.what == "partial":
            return first
        self.at, self.tokens = start, saved
        return self.product()

    def applied(self, first: Tex) -> Tex:
        """A name, with the arguments in brackets behind it."""
        if self.token.kind in ("(", "[") and first.what != "group":
            return Tex("product", (first, self.base()), first.position)
        return first


def _is_d(token: Token) -> bool:
    return (
        (token.kind == "command" and token.text == "dd")
        or (token.kind == "command" and token.text == "partial")
        or (token.kind == "letter" and token.text == "d")
    )


def _layer(tokens: list[Token]) -> tuple[str, str]:
    """(2) or [2] at the beginning of a superscript, and what stands behind it."""
    if len(tokens) < 3 or tokens[0].kind not in ("(", "["):
        return "", ""
    closing = ")" if tokens[0].kind == "(" else "]"
    end = next((k for k, t in enumerate(tokens) if t.kind == closing), 0)
    inner = tokens[1:end]
    if not inner or any(t.kind not in ("letter", "number", "word", "+", "-") for t in inner):
        return "", ""
    return "".join(t.text for t in inner), "".join(t.text for t in tokens[end + 1 :])
