"""Logistic regression with labels +1 and -1: gradient, Hessian, and Newton's step as reweighted least squares.

Derived, for n samples and p weights: with s = sigma(y (X w)), the loss sum log(1 + exp(-y (X w))) has the gradient -X^T (y (1 - s)) and, since y^2 = 1,
the Hessian X^T R X with R = diag(s (1 - s)); Newton's step w - H^-1 g solves the least squares of z = X w + y (1 - s)/R with the weights R.
Source: Hastie, Tibshirani, Friedman, The Elements of Statistical Learning, section 4.4.1; Nabney 1999.
"""

from __future__ import annotations

import sys

import symdl as sd

n, p = sd.dims("n p")
X, w, t, u = sd.tensor("X", n, p), sd.tensor("w", p), sd.tensor("t", n), sd.tensor("u", p)
v = sd.tensor("v", p)


def gradient(page: sd.Page) -> None:
    page.heading("The loss and its gradient", "损失及其梯度")
    y = sd.tensor("y", n)
    page.text(
        r"A sample counts as right when $y_i$ and $z_i = x_i \cdot w$ have the same sign. The loss $\log(1 + e^{-y_i z_i})$ is small there, and grows like "
        r"$-y_i z_i$ where the sign is wrong.",
        r"当 $y_i$ 与 $z_i = x_i \cdot w$ 同号时样本判断正确. 损失 $\log(1 + e^{-y_i z_i})$ 在那里很小, 在异号处像 $-y_i z_i$ 那样增大.",
    )
    loss = sd.sum(sd.log(1 + sd.exp(-y * (X @ w))))
    derived = sd.derive(loss, w)
    page.derivation(derived)
    s = sd.sigmoid(y * (X @ w))
    page.claim("the gradient", derived[w], -X.T @ (y * (1 - s)), lhs_latex=r"\frac{\partial C}{\partial w}", zh="梯度")
    page.text(
        r"With labels $t_i$ of 0 and 1, $y = 2t - 1$, the same gradient reads $X^T(\sigma(Xw) - t)$: for $t = 1$ and for $t = 0$ each sample gives the same.",
        r"若标签 $t_i$ 取 0 和 1, $y = 2t - 1$, 同一梯度写作 $X^T(\sigma(Xw) - t)$: 对 $t = 1$ 与 $t = 0$ 每个样本都给出相同的值.",
    )
    z = sd.tensor("z")
    for label, sign in ((1, 1), (0, -1)):
        page.claim(f"a sample with label {label}", -sign * (1 - sd.sigmoid(sign * z)), sd.sigmoid(z) - label, zh=f"标签为 {label} 的样本")


def hessian(page: sd.Page) -> None:
    page.heading("The Hessian", "海森矩阵")
    y = sd.tensor("y", n)
    loss = sd.sum(sd.log(1 + sd.exp(-y * (X @ w))))
    s = sd.sigmoid(y * (X @ w))
    found = sd.hessian(loss, w)
    page.claim("the Hessian", found, X.T @ ((y**2 * s * (1 - s))[:, None] * X), lhs_latex=r"\frac{\partial^2 C}{\partial w\,\partial w^T}", zh="海森矩阵")
    page.text(
        r"$y_i^2 = 1$ drops out. And the slope of the sigmoid is the same at $z$ and $-z$, so the label does not matter at all.",
        r"$y_i^2 = 1$ 消去. 而 sigmoid 的斜率在 $z$ 与 $-z$ 处相同, 所以标签完全不起作用.",
    )
    z = sd.tensor("z")
    q = sd.sigmoid(-z)
    page.claim("the slope is even", q * (1 - q), sd.sigmoid(z) * (1 - sd.sigmoid(z)), zh="斜率是偶函数")
    page.text("Along any direction it is a sum of squares with positive weights.", "沿任一方向它是带正权重的平方和.")
    r = sd.sigmoid(X @ w) * (1 - sd.sigmoid(X @ w))
    page.claim("a weighted sum of squares", v @ (X.T @ (r[:, None] * X)) @ v, sd.sum(r * (X @ v) ** 2), lhs_latex="v^T H v", zh="加权平方和")


def newton(page: sd.Page) -> None:
    page.heading("Newton's step is a least squares problem", "牛顿步就是最小二乘问题")
    s = sd.sigmoid(X @ w)
    r = s * (1 - s)
    z = X @ w - (s - t) / r
    page.text(
        r"Newton's step goes from $w$ to the vertex of the parabola that touches the loss at $w$. Consider least squares with the weights $R = s(1 - s)$ and "
        r"the working response $z = Xw - (s - t)/R$. At the new weights $u$ its gradient is exactly that of the parabola, $g + H(u - w)$: the two have the "
        "same minimum.",
        r"牛顿步从 $w$ 走到在 $w$ 处与损失相切的抛物面的顶点. 考虑以 $R = s(1 - s)$ 为权重, 以 $z = Xw - (s - t)/R$ 为工作响应的最小二乘. 它在新权重 $u$ 处的"
        r"梯度恰为抛物面的梯度 $g + H(u - w)$: 二者有相同的最小点.",
    )
    g, H = X.T @ (s - t), X.T @ (r[:, None] * X)
    reweighted = sd.sum(r * (X @ u - z) ** 2) / 2
    page.claim(
        "gradient of the reweighted least squares",
        sd.grad(reweighted, u),
        X.T @ (r * (X @ u - z)),
        lhs_latex=r"\frac{\partial Q}{\partial u}",
        zh="加权最小二乘的梯度",
    )
    page.claim("the gradient of the parabola", X.T @ (r * (X @ u - z)), g + H @ (u - w), rhs_latex=r"g + H\,(u - w)", zh="抛物面的梯度")
    page.claim("no step, no change", (g + H @ (u - w)) - H @ (u - w), g, lhs_latex=r"\left. \frac{\partial Q}{\partial u} \right|_{u = w}", zh="不动则不变")


def page() -> sd.Page:
    """Logistic regression."""
    made = sd.Page("Logistic regression", "逻辑回归", "logistic_regression")
    gradient(made)
    hessian(made)
    newton(made)
    return made


if __name__ == "__main__":
    sys.exit(sd.run_page(page()))
