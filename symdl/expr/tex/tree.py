"""From tokens to a tree: what is written, before anybody asks what the names mean."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from symdl.expr.tex.tokens import Token, failure, tokenize

#: Deepest nesting of brackets and groups.
MAX_DEPTH = 50
#: Longest number, in digits.
MAX_DIGITS = 60


@dataclass(frozen=True)
class Tex:
    """A part of a formula. ``what``: number, symbol, sum, product, hadamard, quotient, hadamard-quotient, negative, power, index, call, norm, abs, total,
    partial, nabla."""

    what: str
    parts: tuple[Any, ...]
    position: int


#: Functions that are called by their own names.
_SAME = "exp log sin cos tan arctan sinh cosh tanh det diag softmax sigmoid sign relu softplus logsumexp erf mean max gelu silu logdet step"
_ALSO = {"ln": "log", "tr": "trace", "Tr": "trace", "trace": "trace", "sgn": "sign", "ReLU": "relu", "lse": "logsumexp", "LSE": "logsumexp"}
#: Commands that are functions, and what they are called in the language of symdl.
FUNCTIONS = {**{name: name for name in _SAME.split()}, **_ALSO, "GELU": "gelu", "SiLU": "silu"}

#: Styles: what stands in their braces is meant.
_STYLE_NAMES = "mathbf mathrm boldsymbol bm vec mathit mathsf mathcal mathbb text textbf textrm operatorname mathop symbf underline"
_STYLES = frozenset(_STYLE_NAMES.split())
_ACCENTS = frozenset(["hat", "bar", "tilde", "dot", "widehat", "widetilde", "overline"])
_TIMES = frozenset(["cdot", "times", "ast"])
_HADAMARD = frozenset(["odot", "circ"])
_QUOTIENT = frozenset(["oslash", "div"])
#: Where a product ends.
_STOPS = frozenset(["+", "-", "=", ")", "]", "}", ",", "&", "newline", "end", ":"])


def trees(text: str) -> list[list[list[Tex]]]:
    """The lines of a formula (of an ``align``), each the sides of its equations: ``[[C], [a, b]]`` for "C" and "a = b".

    Raises
    ------
    ParseError
        When the text is no formula.
    """
    return _Parser(text).lines()


class _Parser:
    def __init__(self, text: str) -> None:
        self.text = text
        self.tokens = tokenize(text)
        self.at = 0
        self.depth = 0
        self.bars: list[str] = []  # open | and norms: the next such bar closes

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

    # --- lines and equations ---------------------------------------------------------------------------------

    def lines(self) -> list[list[list[Tex]]]:
        found: list[list[list[Tex]]] = []
        sides: list[list[Tex]] = []
        while self.token.kind != "end":
            if self.token.kind == "command" and self.token.text in ("begin", "end", "label", "tag"):
                self.take()
                self._word()
                continue
            if self.token.kind in ("&", ",", ".", "!"):
                self.take()
                continue
            if self.token.kind == "newline":
                self.take()
                if sides:
                    found.append(sides)
                sides = []
                continue
            if self.token.kind == "=" or (self.token.kind == "command" and self.token.text in ("equiv", "Rightarrow", "implies", "to")):
                self.take()
                continue
            sides.append([self.expression()])
        if sides:
            found.append(sides)
        if not found:
            raise self.fail("the formula is empty")
        return found

    def _word(self) -> str:
        """The letters in braces."""
        self.expect("{")
        out = ""
        while self.token.kind not in ("}", "end"):
            out += self.take().text
        self.expect("}")
        return out

    # --- sums and products -----------------------------------------------------------------------------------

    def expression(self) -> Tex:
        self.depth += 1
        if self.depth > MAX_DEPTH:
            raise self.fail("the formula is nested too deeply")
        position = self.token.position
        terms = [self._signed()]
        while self.token.kind in ("+", "-"):
            terms.append(self._signed())
        self.depth -= 1
        return terms[0] if len(terms) == 1 else Tex("sum", tuple(terms), position)

    def _signed(self) -> Tex:
        position, negative = self.token.position, False
        while self.token.kind in ("+", "-"):
            negative ^= self.take().kind == "-"
        term = self.term()
        return Tex("negative", (term,), position) if negative else term

    def term(self) -> Tex:
        """Products with the elementwise product between them, which binds less than a product without a sign."""
        left = self.product()
        while self.token.kind == "command" and self.token.text in _HADAMARD | _QUOTIENT:
            sign = self.take()
            right = self.product()
            left = Tex("hadamard" if sign.text in _HADAMARD else "hadamard-quotient", (left, right), sign.position)
        return left

    def product(self) -> Tex:
        position = self.token.position
        factors = [self.factor()]
        while not self._product_ends():
            if self.token.kind == "/":
                self.take()
                factors[-1] = Tex("quotient", (factors[-1], self.factor()), position)
                continue
            if self.token.kind == "*" or (self.token.kind == "command" and self.token.text in _TIMES):
                self.take()
            factors.append(self.factor())
        return factors[0] if len(factors) == 1 else Tex("product", tuple(factors), position)

    def _product_ends(self) -> bool:
        token = self.token
        if token.kind in _STOPS or (token.kind in ("|", "norm") and self.bars and self.bars[-1] == token.kind):
            return True
        return token.kind == "command" and (
            token.text in _HADAMARD | _QUOTIENT or token.text in ("end", "equiv", "Rightarrow", "implies", "to", "tag", "label")
        )

    # --- factors ---------------------------------------------------------------------------------------------

    def factor(self) -> Tex:
        return self._scripts(self._base())

    def _scripts(self, base: Tex) -> Tex:
        """Indices, powers and primes behind a base."""
        while self.token.kind in ("_", "^", "'"):
            mark = self.take()
            if mark.kind == "'":
                base = Tex("prime", (base,), mark.position)
            elif mark.kind == "_":
                base = Tex("index", (base, tuple(self._group_tokens())), mark.position)
            else:
                base = self._power(base, mark.position)
        return base

    def _power(self, base: Tex, position: int) -> Tex:
        start = self.at
        tokens = self._group_tokens()
        words = "".join(t.text for t in tokens)
        if words in ("T", "top", "intercal", "prime", "mathsfT", "mathrmT", "t", "rmT") and not (words == "t" and tokens[0].kind == "letter"):
            return Tex("transpose", (base,), position)
        if words in ("-T", "-top", "-mathsfT"):
            return Tex("transpose", (Tex("power", (base, Tex("number", (Fraction(-1),), position)), position),), position)
        if tokens and tokens[0].kind == "command" and tokens[0].text in _HADAMARD:
            self.at = start + 2
            inside = self.expression()
            self.expect("}")
            return Tex("elementwise-power", (base, inside), position)
        for ending in ("top", "T"):
            if words.endswith(")" + ending):
                return Tex("transpose", (Tex("layer", (base, words[1 : -1 - len(ending)]), position),), position)
        layer = words[1:-1] if words[:1] == "(" and words[-1:] == ")" else ""
        if layer.isdigit() or (layer.isalpha() and layer not in FUNCTIONS):
            return Tex("layer", (base, layer), position)
        self.at = start
        return Tex("power", (base, self._group()), position)

    def _group_tokens(self) -> list[Token]:
        """The tokens of a group in braces, or one token."""
        if self.token.kind != "{":
            if self.token.kind in ("end", "newline", "}"):
                raise self.fail("something is missing behind _ or ^")
            return [self.take()]
        self.take()
        depth = 1
        found: list[Token] = []
        while True:
            token = self.take()
            if token.kind == "end":
                raise self.fail("a '}' is missing", token.position)
            depth += (token.kind == "{") - (token.kind == "}")
            if not depth:
                return found
            if token.kind not in ("{", "}"):
                found.append(token)

    def _group(self) -> Tex:
        """An expression in braces, or one token's."""
        if self.token.kind == "{":
            self.take()
            inside = self.expression()
            self.expect("}")
            return inside
        if self.token.kind in ("+", "-"):
            return self._signed()
        token = self.token
        if token.kind == "number" and len(token.text) > 1:  # \frac12 is one half
            self.tokens[self.at] = Token("number", token.text[1:], token.position + 1)
            return Tex("number", (Fraction(token.text[0]),), token.position)
        return self._base()

    def _base(self) -> Tex:
        token = self.take()
        if token.kind == "number":
            if len(token.text) > MAX_DIGITS:
                raise self.fail("the number has too many digits", token.position)
            return Tex("number", (Fraction(token.text),), token.position)
        if token.kind == "letter":
            return Tex("symbol", (token.text,), token.position)
        if token.kind in ("(", "[", "{"):
            inside = self._inside(")" if token.kind == "(" else "]" if token.kind == "[" else "}")
            return Tex("group", (inside,), token.position)
        if token.kind in ("|", "norm"):
            self.bars.append(token.kind)
            inside = self.expression()
            self.bars.pop()
            self.expect(token.kind)
            return Tex("abs" if token.kind == "|" else "norm", (inside,), token.position)
        if token.kind == "command":
            return self._command(token)
        self.at -= 1
        raise self.fail("a value is missing" + ("" if token.kind == "end" else f" before {token.text!r}"))

    def _inside(self, closing: str) -> Tex:
        bars, self.bars = self.bars, []
        inside = self.expression()
        self.bars = bars
        self.expect(closing)
        return inside

    def _command(self, token: Token) -> Tex:
        name = token.text
        if name in ("frac", "tfrac", "dfrac"):
            return self._fraction(token)
        if name == "sqrt":
            if self.token.kind == "[":
                raise self.fail("write other roots as powers, e.g. x^{1/3}")
            return Tex("call", ("sqrt", 0, self._group()), token.position)
        if name == "sum":
            return self._sum(token)
        if name == "nabla":
            return self._nabla(token)
        if name in _STYLES or name in _ACCENTS:
            return self._styled(token)
        if name in FUNCTIONS:
            return self._call(FUNCTIONS[name], token)
        if name in ("prod", "int", "lim", "min", "argmin", "argmax", "begin", "infty", "ldots", "cdots", "dots", "mid", "in", "le", "leq", "ge", "geq"):
            raise self.fail(f"\\{name} is not read here", token.position)
        return Tex("symbol", (name,), token.position)

    def _styled(self, token: Token) -> Tex:
        if self.token.kind != "{":
            inner = self.take().text
        else:
            inner = self._word()
        if token.text in _ACCENTS:
            return Tex("symbol", (f"{inner}_{token.text.removeprefix('wide')}",), token.position)
        if inner in FUNCTIONS and token.text in ("operatorname", "mathrm", "text", "textrm", "mathop"):
            return self._call(FUNCTIONS[inner], token)
        if inner == "1" and token.text in ("mathbf", "mathbb", "boldsymbol", "bm", "vec"):
            return Tex("ones", (), token.position)
        return Tex("symbol", (inner,), token.position)

    def _call(self, name: str, token: Token) -> Tex:
        """A function: of what stands in brackets, or of the product that follows."""
        primes, power = 0, None
        while self.token.kind in ("'", "^"):
            if self.take().kind == "'":
                primes += 1
            else:
                power = self._group()
        argument = self._base() if self.token.kind in ("(", "[", "{") else self.product()
        made = Tex("call", (name, primes, argument), token.position)
        return made if power is None else Tex("power", (made, power), token.position)

    def _sum(self, token: Token) -> Tex:
        """The sum over letters of the product that follows."""
        lower: list[Token] = []
        upper: Tex | None = None
        while self.token.kind in ("_", "^"):
            if self.take().kind == "_":
                lower = self._group_tokens()
            else:
                upper = self._group()
        return Tex("total", (tuple(lower), upper, self.term()), token.position)

    def _fraction(self, token: Token) -> Tex:
        if self._is_derivative():
            above, below = self._group_tokens(), self._group_tokens()
            return Tex("partial", (tuple(above), tuple(below)), token.position)
        return Tex("quotient", (self._group(), self._group()), token.position)

    def _is_derivative(self) -> bool:
        """Whether the fraction starts with a partial sign, or is d../d..."""
        first, second = self.tokens[self.at : self.at + 2] if self.at + 1 < len(self.tokens) else (self.token, self.token)
        if first.kind == "command" and first.text == "partial":
            return True
        if first.kind != "{":
            return False
        if second.kind == "command" and second.text == "partial":
            return True
        if second.text != "d":
            return False
        depth, at = 1, self.at + 1
        while depth and at < len(self.tokens) - 1:
            depth += (self.tokens[at].kind == "{") - (self.tokens[at].kind == "}")
            at += 1
        return at + 1 < len(self.tokens) and self.tokens[at].kind == "{" and self.tokens[at + 1].text in ("d", "partial")

    def _nabla(self, token: Token) -> Tex:
        below: list[Token] = []
        if self.token.kind == "_":
            self.take()
            below = self._group_tokens()
        self.factor()
        return Tex("partial", ((), tuple(below)), token.position)
