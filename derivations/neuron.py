"""The neuron with n inputs: the gradient of its squared error by weights, inputs and threshold, n symbolic.

Derived: with y = sigma(Sum_i w_i x_i - theta) and C = (y - t)^2/2, the error term delta = (y - t) y (1 - y), and dC/dw_i = delta x_i,
dC/dx_i = delta w_i, dC/dtheta = -delta. Compared with SymPy's own derivative of a concrete neuron and with complex-step numbers.
Source: Y. and S. Wakui, The Mathematics of Deep Learning, sections 1-4 and 2-11; M. Nielsen, Neural Networks and Deep Learning, chapter 3.
"""

from __future__ import annotations

import cmath
import sys

import sympy as sp

import symdl as sd

n = sd.dims("n")
i = sd.indices("i")
w, x = sd.tensor("w", n), sd.tensor("x", n)
theta, t = sd.tensor("theta"), sd.tensor("t")
z = sd.let("z", sd.sum(w[i] * x[i], i) - theta)
y = sd.let("y", sd.sigmoid(z))
C = (y - t) ** 2 / 2


def derivation(page: sd.Page) -> sd.Expr:
    page.heading("The neuron and its error", "神经元及其误差")
    page.text(
        r"Inputs $x_1, \dots, x_n$ are weighted by $w_1, \dots, w_n$ and added; the threshold $\theta$ is taken off; the sigmoid turns the result into an "
        "output between 0 and 1. The squared error compares the output with the target $t$; the factor $1/2$ spares a 2 in the derivative. The number of "
        "inputs stays a symbol: the result holds for every $n$.",
        r"输入 $x_1, \dots, x_n$ 乘以权重 $w_1, \dots, w_n$ 后相加, 减去阈值 $\theta$, 再由 sigmoid 函数变成 0 与 1 之间的输出. 平方误差把输出与目标 $t$ 相"
        "比较; 系数 $1/2$ 使导数中不出现 2. 输入的个数保持为符号: 结果对每个 $n$ 都成立.",
    )
    derived = sd.derive(C, [w, x, theta])
    page.derivation(derived)
    return derived


def textbook_form(page: sd.Page, derived: sd.Expr) -> None:
    page.heading("In textbook form", "教科书的形式")
    page.text(
        r"What is common to all partials is the error term $\delta = \partial C/\partial z = (y - t)\,y(1 - y)$. The weighted sum hands it to the weight "
        r"times the input, to the input times the weight, and to the threshold with the opposite sign: a bias $b = -\theta$ is a weight whose input is "
        "always 1.",
        r"所有偏导数的共同部分是误差项 $\delta = \partial C/\partial z = (y - t)\,y(1 - y)$. 加权和把它传给权重时乘以输入, 传给输入时乘以权重, 传给阈值时变"
        r"号: 偏置 $b = -\theta$ 是输入恒为 1 的权重.",
    )
    delta = sd.let("delta", sd.grad(C, z))
    page.claim("error term", delta, (y - t) * y * (1 - y), lhs_latex=r"\frac{\partial C}{\partial z}", zh="误差项")
    page.claim("gradient by the weights", derived[w][i], delta * x[i], lhs_latex=r"\frac{\partial C}{\partial w_i}", zh="对权重的梯度")
    page.claim("gradient by the inputs", derived[x][i], delta * w[i], lhs_latex=r"\frac{\partial C}{\partial x_i}", zh="对输入的梯度")
    page.claim("gradient by the threshold", derived[theta], -delta, lhs_latex=r"\frac{\partial C}{\partial \theta}", zh="对阈值的梯度")
    b = sd.tensor("b")
    biased = (sd.sigmoid(sd.sum(w[i] * x[i], i) + b) - t) ** 2 / 2
    with_bias = sd.let("y", sd.sigmoid(sd.sum(w[i] * x[i], i) + b))
    page.claim(
        "gradient by a bias", sd.grad(biased, b), (with_bias - t) * with_bias * (1 - with_bias), lhs_latex=r"\frac{\partial C}{\partial b}", zh="对偏置的梯度"
    )


def against_sympy(page: sd.Page, count: int = 3) -> None:
    page.heading("A concrete neuron, differentiated by SymPy", "具体的神经元, 由 SymPy 求导")
    page.text(
        f"With {count} inputs written out, SymPy's own derivative of the definition, term by term, is the general formula.",
        f"写出 {count} 个输入时, SymPy 对定义逐项求导的结果就是一般公式.",
    )
    ws, xs = sp.symbols(f"w1:{count + 1}"), sp.symbols(f"x1:{count + 1}")
    threshold, target = sp.symbols("theta t")
    total = sum(a * b for a, b in zip(ws, xs, strict=True)) - threshold
    out = sd.sigmoid(total)
    loss = (1 / (1 + sp.exp(-total)) - target) ** 2 / 2
    delta = (out - target) * out * (1 - out)
    for by, factor in ((ws[0], xs[0]), (ws[-1], xs[-1]), (xs[0], ws[0]), (threshold, -1)):
        page.claim(
            f"SymPy's derivative by {by}",
            sp.diff(loss, by),
            delta * factor,
            lhs_latex=rf"\frac{{\partial C}}{{\partial {sp.latex(by)}}}",
            zh=f"SymPy 对 {by} 的导数",
        )


def complex_step(weights: list[float], inputs: list[float], threshold: float, target: float, name: str, place: int = 0) -> float:
    """dC/d(name) from the definition alone: Im C(v + ih)/h, which loses nothing to cancellation."""
    h = 1e-30
    point: dict[str, list[complex]] = {"w": [complex(v) for v in weights], "x": [complex(v) for v in inputs], "theta": [complex(threshold)]}
    point[name][place] += 1j * h
    weighted = sum(a * b for a, b in zip(point["w"], point["x"], strict=True)) - point["theta"][0]
    return ((1 / (1 + cmath.exp(-weighted)) - target) ** 2 / 2).imag / h


def numbers(page: sd.Page) -> None:
    page.heading("In numbers", "数值检验")
    page.text(
        r"$w = (2, -1, 1/2)$, $x = (1, 3, 2)$, $\theta = 1$, $t = 1$: the formulas against derivatives taken numerically from the definition (complex step).",
        r"$w = (2, -1, 1/2)$, $x = (1, 3, 2)$, $\theta = 1$, $t = 1$: 公式与由定义数值求得的导数 (复步长法) 相比较.",
    )
    weights, inputs, threshold, target = [2.0, -1.0, 0.5], [1.0, 3.0, 2.0], 1.0, 1.0
    _, found = sd.value_and_grad(C, [w, x, theta])(w=weights, x=inputs, theta=threshold, t=target)
    for name in ("w", "x"):
        expected = [complex_step(weights, inputs, threshold, target, name, place) for place in range(3)]
        page.fact(f"dC/d{name}", found[name], expected)
    page.fact("dC/dtheta", found["theta"], complex_step(weights, inputs, threshold, target, "theta"))


def page() -> sd.Page:
    """The neuron with n inputs."""
    made = sd.Page("The neuron with n inputs", "有 n 个输入的神经元", "neuron")
    textbook_form(made, derivation(made))
    against_sympy(made)
    numbers(made)
    return made


if __name__ == "__main__":
    sys.exit(sd.run_page(page()))
