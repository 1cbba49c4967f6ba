"""Bundle adjustment and hand tracking as somebody would write them in NumPy: the Jacobian derived on paper, all points at once."""

from __future__ import annotations

from typing import Any

import numpy as np
from instances import Arrays

FINGERS = 5


def turned(r: np.ndarray, Y: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """R(r) Y, R(r), and the derivative of R(r) Y by r, for r and Y of shape (..., 3).

    With t = |r|, k = r/t:  R Y = c Y + s (k x Y) + (1 - c)(k . Y) k;  dt/dr = k',  dk/dr = (I - k k')/t.
    """
    t = np.sqrt(np.sum(r**2, -1))[..., None]
    k = r / t
    c, s = np.cos(t), np.sin(t)
    along, across = np.sum(k * Y, -1)[..., None], np.cross(k, Y)
    outer, unit = k[..., :, None] * k[..., None, :], np.eye(3)
    R = c[..., None] * unit + s[..., None] * crossing(k) + (1 - c)[..., None] * outer
    by_t = -s * Y + c * across + s * along * k
    by_k = -s[..., None] * crossing(Y) + (1 - c)[..., None] * (k[..., :, None] * Y[..., None, :] + along[..., None] * unit)
    return c * Y + s * across + (1 - c) * along * k, R, by_t[..., :, None] * k[..., None, :] + by_k @ (unit - outer) / t[..., None]


def crossing(k: np.ndarray) -> np.ndarray:
    """The matrices of k x ."""
    zero = np.zeros_like(k[..., 0])
    x, y, z = k[..., 0], k[..., 1], k[..., 2]
    return np.stack([np.stack([zero, -z, y], -1), np.stack([z, zero, -x], -1), np.stack([-y, x, zero], -1)], -2)


def ba(a: Arrays) -> list[np.ndarray]:
    """The parts of the blocks, as ``ba.blocks`` orders them."""
    cam, X, w, feature = a["cam"], a["X"], a["w"], a["feature"]
    Y, R, by_r = turned(cam[:, :3], X - cam[:, 3:6])
    depth, f, k1, k2 = Y[:, 2:], cam[:, 6:7], cam[:, 9:10], cam[:, 10:11]
    u = Y[:, :2] / depth
    square = np.sum(u**2, 1, keepdims=True)
    bent = 1 + k1 * square + k2 * square**2
    u_by_Y = np.concatenate([np.broadcast_to(np.eye(2), (len(u), 2, 2)), -u[:, :, None]], 2) / depth[:, :, None]
    by_u = f[:, :, None] * (bent[:, :, None] * np.eye(2) + (2 * k1 + 4 * k2 * square)[:, :, None] * u[:, :, None] * u[:, None, :])
    by_Y = w[:, None, None] * (by_u @ u_by_Y)
    by_X = by_Y @ R
    rest = w[:, None] * np.concatenate([bent * u, f * square * u, f * square**2 * u], 1)  # by f, k1, k2
    wrong = f * bent * u + cam[:, 7:9] - feature
    found: list[np.ndarray] = []
    for axis in range(2):
        centre = np.zeros((len(w), 2))
        centre[:, axis] = w
        columns = [(by_Y @ by_r)[:, axis], -by_X[:, axis], rest[:, axis : axis + 1], centre, rest[:, 2 + axis : 3 + axis], rest[:, 4 + axis : 5 + axis]]
        found += [np.concatenate(columns, 1), by_X[:, axis], wrong[:, axis]]
    return [*found, -2 * w]


def bending(a0: np.ndarray, a1: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """R_z(a_1) R_x(a_0) as 4 x 4, and its derivatives by a_0 and a_1."""
    c0, s0, c1, s1 = np.cos(a0), np.sin(a0), np.cos(a1), np.sin(a1)
    made = np.zeros((3, len(a0), 4, 4))
    made[0, :, 3, 3] = 1
    made[0, :, 0, 0], made[0, :, 0, 1], made[0, :, 0, 2] = c1, -s1 * c0, s1 * s0
    made[0, :, 1, 0], made[0, :, 1, 1], made[0, :, 1, 2] = s1, c1 * c0, -c1 * s0
    made[0, :, 2, 1], made[0, :, 2, 2] = s0, c0
    made[1, :, 0, 1], made[1, :, 0, 2], made[1, :, 1, 1], made[1, :, 1, 2] = s1 * s0, s1 * c0, -c1 * s0, -c1 * c0
    made[1, :, 2, 1], made[1, :, 2, 2] = c0, -s0
    made[2, :, 0, 0], made[2, :, 0, 1], made[2, :, 0, 2] = -s1, -c1 * c0, c1 * s0
    made[2, :, 1, 0], made[2, :, 1, 1], made[2, :, 1, 2] = c1, -s1 * c0, s1 * s0
    return made[0], made[1], made[2]


def posed(a: Arrays) -> tuple[np.ndarray, np.ndarray]:
    """All vertices (V, 3), and their derivatives (26, V, 3)."""
    theta, relative, inverse, rest, weight = (a[k] for k in ("theta", "relative", "inverse", "rest", "weight"))
    wrist, joints, bend = relative[0], relative[1:21].reshape(FINGERS, 4, 4, 4), theta[6:].reshape(FINGERS, 4)
    zero = np.zeros(FINGERS)
    first, first0, first1 = bending(bend[:, 0], bend[:, 1])
    second, second0, _ = bending(bend[:, 2], zero)
    third, third0, _ = bending(bend[:, 3], zero)
    base = wrist @ joints[:, 0]
    before = base @ joints[:, 1]
    to_second, to_third = joints[:, 2] @ second, joints[:, 3] @ third
    one = before @ first
    two = one @ to_second
    three = two @ to_third
    fingers = np.stack([base, one, two, three], 1)
    bones = np.concatenate([wrist[None], fingers.reshape(20, 4, 4), (wrist @ relative[21])[None]]) @ inverse
    skin = np.einsum("vb,bij,vj->vi", weight, bones[:, :3], rest, optimize=True)
    moves = np.zeros((FINGERS, 4, 3, 4, 4))  # finger, angle, bone behind it
    for angle, start in ((0, before @ first0), (1, before @ first1)):
        moves[:, angle, 0], moves[:, angle, 1] = start, start @ to_second
        moves[:, angle, 2] = moves[:, angle, 1] @ to_third
    moves[:, 2, 1] = one @ joints[:, 2] @ second0
    moves[:, 2, 2] = moves[:, 2, 1] @ to_third
    moves[:, 3, 2] = two @ joints[:, 3] @ third0
    moves = moves @ inverse[1:21].reshape(FINGERS, 1, 4, 4, 4)[:, :, 1:]
    shares = weight[:, 1:21].reshape(-1, FINGERS, 4)[:, :, 1:]
    bent = np.einsum("fabij,vfb,vj->favi", moves[..., :3, :], shares, rest, optimize=True).reshape(20, -1, 3)
    at, R, by_r = turned(np.broadcast_to(theta[:3], skin.shape), skin)
    shifts = np.broadcast_to(np.eye(3)[:, None], (3, len(skin), 3))
    return at + theta[3:6], np.concatenate([by_r.transpose(2, 0, 1), shifts, bent @ R[0].T])


def simple(a: Arrays) -> list[Any]:
    at, by = posed(a)
    return [a["measured"] - at[a["vertex"]], -by[:, a["vertex"]]]


def complicated(a: Arrays) -> list[Any]:
    at, by = posed(a)
    corners, us = a["corners"], a["us"]
    shares = np.stack([us[:, 0], us[:, 1], 1 - us[:, 0] - us[:, 1]], 1)
    three = at[corners]
    residual = a["measured"] - np.einsum("nc,nci->ni", shares, three)
    directions = -sum(shares[:, k, None] * by[:, corners[:, k]] for k in range(3))
    return [residual, (three[:, 2:] - three[:, :2]).transpose(2, 0, 1), directions]
