"""Index equations in a sum of products, solved when the program is planned: a window, a slice or a reshape takes elements instead of multiplying by 0 and 1."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

from symdl.lower.contract import Factor
from symdl.lower.emit import Emitter
from symdl.lower.index_parts import Parts, in_parts, is_smaller, parts_of, pays
from symdl.lower.index_views import windowed
from symdl.lower.program import Ref, Table


class Known(NamedTuple):
    """Whole numbers that depend on positions in another way, such as j*(j - 1)/2."""

    value: np.ndarray
    axes: tuple[int, ...]


class Equation(NamedTuple):
    """offset + Sum of coefficient * index + known numbers = 0, in whole numbers."""

    coefs: dict[int, int]
    offset: int
    known: tuple[Known, ...] = ()

    @property
    def axes(self) -> tuple[int, ...]:
        """All indices that it speaks of."""
        return tuple(dict.fromkeys((*self.coefs, *(k for part in self.known for k in part.axes))))

    def free(self) -> list[int]:
        """Those that it can be solved for."""
        return [k for k in self.coefs if not any(k in part.axes for part in self.known)]

    def side(self, sizes: Mapping[int, int], axes: Sequence[int]) -> np.ndarray:
        """The part in these indices, and in none of the others."""
        total = self.offset + _grid({k: self.coefs[k] for k in axes if k in self.coefs}, sizes, axes)
        for part in self.known:
            order = sorted(range(len(part.axes)), key=lambda n, own=part.axes: axes.index(own[n]))  # type: ignore[misc]
            own = [part.axes[n] for n in order]
            total = total + part.value.transpose(order).reshape([sizes[k] if k in own else 1 for k in axes])
        return np.asarray(total)

    def holds(self, sizes: Mapping[int, int]) -> np.ndarray:
        """1 where it holds, else 0; axes in the order of the indices."""
        return (self.side(sizes, self.axes) == 0).astype(float)


class _Solution(NamedTuple):
    """What summed indices are, as functions of the others: arrays over ``axes``, and where they exist.

    ``spaced``: of a single index the same, where it does not exist exactly because it lies beyond the ends of its range or between two positions: with
    those positions, in an axis whose elements stand ``step`` apart.
    """

    at: dict[int, np.ndarray]
    axes: tuple[int, ...]
    exists: np.ndarray
    spaced: np.ndarray | None = None
    step: int = 1


class Solved(NamedTuple):
    """The factors with the equations worked in, and indices of the result that are to be put together from parts."""

    factors: list[Factor]
    wholes: dict[int, Parts]


def solve(
    out: Emitter, equations: Sequence[Equation], factors: list[Factor], summed: dict[int, Any], result: Sequence[int], sizes: Mapping[int, int]
) -> Solved:
    """The equations worked in. Summed indices that an equation determines, and parts, are taken out of ``summed``."""
    waiting = list(equations)
    wholes: dict[int, Parts] = {}
    found = [_whole(e, summed, [o for o in waiting if o is not e], {}) for e in waiting]
    smaller = is_smaller(dict(filter(None, found)), factors, result, sizes)
    while waiting:
        equation = waiting.pop(0)
        whole = _whole(equation, summed, waiting, wholes)
        if whole is not None and pays(*whole, factors, smaller, sizes):
            read = in_parts(out, factors, *whole, sizes)
            if read is not None:
                factors, wholes[whole[0]] = read, whole[1]
                for k in whole[1].indices:
                    summed.pop(k)
                continue
        chosen = _chosen(equation, summed, sizes)
        if not chosen:
            factors = [*factors, _table(out, equation, sizes)]
            continue
        solution = _narrowed(out, _solved(equation, chosen, sizes), factors, summed, sizes)
        chosen = list(solution.at)
        # Another equation in an index that goes gets the solution put in, or else it is multiplied in as it is.
        said = [_substituted(e, solution) for e in waiting]
        factors = [*factors, *(_table(out, e, sizes) for e, s in zip(waiting, said, strict=True) if s is None)]
        waiting = [s for s in said if s is not None]
        factors = _taken(out, factors, solution, sizes)
        for k in chosen:
            summed.pop(k)
    return Solved(factors, wholes)


def _whole(equation: Equation, summed: Mapping[int, Any], waiting: Sequence[Equation], wholes: Mapping[int, Parts]) -> tuple[int, Parts] | None:
    """The index of the result that the summed ones make; None when another equation speaks of one of them."""
    found = None if equation.known else parts_of(equation.coefs, equation.offset, summed)
    others = {k for e in waiting for k in e.axes} | _indices(wholes) | wholes.keys()
    return None if found is None or others & {found[0], *found[1].indices} else found


def _indices(wholes: Mapping[int, Parts]) -> set[int]:
    return {k for parts in wholes.values() for k in parts.indices}


def _substituted(equation: Equation, solution: _Solution) -> Equation | None:
    """The equation without the indices that were solved for; None when one stands in its known numbers. Where no solution exists it says nothing."""
    gone = [k for k in equation.coefs if k in solution.at]
    if any(k in solution.at for part in equation.known for k in part.axes):
        return None
    if not gone:
        return equation
    value = sum(equation.coefs[k] * solution.at[k] for k in gone)
    rest = {k: c for k, c in equation.coefs.items() if k not in gone}
    return Equation(rest, equation.offset, (*equation.known, Known(np.broadcast_to(np.asarray(value), solution.exists.shape), solution.axes)))


def _narrowed(out: Emitter, solution: _Solution, factors: Sequence[Factor], summed: Mapping[int, Any], sizes: Mapping[int, int]) -> _Solution:
    """With the zeros of masks among the factors: a summed index of which only one value is left is solved for, too.

    So an element of a packed triangle has one row and one column, where the equation alone allows several.
    """
    masks = [f for f in factors if f.axes and isinstance(f.value, Ref) and out.code[f.value].op == "table"]
    for mask in masks:
        if not set(mask.axes) & set(solution.at) or not set(mask.axes) <= {*solution.at, *solution.axes}:
            continue
        array = out.code[mask.value].attr.array  # type: ignore[index]
        place = tuple(solution.at[k] if k in solution.at else _position(k, solution.axes, sizes) for k in mask.axes)
        solution = solution._replace(exists=solution.exists & (array[place] != 0), spaced=None)
    for k in [k for k in solution.axes if k in summed]:
        axis = solution.axes.index(k)
        if len(solution.axes) > 1 and (solution.exists.sum(axis) <= 1).all():
            best = solution.exists.argmax(axis)
            at = {i: _along(np.broadcast_to(v, solution.exists.shape), best, axis) for i, v in solution.at.items()} | {k: np.asarray(best)}
            solution = _Solution(at, tuple(i for i in solution.axes if i != k), np.asarray(solution.exists.any(axis)))
    return solution


def _along(values: np.ndarray, at: Any, axis: int) -> np.ndarray:
    """For every place of the other axes the value at one place of this axis."""
    return np.asarray(np.take_along_axis(values, np.expand_dims(at, axis), axis).squeeze(axis))


def _position(k: int, axes: Sequence[int], sizes: Mapping[int, int]) -> np.ndarray:
    """0, 1, ... along one of the axes."""
    return np.arange(sizes[k]).reshape([-1 if a == k else 1 for a in axes])


def _table(out: Emitter, equation: Equation, sizes: Mapping[int, int]) -> Factor:
    axes = equation.axes
    shape = tuple(sizes[k] for k in axes)
    return Factor(out.emit("table", (), Table(equation.holds(sizes)), shape), axes) if axes else Factor(float(equation.offset == 0), ())


def _chosen(equation: Equation, summed: Mapping[int, Any], sizes: Mapping[int, int]) -> list[int]:
    """The summed indices to solve for: all digits of a number, or else the longest one."""
    own = sorted((k for k in equation.free() if k in summed), key=lambda k: -abs(equation.coefs[k]))
    if len(own) > 1 and _digits(equation, own, sizes):
        return own
    return [max(own, key=lambda k: sizes[k])] if own else []


def _digits(equation: Equation, own: Sequence[int], sizes: Mapping[int, int]) -> bool:
    """Whether the indices, largest first, are digits: each step is larger than all that the smaller ones reach."""
    signs = {equation.coefs[k] > 0 for k in own}
    reach = 0
    for k in reversed(own):
        if abs(equation.coefs[k]) <= reach:
            return False
        reach += abs(equation.coefs[k]) * (sizes[k] - 1)
    return len(signs) == 1


def _solved(equation: Equation, chosen: Sequence[int], sizes: Mapping[int, int]) -> _Solution:
    axes = tuple(k for k in equation.axes if k not in chosen)
    sign = -1 if equation.coefs[chosen[0]] > 0 else 1
    rest = sign * equation.side(sizes, axes)
    at: dict[int, np.ndarray] = {}
    for k in chosen:
        step = abs(equation.coefs[k])
        at[k] = np.clip(rest // step, 0, sizes[k] - 1)
        rest = rest - step * at[k]
    if len(chosen) > 1:
        return _Solution(at, axes, rest == 0)
    return _Solution(at, axes, rest == 0, rest + step * at[chosen[0]], step)


def _grid(coefs: Mapping[int, int], sizes: Mapping[int, int], axes: Sequence[int]) -> Any:
    total: Any = np.zeros((1,) * len(axes), dtype=np.int64)
    for place, k in enumerate(axes):
        shape = [1] * len(axes)
        shape[place] = -1
        total = total + coefs.get(k, 0) * np.arange(sizes[k]).reshape(shape)
    return np.broadcast_to(total, tuple(sizes[k] for k in axes))


def _taken(out: Emitter, factors: Sequence[Factor], solution: _Solution, sizes: Mapping[int, int]) -> list[Factor]:
    masked = bool(solution.exists.all())
    done: list[Factor] = []
    for factor in factors:
        own = [k for k in factor.axes if k in solution.at]
        if not own:
            done.append(factor)
            continue
        done.append(_take(out, factor, own, solution, None if masked else ~solution.exists, sizes))
        masked = True
    if not masked:
        done.append(out.numbers(solution.exists.astype(float), solution.axes))
    return done


def _seen(out: Emitter, factor: Factor, solution: _Solution, sizes: Mapping[int, int]) -> Factor | None:
    """The elements as a view, with zeros where there are none; None when they cannot be seen so."""
    if solution.exists.all():
        return windowed(out, factor, solution.at, solution.axes, sizes)
    if solution.spaced is None:
        return None
    (k,) = solution.at
    return windowed(out, factor, {k: solution.spaced}, solution.axes, sizes, {k: solution.step})


def _take(out: Emitter, factor: Factor, own: list[int], solution: _Solution, missing: np.ndarray | None, sizes: Mapping[int, int]) -> Factor:
    """The elements of one factor, on the axes of the solution and its own others; an index on both is read along the diagonal."""
    seen = _seen(out, factor, solution, sizes)
    if seen is not None:
        return seen
    common = [k for k in factor.axes if k in solution.axes]
    first = [*own, *common]
    others = [k for k in factor.axes if k not in first]
    arranged = out.arranged(factor, (*first, *others))
    flat = out.reshape(arranged.value, (math.prod(sizes[k] for k in first), *(sizes[k] for k in others)))
    at = np.zeros(solution.exists.shape, dtype=np.intp)
    for k in first:
        place = solution.at[k] if k in solution.at else _grid({k: 1}, sizes, [k]).reshape([-1 if a == k else 1 for a in solution.axes])
        at = at * sizes[k] + place
    shape = (*solution.exists.shape, *(sizes[k] for k in others))
    axes = (*solution.axes, *others)
    if not at.shape:
        # The solution is one number: an index of length 1, taken away again.
        value = out.emit("take", (flat,), (Table(at.reshape(1)), None if missing is None else Table(missing.reshape(1))), (1, *shape))
        return Factor(out.emit("select", (value,), (~0, *range(len(shape))), shape), axes)
    value = out.emit("take", (flat,), (Table(at), None if missing is None else Table(missing)), shape)
    return Factor(value, axes)
