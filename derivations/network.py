"""The network: pixels -> hidden layer -> output, error terms layer by layer, all sizes symbolic.

Derived: for N images of p pixels, h hidden and m output neurons, sigmoids and least squares, the error terms delta2 = (a2 - T) a2 (1 - a2) and
delta1 = (delta2 W2^T) a1 (1 - a1), and the gradients as sums over the images; the same with one more layer. Index style and array
style give the same graph.
Source: Y. and S. Wakui, The Mathematics of Deep Learning, chapter 4; M. Nielsen, Neural Networks and Deep Learning, chapter 2, (BP1)-(BP4).
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from itertools import pairwise

import symdl as sd

N, p, h, g, m = sd.dims("N p h g m")


@dataclass
class Network:
    """A stack of sigmoid layers on the pixels X, and its squared error against the targets T."""

    weights: list[sd.Expr]
    biases: list[sd.Expr]
    z: list[sd.Expr]
    a: list[sd.Expr]
    T: sd.Expr
    loss: sd.Expr

    @property
    def parameters(self) -> list[sd.Expr]:
        return [one for pair in zip(self.weights, self.biases, strict=True) for one in pair]


def network(*sizes: object) -> Network:
    """Array style: z_l = a_(l-1) W_l + b_l, a_l = sigma(z_l), for layers of the given sizes, the first that of the pixels."""
    a = sd.tensor("X", N, sizes[0])
    made = Network([], [], [], [], sd.tensor("T", N, sizes[-1]), a)
    for layer, (rows, columns) in enumerate(pairwise(sizes), start=1):
        made.weights.append(sd.tensor(f"W{layer}", rows, columns))
        made.biases.append(sd.tensor(f"b{layer}", columns))
        made.z.append(sd.let(f"z{layer}", a @ made.weights[-1] + made.biases[-1]))
        a = sd.let(f"a{layer}", sd.sigmoid(made.z[-1]))
        made.a.append(a)
    made.loss = sd.sum((a - made.T) ** 2) / 2
    return made


def in_indices(sizes: tuple) -> sd.Expr:
    """Index style: the same network written with sums, image k, pixel or neuron i below, neuron j above."""
    k, i, j = sd.indices("k i j")
    a = sd.tensor("X", N, sizes[0])
    for layer, (rows, columns) in enumerate(pairwise(sizes), start=1):
        w, b = sd.tensor(f"W{layer}", rows, columns), sd.tensor(f"b{layer}", columns)
        z = sd.let(f"z{layer}", sd.sum(a[k, i] * w[i, j], i) + b[j], k, j)
        a = sd.let(f"a{layer}", sd.sigmoid(z[k, j]), k, j)
    return sd.sum((a[k, j] - sd.tensor("T", N, sizes[-1])[k, j]) ** 2, k, j) / 2


def claims(page: sd.Page, net: Network, derived: sd.Derived) -> None:
    """The four equations of backpropagation, layer by layer from the output."""
    layers = range(len(net.z), 0, -1)
    errors = sd.derive(net.loss, net.z)
    delta = {layer: sd.let(f"delta{layer}", errors[f"z{layer}"]) for layer in layers}
    a = {0: sd.tensor("X", N, net.weights[0].shape[0])} | dict(enumerate(net.a, start=1))
    for layer in layers:
        rule, zh = f"error term of layer {layer} from that of layer {layer + 1}", f"由第 {layer + 1} 层的误差项求第 {layer} 层的误差项"
        if layer == len(net.z):
            rule, zh, arrives = "error term of the output layer", "输出层的误差项", a[layer] - net.T
        else:
            arrives = delta[layer + 1] @ net.weights[layer].T
        shown = rf"\delta^{{({layer})}} = \frac{{\partial C}}{{\partial z^{{({layer})}}}}"
        page.claim(rule, delta[layer], arrives * a[layer] * (1 - a[layer]), lhs_latex=shown, zh=zh)
    for layer in layers:
        for name, zh, claimed in (
            ("W", "权重", a[layer - 1].T @ delta[layer]),
            ("b", "偏置", sd.sum(delta[layer], axis=0)),
        ):
            rule = f"gradient of the {'weights' if name == 'W' else 'biases'} of layer {layer}"
            shown = rf"\frac{{\partial C}}{{\partial {name}^{{({layer})}}}}"
            page.claim(rule, derived[f"{name}{layer}"], claimed, lhs_latex=shown, zh=f"第 {layer} 层{zh}的梯度")


def two_layers(page: sd.Page) -> None:
    page.heading("Pixels, hidden layer, output", "像素, 隐藏层, 输出层")
    page.text(
        "$N$ images of $p$ pixels are the rows of $X$. The hidden layer has $h$ neurons, the output layer $m$. Row $k$ of $z^{(l)}$ holds the weighted "
        r"sums of layer $l$ for image $k$, $a^{(l)} = \sigma(z^{(l)})$ its outputs. The error is half the sum of squares over all images and output "
        "neurons. No size is fixed.",
        "$N$ 幅有 $p$ 个像素的图像是 $X$ 的各行. 隐藏层有 $h$ 个神经元, 输出层有 $m$ 个. $z^{(l)}$ 的第 $k$ 行是第 $l$ 层对图像 $k$ 的加权输入, "
        r"$a^{(l)} = \sigma(z^{(l)})$ 是它的输出. 误差是对所有图像和输出神经元的平方和的一半. 所有大小都不固定.",
    )
    net = network(p, h, m)
    derived = sd.derive(net.loss, net.parameters)
    page.derivation(derived)
    page.heading("The equations of backpropagation", "误差反向传播法的公式")
    page.text(
        r"The error term $\delta^{(l)} = \partial C/\partial z^{(l)}$ of the output layer is found directly. That of a layer below follows from the one "
        "above, without differentiating again: back through the weights, times the slope of the sigmoid. The gradients are then products with what the "
        "layer received.",
        r"输出层的误差项 $\delta^{(l)} = \partial C/\partial z^{(l)}$ 直接求得. 下面各层的误差项由上一层的误差项得到, 不必再求导: 反向经过权重, 再乘以 "
        "sigmoid 的斜率. 梯度就是它与该层输入的乘积.",
    )
    claims(page, net, derived)


def three_layers(page: sd.Page) -> None:
    page.heading("One more layer", "再加一层")
    page.text(
        r"With two hidden layers, of $h$ and $g$ neurons, the same equations hold: the recursion repeats.",
        r"有两个隐藏层 ($h$ 个和 $g$ 个神经元) 时, 同样的公式成立: 递推关系重复使用.",
    )
    net = network(p, h, g, m)
    claims(page, net, sd.derive(net.loss, net.parameters))


def two_styles(page: sd.Page) -> None:
    page.heading("Sums or matrices", "求和或矩阵")
    page.text(
        r"Written with sums, $z^{(1)}_{kj} = \sum_i X_{ki} W^{(1)}_{ij} + b^{(1)}_j$, or with matrices, $z^{(1)} = X W^{(1)} + \mathbf{1} b^{(1)\top}$, the "
        "network is one and the same graph.",
        r"无论用求和 $z^{(1)}_{kj} = \sum_i X_{ki} W^{(1)}_{ij} + b^{(1)}_j$ 还是用矩阵 $z^{(1)} = X W^{(1)} + \mathbf{1} b^{(1)\top}$ 书写, 网络都是同一个图.",
    )
    for sizes in ((p, h, m), (p, h, g, m)):
        net, indexed = network(*sizes), in_indices(sizes)
        page.fact(f"the same node, {len(sizes) - 1} layers", indexed.node is net.loss.node, True)
        same = all(sd.grad(indexed, one.name) == sd.grad(net.loss, one) for one in net.parameters)
        page.fact(f"the same gradients, {len(sizes) - 1} layers", same, True)


def page() -> sd.Page:
    """The network."""
    made = sd.Page("The network: error terms layer by layer", "神经网络: 逐层的误差项", "network")
    two_layers(made)
    three_layers(made)
    two_styles(made)
    return made


if __name__ == "__main__":
    sys.exit(sd.run_page(page()))
