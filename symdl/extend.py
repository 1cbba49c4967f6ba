"""The one door for additions from outside: elementwise functions and backends.

    swish = symdl.extend.function(
        "swish", definition=lambda z: z / (1 + sp.exp(-z)),
        derivative=lambda z: sd.sigmoid(z) * (1 + z * (1 - sd.sigmoid(z))),
    )

From then on ``swish(expr)`` and ``swish(sympy_symbol)`` work, and the name works in the text language; it is derived, proved, lowered and printed
like the functions that come with symdl, because it is an entry of the same table.
"""

from __future__ import annotations

import inspect
import keyword
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import sympy as sp

from symdl.errors import DomainError, NameError_, UnsupportedError
from symdl.functions import BY_CLASS, TABLE, Elementwise, Kink, sympy_class
from symdl.functions.kinks import kinks_of

#: Where definition, derivative and numeric evaluation are compared; odd fractions, so that no kink is met by chance.
POINTS = tuple(sp.Rational(p, 97) for p in (-1301, -613, -257, -101, -53, -11, -2, 3, 13, 47, 89, 149, 331, 787, 1499))
#: Only the numeric evaluation is compared here too: float arithmetic must hold far out.
FAR = tuple(sp.Rational(p, 97) for p in (-72001, -3889, 3889, 72001))
DIGITS = 60
DOMAINS = {"": lambda z: True, "z > 0": lambda z: z > 0}

_z = sp.Symbol("z", real=True)


def function(
    name: str,
    derivative: Callable[..., Any],
    definition: Callable[[sp.Expr], Any],
    numpy: Callable[[Any], Any] | None = None,
    latex: str | None = None,
    kinks: Sequence[Kink] = (),
    domain: str = "",
    source: str = "",
) -> Any:
    """Add an elementwise function to the table, after comparing what is said of it.

    Parameters
    ----------
    name : str
        As in the text language.
    derivative : callable
        z -> the derivative as a SymPy expression; or (z, y) -> the derivative, where y is the function's own value.
        It may use the functions of the table, powers, products and sums.
    definition : callable
        z -> the function, as a SymPy expression of simpler functions (``Piecewise`` is allowed).
    numpy : callable, optional
        Evaluation on float arrays, stable at large arguments. When not given it is made from the definition, which is slower.
    latex : str, optional
        How the function's name is written.
    kinks : sequence of Kink
        Points where it jumps or has no derivative, and what is taken there.
    domain : {"", "z > 0"}
    source : str, optional
        Where it comes from, book or paper: for its docstring, which is made of what is said here.

    Returns
    -------
    callable
        The function: applied to an expression of symdl it gives an expression, to a SymPy expression a SymPy expression.

    Raises
    ------
    NameError_
        When the name is taken or cannot be one.
    UnsupportedError
        When the derivative uses what the table does not have.
    DomainError
        When the derivative or the numeric evaluation does not agree with the definition, or a kink of it has no policy; the message names the point.
    """
    _check_name(name)
    if domain not in DOMAINS:
        raise DomainError(f"function {name}: the domain {domain!r:.40} is not known; known are {', '.join(map(repr, DOMAINS))}")
    meaning = _expression(name, "definition", definition(_z))
    evaluate = numpy if numpy is not None else _numpy_of(meaning)
    made: Any = sympy_class(name, lambda z: slope(z), definition, evaluate, latex or rf"\operatorname{{{name}}}")
    slope = _slope(derivative, made)
    rule = _expression(name, "derivative", _attempt(slope))
    _check_vocabulary(name, rule, made)
    at = [p for p in POINTS if DOMAINS[domain](p)]
    _check_kinks(name, meaning, kinks)
    _check_derivative(name, meaning, rule.xreplace({made(_z): meaning}), at)
    _check_numpy(name, meaning, evaluate, at + [p for p in FAR if DOMAINS[domain](p)])
    TABLE[name] = Elementwise(
        name, made, (slope,), f"derivative of {name}", evaluate, definition, latex or rf"\operatorname{{{name}}}", tuple(kinks), domain, source=source
    )
    BY_CLASS[made] = name
    return made


def backend(name: str, factory: Callable[..., Any]) -> None:
    """Add a backend: from then on ``backend=name`` means it in ``lambdify``, ``value_and_grad`` and ``train``.

    Parameters
    ----------
    name : str
    factory : callable
        Program -> a callable on arrays; see ``symdl.lower.backends.BACKENDS``.

    Raises
    ------
    NameError_
        When the name is taken or cannot be one.
    """
    from symdl.lower.backends import BACKENDS

    if not isinstance(name, str) or not name.isidentifier():
        raise NameError_(f"{name!r:.80} cannot name a backend: use letters, digits and _")
    if name in BACKENDS or name == "auto":
        raise NameError_(f"there is a backend {name} already; choose another name")
    if not callable(factory):
        raise UnsupportedError(f"backend {name}: {factory!r:.60} cannot be called; give a function that makes a callable from a program")
    BACKENDS[name] = factory


def _check_name(name: Any) -> None:
    if not isinstance(name, str) or not name.isidentifier() or keyword.iskeyword(name):
        raise NameError_(f"{name!r:.80} cannot name a function: use a letter followed by letters, digits or _")
    if name in TABLE:
        raise NameError_(f"there is a function {name} already; choose another name")


def _expression(name: str, what: str, value: Any) -> sp.Expr:
    """What a callable gave, if it is an expression in z alone."""
    try:
        found = sp.sympify(value, strict=True)  # strict: text is never evaluated
    except (sp.SympifyError, TypeError):
        found = None
    if not isinstance(found, sp.Expr):
        raise UnsupportedError(f"function {name}: the {what} gave {value!r:.60}, which is not a SymPy expression")
    foreign = sorted(map(str, found.free_symbols - {_z}))
    if foreign:
        raise UnsupportedError(f"function {name}: the {what} mentions {', '.join(foreign)}; only its argument may occur")
    return found


def _slope(derivative: Callable[..., Any], made: Any) -> Callable[[sp.Expr], sp.Expr]:
    """The derivative as a function of z alone."""
    required = [p for p in inspect.signature(derivative).parameters.values() if p.default is p.empty and p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)]
    if len(required) == 2:
        return lambda z: sp.sympify(derivative(z, made(z)), strict=True)
    return lambda z: sp.sympify(derivative(z), strict=True)


def _attempt(slope: Callable[[sp.Expr], sp.Expr]) -> Any:
    try:
        return slope(_z)
    except sp.SympifyError as error:
        return error.expr


def _check_vocabulary(name: str, rule: sp.Expr, made: Any) -> None:
    """The derivative must be made of what the graph has."""
    for part in sp.preorder_traversal(rule):
        known = part.is_Atom or part.is_number or isinstance(part, (sp.Add, sp.Mul, sp.Pow)) or type(part) in BY_CLASS or type(part) is made
        if not known:
            raise UnsupportedError(
                f"function {name}: the derivative uses {type(part).__name__}, which is not in the function table; "
                "write it with sums, products, powers and the functions of the table (positive, step, sign for cases)"
            )


def _exact(name: str, expression: sp.Expr, point: sp.Rational) -> sp.Expr:
    value = expression.subs(_z, point).evalf(DIGITS)
    if not (value.is_number and value.is_real and value.is_finite):
        raise DomainError(f"function {name}: at z = {float(point):.4g} it is {value}, not a real number; give its domain, e.g. domain='z > 0'")
    return value


def _check_derivative(name: str, meaning: sp.Expr, rule: sp.Expr, points: Sequence[sp.Rational]) -> None:
    """Compare the rule with a central difference of the definition, in many digits."""
    h = sp.Rational(1, 10**15)
    for point in points:
        _exact(name, meaning, point)
        difference = (_exact(name, meaning, point + h) - _exact(name, meaning, point - h)) / (2 * h)
        said = _exact(name, rule, point)
        if abs(said - difference) > 1e-12 * max(abs(said), abs(difference), sp.Float("1e-12")):
            raise DomainError(
                f"function {name}: the derivative is wrong at z = {float(point):.4g}: "
                f"it gives {float(said):.12g}, the definition's slope is {float(difference):.12g}"
            )


def _check_kinks(name: str, meaning: sp.Expr, kinks: Sequence[Kink]) -> None:
    """Every kink of the definition needs a policy: what is taken there."""
    for point in kinks_of(meaning, _z, {cls: TABLE[known] for cls, known in BY_CLASS.items()}):
        if not any(abs(float(kink.at) - float(point)) < 1e-12 for kink in kinks):
            raise DomainError(
                f"function {name}: its definition has a kink at z = {float(point):.6g}, and nothing says what is taken there: "
                f"give kinks=[Kink({float(point):.6g}, value, derivative)]"
            )


def _check_numpy(name: str, meaning: sp.Expr, evaluate: Callable[[Any], Any], points: Sequence[sp.Rational]) -> None:
    """Compare the numeric evaluation with the definition, where the value is a float at all."""
    exact = [_exact(name, meaning, p) for p in points]
    kept = [(p, e) for p, e in zip(points, exact, strict=True) if e == 0 or 1e-290 < abs(e) < 1e300]
    at = np.array([[float(p) for p, _ in kept]])
    with np.errstate(all="ignore"):
        got = np.asarray(evaluate(at))
    if got.shape != at.shape:
        raise DomainError(f"function {name}: the numeric evaluation of an array of shape {at.shape} has the shape {got.shape}; it must be elementwise")
    for (point, value), found in zip(kept, got[0], strict=True):
        if not abs(found - float(value)) <= 1e-9 * abs(float(value)) + 1e-15:
            raise DomainError(
                f"function {name}: the numeric evaluation is wrong at z = {float(point):.4g}: it gives {found:.12g}, the definition {float(value):.12g}; "
                "give numpy=, a function that is accurate there"
            )


def _numpy_of(meaning: sp.Expr) -> Callable[[Any], Any]:
    """Evaluation made from the definition: in floats, and in many digits where floats overflow."""
    made = sp.lambdify(_z, meaning, modules=[{name: entry.numpy for name, entry in TABLE.items()}, "numpy"])

    def evaluate(z: Any) -> Any:
        at = np.asarray(z, dtype=float)
        with np.errstate(all="ignore"):
            value = np.array(np.broadcast_to(made(at), at.shape), dtype=float)
        for place in map(tuple, np.argwhere(np.isfinite(at) & ~np.isfinite(value))):
            exact = meaning.subs(_z, sp.Rational(float(at[place]))).evalf(DIGITS)
            value[place] = float(exact) if exact.is_real else np.nan
        return value

    return evaluate
