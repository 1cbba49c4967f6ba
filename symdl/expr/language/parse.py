"""Reading the text language: Python's expression syntax on arrays. Nothing is ever evaluated as Python."""

from __future__ import annotations

import difflib
import keyword
from collections.abc import Mapping
from fractions import Fraction
from typing import Any

import sympy as sp

from symdl.errors import DomainError, ParseError, SymdlError
from symdl.expr.dims import as_size, dims
from symdl.expr.language.grammar import Do, to_postfix
from symdl.expr.language.tokens import Token, failure
from symdl.expr.language.words import apply, did_you_mean, function, function_names
from symdl.expr.tensor import Expr, as_expr, constant_value, matmul, multiply, raise_to, tensor
from symdl.functions import TABLE
from symdl.graph.node import ADD, CONST, MUL, POW, Size
from symdl.graph.number import MAX_BITS, Number, number, to_sympy

#: Digits and decimal exponent of a number, together.
MAX_DIGITS = 400

#: Parts of a constant such as sqrt(2)*exp(pi/3), and axes of an array.
MAX_PARTS, MAX_AXES = 24, 16

#: Functions that grow so fast that a constant argument must be small.
_FAST = frozenset({"exp", "sinh", "cosh", "pow", "softplus", "gelu", "silu", "logsumexp", "softmax", "tanh", "sigmoid", "erf"})


def parse(text: str, /, **shapes: Any) -> Expr:
    """The expression that a text of symdl's language means.

    Parameters
    ----------
    text : str
        ``+ - * / ** @ .T``, elementwise as NumPy's; numbers (exact: 0.1 is 1/10), names, ``pi``, indexing with integers, ``:`` and
        ``None``; the functions of ``symdl.expr.language.words`` and of ``symdl.functions.TABLE``, with ``axis=`` where NumPy has it.
    **shapes : str, int, symbol, tuple of these, or Expr
        Name -> sizes: ``X="n,p"``; "" for a scalar; or an expression that is meant by the name. A name that is not listed is a scalar, unless it
        is a size in one of the shapes, or is used as one in ``eye(n)``.

    Returns
    -------
    Expr

    Raises
    ------
    ParseError
        When the text is not of the language: what, where, and the mend.
    ShapeError, DomainError
        When it is, and its parts do not go together.

    Notes
    -----
    The text is read, never evaluated by Python.

    Examples
    --------
    >>> loss = sd.parse("sum((X @ w - y)**2)/2", X="n,p", w="p", y="n")
    >>> sd.grad(loss, "w")
    X.T @ (X @ w - y)
    """
    sizes: set[str] = set()
    tensors = {name: _declared(name, shape, sizes) for name, shape in shapes.items()}
    for name in sorted(sizes & set(shapes)):
        raise ParseError(f"{name} is declared as a tensor and is a size of another one: rename one of them")
    return _read(text, tensors, sizes)


def parse_with(text: str, tensors: Mapping[str, Expr]) -> Expr:
    """Read an expression about tensors and named results that exist.

    Parameters
    ----------
    text : str
        As for :func:`parse`.
    tensors : mapping
        Name -> Expr. Sizes in their shapes can be used by name; other names are scalars.
    """
    made = {name: as_expr(value) for name, value in tensors.items()}
    sizes = {str(s) for e in made.values() for size in (*e.shape, *e.open.values()) for s in sp.sympify(size).free_symbols}
    return _read(text, made, sizes - set(made))


def _declared(name: str, shape: Any, sizes: set[str]) -> Expr:
    """The tensor that a shape declares; notes the names of its sizes."""
    if isinstance(shape, Expr):
        sizes |= {str(s) for size in shape.shape for s in sp.sympify(size).free_symbols} - {name}
        return shape
    if shape is None:
        shape = ()
    if isinstance(shape, str):
        inside = shape.strip()
        if inside[:1] == "(" and inside[-1:] == ")":
            inside = inside[1:-1]
        shape = tuple(part.strip() for part in inside.rstrip(", ").split(",")) if inside.strip() else ()
    elif not isinstance(shape, (tuple, list)):
        shape = (shape,)
    read = [_shape_size(s, name) for s in shape]
    sizes |= {str(s) for size in read for s in sp.sympify(size).free_symbols}
    return tensor(name, *read)


def _shape_size(value: Any, name: str) -> Size:
    """A size in a declaration: an integer, a name, or arithmetic on these ("4*h")."""
    if not isinstance(value, str) or value.isdigit():
        return as_size(value, f"tensor {name}")
    try:
        found = constant_value(_run(to_postfix(value), value, lambda t: as_expr(dims(t.text))))
    except SymdlError as error:
        raise ParseError(f"the shape of {name}: {error}") from None
    if found is None:
        raise ParseError(f"the shape of {name}: {value!r:.60} is not a size")
    return as_size(found, f"tensor {name}")


def _read(text: str, tensors: Mapping[str, Expr], sizes: set[str]) -> Expr:
    code = to_postfix(text, tensors)
    sizes = sizes | (_used_as_sizes(code) - set(tensors))
    names = _Names(text, tensors, sizes)
    names.check_typing_errors(code)
    return _run(code, text, names.meaning)


def _used_as_sizes(code: list[Do]) -> set[str]:
    """Names that stand in the arguments of eye, ones and zeros."""
    found: set[str] = set()
    starts: list[int] = []  # where the instructions of each value on the stack begin
    for at, do in enumerate(code):
        taken = {"number": 0, "name": 0, "call": 0, "index": 1, "T": 1, "neg": 1}.get(do.what, 2)
        if do.what == "call":
            taken = do.value[1]
            made = function(do.value[0])
            if made is not None and made.sizes and taken:
                found |= {d.value for d in code[starts[-taken] : at] if d.what == "name"}
        start = starts[-taken] if taken else at
        del starts[len(starts) - taken :]
        starts.append(start)
    return found


class _Names:
    """What a name means."""

    def __init__(self, text: str, tensors: Mapping[str, Expr], sizes: set[str]) -> None:
        self.text, self.tensors, self.sizes = text, tensors, sizes

    def meaning(self, token: Token) -> Expr:
        name = token.text
        if name in self.tensors:
            return self.tensors[name]
        if name in self.sizes:
            return as_expr(dims(name))
        if name == "pi":
            return as_expr(sp.pi)
        if function(name) is not None:
            raise self._fail(token, f"{name} is a function: write {name}(...), or declare {name} to use it as a name")
        if keyword.iskeyword(name):
            raise self._fail(token, f"{name} is a word of Python and not declared: declare it to use it as a name")
        return tensor(name)

    def _fail(self, token: Token, message: str) -> ParseError:
        return failure(self.text, token.position, len(token.text), message)

    def check_typing_errors(self, code: list[Do]) -> None:
        """An undeclared name next to a declared one that is not used, and differs by a letter or its case, is a slip."""
        used = {d.value for d in code if d.what == "name"}
        unused = [n for n in self.tensors if n not in used]
        for do in code:
            if do.what != "name" or do.value in self.tensors or do.value in self.sizes or function(do.value):
                continue
            near = [n for n in unused if n.lower() == do.value.lower()] or difflib.get_close_matches(do.value, unused, 1, 0.75)
            if near:
                raise self._fail(do.token, f"{do.value} is not declared, and {near[0]} is declared but not used (did you mean {near[0]!r}?)")


def _run(code: list[Do], text: str, meaning: Any) -> Expr:
    """Carry out the instructions: the builders of symdl.expr, one call each."""
    stack: list[Expr] = []
    for do in code:
        stack.append(_limited(_step(do, stack, text, meaning), do, text))
    return stack[0]


def _step(do: Do, stack: list[Expr], text: str, meaning: Any) -> Expr:
    if do.what == "number":
        return as_expr(_number(do, text))
    if do.what == "name":
        return meaning(do.token)
    if do.what == "call":
        return _call(do, stack, text)
    last = stack.pop()
    if do.what == "neg":
        return -last
    if do.what == "T":
        return last.T
    if do.what == "index":
        return last[do.value]
    left = stack.pop()
    if do.what == "@":
        return matmul(left, last)
    if do.what == "**":
        _check_fast([left, last], do, text)
        return raise_to(left, last)
    if do.what == "*":
        return multiply(left, last)
    return {"+": left.__add__, "-": left.__sub__, "/": left.__truediv__}[do.what](last)


def _call(do: Do, stack: list[Expr], text: str) -> Expr:
    name, count, options = do.value
    made = function(name)
    if made is None:
        hint = did_you_mean(name, function_names())
        raise failure(text, do.token.position, len(name), f"{name} is not a function of this language{hint}")
    args = stack[len(stack) - count :]
    del stack[len(stack) - count :]
    if name in _FAST:
        _check_fast(args, do, text)
    _check_domain(name, args)
    try:
        return apply(name, made, args, options)
    except ParseError as error:
        raise failure(text, do.token.position, len(name), str(error)) from None


def _number(do: Do, text: str) -> Number:
    mantissa, _, exponent = do.value.lower().partition("e")
    if len(mantissa) > MAX_DIGITS or len(exponent) > 8 or len(mantissa) + abs(int(exponent or 0)) > MAX_DIGITS:
        raise failure(text, do.token.position, len(do.value), "the number is too large or too small to be written down")
    return number(Fraction(do.value))


# --- limits: no text may make a number that fills the memory --------------------------------------------------


def _check_fast(args: list[Expr], do: Do, text: str) -> None:
    """Constants that exp and the like are applied to stay small, so that no tower of them can be built."""
    for arg in args:
        value = constant_value(arg)
        if isinstance(value, sp.Expr) and value.is_number:
            value = value.evalf(5)
        if value is not None and not isinstance(value, sp.Symbol) and getattr(value, "is_number", True) and abs(value) > MAX_BITS:
            raise failure(text, do.token.position, len(do.token.text), f"{do.token.text[:20]} of a number beyond {MAX_BITS} is too large to be written down")


def _check_domain(name: str, args: list[Expr]) -> None:
    """A function of constants has a real value there, or that is said."""
    values = [constant_value(a) for a in args]
    if name not in TABLE or len(args) != TABLE[name].nargs or None in values:
        return
    found = TABLE[name].sympy(*[to_sympy(v) for v in values if v is not None])
    if found in (sp.nan, sp.zoo, sp.oo, -sp.oo) or found.is_real is False:
        raise DomainError(f"{name}({', '.join(map(str, values))}) is not a real number")


def _limited(value: Expr, do: Do, text: str) -> Expr:
    """The value, unless it holds a number that is too long."""
    if value.ndim > MAX_AXES:
        raise failure(text, do.token.position, len(do.token.text), f"an array of more than {MAX_AXES} axes")
    node = value.node
    held: tuple[Any, ...] = ()
    if node.op in (CONST, POW):
        held = (node.attr,)
    elif node.op == MUL:
        held = (node.attr.coef,)
    elif node.op == ADD:
        held = node.attr[:4]
    for coef in held:
        if _too_long(coef):
            raise failure(text, do.token.position, len(do.token.text), "a number becomes too long to be written down")
    return value


def _too_long(coef: Number) -> bool:
    if not isinstance(coef, sp.Expr):
        return max(abs(coef.numerator).bit_length(), coef.denominator.bit_length()) > MAX_BITS
    parts: list[Any] = [coef]
    for part in parts:  # grows while it is walked
        if isinstance(part, sp.Rational) and max(abs(part.p).bit_length(), part.q.bit_length()) > MAX_BITS:
            return True
        parts.extend(part.args)
        if len(parts) > MAX_PARTS:
            return True
    return False
