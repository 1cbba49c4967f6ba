"""Backpropagation through time: a recurrent network over T steps, T a letter, and its gradient as a sum of products of Jacobians.

Sources: Werbos, Backpropagation through time: what it does and how to do it (1990); Pascanu, Mikolov and Bengio, On the difficulty of
training recurrent neural networks (2013), equations 3 to 5.
"""

from __future__ import annotations

import sys

import numpy as np

import symdl as sd

T, h, p = sd.dims("T h p")
U, V, X, Y, s0 = sd.tensor("U", h, h), sd.tensor("V", p, h), sd.tensor("X", T, p), sd.tensor("Y", T, h), sd.tensor("s0", h)


def states() -> sd.Expr:
    """s[t+1] = tanh(U s[t] + X[t] V)."""
    return sd.recur("s", s0, lambda prev, t: sd.tanh(sd.let("z", U @ prev + X[t] @ V)), T)


def page() -> sd.Page:
    """The whole page."""
    made = sd.Page("Backpropagation through time", "随时间反向传播", name="rnn_through_time")
    every_state(made)
    products_of_jacobians(made)
    vanishing(made)
    return made


def every_state(page: sd.Page) -> None:
    """A loss on the states of all times."""
    cost = sd.sum((states()[1:] - Y) ** 2) / 2
    page.heading("A target at every time", "每个时刻都有目标")
    page.text(
        "The same weights act at every time $t$. The derivative by a state has two parts: what the loss says of it directly, and what comes back "
        "from the next state. So it obeys a recurrence that runs backwards in time; the gradient by the shared weights is a sum over all times.",
        "同一组权重作用于每个时刻 $t$。对一个状态的导数有两部分：损失对它的直接影响，以及从下一个状态传回的影响。"
        "因此它服从一个在时间上反向的递推；对共享权重的梯度是对所有时刻求和。",
    )
    derived = sd.derive(cost, [U, V, s0])
    page.derivation(derived)
    back = sd.recur("D", sd.zeros(h), lambda later, t: U.T @ ((1 - states()[1:][t] ** 2) * (later + states()[1:][t] - Y[t])), T, reverse=True)
    error = (1 - states()[1:] ** 2) * (back[1:] + states()[1:] - Y)
    page.text(
        "Written by hand: $D_t$ is what comes back from later times, and $\\delta_t$ the error term of time $t$. The two recurrences are "
        "equal for every number of steps, by induction.",
        "手工写出：$D_t$ 是从之后各时刻传回的部分，$\\delta_t$ 是时刻 $t$ 的误差项。由归纳法，两个递推对任意步数都相等。",
    )
    page.claim("sum over all times", derived[U], error.T @ states()[:-1], lhs_latex=r"\frac{\partial C}{\partial U}", zh="对所有时刻求和")
    page.claim("sum over all times", derived[V], X.T @ error, lhs_latex=r"\frac{\partial C}{\partial V}", zh="对所有时刻求和")
    page.claim("back to the start", derived[s0], back[0], lhs_latex=r"\frac{\partial C}{\partial s_0}", zh="回到起点")


def jacobian_back() -> sd.Expr:
    """d s[T] / d s[t] for every t: products of the Jacobians of the steps, the last one on the left."""
    slope = 1 - states()[1:] ** 2
    return sd.recur("J", sd.eye(h), lambda later, t: later @ (slope[t][:, None] * U), T, reverse=True)


def products_of_jacobians(page: sd.Page) -> None:
    """A loss on the last state only."""
    s = states()
    y = sd.tensor("y", h)
    cost = sd.sum((s[-1] - y) ** 2) / 2
    page.heading("Products of Jacobians", "雅可比矩阵的乘积")
    page.text(
        "Let the loss look at the last state only. One step has the Jacobian $\\partial s_{t+1}/\\partial s_t = \\mathrm{diag}(1 - s_{t+1}^2)\\, U$, and "
        "$J_t = \\partial s_T/\\partial s_t$ is the product of those of all later steps: $J_T = I$, $J_t = J_{t+1}\\, \\partial s_{t+1}/\\partial s_t$.",
        "设损失只看最后的状态。一步的雅可比矩阵为 $\\partial s_{t+1}/\\partial s_t = \\mathrm{diag}(1 - s_{t+1}^2)\\, U$，而 "
        "$J_t = \\partial s_T/\\partial s_t$ 是之后各步雅可比矩阵之积：$J_T = I$，$J_t = J_{t+1}\\, \\partial s_{t+1}/\\partial s_t$。",
    )
    J = jacobian_back()
    page.claim(
        "the Jacobian of the last state by the first", sd.jacobian(s[-1], s0), J[0], lhs_latex=r"\frac{\partial s_T}{\partial s_0}", zh="末状态对初状态的雅可比"
    )
    derived = sd.derive(cost, [U, s0])
    page.text(
        "The gradient by the shared weights is then a sum over times; each term is the error at the end, carried to time $t$ by a product of Jacobians.",
        "于是对共享权重的梯度是对时刻求和；每一项是末端误差经雅可比矩阵的乘积传到时刻 $t$。",
    )
    t, i, j, k = sd.indices("t i j k")
    term = (s[-1] - y)[k] * J[1:][t, k, i] * (1 - s[1:][t, i] ** 2) * s[:-1][t, j]
    page.claim("a sum of products of Jacobians", derived[U][i, j], sd.sum(term, t, k), lhs_latex=r"\frac{\partial C}{\partial U_{ij}}", zh="雅可比乘积之和")
    page.claim("the error carried to the start", derived[s0], J[0].T @ (s[-1] - y), lhs_latex=r"\frac{\partial C}{\partial s_0}", zh="传到起点的误差")


def vanishing(page: sd.Page) -> None:
    """Forty steps with small weights: the gradient by the start is as good as gone."""
    rng = np.random.default_rng(1)
    s = states()
    jacobian = sd.jacobian(s[-1], s0)
    page.heading("Why gradients vanish", "梯度为何消失")
    page.text(
        "A product of many Jacobians shrinks or grows like a power. With $|U| = 1/2$ in every direction the Jacobian over 40 steps is "
        "at most $2^{-40}$: the last state no longer knows of the first.",
        "许多雅可比矩阵之积像幂一样缩小或增大。若 $U$ 在每个方向上为 $1/2$，则 40 步的雅可比矩阵不超过 $2^{-40}$：末状态已不知道初状态。",
    )
    orthogonal = np.linalg.qr(rng.normal(size=(4, 4)))[0]
    values = {"U": orthogonal / 2, "V": rng.normal(size=(2, 4)), "X": rng.normal(size=(40, 2)), "s0": rng.normal(size=4)}
    size = float(np.linalg.norm(sd.evaluate(jacobian, **values), 2))
    page.fact("the Jacobian over 40 steps is below 2**-40", bool(0 < size < 2.0**-40), True)


if __name__ == "__main__":
    sys.exit(sd.run_page(page()))
