"""Softmax and cross-entropy: the Jacobian, the gradient p - t, the Hessian diag(p) - p p^T and why it is positive semidefinite.

Derived, for K classes: dp_i/dz_j = p_i (delta_ij - p_j); the gradient of -sum_i t_i log p_i is (sum t) p - t, and p - t when the targets add up to 1;
the Hessian diag(p) - p p^T; along any direction it is the variance of that direction's entries under p. For N samples and a layer of weights, X^T (P - T).
Source: Goodfellow et al., Deep Learning, section 6.2.2.3; Boyd and Vandenberghe, Convex Optimization, section 3.1.5.
"""

from __future__ import annotations

import sys

import symdl as sd

K, N, d = sd.dims("K N d")
z, t, v = sd.tensor("z", K), sd.tensor("t", K), sd.tensor("v", K)
p = sd.softmax(z)


def cross_entropy(target: sd.Expr, probabilities: sd.Expr) -> sd.Expr:
    return -sd.sum(target * sd.log(probabilities))


def jacobian(page: sd.Page) -> None:
    page.heading("The Jacobian", "雅可比矩阵")
    page.text(
        r"The softmax turns $K$ numbers into shares, $p_i = e^{z_i}/\sum_j e^{z_j}$. Raising one $z_j$ raises its own share and lowers all others.",
        r"softmax 把 $K$ 个数变成份额 $p_i = e^{z_i}/\sum_j e^{z_j}$. 提高一个 $z_j$ 会提高它自己的份额, 降低其余各项.",
    )
    found = sd.jacobian(p, z)
    page.claim("the Jacobian", found, sd.diag(p) - sd.outer(p, p), lhs_latex=r"\frac{\partial p}{\partial z}", zh="雅可比矩阵")
    page.claim("shares add up to 1", sd.sum(sd.exp(z) / sd.sum(sd.exp(z))), 1, zh="份额之和为 1")
    page.claim("so its columns add up to 0", sd.sum(found, axis=0), 0 * z, lhs_latex=r"\sum_i \frac{\partial p_i}{\partial z_j}", zh="所以各列之和为 0")


def gradient(page: sd.Page) -> None:
    page.heading("The gradient of cross-entropy", "交叉熵的梯度")
    page.text(
        r"Against targets $t_i$ that add up to anything, the gradient has the factor $\sum_i t_i$. When the targets are shares themselves, as a one among "
        "zeros, it is the plain error.",
        r"若目标 $t_i$ 之和任意, 梯度带有因子 $\sum_i t_i$. 若目标本身也是份额 (例如一个 1 其余为 0), 梯度就是误差本身.",
    )
    derived = sd.derive(cross_entropy(t, sd.let("p", p)), z)
    page.derivation(derived)
    page.claim("the gradient", derived[z], sd.sum(t) * p - t, lhs_latex=r"\frac{\partial C}{\partial z}", zh="梯度")
    target = sd.tensor("t", K, facts="onehot")
    page.claim("targets that add up to 1", sd.grad(cross_entropy(target, p), z), p - target, lhs_latex=r"\frac{\partial C}{\partial z}", zh="目标之和为 1")


def hessian(page: sd.Page) -> None:
    page.heading("The Hessian", "海森矩阵")
    target = sd.tensor("t", K, facts="onehot")
    found = sd.hessian(cross_entropy(target, p), z)
    page.text(
        "The target is gone from the second derivative: it is the Jacobian of the softmax. Along any "
        "direction it is a variance, which is a sum of squares with "
        "positive weights. So cross-entropy has no hollows: every minimum is the lowest.",
        "二阶导数中不再有目标: 它就是 softmax 的雅可比矩阵. 沿任一方向它是方差, 即带正权重的平方和. 所以交叉熵没有局部凹坑: 每个极小都是最小.",
    )
    page.claim("the Hessian", found, sd.diag(p) - sd.outer(p, p), lhs_latex=r"\frac{\partial^2 C}{\partial z\,\partial z^T}", zh="海森矩阵")
    matrix = sd.diag(p) - sd.outer(p, p)
    mean = p @ v
    page.claim("mean of squares minus square of the mean", v @ matrix @ v, sd.sum(p * v**2) - mean**2, lhs_latex="v^T H v", zh="平方的均值减均值的平方")
    page.claim("which is a variance", sd.sum(p * v**2) - mean**2, sd.sum(p * (v - mean) ** 2), zh="即方差")


def layer(page: sd.Page) -> None:
    page.heading("A layer, N samples", "一层, N 个样本")
    X, W, T = sd.tensor("X", N, d), sd.tensor("W", d, K), sd.tensor("T", N, K, facts="onehot")
    P = sd.let("P", sd.softmax(sd.let("Z", X @ W), axis=1))
    derived = sd.derive(cross_entropy(T, P), W)
    page.derivation(derived)
    page.claim("the gradient by the weights", derived[W], X.T @ (P - T), lhs_latex=r"\frac{\partial C}{\partial W}", zh="对权重的梯度")


def page() -> sd.Page:
    """Softmax and cross-entropy."""
    made = sd.Page("Softmax and cross-entropy", "softmax 与交叉熵", "softmax")
    jacobian(made)
    gradient(made)
    hessian(made)
    layer(made)
    return made


if __name__ == "__main__":
    sys.exit(sd.run_page(page()))
