"""Backpropagation for a network of any depth: Nielsen's four equations BP1-BP4, stated once for L layers and proved by induction.

Source: M. Nielsen, Neural Networks and Deep Learning (2015), chapter 2; Rumelhart, Hinton and Williams 1986. Layers are counted
from 0: a[0] is the input, and layer l takes a[l] to a[l+1].
"""

from __future__ import annotations

import sys

import numpy as np

import symdl as sd

L, h = sd.dims("L h")
W, b = sd.tensor("W", L, h, h), sd.tensor("b", L, h)
x, y = sd.tensor("x", h), sd.tensor("y", h)


def layers(name: str = "a") -> sd.Expr:
    """The activations of all layers."""
    return sd.recur(name, x, lambda prev, l: sd.sigmoid(sd.let("z", W[l] @ prev + b[l])), L)


def slope(a: sd.Expr) -> sd.Expr:
    """sigma'(z) of every layer, from its activation."""
    return a[1:] * (1 - a[1:])


def by_activations(a: sd.Expr) -> sd.Expr:
    """dC/da of every layer, written down by hand: the error of the output, carried back layer by layer."""
    return sd.recur("e", a[-1] - y, lambda after, l: W[l].T @ (after * slope(a)[l]), L, reverse=True)


def page() -> sd.Page:
    """The whole page."""
    made = sd.Page("Backpropagation for any depth: BP1 to BP4", "任意深度的反向传播：BP1 到 BP4", name="backprop_any_depth")
    derived = network(made)
    four_equations(made, derived)
    other_words(made)
    numbers(made, derived)
    return made


def network(page: sd.Page) -> sd.steps.step.Derivation:
    """The loss of L layers and its gradients."""
    a = layers()
    cost = sd.sum((a[-1] - y) ** 2) / 2
    page.heading("A network of $L$ layers", "$L$ 层的网络")
    page.text(
        "Layer $l$ has the weights $W_l$ and the biases $b_l$. One line defines all layers; the number of layers stays a letter. "
        "Backpropagation is then a recurrence too, and it runs from the last layer to the first.",
        "第 $l$ 层的权重为 $W_l$，偏置为 $b_l$。一行定义所有层，层数保持为字母。于是反向传播也是一个递推，从最后一层走到第一层。",
    )
    derived = sd.derive(cost, [W, b, x])
    page.derivation(derived)
    page.text(
        "The steps through the recurrence are proved by induction over the layers. Base: at the output the recurrence starts as the derivative of the loss. "
        "Step: if $D_{l+1}$ is the derivative by the activation $a_{l+1}$, then $D_l = (\\partial a_{l+1}/\\partial a_l)^T D_{l+1}$ is the one by $a_l$.",
        "穿过递推的步骤对层数用归纳法证明。起点：在输出处，递推从损失的导数开始。归纳步：若 $D_{l+1}$ 是对激活 $a_{l+1}$ 的导数，"
        "则 $D_l = (\\partial a_{l+1}/\\partial a_l)^T D_{l+1}$ 是对 $a_l$ 的导数。",
    )
    return derived


def four_equations(page: sd.Page, derived: sd.steps.step.Derivation) -> None:
    """BP1-BP4 with delta, the derivative by the pre-activations."""
    a = layers()
    e = by_activations(a)
    delta = e[1:] * slope(a)
    l, i, j = sd.indices("l i j")
    page.heading("The four equations", "四个方程")
    page.text(
        "The error term of a layer is the derivative by its pre-activation, $\\delta_l = D_{l+1} \\odot \\sigma'(z_l)$. With it the gradients are "
        "Nielsen's four equations. Here $D$ is written down by hand, and each equation is claimed for every layer at once.",
        "一层的误差项是对其预激活的导数：$\\delta_l = D_{l+1} \\odot \\sigma'(z_l)$。用它写出的梯度就是 Nielsen 的四个方程。"
        "这里 $D$ 由手工写出，每个方程同时对所有层成立。",
    )
    output = (a[-1] - y) * slope(a)[-1:][0]
    page.claim("BP1: the error term of the output", delta[-1:][0], output, lhs_latex=r"\delta_{L}", zh="BP1：输出层的误差项")
    first, later = delta[:-1], delta[1:]
    carried = sd.sum(W[1:][l, j, i] * later[l, j], j) * slope(a)[:-1][l, i]
    page.claim("BP2: the error term goes back one layer", first[l, i], carried, lhs_latex=r"\delta_{l i}", zh="BP2：误差项后退一层")
    page.claim("BP3: the gradient by the biases", derived[b], delta, lhs_latex=r"\frac{\partial C}{\partial b}", zh="BP3：对偏置的梯度")
    outer = delta[l, i] * a[:-1][l, j]
    page.claim("BP4: the gradient by the weights", derived[W][l, i, j], outer, lhs_latex=r"\frac{\partial C}{\partial W_{l i j}}", zh="BP4：对权重的梯度")
    page.claim("the gradient by the input", derived[x], e[0], lhs_latex=r"\frac{\partial C}{\partial x}", zh="对输入的梯度")


def other_words(page: sd.Page) -> None:
    """The same network written differently has the same activations: induction for the forward pass."""
    page.heading("The same network in other words", "同一网络的另一种写法")
    page.text(
        "Since $\\sigma(-z) = 1 - \\sigma(z)$, a network of the mirrored neurons $1 - \\sigma(-z)$ computes the same. For every depth: "
        "they start equal, and one layer takes equal activations to equal activations.",
        "由于 $\\sigma(-z) = 1 - \\sigma(z)$，由镜像神经元 $1 - \\sigma(-z)$ 组成的网络计算相同的结果。"
        "对任何深度：起点相等，且每一层把相等的激活变为相等的激活。",
    )
    mirrored = sd.recur("m", x, lambda prev, l: 1 - sd.sigmoid(-(W[l] @ prev) - b[l]), L)
    page.claim("induction over the layers", mirrored[-1], layers()[-1], lhs_latex="m_L", zh="对层数归纳")


def numbers(page: sd.Page, derived: sd.steps.step.Derivation) -> None:
    """Five layers of three neurons: the gradient against central differences."""
    rng = np.random.default_rng(5)
    values = {"W": rng.normal(size=(5, 3, 3)), "b": rng.normal(size=(5, 3)), "x": rng.normal(size=3), "y": rng.normal(size=3)}
    run = sd.value_and_grad(derived.loss, list(derived))
    _, found = run(**values)
    page.heading("With numbers", "用数字检验")
    page.text("Five layers of three neurons, against central differences.", "五层，每层三个神经元，与中心差分比较。")
    step = 1e-6
    for name in ("W", "b"):
        shifted = []
        for at in np.ndindex(*values[name].shape):
            ends = []
            for sign in (step, -step):
                moved = values[name].copy()
                moved[at] += sign
                ends.append(run(**{**values, name: moved})[0])
            shifted.append((ends[0] - ends[1]) / (2 * step))
        expected = np.array(shifted).reshape(values[name].shape)
        error = float(np.max(np.abs(found[name] - expected)) / np.max(np.abs(expected)))
        page.fact(f"gradient by {name}: largest difference, relative to the largest entry, is below 1e-7", error < 1e-7, True)


if __name__ == "__main__":
    sys.exit(sd.run_page(page()))
