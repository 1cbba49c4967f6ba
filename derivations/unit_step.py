"""The threshold neuron and the unit step: its slope is 0 wherever it has one, so descent cannot use it.

Derived: the values of the unit step by cases of sign, its difference quotients, the gradient of a threshold neuron.
Shown with numbers: a step of gradient descent changes nothing, where the sigmoid neuron learns.
Source: Y. and S. Wakui, The Mathematics of Deep Learning, sections 1-3 and 2-2; McCulloch and Pitts 1943.
"""

from __future__ import annotations

import sys

import numpy as np
import sympy as sp

import symdl as sd

# p, q > 0, so that p, q are any two points above 0 and -p, -q any two below.
p, q = sp.symbols("p q", positive=True)
z = sp.Symbol("z", real=True)


def u(at: sp.Expr) -> sp.Expr:
    """The unit step by its definition in cases; SymPy picks the case where the sign is known."""
    return sd.step(at).rewrite(sp.Piecewise)


def quotient(a: sp.Expr, b: sp.Expr) -> tuple[sp.Expr, str]:
    """The difference quotient of u between two points, and how it is written."""
    rise = sp.Add(sd.step(b), -sd.step(a), evaluate=False)
    shown = rf"\frac{{{sp.latex(rise, order='none')}}}{{{sp.latex(sp.Add(b, -a, evaluate=False), order='none')}}}"
    return (u(b) - u(a)) / (b - a), shown


def value_at_zero() -> str:
    """What a numeric evaluation at 0 answers."""
    try:
        return str(sd.evaluate(sd.step(sd.tensor("z")), z=0.0))
    except sd.DomainError:
        return "DomainError"


def values(page: sd.Page) -> None:
    page.heading("The unit step", "单位阶跃函数")
    page.text(
        r"A neuron fires when the weighted sum of its inputs is above its threshold $\theta$, and is silent when it is below: "
        r"$y = u(w_1 x_1 + \dots + w_n x_n - \theta)$ with the unit step $u$. At $z = 0$ it is undefined: the sum neither exceeds the threshold nor falls "
        "short of it.",
        r"当输入的加权和超过阈值 $\theta$ 时神经元点火, 低于阈值时不点火: $y = u(w_1 x_1 + \dots + w_n x_n - \theta)$, 其中 $u$ 是单位阶跃函数. 在 $z = 0$ "
        "处它没有定义: 加权和既没有超过阈值, 也没有低于阈值.",
    )
    page.formula(r"u(z) = \begin{cases} 0 & z < 0 \\ \text{undefined} & z = 0 \\ 1 & z > 0 \end{cases}")
    page.claim("definition, above 0", u(p), sp.S.One, lhs_latex=sp.latex(sd.step(p)), zh="定义, 0 以上")
    page.claim("definition, below 0", u(-p), sp.S.Zero, lhs_latex=sp.latex(sd.step(-p)), zh="定义, 0 以下")
    page.fact("u(0) is not a number", sd.step(sp.S.Zero) is sp.nan, True)
    page.fact("evaluating u numerically at 0", value_at_zero(), "DomainError")


def slopes(page: sd.Page) -> None:
    page.heading("Its derivative", "它的导数")
    page.text(
        "Take any two points. With $p, q > 0$ the points $p, q$ lie above 0 and $-p, -q$ below. On either side every difference quotient is 0, so the "
        "derivative is 0 there.",
        r"任取两点. 设 $p, q > 0$, 则 $p, q$ 在 0 以上, $-p, -q$ 在 0 以下. 在每一侧, 所有差商都等于 0, 所以那里的导数为 0.",
    )
    for rule, zh, a, b in (
        ("both points above 0", "两点都在 0 以上", p, q),
        ("both points below 0", "两点都在 0 以下", -p, -q),
    ):
        value, shown = quotient(a, b)
        page.claim(rule, value, sp.S.Zero, lhs_latex=shown, zh=zh)
    page.text(
        "Across 0 the quotient is one over the distance of the points, which grows without bound as they close in on 0: there is no derivative at 0.",
        "跨过 0 时, 差商是两点距离的倒数, 当两点靠近 0 时它无限增大: 在 0 处没有导数.",
    )
    value, shown = quotient(-p, q)
    page.claim("one point on each side of 0", value, 1 / (p + q), lhs_latex=shown, zh="0 的两侧各一点")
    limit = sp.limit(value.subs(q, p), p, 0, "+")
    page.fact("limit of the quotient between -p and p as p tends to 0", str(limit), "oo")
    page.claim("derivative of the unit step", sp.diff(sd.step(z), z), sp.S.Zero, lhs_latex=sp.latex(sp.Derivative(sd.step(z), z)), zh="单位阶跃函数的导数")


def neuron(activation: object) -> tuple[sd.Expr, list[sd.Expr]]:
    """The squared error of one neuron with n inputs, and its parameters."""
    n = sd.dims("n")
    i = sd.indices("i")
    w, x = sd.tensor("w", n), sd.tensor("x", n)
    theta, t = sd.tensor("theta"), sd.tensor("t")
    y = sd.let("y", activation(sd.sum(w[i] * x[i], i) - theta))  # type: ignore[operator]
    return (y - t) ** 2 / 2, [w, theta]


def descent(page: sd.Page) -> None:
    page.heading("Descent cannot use it", "下降法无法使用它")
    page.text(
        r"The chain rule multiplies the error $y - t$ by $u'(z) = 0$: every partial of the squared error is 0, however wrong the neuron is.",
        r"链式法则把误差 $y - t$ 乘以 $u'(z) = 0$: 无论神经元错得多厉害, 平方误差的每个偏导数都是 0.",
    )
    loss, params = neuron(sd.step)
    derived = sd.derive(loss, params)
    page.derivation(derived)
    for tensor in params:
        page.claim(f"no slope by {tensor.name}", derived[tensor], sd.zeros(*tensor.shape), zh=f"对 {tensor.name} 没有斜率")
    page.text(
        r"With numbers: $x = (1, 1)$, $w = (1, -2)$, $\theta = 1/2$ gives $z = -3/2$ and $y = 0$, but $t = 1$ is wanted. Ten steps of gradient descent with "
        "learning rate 1 change nothing. A neuron with the sigmoid in the place of $u$ learns from the same start.",
        r"用数字来看: $x = (1, 1)$, $w = (1, -2)$, $\theta = 1/2$ 给出 $z = -3/2$, $y = 0$, 而期望值是 $t = 1$. 学习率为 1 的十步梯度下降什么也没有改变. 把 "
        "$u$ 换成 sigmoid 函数的神经元, 从同样的起点出发可以学习.",
    )
    start = {"w": np.array([1.0, -2.0]), "theta": np.array(0.5)}
    data = {"x": np.array([1.0, 1.0]), "t": np.array(1.0)}
    gradient = sd.value_and_grad(loss, params)
    before, slope = gradient(**start, **data)
    moved = {name: start_value - slope[name] for name, start_value in start.items()}
    page.fact("loss of the threshold neuron", before, 0.5)
    page.fact("w after a step", moved["w"], start["w"])
    page.fact("theta after a step", moved["theta"], start["theta"])
    stuck = run(loss, params, start, data)
    page.fact("loss of the threshold neuron after ten steps", stuck, before)
    smooth, smooth_params = neuron(sd.sigmoid)
    learned = run(smooth, smooth_params, start, data)
    page.fact("the sigmoid neuron's loss is under a tenth of its start after ten steps", bool(learned < run(smooth, smooth_params, start, data, 0) / 10), True)


def run(loss: sd.Expr, params: list[sd.Expr], start: dict, data: dict, steps: int = 10) -> float:
    """The loss after some steps of gradient descent with learning rate 1, written out."""
    gradient = sd.value_and_grad(loss, params)
    now = dict(start)
    for _ in range(steps):
        _, slope = gradient(**now, **data)
        now = {name: value - slope[name] for name, value in now.items()}
    return gradient(**now, **data)[0]


def page() -> sd.Page:
    """The unit step and the threshold neuron."""
    made = sd.Page("The threshold neuron and the unit step", "阈值神经元与单位阶跃函数", "unit_step")
    values(made)
    slopes(made)
    descent(made)
    return made


if __name__ == "__main__":
    sys.exit(sd.run_page(page()))
