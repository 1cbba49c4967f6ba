"""The functions of the text language: name -> how it is built, how many arguments and which options it takes."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable
from types import MappingProxyType
from typing import Any, NamedTuple

from symdl.errors import ParseError
from symdl.expr import activations, matrices, ops
from symdl.expr.tensor import Expr, constant_value, elementwise
from symdl.functions import TABLE


class Function(NamedTuple):
    """What a call needs. ``sizes``: the arguments are sizes; ``axis``: a further argument is the axis, as NumPy's."""

    build: Callable[..., Any]
    least: int = 1
    most: int = 1
    options: frozenset[str] = frozenset()
    sizes: bool = False

    @property
    def axis(self) -> bool:
        return "axis" in self.options


#: Options whose values are words.
_WORDS = frozenset({"approximate", "reduction", "ord"})

_REDUCING = frozenset({"axis", "keepdims"})

#: All functions but the elementwise ones, which stand in symdl.functions.TABLE.
FUNCTIONS = MappingProxyType(
    {
        "sum": Function(ops.sum_, options=_REDUCING),
        "mean": Function(ops.mean, options=_REDUCING),
        "max": Function(ops.max_, options=_REDUCING),
        "logsumexp": Function(ops.logsumexp, options=_REDUCING),
        "softmax": Function(ops.softmax, options=frozenset({"axis"})),
        "log_softmax": Function(activations.log_softmax, options=frozenset({"axis"})),
        "softmin": Function(activations.softmin, options=frozenset({"axis"})),
        "glu": Function(activations.glu, options=frozenset({"axis"})),
        "prelu": Function(activations.prelu, 2, 2),
        "rrelu": Function(activations.rrelu, 1, 3, options=frozenset({"lower", "upper"})),
        "clamp": Function(activations.clamp, 1, 3, options=frozenset({"min", "max"})),
        "trace": Function(ops.trace),
        "det": Function(ops.det),
        "logdet": Function(ops.logdet),
        "inv": Function(ops.inv),
        "transpose": Function(ops.transpose),
        "diag": Function(ops.diag),
        "norm": Function(matrices.norm, 1, 2, options=frozenset({"ord", "axis", "keepdims"})),
        "var": Function(matrices.var, options=frozenset({"axis", "keepdims", "ddof"})),
        "std": Function(matrices.std, options=frozenset({"axis", "keepdims", "ddof"})),
        "min": Function(matrices.min_, options=_REDUCING),
        "matrix_power": Function(matrices.matrix_power, 2, 2),
        "tril": Function(matrices.tril, 1, 2),
        "triu": Function(matrices.triu, 1, 2),
        "cumsum": Function(matrices.cumsum, options=frozenset({"axis"})),
        "vec": Function(matrices.vec),
        "hadamard": Function(matrices.hadamard, 2, 2),
        "sqrt": Function(ops.sqrt),
        "outer": Function(ops.outer, 2, 2),
        "dot": Function(ops.dot, 2, 2),
        "kron": Function(matrices.kron, 2, 2),
        "cross_entropy": Function(ops.cross_entropy, 2, 2),
        "least_squares": Function(ops.least_squares, 2, 2),
        "eye": Function(ops.eye, sizes=True),
        "ones": Function(ops.ones, 1, 8, sizes=True),
        "zeros": Function(ops.zeros, 1, 8, sizes=True),
    }
)

#: Other names for the same things.
_ALSO = {
    "ln": "log",
    "tr": "trace",
    "inverse": "inv",
    "atan": "arctan",
    "logistic": "sigmoid",
    "average": "mean",
    "heaviside": "step",
    "identity": "eye",
    "variance": "var",
    "mpow": "matrix_power",
}


def function(name: str) -> Function | None:
    """The function of that name; None when there is none."""
    if name in FUNCTIONS:
        return FUNCTIONS[name]
    entry = TABLE.get(name)
    if entry is None:
        return None
    if not entry.parameters and not entry.options:
        return Function(lambda *args: elementwise(name, *args), entry.nargs, entry.nargs)
    most = entry.nargs + len(entry.options)
    return Function(entry.sympy, 1, most, frozenset([*(n for n, _ in entry.parameters), *entry.options]))


def function_names() -> list[str]:
    return [*FUNCTIONS, *TABLE]


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """ " (did you mean 'sigmoid'?)", or nothing when no name is near."""
    known = list(known)
    near = _ALSO.get(name) or next(iter(difflib.get_close_matches(name, known, 1, 0.6)), None) or next((k for k in known if k.lower() == name.lower()), None)
    return f" (did you mean {near!r}?)" if near else ""


def apply(name: str, made: Function, args: list[Expr], options: dict[str, Any]) -> Expr:
    """Call a function of the language.

    Raises
    ------
    ParseError
        When arguments or options do not fit; shape errors come from the builders.
    """
    for option, value in options.items():
        if option not in made.options:
            raise ParseError(f"{name} has no option {option}=" + did_you_mean(option, made.options))
        if isinstance(value, str) and option not in _WORDS:
            raise ParseError(f"{name}: behind {option}= stands a number here; give an expression by its place, as in {name}(x, {value})")
    if made.axis and made.most == 1 and len(args) == 2 and "axis" not in options:
        options = {**options, "axis": _axis(name, args.pop())}
    if not made.least <= len(args) <= made.most:
        counts = f"{made.least}" if made.least == made.most else f"{made.least} to {made.most}"
        raise ParseError(f"{name} takes {counts} argument{'s' * (made.most > 1)}, and {len(args)} are given")
    _check_options(name, options)
    if made.sizes:
        return made.build(*[_size(name, a) for a in args])
    return made.build(*args, **options)


def _check_options(name: str, options: dict[str, Any]) -> None:
    axis, keepdims = options.get("axis"), options.get("keepdims", False)
    if isinstance(axis, bool):
        raise ParseError(f"{name}: axis is an integer or a tuple of integers")
    if isinstance(axis, tuple) and len(set(axis)) < len(axis):
        raise ParseError(f"{name}: an axis is given twice")
    if not isinstance(keepdims, bool):
        raise ParseError(f"{name}: keepdims is True or False")


def _axis(name: str, value: Expr) -> int:
    number = constant_value(value)
    if type(number) is not int:
        raise ParseError(f"{name} takes 1 argument and axis=, an integer")
    return number


def _size(name: str, value: Expr) -> Any:
    number = constant_value(value)
    if number is None or value.shape:
        raise ParseError(f"{name} takes sizes: integers and names of sizes")
    return number
