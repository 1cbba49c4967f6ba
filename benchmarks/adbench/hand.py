"""Hand tracking: n points of a skinned hand, posed by 26 numbers, against n measured points.

Bone b stands at T_b = T_parent(b) relative_b A_b, where A_b turns by the joint's angles, R_z(a_1) R_x(a_0), and B_b = T_b inverse_b moves what is
bound to it. The wrist (bone 0) has six children that do not bend: five fingers, each with three joints more, and the arm. A vertex v is the mean of
what its bones make of it,

    p_v = R(theta[0:3]) Sum_b weight_vb B_b [v, 1] + theta[3:6]

Simple: every measured point has its vertex, residual = measured - p_v. Complicated: it lies in a triangle of vertices,
residual = measured - (u_1 p_a + u_2 p_b + (1 - u_1 - u_2) p_c), and the u are unknowns, too.
"""

from __future__ import annotations

from typing import Any

import symdl as sd

#: Angles of a finger in theta: a_0 and a_1 of the first joint, then a_0 of the two others.
FINGERS, ANGLES = 5, 4


def turning(a0: Any, a1: Any) -> Any:
    """R_z(a_1) R_x(a_0) as 4 x 4 matrices, for angles of any shape."""
    c0, s0, c1, s1 = sd.cos(a0), sd.sin(a0), sd.cos(a1), sd.sin(a1)
    rows = [[c1, -s1 * c0, s1 * s0, 0], [s1, c1 * c0, -c1 * s0, 0], [0, s0, c0, 0], [0, 0, 0, 1]]
    return matrix(rows, 4)


def matrix(rows: Any, size: int) -> Any:
    """The matrices with these elements: Sum of element * (e_i e_j')."""
    e = sd.eye(size)
    total: Any = 0
    for i, row in enumerate(rows):
        for j, element in enumerate(row):
            if not (isinstance(element, int) and element == 0):
                total = total + sd.outer(e[i], e[j]) * (element if isinstance(element, int) else element[..., None, None])
    return total


def moved(theta: Any, relative: Any, inverse: Any) -> Any:
    """B_b = T_b inverse_b of all bones, (22, 4, 4)."""
    wrist = relative[0]
    finger = sd.reshape(relative[1:21], FINGERS, 4, 4, 4)
    bend = sd.reshape(theta[6:], FINGERS, ANGLES)
    at = wrist @ finger[:, 0]
    chain = [at]
    for joint, turn in enumerate([turning(bend[:, 0], bend[:, 1]), turning(bend[:, 2], 0 * bend[:, 2]), turning(bend[:, 3], 0 * bend[:, 3])]):
        at = at @ finger[:, joint + 1] @ turn
        chain.append(at)
    fingers = sd.reshape(sd.stack(chain, axis=1), FINGERS * 4, 4, 4)
    placed = sd.concat([wrist[None], fingers, (wrist @ relative[21])[None]])
    return placed @ inverse


def rotation(r: Any) -> Any:
    """The turn about r by |r|: I + sin(t) K + (1 - cos(t)) K^2, K the cross product with r/t."""
    t = sd.sqrt(sd.sum(r**2))
    x, y, z = r[0] / t, r[1] / t, r[2] / t
    K = matrix([[0, -z, y], [z, 0, -x], [-y, x, 0]], 3)
    return sd.eye(3) + sd.sin(t) * K + (1 - sd.cos(t)) * K @ K


def vertices(theta: Any) -> Any:
    """All V vertices of the posed hand, moved as a whole, (V, 3)."""
    V = sd.dims("V")
    relative, inverse = sd.tensor("relative", 22, 4, 4), sd.tensor("inverse", 22, 4, 4)
    rest, weight = sd.tensor("rest", V, 4), sd.tensor("weight", V, 22)
    v, b, i, j = sd.indices("v b i j")
    mean = sd.sum(weight[v, b] * moved(theta, relative, inverse)[b, i, j] * rest[v, j], b, j)
    return sd.let("posed", sd.let("skin", mean, v, i)[:, :3] @ rotation(theta[:3]).T + theta[3:6])


def simple() -> Any:
    """The residuals (n, 3) of measured points (n, 3) that are bound to vertices by number (n): an expression of theta (26)."""
    n = sd.dims("n")
    theta, measured, vertex = sd.tensor("theta", 26), sd.tensor("measured", n, 3), sd.tensor("vertex", n)
    return measured - sd.gather(vertices(theta), vertex)


def complicated() -> Any:
    """The same for points in triangles of vertices, numbers (n, 3), at us (n, 2): an expression of us and theta."""
    n = sd.dims("n")
    theta, measured, corners, us = sd.tensor("theta", 26), sd.tensor("measured", n, 3), sd.tensor("corners", n, 3), sd.tensor("us", n, 2)
    weights = sd.stack([us[:, 0], us[:, 1], 1 - us[:, 0] - us[:, 1]], axis=1)
    return measured - sd.sum(weights[:, :, None] * sd.gather(vertices(theta), corners), axis=1)


def forwards(residual: Any, by: str) -> Any:
    """The Jacobian (26, n, 3) by a vector, found forwards: u . J is linear in u, and its derivative by u is J, a column for every direction.

    There are as many directions as unknowns, however many points; backwards it is a sweep for every number of every point.
    """
    u = sd.tensor("u", *residual.shape)
    return sd.jacobian(sd.vjp(residual, by, u), u)


def by_own_us(residual: Any) -> Any:
    """The two columns of every point's own us, (n, 3, 2): the gradient of the sum over all points, row by row."""
    return sd.jacobian(sd.sum(residual, axis=0), "us")
