"""The four objectives as plain array programs, for NumPy, JAX and PyTorch alike: ``xp`` is the library. What symdl is compared with."""

from __future__ import annotations

import math
from typing import Any

FINGERS = 5


def logsumexp(xp: Any, z: Any) -> Any:
    """Over the last axis."""
    top = xp.amax(z, -1)
    return top + xp.log(xp.sum(xp.exp(z - top[..., None]), -1))


def log_wishart_constant(d: int, m: int, gamma: float) -> float:
    a = (d + m + 1) / 2
    log_gamma = d * (d - 1) / 4 * math.log(math.pi) + sum(math.lgamma(a + (1 - j) / 2) for j in range(1, d + 1))
    return (d + m + 1) * d * (math.log(gamma) - math.log(2) / 2) - log_gamma


def gmm(xp: Any, alphas: Any, means: Any, icf: Any, x: Any, lower: Any, diagonal: Any, gamma: float = 1.0, m: int = 0) -> Any:
    """``lower`` (d*d) numbers of elements of the packed triangle, with that of a zero behind them where there is none; ``diagonal`` the unit matrix."""
    n, d = x.shape
    K = len(alphas)
    q, below = icf[:, :d], icf[:, d:]
    packed = xp.concatenate([below, 0 * q[:, :1]], 1)
    Q = xp.reshape(packed[:, lower], (K, d, d)) + xp.exp(q)[:, :, None] * diagonal
    whitened = xp.einsum("kab,kib->kia", Q, x[None] - means[:, None])
    exponent = (alphas + xp.sum(q, 1))[:, None] - xp.sum(whitened**2, -1) / 2
    likelihood = xp.sum(logsumexp(xp, exponent.T)) - n * logsumexp(xp, alphas) - n * d * math.log(2 * math.pi) / 2
    prior = gamma**2 * (xp.sum(xp.exp(q) ** 2) + xp.sum(below**2)) / 2 - m * xp.sum(q)
    return likelihood + prior - K * log_wishart_constant(d, m, gamma)


def cross(xp: Any, a: Any, b: Any) -> Any:
    return xp.stack([a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]])


def ba(xp: Any, cam: Any, X: Any, w: Any, feature: Any) -> Any:
    """The two errors of one observation."""
    r, Y = cam[:3], X - cam[3:6]
    t = xp.sqrt(xp.sum(r**2))
    k = r / t
    Y = xp.cos(t) * Y + xp.sin(t) * cross(xp, k, Y) + (1 - xp.cos(t)) * xp.sum(k * Y) * k
    u = Y[:2] / Y[2]
    square = xp.sum(u**2)
    return w * (cam[6] * (1 + cam[9] * square + cam[10] * square**2) * u + cam[7:9] - feature)


def sigmoid(xp: Any, z: Any) -> Any:
    return 1 / (1 + xp.exp(-z))


def lstm_step(xp: Any, main: Any, extra: Any, state: Any, given: Any) -> tuple[list[Any], Any]:
    """The states after a step, [(h, c) of every layer], and the output."""
    x, after = given * extra[0], []
    for (h, c), (W, B) in zip(state, main, strict=True):
        f, i, o = sigmoid(xp, x * W[0] + B[0]), sigmoid(xp, h * W[1] + B[1]), sigmoid(xp, x * W[2] + B[2])
        c = f * c + i * xp.tanh(h * W[3] + B[3])
        x = o * xp.tanh(c)
        after.append((x, c))
    return after, x * extra[1] + extra[2]


def lstm_loss(xp: Any, y: Any, gold: Any) -> Any:
    return -xp.sum(gold * (y - xp.log(2 + xp.sum(xp.exp(y), 1))[:, None])) / (gold.shape[0] * gold.shape[1])


def lstm(xp: Any, main: Any, extra: Any, state: Any, sequence: Any) -> Any:
    now, found = [tuple(layer) for layer in state], []
    for given in sequence[:-1]:
        now, y = lstm_step(xp, main, extra, now, given)
        found.append(y)
    return lstm_loss(xp, xp.stack(found), sequence[1:])


def turned(xp: Any, a0: Any, a1: Any) -> Any:
    """R_z(a_1) R_x(a_0), 4 x 4, for vectors of angles."""
    c0, s0, c1, s1 = xp.cos(a0), xp.sin(a0), xp.cos(a1), xp.sin(a1)
    zero, one = 0 * a0, 0 * a0 + 1
    rows = [[c1, -s1 * c0, s1 * s0, zero], [s1, c1 * c0, -c1 * s0, zero], [zero, s0, c0, zero], [zero, zero, zero, one]]
    return xp.stack([xp.stack(row, -1) for row in rows], -2)


def hand(xp: Any, theta: Any, relative: Any, inverse: Any, rest: Any, weight: Any) -> Any:
    """The vertices (V, 3) of the posed hand, moved as a whole."""
    wrist, finger = relative[0], xp.reshape(relative[1:21], (FINGERS, 4, 4, 4))
    bend = xp.reshape(theta[6:], (FINGERS, 4))
    chain = [wrist @ finger[:, 0]]
    for joint, (a0, a1) in enumerate(((bend[:, 0], bend[:, 1]), (bend[:, 2], 0 * bend[:, 2]), (bend[:, 3], 0 * bend[:, 3]))):
        chain.append(chain[-1] @ finger[:, joint + 1] @ turned(xp, a0, a1))
    fingers = xp.reshape(xp.stack(chain, 1), (FINGERS * 4, 4, 4))
    bones = xp.concatenate([wrist[None], fingers, (wrist @ relative[21])[None]], 0) @ inverse
    skin = xp.einsum("vb,bij,vj->vi", weight, bones, rest)[:, :3]
    t = xp.sqrt(xp.sum(theta[:3] ** 2))
    x, y, z = theta[:3] / t
    zero = 0 * x
    K = xp.stack([xp.stack([zero, -z, y]), xp.stack([z, zero, -x]), xp.stack([-y, x, zero])])
    turned_skin = skin + xp.sin(t) * skin @ K.T + (1 - xp.cos(t)) * skin @ (K @ K).T
    return turned_skin + theta[3:6]


def hand_simple(xp: Any, theta: Any, relative: Any, inverse: Any, rest: Any, weight: Any, measured: Any, vertex: Any) -> Any:
    return measured - hand(xp, theta, relative, inverse, rest, weight)[vertex]


def hand_complicated(xp: Any, theta: Any, us: Any, relative: Any, inverse: Any, rest: Any, weight: Any, measured: Any, corners: Any) -> Any:
    a, b, c = (hand(xp, theta, relative, inverse, rest, weight)[corners[:, k]] for k in range(3))
    return measured - (us[:, :1] * a + us[:, 1:] * b + (1 - us[:, :1] - us[:, 1:]) * c)
