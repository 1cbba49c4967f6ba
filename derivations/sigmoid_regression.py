"""Least squares of one layer, sum((sigma(X w) - y)^2)/2: the gradient, of shape (p,), and the Hessian, for any number of samples and inputs.

Derived: dC/dw = X^T ((s - y) s (1 - s)) and the Hessian X^T diag(d) X with d = s (1 - s) (s (1 - s) + (s - y) (1 - 2 s)); the part of it that Gauss and
Newton keep, X^T diag((s (1 - s))^2) X, which is never negative; and that the whole Hessian can be: this error has hollows, unlike cross-entropy.
Source: Y. and S. Wakui, section 3-3; Nocedal and Wright, Numerical Optimization, section 10.2 (Gauss-Newton).
"""

from __future__ import annotations

import sys

import symdl as sd

n, p = sd.dims("n p")
X, w, y, v = sd.tensor("X", n, p), sd.tensor("w", p), sd.tensor("y", n), sd.tensor("v", p)
s = sd.let("s", sd.sigmoid(X @ w))
loss = sd.sum((s - y) ** 2) / 2


def gradient(page: sd.Page) -> None:
    page.heading("The gradient", "梯度")
    page.text(
        r"$n$ samples, the rows of $X$, go through one layer with $p$ weights. The error of each sample is weighted with the slope of the sigmoid there, and "
        "goes back to the weights through the transpose of the data.",
        r"$n$ 个样本 ($X$ 的各行) 通过一个有 $p$ 个权重的层. 每个样本的误差乘以该处 sigmoid 的斜率, 再通过数据的转置回到权重.",
    )
    derived = sd.derive(loss, w)
    page.derivation(derived)
    page.claim("the gradient", derived[w], X.T @ ((s - y) * s * (1 - s)), lhs_latex=r"\frac{\partial C}{\partial w}", zh="梯度")
    page.fact("shape of the gradient", str(derived[w].shape), "(p,)")


def hessian(page: sd.Page) -> None:
    page.heading("The Hessian", "海森矩阵")
    page.text(
        "Differentiated once more, every sample contributes the outer product of its inputs with itself, times a number of its own.",
        "再求一次导: 每个样本贡献其输入与自身的外积, 再乘以它自己的一个数.",
    )
    found = sd.hessian(loss, w)
    own = s * (1 - s) * (s * (1 - s) + (s - y) * (1 - 2 * s))
    page.claim("the Hessian", found, X.T @ (own[:, None] * X), lhs_latex=r"\frac{\partial^2 C}{\partial w\,\partial w^T}", zh="海森矩阵")
    page.claim("it is symmetric", found, found.T, lhs_latex="H", rhs_latex="H^T", zh="它是对称的")
    page.text(
        r"Without the part that is multiplied by the error $s - y$ it is Gauss and Newton's approximation; along any direction $v$ that is a sum of squares.",
        r"去掉乘以误差 $s - y$ 的部分, 就是高斯-牛顿近似; 沿任一方向 $v$ 它是平方和.",
    )
    gauss = X.T @ (((s * (1 - s)) ** 2)[:, None] * X)
    page.claim("a sum of squares", v @ gauss @ v, sd.sum((s * (1 - s) * (X @ v)) ** 2), lhs_latex=r"v^T H_{GN}\, v", zh="平方和")
    page.text(
        "The part left out can outweigh it: one sample, one weight, a confident mistake, and the error curves downwards.",
        "被去掉的部分可以更大: 一个样本, 一个权重, 一次自信的错误, 误差曲线就向下弯.",
    )
    value = sd.evaluate(found, X=[[1.0]], w=[3.0], y=[0.0])
    page.fact("the curvature there is negative", bool(value[0, 0] < 0), True)


def page() -> sd.Page:
    """Least squares of a layer of sigmoids."""
    made = sd.Page("Least squares of one layer", "单层的最小二乘", "sigmoid_regression")
    gradient(made)
    hessian(made)
    return made


if __name__ == "__main__":
    sys.exit(sd.run_page(page()))
