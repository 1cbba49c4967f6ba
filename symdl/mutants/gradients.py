"""The gradients that are made wrong. An entry here is all that a new one needs.

Most are written in the language of ``sd.parse``; sizes are letters where the gradient is for every size, numbers where it is at one.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

from symdl.errors import SymdlError
from symdl.expr import ops
from symdl.expr.dims import dims
from symdl.expr.language.parse import parse
from symdl.expr.recur import last, recur
from symdl.expr.tensor import Expr, let, tensor
from symdl.model.attention import scaled_dot_product_attention
from symdl.model.convolution import conv1d
from symdl.model.linear import embedding
from symdl.model.losses import binary_cross_entropy, binary_cross_entropy_with_logits, huber_loss, poisson_nll_loss
from symdl.model.normalization import layer_norm, rms_norm
from symdl.pipeline import grad, hessian
from symdl.prove.claims import named_parts


class Gradient(NamedTuple):
    """A right gradient: ``right`` is d loss / d wrt."""

    name: str
    loss: Expr
    wrt: Expr
    right: Expr


class Entry(NamedTuple):
    """How one is made, and by what it is differentiated; ``second``: its Hessian is meant, the derivative of the gradient."""

    make: Callable[[], Expr]
    wrt: str
    second: bool = False


def gradients(names: list[str] | None = None) -> list[Gradient]:
    """All of them, or those named."""
    return [made(name) for name in (names or ENTRIES)]


def made(name: str) -> Gradient:
    """One gradient, derived.

    Raises
    ------
    SymdlError
        When there is no gradient of the name.
    """
    if name not in ENTRIES:
        raise SymdlError(f"no gradient is called {name!r:.60}; there are: {', '.join(ENTRIES)}")
    entry = ENTRIES[name]
    loss = entry.make()
    wrt = named_parts(loss)[entry.wrt]
    if entry.second:
        return Gradient(name, grad(loss, wrt), wrt, hessian(loss, wrt))
    return Gradient(name, loss, wrt, grad(loss, wrt))


def _text(text: str, wrt: str, second: bool = False, **shapes: Any) -> Entry:
    return Entry(lambda: parse(text, **shapes), wrt, second)


def _facts(text: str, wrt: str, facts: dict[str, tuple[str, tuple[Any, ...]]], **shapes: Any) -> Entry:
    """With some tensors of which facts are declared: name -> fact, sizes."""
    return Entry(lambda: parse(text, **{n: tensor(n, *sizes, facts=fact) for n, (fact, sizes) in facts.items()}, **shapes), wrt)


def _network(activation: str, wrt: str, sizes: tuple[Any, ...]) -> Entry:
    """Two layers and least squares; ``sizes``: samples, inputs, hidden, outputs."""

    def make() -> Expr:
        n, p, h, m = sizes
        x, t, w1, b1, w2 = tensor("X", n, p), tensor("T", n, m), tensor("W1", p, h), tensor("b1", h), tensor("W2", h, m)
        hidden = let("H", parse(f"{activation}(X @ W1 + b1)", X=x, W1=w1, b1=b1))
        return ops.sum_((parse("sigmoid(H @ W2)", H=hidden, W2=w2) - t) ** 2) / 2

    return Entry(make, wrt)


def _convolution(sizes: tuple[Any, ...], wrt: str) -> Entry:
    def make() -> Expr:
        batch, channels, length, out, width = sizes
        x, w, g = tensor("x", batch, channels, length), tensor("w", out, channels, width), tensor("t", batch, out, length - width + 1)
        return ops.sum_((conv1d(x, w) - g) ** 2) / 2

    return Entry(make, wrt)


def _attention(sizes: tuple[Any, ...], wrt: str) -> Entry:
    def make() -> Expr:
        n, m, d, v = sizes
        return ops.sum_(tensor("G", n, v) * scaled_dot_product_attention(tensor("Q", n, d), tensor("K", m, d), tensor("V", m, v)))

    return Entry(make, wrt)


def _recurrent(sizes: tuple[Any, ...], wrt: str) -> Entry:
    def make() -> Expr:
        steps, h, p = sizes
        u, v, x, s0, g = tensor("U", h, h), tensor("V", p, h), tensor("X", steps, p), tensor("s0", h), tensor("g", h)
        states = recur("s", s0, lambda prev, t: ops.tanh(u @ prev + x[t] @ v), steps)
        return ops.sum_((last(states) - g) ** 2) / 2

    return Entry(make, wrt)


def _normalised(norm: Callable[..., Expr], sizes: tuple[Any, ...], wrt: str) -> Entry:
    def make() -> Expr:
        n, p = sizes
        return ops.sum_(tensor("G", n, p) * norm(tensor("x", n, p), tensor("gamma", p)))

    return Entry(make, wrt)


def _embedding(sizes: tuple[Any, ...]) -> Entry:
    def make() -> Expr:
        n, rows, d = sizes
        return ops.sum_((embedding(tensor("c", n), tensor("W", rows, d)) - tensor("t", n, d)) ** 2) / 2

    return Entry(make, "W")


def _loss(function: Callable[..., Expr], sizes: tuple[Any, ...], fact: str | None = None) -> Entry:
    return Entry(lambda: function(tensor("x", *sizes), tensor("t", *sizes, facts=fact) if fact else tensor("t", *sizes)), "x")


n, p, h, m, q = dims("n p h m q")

ENTRIES: dict[str, Entry] = {
    "neuron": _text("(sigmoid(w @ x + b) - t)**2/2", "w", w="p", x="p", b="", t=""),
    "neuron, 3 inputs": _text("(tanh(w @ x + b) - t)**2/2", "w", w="3", x="3", b="", t=""),
    "least squares": _text("sum((X @ w - y)**2)/(2*n)", "w", X="n,p", w="p", y="n"),
    "least squares, 3 by 2": _text("sum((X @ w - y)**2)/2", "X", X="3,2", w="2", y="3"),
    "ridge": _text("sum((X @ w - y)**2)/2 + r*sum(w**2)/2", "w", X="n,p", w="p", y="n", r=""),
    "weighted least squares": _text("sum(v*(X @ w - y)**2)/2", "X", X="n,p", w="p", y="n", v="n"),
    "sigmoid regression": _text("sum((sigmoid(X @ w) - y)**2)/2", "w", X="n,p", w="p", y="n"),
    "logistic, labels 0 and 1": _text("sum(softplus(X @ w) - y*(X @ w))", "w", X="n,p", w="p", y="n"),
    "logistic, labels -1 and 1": _text("sum(log(1 + exp(-y*(X @ w))))/n", "w", X="n,p", w="p", y="n"),
    "Hessian of logistic": _text("sum(softplus(X @ w) - y*(X @ w))", "w", True, X="n,p", w="p", y="n"),
    "Hessian of least squares, 3 by 2": _text("sum((sigmoid(X @ w) - y)**2)/2", "w", True, X="3,2", w="2", y="3"),
    "softmax cross-entropy": _facts("-sum(Y*log(softmax(X @ W)))", "W", {"Y": ("simplex", (n, m))}, X="n,p", W="p,m"),
    "logits": _text("logsumexp(z) - sum(t*z)", "z", z="m", t="m"),
    "two layers, first": _network("sigmoid", "W1", (n, p, h, m)),
    "two layers, bias": _network("tanh", "b1", (n, p, h, m)),
    "two layers, last": _network("tanh", "W2", (n, p, h, m)),
    "two layers, 2-2-2-1": _network("sigmoid", "W1", (2, 2, 2, 1)),
    "relu network": _network("relu", "W1", (n, p, h, m)),
    "GELU network": _network("gelu", "W1", (n, p, h, m)),
    "SiLU gate": _text("sum((X @ A)*silu(X @ B))", "B", X="n,p", A="p,h", B="p,h"),
    "convolution": _convolution((2, 2, 4, 2, 2), "w"),
    "convolution, any size": _convolution((n, p, h, m, 3), "w"),
    "layer norm": _normalised(layer_norm, (n, p), "x"),
    "layer norm, scale": _normalised(layer_norm, (n, p), "gamma"),
    "RMS norm, 2 by 3": _normalised(rms_norm, (2, 3), "x"),
    "attention, queries": _attention((n, m, p, h), "Q"),
    "attention, values": _attention((n, m, p, h), "V"),
    "attention, 2 by 2": _attention((2, 2, 2, 2), "K"),
    "recurrent network": _recurrent((n, h, p), "U"),
    "recurrent network, 3 steps": _recurrent((3, 2, 2), "U"),
    "Gaussian likelihood, mean": _text("n*log(s) + sum((x - mu)**2)/(2*s**2)", "mu", x="n", mu="", s=""),
    "Gaussian likelihood, deviation": _text("n*log(s) + sum((x - mu)**2)/(2*s**2)", "s", x="n", mu="", s=""),
    "quadratic form": _text("w @ A @ w", "w", w="p", A="p,p"),
    "quadratic form, inverse": _text("y @ inv(A) @ y", "A", y="p", A="p,p"),
    "logdet": _text("logdet(A @ A.T + eye(p))", "A", A="p,p"),
    "determinant, 2 by 2": _text("det(A)", "A", A="2,2"),
    "trace": _text("trace(A @ X @ B @ X.T)", "X", A="p,p", X="p,p", B="p,p"),
    "matrix factorisation": _text("sum((M - U @ V.T)**2)/2 + r*sum(U**2)", "U", M="n,m", U="n,h", V="m,h", r=""),
    "PCA, Rayleigh quotient": _text("(w @ A @ w)/(w @ w)", "w", w="p", A="p,p"),
    "PCA, reconstruction": _text("sum((X - X @ W @ W.T)**2)/2", "W", X="n,p", W="p,h"),
    "Huber": _loss(huber_loss, (n,)),
    "binary cross-entropy": _facts("-sum(t*log(x) + (1 - t)*log(1 - x))/n", "x", {"x": ("unit", (n,)), "t": ("unit", (n,))}),
    "binary cross-entropy, clamped": _loss(binary_cross_entropy, (n,), "unit"),
    "binary cross-entropy, logits": _loss(binary_cross_entropy_with_logits, (n, m)),
    "Poisson": _loss(poisson_nll_loss, (n,)),
    "embedding": _embedding((3, 3, 2)),
    "kernel": _text("sum(exp(-(x[:,None] - y[None,:])**2/2))", "x", x="n", y="m"),
    "arctan and sin": _text("sum(arctan(x)*sin(x*y) + cos(x)**2)", "x", x="n", y="n"),
    "error function": _text("sum(erf(x)*x + sqrt(x**2 + 1))", "x", x="n"),
}  # fmt: skip
