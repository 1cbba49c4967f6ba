"""From the tokens of one side of an equation to its tree."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction

from symdl.expr.tex.environments import Environments
from symdl.expr.tex.tokens import Token
from symdl.expr.tex.tree import FUNCTIONS, HADAMARD, OUTER, QUOTIENT, TIMES, Tex, relation_of

#: Deepest nesting of anything in anything: roots of sums of fractions.
MAX_LEVEL = 50
#: Longest number, in digits.
MAX_DIGITS = 60
#: Where a product ends.
_STOPS = frozenset(["+", "-", "=", "<", ">", ")", "]", "}", ",", ";", "&", "newline", "end", "begin", ":", ".", "!", "prose", "quad"])
_UNREAD_NAMES = "int oint iint lim argmin argmax infty ldots cdots dots dotsb vdots mid binom limsup liminf sup inf cup cap forall exists mathbb"
_UNREAD = frozenset(_UNREAD_NAMES.split())


def side_tree(text: str, tokens: Sequence[Token]) -> Tex:
    """The tree of one side; raises ParseError when it is none."""
    end = tokens[-1].position + len(tokens[-1].text) if tokens else 0
    parser = Parser(text, [*tokens, Token("end", "", end)])
    tree = parser.listed()
    if parser.token.kind != "end":
        raise parser.fail(f"{parser.token.text!r} cannot stand here")
    return tree


class Parser(Environments):
    # --- sums and products -----------------------------------------------------------------------------------

    def listed(self) -> Tex:
        """An expression, or several with commas between them."""
        position = self.token.position
        parts = [self.related()]
        while self.token.kind in (",", ";", "mid") and self.depth:
            self.take()
            if self.token.kind in (")", "]"):
                break
            parts.append(self.related())
        return parts[0] if len(parts) == 1 else Tex("list", tuple(parts), position)

    def related(self) -> Tex:
        """An expression, or a relation of some: i = j, 0 < x < 1."""
        position = self.token.position
        first = self.expression()
        if not self.depth or relation_of(self.token) is None:
            return first
        parts: list[Tex | str] = [first]
        while (sign := relation_of(self.token)) is not None:
            self.take()
            parts += [sign, self.expression()]
        return Tex("relation", tuple(parts), position)

    def expression(self) -> Tex:
        self.deeper()
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
        while self.token.kind == "command" and self.token.text in HADAMARD | QUOTIENT | OUTER:
            sign = self.take()
            right = self.product()
            what = "hadamard" if sign.text in HADAMARD else "outer" if sign.text in OUTER else "hadamard-quotient"
            left = Tex(what, (left, right), sign.position)
        return left

    def product(self, argument: bool = False) -> Tex:
        """Factors side by side; as the ``argument`` of a function without brackets up to the next function, bracket or product sign."""
        position = self.token.position
        factors = [self.factor()]
        while not self._product_ends() and not (argument and self._argument_ends()):
            if self.token.kind == "/":
                factors[-1] = self._slash(factors[-1], position)
                continue
            dotted = self.token.kind == "*" or (self.token.kind == "command" and self.token.text in TIMES)
            sign = self.take() if dotted else self.token
            factor = self.factor()
            factors.append(Tex("dotted", (factor,), sign.position) if dotted and sign.text in ("cdot", "bullet") else factor)
        return factors[0] if len(factors) == 1 else Tex("product", tuple(factors), position)

    def _slash(self, above: Tex, position: int) -> Tex:
        slash = self.take()
        number = self.token
        below = self.factor()
        after = number.position + len(number.text)
        if below.what == "number" and number.kind == "number" and self.token.position == after and self.token.kind in ("letter", "command", "word"):
            raise self.fail("a quotient that can be read in two ways: write (a/2)b or a/(2b), or \\frac", slash.position)
        return Tex("quotient", (above, below), position)

    def _product_ends(self) -> bool:
        token = self.token
        if token.kind in _STOPS or (token.kind in ("|", "norm") and self.bars and self.bars[-1] == token.kind):
            return True
        return token.kind == "command" and (token.text in HADAMARD | QUOTIENT | OUTER | {"rangle", "rVert", "end"} or relation_of(token) is not None)

    def _argument_ends(self) -> bool:
        token = self.token
        named = token.kind in ("command", "word") and (token.text in FUNCTIONS or token.text in TIMES or token.text in ("sum", "frac", "dfrac", "tfrac"))
        return token.kind in ("(", "[", "*", "word", "|", "norm") or named

    # --- factors ---------------------------------------------------------------------------------------------

    def factor(self) -> Tex:
        return self.scripts(self.base())

    def base(self) -> Tex:
        self.level += 1
        if self.level > MAX_LEVEL:
            raise self.fail("the formula is nested too deeply")
        made = self._base()
        self.level -= 1
        return made

    def _base(self) -> Tex:
        token = self.take()
        if token.kind == "number":
            return self._number(token)
        if token.kind == "letter":
            return self.differential(token) or Tex("symbol", (token.text,), token.position)
        if token.kind == "word":
            return self._word(token)
        if token.kind == "ones":
            return Tex("ones", (), token.position)
        if token.kind in ("(", "[", "{"):
            inside = self.inside(")" if token.kind == "(" else "]" if token.kind == "[" else "}", token.text)
            return Tex("group", (inside,), token.position)
        if token.kind in ("|", "norm"):
            self.bars.append(token.kind)
            inside = self.expression()
            self.bars.pop()
            self.expect(token.kind)
            return Tex("abs" if token.kind == "|" else "norm", (inside,), token.position)
        if token.kind == "begin":
            return self.environment(token)
        if token.kind == "command":
            return self._command(token)
        self.at -= 1
        raise self.fail("a value is missing" + ("" if token.kind == "end" else f" before {token.text!r}"))

    def _number(self, token: Token) -> Tex:
        if len(token.text) > MAX_DIGITS:
            raise self.fail("the number has too many digits", token.position)
        return Tex("number", (Fraction(token.text),), token.position)

    def _word(self, token: Token) -> Tex:
        if token.text in FUNCTIONS and token.text not in self.known and (self.token.kind in ("(", "[", "{", "^", "'", "_") or not self._product_ends()):
            return self._call(FUNCTIONS[token.text], token)
        return Tex("symbol", (token.text,), token.position)

    def inside(self, closing: str, opened: str = "(") -> Tex:
        self.deeper()
        bars, self.bars = self.bars, []
        inside = self.listed()
        self.bars = bars
        self.depth -= 1
        self.expect(closing)
        return inside

    def _command(self, token: Token) -> Tex:
        name = token.text
        if name in ("frac", "tfrac", "dfrac", "cfrac", "nicefrac", "sfrac"):
            return self.fraction(token)
        if name == "sqrt":
            return self._root(token)
        if name in ("sum", "prod"):
            return self._total(token)
        if name in ("nabla", "partial"):
            return self.operator(token)
        if name in self.accents:
            return self._accent(token)
        if name == "langle":
            return self._inner(token)
        if name in FUNCTIONS:
            return self._call(FUNCTIONS[name], token)
        if name in _UNREAD:
            raise self.fail(f"\\{name} is not read here", token.position)
        return Tex("symbol", (name,), token.position)

    def _accent(self, token: Token) -> Tex:
        """\\hat{y}: the name y_hat; scripts under the accent stay outside."""
        inner = self.group()
        while inner.what == "group":
            inner = inner.parts[0]
        word = token.text.removeprefix("wide").replace("overline", "bar")
        return self._under(inner, word, token)

    def _under(self, inner: Tex, word: str, token: Token) -> Tex:
        if inner.what == "symbol":
            return Tex("symbol", (f"{inner.parts[0]}_{word}",), token.position)
        if inner.what in ("index", "layer", "power"):
            return Tex(inner.what, (self._under(inner.parts[0], word, token), *inner.parts[1:]), inner.position)
        if inner.what == "product" and all(p.what == "symbol" for p in inner.parts):  # one name for \\overline{gx}
            return Tex("symbol", ("".join(str(p.parts[0]) for p in inner.parts) + f"_{word}",), token.position)
        raise self.fail(f"\\{token.text} stands over a name", token.position)

    def _inner(self, token: Token) -> Tex:
        left = self.expression()
        if self.token.kind in (",", "|"):
            self.take()
        right = self.expression()
        if self.token.kind != "command" or self.token.text != "rangle":
            raise self.fail(r"a '\rangle' is missing")
        self.take()
        return Tex("inner", (left, right), token.position)

    def _root(self, token: Token) -> Tex:
        if self.token.kind != "[":
            return Tex("call", ("sqrt", 0, self.group(whole=True), ()), token.position)
        self.take()
        degree = self.expression()
        self.expect("]")
        root = Tex("quotient", (Tex("number", (Fraction(1),), token.position), degree), token.position)
        return Tex("power", (self.group(whole=True), root), token.position)

    def _call(self, name: str, token: Token) -> Tex:
        """A function: of what stands in brackets, or of the product that follows."""
        primes, power, index = 0, None, None
        while self.token.kind in ("'", "^", "_"):
            mark = self.take().kind
            if mark == "'":
                primes += 1
            elif mark == "_":
                index = self.group_tokens()
            elif self._is_prime():
                primes += 1
            else:
                power = self.group()
        bracketed = self.token.kind in ("(", "[", "{")
        argument = self.base() if bracketed else self.product(argument=True)
        made = Tex("call", (name, primes, argument, tuple(index or ())), token.position)
        return made if power is None else Tex("power", (made, power), token.position)

    def _total(self, token: Token) -> Tex:
        """The sum, or product, over letters of the product that follows."""
        lower: list[Token] = []
        upper: Tex | None = None
        while self.token.kind in ("_", "^"):
            if self.take().kind == "_":
                lower = self.group_tokens()
            else:
                upper = self.group()
        return Tex("total", (tuple(lower), upper, self.term(), token.text), token.position)
