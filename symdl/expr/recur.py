"""Recurrences: ``a[l+1] = body(a[l], l)`` over a depth or a time that may be a symbol."""

from __future__ import annotations

import reprlib
from collections.abc import Callable, Sequence
from typing import Any

import sympy as sp

from symdl.errors import NameError_, ShapeError, UnsupportedError
from symdl.expr.dims import as_size, check_name, show_shape
from symdl.expr.pending import agreed, fitted
from symdl.expr.tensor import Expr, as_expr, describe
from symdl.graph import build
from symdl.graph.build import Term
from symdl.graph.node import RECUR, Node, Size
from symdl.graph.recurrence import Opened, close, own_axes, placeholder, plus_one, system_of
from symdl.graph.shared import shared_labels


def recur(name: Any, init: Any, body: Callable[..., Any], length: Any, *, reverse: bool = False) -> Any:
    """The states of a recurrence: a[0] = init, a[l+1] = body(a[l], l) for l = 0, ..., length - 1.

    Parameters
    ----------
    name : str, or several for several states
        "a"; or "h c", or ("h", "c").
    init : Expr, or a tuple of several states
        Where the states start.
    body : callable
        ``body(prev, l)``: the state after step l, an expression in the state before it. ``l`` is an index letter that runs over ``length``:
        ``W[l]`` is the element of W for this step. For several states ``prev`` and the answer are tuples.
    length : int or size
        How many steps; 0 is allowed.
    reverse : bool
        Run down: a[length] = init, a[l] = body(a[l+1], l) for l = length - 1, ..., 0.

    Returns
    -------
    Expr, or a tuple of these
        All states: an axis of length + 1 positions in front of the state's own. ``a[-1]`` (or ``a[length]``) is the last one, ``a[1:]`` and
        ``a[:-1]`` the states after and before every step.

    Raises
    ------
    ShapeError
        When a step does not keep the shape of the state, or the letter runs over another size.
    NameError_
        When there is not one name for each state.
    UnsupportedError
        When some index letters of the state are summed over in the body, and some are not.

    Notes
    -----
    jax.lax.scan. Its derivative is a recurrence that runs the other way: backpropagation through time.

    Examples
    --------
    >>> x = sd.tensor("x", "T")
    >>> a = sd.recur("a", sd.zeros(), lambda before, t: before / 2 + x[t], "T")
    >>> sd.evaluate(a, x=[1, 1, 1])
    array([0.  , 1.  , 1.5 , 1.75])
    """
    several = isinstance(init, (tuple, list))
    names = _names(name, len(init) if several else 1)
    starts = [_settled(e) for e in agreed([as_expr(e) for e in (init if several else [init])])]
    steps = _length(length, names[0])
    letter = sp.Idx(sp.Dummy("l" if names[0] != "l" else "s", integer=True), sp.sympify(steps) if steps != 0 else 1)
    letters: dict[Any, Size] = {}
    for start in starts:
        _join(letters, start.open, names[0])
    while True:
        previous = [placeholder((*letters.values(), *start.shape)) for start in starts]
        views = [Expr(Term(p, (*letters, *range(s.ndim))), s.shape, dict(letters)) for p, s in zip(previous, starts, strict=True)]
        answer = body(tuple(views) if several else views[0], letter)
        after = [_settled(e) for e in agreed([*views, *_answers(answer, names, several)])[len(views) :]]
        for expr in after:
            if expr.open.get(letter, steps) != steps:
                raise ShapeError(f"recur {names[0]}: its letter runs over {steps} steps and, in the body, over an axis of size {expr.open[letter]}")
        found = dict(letters)
        for expr in after:
            _join(found, {s: n for s, n in expr.open.items() if s != letter}, names[0])
        if found == letters:
            break
        letters = found
    for n, start, expr in zip(names, starts, after, strict=True):
        if expr.shape != start.shape:
            raise ShapeError(
                f"recur {n}: the state has the shape {show_shape(start.shape)}, and a step gives {describe(expr)}, of shape {show_shape(expr.shape)}"
            )
    axes = tuple((*letters, *(("axis", k) for k in range(start.ndim))) for start in starts)
    shapes = tuple((*letters.values(), *start.shape) for start in starts)
    inits = tuple(_on_axes(start) for start in starts)
    bodies = tuple(_on_axes(expr) for expr in after)
    shared = shared_labels(bodies, previous, list(letters))
    order = [*shared, *(s for s in letters if s not in shared)]
    if order != list(letters):
        raise UnsupportedError(f"recur {names[0]}: {', '.join(map(str, letters))}: some of these letters are summed over in the body, and some are not")
    opened = Opened(names, steps, reverse, len(shared), letter, axes, shapes, tuple(previous), inits, bodies)
    system = close(opened)
    results = tuple(whole(system.node(k), letters) for k in range(len(starts)))
    return results if several else results[0]


def whole(node: Node, letters: dict[Any, Size]) -> Expr:
    """A part of a recurrence as an expression: its first axes (behind the step's) are the letters."""
    lead = 0 if node.attr.part == "final" else 1
    count = len(letters)
    entries = (*range(lead), *letters, *range(lead, node.rank - count))
    return Expr(Term(node, entries), (*node.shape[:lead], *node.shape[lead + count :]), dict(letters))


def last(states: Any) -> Expr:
    """The last state of a recurrence, a[length] (a[0] of one that runs down).

    Parameters
    ----------
    states : Expr
        What :func:`recur` gives.

    Returns
    -------
    Expr
        Of the state's shape.

    Raises
    ------
    UnsupportedError
        For anything but all states of a recurrence.

    Examples
    --------
    >>> A, x = sd.tensor("A", 2, 2), sd.tensor("x", 2)
    >>> powers = sd.recur("p", x, lambda before, l: A @ before, 3)
    >>> sd.evaluate(sd.last(powers), A=[[1, 1], [0, 1]], x=[0, 1])
    array([3., 1.])
    """
    expr = as_expr(states)
    found = part(expr, "final")
    if found is None:
        raise UnsupportedError(f"last of {describe(expr)}: only of the states that sd.recur gives")
    return found


def part(expr: Expr, which: str) -> Expr | None:
    """The states of a whole recurrence "before" or "after" every step, or the "final" one; None when the expression is no whole recurrence."""
    node = expr.node
    if node.op != RECUR or node.attr.part != "all" or 0 not in expr.map:
        return None
    if type(expr.map[0]) is not int or expr.map[0] != 0 or expr.map.count(0) != 1:
        return None
    made = system_of(node).node(node.attr.state, which)
    if which == "final":
        entries = tuple(e - 1 if type(e) is int and e >= 0 else e for e in expr.map[1:])
        return Expr(Term(made, entries), expr.shape[1:], expr.open)
    return Expr(Term(made, expr.map), (node.attr.length, *expr.shape[1:]), expr.open)


def start(expr: Expr) -> Expr | None:
    """Where the states of a whole recurrence start; None when the expression is no whole recurrence in its own order of axes."""
    node = expr.node
    letters = [e for e in expr.map if type(e) is not int]
    if node.op != RECUR or node.attr.part != "all" or expr.map != (0, *letters, *range(1, node.rank - len(letters))):
        return None
    own = own_axes(node)[node.attr.state]
    axes = [*letters, *range(node.rank - 1 - len(letters))]
    init = build.rename(Term(node.args[node.attr.state], node.maps[node.attr.state]), dict(zip(own, axes, strict=True)))
    return Expr(init, expr.shape[1:], {s: n for s, n in expr.open.items() if s in init.map})


def position(expr: Expr, key: Any) -> Expr | None:
    """What ``a[key]`` is of all states of a recurrence, where that is a part of it; None where it is not."""
    node = expr.node
    if node.op != RECUR or node.attr.part != "all":
        return None
    length, down = node.attr.length, node.attr.down
    if isinstance(key, slice):
        if key.step not in (None, 1):
            return None
        if _is(key.start, 1) and (key.stop is None or _is(key.stop, plus_one(length))):
            return part(expr, "before" if down else "after")
        if (key.start is None or _is(key.start, 0)) and (_is(key.stop, -1) or _is(key.stop, length)):
            return part(expr, "after" if down else "before")
        return None
    if down and (_is(key, -1) or _is(key, length)):
        return start(expr)
    if (_is(key, 0) and down) or ((_is(key, -1) or _is(key, length)) and not down):
        return part(expr, "final")
    return None


def _is(value: Any, other: Any) -> bool:
    if value is None or isinstance(value, (bool, Expr, slice)):
        return False
    return bool(sp.sympify(value) == sp.sympify(other))


def _names(name: Any, count: int) -> tuple[str, ...]:
    names = tuple(name.replace(",", " ").split()) if isinstance(name, str) else tuple(name) if isinstance(name, (tuple, list)) else (name,)
    if not all(isinstance(n, str) for n in names):
        raise NameError_(f"recur: {reprlib.repr(name):.60} is no name of a state, nor names of several")
    if len(names) != count or len(set(names)) != count:
        raise NameError_(f"recur {' '.join(map(str, names))!r:.60}: {count} different name{'s are' if count > 1 else ' is'} needed, one for each state")
    return tuple(check_name(n, "state") for n in names)


def _length(value: Any, name: str) -> Size:
    if isinstance(value, (int, sp.Integer)) and value == 0 and not isinstance(value, bool):
        return 0
    return as_size(value, f"recur {name}: the number of steps")


def _settled(expr: Expr) -> Expr:
    """A recurrence holds the sizes of its states: letters that could run as far as fits do so from here on."""
    return fitted(expr, list(expr.open))


def _join(letters: dict[Any, Size], more: dict[Any, Size], name: str) -> None:
    for letter in sorted(more, key=str):
        if letters.setdefault(letter, more[letter]) != more[letter]:
            raise ShapeError(f"recur {name}: the index {letter} runs over {letters[letter]} and over {more[letter]}")


def _answers(answer: Any, names: Sequence[str], several: bool) -> list[Expr]:
    if several != isinstance(answer, (tuple, list)) or (several and len(answer) != len(names)):
        wanted = f"a tuple of {len(names)} expressions, for {', '.join(names)}" if several else "one expression"
        raise ShapeError(f"recur {names[0]}: a step must give {wanted}")
    return [as_expr(e) for e in (answer if several else [answer])]


def _on_axes(expr: Expr) -> Term:
    """The term with ("axis", k) for its axes, so that letters and axes are labels alike."""
    return build.rename(expr.term, {k: ("axis", k) for k in range(expr.ndim)})
