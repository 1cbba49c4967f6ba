"""Random expressions of every kind of node: a pool that starts with the inputs, to which every step adds what it makes of two of its members.

What does not fit together is refused by symdl (a SymdlError) and adds nothing; any other error is a finding.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

import symdl as sd
from fuzz.draws import Draws
from symdl.errors import SymdlError
from symdl.expr.tensor import elementwise
from symdl.functions import TABLE

n, m = sd.dims("n m")
i, j, k = sd.indices("i j k")
SIZES = {"n": 3, "m": 2}
INPUTS = {
    "x": sd.tensor("x", n),
    "y": sd.tensor("y", n),
    "z": sd.tensor("z", m),
    "A": sd.tensor("A", n, n),
    "B": sd.tensor("B", n, m),
    "T": sd.tensor("T", m, n, 2),
    "s": sd.tensor("s"),
    "u": sd.tensor("u", 4),
    "c": sd.tensor("c", m),
    "S": sd.tensor("S", n, n, facts="symmetric"),
}
NUMBERS = [1, -1, 2, -3, 0, 0.5, 0.1, -0.25, 7, 1e-3, 1e6, 10**20, -(2.5)]
EXPONENTS = [2, -1, 3, 0.5, -0.5, -2, 1, 0, 1.5, 7]
#: Names that would break programs and texts that used them as their own.
NAMES = ["h", "v", "lambda", "x1", "exp", "e", "i", "delta", "C", "None", "np", "sum"]
#: Steps at most, and nodes in one expression: products of sums grow fast.
STEPS, NODES = 14, 400


def expression(draws: Draws, steps: int = STEPS) -> Any:
    """An expression; its kinds, operands and numbers come from the bytes."""
    pool: list[Any] = [INPUTS[name] for name in sorted(INPUTS)]
    names = iter(range(100))
    for _ in range(1 + draws.below(steps)):
        kind = draws.one_of(KINDS)
        # The last made is taken often, so that expressions grow deep and not only wide.
        a = pool[-1] if draws.below(3) else draws.one_of(pool)
        b = draws.one_of(pool)
        try:
            made = kind(draws, a, b, names)
        except SymdlError:
            continue
        if _count(made) <= NODES:
            pool.append(made)
    return pool[-1]


def scalar(draws: Draws, steps: int = STEPS) -> Any:
    """A scalar: the sum of an expression, over its letters too."""
    return closed(expression(draws, steps))


def closed(found: Any) -> Any:
    try:
        return sd.sum(sd.sum(found, *sorted(found.open, key=str)) if found.open else found)
    except SymdlError:  # a letter for which no position fits
        return sd.sum(INPUTS["x"] ** 2)


def values(seed: int, of: Any = None) -> dict[str, Any]:
    """Numbers for the inputs that an expression mentions (all of them without one); some of them tied, tiny or large."""
    rng = np.random.default_rng(seed)
    scale = (1.0, 1.0, 0.1, 4.0, 30.0)[seed % 5]
    found: dict[str, Any] = {}
    for name, tensor in INPUTS.items():
        shape = [SIZES.get(str(size), size) for size in tensor.shape]
        found[name] = np.asarray(rng.normal(size=shape) * scale)
        if name == "c":
            found[name] = rng.integers(0, 2, size=shape).astype(float)
        if name == "S":
            found[name] = found[name] + found[name].T
    return found if of is None else {name: found[name] for name in of.inputs}


def given(of: Any, seed: int) -> dict[str, Any]:
    """The same as arguments of :func:`symdl.evaluate`: with the sizes that no input tells."""
    from symdl.prove.problem import dims_of

    told = {str(size) for name in of.inputs for size in INPUTS[name].shape}
    return values(seed, of) | {str(d): SIZES[str(d)] for d in dims_of([of]) if str(d) not in told}


def with_sizes(of: Any, seed: int) -> dict[Any, Any]:
    """The same for the provers' own evaluations: sizes by symbol."""
    return {**values(seed, of), n: SIZES["n"], m: SIZES["m"]}


def _count(expr: Any) -> int:
    from symdl.graph.walk import topological

    return len(topological([expr.node]))


def _first(a: Any) -> Any:
    return a.shape[0] if a.shape else 1


# --- the kinds -------------------------------------------------------------------------------------------------------------


def _number(draws: Draws, a: Any, b: Any, names: Any) -> Any:
    c = draws.one_of([*NUMBERS, n, n - m + 2, 1 / n])
    return (lambda: a + c, lambda: a * c, lambda: c - a, lambda: a / c if c != 0 else a)[draws.below(4)]()


def _sum(draws: Draws, a: Any, b: Any, names: Any) -> Any:
    return a + draws.one_of(NUMBERS) * b


def _product(draws: Draws, a: Any, b: Any, names: Any) -> Any:
    return a / b if draws.below(3) == 0 else a * b


def _matmul(draws: Draws, a: Any, b: Any, names: Any) -> Any:
    left, right = (a.T if draws.below(2) else a), (b.T if draws.below(2) else b)
    return left @ right


def _power(draws: Draws, a: Any, b: Any, names: Any) -> Any:
    return a ** draws.one_of(EXPONENTS)


def _function(draws: Draws, a: Any, b: Any, names: Any) -> Any:
    name = draws.one_of(sorted(TABLE))
    entry = TABLE[name]
    rest = [draws.one_of([b, 0.5, 2, -1]) for _ in range(entry.nargs - 1)]
    if name in ("clip", "hardtanh"):
        rest = [-1, 2]
    if name == "huber":
        rest = [draws.one_of([1, 0.5, 3])]
    return elementwise(name, a, *rest)


def _reduce(draws: Draws, a: Any, b: Any, names: Any) -> Any:
    over = draws.one_of([sd.sum, sd.mean, sd.logsumexp, sd.max, sd.min, sd.softmax, sd.var, sd.norm, sd.cumsum, sd.log_softmax])
    return over(a, axis=draws.below(max(a.ndim, 1))) if draws.below(3) else over(a)


def _matrix(draws: Draws, a: Any, b: Any, names: Any) -> Any:
    kind = draws.one_of([sd.inv, sd.det, sd.logdet, sd.trace, sd.diag, sd.tril, sd.triu, lambda q: sd.matrix_power(q, 3)])
    safe = a @ a.T + 3 * sd.eye(_first(a)) if a.ndim == 2 and draws.below(2) else a
    return kind(safe)


def _moved(draws: Draws, a: Any, b: Any, names: Any) -> Any:
    what = draws.below(10)
    if what == 0:
        return sd.window(a, 1 + draws.below(3), axis=-1, stride=1 + draws.below(2), padding=draws.below(2), dilation=1 + draws.below(2))
    if what == 1:
        return a[draws.below(3) : None : draws.one_of([1, 2, -1])]
    if what == 2:
        return sd.pad(a, draws.below(2), draws.below(3), axis=0)
    if what == 3:
        return sd.concat([a, b], axis=0)
    if what == 4:
        return sd.stack([a, b])
    if what == 5:
        return a.T
    if what == 6:
        return a[draws.below(3)]
    if what == 7:
        return sd.reshape(a, -1)
    if what == 8:
        return sd.kron(a, b)
    return sd.outer(a, b)


def _gathered(draws: Draws, a: Any, b: Any, names: Any) -> Any:
    classes = INPUTS["c"]
    return draws.one_of(
        [
            lambda: a[classes],
            lambda: sd.gather(a, classes),
            lambda: a[..., classes],
            lambda: sd.sum(a[i] * b[i], i),
            lambda: sd.position(_first(a)) * a,
        ]
    )()


def _letters(draws: Draws, a: Any, b: Any, names: Any) -> Any:
    """Index notation: diagonals, deltas, windows as sums, fixed positions."""
    what = draws.below(7)
    if what == 0:
        return sd.sum(a[i, i], i)
    if what == 1:
        return sd.sum(a[i] * b[i + j], i)
    if what == 2:
        return sd.sum(sd.delta(i, j, _first(a)) * a[i] * b[j], i, j)
    if what == 3:
        return sd.sum(a[i, j] * a[j, i], i, j)
    if what == 4:
        return sd.sum(a[i] * b[2 * i + 1], i)
    if what == 5:
        return sd.sum(a[i, 0] - b[i], i)
    return sd.sum(a[i] * b[j] * INPUTS["A"][i, j], i, j)


def _named(draws: Draws, a: Any, b: Any, names: Any) -> Any:
    return sd.let(f"{draws.one_of(NAMES)}{next(names)}", a)


def _chosen(draws: Draws, a: Any, b: Any, names: Any) -> Any:
    return draws.one_of([sd.where, lambda c, p, q: sd.maximum(p, q) + sd.minimum(c, q)])(a, b, draws.one_of([a * b, b, 0]))


def _recurrence(draws: Draws, a: Any, b: Any, names: Any) -> Any:
    body: Callable[..., Any] = draws.one_of(
        [
            lambda h, t: sd.tanh(INPUTS["A"] @ h),
            lambda h, t: sd.sin(h) + b,
            lambda h, t: h * INPUTS["z"][t] + INPUTS["s"],
            lambda h, t: sd.sigmoid(h) - INPUTS["B"][:, t],
            lambda h, t: h / 2,
            lambda h, t: sd.softmax(h) * sd.max(h),
        ]
    )
    states = sd.recur(f"r{next(names)}", a, body, draws.one_of([m, 2, m + 1]))
    return states[-1] if draws.below(2) else states


def _model(draws: Draws, a: Any, b: Any, names: Any) -> Any:
    return draws.one_of(
        [
            lambda: sd.layer_norm(a),
            lambda: sd.mse_loss(a, b),
            lambda: sd.huber_loss(a, b),
            lambda: sd.conv1d(sd.reshape(a, (1, 1, -1)), sd.reshape(b, (1, 1, -1)), padding=1),
            lambda: sd.max_pool1d(sd.reshape(a, (1, 1, -1)), 2),
            lambda: sd.scaled_dot_product_attention(INPUTS["B"], INPUTS["B"], a),
            lambda: sd.cross_entropy_loss(INPUTS["B"].T, INPUTS["c"]),
        ]
    )()


#: What is made often stands here twice.
KINDS = [_number, _sum, _sum, _product, _product, _matmul, _power, _function, _function, _reduce, _matrix, _moved, _gathered, _letters, _named, _chosen]
KINDS += [_recurrence, _model]
