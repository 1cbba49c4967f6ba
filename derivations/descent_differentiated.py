"""Gradient descent is itself a recurrence: the weights after K steps, differentiated by the learning rate and by the data.

Sources: Maclaurin, Duvenaud and Adams, Gradient-based hyperparameter optimization through reversible learning (2015); Baydin et al., Online
learning rate adaptation with hypergradient descent (2018).
"""

from __future__ import annotations

import sys

import numpy as np

import symdl as sd

K, n, p = sd.dims("K n p")
X, y, w0, eta = sd.tensor("X", n, p), sd.tensor("y", n), sd.tensor("w0", p), sd.tensor("eta")


def gradient(w: sd.Expr) -> sd.Expr:
    """Of |Xw - y|^2/2."""
    return X.T @ (X @ w - y)


def weights(name: str = "w") -> sd.Expr:
    """w[k+1] = w[k] - eta*grad(w[k])."""
    return sd.recur(name, w0, lambda prev, k: prev - eta * gradient(prev), K)


def page() -> sd.Page:
    """The whole page."""
    made = sd.Page("Gradient descent, differentiated", "对梯度下降求导", name="descent_differentiated")
    made.text(
        "Gradient descent takes the weights from $w_k$ to $w_{k+1} = w_k - \\eta\\, \\nabla C(w_k)$. The number of steps $K$ stays a letter. "
        "Where it ends depends on the learning rate $\\eta$ and on the data, and has derivatives by both.",
        "梯度下降把权重从 $w_k$ 变为 $w_{k+1} = w_k - \\eta\\, \\nabla C(w_k)$，步数 $K$ 保持为字母。终点依赖于学习率 $\\eta$ 与数据，因而对二者都有导数。",
    )
    step(made)
    by_learning_rate(made)
    by_everything(made)
    numbers(made)
    return made


def step(page: sd.Page) -> None:
    """One step of least squares."""
    w = sd.tensor("w", p)
    page.heading("One step", "一步")
    cost = sd.sum((X @ w - y) ** 2) / 2
    page.claim("gradient of least squares", sd.grad(cost, w), gradient(w), lhs_latex=r"\nabla C", zh="最小二乘的梯度")


def by_learning_rate(page: sd.Page) -> None:
    """d w[K] / d eta, backwards by symdl and forwards by hand."""
    w = weights()
    page.heading("By the learning rate", "对学习率求导")
    page.text(
        "Forwards, $v_k = \\partial w_k/\\partial \\eta$ follows by the product rule: $v_{k+1} = v_k - \\eta X^T X v_k - \\nabla C(w_k)$, $v_0 = 0$. "
        "Backwards, the step's Jacobian $I - \\eta X^T X$ is multiplied from the end, and each step adds its own share. Both are the same.",
        "正向：由乘积法则，$v_k = \\partial w_k/\\partial \\eta$ 满足 $v_{k+1} = v_k - \\eta X^T X v_k - \\nabla C(w_k)$，$v_0 = 0$。"
        "反向：从末端起逐步乘以一步的雅可比矩阵 $I - \\eta X^T X$，每一步加上自己的贡献。两者相同。",
    )
    pair = sd.recur("w v", (w0, sd.zeros(p)), lambda state, k: (state[0] - eta * gradient(state[0]), forward(*state)), K)
    page.claim("forwards and backwards", sd.jacobian(w[-1], eta), pair[1][-1], lhs_latex=r"\frac{\partial w_K}{\partial \eta}", zh="正向与反向")
    back = sd.recur("J", sd.eye(p), lambda later, k: later - eta * later @ X.T @ X, K, reverse=True)
    page.claim(
        "by the start: a power of the step's Jacobian",
        sd.jacobian(w[-1], w0),
        back[0],
        lhs_latex=r"\frac{\partial w_K}{\partial w_0}",
        zh="对初值：一步雅可比的幂",
    )


def forward(w: sd.Expr, v: sd.Expr) -> sd.Expr:
    """The derivative of the next weights by eta."""
    return v - eta * (X.T @ (X @ v)) - gradient(w)


def by_everything(page: sd.Page) -> None:
    """The loss after training, by the learning rate, the targets and the start."""
    w = weights()
    cost = sd.sum((X @ w[-1] - y) ** 2) / 2
    page.heading("The loss after training", "训练后的损失")
    page.text(
        "The loss at the end is a function of the learning rate: its derivative is the hypergradient, by which a learning rate can itself be trained.",
        "终点的损失是学习率的函数：其导数称为超梯度，可用来训练学习率本身。",
    )
    page.derivation(sd.derive(cost, [eta, w0]))


def numbers(page: sd.Page) -> None:
    """A hundred steps, against central differences; the learning rate trained by its own gradient."""
    rng = np.random.default_rng(2)
    values = {"X": rng.normal(size=(20, 3)), "y": rng.normal(size=20), "w0": np.zeros(3)}
    cost = sd.sum((X @ weights()[-1] - y) ** 2) / 2
    run = sd.lambdify([X, y, w0, eta, K], [cost, sd.grad(cost, eta)])
    at, width = 0.004, 1e-7
    data = [values[name] for name in ("X", "y", "w0")]
    slope = run(*data, at, 100)[1]
    ends = [run(*data, at + sign * width, 100)[0] for sign in (1, -1)]
    page.heading("With numbers", "用数字检验")
    page.text("A hundred steps on twenty samples.", "二十个样本，一百步。")
    page.fact("the derivative of the final loss by the learning rate, against central differences", slope, (ends[0] - ends[1]) / (2 * width), tol=1e-4)
    rate = 0.004
    first = run(*data, rate, 5)[0]
    for _ in range(20):
        rate -= 1e-6 * run(*data, rate, 5)[1]
    page.fact("a learning rate trained by its own gradient gives a lower loss after five steps", bool(run(*data, rate, 5)[0] < first), True)


if __name__ == "__main__":
    sys.exit(sd.run_page(page()))
