"""What the table says of a function, in words: the docstrings of the functions, and what docs/functions.md is made of.

A docstring is written when somebody asks for it: none is at import.
"""

from __future__ import annotations

import inspect
import sys
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import sympy as sp

if TYPE_CHECKING:
    from symdl.functions.entry import Elementwise, Kink

#: Lines of a docstring are not longer, but for the first, which is one line.
WIDTH = 120

#: Fractions longer than this are shown as decimals.
DIGITS = 9


class Description(NamedTuple):
    """What is to be said of an entry of the table.

    Attributes
    ----------
    arguments : tuple of str
        As they stand in a call: "z", "alpha=1".
    definition : SymPy expression or None
        None for SymPy's own basic functions.
    slopes : tuple of SymPy expressions
        The derivative by each argument.
    kinks : tuple of Kink
    """

    arguments: tuple[str, ...]
    definition: sp.Expr | None
    slopes: tuple[sp.Expr, ...]
    kinks: tuple[Kink, ...]


def described(entry: Elementwise, symbols: Sequence[sp.Symbol] | None = None) -> Description:
    """What is to be said of an entry of the table, in its own symbols or in others."""
    z = symbols or entry.symbols
    first = [str(s) for s in entry.symbols[: entry.nargs - len(entry.parameters)]]
    further = [name if default is None else f"{name}={default}" for name, default in entry.parameters]
    definition = sp.sympify(entry.definition(*z)) if entry.definition else None
    slopes = tuple(sp.sympify(slope(*z)) for slope in entry.derivatives)
    return Description((*first, *further), definition, slopes, entry.kinks)


def signature(entry: Elementwise) -> inspect.Signature:
    """How a function of the table is called."""
    both, empty = inspect.Parameter.POSITIONAL_OR_KEYWORD, inspect.Parameter.empty
    made = [inspect.Parameter(str(s), inspect.Parameter.POSITIONAL_ONLY) for s in entry.symbols[: entry.nargs - len(entry.parameters)]]
    known = [*entry.parameters, *((option.name, option.default) for option in entry.further)]
    return inspect.Signature(made + [inspect.Parameter(n, both, default=empty if d is None else d) for n, d in known])


class Doc:
    """A ``__doc__`` that is written when it is asked for: of a class its function's, else that of the function that the instance names."""

    def __init__(self, name: str = "") -> None:
        self._name = name

    def __get__(self, instance: Any, owner: type | None = None) -> str | None:
        from symdl.functions import TABLE

        entry = TABLE.get(self._name or getattr(instance, "__name__", ""))
        return None if entry is None else docstring(entry)

    def __set__(self, instance: Any, value: Any) -> None:
        """Python asks a class's class first only for what can be set."""
        raise AttributeError("a docstring made of the function table cannot be set")


class Described(type(sp.Function)):  # type: ignore[misc]
    """The class of our SymPy functions' classes: ``help`` looks for the docstring of a class past the class, in its class."""

    __doc__ = Doc()  # type: ignore[assignment]

    @property
    def __signature__(cls) -> inspect.Signature:
        from symdl.functions import TABLE

        entry = TABLE.get(cls.__name__)
        return super().__signature__ if entry is None else signature(entry)


def docstring(entry: Elementwise) -> str:
    """The docstring of a function of the table."""
    names = _names(entry)
    said = described(entry, names)
    plain = [str(s) for s in entry.symbols[: entry.nargs - len(entry.parameters)]]
    sections = {
        "Parameters": _parameters(entry, plain),
        "Returns": ["Expr", "    Of the arguments' shape, broadcast; for SymPy expressions a SymPy expression, for a SymPy matrix one of its shape."],
        "Raises": ["UnsupportedError", "    For text, or too few or too many arguments.", *_shape_error(entry)],
        "Notes": _notes(entry, said, plain),
        "References": [entry.source] if entry.source else [],
        "Examples": _examples(entry, plain),
    }
    shown = "".join(f"\n{title}\n{'-' * len(title)}\n{_wrapped(lines)}\n" for title, lines in sections.items() if lines)
    return f"{_first_line(entry, said)}\n{shown}"


def _shape_error(entry: Elementwise) -> list[str]:
    return ["ShapeError", "    When the shapes do not broadcast."] if entry.nargs > 1 else []


def _names(entry: Elementwise) -> tuple[sp.Symbol, ...]:
    """Symbols for the arguments as Python calls them: a docstring speaks of ``lambd``, not of lambda."""
    return (*entry.symbols[: entry.nargs - len(entry.parameters)], *(sp.Symbol(name) for name, _ in entry.parameters))


def _first_line(entry: Elementwise, said: Description) -> str:
    call = f"{entry.name}({', '.join(map(str, _names(entry)))})"
    meaning = _words(said.definition) if said.definition is not None else entry.rule.removeprefix("derivative of ")
    if said.definition is None or f"{entry.name}(" in meaning:
        return f"{call}, at every element."
    return f"{call} = {meaning}, at every element."


def _parameters(entry: Elementwise, plain: list[str]) -> list[str]:
    lines = []
    for name in plain:
        lines += [
            f"{name} : Expr, or SymPy expression, matrix or number",
            "    Of any shape." + (f" {_domain(entry)}" if entry.domain and name == plain[0] else ""),
        ]
    for name, default in entry.parameters:
        lines += [f"{name} : Expr, SymPy expression or number" + ("" if default is None else f", default {default}"), "    A scalar, or what broadcasts."]
    for option in entry.further:
        lines += [f"{option.name} : default {option.default!r}", f"    {option.means}"]
    return lines


def _domain(entry: Elementwise) -> str:
    return f"Its values must satisfy {entry.domain}."


def _notes(entry: Elementwise, said: Description, plain: list[str]) -> list[str]:
    lines = []
    for symbol, slope in zip(_names(entry), said.slopes, strict=True):
        by = "" if len(said.slopes) == 1 else f" by {symbol}"
        lines.append(f"Derivative{by}: {_words(slope)}.")
    for kink in said.kinks:
        at = f"{kink.at:g}" if isinstance(kink.at, float) else kink.at
        where = at if "=" in at else f"{plain[0]} = {at}"
        lines.append(f"At {where}: value {kink.value}; derivative {kink.derivative}.")
    if entry.equals:
        lines.append(f"Equals {entry.equals}.")
    return lines


#: Where examples are computed: on both sides of zero, in small numbers; where there is a domain, inside of all of them.
AROUND_ZERO, INSIDE = (-1.0, 0.5, 2.0), (0.5, 1.0, 2.0)


def _examples(entry: Elementwise, plain: list[str]) -> list[str]:
    import numpy as np

    points = {name: np.roll(INSIDE if entry.domain else AROUND_ZERO, k) for k, name in enumerate(plain)}
    # Parameters that must be given are 0, 1, ...: in order, as bounds are.
    given = [k for k, _ in enumerate(p for p, default in entry.parameters if default is None)]
    defaults = [float(default) for _, default in entry.parameters if default is not None]
    value = np.asarray(entry.numpy(*points.values(), *map(float, given), *defaults), dtype=float)
    names = "x" if len(plain) == 1 else ", ".join(plain)
    call = f"{entry.name}({', '.join([names, *map(str, given)])})"
    rename = {"z": "x"} if len(plain) == 1 else {}
    shown = ", ".join(f"{rename.get(n, n)}={p.tolist()}" for n, p in points.items())
    shapes = ", ".join(f"{rename.get(n, n)}=(3,)" for n in points)
    # What came in by symdl.extend has no name in symdl, but one in the text language.
    public = entry.name in getattr(sys.modules.get("symdl"), "__all__", ())
    if not public:
        return [f'>>> y = sd.parse("{call}", {shapes})', f">>> sd.evaluate(y, {shown}).round(4)", repr(value.round(4))]
    made = [f'>>> {n} = sd.tensor("{n}", 3)' for n in names.split(", ")]
    return [*made, f">>> sd.evaluate(sd.{call}, {shown}).round(4)", repr(value.round(4))]


def _words(value: sp.Expr) -> str:
    """A formula in Python's notation; cases in words."""
    if isinstance(value, sp.Piecewise):
        cases = [f"{_words(piece)} where {_condition(when)}" for piece, when in value.args if when != sp.true]
        rest = [_words(piece) for piece, when in value.args if when == sp.true]
        return ", ".join([*(c for c in cases), *(f"else {r}" for r in rest)])
    long = {r: sp.Float(r, 6) for r in value.atoms(sp.Rational) if len(str(r)) > DIGITS}
    return str(value.xreplace(long)).replace("nan", "undefined").replace("Abs(", "abs(")


def _condition(value: Any) -> str:
    if isinstance(value, sp.Or):
        return " or ".join(map(_condition, value.args))
    if isinstance(value, sp.Eq):
        return f"{value.lhs} = {value.rhs}"
    return str(value)


def _wrapped(lines: list[str]) -> str:
    """Long lines in several; what Python reads (examples and their output) as it stands."""
    out = []
    for line in lines:
        indent = line[: len(line) - len(line.lstrip())]
        keep = line.startswith((">>>", "array(")) or len(line) <= WIDTH
        out += [line] if keep else textwrap.wrap(line, WIDTH, subsequent_indent=indent, break_long_words=False)
    return "\n".join(out)
