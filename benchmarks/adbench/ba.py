"""Bundle adjustment: what is wrong with p observations of points by cameras, and with their weights.

    residual = w*(f*(1 + k1 |u|^2 + k2 |u|^4)*u + x0 - feature),   u = (Y_1, Y_2)/Y_3,   Y = R(r) (X - C),      and 1 - w^2

A camera is (r: 3, C: 3, f, x0: 2, k1, k2); R(r) turns by |r| about the axis r (Rodrigues). An observation depends on its own camera, point and weight
only, so that the Jacobian of p observations is p blocks of 2 x 15.
"""

from __future__ import annotations

from typing import Any

import symdl as sd

#: What the blocks' 15 columns are.
BY = ("cam", "X", "w")


def cross(a: Any, b: Any) -> Any:
    """The vector product, along the last axis."""
    return sd.stack([a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]])


def rotated(r: Any, X: Any) -> Any:
    """X turned about r by the angle |r|: cos(t) X + sin(t) (k x X) + (k . X)(1 - cos(t)) k, k = r/t."""
    t = sd.sqrt(sd.sum(r**2))
    k = r / t
    return sd.cos(t) * X + sd.sin(t) * cross(k, X) + (1 - sd.cos(t)) * (k @ X) * k


def projected(cam: Any, X: Any) -> Any:
    """Where a camera (11) sees a point (3): a point of the image plane (2)."""
    Y = rotated(cam[0:3], X - cam[3:6])
    u = Y[0:2] / Y[2]
    square = sd.sum(u**2)
    return cam[6] * (1 + cam[9] * square + cam[10] * square**2) * u + cam[7:9]


def residual() -> Any:
    """The errors (2, of an open letter o) of p observations: cam (p, 11), X (p, 3), w (p), feature (p, 2), rows by observation."""
    p = sd.dims("p")
    o = sd.indices("o")
    cam, X, w, feature = sd.tensor("cam", p, 11), sd.tensor("X", p, 3), sd.tensor("w", p), sd.tensor("feature", p, 2)
    return w[o] * (projected(cam[o], X[o]) - feature[o])


def blocks() -> list[Any]:
    """The parts of the Jacobian's blocks: of each of the two errors by cam (p, 11), X (p, 3) and w (p), and of 1 - w^2 by w (p).

    An error depends on its own rows of cam, X and w only: the gradient of the sum over all observations holds, row by row, the errors' own.
    """
    errors, o, w = residual(), sd.indices("o"), sd.tensor("w", "p")
    slopes = [sd.grad(sd.sum(errors[a], o), list(BY)) for a in range(2)]
    return [*(slope[name] for slope in slopes for name in BY), sd.grad(sd.sum(1 - w**2), w)]
