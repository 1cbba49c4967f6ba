"""Batch norm and layer norm backwards: from mean and variance to the three-term form.

Derived: for y = gamma xhat + beta with xhat = (x - mu)/sqrt(v + eps), mu and v over the N samples (batch norm) or over the h features (layer norm),
dC/dx = 1/(N sqrt(v + eps)) (N g - sum g - xhat sum(g xhat)), g = gamma dC/dy; the sums of dC/dx and of dC/dx xhat over the samples that it implies.
Source: S. Ioffe and C. Szegedy 2015, Batch Normalization, section 3; J. L. Ba, J. R. Kiros, G. E. Hinton 2016, Layer Normalization.
"""

from __future__ import annotations

import sys

import symdl as sd

N, h = sd.dims("N h")
x, G = sd.tensor("x", N, h), sd.tensor("G", N, h)
gamma, beta = sd.tensor("gamma", h), sd.tensor("beta", h)
eps = sd.tensor("epsilon", facts="positive")


def normalized(axis: int) -> tuple[sd.Expr, sd.Expr, sd.Expr]:
    """mean, variance, normalised x along an axis; mean and variance keep their axis of size 1."""
    mean = sd.let("mu", sd.mean(x, axis=axis))
    wide = mean if axis == 0 else mean[:, None]
    variance = sd.let("v", sd.mean((x - wide) ** 2, axis=axis))
    spread = variance if axis == 0 else variance[:, None]
    return mean, spread, sd.let("xhat", (x - wide) / sd.sqrt(spread + eps))


def norm(page: sd.Page, axis: int) -> None:
    _, variance, xhat = normalized(axis)
    count = x.shape[axis]
    loss = sd.sum(G * (gamma * xhat + beta))
    derived = sd.derive(loss, [x, gamma, beta])
    page.derivation(derived)
    g = gamma * G

    def total(value: sd.Expr) -> sd.Expr:
        return sd.sum(value, axis=axis) if axis == 0 else sd.sum(value, axis=1)[:, None]

    three = (count * g - total(g) - xhat * total(g * xhat)) / (count * sd.sqrt(variance + eps))
    page.text(
        "What comes back through the mean and through the variance collects into two corrections: the mean of the incoming error is taken off, and so is its "
        r"part along $\hat{x}$.",
        r"经均值和方差返回的部分合并为两个修正: 减去传入误差的均值, 以及它沿 $\hat{x}$ 的分量.",
    )
    page.claim("the three-term form", derived[x], three, lhs_latex=r"\frac{\partial C}{\partial x}", zh="三项形式")
    page.claim("gain", derived[gamma], sd.sum(G * xhat, axis=0), lhs_latex=r"\frac{\partial C}{\partial \gamma}", zh="增益")
    page.claim("offset", derived[beta], sd.sum(G, axis=0), lhs_latex=r"\frac{\partial C}{\partial \beta}", zh="偏移")
    page.text(
        "A shift of all inputs changes nothing, so the gradient adds up to zero.",
        "所有输入同时平移不改变结果, 所以梯度之和为零.",
    )
    page.claim(
        "a shift changes nothing", sd.sum(derived[x], axis=axis), 0 * sd.sum(x, axis=axis), lhs_latex=r"\sum \frac{\partial C}{\partial x}", zh="平移不变"
    )


def page() -> sd.Page:
    """Batch norm and layer norm."""
    made = sd.Page("Batch norm and layer norm", "批归一化与层归一化", "normalization")
    made.text(
        r"$G = \partial C/\partial y$ is the error that comes in from above, $C = \sum G \odot y$.",
        r"$G = \partial C/\partial y$ 是从上面传入的误差, $C = \sum G \odot y$.",
    )
    made.heading("Batch norm: over the $N$ samples", "批归一化: 对 $N$ 个样本")
    norm(made, 0)
    made.heading("Layer norm: over the $h$ features", "层归一化: 对 $h$ 个特征")
    norm(made, 1)
    return made


if __name__ == "__main__":
    sys.exit(sd.run_page(page()))
