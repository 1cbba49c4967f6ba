"""What one elementwise function is, and the SymPy class made from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

import sympy as sp

from symdl.errors import UnsupportedError
from symdl.functions.described import Described, Doc
from symdl.functions.given import given


@dataclass(frozen=True)
class Kink:
    """A point where a function jumps or has no derivative, and what symdl does there."""

    at: float | str  # a str names a parameter: "lambd"
    value: str  # "undefined", or the value taken there, as text
    derivative: str  # "undefined", or the value taken there, as text


class Option(NamedTuple):
    """A further argument of a call, which makes another function of it: ``gelu(z, approximate="tanh")``."""

    name: str
    default: Any
    means: str  # one sentence, for the docstring


@dataclass(frozen=True)
class Elementwise:
    """An elementwise function.

    Attributes
    ----------
    name : str
        As in the text language and in generated code.
    sympy : type
        SymPy's class of the function.
    derivatives : tuple of callables
        One an argument: SymPy arguments -> the partial derivative, as a SymPy expression.
    rule : str
        How the derivative is called in a derivation: "derivative of the sigmoid".
    numpy : callable
        Stable evaluation on float arrays.
    definition : callable or None
        SymPy arguments -> the function in terms of simpler ones; None for those that are basic.
    latex : str
        How the function's name is written.
    kinks : tuple of Kink
        Where the derivative's table entry is a policy and not a theorem.
    domain : str
        "" for all reals, else the condition in words ("z > 0").
    parameters : tuple of pairs
        Names of the arguments behind the first, with the values that they have when they are not given (None: must be given).
    further : tuple of Option
        Further arguments of a call, which make another function of it (``gelu(z, approximate="tanh")``).
    source : str
        Where the formula comes from: book, paper, equation.
    equals : str
        What NumPy, SciPy or PyTorch call it.
    """

    name: str
    sympy: Any
    derivatives: tuple[Callable[..., sp.Expr], ...]
    rule: str
    numpy: Callable[..., Any]
    definition: Callable[..., sp.Expr] | None = None
    latex: str = ""
    kinks: tuple[Kink, ...] = field(default=())
    domain: str = ""
    parameters: tuple[tuple[str, Any], ...] = ()
    further: tuple[Option, ...] = ()
    source: str = ""
    equals: str = ""

    @property
    def options(self) -> tuple[str, ...]:
        """Names of the further arguments."""
        return tuple(option.name for option in self.further)

    @property
    def nargs(self) -> int:
        return len(self.derivatives)

    @property
    def symbols(self) -> tuple[sp.Symbol, ...]:
        """Symbols for the arguments, to print formulas with."""
        if self.parameters:
            return (sp.Symbol("z"), *(sp.Symbol(_PRINTED.get(name, name)) for name, _ in self.parameters))
        return (sp.Symbol("z"),) if self.nargs == 1 else tuple(map(sp.Symbol, "abcdef"[: self.nargs]))


#: Python's names of parameters that are not the printed ones.
_PRINTED = {"lambd": "lambda", "min_val": "m", "max_val": "M", "negative_slope": "a", "min": "m", "max": "M", "threshold": "theta", "value": "v"}


#: The bound variable of all functions that symdl applies to a SymPy matrix. (SymPy takes a new one each time, so that no two are equal.)
ARGUMENT = sp.Dummy("d", real=True)


def over_elements(function: Callable[[Any], Any], matrix: Any) -> Any:
    """A function applied to every element of a SymPy matrix or matrix expression."""
    if isinstance(matrix, sp.MatrixBase):
        return matrix.applyfunc(function)
    return matrix.applyfunc(sp.Lambda(ARGUMENT, function(ARGUMENT)))


def sympy_class(
    name: str,
    derivative: Callable[..., sp.Expr] | tuple[Callable[..., sp.Expr], ...],
    definition: Callable[..., sp.Expr],
    numpy: Callable[..., Any],
    latex: str,
    at_number: Callable[..., sp.Expr | None] = lambda *z: None,
    parameters: Mapping[str, Any] | None = None,
    otherwise: Callable[..., Any] | None = None,
) -> type[sp.Function]:
    """A SymPy function that knows its derivatives, definition, numeric value and LaTeX.

    ``diff``, ``rewrite(exp)``, ``evalf``, ``latex`` and ``lambdify`` work on it as on SymPy's own.

    Parameters
    ----------
    derivative : callable or tuple of callables
        One an argument.
    parameters : mapping
        Names and default values of the arguments behind the first: they may be given by name.
    otherwise : callable
        What a call with further arguments means: ``gelu(z, approximate="tanh")``.
    """
    derivatives = derivative if isinstance(derivative, tuple) else (derivative,)
    known = dict(parameters or {})

    def new(cls: type, *args: Any, **options: Any) -> Any:
        if otherwise is not None and (len(args) > len(derivatives) or set(options) - {"evaluate"}):
            return otherwise(*args, **options)
        count, args = len(args), _completed(name, args, options, known)
        if not count or len(args) != len(derivatives):
            raise UnsupportedError(f"{name} takes {_counted(name, known, len(derivatives))}, and {count} {'is' if count == 1 else 'are'} given")
        # An expression of symdl answers for itself, so that sd.sigmoid is one name for both worlds.
        mine = next((a for a in args if hasattr(a, "_apply_elementwise")), None)
        if mine is not None:
            return mine._apply_elementwise(name, *args)
        if args and isinstance(args[0], (sp.MatrixExpr, sp.MatrixBase)):  # of a matrix: of every element, in SymPy's word for it
            return over_elements(lambda z: cls(z, *args[1:]), args[0])
        return sp.Function.__new__(cls, *[a if isinstance(a, sp.Basic) else given(name, a) for a in args], **options)

    def fdiff(self: sp.Function, argindex: int = 1) -> sp.Expr:
        return sp.sympify(derivatives[argindex - 1](*self.args))

    def eval_(cls: type, *args: sp.Expr) -> sp.Expr | None:
        return at_number(*args)

    def rewrite_as(self: sp.Function, *args: sp.Expr, **hints: Any) -> sp.Expr:
        return definition(*args)

    def evalf_(self: sp.Function, prec: int) -> sp.Expr | None:
        if not all(a.is_number for a in self.args):
            return None
        # Twice the digits: definitions such as 1/(1 + exp(-z)) lose some by cancellation.
        value = sp.sympify(definition(*self.args))._eval_evalf(2 * prec + 64)
        return None if value is None else value._eval_evalf(prec)

    def latex_(self: sp.Function, printer: Any, exp: str | None = None) -> str:
        power = f"^{{{exp}}}" if exp else ""
        return rf"{latex}{power}\left({', '.join(map(printer._print, self.args))}\right)"

    def is_real(self: sp.Function) -> bool | None:
        return self.args[0].is_real if len(self.args) == 1 else True if all(a.is_real for a in self.args) else None

    body = {
        "nargs": len(derivatives),
        "__new__": new,
        "fdiff": fdiff,
        "eval": classmethod(eval_),
        "_eval_rewrite": lambda self, rule, args, **hints: definition(*args),
        "_eval_rewrite_as_exp": rewrite_as,
        "_eval_evalf": evalf_,
        "_eval_is_real": is_real,
        "_latex": latex_,
        "_imp_": staticmethod(numpy),
        "__module__": "symdl.functions",
        "__doc__": Doc(name),
    }
    return Described(name, (sp.Function,), body)


def _counted(name: str, known: Mapping[str, Any], count: int) -> str:
    """How many arguments a function takes, in words."""
    if known:
        return f"at most {count} arguments, {name}(z, {', '.join(known)})"
    return "one argument" if count == 1 else f"{count} arguments"


def _completed(name: str, args: tuple[Any, ...], options: dict[str, Any], known: Mapping[str, Any]) -> tuple[Any, ...]:
    """The arguments, those given by name (taken from ``options``) and the defaults included."""
    out = list(args)
    for place, (parameter, default) in enumerate(known.items(), start=1):
        value = options.pop(parameter, None)
        if len(out) > place:
            if value is not None:
                raise UnsupportedError(f"{name}: {parameter} is given twice")
            continue
        if value is None and default is None:
            raise UnsupportedError(f"{name} needs its {parameter}: {name}(z, {', '.join(known)})")
        out.append(default if value is None else value)
    unknown = sorted(set(options) - {"evaluate"})
    if unknown:
        raise UnsupportedError(f"{name} has no parameter {unknown[0]}" + (f"; it has {', '.join(known)}" if known else ""))
    return tuple(out)


def at_rational(definition: Callable[..., Any]) -> Callable[..., sp.Expr | None]:
    """Automatic evaluation at numbers where the value is rational; elsewhere the function stays as it stands."""

    def at_number(*args: sp.Expr) -> sp.Expr | None:
        if not all(a.is_Rational for a in args):
            return None
        value = sp.sympify(definition(*args))
        return value if value.is_Rational else None

    return at_number


def function(
    name: str,
    rule: str,
    definition: Callable[..., Any],
    derivatives: Callable[..., Any] | tuple[Callable[..., Any], ...],
    numpy: Callable[..., Any],
    latex: str = "",
    kinks: tuple[Kink, ...] = (),
    parameters: Mapping[str, Any] | None = None,
    at_number: Callable[..., sp.Expr | None] | None = None,
    domain: str = "",
    source: str = "",
    equals: str = "",
) -> Elementwise:
    """An entry of the table together with its SymPy class: all that is to be said of a function, in one call.

    Parameters
    ----------
    definition, derivatives, numpy
        Of all arguments, the parameters last. ``derivatives``: one an argument.
    source, equals
        As in :class:`Elementwise`.
    """
    slopes = derivatives if isinstance(derivatives, tuple) else (derivatives,)
    known = dict(parameters or {})
    shown = latex or rf"\operatorname{{{name}}}"
    made = sympy_class(name, slopes, definition, numpy, shown, at_number or at_rational(definition), known)
    return Elementwise(name, made, slopes, rule, numpy, definition, shown, kinks, domain, tuple(known.items()), (), source, equals)
