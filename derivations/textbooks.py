"""Known numbers from the textbooks: Wakui's 12-3-2 network, Mazur's 2-2-2 example, Nielsen's neuron, micrograd's expression.

Sources: Y. and S. Wakui, The Mathematics of Deep Learning, sections 3-5 and 4-4; M. Mazur, "A Step by Step Backpropagation Example"
(2015); M. Nielsen, Neural Networks and Deep Learning, chapter 3, "The cross-entropy cost function"; A. Karpathy, micrograd, README.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np
import sympy as sp

import symdl as sd
from symdl.data import wakui
from symdl.graph.count import operations


def page() -> sd.Page:
    """The whole page."""
    made = sd.Page("Known numbers from the textbooks", "教科书中的已知数值", name="textbooks")
    wakui_network(made)
    operation_counts(made)
    mazur(made)
    nielsen(made)
    micrograd(made)
    return made


# --- Wakui: 12-3-2 ------------------------------------------------------------------------------------------


def wakui_model() -> tuple[sd.Expr, sd.Expr]:
    """The outputs, one row an image, and C = 1/2 Sum (a3 - t)^2 over all images; the sizes are symbolic."""
    n, p, h, m = sd.dims("n p h m")
    x, t = sd.tensor("x", n, p), sd.tensor("t", n, m)
    W2, b2 = sd.tensor("W2", h, p), sd.tensor("b2", h)
    W3, b3 = sd.tensor("W3", m, h), sd.tensor("b3", m)
    a2 = sd.let("a2", sd.sigmoid(sd.let("z2", x @ W2.T + b2)))
    a3 = sd.let("a3", sd.sigmoid(sd.let("z3", a2 @ W3.T + b3)))
    return a3, sd.sum((a3 - t) ** 2) / 2


def wakui_network(page: sd.Page) -> None:
    """Zeros and ones of 4 x 3 pixels: the gradient, the first cost, and 50 epochs of descent."""
    book = wakui()
    output, cost = wakui_model()
    page.heading("Wakui: 12-3-2, zero or one", "涌井：12-3-2，识别 0 与 1")
    page.text(
        "64 binary images of $4 \\times 3$ pixels, three hidden units, two outputs, $C = \\frac12 \\sum (t - a)^2$ over all images. Every weight "
        "and threshold has its partial derivative; the sizes stay symbolic.",
        "64 幅 $4 \\times 3$ 像素的二值图像，三个隐藏单元，两个输出，$C = \\frac12 \\sum (t - a)^2$ 对所有图像求和。每个权重与阈值都有偏导数；尺寸为符号。",
    )
    page.derivation(sd.derive(cost, list(book.params)))
    function = sd.value_and_grad(cost, list(book.params))
    value, gradient = function(x=book.x, t=book.t, **book.params)
    page.fact("Wakui: parameters", sum(g.size for g in gradient.values()), 47)
    page.fact("Wakui: cost at the book's initial weights", value, book.cost_initial)
    history, params = descend(function, book.params, book.eta, book.epochs, x=book.x, t=book.t)
    final, _ = function(x=book.x, t=book.t, **params)
    answers = np.asarray(sd.evaluate(output, x=book.x, **params)).argmax(axis=1)
    page.fact("Wakui: the cost falls in each of the 50 epochs", bool(np.all(np.diff([*history, final]) < 0)), True)
    page.fact("Wakui: cost after 50 epochs, by hand-written backpropagation", final, wakui_by_hand())
    page.fact("Wakui: images told right after 50 epochs", int(np.sum(answers == book.t.argmax(axis=1))), 64)


def descend(
    function: Callable[..., tuple[float, dict[str, Any]]], start: dict[str, Any], rate: float, steps: int, **data: Any
) -> tuple[list[float], dict[str, Any]]:
    """Plain gradient descent: the cost before every step, and the parameters after the last."""
    params = {name: np.array(value, dtype=float) for name, value in start.items()}
    history = []
    for _ in range(steps):
        cost, gradient = function(**data, **params)
        history.append(float(cost))
        params = {name: value - rate * gradient[name] for name, value in params.items()}
    return history, params


def wakui_by_hand() -> float:
    """The cost after the book's 50 epochs, with backpropagation written out by hand in NumPy (the book's spreadsheet)."""
    book = wakui()
    w2, b2, w3, b3 = (book.params[k] for k in ("W2", "b2", "W3", "b3"))

    def forward() -> tuple[np.ndarray, np.ndarray]:
        a2 = 1 / (1 + np.exp(-(book.x @ w2.T + b2)))
        return a2, 1 / (1 + np.exp(-(a2 @ w3.T + b3)))

    for _ in range(book.epochs):
        a2, a3 = forward()
        delta3 = (a3 - book.t) * a3 * (1 - a3)
        delta2 = (delta3 @ w3) * a2 * (1 - a2)
        w2, b2 = w2 - book.eta * delta2.T @ book.x, b2 - book.eta * delta2.sum(0)
        w3, b3 = w3 - book.eta * delta3.T @ a2, b3 - book.eta * delta3.sum(0)
    return float(((forward()[1] - book.t) ** 2).sum() / 2)


# --- how much arithmetic ------------------------------------------------------------------------------------


class Counts(NamedTuple):
    """Operations for the cost of one image and its 47 partial derivatives."""

    diff: int
    cse: int
    graph: int
    indexed: int


def scalar_cost(sigmoid: Callable[[sp.Expr], sp.Expr]) -> tuple[sp.Expr, list[sp.Symbol]]:
    """The cost of one image in plain SymPy scalars, and its 47 parameters."""
    x, t = sp.symbols("x1:13"), sp.symbols("t1:3")
    w2, w3 = sp.symbols("v1:4_1:13"), sp.symbols("w1:3_1:4")
    b2, b3 = sp.symbols("b1:4"), sp.symbols("c1:3")
    a2 = [sigmoid(sp.Add(*[w2[12 * j + i] * x[i] for i in range(12)]) + b2[j]) for j in range(3)]
    a3 = [sigmoid(sp.Add(*[w3[3 * j + i] * a2[i] for i in range(3)]) + b3[j]) for j in range(2)]
    cost = sp.Add(*[(a3[j] - t[j]) ** 2 for j in range(2)]) / 2
    return cost, [*w2, *b2, *w3, *b3]


def count_operations() -> Counts:
    """SymPy's own diff, counted by sympy.count_ops; what sympy.cse leaves of cost and partials; and symdl's shared graphs."""
    cost, params = scalar_cost(lambda z: 1 / (1 + sp.exp(-z)))
    partials = [cost.diff(p) for p in params]
    definitions, rest = sp.cse([cost, *partials])
    folded = sum(int(sp.count_ops(e)) for e in [*(e for _, e in definitions), *rest])
    swollen = sum(int(sp.count_ops(e)) for e in partials)
    scalar = sd.derive(*scalar_cost(sd.sigmoid))
    indexed = sd.derive(wakui_model()[1], ["W2", "b2", "W3", "b3"])
    sizes = {"n": 1, "p": 12, "h": 3, "m": 2}
    return Counts(swollen, folded, count(scalar), count(indexed, sizes))


def count(derived: Any, sizes: dict[str, int] | None = None) -> int:
    """Scalar operations of a cost and all its gradients, what they share counted once."""
    return operations([derived.loss.node, *[g.node for g in derived.gradients.values()]], sizes)


def operation_counts(page: sd.Page) -> None:
    """What sharing saves."""
    counts = count_operations()
    page.heading("How much arithmetic a gradient is", "梯度需要多少运算")
    page.text(
        f"For one image, SymPy's own diff writes each of the 47 partial derivatives out in full: {counts.diff:,} operations together. Its cse folds "
        f"cost and partials back to {counts.cse}. In symdl every error term is named once and nothing is ever unfolded: {counts.indexed} operations "
        f"(each sigmoid counted as its four), and {counts.graph} when the network is typed as 47 separate symbols.",
        f"对一幅图像，SymPy 自己的 diff 把 47 个偏导数逐一完整写出，共 {counts.diff:,} 次运算；用 cse 可折叠回 {counts.cse} 次（含代价）。"
        f"在 symdl 中每个误差项只命名一次，从不展开：{counts.indexed} 次运算（每个 sigmoid 计 4 次）；把网络写成 47 个单独符号时为 {counts.graph} 次。",
    )
    # SymPy 1.14's own numbers; other versions of SymPy may order terms differently.
    page.fact("operations by SymPy's diff", counts.diff, 28_289, tol=0.05)
    page.fact("operations after SymPy's cse", counts.cse, 252, tol=0.25)
    page.fact("symdl's shared graph needs no more than that", counts.indexed <= counts.cse and counts.graph <= counts.cse, True)


# --- Mazur: 2-2-2 --------------------------------------------------------------------------------------------

MAZUR = {
    "x": np.array([0.05, 0.10]),
    "t": np.array([0.01, 0.99]),
    "W1": np.array([[0.15, 0.20], [0.25, 0.30]]),
    "W2": np.array([[0.40, 0.45], [0.50, 0.55]]),
    "b1": 0.35,
    "b2": 0.60,
}


def mazur_error() -> sd.Expr:
    """E = Sum (target - out)^2/2; one bias a layer, as in the article."""
    p, h, m = sd.dims("p h m")
    x, t = sd.tensor("x", p), sd.tensor("t", m)
    W1, W2 = sd.tensor("W1", h, p), sd.tensor("W2", m, h)
    hidden = sd.sigmoid(W1 @ x + sd.tensor("b1"))
    out = sd.sigmoid(W2 @ hidden + sd.tensor("b2"))
    return sd.let("E", sd.sum((t - out) ** 2) / 2)


def mazur(page: sd.Page) -> None:
    """One forward pass, one backward pass, one step."""
    error = mazur_error()
    function = sd.value_and_grad(error, ["W1", "W2"])
    value, gradient = function(**MAZUR)
    stepped = {name: MAZUR[name] - 0.5 * gradient[name] for name in gradient}
    after, _ = function(**{**MAZUR, **stepped})
    page.heading("Mazur: 2-2-2, one step by hand", "Mazur：2-2-2，手算一步")
    page.text(
        "Two inputs, two hidden units, two outputs, one bias a layer; the article updates the eight weights and leaves the biases.",
        "两个输入、两个隐藏单元、两个输出，每层一个偏置；文中只更新八个权重，偏置不变。",
    )
    page.derivation(sd.derive(error, ["W1", "b1", "W2", "b2"]))
    page.fact("Mazur: E", value, 0.298371109, tol=3e-9)
    page.fact("Mazur: dE/dw5", gradient["W2"][0, 0], 0.082167041, tol=7e-9)
    page.fact("Mazur: dE/dw1", gradient["W1"][0, 0], 0.000438568, tol=2e-6)
    page.fact("Mazur: w5 to w8 after one step", stepped["W2"].ravel(), [0.35891648, 0.408666186, 0.511301270, 0.561370121], tol=2e-9)
    page.fact("Mazur: w1 to w4 after one step", stepped["W1"].ravel(), [0.149780716, 0.19956143, 0.24975114, 0.29950229], tol=2e-8)
    page.fact("Mazur: E after one step", after, 0.291027774, tol=3e-9)


# --- Nielsen: one neuron -------------------------------------------------------------------------------------


def nielsen(page: sd.Page) -> None:
    """A neuron that is to turn 1 into 0, from a good and from a bad start: the sigmoid's flat end slows it down."""
    w, b, x, t = (sd.tensor(name) for name in "wbxt")
    output = sd.sigmoid(w * x + b)
    cost = (t - output) ** 2 / 2
    derived = sd.derive(cost, [w, b])
    function = sd.value_and_grad(cost, [w, b])
    page.heading("Nielsen: one neuron, saturated", "Nielsen：饱和的单个神经元")
    page.text(
        "A neuron with input 1 is to learn the output 0, with learning rate 0.15 and 300 epochs. Both derivatives carry $a(1 - a)$: from $w = b = 2$ "
        "the output begins at 0.98, where that factor is small, and the descent takes long to start.",
        "输入为 1 的神经元要学会输出 0，学习率 0.15，300 轮。两个导数都含 $a(1 - a)$：从 $w = b = 2$ 出发时输出为 0.98，该因子很小，下降迟迟不能开始。",
    )
    page.derivation(derived)
    for start, first, last, printed in (((0.6, 0.9), 0.817, 0.094, [0.82, 0.09]), ((2.0, 2.0), 0.982, 0.203, [0.98, 0.20])):
        initial = dict(zip("wb", start, strict=True))
        _, params = descend(function, initial, 0.15, 300, x=1.0, t=0.0)
        begin, end = (float(sd.evaluate(output, x=1.0, **p)) for p in (initial, params))
        where = f"Nielsen, from w = {start[0]}, b = {start[1]}"
        page.fact(f"{where}: output at the start", begin, first, tol=1e-3)
        page.fact(f"{where}: output after 300 epochs", end, last, tol=1e-3)
        page.fact(f"{where}: both as the book prints them", [round(begin, 2), round(end, 2)], printed)


# --- micrograd -----------------------------------------------------------------------------------------------


def micrograd_expression(a: Any, b: Any, name: Callable[[str, Any], Any] = lambda name, value: value) -> Any:
    """The README's expression, line by line; ``name`` may give its last values their names."""
    c = a + b
    d = a * b + b**3
    c = c + (c + 1)
    c = name("c", c + (1 + c + (-a)))
    d = d + (d * 2 + sd.relu(b + a))
    d = name("d", d + (3 * d + sd.relu(b - a)))
    e = name("e", c - d)
    f = name("f", e**2)
    return name("g", f / 2 + 10 / f)


def micrograd(page: sd.Page) -> None:
    """Exactly: rational numbers in, rational numbers out."""
    a, b = sd.tensor("a"), sd.tensor("b")
    g = micrograd_expression(a, b, sd.let)
    derived = sd.derive(g, [a, b])
    at = {a.sympy: -4, b.sympy: 2}
    page.heading("micrograd: the README's expression", "micrograd：README 中的表达式")
    page.text(
        "At $a = -4, b = 2$, in exact fractions. The README prints 24.7041, 138.8338 and 645.5773.",
        "在 $a = -4, b = 2$ 处，用精确分数计算。README 打印 24.7041、138.8338 与 645.5773。",
    )
    page.derivation(derived)
    for what, value, exact, printed in (
        ("g", g, "2421/98", "24.7041"),
        ("dg/da", derived[a], "47620/343", "138.8338"),
        ("dg/db", derived[b], "221433/343", "645.5773"),
    ):
        number = value.sympy.subs(at)
        page.fact(f"micrograd: {what}, exactly", str(number), exact)
        page.fact(f"micrograd: {what}, as printed", f"{float(number):.4f}", printed)


if __name__ == "__main__":
    sys.exit(sd.run_page(page()))
