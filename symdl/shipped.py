"""Everything that symdl ships, proved: function table, rewrites, layers, losses. What ``symdl verify --rules`` prints."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, NamedTuple

import sympy as sp

from symdl.diff import derive as differentiator
from symdl.errors import SymdlError
from symdl.expr.dims import dims
from symdl.expr.ops import sum_
from symdl.expr.tensor import Expr, tensor
from symdl.functions import TABLE
from symdl.lower.stabilise import identities
from symdl.prove.claims import check
from symdl.prove.equal import prove
from symdl.shortenings import shortenings
from symdl.steps.verdict import UNKNOWN, Check, Report, Verdict


class Sample(NamedTuple):
    """A layer or a loss with symbolic sizes, and what it is differentiated by."""

    name: str
    make: Callable[[], Expr]
    wrt: tuple[str, ...]


def report(time_budget: float = 10.0) -> Report:
    """Prove all of it; what is not decided is listed as UNKNOWN.

    Parameters
    ----------
    time_budget : float
        Seconds a proof.
    """
    made = Report("what symdl ships")
    for part in (rules, rewrites, shortenings, layers_and_losses):
        made.extend(part(time_budget))
    return made


def rules(time_budget: float = 10.0) -> Iterator[Check]:
    """Every derivative of the function table against the function's definition (of basic ones, against the prover's own knowledge)."""
    for name, entry in TABLE.items():
        symbols = entry.symbols
        arguments = [sp.Symbol(str(s), positive=True) if entry.domain or k else sp.Symbol(str(s), real=True) for k, s in enumerate(symbols)]
        for k, derivative in enumerate(entry.derivatives):
            what = f"{entry.rule}, {name}" + (f" by {arguments[k]}" if entry.nargs > 1 else "")
            yield _line(what, partial(_rule, entry.sympy, derivative, arguments, k, time_budget))


def _rule(function: Any, derivative: Callable[..., Any], arguments: list[Any], k: int, time_budget: float) -> Verdict:
    return check(function(*arguments), arguments[k], derivative(*arguments), time_budget=time_budget)


def rewrites(time_budget: float = 10.0) -> Iterator[Check]:
    """The identities by which the lowering keeps digits."""
    for identity in identities():
        yield _line(f"rewrite: {identity.name}", partial(prove, identity.lhs, identity.rhs, time_budget))


def layers_and_losses(time_budget: float = 10.0) -> Iterator[Check]:
    """Gradients of layers and losses, by every argument."""
    for sample in samples():
        try:
            loss = sample.make()
            derived = differentiator.derivation(loss, {name: _input(loss, name) for name in sample.wrt})
        except SymdlError as error:
            yield Check(f"gradient of {sample.name}", "proof", UNKNOWN, note=str(error))
            continue
        for name in sample.wrt:
            yield _line(f"gradient of {sample.name} by {name}", partial(check, loss, name, derived.gradients[name], time_budget=time_budget))


def _input(loss: Expr, name: str) -> Expr:
    from symdl.prove.claims import named_parts

    return named_parts(loss)[name]


def _line(what: str, attempt: Callable[[], Verdict]) -> Check:
    try:
        verdict = attempt()
    except SymdlError as error:
        return Check(what, "proof", UNKNOWN, note=str(error))
    return Check(what, f"proof: {verdict.method}" if verdict.proved else "proof", verdict.verdict, note="" if verdict.proved else str(verdict))


def samples() -> list[Sample]:
    """Layers under a weighted sum of their outputs, and losses."""
    from symdl.model import layers, losses, normalization
    from symdl.model.attention import scaled_dot_product_attention
    from symdl.model.linear import bilinear, linear

    n, p, h, m = dims("n p h m")
    x, target, weights, bias = tensor("x", n, p), tensor("t", n, p), tensor("W", h, p), tensor("b", h)
    share = tensor("t", n, p, facts="simplex")
    out, same = tensor("G", n, h), tensor("G", n, p)
    gamma, beta = tensor("gamma", p), tensor("beta", p)

    def under(weight: Expr, value: Callable[[], Any]) -> Callable[[], Expr]:
        return lambda: sum_(weight * value())

    def dense(name: str) -> Callable[[], Any]:
        return lambda: layers.dense(x, tensor("V", p, h), bias, lambda z: _applied(name, z))

    found = [Sample(f"a dense layer with {name}", under(out, dense(name)), ("V", "b", "x")) for name in sorted(_activations())]
    query, key, value, mixed = tensor("Q", n, p), tensor("K", m, p), tensor("V", m, h), tensor("G", n, h)
    found += [
        Sample("linear", under(out, lambda: linear(x, weights, bias)), ("W", "b", "x")),
        Sample("bilinear", under(out, lambda: bilinear(x, tensor("y", n, m), tensor("B", h, p, m), bias)), ("B", "b", "x", "y")),
        Sample("layer_norm", under(same, lambda: normalization.layer_norm(x, gamma, beta)), ("x", "gamma", "beta")),
        Sample("batch_norm", under(same, lambda: normalization.batch_norm(x, gamma, beta)), ("x", "gamma", "beta")),
        Sample("rms_norm", under(same, lambda: normalization.rms_norm(x, gamma)), ("x", "gamma")),
        Sample("causal attention", under(mixed, lambda: scaled_dot_product_attention(query, tensor("K", n, p), tensor("V", n, h), is_causal=True)), ("Q", "V")),
        Sample("attention", under(mixed, lambda: scaled_dot_product_attention(query, key, value)), ("Q", "K", "V")),
    ]
    found += _recurrent() + _windows()
    pairs: list[tuple[str, Callable[..., Any], tuple[Any, ...]]] = [
        (name, getattr(losses, name), (x, share if name in _SHARES else target)) for name in _PAIRS if hasattr(losses, name)
    ]
    found += [Sample(name, partial(f, *a), ("x",)) for name, f, a in pairs]
    return found


def _recurrent() -> list[Sample]:
    from symdl.model import recurrent

    n, p, h = dims("n p h")
    x, state, memory, out = tensor("x", n, p), tensor("s", n, h), tensor("c", n, h), tensor("G", n, h)

    def weights(gates: int) -> tuple[Expr, Expr, Expr, Expr]:
        return tensor("W", gates * h, p), tensor("U", gates * h, h), tensor("b", gates * h), tensor("d", gates * h)

    by = ("W", "U", "b", "x", "s")
    return [
        Sample("rnn_cell", lambda: sum_(out * recurrent.rnn_cell(x, state, *weights(1))), by),
        Sample("gru_cell", lambda: sum_(out * recurrent.gru_cell(x, state, *weights(3))), by),
        Sample("lstm_cell", lambda: sum_(out * recurrent.lstm_cell(x, (state, memory), *weights(4))[0]), (*by, "c")),
    ]


def _windows() -> list[Sample]:
    """Layers that look at parts of an axis. What they look at may have sizes that only a number can have."""
    from symdl.model import convolution, linear, normalization, pooling

    n, p, h, m, u = dims("n p h m u")
    signal, image = tensor("x", n, p, m), tensor("x", n, p, 8, 8)
    return [
        Sample("embedding", lambda: sum_(tensor("G", n, p) * linear.embedding(tensor("k", n), tensor("W", m, p))), ("W",)),
        Sample("conv1d", lambda: sum_(convolution.conv1d(signal, tensor("w", h, p, u), tensor("b", h)) ** 2), ("w", "b", "x")),
        Sample("conv1d, padded", lambda: sum_(convolution.conv1d(signal, tensor("w", h, p, 3), padding=1) ** 2), ("w", "x")),
        Sample("conv2d", lambda: sum_(convolution.conv2d(image, tensor("w", h, p, 3, 3)) ** 2), ("w", "x")),
        Sample("avg_pool1d", lambda: sum_(pooling.avg_pool1d(tensor("x", n, p, 8), 2) ** 2), ("x",)),
        Sample("max_pool1d", lambda: sum_(pooling.max_pool1d(tensor("x", n, p, 8), 2) ** 2), ("x",)),
        Sample("group_norm", lambda: sum_(tensor("G", n, 6, m) * normalization.group_norm(tensor("x", n, 6, m), 2, tensor("g", 6))), ("x", "g")),
    ]


#: Losses of a prediction and a target of one shape.
_PAIRS = (
    "l1_loss", "mse_loss", "huber_loss", "smooth_l1_loss", "poisson_nll_loss", "kl_div", "binary_cross_entropy", "binary_cross_entropy_with_logits",
    "soft_margin_loss", "cross_entropy_loss", "multilabel_soft_margin_loss", "hinge_embedding_loss", "least_squares",
)  # fmt: skip
_SHARES = frozenset(["cross_entropy_loss"])


def _activations() -> list[str]:
    """Functions of one argument that are no elementary ones."""
    return [e.name for e in TABLE.values() if e.nargs == 1 and not e.domain and e.definition is not None and e.name not in ("iszero", "expm1", "log1p")]


def _applied(name: str, z: Expr) -> Expr:
    return z._apply_elementwise(name, z)


__all__ = ["layers_and_losses", "report", "rewrites", "rules", "samples"]
