"""The same derivatives by JAX and PyTorch, each as its users would take them, and by hand in NumPy (that of ba and hand tracking in ``by_hand``).

Every entry makes, from an instance's arrays, a function without arguments to be timed, and one that turns its answer into what symdl's gives.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import formulas
import numpy as np
from instances import Arrays

#: A function of no arguments that is timed, and what makes its answer comparable.
Made = tuple[Callable[[], Any], Callable[[Any], list[np.ndarray]]]


def triangle(d: int) -> np.ndarray:
    """Which number of the packed triangle stands in each place of a d x d matrix, row by row; that of a zero behind them where none does."""
    places = np.full((d, d), d * (d - 1) // 2)
    places.T[np.triu_indices(d, 1)] = np.arange(d * (d - 1) // 2)
    return places.ravel()


# --- JAX: compiled, arrays on the device, waited for ----------------------------------------------------------------


def _jax() -> Any:
    import jax

    jax.config.update("jax_enable_x64", True)
    return jax


def _compiled(jax: Any, function: Callable[..., Any], arrays: list[np.ndarray]) -> Callable[[], Any]:
    ready, fast = [jax.numpy.asarray(a) for a in arrays], jax.jit(function)
    return lambda: jax.block_until_ready(fast(*ready))


def _flat(answer: Any) -> list[np.ndarray]:
    value, slopes = answer
    return [np.asarray(value), *(np.asarray(s) for s in slopes)]


def _arrays(answer: Any) -> list[np.ndarray]:
    return [np.asarray(a) for a in answer]


def gmm_jax(a: Arrays) -> Made:
    jax = _jax()
    d = a["x"].shape[1]
    lower, diagonal = triangle(d), np.eye(d)

    def value(alphas: Any, means: Any, icf: Any, x: Any) -> Any:
        return formulas.gmm(jax.numpy, alphas, means, icf, x, lower, diagonal)

    return _compiled(jax, jax.value_and_grad(value, (0, 1, 2)), [a["alphas"], a["means"], a["icf"], a["x"]]), _flat


def lstm_jax(a: Arrays) -> Made:
    jax = _jax()

    def value(main: Any, extra: Any, state: Any, sequence: Any) -> Any:
        start = [tuple(layer) for layer in state]
        _, y = jax.lax.scan(lambda now, given: formulas.lstm_step(jax.numpy, main, extra, now, given), start, sequence[:-1])
        return formulas.lstm_loss(jax.numpy, y, sequence[1:])

    return _compiled(jax, jax.value_and_grad(value, (0, 1)), [a["main"], a["extra"], a["state"], a["sequence"]]), _flat


def ba_jax(a: Arrays) -> Made:
    jax = _jax()

    def errors(cam: Any, X: Any, w: Any, feature: Any) -> Any:
        return formulas.ba(jax.numpy, cam, X, w, feature)

    def blocks(cam: Any, X: Any, w: Any, feature: Any) -> Any:
        return (*jax.vmap(jax.jacrev(errors, (0, 1, 2)))(cam, X, w, feature), -2 * w)

    return _compiled(jax, blocks, [a["cam"], a["X"], a["w"], a["feature"]]), _ba_parts


def _ba_parts(answer: Any) -> list[np.ndarray]:
    cam, X, w, last = (np.asarray(part) for part in answer)
    return [cam[:, 0], X[:, 0], w[:, 0], cam[:, 1], X[:, 1], w[:, 1], last]


def simple_jax(a: Arrays) -> Made:
    jax = _jax()
    others = ("relative", "inverse", "rest", "weight", "measured")

    def both(theta: Any, vertex: Any, *rest: Any) -> Any:
        def residual(by: Any) -> Any:
            return formulas.hand_simple(jax.numpy, by, *rest, vertex)

        return residual(theta), jax.numpy.moveaxis(jax.jacfwd(residual)(theta), -1, 0)

    return _compiled(jax, both, [a["theta"], a["vertex"], *(a[k] for k in others)]), _arrays


def complicated_jax(a: Arrays) -> Made:
    jax = _jax()
    others = ("relative", "inverse", "rest", "weight", "measured")
    moves = np.repeat(np.eye(2)[:, None], len(a["us"]), 1)

    def both(theta: Any, us: Any, corners: Any, *rest: Any) -> Any:
        def residual(by: Any, at: Any) -> Any:
            return formulas.hand_complicated(jax.numpy, by, at, *rest, corners)

        own = jax.vmap(lambda v: jax.jvp(lambda at: residual(theta, at), (us,), (v,))[1])(moves)
        return residual(theta, us), jax.numpy.moveaxis(own, 0, -1).transpose(1, 0, 2), jax.numpy.moveaxis(jax.jacfwd(residual)(theta, us), -1, 0)

    return _compiled(jax, both, [a["theta"], a["us"], a["corners"], *(a[k] for k in others)]), _arrays


# --- PyTorch: eager, float64 ------------------------------------------------------------------------------------------


def _tensors(torch: Any, a: Arrays) -> dict[str, Any]:
    return {k: torch.from_numpy(np.ascontiguousarray(v)) for k, v in a.items()}


def _backward(torch: Any, value: Callable[[], Any], by: list[Any]) -> Callable[[], Any]:
    for one in by:
        one.requires_grad_(True)

    def run() -> Any:
        found = value()
        return found.detach(), torch.autograd.grad(found, by)

    return run


def gmm_torch(a: Arrays) -> Made:
    import torch

    t, d = _tensors(torch, a), a["x"].shape[1]
    lower, diagonal = torch.from_numpy(triangle(d)), torch.eye(d, dtype=torch.float64)
    return _backward(torch, lambda: formulas.gmm(torch, **t, lower=lower, diagonal=diagonal), [t["alphas"], t["means"], t["icf"]]), _flat


def lstm_torch(a: Arrays) -> Made:
    import torch

    t = _tensors(torch, a)
    return _backward(torch, lambda: formulas.lstm(torch, **t), [t["main"], t["extra"]]), _flat


def ba_torch(a: Arrays) -> Made:
    import torch

    t = _tensors(torch, a)
    blocks = torch.func.vmap(torch.func.jacrev(lambda *one: formulas.ba(torch, *one), (0, 1, 2)))
    return lambda: (*blocks(t["cam"], t["X"], t["w"], t["feature"]), -2 * t["w"]), _ba_parts


def simple_torch(a: Arrays) -> Made:
    import torch

    t = _tensors(torch, a)
    theta = t.pop("theta")

    def residual(by: Any) -> Any:
        return formulas.hand_simple(torch, by, **t)

    return lambda: (residual(theta), torch.func.jacfwd(residual)(theta).movedim(-1, 0)), _arrays


def complicated_torch(a: Arrays) -> Made:
    import torch

    t = _tensors(torch, a)
    theta, us = t.pop("theta"), t.pop("us")
    moves = torch.eye(2, dtype=torch.float64)[:, None].repeat(1, len(us), 1)

    def residual(by: Any, at: Any) -> Any:
        return formulas.hand_complicated(torch, by, at, **t)

    def run() -> Any:
        own = torch.func.vmap(lambda v: torch.func.jvp(lambda at: residual(theta, at), (us,), (v,))[1])(moves)
        return residual(theta, us), own.movedim(0, -1).transpose(0, 1), torch.func.jacfwd(residual)(theta, us).movedim(-1, 0)

    return run, _arrays


# --- NumPy by hand ------------------------------------------------------------------------------------------------------


def gmm_hand(a: Arrays) -> Made:
    """The gradient as one writes it down: r_ik the share of Gaussian k in point i, y = Q (x - mu); d/dmu = Q' Sum r y, d/dQ = -Sum r y (x - mu)'."""
    alphas, means, icf, x = a["alphas"], a["means"], a["icf"], a["x"]
    (n, d), K = x.shape, len(alphas)
    places = triangle(d).reshape(d, d)
    rows, columns = np.nonzero(places < d * (d - 1) // 2)
    at = places[rows, columns]
    constant = K * formulas.log_wishart_constant(d, 0, 1.0) + n * d * np.log(2 * np.pi) / 2

    def run() -> Any:
        q, below = icf[:, :d], icf[:, d:]
        powers = np.exp(q)
        Q = np.zeros((K, d, d))
        Q[:, rows, columns] = below[:, at]
        Q[:, np.arange(d), np.arange(d)] = powers
        exponent, centred, whitened = np.empty((K, n)), [], []
        for k in range(K):
            centred.append(x - means[k])
            whitened.append(centred[k] @ Q[k].T)
            exponent[k] = alphas[k] + q[k].sum() - 0.5 * np.einsum("ij,ij->i", whitened[k], whitened[k])
        top = exponent.max(0)
        share = np.exp(exponent - top)
        total = share.sum(0)
        share /= total
        counts = share.sum(1)
        highest = alphas.max()
        e = np.exp(alphas - highest)
        value = np.sum(top + np.log(total)) - n * (highest + np.log(e.sum())) + (np.sum(powers**2) + np.sum(below**2)) / 2 - constant
        d_means, d_Q = np.empty((K, d)), np.empty((K, d, d))
        for k in range(K):
            weighted = whitened[k] * share[k][:, None]
            d_means[k] = weighted.sum(0) @ Q[k]
            d_Q[k] = -weighted.T @ centred[k]
        d_icf = np.empty_like(icf)
        d_icf[:, :d] = counts[:, None] + d_Q[:, np.arange(d), np.arange(d)] * powers + powers**2
        d_icf[:, d:][:, at] = d_Q[:, rows, columns]
        d_icf[:, d:] += below
        return value, (counts - n * e / e.sum(), d_means, d_icf)

    return run, _flat


def lstm_hand(a: Arrays) -> Made:
    """Backpropagation through time, a step at a time."""
    main, extra, state, sequence = a["main"], a["extra"], a["state"], a["sequence"]
    layers, steps = len(main), len(sequence) - 1

    def forward() -> tuple[list[Any], np.ndarray, np.ndarray]:
        h, c = list(state[:, 0]), list(state[:, 1])
        tape, y = [], np.empty((steps, main.shape[-1]))
        for t in range(steps):
            x = sequence[t] * extra[0]
            for k in range(layers):
                W, B = main[k]
                gates = 1 / (1 + np.exp(-(np.stack((x, h[k], x)) * W[:3] + B[:3])))
                change = np.tanh(h[k] * W[3] + B[3])
                after = gates[0] * c[k] + gates[1] * change
                squashed = np.tanh(after)
                tape.append((x, h[k], c[k], gates, change, squashed))
                x = h[k] = gates[2] * squashed
                c[k] = after
            y[t] = x
        return tape, y, y * extra[1] + extra[2]

    def run() -> Any:
        tape, last, y = forward()
        gold = sequence[1:]
        powers = np.exp(y)
        total = 2 + powers.sum(1, keepdims=True)
        value = -np.sum(gold * (y - np.log(total))) / gold.size
        d_y = (gold.sum(1, keepdims=True) * powers / total - gold) / gold.size
        d_main, d_extra = np.zeros_like(main), np.zeros_like(extra)
        d_extra[1], d_extra[2] = (d_y * last).sum(0), d_y.sum(0)
        d_h, d_c = np.zeros_like(state[:, 0]), np.zeros_like(state[:, 1])
        for t in reversed(range(steps)):
            d_x = d_y[t] * extra[1]
            for k in reversed(range(layers)):
                x, h, c, gates, change, squashed = tape[t * layers + k]
                W = main[k, 0]
                d_out = d_h[k] + d_x
                d_cell = d_c[k] + d_out * gates[2] * (1 - squashed * squashed)
                d_gates = np.stack((d_cell * c, d_cell * change, d_out * squashed)) * gates * (1 - gates)
                d_change = d_cell * gates[1] * (1 - change * change)
                d_main[k, 0, :3] += d_gates * np.stack((x, h, x))
                d_main[k, 0, 3] += d_change * h
                d_main[k, 1, :3] += d_gates
                d_main[k, 1, 3] += d_change
                d_x = d_gates[0] * W[0] + d_gates[2] * W[2]
                d_h[k] = d_gates[1] * W[1] + d_change * W[3]
                d_c[k] = d_cell * gates[0]
            d_extra[0] += d_x * sequence[t]
        return value, (d_main, d_extra)

    return run, _flat
